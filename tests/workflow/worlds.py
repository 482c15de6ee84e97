"""Synthetic genomes with planted genes, written as the files that people have: FASTA, GFF3 and VCF."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

BASES = np.frombuffer(b"ACGT", dtype=np.uint8)
# A few codons only, so that the Markov models have something to learn.
CODONS = ("GCT", "GAA", "AAG", "CTG", "GAT", "ATC", "GGT", "CGT", "TCT", "ACC", "GTT", "CAG")
COMPLEMENT = bytes.maketrans(b"ACGTacgt", b"TGCAtgca")


def random_dna(rng: np.random.Generator, length: int, gc: float = 0.4) -> bytes:
    """Independent bases, a share `gc` of them C or G."""
    at = (1 - gc) / 2
    return rng.choice(BASES, size=length, p=[at, gc / 2, gc / 2, at]).tobytes()


def reverse_complement(sequence: bytes) -> bytes:
    """The other strand in its own direction; letters other than A, C, G, T stay."""
    return sequence.translate(COMPLEMENT)[::-1]


def coding_sequence(rng: np.random.Generator, codons: int) -> bytes:
    """An open reading frame of `codons` codons with its start and its stop."""
    return b"ATG" + "".join(rng.choice(CODONS, size=codons - 2)).encode() + b"TAA"


@dataclass
class Gene:
    """A protein-coding gene; `exons` are 0-based half-open and coding from end to end, in ascending order."""

    name: str
    contig: str
    strand: str
    exons: list[tuple[int, int]]

    @property
    def start(self) -> int:
        return self.exons[0][0]

    @property
    def end(self) -> int:
        return self.exons[-1][1]


@dataclass
class World:
    """Contigs, name -> sequence, and the genes planted in them."""

    contigs: dict[str, bytes]
    genes: list[Gene] = field(default_factory=list)

    @classmethod
    def grow(cls, rng: np.random.Generator, lengths: dict[str, int], spacing: int = 2000, codons: int = 120) -> "World":
        """Random contigs with a gene in every `spacing` bases, on strands in turn, every third one with an intron."""
        world = cls({})
        for name, length in lengths.items():
            sequence = bytearray(random_dna(rng, length))
            for start in range(500, length - 3 * codons - 400, spacing):
                number = len(world.genes)
                piece, exons = _spliced(rng, codons, intron=number % 3 == 2)
                strand = "+-"[number % 2]
                if strand == "-":
                    piece = reverse_complement(piece)
                    exons = [(len(piece) - end, len(piece) - begin) for begin, end in reversed(exons)]
                sequence[start : start + len(piece)] = piece
                placed = [(start + begin, start + end) for begin, end in exons]
                world.genes.append(Gene(f"g{number:03d}", name, strand, placed))
            world.contigs[name] = bytes(sequence)
        return world

    def write_gff3(self, path: Path) -> None:
        """Genes in the style of Ensembl: gene, mRNA, exon, CDS."""
        path.write_text("\n".join(["##gff-version 3", *(line for gene in self.genes for line in _gff3(gene))]) + "\n")


def _spliced(rng: np.random.Generator, codons: int, intron: bool) -> tuple[bytes, list[tuple[int, int]]]:
    coding = coding_sequence(rng, codons)
    if not intron:
        return coding, [(0, len(coding))]
    cut, between = len(coding) // 2 + 1, b"GTAAGT" + random_dna(rng, 90) + b"TTTCAG"
    return coding[:cut] + between + coding[cut:], [(0, cut), (cut + len(between), len(coding) + len(between))]


def _gff3(gene: Gene) -> Iterable[str]:
    def row(kind: str, start: int, end: int, phase: object, attributes: str) -> str:
        return "\t".join(map(str, (gene.contig, "test", kind, start + 1, end, ".", gene.strand, phase, attributes)))

    yield row("gene", gene.start, gene.end, ".", f"ID=gene:{gene.name};biotype=protein_coding")
    yield row("mRNA", gene.start, gene.end, ".", f"ID=transcript:{gene.name}.t;Parent=gene:{gene.name}")
    read = 0
    for start, end in gene.exons if gene.strand == "+" else reversed(gene.exons):
        yield row("exon", start, end, ".", f"Parent=transcript:{gene.name}.t")
        yield row("CDS", start, end, -read % 3, f"ID=CDS:{gene.name};Parent=transcript:{gene.name}.t")
        read += end - start


def write_fasta(path: Path, contigs: dict[str, bytes], line: int = 70, newline: bytes = b"\n") -> None:
    """A plain FASTA."""
    with path.open("wb") as handle:
        for name, sequence in contigs.items():
            pieces = [sequence[at : at + line] for at in range(0, len(sequence), line)]
            handle.write(newline.join([b">" + name.encode(), *pieces]) + newline)


def mutated(rng: np.random.Generator, sequence: bytes, rate: float) -> bytes:
    """The sequence with a share `rate` of its bases substituted, as in a sister species."""
    codes = np.frombuffer(sequence.upper(), dtype=np.uint8).copy()
    hit = np.flatnonzero((rng.random(len(codes)) < rate) & np.isin(codes, BASES))
    codes[hit] = BASES[(np.searchsorted(BASES, codes[hit]) + rng.integers(1, 4, len(hit))) % 4]
    return codes.tobytes()


def write_vcf(path: Path, records: Sequence[tuple[str, int, str, str]], header: Sequence[str] = ()) -> None:
    """A plain VCF of records contig, 1-based position, REF, ALT, as they come, with an INFO field to be kept."""
    lines = [
        "##fileformat=VCFv4.2",
        '##INFO=<ID=NOTE,Number=1,Type=Integer,Description="number of the record">',
        *header,
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO",
        *(
            f"{contig}\t{position}\trs{number}\t{ref}\t{alt}\t.\tPASS\tNOTE={number}"
            for number, (contig, position, ref, alt) in enumerate(records)
        ),
    ]
    path.write_text("\n".join(lines) + "\n")


def road() -> World:
    """Eleven contigs, 66 kb in all, with genes, N, IUPAC codes and soft-masked repeats; one is 40 bases long."""
    rng = np.random.default_rng(1)
    lengths = {f"chr{number}": 6000 + 200 * number for number in range(1, 10)} | {"scaffold_10.1": 3000, "tiny": 40}
    world = World.grow(rng, lengths)
    repeat = random_dna(rng, 60).lower()
    for name in ("chr1", "chr4", "chr5", "chr8"):
        world.contigs[name] = _overwrite(world.contigs[name], 1600, repeat)
    world.contigs["chr2"] = _overwrite(world.contigs["chr2"], 1700, b"N" * 50 + b"RYK")
    world.contigs["chr4"] = _overwrite(world.contigs["chr4"], 1700, b"N" * 20)
    return world


def _overwrite(sequence: bytes, start: int, piece: bytes) -> bytes:
    return sequence[:start] + piece + sequence[start + len(piece) :]


def road_variants(world: World) -> list[tuple[str, int, str, str]]:
    """SNVs on many contigs under three styles of contig names, and one of each kind of variant without a score."""
    rng = np.random.default_rng(3)

    def base(contig: str, position: int) -> str:
        return chr(world.contigs[contig][position - 1]).upper()

    def others(contig: str, position: int) -> list[str]:
        return [letter for letter in "ACGT" if letter != base(contig, position)]

    records = []
    for contig, written in (("chr2", "2"), ("chr3", "NC_0003.1"), ("chr4", "chr4")):
        positions = np.sort(rng.choice(np.arange(10, 1500), size=60, replace=False)).tolist()
        records += [(written, at, base(contig, at), ",".join(others(contig, at)[: 1 + at % 3])) for at in positions]
    first, last = base("chr5", 100), base("chr5", 101)
    records += [
        ("chr5", 100, first, f"{others('chr5', 100)[0]},{first}A,*,<DEL>,."[:-2]),
        (
            "chr5",
            100,
            first + last,
            f"{first},{others('chr5', 100)[1]}{last}",
        ),  # the second is a SNV with a base to spare
        ("chr5", 100, first + last, others("chr5", 100)[0] + others("chr5", 101)[0]),
        ("chr5", 200, base("chr5", 200), "<INS>"),
        ("chr5", 201, base("chr5", 201), base("chr5", 201) + "[chr2:100["),
        ("chr5", 202, base("chr5", 202), "."),
        ("chr5", 203, others("chr5", 203)[0], base("chr5", 203)),  # REF is not the genome's
        ("chr5", 204, base("chr5", 204), "N"),
        ("chr5", len(world.contigs["chr5"]) + 5, "A", "C"),
        ("elsewhere", 7, "A", "C"),
    ]
    return records
