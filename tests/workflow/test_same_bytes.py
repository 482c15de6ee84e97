"""The same inputs, configuration and seed give the same bytes: in another folder or order, and in object storage."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Project

from glmtracks.files import sha256

GOALS = [
    "results/tracks/toy/tiny/llr_A.bw",
    "results/variants/calls/tiny.vcf.gz",
    "results/benchmarks/toy/perplexity/tiny.parquet",
    "results/provenance.json",
]
MEASURED = {"time", "fetched", "seconds", "minutes", "hours", "bases_per_second", "expected_seconds"}


def content(path: Path, data: bytes) -> object:
    """What must not differ of a file: its bytes, or all of a JSON but times and what was measured by the clock."""
    return without_times(json.loads(data)) if path.suffix == ".json" else data


def without_times(value: object) -> object:
    if isinstance(value, dict):
        return {key: without_times(inner) for key, inner in value.items() if key not in MEASURED}
    return [without_times(inner) for inner in value] if isinstance(value, list) else value


def compared(first: Project, names: list[str], read: Callable[[str], bytes]) -> int:
    """How many files are the same in a project and elsewhere; fails where one is not."""
    for name in names:
        path = Path(name)
        assert content(path, read(name)) == content(path, (first.folder / name).read_bytes()), name
    return len(names)


def results_of(folder: Path) -> list[str]:
    """Files under results/ but logs, Snakemake's own marks, and text with the speed of this minute."""
    files = (path.relative_to(folder).as_posix() for path in (folder / "results").rglob("*") if path.is_file())
    return sorted(name for name in files if is_result(name))


def is_result(name: str) -> bool:
    return "/logs/" not in name and not name.endswith((".snakemake_timestamp", "/training.tsv", "/plan.tsv"))


@pytest.fixture
def again(road: Project, tmp_path: Path) -> Project:
    """The configuration and the inputs of the road at another place, without results."""
    project = Project(tmp_path / "a longer name")
    shutil.copytree(road.folder, project.folder, ignore=shutil.ignore_patterns("results", ".snakemake"))
    return project


def test_another_folder_and_another_order_of_jobs(road, again):
    again.run("--scheduler", "greedy", *reversed(GOALS))
    said = json.loads((again.results / "provenance.json").read_text())
    assert said["inputs"]["toy.fa"]["sha256"] == sha256(again.folder / "toy.fa") and len(said["configuration"]) == 12
    assert said["models"]["tiny"]["sha256"] == sha256(again.results / "models/tiny/model.safetensors")
    assert said["seed"] == 1 and said["versions"]["numpy"] and set(said["genomes"]) == {"toy", "sister"}
    assert compared(road, results_of(again.folder), lambda name: (again.folder / name).read_bytes()) > 40


def test_results_in_object_storage(road, again):
    pytest.importorskip("moto.server")
    pytest.importorskip("snakemake_storage_plugin_s3")
    from s3_server import BUCKET, s3_server

    with s3_server() as (environment, client):
        storage = ["--default-storage-provider", "s3", "--default-storage-prefix", f"s3://{BUCKET}/out"]
        done = again.snakemake("results/tracks/toy/markov/entropy.bw", *storage, environment=environment)
        assert done.returncode == 0, done.stdout
        assert not again.results.exists()
        keys = [entry["Key"].removeprefix("out/") for entry in client.list_objects_v2(Bucket=BUCKET)["Contents"]]
        names = [key for key in keys if is_result(key)]
        read = lambda name: client.get_object(Bucket=BUCKET, Key=f"out/{name}")["Body"].read()  # noqa: E731
        assert compared(road, names, read) > 20
