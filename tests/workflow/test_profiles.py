"""Profiles for clusters: what each kind of job asks for."""

import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from conftest import CHECKOUT, MODELS, SETTINGS, Project, planned, snakemake
from s3_server import BUCKET, s3_server
from worlds import random_dna, write_fasta

KUBERNETES = ("--workflow-profile", str(CHECKOUT / "workflow" / "profiles" / "kubernetes"))
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


def test_memory_and_time_double_with_every_attempt_and_never_fall_below_the_floor(tmp_path):
    code = (CHECKOUT / "workflow" / "rules" / "resources.smk").read_text()
    functions = {"FLOOR": 1000, "Path": Path}
    exec(code[code.index("def memory(") : code.index("def memory_to_load")], functions)

    class Files(list):
        size_mb = 300.0

    asked = [functions["memory"](100, 2)(None, Files(), attempt) for attempt in (1, 2, 3)]
    assert asked == [1000, 2000, 4000]
    assert functions["memory"](2000, 2)(None, Files(), 2) == 2 * 2600
    assert functions["minutes"](10, 0.1)(None, Files(), 3) == 4 * 40
    (tmp_path / "contig=a").mkdir()
    (tmp_path / "contig=a" / "part-0.parquet").write_bytes(bytes(1 << 20))
    assert functions["minutes"](10, 10)(None, Files([str(tmp_path)]), 1) == 10 + 10 * 301
    for name, per_mb in (("genes.gff3", 4), ("genes.gff3.gz", 60)):  # of the annotation, not of the genome beside it
        files = Files(["genome.fa.gz", name])
        files.annotation, files.size_files_mb = name, [298.0, 2.0]
        assert functions["memory_to_annotate"](None, files, 2) == 2 * (1500 + 2 * per_mb)


def test_trainings_ask_for_gpus_by_one_setting():
    code = (CHECKOUT / "workflow" / "rules" / "resources.smk").read_text()
    function = code[code.index("def gpus_to_train") : code.index("def fit_arrays")]
    models = {
        "alone": {"steps": 10, "processes": 0},  # one process for each GPU that it finds, and it asks for one
        "shared": {"steps": 10, "processes": 4},
        "counted": {"order": 5},
    }

    def asked(gpus):
        names = {"GPUS": gpus, "MODELS": {name: {"parameters": parameters} for name, parameters in models.items()}}
        exec(function, names)
        return [names["gpus_to_train"](type("Wildcards", (), {"model": name})) for name in models]

    assert asked(gpus=1) == [1, 4, 0]
    assert asked(gpus=0) == [0, 0, 0]


def test_every_rule_that_makes_something_says_how_much_memory_and_time_it_needs():
    for path in sorted((CHECKOUT / "workflow" / "rules").glob("*.smk")):
        for name, body in re.findall(r"^rule (\w+):\n(.*?)^    message", path.read_text(), re.MULTILINE | re.DOTALL):
            assert "    output:" not in body or ("mem_mb=" in body and "runtime=" in body), name


def test_the_slurm_profile_is_complete():
    pytest.importorskip("snakemake_executor_plugin_slurm")
    profile = yaml.safe_load((CHECKOUT / "workflow/profiles/slurm/config.yaml").read_text())
    assert profile["executor"] == "slurm" and profile["slurm-status-command"] == "squeue"
    assert profile["retries"] >= 2 and profile["rerun-incomplete"] is True
    assert "default-resources" not in profile  # where account and partition of a user's own profile stand


def test_the_slurm_profile_plans_the_workflow(planned_project):
    pytest.importorskip("snakemake_executor_plugin_slurm")
    assert "score_shard" in dry_run(planned_project, *SLURM)


def rules_with(text: str) -> set[str]:
    rules = "".join(path.read_text() for path in sorted((CHECKOUT / "workflow" / "rules").glob("*.smk")))
    return {name for name, body in re.findall(r"^rule (\w+):\n(.*?)^    message", rules, re.M | re.S) if text in body}


def test_every_rule_that_runs_or_trains_a_model_asks_for_a_gpu():
    assert rules_with("gpu=") == {"train_model", "plan_scoring"} | rules_with("plan=")


def test_the_readme_names_the_rules_that_want_gpus():
    wanting = rules_with("gpu=")
    example = yaml.safe_load(re.search(r"```yaml\n(.*?)```", (CHECKOUT / "config/README.md").read_text(), re.S)[1])
    assert set(example["set-resources"]) == wanting


def test_the_kubernetes_profile_plans_the_workflow_in_an_object_store(project):
    pytest.importorskip("snakemake_executor_plugin_kubernetes")
    write_fasta(project.folder / "toy.fa", {"chr1": random_dna(np.random.default_rng(0), 3000)})
    (project.folder / "calls.vcf.gz").write_bytes(b"")  # of this machine, as all paths in sheets
    project.configure(
        [{"name": "toy", "fasta": "toy.fa", "shards": 2}],
        callsets=[{"name": "calls", "genome": "toy", "vcf": "calls.vcf.gz#chr1"}],
    )
    with s3_server() as (environment, _):
        place = ("--default-storage-prefix", f"s3://{BUCKET}/run", "--container-image", "registry.invalid/glmtracks:1")
        done = snakemake(
            project.folder, "--configfile", "config.yaml", "-n", *KUBERNETES, *place, environment=environment
        )
    assert done.returncode == 0, done.stdout
    assert planned(done.stdout)["score_shard"] == 2 * len(MODELS)
    assert f"s3://{BUCKET}/run/results/scores/toy/tiny/0002-of-0002.parquet" in done.stdout
