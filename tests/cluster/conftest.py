"""A throw-away Slurm, and a small workflow that is run through it and, to compare, on this machine."""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import slurm

CHECKOUT = Path(__file__).resolve().parents[2]
WORKFLOW_TESTS = CHECKOUT / "tests" / "workflow"
SHARDS = 3
SCORES = "results/tracks/toy/tiny/scores"
MODEL = {
    "name": "tiny",
    "kind": "one_pass",
    "source": "train",
    "genomes": "toy",
    "parameters": "width=16; layers=3; steps=40; batch=4; checkpoint_every=5",
}
TARGETS = [SCORES, "results/tracks/toy/tiny/entropy.bw"]


def _workflow_tests():
    """The module of the workflow tests that knows how to write a configuration and to call snakemake."""
    sys.path.append(str(WORKFLOW_TESTS))
    spec = importlib.util.spec_from_file_location("workflow_projects", WORKFLOW_TESTS / "conftest.py")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


projects = _workflow_tests()


class ClusterProject(projects.Project):
    """A working directory whose jobs go to Slurm by the profile that the workflow brings along."""

    cluster: slurm.Slurm

    def command(self, *arguments: str) -> list[str]:
        """A user's command, but that the cluster is asked for news more often."""
        return [
            *(sys.executable, "-m", "snakemake", "-s", str(CHECKOUT / "Snakefile"), "--configfile", "config.yaml"),
            *("--workflow-profile", str(CHECKOUT / "workflow/profiles/slurm")),
            *("--slurm-init-seconds-before-status-checks", "3", "--latency-wait", "10", *arguments),
        ]

    def start(self, *arguments: str) -> subprocess.Popen:
        """Begin a run; what it prints goes to driver.log."""
        # what this process has of its own would reach the jobs by sbatch --export=ALL
        inherited = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTEST_CURRENT_TEST")}
        with (self.folder / "driver.log").open("w") as log:
            return subprocess.Popen(
                self.command(*arguments),
                cwd=self.folder,
                env={**inherited, **self.cluster.environment},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def finish(self, driver: subprocess.Popen, seconds: float = 240) -> str:
        """Wait for a run that must succeed; what it printed."""
        try:
            driver.wait(seconds)
        finally:
            driver.kill()
        printed = (self.folder / "driver.log").read_text()
        assert driver.returncode == 0, printed
        return printed


def contents(project: projects.Project) -> dict[str, str]:
    """Path -> SHA-256 of every result that must not depend on where it was made: all but logs and measured times."""
    results = project.results
    return {
        str(path.relative_to(results)): sha256(path.read_bytes()).hexdigest()
        for path in sorted(results.rglob("*"))
        if path.is_file() and "logs" not in path.relative_to(results).parts and not path.name.startswith("plan.")
    }


@pytest.fixture(scope="session")
def cluster() -> Iterator[slurm.Slurm]:
    with slurm.running() as started:
        yield started


@pytest.fixture(scope="session", autouse=True)
def _needs_slurm() -> None:
    try:
        slurm.install()
    except slurm.CannotRun as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def configured(tmp_path_factory: pytest.TempPathFactory) -> projects.Project:
    """A genome of two contigs and a small network; nothing has run yet."""
    project = projects.Project(tmp_path_factory.mktemp("configured"))
    rng = np.random.default_rng(0)
    worlds = projects.worlds
    worlds.write_fasta(project.folder / "toy.fa", {name: worlds.random_dna(rng, 9000) for name in ("chr1", "chr2")})
    genome = {"name": "toy", "fasta": "toy.fa", "repeats": "none", "shards": SHARDS}
    project.configure([genome], models=[MODEL], tracks={"bigwigs": ["entropy"]})
    return project


@pytest.fixture(scope="session")
def local(configured: projects.Project, tmp_path_factory: pytest.TempPathFactory) -> projects.Project:
    """The targets as this machine makes them by itself; not to be changed."""
    project = configured.copy(tmp_path_factory.mktemp("made") / "local")
    project.run(*TARGETS)
    return project


@pytest.fixture
def on_cluster(cluster: slurm.Slurm, tmp_path: Path):
    """A function: a copy of a project, without some of its results, whose jobs go to the cluster."""

    def take(project: projects.Project, *missing: str) -> ClusterProject:
        copy = ClusterProject(project.copy(tmp_path / "project").folder)
        copy.cluster = cluster
        for pattern in missing:
            for path in copy.folder.glob(pattern):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        return copy

    return take
