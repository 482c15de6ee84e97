"""The conda environments of the rules, made by a stand-in for conda from what is installed here.

It shows that each environment names what its scripts import, in the versions of pyproject.toml; not that conda's
channels hold these packages. tests/cluster/test_demo.py runs the demo in them.
"""

import ast
import os
import re
import subprocess
from pathlib import Path

import pytest
from conftest import CHECKOUT, CONDA, STANDIN, snakemake

RULES = "".join(path.read_text() for path in sorted((CHECKOUT / "workflow" / "rules").glob("*.smk")))
USES = re.findall(
    r'conda:\n +"\.\./\.\./(envs/\w+\.yaml)"\n(?:(?!\n\n).)*?script:\n +"\.\./scripts/(\w+\.py)"', RULES, re.S
)


def conda(*words: str) -> subprocess.CompletedProcess:
    return subprocess.run([STANDIN / "conda", *words], env={**os.environ, **CONDA}, capture_output=True, text=True)


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """A function: the Python of an environment, which is made where it is not there yet."""
    folder = tmp_path_factory.mktemp("environments")

    def of(environment: str) -> Path:
        prefix = folder / Path(environment).stem
        if not prefix.exists():
            done = conda("env", "create", "--quiet", "--file", str(CHECKOUT / environment), "--prefix", str(prefix))
            assert done.returncode == 0, done.stderr
        return prefix / "bin" / "python"

    return of


def test_every_rule_with_a_script_has_an_environment():
    assert len(USES) == RULES.count("    script:\n") == RULES.count("    conda:\n") > 20


@pytest.mark.parametrize("environment", sorted({environment for environment, _ in USES}))
def test_an_environment_alone_has_what_its_scripts_import(python, environment):
    trees = [
        ast.parse((CHECKOUT / "workflow/scripts" / script).read_text()) for of, script in USES if of == environment
    ]
    imports = {
        ast.unparse(node) for tree in trees for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))
    }
    code = "\n".join([f"import sys; sys.path.insert(0, {str(CHECKOUT / 'workflow')!r})", *sorted(imports)])
    done = subprocess.run([python(environment), "-I", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_an_environment_holds_nothing_that_it_does_not_name(python):
    done = subprocess.run([python("envs/genome.yaml"), "-I", "-c", "import snakemake"], capture_output=True, text=True)
    assert "No module named 'snakemake'" in done.stderr


def test_another_version_is_refused(tmp_path):
    (tmp_path / "one.yaml").write_text("dependencies:\n  - numpy=1.0\n")
    done = conda("env", "create", "--file", str(tmp_path / "one.yaml"), "--prefix", str(tmp_path / "one"))
    assert done.returncode != 0 and "numpy=1.0: this machine has" in done.stderr


def test_the_dockerfile_is_that_of_these_environments():
    done = snakemake(CHECKOUT, "--containerize", environment=CONDA)
    written = done.stdout[done.stdout.index("FROM ") :] if "FROM " in done.stdout else done.stdout
    assert written.strip() == (CHECKOUT / "envs" / "Dockerfile").read_text().strip()
