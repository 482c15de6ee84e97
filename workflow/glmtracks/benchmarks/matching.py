"""Comparison items that agree with the items of interest in everything that is not the question."""

from collections.abc import Callable

import numpy as np
import pandas as pd

ROUNDS = 20
DRAWN = 500_000  # windows drawn in a round
MOST_DRAWN = 200  # of them for one element
ENOUGH = 0.005  # a round that finds controls for fewer of the elements that are left is the last
FITTED = 100_000  # windows to which `covariate_score` is fitted


def matched(cell: np.ndarray, label: np.ndarray, seed: int) -> np.ndarray:
    """Which items to keep so that every cell holds as many of label 1 as of label 0, drawn by chance: bool (n,).

    cell   int (n,), >= 0: items of one cell agree in every matched covariate
    label  0 or 1 (n,)
    """
    ones = np.bincount(cell, label).astype(np.int64)
    wanted = np.minimum(ones, np.bincount(cell) - ones)
    key = np.random.default_rng(seed).random(len(cell))
    order = np.lexsort((key, label, cell))
    group = 2 * cell[order] + label[order]
    first = np.searchsorted(group, group)
    kept = np.zeros(len(cell), dtype=bool)
    kept[order] = np.arange(len(cell)) - first < wanted[cell[order]]
    return kept


class Coverage:
    """How many bases of a window lie in a set of intervals, in any order and overlapping or not.

    intervals  contig, start, end; 0-based half-open
    """

    def __init__(self, intervals: pd.DataFrame):
        groups = intervals.groupby("contig", observed=True, sort=False)[["start", "end"]]
        self._by_contig = {contig: _covered_before(*here.to_numpy().T) for contig, here in groups}

    def __call__(self, windows: pd.DataFrame) -> np.ndarray:
        """Covered bases of each window (contig, start, end): int64 (n,)."""
        result = np.zeros(len(windows), dtype=np.int64)
        edges = windows[["start", "end"]].to_numpy()
        for contig, rows in windows.groupby("contig", observed=True, sort=False).indices.items():
            if contig in self._by_contig:
                before = np.interp(edges[rows], *self._by_contig[contig])
                result[rows] = np.rint(before[:, 1] - before[:, 0])
        return result


def _covered_before(start: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The number of covered bases before a position, as the corners of a curve that is straight between them."""
    position = np.concatenate([start, end])
    order = np.argsort(position, kind="stable")
    position = position[order]
    depth = np.cumsum(np.where(order < len(start), 1, -1))
    covered = np.where(depth[:-1] > 0, np.diff(position), 0)
    return position, np.concatenate([[0], np.cumsum(covered)])


def pair_up(
    elements: pd.DataFrame, draw: Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame], by: list[str], seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One control window for every element that finds one, in rounds, so that elements hard to match are tried longer.

    elements  contig, start, end, contrast, and the columns `by`
    draw      from rows of elements, some of them many times, and a generator: windows of their contigs, lengths and
              contrasts with the columns of elements, in any order; rows may be left out
    by        columns in which a control is equal to its element

    Returns the pairs (columns of elements, label: 1 for elements, pair: 0, 1, …), in which no window is a control twice
    in one contrast, and what was drawn in the first round.
    """
    rng = np.random.default_rng(seed)
    place = ["contrast", "contig", "start", "end"]
    first_drawn, used, pairs, n_pairs = None, elements[place].iloc[:0], [], 0
    left = elements.assign(label=np.int8(1))
    for number in range(ROUNDS):
        times = int(np.clip(DRAWN // max(len(left), 1), 1, MOST_DRAWN))
        drawn = draw(elements.loc[np.repeat(left.index, times)], rng)
        first_drawn = drawn if first_drawn is None else first_drawn
        again = pd.concat([used, drawn[place]]).duplicated().to_numpy()[len(used) :]
        table = pd.concat([left.reset_index(), drawn[~again].assign(label=np.int8(0))], ignore_index=True)
        cell = table.groupby(by, observed=True, sort=False).ngroup().to_numpy()
        kept = matched(cell, table["label"].to_numpy(), seed + number)
        order = np.lexsort((table["label"][kept], cell[kept]))
        found = table[kept].iloc[order]
        ones, zeros = (found[found["label"] == label] for label in (1, 0))  # row by row of one cell
        numbers = n_pairs + np.arange(len(ones))
        pairs += [side.drop(columns="index").assign(pair=numbers) for side in (ones, zeros)]
        n_pairs += len(ones)
        used = pd.concat([used, zeros[place]])
        left = left.drop(index=ones["index"].astype(np.int64))
        if left.empty or len(ones) <= ENOUGH * (len(left) + len(ones)):
            break
    return pd.concat(pairs, ignore_index=True), first_drawn


def covariate_score(
    elements: pd.DataFrame, others: pd.DataFrame, covariates: list[str], items: pd.DataFrame, seed: int
) -> np.ndarray:
    """What the matched covariates alone make of items: log-odds of being an element, float64 (n,).

    A logistic regression on the covariates, their squares and products, fitted to elements and unmatched windows. It
    knows no bins, so it shows what matching by bins has left over.
    """
    # scikit-learn takes a second to import, which most jobs can do without
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PolynomialFeatures, StandardScaler

    rng = np.random.default_rng(seed)
    sides = [
        side[covariates].iloc[rng.permutation(len(side))[: FITTED // 2]].to_numpy(dtype=np.float64)
        for side in (elements, others)
    ]
    if not all(map(len, sides)):
        return np.zeros(len(items))
    regression = LogisticRegression(max_iter=1000, class_weight="balanced")
    model = make_pipeline(StandardScaler(), PolynomialFeatures(2), StandardScaler(), regression)
    model.fit(np.concatenate(sides), np.repeat([1, 0], list(map(len, sides))))
    return model.decision_function(items[covariates].to_numpy(dtype=np.float64))
