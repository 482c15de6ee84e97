"""The same inputs, configuration and seed give the same bytes in another folder and order, and in object storage.

tests/cluster/test_demo.py compares all that the rules of the demo make.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Project

from glmtracks.files import sha256

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


def is_result(name: str) -> bool:
    return "/logs/" not in name and not name.endswith((".snakemake_timestamp", "/training.tsv", "/plan.tsv"))


@pytest.fixture
def again(road: Project, tmp_path: Path) -> Project:
    """The configuration and the inputs of the road at another place, without results."""
    project = Project(tmp_path / "a longer name")
    shutil.copytree(road.folder, project.folder, ignore=shutil.ignore_patterns("results", ".snakemake"))
    return project


def test_provenance_names_inputs_models_and_versions(road):
    said = json.loads((road.results / "provenance.json").read_text())
    assert said["inputs"]["toy.fa"]["sha256"] == sha256(road.folder / "toy.fa") and len(said["configuration"]) == 12
    assert said["models"]["tiny"]["sha256"] == sha256(road.results / "models/tiny/model.safetensors")
    assert said["seed"] == 1 and said["versions"]["numpy"] and set(said["genomes"]) == {"toy", "sister"}


def test_provenance_beside_results_names_what_they_come_from_and_no_more(road):
    whole = json.loads((road.results / "provenance.json").read_text())
    said = {
        folder: json.loads((road.results / folder / "provenance.json").read_text())
        for folder in ("tracks/toy/markov", "variants/calls", "embeddings/toy", "benchmarks/toy/outgroup")
    }
    assert {folder: (list(of["genomes"]), list(of["models"])) for folder, of in said.items()} == {
        "tracks/toy/markov": (["toy"], ["markov"]),
        "variants/calls": (["toy"], ["markov", "tiny"]),
        "embeddings/toy": (["toy"], ["tiny"]),
        "benchmarks/toy/outgroup": (["toy", "sister"], ["markov", "tiny"]),
    }
    assert "calls.vcf" in said["variants/calls"]["inputs"] and "calls.vcf" not in said["tracks/toy/markov"]["inputs"]
    for of in said.values():
        assert all(whole[kind][name] == of[kind][name] for kind in ("inputs", "genomes", "models") for name in of[kind])
        assert all(of[key] == whole[key] for key in ("glmtracks", "commit", "configuration", "seed", "versions"))


def test_results_in_object_storage(road, again):
    pytest.importorskip("moto.server")
    pytest.importorskip("snakemake_storage_plugin_s3")
    from s3_server import BUCKET, s3_server

    with s3_server() as (environment, client):
        storage = ["--default-storage-provider", "s3", "--default-storage-prefix", f"s3://{BUCKET}/out"]
        done = again.snakemake(
            "results/tracks/toy/tiny/llr_A.bw", "--scheduler", "greedy", *storage, environment=environment
        )
        assert done.returncode == 0, done.stdout
        assert not again.results.exists()
        keys = [entry["Key"].removeprefix("out/") for entry in client.list_objects_v2(Bucket=BUCKET)["Contents"]]
        names = [key for key in keys if is_result(key)]
        read = lambda name: client.get_object(Bucket=BUCKET, Key=f"out/{name}")["Body"].read()  # noqa: E731
        assert compared(road, names, read) > 20
