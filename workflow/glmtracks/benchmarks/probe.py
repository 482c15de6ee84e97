"""Probes of embeddings: what a linear classifier finds in vectors, how they cluster, and statistics of classes.

A probe is judged on items that it was not fitted to: each fold is predicted by a logistic regression on the others.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np
import pandas as pd
from scipy.special import xlogy
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from glmtracks.benchmarks.statistics import Estimate

PENALTY = 0.01  # inverse strength (C) of the logistic regression, the same for every scorer
STEPS = 500  # most iterations of a fit
COMPONENTS = 30  # principal components in which items are clustered and drawn
GAP = 2_000  # bases; items nearer to a fold on the same contig are left out of the fit for it
GROUPS = 5  # consecutive groups of items where there are too few contigs
MOST_FOLDS = 10
LEAST = 1e-6  # probability


class Classifier(Protocol):
    """What `predict` asks of a probe: the classifiers of scikit-learn have it."""

    classes_: np.ndarray

    def fit(self, vectors: np.ndarray, classes: np.ndarray) -> "Classifier":
        """Learn classes, (n,), from vectors, (n, channels)."""

    def predict_proba(self, vectors: np.ndarray) -> np.ndarray:
        """Probabilities (n, classes), in the order of `classes_`."""


def folds(items: pd.DataFrame) -> np.ndarray:
    """Fold of every item: its contig where there are at least 3, several to a fold beyond 10; else one of 5 groups.

    items  contig, start; sorted along the genome
    """
    contig = pd.factorize(items["contig"].astype(str))[0]
    if contig.max(initial=0) >= 2:
        return contig % MOST_FOLDS
    return np.arange(len(items)) * GROUPS // max(len(items), 1)


def linear() -> Pipeline:
    """The probe: a logistic regression on standardised vectors."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=PENALTY, max_iter=STEPS, class_weight="balanced"))


def predict(
    vectors: np.ndarray, items: pd.DataFrame, gap: int = GAP, probe: Callable[[], Classifier] = linear
) -> tuple[np.ndarray, np.ndarray]:
    """The class that a probe gives every item, object (n,), and the log of its own class's probability, (n,).

    Classes weigh the same whatever their number, because the headline is a mean over classes.

    vectors  (n, channels), what the probe takes
    items    contig, start, stratum (the class), fold
    gap      bases between a fold and what is fitted for it
    probe    makes a classifier that has not been fitted

    Items of a fold for which nothing is left to fit are given no class (None, NaN).
    """
    truth = items["stratum"].astype(str).to_numpy()
    predicted, log_p = np.full(len(items), None, dtype=object), np.full(len(items), np.nan, dtype=np.float32)
    for fold in np.unique(items["fold"]):
        here = (items["fold"] == fold).to_numpy()
        fitted = ~here & ~_near(items, here, gap)
        if len(np.unique(truth[fitted])) < 2:
            continue
        model = probe().fit(vectors[fitted], truth[fitted])
        chance = model.predict_proba(vectors[here])
        predicted[here] = model.classes_[chance.argmax(axis=1)]
        own = (model.classes_ == truth[here][:, None]) * chance
        log_p[here] = np.log(np.maximum(own.sum(axis=1), LEAST))
    return predicted, log_p


def _near(items: pd.DataFrame, here: np.ndarray, gap: int) -> np.ndarray:
    """Items that begin less than `gap` bases from one of those in `here` on the same contig: bool (n,)."""
    near = np.zeros(len(items), dtype=bool)
    start = items["start"].to_numpy()
    for rows in items.groupby("contig", observed=True, sort=False).indices.values():
        inside = np.sort(start[rows[here[rows]]])
        if len(inside):
            place = np.searchsorted(inside, start[rows])
            left, right = inside[np.maximum(place - 1, 0)], inside[np.minimum(place, len(inside) - 1)]
            near[rows] = np.minimum(np.abs(start[rows] - left), np.abs(right - start[rows])) < gap
    return near


def cluster(vectors: np.ndarray, clusters: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Principal components, float32 (n, at most 30), of standardised vectors, and clusters there by k-means."""
    components = min(COMPONENTS, *vectors.shape)
    reduced = make_pipeline(StandardScaler(), PCA(components, random_state=seed)).fit_transform(vectors)
    found = KMeans(clusters, n_init=10, random_state=seed).fit_predict(reduced)
    return reduced.astype(np.float32), found


# Statistics of tables of counts: rows are classes, columns what was predicted


def tables(
    truth: np.ndarray, found: np.ndarray, block: np.ndarray, weights: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray | None]:
    """How often each class (row) was found to be each thing (column): of all items (K, C), and in every draw.

    truth, found  int (n,), 0 .. K - 1 and 0 .. C - 1
    block         int (n,)
    weights       of `statistics.draw_weights`, float64 (draws, blocks), or None
    """
    rows, columns = int(truth.max()) + 1, int(found.max()) + 1
    cell = truth * columns + found
    whole = np.bincount(cell, minlength=rows * columns).reshape(rows, columns).astype(np.float64)
    if weights is None:
        return whole, None
    blocks = weights.shape[1]
    each = np.bincount(block * rows * columns + cell, minlength=blocks * rows * columns).reshape(blocks, -1)
    return whole, (weights @ each).reshape(-1, rows, columns)


def estimate(statistic, truth, found, block, weights) -> Estimate:
    """`statistic` of the `tables`, with its draws."""
    whole, drawn = tables(truth, found, block, weights)
    return Estimate(float(statistic(whole)), None if drawn is None else statistic(drawn))


def macro_f1(table: np.ndarray) -> np.ndarray:
    """Mean over the classes that occur of 2 TP / (2 TP + FP + FN); (..., K, K) -> (...)."""
    hits = np.diagonal(table, axis1=-2, axis2=-1)
    true, predicted = table.sum(axis=-1), table.sum(axis=-2)
    present = true > 0
    score = np.divide(2 * hits, true + predicted, out=np.zeros_like(hits), where=present)
    return score.sum(axis=-1) / present.sum(axis=-1)


def mcc(table: np.ndarray) -> np.ndarray:
    """Matthews correlation of several classes (Gorodkin 2004), 0 where it is not defined; (..., K, K) -> (...)."""
    true, predicted, total = table.sum(axis=-1), table.sum(axis=-2), table.sum(axis=(-2, -1))
    hits = np.trace(table, axis1=-2, axis2=-1)
    above = hits * total - (true * predicted).sum(axis=-1)
    below = np.sqrt((total**2 - (true**2).sum(axis=-1)) * (total**2 - (predicted**2).sum(axis=-1)))
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)


def adjusted_rand(table: np.ndarray) -> np.ndarray:
    """Rand index corrected for chance (Hubert and Arabie 1985); (..., K, C) -> (...)."""

    def pairs(counts):
        return counts * (counts - 1) / 2

    both = pairs(table).sum(axis=(-2, -1))
    rows, columns = (pairs(table.sum(axis=axis)).sum(axis=-1) for axis in (-1, -2))
    expected = rows * columns / pairs(table.sum(axis=(-2, -1)))
    most = (rows + columns) / 2
    return np.divide(both - expected, most - expected, out=np.ones_like(both), where=most != expected)


def normalised_mutual_information(table: np.ndarray) -> np.ndarray:
    """Mutual information over the mean of both entropies; (..., K, C) -> (...)."""
    share = table / table.sum(axis=(-2, -1), keepdims=True)
    rows, columns = share.sum(axis=-1), share.sum(axis=-2)

    def entropy(p, axes):
        return -xlogy(p, p).sum(axis=axes)

    of_rows, of_columns = entropy(rows, -1), entropy(columns, -1)
    shared = of_rows + of_columns - entropy(share, (-2, -1))
    mean = (of_rows + of_columns) / 2
    return np.divide(shared, mean, out=np.ones_like(shared), where=mean > 0)
