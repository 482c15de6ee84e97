"""A throw-away Slurm, and a small workflow that is run through it and, to compare, on this machine."""

import contextlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import numpy as np
import psutil
import pytest
import slurm

CHECKOUT = Path(__file__).resolve().parents[2]
WORKFLOW_TESTS = CHECKOUT / "tests" / "workflow"
SHARDS = 2
SCORES = "results/tracks/toy/tiny/scores"
MODEL = {
    "name": "tiny",
    "kind": "one_pass",
    "source": "train",
    "genomes": "toy",
    "parameters": "width=16; layers=3; steps=10; batch=4; precision=float32",
}
SHARD_FILES = [f"results/scores/toy/tiny/{number:04d}-of-{SHARDS:04d}.parquet" for number in range(1, SHARDS + 1)]

# One pass of this model over WINDOW bases takes about 2 GB, which is more than the workflow thinks at first.
WIDE = {
    "name": "wide",
    "kind": "one_pass",
    "source": "train",
    "genomes": "toy",
    "parameters": "width=128; layers=1; steps=0; precision=float32",
}
WINDOW = 200_000
WIDE_SCORES = "results/tracks/long/wide/scores"
WIDE_SHARD = "results/scores/long/wide/0001-of-0001.parquet"

# A job starts Snakemake twice and PyTorch once, and may have to share a processor with many others that do.
PATIENCE = 1800  # seconds

Seen = TypeVar("Seen")


def _workflow_tests():
    """The module of the workflow tests that knows how to write a configuration and to call snakemake."""
    sys.path.append(str(WORKFLOW_TESTS))
    spec = importlib.util.spec_from_file_location("workflow_projects", WORKFLOW_TESTS / "conftest.py")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


projects = _workflow_tests()
once = projects.once


@dataclass
class Held:
    """The script of a job, stopped with SIGSTOP: it does nothing until it is killed."""

    process: psutil.Process
    job: str  # as scancel wants it, with the number within its array
    node: str


class ClusterProject(projects.Project):
    """A working directory whose jobs go to Slurm by the profile that the workflow brings along."""

    cluster: slurm.Slurm
    driver: subprocess.Popen  # the run that was started last, which goes on beside the test
    configuration = ("--configfile", "config.yaml")

    def command(self, *arguments: str) -> list[str]:
        """A user's command, but that the cluster is asked for news more often."""
        return [
            *(sys.executable, "-m", "snakemake", "-s", str(CHECKOUT / "Snakefile"), *self.configuration),
            *("--workflow-profile", str(CHECKOUT / "workflow/profiles/slurm")),
            *("--slurm-init-seconds-before-status-checks", "5", "--latency-wait", "10", *arguments),
        ]

    def jobs(self, rule: str) -> list[dict[str, str]]:
        """What Slurm says of the jobs of a rule, in the order in which they were handed over."""
        jobs = [job for job in self.cluster.jobs() if job.get("WorkDir") == str(self.folder)]
        chosen = [job for job in jobs if job.get("Comment", "").startswith(f"rule_{rule}_")]
        return sorted(chosen, key=lambda job: int(job["JobId"]))

    def hold(self, rule: str) -> Held:
        """Stop the first script of a rule that is seen to run."""

        def held() -> Held | None:
            for process in psutil.process_iter():
                with contextlib.suppress(psutil.Error):
                    # asked once: a process that ends in between has no words the second time
                    if "".join(process.cmdline()[-1:]).endswith(f".{rule}.py") and self._runs(process):
                        process.suspend()
                        return self._held(process)
            return None

        return self._await(held, f"a job of {rule} to run")

    def _await(self, look: Callable[[], Seen | None], event: str) -> Seen:
        """What is seen as soon as anything is, while the run goes on."""
        end = time.monotonic() + PATIENCE
        while (seen := look()) is None:
            if self.driver.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"waited in vain for {event}: {self.cluster.state()}\n{self.printed()}")
            time.sleep(0.1)
        return seen

    def _runs(self, process: psutil.Process) -> bool:
        return process.cwd() == str(self.folder)

    @staticmethod
    def _held(process: psutil.Process) -> Held:
        of = process.environ()
        array = f"{of['SLURM_ARRAY_JOB_ID']}_{of['SLURM_ARRAY_TASK_ID']}" if "SLURM_ARRAY_JOB_ID" in of else None
        return Held(process, array or of["SLURM_JOB_ID"], of["SLURMD_NODENAME"])

    def printed(self) -> str:
        """What the run has printed."""
        return (self.folder / "driver.log").read_text()

    def finished_shard(self) -> tuple[Path, int]:
        """The first shard that the run knows to be finished, and when it was written."""
        finished = re.compile(r"Finished jobid: \d+ \(Rule: score_shard\)")
        self._await(lambda: finished.search(self.printed()), "a shard to be finished")
        (shard,) = (self.folder / name for name in SHARD_FILES if (self.folder / name).exists())
        return shard, shard.stat().st_mtime_ns

    def start(self, *arguments: str) -> None:
        """Begin a run; what it prints goes to driver.log."""
        # what this process has of its own would reach the jobs by sbatch --export=ALL
        inherited = {
            key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTEST_CURRENT_TEST")
        }
        with (self.folder / "driver.log").open("w") as log:
            self.driver = subprocess.Popen(
                self.command(*arguments),
                cwd=self.folder,
                env={**inherited, **self.cluster.environment},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def finish(self, seconds: float = PATIENCE) -> str:
        """Wait for the run, which must succeed; what it printed."""
        try:
            self.driver.wait(seconds)
        finally:
            self.driver.kill()
        assert self.driver.returncode == 0, self.printed()
        return self.printed()


def contents(project: projects.Project) -> dict[str, str]:
    """Path -> SHA-256 of every result that must not depend on where it was made: all but logs and measured times."""
    results = project.results
    return {
        str(path.relative_to(results)): sha256(path.read_bytes()).hexdigest()
        for path in sorted(results.rglob("*"))
        if path.is_file() and "logs" not in path.relative_to(results).parts and not path.name.startswith("plan.")
    }


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--demo", action="store_true", help="run the demo in full, not in small")


@pytest.fixture(scope="session")
def cluster() -> Iterator[slurm.Slurm]:
    """A Slurm for all tests of a process, which are skipped where it cannot run."""
    try:
        with slurm.running() as started:
            yield started
    except slurm.CannotRun as reason:
        pytest.skip(str(reason))


def _make_local(project: projects.Project) -> None:
    """Two genomes, of short contigs and of a long one, with a network for each, scored by this machine itself."""
    worlds = projects.worlds
    rng = np.random.default_rng(0)
    worlds.write_fasta(project.folder / "toy.fa", {name: worlds.random_dna(rng, 9000) for name in ("chr1", "chr2")})
    worlds.write_fasta(project.folder / "long.fa", {"chr1": worlds.random_dna(rng, 140_000)})
    toy = {"name": "toy", "fasta": "toy.fa", "repeats": "none", "shards": SHARDS}
    long = {"name": "long", "fasta": "long.fa", "repeats": "none", "shards": 1}
    scores = projects.SETTINGS["scores"] | {"window": WINDOW}
    project.configure([toy, long], models=[MODEL, WIDE], scores=scores)
    project.run(SCORES, WIDE_SCORES)


@pytest.fixture(scope="session")
def local(cluster: slurm.Slurm, once) -> projects.Project:
    """The scores as one machine makes them; not to be changed, and not made where there is no cluster."""
    return once("local", _make_local)


@pytest.fixture
def without(cluster: slurm.Slurm, local: projects.Project, tmp_path: Path) -> Callable[..., ClusterProject]:
    """A function: a copy of the finished project that lacks some of its results and whose jobs go to the cluster."""

    def copy(*missing: str) -> ClusterProject:
        project = ClusterProject(local.copy(tmp_path / "project").folder)
        project.cluster = cluster
        for name in missing:
            path = project.folder / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        return project

    return copy
