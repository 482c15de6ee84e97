"""The conda environments pin what pyproject.toml pins."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

CHECKOUT = Path(__file__).parents[2]
ENVIRONMENTS = sorted((CHECKOUT / "envs").glob("*.yaml"))
OTHER_NAMES = {"pytorch": "torch"}  # conda-forge -> PyPI
WITHOUT_PYPI = {"python", "blast"}


def pinned() -> dict[str, str]:
    requirements = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["dependencies"]
    return dict(requirement.lower().split("==") for requirement in requirements)


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda path: path.stem)
def test_versions_are_those_of_pyproject(path):
    environment = yaml.safe_load(path.read_text())
    assert environment["channels"] == ["conda-forge", "bioconda"]
    for spec in environment["dependencies"]:
        name, version = spec.split("=")
        if name not in WITHOUT_PYPI:
            assert pinned()[OTHER_NAMES.get(name, name)] == version, spec


def test_every_rule_names_an_environment_that_exists():
    named = {
        name
        for path in (CHECKOUT / "workflow" / "rules").glob("*.smk")
        for name in re.findall(r"envs/(\w+)\.yaml", path.read_text())
    }
    assert named == {path.stem for path in ENVIRONMENTS}
