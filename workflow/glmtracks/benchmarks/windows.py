"""Do embeddings tell the parts of a genome apart? Windows that lie in one region class, and a linear probe of them.

A window is 100 bases of one region class, either without any repeat or wholly repeat; the class of the latter is
"repeat" whatever else they are. Each fold, a contig or a stretch of one, is predicted by a probe of the others, with a
gap between. The vectors are the mean embeddings of a model, or, as baselines, the windows' k-mer spectra and their
G+C and CpG content; all go through the same probe. A small convolutional network, trained on the bases and classes of
the same folds, is the baseline of what can be had without pretraining. Clusters are made without looking at the
classes, those beside the network from the bases as they stand. Only held-out sequence is used, so that no window was
seen in training, not even unlabelled.
"""

import logging

import numpy as np
import pandas as pd

from glmtracks.benchmarks import baselines, probe
from glmtracks.benchmarks.inputs import ITEM_COLUMNS, Inputs, Sample, assign_blocks, in_genome_order
from glmtracks.benchmarks.statistics import MIN_BLOCKS, MIN_CLASS, mean
from glmtracks.benchmarks.summary import Contrast, Cut, Metric, Scorer
from glmtracks.genome import Genome
from glmtracks.intervals import intersect
from glmtracks.kmers import canonical_kmers

logger = logging.getLogger(__name__)

SIZE = 100  # bases
MOST = 20_000  # windows
LONGEST_WORD = 4  # of the k-mer spectrum: all canonical words of 1 to 4 bases
TOO_SHORT = ("splice_donor", "splice_acceptor")
WITH, WITHOUT = "all windows", "windows without repeats"
PLACE = ["contig", "start", "end"]
PROBED = ("predicted", "cluster", "components")
ALL_CLASSES = frozenset({"macro_f1", "mcc", "ari", "nmi"})
ONE_CLASS = frozenset({"constant"})  # recalls all windows of one class and none of the others

READS = ()


def items(inputs: Inputs) -> pd.DataFrame:
    """Windows of the test split, at most 20,000 and `max_items`, of classes that are frequent enough to be judged.

    The stratum is the class. Windows without repeats stand in both contrasts, if there are repeats at all.
    """
    sample = Sample("stratum", min(MOST, inputs.options.max_items), inputs.seed)
    sample.add(pure_windows(inputs))
    table = in_genome_order(sample.rows(), inputs.genome)
    gc, cpg, undefined = baselines.window_content(inputs.genome, table)
    table = table.assign(gc=gc, cpg=cpg)[undefined == 0].reset_index(drop=True)
    table = table.assign(fold=probe.folds(table), block=assign_blocks(table, inputs.regions))
    table = _without_rare(table)
    repeat = table["stratum"] == "repeat"
    contrasts = [(WITHOUT, table[~repeat].reset_index(drop=True))]
    if repeat.any():
        contrasts.insert(0, (WITH, table))
    parts = [_contrast(inputs, name, rows) for name, rows in contrasts if rows["stratum"].nunique() > 1]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(ITEM_COLUMNS))


def pure_windows(inputs: Inputs) -> pd.DataFrame:
    """Windows side by side in the middle of every stretch of one class: contig, start, end, stratum (the class)."""
    pieces = intersect(inputs.regions[["contig", "start", "end", "region", "repeat"]], inputs.test)
    pieces = pieces[~pieces["region"].isin(TOO_SHORT) & pieces["region"].notna()]
    name = pieces["region"].astype(str).where(~pieces["repeat"], "repeat").to_numpy()
    contig, start, end = (pieces[column].to_numpy() for column in ("contig", "start", "end"))
    begins = np.ones(len(pieces), dtype=bool)
    begins[1:] = (contig[1:] != contig[:-1]) | (start[1:] != end[:-1]) | (name[1:] != name[:-1])
    first = np.flatnonzero(begins)
    start, end = start[first], end[np.append(first[1:], len(pieces))[: len(first)] - 1]
    count = (end - start) // SIZE
    offset = (end - start - count * SIZE) // 2 + start
    row = np.repeat(np.arange(len(first)), count)
    start = offset[row] + SIZE * (np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count))
    return pd.DataFrame(
        {"contig": contig[first][row], "start": start, "end": start + SIZE, "stratum": name[first][row]}
    )


def _without_rare(table: pd.DataFrame) -> pd.DataFrame:
    """Windows of classes with at least 10 windows, in at least 2 folds, one to learn from and one to be asked for.

    And in at least 8 blocks, where there are so many, because a mean over classes jumps where a draw lacks a class.
    """
    groups = table.groupby("stratum")
    classes = groups.agg(windows=("fold", "size"), folds=("fold", "nunique"), blocks=("block", "nunique"))
    least_blocks = min(MIN_BLOCKS, table["block"].nunique())
    rare = classes[(classes["windows"] < MIN_CLASS) | (classes["folds"] < 2) | (classes["blocks"] < least_blocks)]
    for row in rare.itertuples():
        logger.info(
            "class %s is left out: %d windows in %d folds and %d blocks", row.Index, row.windows, row.folds, row.blocks
        )
    return table[~table["stratum"].isin(rare.index)].reset_index(drop=True)


def _contrast(inputs: Inputs, name: str, table: pd.DataFrame) -> pd.DataFrame:
    """Items of one contrast, with what the probe makes of the vectors that need no model."""
    logger.info("%s: %s", name, ", ".join(f"{count} {kind}" for kind, count in table["stratum"].value_counts().items()))
    nothing = pd.array([None] * len(table), dtype="string")
    table = table.assign(ref=nothing, alt=nothing, label=pd.array([None] * len(table), dtype="Int8"), contrast=name)
    from glmtracks.benchmarks.cnn import OneHotCnn  # torch, which only the drawing of items needs

    codes = np.stack([inputs.genome.codes(*row) for row in zip(*(table[c] for c in PLACE), strict=True)])
    content = table[["gc", "cpg"]].to_numpy()
    vectors = {"kmer_spectrum": kmer_spectra(inputs.genome, table), "gc_cpg": np.column_stack([content, content**2])}
    columns = {}
    for scorer, values in vectors.items():
        found = _probed(values, table, inputs.seed)
        columns |= {f"{scorer}_{column}": found[column] for column in ("score", "predicted", "cluster")}
    predicted, log_p = probe.predict(codes, table, probe=lambda: OneHotCnn(inputs.seed))
    _, found = probe.cluster(np.eye(5)[codes][..., :4].reshape(len(table), -1), table["stratum"].nunique(), inputs.seed)
    columns |= {"cnn_score": log_p, "cnn_predicted": pd.array(predicted, dtype="string"), "cnn_cluster": found}
    return table.drop(columns=["gc", "cpg"]).assign(**columns)


def kmer_spectra(genome: Genome, items: pd.DataFrame) -> np.ndarray:
    """Frequencies of the canonical words of 1 to 4 bases in every item (contig, start, end): float64 (n, words)."""
    parts = []
    for k in range(1, LONGEST_WORD + 1):
        everything = canonical_kmers(np.indices((4,) * k).reshape(k, -1).T.astype(np.uint8).ravel(), k)[0][::k]
        words = np.unique(everything)
        counts = np.zeros((len(items), len(words)))
        for row, (contig, start, end) in enumerate(zip(items["contig"], items["start"], items["end"], strict=True)):
            found, defined = canonical_kmers(genome.codes(contig, start, end), k)
            counts[row] = np.bincount(np.searchsorted(words, found[defined]), minlength=len(words))
        parts.append(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))
    return np.hstack(parts)


def _probed(vectors: np.ndarray, items: pd.DataFrame, seed: int, gap: int = probe.GAP) -> pd.DataFrame:
    """score (log-probability of the item's own class), predicted class, cluster, components of one contrast's items."""
    predicted, log_p = probe.predict(vectors, items, gap)
    components, found = probe.cluster(vectors, items["stratum"].nunique(), seed)
    predicted = pd.array(predicted, dtype="string")
    return pd.DataFrame({"score": log_p, "predicted": predicted, "cluster": found, "components": list(components)})


def score(items: pd.DataFrame, vectors: np.ndarray, gap: int = 0, seed: int = 0) -> pd.DataFrame:
    """Columns score, predicted, cluster and components (see `_probed`) of items from their vectors, (n, channels).

    items  of `items`, with the column fold
    gap    bases between folds that the vectors need at least, which is the receptive field of the model
    """
    parts = [
        _probed(vectors[rows], items.iloc[rows], seed, max(gap, probe.GAP)).set_axis(rows)
        for rows in items.groupby("contrast", observed=True, sort=False).indices.values()
    ]
    return pd.concat(parts).sort_index() if parts else pd.DataFrame(columns=["score", *PROBED])


def contrasts(items: pd.DataFrame) -> list[Contrast]:
    """Windows with and without repeats (headlines), and within them those of each class, for its recall."""
    result = []
    for name, rows in items.groupby("contrast", observed=True, sort=False).indices.items():
        classes = items["stratum"].astype(str).to_numpy()[rows]
        result.append(Contrast(str(name), rows, True, metrics=ALL_CLASSES))
        result += [
            Contrast(f"{kind} among {name}", rows[classes == kind], False, ONE_CLASS, frozenset({"recall"}))
            for kind in dict.fromkeys(classes)
        ]
    return result


def baselines_of(items: pd.DataFrame) -> list[Scorer]:
    """The probed spectra and contents, the network, the commonest class for every window, and classes drawn as often as
    they are."""
    names = {"kmer_spectrum": "probe of k-mer spectra", "gc_cpg": "probe of G+C and CpG", "cnn": "CNN on the bases"}
    result = [
        Scorer(name, "baseline", said, items[[f"{name}_{c}" for c in columns]].set_axis(columns, axis=1))
        for columns in [["score", "predicted", "cluster"]]
        for name, said in names.items()
    ]
    groups = items.groupby("contrast", observed=True, sort=False)["stratum"]
    rng = np.random.default_rng(0)
    drawn = groups.transform(lambda kinds: rng.permutation(kinds.astype(str).to_numpy()))
    for name, predicted in (("constant", groups.transform(lambda kinds: kinds.mode().iloc[0])), ("random", drawn)):
        cluster = 0 if name == "constant" else rng.permutation(pd.factorize(drawn)[0])
        values = pd.DataFrame({"score": 0.0, "predicted": predicted.astype("string"), "cluster": cluster})
        result.append(Scorer(name, "baseline", name, values))
    return result


def _of_classes(statistic):
    def estimated(scorer: Scorer, values: pd.DataFrame, cut: Cut):
        truth, predicted = (column.astype(str) for column in (cut.items["stratum"], values["predicted"]))
        kinds = sorted({*truth, *predicted})
        codes = (pd.Categorical(column, kinds).codes.astype(np.int64) for column in (truth, predicted))
        return probe.estimate(lambda table: statistic(_square(table, len(kinds))), *codes, cut.block, cut.weights)

    return estimated


def _square(table: np.ndarray, size: int) -> np.ndarray:
    """A table of counts with rows and columns for all classes, also those that were never found."""
    missing = [(0, 0)] * (table.ndim - 2) + [(0, size - count) for count in table.shape[-2:]]
    return np.pad(table, missing)


def _of_clusters(statistic):
    def estimated(scorer: Scorer, values: pd.DataFrame, cut: Cut):
        codes = (pd.factorize(column)[0] for column in (cut.items["stratum"].astype(str), values["cluster"]))
        return probe.estimate(statistic, *codes, cut.block, cut.weights)

    return estimated


def _recall(scorer: Scorer, values: pd.DataFrame, cut: Cut):
    right = values["predicted"].astype(str).to_numpy() == cut.items["stratum"].astype(str).to_numpy()
    return mean(right, cut.block, cut.weights)


METRICS = (
    Metric("macro_f1", _of_classes(probe.macro_f1)),
    Metric("mcc", _of_classes(probe.mcc)),
    Metric("ari", _of_clusters(probe.adjusted_rand)),
    Metric("nmi", _of_clusters(probe.normalised_mutual_information)),
    Metric("recall", _recall),
)
