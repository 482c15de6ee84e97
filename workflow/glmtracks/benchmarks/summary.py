"""The table that a person reads: every scorer in every contrast, with interval and difference to the best baseline."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from glmtracks.benchmarks import get_task, task_module
from glmtracks.benchmarks.statistics import MIN_BLOCKS, MIN_CLASS, Estimate, draw_weights
from glmtracks.errors import InputError
from glmtracks.files import atomic
from glmtracks.parquet import read_frame

logger = logging.getLogger(__name__)

COLUMNS = {
    "genome": "row of the genome sheet",
    "task": "benchmark task",
    "contrast": "what is compared: class of interest vs comparison, or the kind of base",
    "scorer": "row of the model sheet, or name of a baseline",
    "scorer_kind": "model | baseline (Markov models and untrained networks are baselines)",
    "model_kind": "kind of a row of the model sheet",
    "score_name": "what was ranked or averaged, with its sign, fixed beforehand; higher = more like label 1",
    "metric": "nats_per_base, perplexity, accuracy, auroc_within_stratum, auroc, auprc, paired_accuracy and others",
    "headline": "yes for the metric and contrast in which the task's result is read",
    "value": "the metric on all items",
    "low": "lower end of its 95 % block-bootstrap interval",
    "high": "upper end",
    "base_rate": "share of positives, which is what auprc is for a random scorer",
    "n_items": "items compared; those that any model could not score are left out for all",
    "n_positives": "items of the class of interest",
    "n_negatives": "items of the comparison class",
    "n_unscored": "items that this scorer could not score",
    "n_blocks": "blocks of the bootstrap that hold a positive, or a negative, whichever are fewer",
    "block_kind": "contig, gene or run",
    "best_baseline": "baseline with the best value of this metric",
    "best_baseline_value": "its value",
    "difference": "how much better the model is than that baseline, whichever way the metric points; below 0 it loses",
    "difference_low": "lower end of the 95 % interval of the paired difference",
    "difference_high": "upper end",
    "verdict": "better | worse | undecided, by whether that interval holds 0; empty without interval",
    "seen": "whether the model saw this genome in training: yes | held out (other parts of it) | no | unknown",
    "model_hash": "SHA-256 of its weights",
    "config_hash": "of the settings and of the sheets of genomes, models and benchmarks; in the table of all tasks",
    "status": "ok, or why something is missing",
}


@dataclass(frozen=True)
class Contrast:
    """Items to be compared: `rows` are positions in the items table.

    headline  whether the task's result is read here
    defining  baselines that tell the label itself; they are printed but never the best baseline
    metrics   names of the metrics that mean something here; None for all
    """

    name: str
    rows: np.ndarray
    headline: bool
    defining: frozenset[str] = frozenset()
    metrics: frozenset[str] | None = None


@dataclass(frozen=True)
class Scorer:
    """Something that scores every item: `values` has the column score, NaN where there is none, in the items' order.

    derived  whether this is a further score of a model beside the one that the task names
    """

    name: str
    kind: str
    score_name: str
    values: pd.DataFrame
    model_kind: str = ""
    seen: str = ""
    hash: str = ""
    derived: bool = False

    def further(self, score_name: str, score: pd.Series) -> "Scorer":
        """Another score of the same model."""
        return replace(self, score_name=score_name, values=pd.DataFrame({"score": score}), derived=True)


@dataclass(frozen=True)
class Cut:
    """The items of one contrast, as rows and as arrays (n,): label, block and stratum are codes.

    `weights` as in statistics.
    """

    items: pd.DataFrame
    label: np.ndarray
    block: np.ndarray
    stratum: np.ndarray
    weights: np.ndarray | None
    n_blocks: int
    classes: bool

    @property
    def status(self) -> str:
        """Why there is no metric or no interval, or "ok"."""
        if self.classes:
            for name, count in (("positives", self.label.sum()), ("negatives", (1 - self.label).sum())):
                if count < MIN_CLASS:
                    return f"fewer than {MIN_CLASS} {name}: no metric"
        elif len(self.label) < MIN_CLASS:
            return f"fewer than {MIN_CLASS} items: no metric"
        return f"fewer than {MIN_BLOCKS} blocks: no interval" if self.weights is None else "ok"


@dataclass(frozen=True)
class Metric:
    """A named statistic: `estimate(scorer, values, cut)`, where `values` are the scorer's rows of the cut."""

    name: str
    estimate: Callable[[Scorer, pd.DataFrame, Cut], Estimate]
    higher_is_better: bool = True


def summarise(
    task: str,
    genome: str,
    items: str | Path,
    scores: Iterable[str | Path],
    models: list[dict],
    output: str | Path,
    draws: int = 2_000,
    seed: int = 0,
    left_out: dict[str, str] | None = None,
) -> None:
    """Compare all models and baselines of one genome and task; write a tab-separated table with the columns `COLUMNS`.

    items   Parquet of `inputs.draw_items`
    scores  Parquet of `scores.score_items`, one for each model
    models  name, kind, seen, hash of each, in the same order; `baseline`: true for a model that is there to be beaten,
            such as an untrained network (Markov models are so without saying)
    left_out  models that cannot do the task -> why

    Raises InputError where a file of scores does not belong to the items.
    """
    table = read_frame(items)
    scorers = [_read_model(task, table, path, model) for path, model in zip(scores, models, strict=True)]
    if table.empty:
        result = not_run(genome, task, "skipped: the test split holds no item of this task")
    else:
        result = compare(task, table, scorers, draws, seed)
        without = [{"scorer": name, "status": f"skipped: {reason}"} for name, reason in (left_out or {}).items()]
        result = pd.concat([result, pd.DataFrame(without)], ignore_index=True)
    write_summary(result.assign(genome=genome, task=task), output)


def _read_model(task: str, items: pd.DataFrame, path: str | Path, model: dict) -> Scorer:
    values = read_frame(path)
    keys = ["contig", "start", "end", "alt", "contrast"]
    if len(values) != len(items) or not all(
        values[key].astype("string").equals(items[key].astype("string")) for key in keys
    ):
        raise InputError(
            f"{path} was made for other benchmark items than those it is compared with; delete it and run again"
        )
    kind = "baseline" if model["baseline"] else "model"
    seen, digest = model.get("seen", "unknown"), model.get("hash", "")
    return Scorer(model["name"], kind, get_task(task).score, values, model["kind"], seen, digest)


def compare(task: str, items: pd.DataFrame, models: list[Scorer], draws: int, seed: int) -> pd.DataFrame:
    """Rows of the summary, without genome and task, for the items of one task and genome."""
    module = task_module(task)
    usable = [scorer for scorer in models if scorer.values["score"].notna().any()]
    derive = getattr(module, "derived", lambda items, scorer: [])
    scorers = [*usable, *(more for scorer in usable for more in derive(items, scorer)), *module.baselines_of(items)]
    complete = np.logical_and.reduce([scorer.values["score"].notna().to_numpy() for scorer in scorers])
    rows = []
    for contrast in module.contrasts(items):
        kept = contrast.rows[complete[contrast.rows]]
        labelled = items["label"].iloc[contrast.rows].notna().all()
        cut = _cut(items.iloc[kept], bool(labelled), draws, seed)
        shared = {"contrast": contrast.name, **_counts(cut, items.iloc[kept])}
        for index, metric in enumerate(module.METRICS):
            if contrast.metrics is not None and metric.name not in contrast.metrics:
                continue
            flag = "yes" if contrast.headline and index == 0 else "no"
            found = _metric_rows(metric, contrast, cut, kept, scorers)
            rows += [{**shared, "metric": metric.name, "headline": flag, **row} for row in found]
    for scorer in models:
        if scorer not in usable:
            rows.append({**_identity(scorer), "status": "skipped: no item of this task has a score of this model"})
    return pd.DataFrame(rows)


def _cut(items: pd.DataFrame, classes: bool, draws: int, seed: int) -> Cut:
    """The arrays of one contrast. Fewer than 8 blocks with a positive, or with a negative, give no weights.

    classes  whether items of the contrast have labels, which cannot be told where none is left
    """
    label = items["label"].fillna(0).to_numpy(dtype=np.int8)
    block, names = pd.factorize(items["block"])
    sides = (label == 1, label == 0) if classes else (label == 0,)
    n_blocks = min(len(np.unique(block[side])) for side in sides)
    weights = draw_weights(len(names), draws, seed) if n_blocks >= MIN_BLOCKS else None
    return Cut(items, label, block, pd.factorize(items["stratum"])[0], weights, n_blocks, classes)


def _counts(cut: Cut, items: pd.DataFrame) -> dict:
    counts = {"n_items": len(items), "n_blocks": cut.n_blocks}
    if len(items):
        counts["block_kind"] = str(items["block"].iloc[0]).partition(":")[0]
    if cut.classes:
        positives = int(cut.label.sum())
        counts |= {"n_positives": positives, "n_negatives": len(items) - positives}
        counts["base_rate"] = positives / max(len(items), 1)
    return counts


def _metric_rows(metric: Metric, contrast: Contrast, cut: Cut, kept: np.ndarray, scorers: list[Scorer]) -> list[dict]:
    """One row for each scorer; models carry their paired difference to the best baseline.

    Further scores of baselines that are models are a bar to clear for further scores of models, not for the headline.
    """
    partial = _partial(scorers, contrast)
    identities = [
        {**_identity(scorer, contrast), "status": _status(scorer, contrast, cut, partial)} for scorer in scorers
    ]
    if "no metric" in cut.status:
        return identities
    estimates = [metric.estimate(scorer, scorer.values.iloc[kept], cut) for scorer in scorers]
    sign = 1 if metric.higher_is_better else -1
    bars = {
        index: sign * estimate.value
        for index, (scorer, estimate) in enumerate(zip(scorers, estimates, strict=True))
        if scorer.kind == "baseline" and scorer.name not in contrast.defining and np.isfinite(estimate.value)
    }
    rows = []
    for identity, scorer, estimate in zip(identities, scorers, estimates, strict=True):
        best = max(
            (index for index in bars if scorer.derived or not scorers[index].derived), key=bars.get, default=None
        )
        low, high = estimate.interval()
        row = {**identity, "value": estimate.value, "low": low, "high": high}
        if not np.isfinite(estimate.value):  # as where no stratum holds both labels
            row["status"] = "; ".join(["too few comparable items: no metric", *partial])
        if scorer.kind == "model" and best is not None:
            bar, name = estimates[best], scorers[best].name
            difference = (estimate if sign > 0 else bar).minus(bar if sign > 0 else estimate)
            row |= {"best_baseline": name, "best_baseline_value": bar.value, **_difference(difference)}
        rows.append(row)
    return rows


def _difference(difference: Estimate) -> dict:
    low, high = difference.interval()
    verdict = "better" if low > 0 else "worse" if high < 0 else "undecided" if np.isfinite(low) else ""
    return {"difference": difference.value, "difference_low": low, "difference_high": high, "verdict": verdict}


def _identity(scorer: Scorer, contrast: Contrast | None = None) -> dict:
    identity = {
        "scorer": scorer.name,
        "scorer_kind": scorer.kind,
        "model_kind": scorer.model_kind,
        "score_name": scorer.score_name,
        "seen": scorer.seen,
        "model_hash": scorer.hash,
    }
    if scorer.derived:
        identity["headline"] = "no"
    if scorer.kind == "model" or scorer.model_kind:
        rows = slice(None) if contrast is None else contrast.rows
        identity["n_unscored"] = int(scorer.values["score"].iloc[rows].isna().sum())
    return identity


def _status(scorer: Scorer, contrast: Contrast, cut: Cut, partial: list[str]) -> str:
    notes = ["knows what makes the label: no baseline to beat"] if scorer.name in contrast.defining else []
    if cut.status != "ok":
        notes += [cut.status, *partial]
    return "; ".join(notes or ["ok"])


def _partial(scorers: list[Scorer], contrast: Contrast) -> list[str]:
    """What each scorer that took items of a contrast away, by having no score for them, left of them."""
    left: dict[str, int] = {}
    for scorer in scorers:
        scored = int(scorer.values["score"].iloc[contrast.rows].notna().sum())
        left[scorer.name] = min(scored, left.get(scorer.name, scored))
    whole = len(contrast.rows)
    return [f"{name} scores {scored:,} of {whole:,} items" for name, scored in left.items() if scored < whole]


def not_run(genome: str, task: str, reason: str) -> pd.DataFrame:
    """The one row of a task that was skipped, so that the table says so."""
    return pd.DataFrame([{"genome": genome, "task": task, "headline": "yes", "status": reason}])


def write_summary(rows: pd.DataFrame, output: str | Path) -> None:
    """Write rows as a tab-separated table with the columns `COLUMNS`; empty cells where something does not apply."""
    numbers = [name for name in ("n_items", "n_positives", "n_negatives", "n_unscored", "n_blocks") if name in rows]
    table = rows.astype(dict.fromkeys(numbers, "Int64")).reindex(columns=list(COLUMNS))
    with atomic(output) as temporary:
        table.to_csv(temporary, sep="\t", index=False, float_format="%.6g")
