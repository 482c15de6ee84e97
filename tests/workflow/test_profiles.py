"""Profiles for clusters: what each kind of job asks for, and what is refused before anything runs."""


import numpy as np
import pytest
import yaml
from conftest import CHECKOUT, SETTINGS, Project, snakemake
from worlds import random_dna, write_fasta

SLURM = ("--workflow-profile", str(CHECKOUT / "workflow" / "profiles" / "slurm"))


@pytest.fixture
def planned_project(project: Project) -> Project:
    """A genome by path, a genome by URL and two models, of which one is a network; jobs that run it want a GPU."""
    write_fasta(project.folder / "toy.fa", {"chr1": random_dna(np.random.default_rng(0), 3000)})
    sister = {"name": "sister", "fasta": "https://host.invalid/sister.fa.gz", "scored": "no"}
    project.configure(
        [{"name": "toy", "fasta": "toy.fa", "outgroups": "sister", "repeats": "none", "shards": 3}, sister],
        benchmarks=[{"genome": "toy", "task": "outgroup"}],
        scores=SETTINGS["scores"] | {"device": "cuda"},
    )
    return project


def dry_run(project: Project, *arguments: str) -> str:
    done = snakemake(project.folder, "--configfile", "config.yaml", "-n", *arguments)
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_memory_and_time_double_with_every_attempt_and_never_fall_below_the_floor():
    code = (CHECKOUT / "workflow" / "rules" / "resources.smk").read_text()
    functions = {}
    exec(code[code.index("def memory(") : code.index("def memory_to_load")], {"FLOOR": 1000}, functions)

    class Files:
        size_mb = 300.0

    asked = [functions["memory"](100, 2)(None, Files, attempt) for attempt in (1, 2, 3)]
    assert asked == [1000, 2000, 4000]
    assert functions["memory"](2000, 2)(None, Files, 2) == 2 * 2600
    assert functions["minutes"](10, 0.1)(None, Files, 3) == 4 * 40


def test_the_slurm_profile_is_complete():
    pytest.importorskip("snakemake_executor_plugin_slurm")
    profile = yaml.safe_load((CHECKOUT / "workflow/profiles/slurm/config.yaml").read_text())
    assert profile["executor"] == "slurm" and profile["slurm-status-command"] == "squeue"
    assert profile["retries"] >= 2 and profile["rerun-incomplete"] is True
    assert "default-resources" not in profile  # where account and partition of a user's own profile stand


def test_the_slurm_profile_plans_the_workflow(planned_project):
    pytest.importorskip("snakemake_executor_plugin_slurm")
    assert "score_shard" in dry_run(planned_project, *SLURM)


@pytest.mark.parametrize("limit", [("--jobs", "5"), ("--resources", "gpu=4")])
def test_arrays_and_limits_of_jobs_do_not_go_together(planned_project, limit):
    pytest.importorskip("snakemake_executor_plugin_slurm")
    done = snakemake(planned_project.folder, "--configfile", "config.yaml", *SLURM, *limit)
    assert done.returncode != 0
    assert "would wait for ever" in done.stdout and "Traceback" not in done.stdout
    assert not planned_project.results.exists()
