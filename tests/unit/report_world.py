"""A small results/ folder made up for the tests of plots and report: one genome, a model and two baselines."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from glmtracks.benchmarks.summary import COLUMNS

GENOME = "yeast"
BY_THEIR_ROWS = {"markov_5": True, "untrained": False, "house": False}  # whether models are baselines
SIDES = {"house": "model", "markov_5": "baseline", "untrained": "baseline", "gc": "baseline"}


def row(task: str, contrast: str, scorer: str, value: float, difference: float = np.nan, **more) -> dict:
    """A headline row of the summary; a model's difference has an interval of ± 0.01 unless `more` says otherwise."""
    model = SIDES[scorer] == "model"
    low, high = difference - 0.01, difference + 0.01
    verdict = "better" if low > 0 else "worse" if high < 0 else "undecided"
    found = {
        "genome": GENOME,
        "task": task,
        "contrast": contrast,
        "scorer": scorer,
        "scorer_kind": SIDES[scorer],
        "score_name": "log P(ref)" if task == "perplexity" else "-llr",
        "metric": "nats_per_base" if task == "perplexity" else "auroc_within_stratum",
        "headline": "yes",
        "value": value,
        "low": value - 0.01,
        "high": value + 0.01,
        "n_items": 1000,
        "n_blocks": 20,
        "block_kind": "gene",
        "seen": "held out",
        "model_hash": "0123456789abcdef",
        "status": "ok",
    }
    if model:
        found |= {"best_baseline": "markov_5", "best_baseline_value": value - difference, "verdict": verdict}
        found |= {"difference": difference, "difference_low": low, "difference_high": high}
    return found | more


def write_summary(path: Path, rows: list[dict]) -> Path:
    """Rows as a table with all columns of the summary."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).reindex(columns=list(COLUMNS)).to_csv(path, sep="\t", index=False)
    return path


def rows_of_all_verdicts() -> list[dict]:
    """A win, a loss, an undecided comparison, one without interval, one without metric, and a skipped task."""
    none = dict.fromkeys(["low", "high", "difference_low", "difference_high"], np.nan)
    return [
        row("perplexity", "all", "markov_5", 1.35),
        row("perplexity", "all", "untrained", 1.42),
        row("perplexity", "all", "house", 1.29, 0.06),
        row("consequence", "stop_gained vs synonymous", "house", 0.40, -0.20),
        row("consequence", "missense vs synonymous", "house", 0.505, 0.002),
        row("consequence", "intron vs synonymous", "house", 0.45, -0.1, verdict="", status="too few blocks", **none),
        row(
            "consequence", "ncRNA vs synonymous", "house", np.nan, verdict="", status="fewer than 10 positives", **none
        ),
        row("outgroup", "substituted in smik vs matched", "house", 0.58, 0.05),
        {"genome": "other", "task": "outgroup", "headline": "yes", "status": "skipped: outgroups is empty"},
    ]


def write_scores(
    path: Path,
    contrasts: dict[str, tuple[np.ndarray, np.ndarray]],
    more: Callable[[str, int], dict] = lambda contrast, label: {},
) -> Path:
    """Scores of a task: contrast -> scores of the items with label 1, and with label 0; further columns of either."""
    path.parent.mkdir(parents=True, exist_ok=True)
    parts = [
        pd.DataFrame({"contrast": name, "label": label, "score": scores.astype(np.float32)}).assign(**more(name, label))
        for name, sides in contrasts.items()
        for label, scores in zip((1, 0), sides, strict=True)
    ]
    pd.concat(parts).astype({"label": "Int8", "contrast": "category"}).to_parquet(path, index=False)
    return path


def write_model(folder: Path, steps: int, validation: float) -> None:
    """A model's folder without weights: falling loss over `steps` steps, and a loss on the validation part."""
    folder.mkdir(parents=True)
    step = np.arange(1, steps + 1)
    history = pd.DataFrame({"step": step, "train_nats_per_base": 1.25 + 0.1 / step}) if steps else pd.DataFrame()
    history.to_csv(folder / "training.tsv", sep="\t", index=False)
    metrics = {"parameters": 1234, "validation_nats_per_base": validation, "validation_bases": 5000}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    config = {"kind": "one_pass", "architecture": {"width": 8}, "sha256": "ab" * 32, "seen": [GENOME], "licence": "MIT"}
    (folder / "config.json").write_text(json.dumps(config))
