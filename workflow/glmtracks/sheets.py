"""Sheets of the configuration: tab-separated tables, whose cells become what the schemas ask for.

Imported while the Snakefile is parsed, so kept light.
"""

import csv
import os
from collections import Counter
from contextlib import suppress
from math import isfinite

from glmtracks.schemas import WORKFLOW, did_you_mean, fill_defaults, schema, violations

csv.field_size_limit((1 << 31) - 1)  # characters of a cell; the default of 131,072 is few for aliases of a draft genome

SEPARATORS = {"array": ",", "object": ";"}  # of what a cell lists
WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}  # as YAML has them
WORDS |= dict.fromkeys(("null", "~", ""))


def locate(path: str) -> str:
    """A path of the configuration: looked for in the working directory, then in the checkout."""
    if not os.path.exists(path) and os.path.exists(WORKFLOW.parent / path):  # which, unlike Path, takes any text
        return str(WORKFLOW.parent / path)
    return path


def read_sheet(path: str, name: str, problems: list[str]) -> list[dict]:
    """Rows of a tab-separated sheet, converted, checked against its schema and completed with defaults.

    Lines that are empty or begin with # are skipped. What is wrong is appended to `problems`.
    """
    rules, lines = schema(name), _read_lines(path, name, problems)
    if not lines:
        return []
    (_, header), *body = lines
    if len(header) == 1 and header[0] not in rules["properties"]:
        problems.append(f"{path}: its first line {header[0]!r} is a single cell; cells are parted by tabs")
        return []
    unknown = [column for column in header if column not in rules["properties"]]
    for column in unknown:
        hint = did_you_mean(column, rules["properties"])
        problems.append(f"{path}: unknown column {column!r}{hint}; known are {', '.join(rules['properties'])}")
    problems += [f"{path}: more than one column is called {c!r}; keep one" for c, n in Counter(header).items() if n > 1]
    rows = []
    for number, cells in body:
        where = f"{path}, line {number}" + (f" ({cells[0]})" if any(cells[:1]) else "")
        if len(cells) > len(header):
            problems.append(
                f"{where}: has {len(cells)} cells where the header has {len(header)}; cells are parted by tabs"
            )
        pairs = {k: v for k, v in zip(header, cells, strict=False) if k not in unknown and v}
        row = {key: _convert(cell, rules["properties"][key]) for key, cell in pairs.items()}
        for key, cell in pairs.items():
            twice = _twice(cell, rules["properties"][key])
            problems += [f"{where}, {key}: {name!r} stands there more than once; keep one" for name in twice]
        problems += violations(row, rules, where)
        rows.append({**fill_defaults(row, rules), "_where": where})
    return rows


def _read_lines(path: str, name: str, problems: list[str]) -> list[tuple[int, list[str]]]:
    """Number and cells of the lines of a sheet that are neither empty nor comments; where there are none, a problem."""
    try:
        with open(locate(path), newline="", encoding="utf-8-sig") as handle:
            lines = [(n, _cells(line)) for n, line in enumerate(handle, 1) if line.strip() and not line.startswith("#")]
    except UnicodeDecodeError:
        problems.append(f"{path}: is not text in UTF-8; save it as tab-separated text in UTF-8")
        return []
    except (OSError, ValueError) as error:  # ValueError: a path with a character of code 0
        reason = getattr(error, "strerror", None) or error
        problems.append(f"{path}: cannot be read ({reason}); the configuration's key {name} names it")
        return []
    if not lines:
        columns = ", ".join(schema(name)["properties"])
        problems.append(f"{path}: is empty; its first line must name the columns {columns}")
    return lines


def _cells(line: str) -> list[str]:
    """The cells of a line, without blanks around them and without the empty ones that spreadsheets leave at the end."""
    cells = [cell.strip() for cell in next(csv.reader([line], delimiter="\t"))]
    while cells and not cells[-1]:
        cells.pop()
    return cells


def _convert(cell: str, rule: dict):
    """A sheet's cell as the type its schema asks for; one that does not fit stays text, for the schema to refuse."""
    kind = rule.get("type")
    if kind == "boolean":
        return {"yes": True, "no": False, "true": True, "false": False}.get(cell.lower(), cell)
    if kind == "array":
        return _parts(cell, rule)
    if kind == "object":
        pairs = [pair.partition("=") for pair in _parts(cell, rule)]
        return {key.strip(): _value(value) if equals else None for key, equals, value in pairs}
    try:
        return {"integer": int, "number": float}.get(kind, str)(cell)
    except ValueError:
        return cell


def _parts(cell: str, rule: dict) -> list[str]:
    """The names of a cell that holds a list, the pairs of one that holds pairs; of any other nothing."""
    separator = SEPARATORS.get(rule.get("type"))
    return [part.strip() for part in cell.split(separator) if part.strip()] if separator else []


def _twice(cell: str, rule: dict) -> list[str]:
    """The names of a list, and the keys of pairs, that stand in a cell more than once."""
    pairs = rule.get("type") == "object"
    names = Counter(part.partition("=")[0].strip() if pairs else part for part in _parts(cell, rule))
    return [name for name, count in names.items() if count > 1]


def _value(text: str) -> bool | float | int | str | None:
    """A truth value, nothing, or a number where the text is one; else the text, without quotes around it."""
    text = text.strip()
    if text.lower() in WORDS:
        return WORDS[text.lower()]
    number = _number(text)
    if number is None:
        return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text
    return number


def _number(text: str) -> float | int | None:
    """The finite number that a text is, an integer where it is whole; None where it is none."""
    with suppress(ValueError):  # also of a text with more digits than Python converts
        return int(text)
    with suppress(ValueError):
        number = float(text)
        if isfinite(number):
            return int(number) if number.is_integer() else number
    return None
