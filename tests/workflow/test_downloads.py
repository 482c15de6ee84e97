"""Downloads of a whole run: few at once, from mirrors, kept in a cache; and files whose names are no help."""

import hashlib
import json
import re
import shutil

import numpy as np
import pytest
import worlds
from conftest import Project
from folder_server import FolderServer

GENOMES = ("toy", "b", "c")
FAR = "https://far.example/pub/"


@pytest.fixture
def server(tmp_path):
    """Three genomes on a slow server of this machine."""
    folder = tmp_path / "served"
    folder.mkdir()
    for number, name in enumerate(GENOMES):
        worlds.write_fasta(folder / f"{name}.fa", {"chr1": worlds.random_dna(np.random.default_rng(number), 500)})
    with FolderServer(folder) as running:
        running.slow = 0.7
        yield running


def test_a_run_fetches_few_at_once_from_a_mirror_into_a_cache(project: Project, server):
    checksums = {name: hashlib.md5((server.folder / f"{name}.fa").read_bytes()).hexdigest() for name in GENOMES}
    rows = [{"name": name, "fasta": f"{FAR}{name}.fa", "sha256": checksums[name]} for name in GENOMES]
    downloads = {"cache": "kept", "parallel": 1, "mirrors": {FAR: f"{server.url}/"}}
    project.configure(rows, downloads=downloads)
    goal = [f"results/genomes/{name}/genome.fa.gz" for name in GENOMES]
    done = project.snakemake(*goal, environment={"no_proxy": "127.0.0.1"})
    assert done.returncode == 0, done.stdout
    assert server.most == 1 and len(server.asked) == len(GENOMES)
    for name in GENOMES:
        record = json.loads((project.results / "genomes" / name / "provenance.json").read_text())["download"]
        assert record["url"] == f"{FAR}{name}.fa" and record["mirror"] == f"{server.url}/{name}.fa"
        assert record["compared"] == f"md5 {checksums[name]}"
    assert len(list((project.folder / "kept/md5").iterdir())) == len(GENOMES)

    project.configure(rows, downloads={"mirrors": {FAR: "file:///elsewhere/"}})  # is no reason to fetch anew
    assert "Nothing to be done" in project.run("-n", *goal)
    project.configure(rows, downloads={"cache": "kept"})
    shutil.rmtree(project.results)
    project.run(*goal)  # although far.example is nowhere
    assert len(server.asked) == len(GENOMES)


def test_a_local_call_set_is_compared_with_its_checksum(project: Project):
    contigs = {"chr1": worlds.random_dna(np.random.default_rng(1), 500)}
    worlds.write_fasta(project.folder / "toy.fa", contigs)
    worlds.write_vcf(project.folder / "calls.vcf", [("chr1", 5, chr(contigs["chr1"][4]), "N")])
    project.configure(
        [{"name": "toy", "fasta": "toy.fa", "scored": "no"}],
        callsets=[{"name": "calls", "genome": "toy", "vcf": "calls.vcf"}],
    )
    row = {"name": "calls", "genome": "toy", "vcf": "calls.vcf", "sha256": "md5:" + "0" * 32}
    project.sheet("callsets", [row])
    done = project.snakemake("results/variants/calls/alleles")
    assert done.returncode != 0
    assert re.search(r"^glmtracks: calls\.vcf has md5 [0-9a-f]{32}, expected 0{32}; ", done.stdout, re.MULTILINE)
