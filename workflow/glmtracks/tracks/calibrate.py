"""Making the calibration of a dataset of scores, in two passes of which each holds one row group in memory.

The first takes the mean llr of each pentanucleotide and alternative over neutral positions; the second counts how many
SNVs of all scored contigs have each value.
"""

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from glmtracks.errors import InputError
from glmtracks.genome import BASES, UNKNOWN, complement, reverse_complement
from glmtracks.track_names import LLR_COLUMNS
from glmtracks.tracks.calibration import (
    CONTEXTS,
    RANKED,
    Calibration,
    all_contexts,
    context_names,
    corrections_of,
    to_steps,
)
from glmtracks.tracks.contig_scores import ContigScores
from glmtracks.tracks.dataset import contigs, metadata
from glmtracks.tracks.derived import FLANK, context_numbers, rounded
from glmtracks.tracks.neutral import Neutral

logger = logging.getLogger(__name__)

MINIMUM = 30  # neutral positions, both strands together, that a context needs for a mean of its own
DECIMALS = 4  # of a correction


def calibrate(dataset: str | Path, neutral: Neutral, destination: str | Path) -> None:
    """Make and write the calibration of a dataset.

    Mutation does not tell the strands apart, so that a context and alternative and their reverse complements share one
    mean. Contexts of fewer than MINIMUM neutral positions take the mean of their trinucleotide, that of the base alone
    if that has too few as well, and that of all substitutions if even the base never occurs.

    Args:
        dataset: folder of `glmtracks.tracks.write_dataset`.
        neutral: where the llr means mutation and no selection.
        destination: the folder (see `glmtracks.tracks.calibration`), replaced as a whole.

    Raises:
        InputError: not a dataset, one without any score, or no neutral position has one.
    """
    counts, sums = _neutral_sums(dataset, neutral)
    if not counts.sum():
        raise InputError(f"no neutral position ({neutral.what}) of {dataset} has a score; give the genome other ones")
    table = correction_table(counts, sums)
    corrections = corrections_of(table)
    said = {
        "scores": metadata(dataset),
        "contigs": len(contigs(dataset)),
        "neutral": neutral.what,
        "neutral_positions": int(counts.sum()) // 2,  # which were counted on both strands
        "minimum_positions": MINIMUM,
    }
    ranks = _count_values(dataset, corrections)
    said["snvs"] = int(ranks["llr"][1].sum())
    Calibration(corrections, ranks, said).write(destination, table)
    own = (table["from"] == "pentanucleotide").sum() / (len(BASES) ** (2 * FLANK + 1) * (len(BASES) - 1))
    logger.info(
        f"{destination}: {said['neutral_positions']:,} neutral positions ({neutral.what}); {own:.0%} of the "
        f"pentanucleotides have a mean of their own; {said['snvs']:,} SNVs ranked"
    )


def _llr(dataset: str | Path, task: str) -> Iterator[tuple[str, int, np.ndarray, np.ndarray]]:
    """(contig, start, codes with FLANK more on each side, llr float32 (4, n)) of each row group."""
    with tqdm(total=sum(contigs(dataset).values()), desc=task, unit=" bases", unit_scale=True, disable=None) as bar:
        for contig in contigs(dataset):
            scores = ContigScores(dataset, contig, LLR_COLUMNS)
            for start, table in scores:
                llr = np.stack([table[column].to_numpy() for column in LLR_COLUMNS])
                yield contig, start, scores.codes(start - FLANK, start + table.num_rows + FLANK), llr
                bar.update(table.num_rows)


def _neutral_sums(dataset: str | Path, neutral: Neutral) -> tuple[np.ndarray, np.ndarray]:
    """Number of neutral positions (CONTEXTS,) and sum of their llr (4, CONTEXTS), of each context, on both strands."""
    counts, sums = np.zeros(CONTEXTS, np.int64), np.zeros((len(BASES), CONTEXTS))
    for contig, start, codes, llr in _llr(dataset, "means of contexts"):
        wanted = neutral.covers(contig, start, start + llr.shape[1]) & ~np.isnan(llr[0])
        found = context_numbers(codes)[wanted]
        counts += np.bincount(found, minlength=CONTEXTS)
        for alt in range(len(BASES)):
            sums[alt] += np.bincount(found, llr[alt, wanted], minlength=CONTEXTS)
    other = context_numbers(reverse_complement(all_contexts()))[:, 0]
    return counts + counts[other], sums + sums[complement(np.arange(len(BASES)))][:, other]


def correction_table(counts: np.ndarray, sums: np.ndarray) -> pd.DataFrame:
    """The content of pentanucleotides.tsv.

    Args:
        counts: int64 (CONTEXTS,), neutral positions of both strands.
        sums: float64 (4, CONTEXTS), sums of their llr.

    Returns:
        context, alt, positions, mean_llr (NaN without positions), correction, from; contexts of all 5, of the inner 3
        and of the base alone, with N for what is left open.
    """
    shape = (UNKNOWN + 1,) * (2 * FLANK + 1)
    counts, sums = counts.reshape(shape), sums.reshape(len(BASES), *shape)
    steps = []
    overall = sums[:, :, :, :UNKNOWN].sum() / (counts[:, :, :UNKNOWN].sum() * (len(BASES) - 1))
    correction, origin = np.full((len(BASES), *shape), overall), np.full((len(BASES), *shape), "all", dtype=object)
    for flank, name in enumerate(("base", "trinucleotide", "pentanucleotide")):
        outer = tuple(n for n in range(2 * FLANK + 1) if abs(n - FLANK) > flank)
        number = np.broadcast_to(counts.sum(axis=outer, keepdims=True), shape)
        total = np.broadcast_to(sums.sum(axis=tuple(n + 1 for n in outer), keepdims=True), sums.shape)
        mean = np.divide(total, number, out=np.full(sums.shape, np.nan), where=number > 0)
        enough = np.broadcast_to(number >= (MINIMUM if flank else 1), sums.shape)
        correction, origin = np.where(enough, mean, correction), np.where(enough, name, origin)
        steps.append((outer, number, mean, correction, origin))
    return pd.concat([_rows(*step) for step in reversed(steps)], ignore_index=True)


def _rows(
    outer: tuple[int, ...], number: np.ndarray, mean: np.ndarray, correction: np.ndarray, origin: np.ndarray
) -> pd.DataFrame:
    """The rows of `correction_table` for the contexts whose places `outer`, and no others, are left open."""
    codes, names = all_contexts(), np.array(context_names())
    is_open = np.isin(np.arange(number.ndim), outer)
    contexts = np.flatnonzero(((codes == UNKNOWN) == is_open).all(axis=1))
    parts = []
    for alt, letter in enumerate(BASES):
        chosen = contexts[codes[contexts, FLANK] != alt]
        parts.append(
            pd.DataFrame(
                {
                    "context": names[chosen],
                    "alt": letter,
                    "positions": number.ravel()[chosen],
                    "mean_llr": mean[alt].ravel()[chosen].round(DECIMALS),
                    "correction": correction[alt].ravel()[chosen].round(DECIMALS),
                    "from": origin[alt].ravel()[chosen],
                }
            )
        )
    return pd.concat(parts).sort_values(["context", "alt"])


class _Counts:
    """How often each value of 3 decimals occurs; grows as values come."""

    def __init__(self):
        self.low, self.counts = 0, np.zeros(1, np.int64)

    def add(self, values: np.ndarray) -> None:
        steps = to_steps(values)
        if not len(steps):
            return
        low, high = min(self.low, int(steps.min())), max(self.low + len(self.counts) - 1, int(steps.max()))
        self.counts = np.pad(self.counts, (self.low - low, high - self.low - len(self.counts) + 1))
        self.low = low
        self.counts += np.bincount(steps - low, minlength=len(self.counts))

    def trimmed(self) -> tuple[int, np.ndarray]:
        taken = np.flatnonzero(self.counts)
        return self.low + int(taken[0]), self.counts[taken[0] : taken[-1] + 1]


def _count_values(dataset: str | Path, corrections: np.ndarray) -> dict[str, tuple[int, np.ndarray]]:
    """`Calibration.counts` of all SNVs of a dataset."""
    found = {name: _Counts() for name in RANKED}
    for _, _, codes, llr in _llr(dataset, "ranks"):
        context = context_numbers(codes)
        scored = ~np.isnan(llr[0])
        for alt in range(len(BASES)):
            wanted = scored & (codes[FLANK : len(codes) - FLANK] != alt)
            found["llr"].add(llr[alt, wanted])
            found["llr_corrected"].add(rounded(llr[alt, wanted] - corrections[context[wanted], alt]))
    return {name: counts.trimmed() for name, counts in found.items()}
