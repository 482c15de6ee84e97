"""The JSON schemas of configuration and sheets: their defaults, and what violates them in sentences."""

import difflib
from functools import cache
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator, FormatChecker

WORKFLOW = Path(__file__).resolve().parents[1]


@cache
def schema(name: str) -> dict:
    """The JSON schema `workflow/schemas/{name}.schema.yaml`, with the properties of the one that it includes.

    It is read once, which every job waits for; nobody may change it.
    """
    path = WORKFLOW / "schemas" / f"{name}.schema.yaml"
    rules = yaml.safe_load(path.read_text(encoding="utf-8"))
    if included := rules.pop("include", None):
        rules["properties"] |= schema(str(Path(name).with_name(included)))["properties"]
    return rules


def fill_defaults(instance: dict, rules: dict) -> dict:
    """`instance` with the defaults of a JSON schema filled in, nested objects included, and its keys in their order.

    So a default that is written down, or an order of one's own, is no other configuration. Where the schema wants an
    integer, 1e3 and 5.0, which are integers in JSON Schema, become such in Python too.
    """
    filled = {}
    for key, rule in rules["properties"].items():
        if key in instance or "default" in rule:
            filled[key] = instance.get(key, rule.get("default"))
        if rule.get("type") == "integer" and isinstance(filled.get(key), float) and filled[key].is_integer():
            filled[key] = int(filled[key])
        if "properties" in rule and isinstance(filled.get(key), dict):
            filled[key] = fill_defaults(filled[key], rule)
    return filled | {key: value for key, value in instance.items() if key not in filled}


def violations(instance: dict, rules: dict, where: str) -> list[str]:
    """What violates a JSON schema, as sentences that begin with `where`; one for each value that is wrong."""
    validator = Draft202012Validator(rules, format_checker=FormatChecker(["regex"]))
    first = {}
    for error in validator.iter_errors(instance):
        place = tuple(error.absolute_path)
        first.setdefault(place if place else (error.validator,), error)
    return [_sentence(error, where) for _, error in sorted(first.items(), key=lambda item: str(item[0]))]


def _sentence(error, where: str) -> str:
    key = ".".join(str(part) for part in error.absolute_path)
    place = f"{where}, {key}" if key else where
    if error.validator == "additionalProperties":
        known = list(error.schema["properties"])
        unknown = [name for name in error.instance if name not in known]
        hinted = ", ".join(f"{name}{did_you_mean(str(name), known)}" for name in unknown)
        return f"{place}: unknown {hinted}; known are {', '.join(known)}"
    if error.validator == "required":
        missing = [name for name in error.validator_value if name not in error.instance]
        return f"{place}: {', '.join(missing)} is missing"
    meaning = error.schema.get("description", "")
    return f"{place}: {error.instance!r} {_problem(error)}" + (f" ({meaning})" if meaning else "")


def _problem(error) -> str:
    rule = error.validator_value
    return {
        "type": f"is not of type {rule}",
        "enum": f"is not one of {', '.join(map(str, rule)) if isinstance(rule, list) else rule}",
        "pattern": "has a form that is not allowed",
        "format": "is not a valid regular expression",
        "minLength": "is empty",
        "minimum": f"is below {rule}",
        "maximum": f"is above {rule}",
        "exclusiveMinimum": f"is not above {rule}",
    }.get(error.validator, f"is not allowed: {error.message}")


def did_you_mean(name: str, known) -> str:
    """A question, in brackets, after a name that is like one of the known; empty where none is."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {close[0]}?)" if close else ""
