"""Scorers that know no model: what a benchmark must beat to be worth reading.

The orientation of each is fixed here, before any result is seen: `DAMAGE_SIGN` says whether a higher value is expected
of more damaging changes. A task whose label 1 is the tolerated change turns all of them round. Rates point to label 1
as they are. Those fitted to labels are cross-fitted over blocks, so that no item sees its own; those of the outgroup
task need not be, because there every stratum holds as many items of either label.

random          uniform, 1,000 values, from the seed
constant        0 everywhere; a statistic that does not give exactly 0.5 for it is broken
transition      1 for A<->G and C<->T; transitions are better tolerated in coding sequence and more frequent
substitution    rate of label 1 (consequence), or of substitution at neutral sites (outgroup), of the 12 types
trinucleotide   the same of the 192 trinucleotide substitutions
gc, cpg         G+C fraction, and CpG dinucleotides per base, of the item or the window around it; functional sequence
                of most genomes is richer in both
repeat_fraction share of the item's bases that are repeats, which mostly are not functional
distance_*      bases to the nearest CDS, splice site, transcription start; near is more damaging
consequence_rank  how severe the consequence is, by the order of `consequences.CONSEQUENCES`
phylop, phastcons conservation of the position, where a track is supplied; 0, neutral, where it has no value
"""

import numpy as np
import pandas as pd

from glmtracks.benchmarks.inputs import stretches
from glmtracks.genome import BASES, UNKNOWN, Genome
from glmtracks.intervals import unwrap

DAMAGE_SIGN = {
    "transition": -1,
    "gc": 1,
    "cpg": 1,
    "repeat_fraction": -1,
    "distance_cds": -1,
    "distance_splice": -1,
    "distance_tss": -1,
    "consequence_rank": 1,
    "phylop": 1,
    "phastcons": 1,
}
RATES = ("substitution", "trinucleotide")  # one value per stratum but for the jitter of cross-fitting
FARTHEST = 1_000_000  # distances are clipped here, which is also the distance where a contig has no such feature
FOLDS = 5
_LETTERS = BASES + "N"


def contexts(genome: Genome, items: pd.DataFrame) -> np.ndarray:
    """Codes of the base before, at, and after each item: uint8 (n, 3), UNKNOWN beyond the contig's ends.

    items  contig, start; sorted along the genome
    """
    result = np.empty((len(items), 3), dtype=np.uint8)
    start = items["start"].to_numpy()
    for contig, rows in stretches(items):
        low, high = start[rows][0] - 1, start[rows][-1] + 2
        result[rows] = genome.codes(contig, low, high)[(start[rows] - 1 - low)[:, None] + np.arange(3)]
    return result


def strata(context: np.ndarray, alt: np.ndarray) -> pd.Categorical:
    """Trinucleotide substitution of each SNV, such as "A[C>T]G", on the reference's forward strand.

    The strands are kept apart (192 classes, not the 96 folded to a pyrimidine), because mutation is not symmetric where
    strands differ, as on mitochondria, along transcripts and in genes of a compact genome.

    context  of `contexts`, uint8 (n, 3)
    alt      codes, uint8 (n,)
    """
    left, ref, right, new = np.indices((5, 5, 5, 4)).reshape(4, -1)
    names = [
        f"{_LETTERS[a]}[{_LETTERS[b]}>{_LETTERS[d]}]{_LETTERS[c]}" for a, b, c, d in np.nditer([left, ref, right, new])
    ]
    codes = np.ravel_multi_index((*context.T.astype(np.int64), alt.astype(np.int64)), (5, 5, 5, 4))
    return pd.Categorical.from_codes(codes, categories=names).remove_unused_categories()


def is_transition(ref: np.ndarray, alt: np.ndarray) -> np.ndarray:
    """Whether A<->G or C<->T: bool (n,) from codes 0..3."""
    return (ref.astype(np.int8) - alt.astype(np.int8)) % 2 == 0


def is_cpg(context: np.ndarray) -> np.ndarray:
    """Whether the base is the C or the G of a CpG on either strand: bool (n,) from `contexts`."""
    left, base, right = context.T
    return ((base == 1) & (right == 2)) | ((base == 2) & (left == 1))


def window_content(genome: Genome, items: pd.DataFrame, width: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """G+C fraction, CpG dinucleotides per defined base (float64), and number of undefined bases (int64); (n,) each.

    Each is that of the item and the `width` // 2 bases on either side. Undefined bases, also those beyond the contig's
    ends, do not count for the first two, which are 0 where no base is defined.

    items  contig, start, end; sorted along the genome
    """
    half = width // 2
    start, end = items["start"].to_numpy(), items["end"].to_numpy()
    gc, cpg, undefined = np.zeros(len(items)), np.zeros(len(items)), np.zeros(len(items), dtype=np.int64)
    for contig, rows in stretches(items):
        low = start[rows][0] - half
        codes = genome.codes(contig, low, end[rows].max() + half)
        first, last = start[rows] - half - low, end[rows] + half - low
        undefined[rows] = _count(codes == UNKNOWN, first, last)
        defined = np.maximum(last - first - undefined[rows], 1)
        pairs = (codes[:-1] == 1) & (codes[1:] == 2)
        gc[rows] = _count((codes == 1) | (codes == 2), first, last) / defined
        cpg[rows] = _count(pairs, first, last - 1) / defined
    return gc, cpg, undefined


def _count(flags: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """True values in each interval first .. last - 1."""
    running = np.concatenate([[0], np.cumsum(flags)])
    return running[last] - running[first]


def distance(items: pd.DataFrame, intervals: pd.DataFrame, genome: Genome) -> np.ndarray:
    """Bases from each item to the nearest interval of its contig, int64 (n,): 0 inside, 1 next to it, at most 1 Mb.

    On a circular contig the shorter way round counts.

    items      contig, start
    intervals  contig, start, end (0-based half-open); may overlap
    """
    result = np.full(len(items), FARTHEST, dtype=np.int64)
    by_contig = dict(list(_all_round(intervals, genome).groupby("contig", observed=True, sort=False)))
    for contig, rows in items.groupby("contig", observed=True, sort=False).indices.items():
        if contig in by_contig:
            here = by_contig[contig].sort_values("start")
            starts = here["start"].to_numpy()
            reach = np.maximum.accumulate(here["end"].to_numpy())  # how far intervals that begin so far extend
            position = items["start"].to_numpy()[rows]
            right = np.searchsorted(starts, position, side="right")
            behind = np.where(right > 0, np.maximum(position - reach[right - 1] + 1, 0), FARTHEST)
            ahead = np.where(right < len(starts), starts[np.minimum(right, len(starts) - 1)] - position, FARTHEST)
            result[rows] = np.minimum(np.minimum(behind, ahead), FARTHEST)
    return result


def _all_round(intervals: pd.DataFrame, genome: Genome) -> pd.DataFrame:
    """The intervals, those of circular contigs also where they stand one lap before and one lap after."""
    circling = intervals[intervals["contig"].isin(genome.circular)]
    lap = circling["contig"].astype("str").map(genome.contigs).astype(np.int64)
    laps = [circling.assign(start=circling["start"] + way, end=circling["end"] + way) for way in (-lap, lap)]
    return pd.concat([intervals, *laps]) if len(circling) else intervals


def transcription_starts(features: pd.DataFrame, genome: Genome) -> pd.DataFrame:
    """First base of every transcript as intervals contig, start, end (0-based half-open)."""
    start, end = unwrap(features, genome.contigs)
    features = features.assign(start=start, end=end)
    transcripts = features.groupby(["contig", "transcript", "strand"], observed=True, sort=False)
    spans = transcripts.agg(start=("start", "min"), end=("end", "max")).reset_index()
    start = np.where(spans["strand"] == "-", spans["end"] - 1, spans["start"])
    start %= spans["contig"].astype("str").map(genome.contigs).to_numpy(dtype=np.int64)
    return pd.DataFrame({"contig": spans["contig"], "start": start, "end": start + 1})


def folds(block: np.ndarray) -> np.ndarray:
    """Fold 0..4 of every item: whole blocks, or consecutive fifths of the items where there are fewer than 5 blocks."""
    codes, names = pd.factorize(block)
    return codes % FOLDS if len(names) >= FOLDS else np.arange(len(block)) * FOLDS // max(len(block), 1)


def rate(group: np.ndarray, label: np.ndarray, use: np.ndarray | None = None) -> np.ndarray:
    """Rate of label 1 in the group of each item: float64 (n,).

    group  int (n,), >= 0
    label  0 or 1 (n,)
    use    bool (n,): the items to count; None for all

    Rates are drawn to the overall rate by one pseudo-count, which is also the rate of groups without items to count.
    """
    use = np.ones(len(group), dtype=bool) if use is None else use
    n_groups = int(group.max(initial=0)) + 1
    counts, ones = (np.bincount(group[use], w, minlength=n_groups) for w in (np.ones(use.sum()), label[use]))
    return ((ones + ones.sum() / max(counts.sum(), 1)) / (counts + 1))[group]


def cross_fitted_rate(group: np.ndarray, label: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """`rate` as counted in all folds but an item's own; `fold` is int (n,), of `folds`."""
    result = np.empty(len(group))
    for own in range(FOLDS):
        result[fold == own] = rate(group, label, fold != own)[fold == own]
    return result


def label_rates(items: pd.DataFrame, trinucleotide: pd.Series, label: np.ndarray) -> dict[str, np.ndarray]:
    """Columns baseline_substitution and baseline_trinucleotide: cross-fitted rates of label 1, float64 (n,) each.

    items          ref, alt (codes 0..3), block
    trinucleotide  trinucleotide substitution of each item
    label          0 or 1 (n,)
    """
    fold = folds(items["block"].to_numpy())
    substitution = 4 * items["ref"].to_numpy(dtype=np.int64) + items["alt"].to_numpy()
    groups = {"substitution": substitution, "trinucleotide": pd.factorize(trinucleotide)[0]}
    return {f"baseline_{name}": cross_fitted_rate(group, label, fold) for name, group in groups.items()}
