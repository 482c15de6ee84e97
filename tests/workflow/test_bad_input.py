"""Input that is wrong: one sentence that says what and where, a failing exit status, and nothing half-written."""

import gzip
import hashlib
import os
import pickle
import re
import shutil
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pandas as pd
import pysam
import pytest
import worlds
import yaml
from conftest import CHECKOUT, Project

PAGE = b"<!DOCTYPE html><html><head><title>404 - not here</title></head><body>Sorry.</body></html>"


def random_contigs(**lengths: int) -> dict[str, bytes]:
    rng = np.random.default_rng(4)
    return {name: worlds.random_dna(rng, length) for name, length in lengths.items()}


def configure(project: Project, **row: str) -> None:
    """A project of one genome, toy, whose row has these further columns."""
    project.configure([{"name": "toy", **row}], benchmarks=[{"genome": "toy", "task": "perplexity"}])


def refusal(done: CompletedProcess) -> str:
    """The one sentence that a failing command prints."""
    assert done.returncode != 0, done.stdout
    assert "Traceback" not in done.stdout, done.stdout
    sentences = re.findall(r"^glmtracks: (.+)$", done.stdout, re.MULTILINE)
    assert len(sentences) == 1, done.stdout
    return sentences[0]


def made(project: Project) -> set[Path]:
    """Everything under results/ but logs."""
    logs = project.results / "logs"
    return {path for path in project.results.rglob("*") if path.is_file() and logs not in path.parents}


def truncated_gzip(folder: Path) -> Path:
    worlds.write_fasta(folder / "whole.fa", random_contigs(chr1=60_000))
    path = folder / "toy.fa.gz"
    path.write_bytes(gzip.compress((folder / "whole.fa").read_bytes())[:10_000])
    return path


def truncated_bgzip(folder: Path) -> Path:
    worlds.write_fasta(folder / "whole.fa", random_contigs(chr1=400_000))
    path = folder / "toy.fa.gz"
    pysam.tabix_compress(str(folder / "whole.fa"), str(path), force=True)
    path.write_bytes(path.read_bytes()[:-28])  # all data, but not the block that ends a bgzip file
    return path


def duplicated_name(folder: Path) -> Path:
    path = folder / "toy.fa"
    path.write_text(">chr1 first\nACGTACGT\n>chr2\nACGT\n>chr1 second\nACGTACGT\n")
    return path


def empty(folder: Path) -> Path:
    path = folder / "toy.fa"
    path.write_text("")
    return path


def protein(folder: Path) -> Path:
    path = folder / "toy.fa"
    path.write_text(">sp|P68871|HBB_HUMAN\nMVHLTPEEKSAVTALWGKVNVDEVGGEALGRLLVVYPWTQRFFESFGDLST\n")
    return path


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (truncated_gzip, r"toy\.fa\.gz is a damaged or cut-off gzip file .*fetch it again"),
        (truncated_bgzip, r"toy\.fa\.gz is cut off: .*fetch it again"),
        (duplicated_name, r"toy\.fa, line 5: a second contig is called chr1; rename"),
        (empty, r"toy\.fa is empty"),
        (protein, r"toy\.fa, contig sp\|P68871\|HBB_HUMAN, line 2: this looks like a protein"),
    ],
)
def test_a_fasta_that_cannot_be_right(project, make, said):
    configure(project, fasta=make(project.folder).name)
    assert re.search(said, refusal(project.snakemake()))
    assert made(project) == set()


def test_a_checksum_that_differs(project):
    worlds.write_fasta(project.folder / "toy.fa", random_contigs(chr1=1000))
    configure(project, fasta="toy.fa", sha256="0" * 64)
    found = hashlib.sha256((project.folder / "toy.fa").read_bytes()).hexdigest()
    assert re.search(rf"toy\.fa has sha256 {found}, expected 0{{64}}", refusal(project.snakemake()))
    assert made(project) == set()


def test_an_annotation_of_other_contigs(project):
    world = worlds.World.grow(np.random.default_rng(5), {"chr1": 3000})
    worlds.write_fasta(project.folder / "toy.fa", {"NC_000001.11": world.contigs["chr1"]})
    world.write_gff3(project.folder / "toy.gff3")
    configure(project, fasta="toy.fa", annotation="toy.gff3")
    sentence = refusal(project.snakemake("results/genomes/toy/annotation.gff3.gz"))
    assert re.search(r"toy\.gff3: none of its 1 contigs .*chr1.*NC_000001\.11.*contig_aliases", sentence)
    assert {path.name for path in made(project)} == {
        *(
            "genome.fa.gz",
            "genome.fa.gz.fai",
            "genome.fa.gz.gzi",
            "genome.fa.gz.circular",
            "chrom.sizes",
            "provenance.json",
        )
    }


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[str]:
    """A web server on this machine: whatever is asked for, it answers 200 and a page that says it has nothing."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            body = b">chr1\nACGTACGTACGT\n" if self.path.endswith("sound.fa") else PAGE
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("file", "sha256", "said"),
    [
        ("genome.fa.gz", "", r"genome\.fa\.gz served an HTML page \(title '404 - not here'\) instead of a FASTA"),
        ("sound.fa", "1" * 64, r"sound\.fa has sha256 [0-9a-f]{64}, expected 1{64}"),
    ],
)
def test_a_download_that_is_not_the_genome(project, server, file, sha256, said):
    configure(project, fasta=f"{server}/{file}", sha256=sha256)
    assert re.search(said, refusal(project.snakemake(environment={"no_proxy": "127.0.0.1"})))
    assert made(project) == set()


def test_five_mistakes_are_reported_at_once(project):
    worlds.write_fasta(project.folder / "toy.fa", random_contigs(chr1=1000))
    project.configure(
        [
            {"name": "toy", "fasta": "toy.fa", "repeats": "dusty", "shards": 1},
            {"name": "sister", "fasta": "sitser.fa", "shards": "many"},
        ],
        benchmarks=[{"genome": "toy", "task": "perplexty"}],
    )
    config = yaml.safe_load((project.folder / "config.yaml").read_text())
    config["scores"]["windwo"] = 1024
    (project.folder / "config.yaml").write_text(yaml.safe_dump(config))
    done = project.snakemake()
    assert done.returncode != 0 and "Traceback" not in done.stdout
    assert "5 problem(s) in the configuration:" in done.stdout
    problems = re.findall(r"^ *- (.+)$", done.stdout, re.MULTILINE)
    expected = [
        r"configuration, scores: unknown windwo \(did you mean window\?\)",
        r"genomes\.tsv, line 2 \(toy\), repeats: 'dusty'",
        r"genomes\.tsv, line 3 \(sister\), fasta: there is no file 'sitser\.fa'",
        r"genomes\.tsv, line 3 \(sister\), shards: 'many' is not of type integer",
        r"benchmarks\.tsv, line 2 \(toy\), task: 'perplexty' is not a task \(did you mean perplexity\?\)",
    ]
    assert len(problems) == 5
    assert all(any(re.search(pattern, problem) for problem in problems) for pattern in expected), problems
    assert not project.results.exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("chrom,pos,ref,alt\nchr1,100,A,C\n", r"bad\.vcf is not a VCF: it begins with 'chrom,pos"),
        (None, r"record 2 of bad\.vcf \(chr1:50\) comes after position 100; .*bcftools sort"),
    ],
    ids=["not a VCF", "unsorted"],
)
def test_a_call_set_that_cannot_be_read(road, tmp_path, text, said):
    project = road.copy(tmp_path / "project")
    if text is None:
        worlds.write_vcf(project.folder / "bad.vcf", [("chr1", 100, "A", "C"), ("chr1", 50, "A", "C")])
    else:
        (project.folder / "bad.vcf").write_text(text)
    project.sheet("callsets", [{"name": "bad", "genome": "toy", "vcf": "bad.vcf"}])
    before = made(project)
    assert re.search(said, refusal(project.snakemake("results/variants/bad/tiny.vcf.gz")))
    assert made(project) == before


def test_a_call_set_of_another_assembly(road, tmp_path):
    """It is refused, and what is wrong stays there to be looked at."""
    project = road.copy(tmp_path / "project")
    worlds.write_vcf(project.folder / "bad.vcf", [("chr1", at, "A", "C") for at in range(100, 200)])
    project.sheet("callsets", [{"name": "bad", "genome": "toy", "vcf": "bad.vcf"}])
    said = refusal(project.snakemake("results/variants/bad/tiny.vcf.gz"))
    found = re.search(r"REF is not the genome's in (\d+) of 100 alleles of bad\.vcf .* all are in (\S+)\), which", said)
    sheet = pd.read_csv(project.folder / found[2], sep="\t")
    assert len(sheet) == int(found[1]) > 50 and (sheet["genome"] != "A").all()
    assert not (project.results / "variants/bad/alleles").exists()


def test_a_model_folder_that_holds_only_a_pickle(project):
    worlds.write_fasta(project.folder / "toy.fa", random_contigs(chr1=1000))
    (project.folder / "weights").mkdir()
    (project.folder / "weights/pytorch_model.bin").write_bytes(pickle.dumps({"weight": [1.0]}))
    project.configure(
        [{"name": "toy", "fasta": "toy.fa"}],
        models=[{"name": "given", "kind": "one_pass", "source": "weights", "seen": "unknown"}],
    )
    assert re.search(r"weights holds no .*model\.safetensors", refusal(project.snakemake("models")))
    assert made(project) == set()


def test_a_genome_too_small_to_be_divided(project):
    worlds.write_fasta(project.folder / "toy.fa", random_contigs(chr1=300))
    configure(project, fasta="toy.fa")
    assert re.search(r"only 1 piece", refusal(project.snakemake("results/genomes/toy/split.tsv")))
    assert not (project.results / "genomes/toy/split.tsv").exists()


def test_a_sheet_saved_by_a_spreadsheet(project):
    """A byte-order mark, CRLF and empty lines at the end are no mistakes."""
    worlds.write_fasta(project.folder / "toy.fa", random_contigs(chr1=1000))
    configure(project, fasta="toy.fa")
    sheet = project.folder / "genomes.tsv"
    sheet.write_bytes(b"\xef\xbb\xbf" + sheet.read_bytes().replace(b"\n", b"\r\n") + b"\t\r\n")
    project.run("results/genomes/toy/genome.fa.gz")
    assert pd.read_csv(project.results / "genomes/toy/chrom.sizes", sep="\t", header=None)[1].tolist() == [1000]


def test_a_wrong_clock_or_a_place_without_room_stops_a_run_before_its_first_job(project):
    worlds.write_fasta(project.folder / "toy.fa", random_contigs(chr1=20_000))
    configure(project, fasta="toy.fa", repeats="none")
    later = time.time() + 3600
    os.utime(project.folder / "toy.fa", (later, later))
    said = project.snakemake("results/genomes/toy/chrom.sizes")
    assert said.returncode != 0 and "toy.fa was last changed in the future" in said.stdout
    assert not made(project)
    os.utime(project.folder / "toy.fa")
    shutil.rmtree(project.results, ignore_errors=True)
    project.results.write_text("a file")
    said = project.snakemake("results/genomes/toy/chrom.sizes")
    assert said.returncode != 0 and "nothing can be written to results" in said.stdout


def test_handlers_of_a_run_stand_in_one_place():
    """Snakemake keeps only the last of several `onstart`."""
    found = [
        (handler, path.name)
        for path in (CHECKOUT / "Snakefile", *(CHECKOUT / "workflow" / "rules").glob("*.smk"))
        for handler in re.findall(r"^(onstart|onerror|onsuccess):", path.read_text(), re.MULTILINE)
    ]
    assert sorted(found) == [(name, "Snakefile") for name in ("onerror", "onstart", "onsuccess")]
