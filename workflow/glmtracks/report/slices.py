"""What the report page carries of a genome's scores: windows around places of interest, packed for JavaScript.

Numbers are packed as little-endian integers in base64: llr and entropy as int16 of thousandths, of which the scores
have no more decimals; -32768 where there is none. The page therefore says of a base just what the Parquet says.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from glmtracks import tracks
from glmtracks.annotation.consequences import snv_consequences
from glmtracks.annotation.gene_slices import Interval
from glmtracks.errors import InputError
from glmtracks.genome import Genome, decode
from glmtracks.report.loci import Locus
from glmtracks.tracks.calibration import Calibration
from glmtracks.tracks.contig_scores import ContigScores
from glmtracks.tracks.dataset import contigs as contigs_of

FLANK = 1_000  # bases on each side of a place of interest
BUDGET = 250_000  # bases times models that a page carries; ten bytes each
NO_SCORE, LOWEST, HIGHEST = -32_768, -32_767, 32_767
NO_CONSEQUENCE = 255
MOST_ITEMS = 3_000  # benchmark items drawn of a genome, about


@dataclass(frozen=True)
class Room:
    """How much of a genome a page carries, so that pages of many genomes and models stay small.

    loci   places of interest
    flank  bases on each side of each
    """

    loci: int
    flank: int

    @classmethod
    def of(cls, genomes: int, models: int) -> "Room":
        """The room of one of `genomes` genomes that `models` models scored."""
        bases = BUDGET // max(genomes * models, 1)
        flank = int(np.clip(bases // 50, 100, FLANK))
        return cls(int(np.clip(bases // (2 * flank), 3, 30)), flank)


def windows_around(loci: Sequence[Locus], contigs: dict[str, int], flank: int) -> list[Interval]:
    """Disjoint intervals that hold each locus with `flank` bases on both sides, in genome order, inside the contigs."""
    order = {contig: number for number, contig in enumerate(contigs)}
    wanted = [
        (locus.contig, max(locus.start - flank, 0), min(locus.end + flank, contigs[locus.contig]))
        for locus in loci
        if locus.contig in contigs
    ]
    merged: list[Interval] = []
    for contig, start, end in sorted(wanted, key=lambda window: (order[window[0]], window[1])):
        if merged and merged[-1][0] == contig and start <= merged[-1][2]:
            merged[-1] = (contig, merged[-1][1], max(end, merged[-1][2]))
        else:
            merged.append((contig, start, end))
    return merged


def pack(values: np.ndarray, dtype: str) -> str:
    """Numbers as little-endian bytes in base64.

    >>> pack(np.array([1, -1]), "<i2")
    'AQD//w=='
    """
    return base64.b64encode(np.ascontiguousarray(values, dtype=dtype).tobytes()).decode()


def thousandths(values: np.ndarray) -> np.ndarray:
    """Values as int16 of thousandths; NaN becomes `NO_SCORE`, and what int16 cannot hold its nearest value."""
    steps = np.clip(np.rint(np.nan_to_num(values.astype(np.float64)) * 1000), LOWEST, HIGHEST)
    return np.where(np.isnan(values), NO_SCORE, steps).astype(np.int16)


def scores_of(dataset: str | Path, windows: Sequence[Interval]) -> dict:
    """The scores of a model over the windows, one after the other.

    Returns:
        llr, int16 (bases, 4); entropy, int16 (bases,); phred, the ranks of the calibration where there is one: uint32
        thousandths of phred for each llr from `low` thousandths up.
    """
    scored = contigs_of(dataset)
    parts = []
    for contig, start, end in windows:
        part = np.full((end - start, 5), np.nan, np.float32)
        if contig in scored:
            table = ContigScores(dataset, contig, tracks.TRACKS).rows(start, min(end, scored[contig]))
            part[: table.num_rows] = np.stack([table[name].to_numpy() for name in tracks.TRACKS], axis=1)
        parts.append(part)
    values = thousandths(np.concatenate(parts)) if parts else np.zeros((0, 5), np.int16)
    return {"llr": pack(values[:, :4], "<i2"), "entropy": pack(values[:, 4], "<i2"), "phred": _phred(dataset)}


def _phred(dataset: str | Path) -> dict | None:
    try:
        calibration = Calibration.of(dataset)
    except InputError:
        return None
    low, counts = calibration.counts["llr"]
    steps = (low + np.arange(len(counts))) / 1000
    return {"low": low, "values": pack(np.rint(calibration.phred(steps.astype(np.float32)) * 1000), "<u4")}


def sequence_of(dataset: str | Path, windows: Sequence[Interval]) -> str:
    """The reference bases of the windows, one after the other; N where they are undefined."""
    return "".join(
        decode(ContigScores(dataset, contig, ["entropy"]).codes(start, end)) for contig, start, end in windows
    )


def consequences_of(
    genome: Genome, features: pd.DataFrame | None, windows: Sequence[Interval], genetic_code: int
) -> str:
    """What each change of each base of the windows does, uint8 (bases, 4): its place in `CONSEQUENCES`, or 255."""
    parts = []
    for contig, start, end in windows:
        codes = np.full((end - start, 4), NO_CONSEQUENCE, np.uint8)
        if features is not None:
            found = snv_consequences(genome, features, contig, start, end, genetic_code)
            codes[found["start"] - start, found["alt"]] = np.where(
                found["consequence"].isna(), NO_CONSEQUENCE, found["consequence"].cat.codes
            )
        parts.append(codes)
    return pack(np.concatenate(parts) if parts else np.zeros((0, 4)), "<u1")


def repeats_of(regions: pd.DataFrame, windows: Sequence[Interval]) -> list[list]:
    """Repeats in the windows: [contig, start, end], neighbours joined."""
    repeats, found = regions[regions["repeat"]], []
    for contig, start, end in windows:
        here = repeats[(repeats["contig"] == contig) & (repeats["start"] < end) & (repeats["end"] > start)]
        for low, high in zip(here["start"].clip(lower=start), here["end"].clip(upper=end), strict=True):
            if found and found[-1][0] == contig and found[-1][2] == low:
                found[-1][2] = int(high)
            else:
                found.append([contig, int(low), int(high)])
    return found


def items_of(tables: dict[str, pd.DataFrame], windows: Sequence[Interval]) -> list[list]:
    """Items of benchmark tasks in the windows: [contig, start, end, change, label, task and contrast].

    label   1 for the class of interest, 0 for the comparison. Tasks in turn, each with what the ones before leave of
            `MOST_ITEMS`, and never fewer than 10 a window.
    """
    found: list[list] = []
    for task, table in tables.items():
        table = table.dropna(subset=["label"])
        left = max(MOST_ITEMS - len(found), 0)
        for contig, start, end in windows:
            here = table[(table["contig"] == contig) & (table["start"] < end) & (table["end"] > start)]
            for row in here.head(max(left // len(windows), 10)).itertuples():
                change = f"{row.ref}>{row.alt}" if pd.notna(row.alt) and row.alt else ""
                contrast = str(row.contrast).replace("_", " ")
                found.append([contig, int(row.start), int(row.end), change, int(row.label), f"{task}: {contrast}"])
    return found
