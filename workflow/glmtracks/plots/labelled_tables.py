"""Tables of the plots of tasks on labelled variants: curves over ClinVar, scores and odds ratios over frequencies."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from sklearn.metrics import precision_recall_curve, roc_curve

from glmtracks.benchmarks import statistics
from glmtracks.benchmarks.statistics import MIN_CLASS
from glmtracks.overview import read_summary
from glmtracks.plots.items import scored_items, shared_items

CONSERVATION = ("phylop", "phastcons")
CLASSES_OF_CURVES = 4  # most contrasts drawn
CURVE_POINTS = 300  # most points of a curve
BINS_OF_LLR = 10
DRAWS = 1000  # of the block bootstrap of means that stand in no summary
QUARTILES = {"q0.25": 0.25, "q0.5": 0.5, "q0.75": 0.75}


def clinvar_curves(sources: dict[str, list], genome: str, baseline: dict[str, bool]) -> pd.DataFrame:
    """model, contrast, curve (roc | precision), x, y, base_rate, n_positives, n_negatives, and of the headline row
    auroc, best_baseline, best_baseline_value.

    roc: y = share of the pathogenic found, x = share of the others taken for such. precision: y = share of pathogenic
    ones among those found, x = share of the pathogenic found. Contrasts with benign variants that have an AUROC, the
    largest first.
    """
    summary = _headlines(sources, genome, "clinvar")
    tables = []
    for model, items in shared_items(sources, baseline):
        valued = [contrast for scorer, contrast in summary.index[summary["auroc"].notna()] if scorer == model]
        items = items[items["contrast"].str.endswith("B/LB") & items["contrast"].isin(valued)]
        sizes = items.groupby("contrast")["label"].agg(["sum", "size"])
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
    for model, items in _alleles(sources, baseline):
        for name, score in (-items["score"]).groupby(items["bin"], sort=False):
            found = {key: score.quantile(share) for key, share in QUARTILES.items()}
            rows.append({"model": model, "bin": name, "n": len(score), "mean": score.mean(), **found})
    table = pd.DataFrame(rows)
    return table.sort_values("bin", key=lambda names: names.map(_rank), kind="stable") if rows else table


def frequency_by_llr(sources: dict[str, list], genome: str, baseline: dict[str, bool]) -> pd.DataFrame:
    """model, llr (median of a tenth of the alleles, lowest first), n, and mean, low, high of their minor frequency.

    The interval is that of a block bootstrap; none for fewer than eight blocks.
    """
    rows = []
    for model, items in _alleles(sources, baseline, ("maf", "block")):
        llr = -items["score"]
        tenth = pd.qcut(llr.rank(method="first"), min(BINS_OF_LLR, len(items)), labels=False)
        block, names = pd.factorize(items["block"])
        weights = statistics.draw_weights(len(names), DRAWS, seed=0)
        for _, inside in items.groupby(tenth):
            place = items.index.get_indexer(inside.index)
            found = statistics.mean(inside["maf"].to_numpy(), block[place], weights)
            told = dict(zip(("mean", "low", "high"), (found.value, *found.interval()), strict=True))
            rows.append({"model": model, "llr": llr[inside.index].median(), "n": len(inside), **told})
    return pd.DataFrame(rows)


def odds_by_frequency(sources: dict[str, list], genome: str, baseline: dict[str, bool]) -> pd.DataFrame:
    """bin, scorer, scorer_kind, value, low, high of the tail of a tenth, against common alleles; rarest bin first.

    Scorers are models, among them baselines, and conservation.
    """
    table = _odds(sources, genome)
    table = table[~table["contrast"].str.contains("matched") & (table["metric"] == "odds_ratio_10%")]
    shown = table["scorer"].isin(list(baseline)) | table["scorer"].isin(CONSERVATION)
    table = table[shown].assign(bin=table["contrast"].str.removesuffix(" vs common"))
    table = table.sort_values("bin", key=lambda names: names.map(_rank), kind="stable")
    return table[["bin", "scorer", "scorer_kind", "value", "low", "high", "n_positives", "n_negatives"]]


def odds_ratios(sources: dict[str, list], genome: str, baseline: dict[str, bool]) -> pd.DataFrame:
    """contrast, tail, scorer, scorer_kind, value, low, high of the scores that tasks name, and of baselines."""
    table = _odds(sources, genome)
    table = table[table["contrast"].str.contains("matched")]
    table = table.assign(tail=table["metric"].str.removeprefix("odds_ratio_"))
    return table[["contrast", "tail", "scorer", "scorer_kind", "value", "low", "high", "n_positives", "n_negatives"]]


def _odds(sources: dict[str, list], genome: str) -> pd.DataFrame:
    """The odds ratios of the summary, of each scorer by the score that its task names."""
    table = read_summary(*sources["summaries"])
    table = table[(table["genome"] == genome) & table["metric"].str.startswith("odds_ratio_") & table["value"].notna()]
    table = table[(table["scorer_kind"] == "baseline") | (table["score_name"] == "-llr")]
    return table.drop_duplicates(["contrast", "metric", "scorer"])


def _alleles(
    sources: dict[str, list], baseline: dict[str, bool], more: tuple[str, ...] = ()
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Each model with its scored alleles and their bin of frequency; common ones, which all contrasts share, once."""
    for model, items in scored_items(sources, baseline, more):
        items = items[~items["contrast"].str.endswith("matched")].reset_index(drop=True)
        rest = items["contrast"].ne(items["contrast"].iloc[0])
        items["bin"] = items["contrast"].str.removesuffix(" vs common").where(items["label"] == 1, "common")
        yield model, items[~((items["bin"] == "common") & rest)]


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
