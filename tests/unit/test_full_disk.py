"""A full disk is one sentence with the name of the file, and leaves nothing half-written; on a real disk of one MB."""

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent, indent

import pytest

from glmtracks.errors import DiskFull, InputError
from glmtracks.files import atomic, explain_full_disk, no_room
from glmtracks.jobs import job

SIZE = 1 << 20
SCORES = """
import numpy as np
from glmtracks import tracks
codes = np.random.default_rng(0).integers(0, 4, 150_000).astype(np.uint8)
log_probs = np.log(np.random.default_rng(0).dirichlet(np.ones(4), len(codes)))

def shard(path):
    with tracks.ScoresWriter(path, {"model": "random"}) as writer:
        writer.write("c", 0, codes, log_probs)
"""
WRITERS = {
    "shard": SCORES + "shard(disk / 'result')",
    "dataset": SCORES
    + """
shard(other / "s.parquet")
tracks.write_dataset([other / "s.parquet"], {"c": 150_000}, disk / "result")
""",
    "bigwig": SCORES
    + """
from glmtracks.tracks.bigwig import write_bigwig
shard(other / "s.parquet")
tracks.write_dataset([other / "s.parquet"], {"c": 150_000}, other / "scores")
(disk / "filler").write_bytes(bytes(300_000))
write_bigwig(other / "scores", {"c": 150_000}, "llr_A", disk / "result.bw")
""",
    "vcf": """
import numpy as np
from glmtracks.variants.callset import read_callset
from glmtracks.variants.callset_scores import Scorers, score_alleles
from glmtracks.genome import ContigNames, Genome, normalise
from glmtracks.variants.annotated_vcf import annotate_vcf
rng = np.random.default_rng(0)
sequence = "".join(rng.choice(list("ACGT"), 200_000))
(other / "x.fa").write_text(f">c\\n{sequence}\\n")
normalise(other / "x.fa", other / "x.fa.gz", sizes_out=other / "sizes", provenance_out=other / "json")
header = "##fileformat=VCFv4.2\\n#CHROM\\tPOS\\tID\\tREF\\tALT\\tQUAL\\tFILTER\\tINFO\\n"
records = (
    f"c\\t{n + 1}\\t{rng.integers(10**12)}\\t{base}\\t{'ACGT'['ACGT'.index(base) - 1]}\\t.\\t.\\t.\\n"
    for n, base in enumerate(sequence)
)
(other / "x.vcf").write_text(header + "".join(records))
genome = Genome(other / "x.fa.gz")
read_callset(
    other / "x.vcf", genome, ContigNames(genome.contigs), shards=1, folder=other / "alleles",
    mismatches=other / "m.tsv", mismatches_if_refused=other / "r.tsv", max_mismatches=0,
)
alleles, scores = other / "alleles" / "0001-of-0001.parquet", other / "scores.parquet"
lookup = lambda contig, positions, *_: np.random.default_rng(1).normal(size=(2, len(positions))).astype(np.float32)
score_alleles(alleles, Scorers(genome, lookup), scores, {})
annotate_vcf(
    other / "x.vcf", [alleles], [scores], genome.contigs, disk / "result", disk / "result.parquet", model="m"
)
""",
    "safetensors": """
import torch
from glmtracks.models.registry import save
from glmtracks.training import build
save(build("markov", {"order": 9, "prior": 1.0, "seed": 0}), disk / "result")
""",
    "torch": """
import torch
from glmtracks.files import atomic
with atomic(disk / "result") as path:
    torch.save({"a": torch.zeros(600_000)}, path)
""",
    "tabix": """
import pysam
from glmtracks.files import atomic
(other / "x.bed").write_text("".join(f"c\\t{n}\\t{n + 1}\\t{hash(n * 1.1)}\\n" for n in range(200_000)))
with atomic(disk / "result") as path:
    pysam.tabix_compress(str(other / "x.bed"), str(path))
""",
    "bgzip": """
import random
from glmtracks.files import atomic
from glmtracks.gzipped import write_bgzip
(disk / "filler").write_bytes(bytes(1_040_000))
with atomic(disk / "result") as path, write_bgzip(path) as handle:
    handle.write(random.randbytes(50_000))
""",
    "text": """
from glmtracks.files import write_json
write_json(disk / "result", {"long": "x" * 2_000_000})
""",
    "download": """
from glmtracks.download import download
(other / "x.bed").write_bytes(b"chr1\\t0\\t1\\n" * 200_000)
download((other / "x.bed").as_uri(), disk / "result", kind="bed", wait=0)
""",
}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(["mount", *options], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("no file system may be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def run(code: str, disk: Path, log: Path) -> subprocess.CompletedProcess:
    """Run code as a workflow script does; `disk` is full soon, `other` is a folder with room."""
    other = disk.parent / "other"
    other.mkdir()
    begin = f"""
    from pathlib import Path
    from glmtracks.jobs import job
    disk, other = Path({str(disk)!r}), Path({str(other)!r})
    with job({str(log)!r}):
    """
    script = dedent(begin) + indent(code, "    ")
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("writer", WRITERS)
def test_a_full_disk_is_one_sentence_and_leaves_nothing(disk, tmp_path, writer):
    done = run(WRITERS[writer], disk, tmp_path / "log")
    assert done.returncode == 1, done.stderr
    sentence = done.stderr.strip().splitlines()[-1]
    assert sentence.startswith(f"glmtracks: {disk}/result"), done.stderr
    assert "could not be written: the disk is full (" in sentence and "what is finished is kept" in sentence
    assert f"MB are free on the file system of {disk}" in sentence
    assert "Traceback" not in done.stderr
    assert sentence in (tmp_path / "log").read_text()  # where snakemake's last words look for it
    kept = {"result.part", "result.part.json"} if writer == "download" else {"filler"}
    assert {path.name for path in disk.rglob("*") if path.is_file()} <= kept
    assert not list(disk.rglob(".*"))


def test_a_bcf_whose_text_finds_no_room_is_not_called_damaged(disk, tmp_path):
    code = """
import tempfile
import pysam
import pysam.bcftools
from glmtracks.variants.vcf import open_vcf
header = "##fileformat=VCFv4.2\\n##contig=<ID=c>\\n#CHROM\\tPOS\\tID\\tREF\\tALT\\tQUAL\\tFILTER\\tINFO\\n"
(other / "x.vcf").write_text(header + "".join(f"c\\t{n}\\t{'x' * 80}\\tA\\tC\\t.\\t.\\t.\\n" for n in range(1, 20_001)))
pysam.bcftools.view("-Ob", "-o", str(other / "x.bcf"), str(other / "x.vcf"), catch_stdout=False)
tempfile.tempdir = str(disk)
with open_vcf(other / "x.bcf"):
    pass
"""
    done = run(code, disk, tmp_path / "log")
    sentence = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 1 and sentence.startswith(f"glmtracks: {disk}/") and "the disk is full (" in sentence
    assert not list(disk.iterdir())


def test_a_corpus_that_finds_no_room_in_the_folder_of_temporary_files_ends_no_process(disk, tmp_path):
    code = f"import tempfile\nfrom glmtracks.training.packed import _scratch\ntempfile.tempdir = {str(disk)!r}\n"
    done = run(f"{code}_scratch({2 * SIZE})[:] = 1", disk, tmp_path / "log")
    assert done.returncode == 1 and done.stderr.startswith(f"glmtracks: {disk}/corpus "), done.stderr
    assert "the disk is full (1.0 MB are free" in done.stderr and not list(disk.iterdir())


def test_what_was_finished_before_stays(disk, tmp_path):
    code = SCORES + "shard(other / 'whole')\n(disk / 'before').write_text('done')\nshard(disk / 'before')"
    assert run(code, disk, tmp_path / "log").returncode == 1
    assert [(path.name, path.read_text()) for path in disk.iterdir()] == [("before", "done")]


def test_a_log_on_the_full_disk_does_not_hide_the_sentence(disk):
    done = run("(disk / 'filler').write_bytes(bytes(2_000_000))", disk, disk / "log")
    assert done.returncode == 1
    assert done.stderr.strip().startswith("glmtracks: ") and "the disk is full" in done.stderr


def test_of_several_results_the_first_is_named_and_room_counted_when_all_are_gone(disk):
    said = pytest.raises(DiskFull, match=rf"^{disk}/table could not be written: the disk is full \(1\.0 MB are free")
    with said, atomic(disk / "table") as table, atomic(disk / "index"):
        table.write_bytes(bytes(2 * SIZE))


@pytest.mark.parametrize(
    ("error", "number"),
    [
        (OSError(errno.ENOSPC, "full"), errno.ENOSPC),
        (OSError(errno.EDQUOT, "quota"), errno.EDQUOT),
        (RuntimeError("I/O error: No space left on device (os error 28)"), errno.ENOSPC),
        (OSError("Disk quota exceeded"), errno.EDQUOT),
        (OSError(errno.EACCES, "not yours"), None),
        (ValueError("a bug"), None),
    ],
)
def test_errors_for_want_of_room_are_told_from_others(error, number, tmp_path):
    wrapped = RuntimeError("while writing")
    wrapped.__cause__ = error
    assert no_room(error) == no_room(wrapped) == number
    with pytest.raises(DiskFull if number else RuntimeError), atomic(tmp_path / "x"):
        raise wrapped


def test_a_used_up_quota_is_named(tmp_path):
    said = pytest.raises(DiskFull, match="x could not be written: your disk quota is used up")
    with said, explain_full_disk(tmp_path / "x"):
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))


def test_wrong_input_stays_what_it_is(tmp_path):
    with pytest.raises(InputError, match="a wrong contig"), atomic(tmp_path / "x"):
        raise InputError("a wrong contig")


def test_a_panic_keeps_its_traceback_in_the_log(tmp_path):
    class Panic(BaseException):
        pass

    with pytest.raises(SystemExit), job(str(tmp_path / "log")):
        raise Panic
    assert "Panic" in (tmp_path / "log").read_text()
