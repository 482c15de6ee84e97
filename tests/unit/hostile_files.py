"""Small files of each kind, what spoils them, and how each is read: for hypothesis, and for tests/fuzz."""

from collections.abc import Callable
from pathlib import Path

from glmtracks.annotation import canonicalise
from glmtracks.bed import read_bed_of
from glmtracks.config import load
from glmtracks.errors import InputError
from glmtracks.genome import ContigNames, Genome
from glmtracks.genome.fasta import normalise
from glmtracks.variants.callset import read_callset

GENOME = {"chrI": "ACGTACGTGATTACA" * 20, "chrM": "GATCACAGGTCT"}
FILES = {
    "fasta": b">chrI one\nACGTNacgt\nACGT\n>chrM\nGATTACA\n",
    "gff": b"##gff-version 3\nchrI\tx\tgene\t1\t90\t.\t+\t.\tID=g\nchrI\tx\tmRNA\t1\t90\t.\t+\t.\tID=t;Parent=g\n"
    b"chrI\tx\texon\t1\t90\t.\t+\t.\tParent=t\nchrI\tx\tCDS\t1\t90\t.\t+\t0\tParent=t\n",
    "gtf": b'chrI\tx\ttranscript\t1\t90\t.\t-\t.\tgene_id "g"; transcript_id "t";\n'
    b'chrI\tx\texon\t1\t90\t.\t-\t.\tgene_id "g"; transcript_id "t";\n'
    b'chrI\tx\tCDS\t1\t90\t.\t-\t0\tgene_id "g"; transcript_id "t";\n',
    "vcf": b'##fileformat=VCFv4.2\n##INFO=<ID=AC,Number=A,Type=Integer,Description="x">\n'
    b"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\nchrI\t1\trs1\tA\tC,G\t.\tPASS\tAC=1,2\nchrM\t3\t.\tT\tTA\t9\t.\t.\n",
    "bed": b"track name=x\nchrI\t1\t9\tname\t0\t+\nchrM\t0\t12\n",
}
PIECES = [
    b"\t", b"\n", b"\r\n", b"\r", b"\0", b" ", b">", b"#", b"##", b";", b"=", b"%", b"%zz", b'"', b"\xff\xfe", b"\xc3",
    b"-1", b"0", b"99999999999999999999", b"1e9", b"nan", b"..", b".", b",", b"*", b"<DEL>", b"N" * 300, b"\x1f\x8b",
    b"\xef\xbb\xbf", b"$(touch owned)", b"`touch owned`", b"; touch owned", b"../../x", b"chrI", b"chrZ",
]  # fmt: skip


def _read_fasta(path: Path, genome: Genome, folder: Path) -> None:
    outputs = {"sizes_out": folder / "sizes", "provenance_out": folder / "provenance.json"}
    normalise(path, folder / "genome.fa.gz", **outputs)


def _read_annotation(path: Path, genome: Genome, folder: Path) -> None:
    canonicalise(path, genome.path, folder / "a.gff3.gz", {})


def _read_vcf(path: Path, genome: Genome, folder: Path) -> None:
    read_callset(
        path,
        genome,
        ContigNames(genome.contigs),
        shards=2,
        folder=folder / "alleles",
        mismatches=folder / "mismatches.tsv",
        mismatches_if_refused=folder / "refused.tsv",
        max_mismatches=1.0,
    )


def _read_bed(path: Path, genome: Genome, folder: Path) -> None:
    read_bed_of(genome, path, ContigNames(genome.contigs))


READERS: dict[str, Callable[[Path, Genome, Path], None]] = {
    "fasta": _read_fasta,
    "gff": _read_annotation,
    "gtf": _read_annotation,
    "vcf": _read_vcf,
    "bed": _read_bed,
}


def read_or_refuse(kind: str, data: bytes, genome: Genome, folder: Path) -> None:
    """Read `data` as a file of a kind; what is refused is refused in one line that names the file."""
    path = folder / f"hostile.{kind}"
    path.write_bytes(data)
    try:
        READERS[kind](path, genome, folder)
    except InputError as error:
        assert str(path) in str(error)
        assert "\n" not in str(error).strip()


def configure(folder: Path, sheets: dict[str, str]) -> dict:
    """A configuration of sheets with this text."""
    (folder / "toy.fa").write_text(">chrI\nACGT\n")
    for name, text in sheets.items():
        (folder / f"{name}.tsv").write_text(text, encoding="utf-8", newline="")
    return {name: str(folder / f"{name}.tsv") for name in sheets}


SHEETS = {
    "genomes": "name\tfasta\nsister\ttoy.fa\n",
    "models": "name\tkind\tsource\tgenomes\tparameters\nm\tmarkov\ttrain\tsister\torder=3\n",
    "benchmarks": "genome\ttask\n",
    "callsets": "name\tgenome\tvcf\n",
}


def load_or_refuse(name: str, data: bytes, folder: Path) -> None:
    """Load a configuration with `data` as one of its sheets; what is refused is refused as a list of problems."""
    config = configure(
        folder, {sheet: text.replace("toy.fa", str(folder / "toy.fa")) for sheet, text in SHEETS.items()}
    )
    Path(config[name]).write_bytes(data)
    try:
        load(config)
    except InputError as error:
        assert "problem(s) in the configuration" in str(error)
