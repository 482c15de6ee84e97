"""The demo on a real Slurm, with arrays and a GPU: every byte is what one machine makes, but for measured speeds.

Each of its jobs starts Snakemake twice more on a cluster, which takes too long for every day: `--demo` runs this.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import CHECKOUT, ClusterProject, projects, started_or_skipped
from slurm import Slurm

LONGEST = 2 * 3600  # seconds
SPEED = ("bases_per_second", "expected_seconds")  # in plan.json: of this machine, and of what else it did meanwhile


class Demo(ClusterProject):
    """A working directory without a configuration of its own."""

    configuration = ()


@pytest.fixture
def cluster(request) -> Iterator[Slurm]:
    """A cluster that remembers all jobs of a run."""
    if not request.config.getoption("--demo"):
        pytest.skip("the demo twice takes about half an hour: make test-cluster-demo")
    with started_or_skipped(remembered=LONGEST) as started:
        yield started


@pytest.fixture
def local(cluster: Slurm, tmp_path: Path) -> Path:
    """The folder of the demo as one machine makes it."""
    folder = tmp_path / "local"
    folder.mkdir()
    done = projects.snakemake(folder, "--cores", "2")
    assert done.returncode == 0, done.stdout
    return folder


def test_the_demo_on_a_cluster_is_the_demo_on_one_machine(local, cluster, tmp_path):
    project = Demo(tmp_path / "cluster")
    project.folder.mkdir()
    project.cluster = cluster
    wanting = rules_that_want_gpus()
    gpus = [f"{rule}:gpu=1" for rule in wanting]  # as scores.device: cuda asks for them
    printed = project.finish(project.start("--set-resources", *gpus), LONGEST)
    assert "Trying to restart" not in printed  # what each job asks for at first is enough
    here, there = results(project.folder), results(local)
    assert here.keys() == there.keys() and len(here) > 200
    assert [name for name in here if here[name] != there[name]] == []
    jobs = {rule: project.jobs(rule) for rule in wanting}
    assert {job["NodeList"] for rule in wanting for job in jobs[rule]} == {"n1"}  # which has the GPU
    assert all("gres:gpu:1" in job["TresPerJob"] for rule in wanting for job in jobs[rule])
    assert all("ArrayTaskId" in job for job in jobs["score_shard"])


def rules_that_want_gpus() -> list[str]:
    text = "".join(path.read_text() for path in sorted((CHECKOUT / "workflow" / "rules").glob("*.smk")))
    return [name for name, body in re.findall(r"^rule (\w+):\n(.*?)^    message", text, re.M | re.S) if "gpu=" in body]


def results(folder: Path) -> dict[str, object]:
    """Path -> content of every result; neither logs nor the marks of the time that Snakemake leaves in folders."""
    paths = (path for path in sorted((folder / "results").rglob("*")) if path.is_file())
    names = {path.relative_to(folder / "results").as_posix(): path for path in paths}
    return {
        name: content(path)
        for name, path in names.items()
        if not name.startswith("logs/") and path.name != ".snakemake_timestamp"
    }


def content(path: Path) -> object:
    """The bytes of a file; of plan.json all but `SPEED`."""
    if path.name != "plan.json":
        return path.read_bytes()
    return {key: value for key, value in json.loads(path.read_text()).items() if key not in SPEED}
