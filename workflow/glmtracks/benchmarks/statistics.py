"""Ranking statistics with block-bootstrap intervals, exact for every draw.

The number of (positive, negative) pairs that a scorer orders rightly, Mann and Whitney's U, is a sum over pairs of
blocks. It is counted once as a blocks x blocks matrix; every bootstrap draw is then a quadratic form in the number of
times each block was drawn. Statistics that are not sums over pairs are counted per block and threshold instead.
"""

from dataclasses import dataclass

import numpy as np

MIN_BLOCKS = 8  # fewer blocks give no interval
MIN_CLASS = 10  # fewer items of either label give no metric
LEVEL = 0.95
_PAIRS_PER_BIN = 16  # average items per bin of neighbouring scores; inside a bin pairs are compared one by one
_MATRIX_CELLS = 2**24  # most cells of a bins x blocks matrix (128 MB)
_PAIRS_AT_ONCE = 4_000_000
_THRESHOLDS = 1000  # of the precision-recall curve of a draw


@dataclass(frozen=True)
class Estimate:
    """A statistic and its bootstrap distribution.

    value  on all items
    draws  float64 (number of draws,), NaN where a draw has no item to compare; None where no interval is given
    """

    value: float
    draws: np.ndarray | None = None

    def interval(self) -> tuple[float, float]:
        """Lower and upper end of the 95 % percentile interval; NaN, NaN without draws."""
        if self.draws is None or not np.isfinite(self.draws).any():
            return np.nan, np.nan
        tail = 50 * (1 - LEVEL)
        low, high = np.nanpercentile(self.draws, [tail, 100 - tail])
        return float(low), float(high)

    def minus(self, other: "Estimate") -> "Estimate":
        """The paired difference: both statistics must come from the same items and draws."""
        paired = self.draws is not None and other.draws is not None
        return Estimate(self.value - other.value, self.draws - other.draws if paired else None)

    def map(self, function) -> "Estimate":
        """The estimate of a monotone function of the statistic."""
        return Estimate(float(function(self.value)), None if self.draws is None else function(self.draws))


def draw_weights(n_blocks: int, draws: int, seed: int) -> np.ndarray | None:
    """How often each block is drawn, float64 (draws, n_blocks); None for fewer than 8 blocks.

    Blocks are drawn with replacement, as many as there are. Use the same weights for every scorer of a contrast.
    """
    if n_blocks < MIN_BLOCKS:
        return None
    rng = np.random.default_rng(seed)
    return rng.multinomial(n_blocks, np.full(n_blocks, 1 / n_blocks), size=draws).astype(np.float64)


def auroc(
    score: np.ndarray,
    label: np.ndarray,
    block: np.ndarray,
    weights: np.ndarray | None = None,
    stratum: np.ndarray | None = None,
) -> Estimate:
    """Probability that a positive scores higher than a negative, a tie counting one half.

    score    float (n,), finite, higher = more like label 1
    label    0 or 1 (n,)
    block    int (n,), 0 .. number of blocks - 1
    weights  of `draw_weights`, or None for no interval
    stratum  int (n,), >= 0: only pairs of one stratum are compared (sum of U_k over sum of P_k N_k); None for all pairs

    NaN where there is no pair to compare.
    """
    score, positive = np.asarray(score), np.asarray(label).astype(bool)
    block = np.zeros(len(score), dtype=np.int64) if weights is None else np.asarray(block, dtype=np.int64)
    stratum = np.zeros(len(score), dtype=np.int64) if stratum is None else np.asarray(stratum, dtype=np.int64)
    n_blocks = 1 if weights is None else weights.shape[1]
    if not np.isfinite(score).all():
        raise ValueError("scores must be finite; leave out items without a score first")
    wins, pairs = _count_pairs(score, positive, block, n_blocks, stratum)
    value = _ratio(wins.sum(), pairs.sum())
    if weights is None:
        return Estimate(float(value))
    return Estimate(float(value), _ratio(_quadratic(weights, wins), _quadratic(weights, pairs)))


def paired_accuracy(
    score: np.ndarray, label: np.ndarray, block: np.ndarray, pair: np.ndarray, weights: np.ndarray | None = None
) -> Estimate:
    """Share of pairs whose positive scores higher than its own negative, a tie counting one half.

    pair  int (n,): each number stands for at most one positive and one negative; those that lack either do not count

    Other arguments as in `auroc`. A pair inside one block is drawn as often as the block; a pair across two blocks as
    often as the product of both (pigeonhole bootstrap, Owen 2007), so that what its halves share with others counts.
    """
    score, label = np.asarray(score), np.asarray(label)
    order = np.lexsort((label, pair))
    here = np.flatnonzero((np.diff(pair[order]) == 0) & (np.diff(label[order]) == 1))
    negative, positive = order[here], order[here + 1]
    won = (np.sign(score[positive] - score[negative]) + 1) / 2
    value = float(_ratio(won.sum(), float(len(won))))
    if weights is None:
        return Estimate(value)
    n_blocks = weights.shape[1]
    cell = block[positive] * n_blocks + block[negative]
    wins, pairs = (
        _drawn(np.bincount(cell, counted, minlength=n_blocks**2).reshape(n_blocks, n_blocks), weights)
        for counted in (won, np.ones(len(won)))
    )
    return Estimate(value, _ratio(wins, pairs))


def auprc(score: np.ndarray, label: np.ndarray, block: np.ndarray, weights: np.ndarray | None = None) -> Estimate:
    """Area under the precision-recall curve as average precision (scikit-learn's, no interpolation).

    Arguments as in `auroc`. The draws use at most 1,000 thresholds, each set at a quantile of the positives, which
    moves an average precision by less than 0.001 and the value itself not at all.
    """
    from sklearn.metrics import average_precision_score  # a second to import, which most jobs can do without

    score, positive = np.asarray(score), np.asarray(label).astype(bool)
    value = float(average_precision_score(positive, score)) if positive.any() else np.nan
    if weights is None:
        return Estimate(value)
    thresholds = _recall_thresholds(score[positive])
    step = np.searchsorted(-thresholds, -score)  # first threshold, from the highest down, that the score reaches
    hits, alarms = (_per_block(step[rows], block[rows], len(thresholds), weights) for rows in (positive, ~positive))
    new_hits = hits.copy()
    np.cumsum(hits, axis=0, out=hits)
    np.cumsum(alarms, axis=0, out=alarms)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.where(hits > 0, hits / (hits + alarms), 0)
        return Estimate(value, ((new_hits * precision).sum(axis=0) / hits[-1]).astype(np.float64))


def mean(values: np.ndarray, block: np.ndarray, weights: np.ndarray | None = None) -> Estimate:
    """Mean of values, float (n,), over items; arguments as in `auroc`. NaN without items."""
    values = np.asarray(values, dtype=np.float64)
    if weights is None:
        return Estimate(float(_ratio(values.sum(), float(len(values)))))
    sums, counts = (np.bincount(block, w, minlength=weights.shape[1]) for w in (values, np.ones(len(values))))
    return Estimate(float(_ratio(values.sum(), float(len(values)))), _ratio(weights @ sums, weights @ counts))


def odds_ratio(
    score: np.ndarray, label: np.ndarray, block: np.ndarray, share: float, weights: np.ndarray | None = None
) -> Estimate:
    """Odds of label 1 among the highest scores over the odds among the rest, one half added to each count (Haldane).

    share  of the items that count as the highest; of items that tie at the threshold each counts by the share of them
           that is needed, so that a scorer without an opinion has the same share of both labels there

    Other arguments as in `auroc`. The draws keep the threshold of all items. NaN where fewer than 10 items are wanted.
    """
    wanted = share * len(score)
    if wanted < MIN_CLASS:
        return Estimate(np.nan)
    score, label = np.asarray(score), np.asarray(label)
    block = np.zeros(len(score), dtype=np.int64) if weights is None else block
    threshold = np.sort(score)[-int(np.ceil(wanted))]
    above, tied = score > threshold, score == threshold
    top = above + tied * (wanted - above.sum()) / tied.sum()
    n_blocks = 1 if weights is None else weights.shape[1]
    counts = [
        np.bincount(block, side * (label == value), minlength=n_blocks) for side in (top, 1 - top) for value in (1, 0)
    ]

    def ratio(cells) -> np.ndarray:
        a, b, c, d = (cell + 0.5 for cell in cells)
        return a * d / (b * c)

    value = float(ratio([count.sum() for count in counts]))
    return Estimate(value, None if weights is None else ratio([weights @ count for count in counts]))


def spearman(score: np.ndarray, measured: np.ndarray, block: np.ndarray, weights: np.ndarray | None = None) -> Estimate:
    """Rank correlation of two values of each item, float (n,), ties having their mean rank; 0 where either is constant.

    Ranks are made anew in every draw, in which an item counts as often as its block was drawn. Other arguments as in
    `auroc`.
    """
    pair = [_Ranks(np.asarray(values, dtype=np.float64)) for values in (score, measured)]
    value = _correlation(*(ranks(np.ones((1, len(ranks)))) for ranks in pair), np.ones((1, len(pair[0]))))[0]
    if weights is None:
        return Estimate(float(value))
    rows = max(_PAIRS_AT_ONCE // max(len(pair[0]), 1), 1)
    draws = [
        _correlation(*(ranks(some[:, block]) for ranks in pair), some[:, block])
        for some in np.split(weights, range(rows, len(weights), rows))
    ]
    return Estimate(float(value), np.concatenate(draws))


class _Ranks:
    """Mean ranks of values, for any number of copies of each."""

    def __init__(self, values: np.ndarray):
        _, self._group, counts = np.unique(values, return_inverse=True, return_counts=True)
        self._order, self._first = np.argsort(values, kind="stable"), np.cumsum(counts) - counts

    def __len__(self) -> int:
        return len(self._group)

    def __call__(self, copies: np.ndarray) -> np.ndarray:
        """Ranks (draws, n) of the items when each stands `copies`, (draws, n), times."""
        counts = np.add.reduceat(copies[:, self._order], self._first, axis=1)
        return (np.cumsum(counts, axis=1) - (counts - 1) / 2)[:, self._group]


def _correlation(a: np.ndarray, b: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted correlation along rows; (draws, n) each -> (draws,)."""
    total = weights.sum(axis=1, keepdims=True)
    a, b = (values - (weights * values).sum(axis=1, keepdims=True) / total for values in (a, b))
    together, *apart = ((weights * x * y).sum(axis=1) for x, y in ((a, b), (a, a), (b, b)))
    below = np.sqrt(apart[0] * apart[1])
    return np.divide(together, below, out=np.zeros_like(together), where=below > 0)


def _ratio(numerator, denominator):
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.divide(numerator, denominator)


def _quadratic(weights: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """w' M w for every row w of the weights."""
    return np.einsum("db,db->d", weights @ matrix, weights)


def _drawn(matrix: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Sum of a blocks x blocks matrix in every draw: w_i w_j beside the diagonal, w_i on it."""
    inside = np.diag(matrix)
    return _quadratic(weights, matrix - np.diag(inside)) + weights @ inside


def _count_pairs(score, positive, block, n_blocks, stratum) -> tuple[np.ndarray, np.ndarray]:
    """Pairs won and pairs compared, float64 (blocks, blocks): row = block of the positive, column = of the negative.

    Sorted by stratum and score, items are cut into bins. Between bins the order is known, and a product of two
    bins x blocks matrices counts all pairs at once; pairs inside a bin count one half and are then set right one by
    one. Values that occur often get a bin of their own, where one half is right.
    """
    order = np.lexsort((score, stratum))
    score, positive, block, stratum = score[order], positive[order], block[order], stratum[order]
    new_stratum = np.diff(stratum, prepend=stratum[:1]) != 0
    value = np.cumsum(new_stratum | (np.diff(score, prepend=score[:1]) != 0))
    bins = _bins(value, np.cumsum(new_stratum), n_blocks)
    n_bins = int(bins[-1]) + 1 if len(bins) else 0
    ups, downs = (
        np.bincount(bins[rows] * n_blocks + block[rows], minlength=n_bins * n_blocks).reshape(n_bins, n_blocks)
        for rows in (positive, ~positive)
    )
    ups, downs = ups.astype(np.float64), downs.astype(np.float64)
    first_item = np.flatnonzero(np.diff(bins, prepend=-1))
    stratum_of_bin = np.cumsum(new_stratum)[first_item]
    first_bin = np.flatnonzero(np.diff(stratum_of_bin, prepend=-1))
    before = np.cumsum(downs, axis=0) - downs
    before -= before[first_bin][stratum_of_bin]
    wins = ups.T @ (before + downs / 2) + _corrections(value, positive, block, bins, n_blocks)
    pairs = np.add.reduceat(ups, first_bin).T @ np.add.reduceat(downs, first_bin) if n_bins else np.zeros_like(wins)
    return wins, pairs


def _bins(value: np.ndarray, stratum: np.ndarray, n_blocks: int) -> np.ndarray:
    """Bin (n,) of items sorted by stratum and value (both 0, 1, 2 ...); equal values share a bin, strata do not."""
    n = len(value)
    size = max(_PAIRS_PER_BIN, n * n_blocks // _MATRIX_CELLS)
    count = np.bincount(value)
    first = np.cumsum(count) - count
    often = count > size
    stretch = np.cumsum(count) // size
    starts = (np.diff(stratum[first], prepend=-1) != 0) | (np.diff(stretch, prepend=-1) != 0)
    starts |= often | np.concatenate([[False], often[:-1]])
    return (np.cumsum(starts) - 1)[value] if n else value


def _corrections(value, positive, block, bins, n_blocks) -> np.ndarray:
    """Half a pair more or less, (blocks, blocks), for each pair inside a bin whose values differ."""
    above, below = np.flatnonzero(positive), np.flatnonzero(~positive)
    n_bins = int(bins[-1]) + 1 if len(bins) else 0
    mixed = np.zeros(n_bins, dtype=bool)
    mixed[bins[1:][(np.diff(value) != 0) & (np.diff(bins) == 0)]] = True
    above = above[mixed[bins[above]]]
    partners = np.bincount(bins[below], minlength=n_bins)
    offset = np.cumsum(partners) - partners
    ends = np.cumsum(partners[bins[above]])
    result = np.zeros(n_blocks * n_blocks)
    cuts = np.searchsorted(ends, np.arange(0, ends[-1] if len(ends) else 0, _PAIRS_AT_ONCE), side="right")
    for rows in np.split(above, cuts[1:]):
        many = partners[bins[rows]]
        nth = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
        left = np.repeat(rows, many)
        right = below[np.repeat(offset[bins[rows]], many) + nth]
        half = np.sign(value[left] - value[right]) / 2
        result += np.bincount(block[left] * n_blocks + block[right], half, minlength=n_blocks * n_blocks)
    return result.reshape(n_blocks, n_blocks)


def _recall_thresholds(score: np.ndarray) -> np.ndarray:
    """At most 1,000 of the positives' scores, from the highest down, the lowest among them."""
    ordered = np.sort(score)[::-1]
    last = np.linspace(0, len(ordered), min(len(ordered), _THRESHOLDS) + 1).astype(np.int64)[1:] - 1
    return np.unique(ordered[last])[::-1]


def _per_block(step: np.ndarray, block: np.ndarray, n_steps: int, weights: np.ndarray) -> np.ndarray:
    """Weighted number of items at each threshold, float32 (thresholds, draws); items below all thresholds drop out."""
    reached = step < n_steps
    n_blocks = weights.shape[1]
    counts = np.bincount(step[reached] * n_blocks + block[reached], minlength=n_steps * n_blocks)
    return counts.reshape(n_steps, n_blocks).astype(np.float32) @ weights.T.astype(np.float32)
