"""The demo in conda's environments, and on a real Slurm with arrays and a GPU: the same bytes, but for measured speeds.

A job on a cluster starts Snakemake twice, so the demo is made small (small_demo/config.yaml); `--demo` runs all of it.
"""

import json
import re
from pathlib import Path

import pytest
from conftest import CHECKOUT, ClusterProject, projects

LONGEST = 2 * 3600  # seconds
MEASURED = ("bases_per_second", "expected_seconds", "fetched")  # of plans and downloads: what a clock says


@pytest.fixture(scope="session")
def configuration(pytestconfig) -> tuple[str, ...]:
    """The options that name the demo's configuration, and what makes it small."""
    smaller = [] if pytestconfig.getoption("--demo") else [CHECKOUT / "tests/cluster/small_demo/config.yaml"]
    return ("--configfile", *map(str, [CHECKOUT / "config/config.yaml", *smaller]))


@pytest.fixture(scope="session")
def made_here(once, configuration) -> projects.Project:
    """The demo as one machine makes it, each job in its environment of conda; not to be changed."""

    def make(project: projects.Project) -> None:
        done = projects.snakemake(
            project.folder, "--cores", "2", "--sdm", "conda", *configuration, environment=projects.CONDA
        )
        assert done.returncode == 0, done.stdout

    return once("demo", make)


def test_the_demo_on_a_cluster_is_the_demo_on_one_machine(cluster, request, configuration, tmp_path):
    project = ClusterProject(tmp_path / "cluster")
    project.folder.mkdir()
    project.cluster, project.configuration = cluster, configuration
    wanting = rules_that_want_gpus()
    gpus = [f"{rule}:gpu=1" for rule in wanting]  # as scores.device: cuda asks for them
    project.start("--set-resources", *gpus)
    made_here = request.getfixturevalue("made_here")  # meanwhile
    printed = project.finish(LONGEST)
    assert "Trying to restart" not in printed  # what each job asks for at first is enough
    here, there = results(project.folder), results(made_here.folder)
    assert here.keys() == there.keys() and len(here) > 80
    assert [name for name in here if here[name] != there[name]] == []
    assert projects.planned(printed).keys() >= rules_of_the_demo(tmp_path)
    jobs = {rule: project.jobs(rule) for rule in wanting}
    assert {job["NodeList"] for rule in wanting for job in jobs[rule]} == {"n1"}  # which has the GPU
    assert all("gres:gpu:1" in job["TresPerJob"] for rule in wanting for job in jobs[rule])
    assert len(jobs["score_shard"]) >= 4 and all("ArrayTaskId" in job for job in jobs["score_shard"])


def test_each_job_of_the_demo_can_have_an_environment_of_conda(made_here):
    made = [path.read_text() for path in (made_here.folder / ".snakemake" / "conda").glob("*.yaml")]
    assert sorted(made) == sorted(path.read_text() for path in (CHECKOUT / "envs").glob("*.yaml"))


def rules_that_want_gpus() -> list[str]:
    text = "".join(path.read_text() for path in sorted((CHECKOUT / "workflow" / "rules").glob("*.smk")))
    return [name for name, body in re.findall(r"^rule (\w+):\n(.*?)^    message", text, re.M | re.S) if "gpu=" in body]


def rules_of_the_demo(folder: Path) -> set[str]:
    return set(projects.planned(projects.snakemake(folder, "-n").stdout))


def results(folder: Path) -> dict[str, object]:
    """Path -> content of every result; neither logs nor the marks of the time that Snakemake leaves in folders."""
    paths = [path for path in sorted((folder / "results").rglob("*")) if path.is_file()]
    names = {path.relative_to(folder / "results").as_posix(): path for path in paths}
    return {
        name: content(path)
        for name, path in names.items()
        if "logs" not in name.split("/") and path.name != ".snakemake_timestamp"
    }


def content(path: Path) -> object:
    """The bytes of a file; of a JSON file all that it says but `MEASURED`."""
    if path.suffix != ".json":
        return path.read_bytes()
    return {key: value for key, value in json.loads(path.read_text()).items() if key not in MEASURED}
