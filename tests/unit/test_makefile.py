"""What `make` does where a machine lacks what Linux, or a machine for development, has."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]


def make(folder: Path, *arguments: str, programs: Path) -> subprocess.CompletedProcess:
    """Run make in a folder with the Makefile of the checkout, and `programs` alone to find commands in."""
    for file in ("Makefile", "pyproject.toml"):
        shutil.copy(CHECKOUT / file, folder)
    command = [shutil.which("make"), *arguments]
    return subprocess.run(command, cwd=folder, env={"PATH": str(programs)}, capture_output=True, text=True)


def programs(folder: Path, *names: str) -> Path:
    """A folder with these commands and no other."""
    folder.mkdir()
    for name in names:
        (folder / name).symlink_to(shutil.which(name))
    return folder


def test_cores_are_counted_where_there_is_no_nproc(tmp_path):
    done = make(tmp_path, "-n", "demo", programs=programs(tmp_path / "bin", "sh", "getconf"))
    assert re.search(r"snakemake --cores [1-9]", done.stdout), done.stdout
    assert not done.stderr


def test_without_a_compiler_the_first_that_is_installed_says_what_is_needed(tmp_path):
    commands = programs(tmp_path / "bin", "sh", "getconf", "grep", "mkdir", "ln", "false")
    (commands / "python3").write_text(
        '#!/bin/sh\n[ "$1" = -c ] || { mkdir -p .venv/bin; ln -s ../../bin/false .venv/bin/pip; }\n'
    )
    (commands / "python3").chmod(0o755)
    done = make(tmp_path, "demo", programs=commands)
    assert done.returncode and "apt install gcc python3-dev" in done.stdout
    assert "torch" not in done.stdout  # gigabytes, which would be fetched in vain


@pytest.mark.parametrize("version", [(3, 10, 9), (3, 14, 0)])
def test_a_python_without_wheels_is_refused_before_anything_is_made(tmp_path, version):
    commands = programs(tmp_path / "bin", "sh", "getconf")
    (commands / "python3").write_text(
        f'#!/bin/sh\nexec {sys.executable} -c "import sys; sys.version_info = {version}; $2"\n'
    )
    (commands / "python3").chmod(0o755)
    done = make(tmp_path, "demo", programs=commands)
    assert done.returncode and "Python 3.11, 3.12 or 3.13" in done.stdout
    assert not (tmp_path / ".venv").exists()
