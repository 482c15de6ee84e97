"""The pages for people: their links lead somewhere, and the commands and settings that they name exist."""

import re
from pathlib import Path

import pytest

from glmtracks.benchmarks.summary import COLUMNS
from glmtracks.config import load

CHECKOUT = Path(__file__).parents[2]
PAGES = [
    CHECKOUT / "README.md",
    *sorted(path for top in ("config", "resources") for path in CHECKOUT.glob(f"{top}/**/*.md")),
]
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)


def named(path: Path) -> str:
    return str(path.relative_to(CHECKOUT))


def anchors(page: Path) -> set[str]:
    """The fragments of the headings of a page, as they are made where it is shown."""
    plain = [re.sub(r"[^\w\- ]", "", heading.strip().lower()) for heading in HEADING.findall(page.read_text())]
    return {heading.replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_leads_to_a_file_and_a_heading_of_it(page):
    for link in LINK.findall(page.read_text()):
        if "://" not in link:
            file, _, fragment = link.partition("#")
            target = (page.parent / file).resolve() if file else page
            assert target.exists(), link
            assert not fragment or fragment in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_target_of_make_that_a_page_names_exists(page):
    targets = set(re.findall(r"^([\w-]+):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make ([\w-]+)", page.read_text())) <= targets


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_setting_that_a_page_names_exists(page):
    settings = load({}).settings
    for group, name in re.findall(r"`([a-z]+)\.(\w+)(?::[^`]*)?`", page.read_text()):
        known = settings.get(group)
        assert name == "tsv" or not isinstance(known, dict) or name in known, f"{group}.{name}"


def test_the_columns_of_the_table_of_benchmarks_are_described():
    page = (CHECKOUT / "resources/docs/benchmarks.md").read_text()
    rows = [f"| `{name}` | {meaning.replace('|', '&#124;')} |" for name, meaning in COLUMNS.items()]
    assert "\n".join(["|---|---|", *rows, ""]) in page


def test_all_fourteen_questions_are_answered():
    numbers = re.findall(
        r"^\*\*(\d+)\. .+\?|^\*\*(\d+)\. ", (CHECKOUT / "resources/docs/faq.md").read_text(), re.MULTILINE
    )
    assert [int(one or other) for one, other in numbers] == list(range(1, 15))
