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
from conftest import CHECKOUT, SETTINGS, Project

PAGE = b"<!DOCTYPE html><html><head><title>404 - not here</title></head><body>Sorry.</body></html>"


def random_contigs(**lengths: int) -> dict[str, bytes]:
    rng = np.random.default_rng(4)
    return {name: worlds.random_dna(rng, length) for name, length in lengths.items()}


def made(project: Project, under: str = "") -> set[str]:
    """Everything under a folder of results/ but logs."""
    logs = project.results / "logs"
    paths = (path for path in (project.results / under).rglob("*") if path.is_file() and logs not in path.parents)
    return {path.relative_to(project.results).as_posix() for path in paths}


def sentence(done: CompletedProcess, project: Project, log: str) -> str:
    """The one sentence that a failing job of a run ends with: in its log, and at the end of the run."""
    assert done.returncode != 0 and "Traceback" not in done.stdout, done.stdout
    path = f"results/logs/{log}.log"
    (said,) = re.findall(r"^glmtracks: (.+)$", (project.folder / path).read_text(), re.MULTILINE)
    assert f"To mend: {said} [{path}]" in done.stdout
    return said


def truncated_gzip(path: Path) -> None:
    worlds.write_fasta(path, random_contigs(chr1=60_000))
    path.write_bytes(gzip.compress(path.read_bytes())[:10_000])


def truncated_bgzip(path: Path) -> None:
    whole = path.with_name("whole.fa")
    worlds.write_fasta(whole, random_contigs(chr1=400_000))
    pysam.tabix_compress(str(whole), str(path), force=True)
    path.write_bytes(path.read_bytes()[:-28])  # all data, but not the block that ends a bgzip file


def duplicated_name(path: Path) -> None:
    path.write_text(">chr1 first\nACGTACGT\n>chr2\nACGT\n>chr1 second\nACGTACGT\n")


def empty(path: Path) -> None:
    path.write_text("")


def protein(path: Path) -> None:
    path.write_text(">sp|P68871|HBB_HUMAN\nMVHLTPEEKSAVTALWGKVNVDEVGGEALGRLLVVYPWTQRFFESFGDLST\n")


FASTAS = {
    truncated_gzip: r"fasta is a damaged or cut-off gzip file .*fetch it again",
    truncated_bgzip: r"fasta is cut off: .*fetch it again",
    duplicated_name: r"fasta, line 5: a second contig is called chr1; rename",
    empty: r"fasta is empty",
    protein: r"fasta, contig sp\|P68871\|HBB_HUMAN, line 2: this looks like a protein",
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


@pytest.fixture(scope="module")
def refused(tmp_path_factory, server) -> tuple[CompletedProcess, Project]:
    """A run that goes on whatever fails, of genomes and a model of which each is wrong in its own way."""
    project = Project(tmp_path_factory.mktemp("refused"))
    rows = []
    for make in FASTAS:
        make(project.folder / f"{make.__name__}.fasta")
        rows.append({"name": make.__name__, "fasta": f"{make.__name__}.fasta"})
    world = worlds.World.grow(np.random.default_rng(5), {"chr1": 3000})
    worlds.write_fasta(project.folder / "renamed.fa", {"NC_000001.11": world.contigs["chr1"]})
    world.write_gff3(project.folder / "genes.gff3")
    worlds.write_fasta(project.folder / "small.fa", random_contigs(chr1=300))
    (project.folder / "weights").mkdir()
    (project.folder / "weights/pytorch_model.bin").write_bytes(pickle.dumps({"weight": [1.0]}))
    rows += [
        {"name": "checksum", "fasta": "small.fa", "sha256": "0" * 64},
        {"name": "renamed", "fasta": "renamed.fa", "annotation": "genes.gff3"},
        {"name": "small", "fasta": "small.fa"},
        {"name": "page", "fasta": f"{server}/genome.fa.gz"},
        {"name": "other", "fasta": f"{server}/sound.fa", "sha256": "1" * 64},
    ]
    models = [{"name": "pickle", "kind": "one_pass", "source": "weights", "seen": "unknown"}]
    project.configure(rows, models=models)
    targets = (
        *(f"results/genomes/{row['name']}/genome.fa.gz" for row in rows),
        *("results/genomes/renamed/annotation.gff3.gz", "results/genomes/small/split.tsv", "models"),
    )
    return project.snakemake("--keep-going", *targets, environment={"no_proxy": "127.0.0.1"}), project


@pytest.mark.parametrize("make", FASTAS)
def test_a_fasta_that_cannot_be_right(refused, make):
    assert re.search(FASTAS[make], sentence(*refused, f"genome/{make.__name__}"))
    assert made(refused[1], f"genomes/{make.__name__}") == set()


def test_a_checksum_that_differs(refused):
    found = hashlib.sha256((refused[1].folder / "small.fa").read_bytes()).hexdigest()
    assert re.search(rf"small\.fa has sha256 {found}, expected 0{{64}}", sentence(*refused, "genome/checksum"))
    assert made(refused[1], "genomes/checksum") == set()


def test_an_annotation_of_other_contigs(refused):
    said = sentence(*refused, "annotation/renamed")
    assert re.search(r"genes\.gff3: none of its 1 contigs .*chr1.*NC_000001\.11.*contig_aliases", said)
    genome = ("genome.fa.gz", "genome.fa.gz.fai", "genome.fa.gz.gzi", "genome.fa.gz.circular", "chrom.sizes")
    assert made(refused[1], "genomes/renamed") == {f"genomes/renamed/{name}" for name in (*genome, "provenance.json")}


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("genome.fa.gz", r"genome\.fa\.gz served an HTML page \(title '404 - not here'\) instead of a FASTA"),
        ("sound.fa", r"sound\.fa has sha256 [0-9a-f]{64}, expected 1{64}"),
    ],
)
def test_a_download_that_is_not_the_genome(refused, file, said):
    (log,) = (refused[1].results / "logs/download").glob(f"*-{file}.log")
    assert re.search(said, sentence(*refused, f"download/{log.stem}"))
    assert made(refused[1], "downloads") == set()


def test_a_model_folder_that_holds_only_a_pickle(refused):
    assert re.search(r"weights holds no .*model\.safetensors", sentence(*refused, "load_model/pickle"))
    assert made(refused[1], "models") == set()


def test_a_genome_too_small_to_be_divided(refused):
    assert re.search(r"only 1 piece", sentence(*refused, "split/small"))
    assert "genomes/small/split.tsv" not in made(refused[1])


def test_a_pattern_for_other_contigs_is_found_before_a_model_is_trained(project):
    worlds.write_fasta(project.folder / "toy.fa", random_contigs(contig_1=20_000, contig_2=20_000))
    scores = SETTINGS["scores"] | {"contigs": "^chr"}
    project.configure([{"name": "toy", "fasta": "toy.fa", "shards": 1}], scores=scores)
    said = sentence(project.snakemake("genomes", "tracks"), project, "list_contigs/toy")
    assert re.search(r"scores\.contigs .* matches '\^chr'; there are contig_1, contig_2 …; correct", said)
    assert made(project, "models") == made(project, "windows") == set()


@pytest.fixture(scope="module")
def refused_calls(road, tmp_path_factory) -> tuple[CompletedProcess, Project]:
    """A run of call sets that are wrong, on the genome of the road."""
    project = road.copy(tmp_path_factory.mktemp("refused_calls") / "project")
    (project.folder / "table.vcf").write_text("chrom,pos,ref,alt\nchr1,100,A,C\n")
    worlds.write_vcf(project.folder / "unsorted.vcf", [("chr1", 100, "A", "C"), ("chr1", 50, "A", "C")])
    worlds.write_vcf(project.folder / "assembly.vcf", [("chr1", at, "A", "C") for at in range(100, 200)])
    names = ("table", "unsorted", "assembly")
    project.sheet("callsets", [{"name": name, "genome": "toy", "vcf": f"{name}.vcf"} for name in names])
    targets = (f"results/variants/{name}/tiny.vcf.gz" for name in names)
    return project.snakemake("--keep-going", *targets), project


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("table", r"table\.vcf is not a VCF: it begins with 'chrom,pos"),
        ("unsorted", r"record 2 of unsorted\.vcf \(chr1:50\) comes after position 100; .*bcftools sort"),
    ],
)
def test_a_call_set_that_cannot_be_read(refused_calls, name, pattern):
    assert re.search(pattern, sentence(*refused_calls, f"read_callset/{name}"))
    assert made(refused_calls[1], f"variants/{name}") == set()


def test_a_call_set_of_another_assembly(refused_calls):
    """It is refused, and what is wrong stays there to be looked at."""
    said = sentence(*refused_calls, "read_callset/assembly")
    pattern = r"REF is not the genome's in (\d+) of 100 alleles of assembly\.vcf .* all are in (\S+)\), which"
    found = re.search(pattern, said)
    sheet = pd.read_csv(refused_calls[1].folder / found[2], sep="\t")
    assert len(sheet) == int(found[1]) > 50 and (sheet["genome"] != "A").all()
    assert made(refused_calls[1], "variants/assembly") == set()


def test_what_was_made_before_stays_when_jobs_are_refused(road, refused_calls):
    assert made(road) <= made(refused_calls[1])


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


def test_a_sheet_saved_by_a_spreadsheet(project):
    """A byte-order mark, CRLF and empty lines at the end are no mistakes."""
    worlds.write_fasta(project.folder / "toy.fa", random_contigs(chr1=1000))
    project.configure([{"name": "toy", "fasta": "toy.fa"}])
    sheet = project.folder / "genomes.tsv"
    sheet.write_bytes(b"\xef\xbb\xbf" + sheet.read_bytes().replace(b"\n", b"\r\n") + b"\t\r\n")
    project.run("results/genomes/toy/genome.fa.gz")
    assert pd.read_csv(project.results / "genomes/toy/chrom.sizes", sep="\t", header=None)[1].tolist() == [1000]


def test_a_wrong_clock_or_a_place_without_room_stops_a_run_before_its_first_job(project):
    worlds.write_fasta(project.folder / "toy.fa", random_contigs(chr1=20_000))
    project.configure([{"name": "toy", "fasta": "toy.fa", "repeats": "none"}])
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
