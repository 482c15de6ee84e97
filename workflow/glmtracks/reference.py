"""The tables of config/README.md, made from the schemas: python -m glmtracks.reference"""

from collections.abc import Iterator
from pathlib import Path

from glmtracks.config import SHEETS
from glmtracks.models.registry import KINDS, parameters_of
from glmtracks.schemas import WORKFLOW, schema

PAGE = WORKFLOW.parent / "config" / "README.md"
MARK = "<!-- From here on written by: python -m glmtracks.reference -->\n"


def reference() -> str:
    """Markdown tables of every key of config.yaml, every column of the sheets and every parameter of the models."""
    parts = [_section("config.yaml", schema("config"), "key")]
    parts += [_section(f"{name}.tsv", schema(name), "column") for name in SHEETS]
    for name in dict.fromkeys(map(parameters_of, KINDS)):
        kinds = [f"`{kind}`" for kind in KINDS if parameters_of(kind) == name]
        title = f"Parameters of kind{'s' if len(kinds) > 1 else ''} {', '.join(kinds)}"
        parts.append(_section(title, schema(name), "parameter"))
    return "\n".join(parts)


def _section(title: str, rules: dict, word: str) -> str:
    lines = [f"## {title}", "", rules["description"], "", f"| {word} | type | default | meaning |", "|---|---|---|---|"]
    lines += [f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |" for row in _rows(rules)]
    return "\n".join(lines) + "\n"


def _rows(rules: dict, prefix: str = "") -> Iterator[tuple[str, str, str, str]]:
    for key, rule in rules["properties"].items():
        if "properties" in rule:
            yield from _rows(rule, f"{prefix}{key}.")
        else:
            default = "required" if key in rules.get("required", []) else _default(rule)
            yield f"`{prefix}{key}`", rule.get("type", ""), default, _meaning(rule)


def _default(rule: dict) -> str:
    value = rule.get("default", "")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        value = ", ".join(value)
    return f"`{value}`" if value not in ("", {}) else ""


def _meaning(rule: dict) -> str:
    choices = rule.get("enum") if rule.get("type") == "string" else None
    explained = not choices or choices[0] in rule["description"]
    return rule["description"] + ("" if explained else f" ({', '.join(choices)})")


def write(page: Path = PAGE) -> None:
    """Replace what follows the mark in the page by the tables."""
    page.write_text(page.read_text(encoding="utf-8").split(MARK)[0] + MARK + "\n" + reference(), encoding="utf-8")


if __name__ == "__main__":
    write()
