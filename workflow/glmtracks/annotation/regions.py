"""The region class of every base of a genome: coding, UTR, splice site, intron, RNA gene, promoter or intergenic."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from glmtracks.annotation import read_annotation
from glmtracks.annotation.gene_parts import CLASSES, INTERGENIC, STRANDS, transcript_parts
from glmtracks.bed import read_bed
from glmtracks.files import atomic
from glmtracks.genome import Genome
from glmtracks.intervals import COLUMNS, locate, paint, sorted_unique
from glmtracks.parquet import WITH_CHECKSUMS, read_frame

logger = logging.getLogger(__name__)

REGION_COLUMNS = ["contig", "start", "end", "region", "strand", "phase", "codon_position", "gene", "repeat"]
_NO_PARTS = pd.DataFrame(columns=[*COLUMNS, "region", "strand", "phase", "gene"]).astype(
    {"start": np.int64, "end": np.int64, "region": np.int8, "strand": np.int8, "phase": np.int8}
)
BATCH_BASES = 1 << 28  # contigs are worked on together up to this size, longer ones alone


def make_regions(
    genome: Genome, features: pd.DataFrame | None, repeats: pd.DataFrame, *, promoter: int = 500
) -> pd.DataFrame:
    """Region class, reading frame and repeat status of every base, as intervals that tile the genome.

    Where several transcripts cover a base the class that comes first in CLASSES wins; within a class the transcript
    with the longer CDS, then the plus strand, then the name in alphabetical order.

    Args:
        genome: its contigs are used, not its bases.
        features: the transcript features table, or None if the genome has no annotation.
        repeats: contig, start, end of repeats, in any order.
        promoter: bases upstream of a transcript.

    Returns:
        One row per interval, sorted by contig in genome order and start, without gap or overlap:
        contig (categorical in genome order), start, end (int64), region (categorical, null without annotation),
        strand (categorical), phase (int8: bases to skip from the interval's 5' end to the next codon; -1 outside
        codons), codon_position (int8: 1..3 of the base at `start`, read in the direction of the CDS; 0 outside
        codons), gene (string or null), repeat (bool).
    """
    parts = None if features is None else transcript_parts(features, genome.contigs, promoter)
    if parts is not None:
        parts = parts.assign(no_codon=parts["phase"] < 0).sort_values(["region", "no_codon", "rank"], kind="stable")
        parts = parts.drop_duplicates([*COLUMNS, "region", "strand", "gene"])
    lengths = np.fromiter(genome.contigs.values(), dtype=np.int64)
    names = pd.Index(list(genome.contigs))
    annotated = parts is not None
    parts = (parts if annotated else _NO_PARTS).assign(contig=lambda table: names.get_indexer(table["contig"]))
    repeats = repeats[COLUMNS].assign(contig=names.get_indexer(repeats["contig"]))
    batches = [_classify(first, lengths[first:last], parts, repeats) for first, last in _batches(lengths)]
    regions = pd.concat(batches, ignore_index=True)
    if not annotated:
        regions["region"] = -1
    regions["contig"] = pd.Categorical.from_codes(regions["contig"], names)
    regions["region"] = pd.Categorical.from_codes(regions["region"], CLASSES)
    regions["strand"] = pd.Categorical.from_codes(regions["strand"], STRANDS)
    return regions[REGION_COLUMNS]


def _batches(lengths: np.ndarray) -> list[tuple[int, int]]:
    """The contigs, as first and last + 1, in groups of at most BATCH_BASES or of one."""
    ends = np.cumsum(lengths)
    batches, first, done = [], 0, 0
    while first < len(ends):
        last = max(int(np.searchsorted(ends, done + BATCH_BASES, side="right")), first + 1)
        batches.append((first, last))
        first, done = last, ends[last - 1]
    return batches


def _classify(first_contig: int, lengths: np.ndarray, parts: pd.DataFrame, repeats: pd.DataFrame) -> pd.DataFrame:
    """The rows of `make_regions`, with codes for categories, of some contigs laid end to end on one axis."""
    offsets = np.cumsum(lengths) - lengths
    total = int(lengths.sum())
    starts, ends, mine = _on_axis(parts, first_contig, offsets)
    repeat_starts, repeat_ends, _ = _on_axis(repeats, first_contig, offsets)
    painted, owners = paint(starts, ends, 0, total)
    borders = sorted_unique(np.concatenate([painted, offsets, repeat_starts, repeat_ends]))
    left, right = borders[:-1], borders[1:]
    owner = owners[np.searchsorted(painted, left, side="right") - 1]
    change = np.zeros(len(borders), dtype=np.int64)
    np.add.at(change, np.searchsorted(borders, repeat_starts), 1)
    np.add.at(change, np.searchsorted(borders, repeat_ends), -1)

    def of_owner(values: np.ndarray, otherwise: int) -> np.ndarray:
        return np.append(values, otherwise)[owner]

    gene, genes = pd.factorize(mine["gene"])
    strand, phase = of_owner(mine["strand"].to_numpy(), STRANDS.index(".")), of_owner(mine["phase"].to_numpy(), -1)
    forward = strand == STRANDS.index("+")
    from_five_prime = np.where(forward, left - of_owner(starts, 0), of_owner(ends, 0) - 1 - left)
    position = np.where(phase >= 0, (from_five_prime - phase) % 3 + 1, 0)
    table = pd.DataFrame(
        {
            "contig": np.searchsorted(offsets, left, side="right") - 1,
            "start": left,
            "end": right,
            "region": of_owner(mine["region"].to_numpy(), INTERGENIC),
            "strand": strand,
            "codon_position": position,
            "gene": of_owner(gene, -1),
            "repeat": np.cumsum(change[:-1]) > 0,
        }
    )
    table = _join_equal(table)
    table["phase"] = _phase(table)
    table["start"] -= offsets[table["contig"]]
    table["end"] -= offsets[table["contig"]]
    table["contig"] += first_contig
    table["gene"] = pd.Series(np.append(np.asarray(genes, dtype=object), None)[table["gene"]], dtype="str")
    codes = dict.fromkeys(["region", "strand", "phase", "codon_position"], np.int8)
    return table.astype({"contig": np.int32, **codes})


def _on_axis(
    intervals: pd.DataFrame, first_contig: int, offsets: np.ndarray
) -> tuple[np.ndarray, np.ndarray, pd.DataFrame]:
    """Start and end on the axis of the intervals on its contigs, and those intervals."""
    code = intervals["contig"].to_numpy() - first_contig
    chosen = (code >= 0) & (code < len(offsets))
    mine, shift = intervals[chosen], offsets[code[chosen]]
    return mine["start"].to_numpy() + shift, mine["end"].to_numpy() + shift, mine


def _join_equal(table: pd.DataFrame) -> pd.DataFrame:
    """Neighbours that differ in nothing joined, coding ones only if the reading frame goes on."""
    before = table.shift()
    length, ahead = before["end"] - before["start"], before["strand"] == STRANDS.index("+")
    expected = (before["codon_position"] - 1 + length.where(ahead, -length)) % 3 + 1
    in_frame = table["codon_position"] == expected.where(before["codon_position"] > 0, 0)
    same = (
        table[["contig", "region", "strand", "gene", "repeat"]]
        == before[["contig", "region", "strand", "gene", "repeat"]]
    )
    first = ~(same.all(axis=1) & in_frame).to_numpy()
    joined = table[first].reset_index(drop=True)
    joined["end"] = np.append(joined["start"].to_numpy()[1:], table["end"].to_numpy()[-1:])
    return joined


def _phase(table: pd.DataFrame) -> np.ndarray:
    """Bases from the 5' end of each interval to the next codon (int8), -1 outside codons."""
    span = table["end"] - table["start"] - 1
    forward = table["strand"] == STRANDS.index("+")
    five_prime = table["codon_position"] - 1 - span.where(~forward, 0)
    return np.where(table["codon_position"] > 0, -five_prime % 3, -1).astype(np.int8)


def label_positions(regions: pd.DataFrame, contig: str, positions: np.ndarray) -> pd.DataFrame:
    """The labels of single bases.

    Args:
        regions: as from `make_regions`.
        contig: name.
        positions: 0-based integers inside the contig, shape (n,), in any order.

    Returns:
        region, strand (categorical), codon_position (int8; 0 outside codons), gene (string or null), repeat (bool);
        one row per position, in their order.

    Raises:
        KeyError: no such contig.
        IndexError: a position outside the contig.
    """
    if contig not in regions["contig"].cat.categories:
        raise KeyError(f"{contig} is not a contig of these regions")
    codes = regions["contig"].cat.codes.to_numpy()
    code = regions["contig"].cat.categories.get_loc(contig)
    here = regions.iloc[np.searchsorted(codes, code) : np.searchsorted(codes, code, side="right")]
    positions = np.asarray(positions)
    index = locate(here["start"].to_numpy(), here["end"].to_numpy(), positions)
    if (index < 0).any():
        raise IndexError(f"position {positions[index < 0][0]} (0-based) is outside {contig}")
    found = here.iloc[index].reset_index(drop=True)
    away = positions - found["start"].to_numpy()
    away = np.where(found["strand"] == "-", -away, away)
    position = found["codon_position"].to_numpy()
    found["codon_position"] = np.where(position > 0, (position - 1 + away) % 3 + 1, 0).astype(np.int8)
    return found[["region", "strand", "codon_position", "gene", "repeat"]]


def write_regions(regions: pd.DataFrame, path: str | Path) -> None:
    """Write the table of `make_regions` as Parquet, contig, region and strand as dictionaries."""
    with atomic(path) as temporary:
        regions.to_parquet(temporary, index=False, compression="zstd", **WITH_CHECKSUMS)


def read_regions(path: str | Path) -> pd.DataFrame:
    """The table of `make_regions` from a file of `write_regions`, with its categories."""
    return read_frame(path)


def classify(
    fasta: str | Path, repeats: str | Path, annotation: str | Path | None, output: str | Path, promoter: int = 500
) -> None:
    """Write the regions of a normalised genome.

    Args:
        fasta: bgzip FASTA with its indexes.
        repeats: BED of three or more columns, plain or gzip.
        annotation: canonical GFF3, or None.
        output: Parquet (see `make_regions`).
        promoter: bases upstream of a transcript.
    """
    genome = Genome(fasta)
    features = read_annotation(annotation) if annotation else None
    regions = make_regions(genome, features, read_bed(repeats), promoter=promoter)
    write_regions(regions, output)
    bases = (regions["end"] - regions["start"]).groupby(regions["region"]).sum()
    shares = ", ".join(f"{name} {count / genome.size:.2%}" for name, count in bases.items())
    logger.info("%s: %d intervals; %s", output, len(regions), shares if annotation else "no annotation")
