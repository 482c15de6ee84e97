"""Tables of the plots of tasks on labelled variants: curves over ClinVar, scores and odds ratios over frequencies."""

import numpy as np
import pandas as pd
from sklearn.metrics import precision_recall_curve, roc_curve

from glmtracks.benchmarks.statistics import MIN_CLASS
from glmtracks.overview import read_summary
from glmtracks.plots.items import scored_items

CLASSES_OF_CURVES = 4  # most contrasts drawn
CURVE_POINTS = 300  # most points of a curve
QUARTILES = {"q0.25": 0.25, "q0.5": 0.5, "q0.75": 0.75}


def clinvar_curves(sources: dict[str, list], genome: str, baseline: dict[str, bool]) -> pd.DataFrame:
    """model, contrast, curve (roc | precision), x, y, base_rate, n_positives, n_negatives, and of the headline row
    auroc, best_baseline, best_baseline_value.

    roc: y = share of the pathogenic found, x = share of the others taken for such. precision: y = share of pathogenic
    ones among those found, x = share of the pathogenic found. Contrasts with benign variants, the largest first.
    """
    summary = _headlines(sources, genome, "clinvar")
    tables = []
    for model, items in scored_items(sources, baseline):
        sizes = items[items["contrast"].str.endswith("B/LB")].groupby("contrast")["label"].agg(["sum", "size"])
        enough = sizes[(sizes["sum"] >= MIN_CLASS) & (sizes["size"] - sizes["sum"] >= MIN_CLASS)]
        for contrast in enough.sort_values("size", ascending=False).index[:CLASSES_OF_CURVES]:
            rows = items[items["contrast"] == contrast]
            label, score = rows["label"].to_numpy(), rows["score"].to_numpy()
            found, total = int(label.sum()), len(label)
            told = {"n_positives": found, "n_negatives": total - found, "base_rate": found / total}
            told |= summary.reindex([(model, contrast)]).iloc[0].to_dict()
            false, true, _ = roc_curve(label, score, drop_intermediate=True)
            precision, recall, _ = precision_recall_curve(label, score)
            for curve, x, y in (("roc", false, true), ("precision", recall[-2::-1], precision[-2::-1])):
                shown = np.unique(np.linspace(0, len(x) - 1, CURVE_POINTS).astype(np.int64))
                points = pd.DataFrame(
                    {"model": model, "contrast": contrast, "curve": curve, "x": x[shown], "y": y[shown]}
                )
                tables.append(points.assign(**told))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def llr_by_frequency(sources: dict[str, list], genome: str, baseline: dict[str, bool]) -> pd.DataFrame:
    """model, bin, n, mean, q0.25, q0.5, q0.75 of the llr of the minor against the major allele; rarest bin first."""
    rows = []
    for model, items in scored_items(sources, baseline):
        items = items[~items["contrast"].str.endswith("matched")]
        bins = items["contrast"].str.removesuffix(" vs common").where(items["label"] == 1, "common")
        once = ~((bins == "common") & (items["contrast"] != items["contrast"].iloc[0])) if len(items) else bins == ""
        for name, score in (-items["score"][once]).groupby(bins[once], sort=False):
            found = {key: score.quantile(share) for key, share in QUARTILES.items()}
            rows.append({"model": model, "bin": name, "n": len(score), "mean": score.mean(), **found})
    table = pd.DataFrame(rows)
    return table.sort_values("bin", key=lambda names: names.map(_rank), kind="stable") if rows else table


def odds_ratios(sources: dict[str, list], genome: str, baseline: dict[str, bool]) -> pd.DataFrame:
    """contrast, tail, scorer, scorer_kind, value, low, high of the scores that tasks name, and of baselines."""
    table = read_summary(*sources["summaries"])
    table = table[(table["genome"] == genome) & table["metric"].str.startswith("odds_ratio_")]
    table = table[table["contrast"].str.contains("matched") & table["value"].notna()]
    table = table[(table["scorer_kind"] == "baseline") | (table["score_name"] == "-llr")]
    table = table.drop_duplicates(["contrast", "metric", "scorer"])
    table = table.assign(tail=table["metric"].str.removeprefix("odds_ratio_"))
    return table[["contrast", "tail", "scorer", "scorer_kind", "value", "low", "high", "n_positives", "n_negatives"]]


def _headlines(sources: dict[str, list], genome: str, task: str) -> pd.DataFrame:
    """Headline rows of models by model and contrast: auroc, best_baseline, best_baseline_value."""
    table = read_summary(*sources["summaries"])
    table = table[(table["genome"] == genome) & (table["task"] == task) & (table["headline"] == "yes")]
    table = table.drop_duplicates(["scorer", "contrast"]).set_index(["scorer", "contrast"])
    return table.rename(columns={"value": "auroc"})[["auroc", "best_baseline", "best_baseline_value"]]


def _rank(name: str) -> float:
    """Place of a bin of frequencies: by its upper end, absent and rare before, common after all."""
    fixed = {"absent": -2.0, "rare": -1.0, "common": 101.0}
    return fixed[name] if name in fixed else float(name.removesuffix(" %").replace("-", " ").split()[-1])
