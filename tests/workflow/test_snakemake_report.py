"""What `snakemake --report` gathers."""

import json
import re
import zipfile
from pathlib import Path


def test_snakemakes_own_report_has_a_category_labels_and_a_caption_for_all_that_people_read(road, tmp_path):
    project = road.copy(tmp_path / "copy")
    project.run("--report", "report.zip")
    with zipfile.ZipFile(project.folder / "report.zip") as archive:
        names = archive.namelist()
        page = archive.read("report/report.html").decode()
    held = {Path(name).name for name in names}
    assert {"summary.tsv", "plan.tsv", "leakage.json", "ref_mismatches.tsv", "README.md", "index.html"} <= held
    assert "perplexity_by_region.svg" in held and not any(name.endswith((".bw", ".vcf.gz")) for name in held)
    results, categories = (_of_script(page, name) for name in ("results", "categories"))
    assert all(about["labels"] and about["caption"] for about in results.values())
    assert set(categories) == {"Overview", "Models", "Leakage", "Call sets", "toy"}


def _of_script(page: str, name: str) -> dict:
    """A variable of the scripts of a page."""
    return json.JSONDecoder().raw_decode(page, re.search(rf'\bvar {name} = (?=\{{")', page).end())[0]
