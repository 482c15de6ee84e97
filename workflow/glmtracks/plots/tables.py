"""From result files to the table that a plot is drawn from: one function for each plot.

All take (sources, genome, baseline): files by the names of the plot's `reads`; the genome's name; model -> whether it
is a baseline, in the order of the model sheet. All return a DataFrame, without rows where there is nothing to draw. A
file of one model is known by its path, as everywhere in results/.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from glmtracks import tracks
from glmtracks.annotation.consequences import CONSEQUENCES
from glmtracks.annotation.gene_parts import CLASSES
from glmtracks.benchmarks import TASKS
from glmtracks.genome import BASES
from glmtracks.overview import COUNTS, INTERVALS, headlines, read_summary
from glmtracks.plots.items import scored_items, shared_items
from glmtracks.plots.labelled_tables import (
    clinvar_curves,
    frequency_by_llr,
    llr_by_frequency,
    odds_by_frequency,
    odds_ratios,
)
from glmtracks.plots.logo_tables import OBSERVED, STRETCH, logo_sites, logo_start_codons
from glmtracks.plots.maps import windows_map
from glmtracks.windows.split import read_split

__all__ = [  # one for each plot, and what figures need
    "OBSERVED",
    "calibration",
    "clinvar_curves",
    "differences",
    "frequency_by_llr",
    "llr_by_consequence",
    "llr_by_frequency",
    "logo_sites",
    "logo_start_codons",
    "odds_by_frequency",
    "odds_ratios",
    "outgroup_llr",
    "perplexity_by_region",
    "training",
    "which_are_baselines",
    "windows_map",
]

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
BINS = 60
CALIBRATION_BINS = 20
POINTS = 400  # most points of a training curve
REPEAT = {"repeat", "non-repeat"}
CPG = {"CpG", "non-CpG"}
REGIONS = ["all", "CDS", *(f"CDS codon {position}" for position in (1, 2, 3)), *CLASSES[1:]]


def _summary(sources: dict[str, list], genome: str) -> pd.DataFrame:
    table = read_summary(*sources["summaries"])
    return table[table["genome"] == genome]


def which_are_baselines(sources: dict[str, list], genome: str, sheet: dict[str, bool]) -> dict[str, bool]:
    """Model -> whether it is a baseline: by its row, or because the summary lists it so (an untrained network, loaded).

    sheet  model -> whether its row tells so, in the order of the model sheet
    """
    table = _summary(sources, genome)
    told = set(table.loc[table["scorer_kind"] == "baseline", "scorer"])
    return {model: known or model in told for model, known in sheet.items()}


def differences(sources: dict[str, list], genome: str, baseline: dict[str, bool]) -> pd.DataFrame:
    """Headline rows of the summary, as they are."""
    table = _summary(sources, genome)
    names = ["task", "contrast", "scorer", "metric", *INTERVALS, "best_baseline", "best_baseline_value", "verdict"]
    columns = [*names, *COUNTS, "seen", "status"]
    return headlines(table)[columns].query("contrast != ''")


def perplexity_by_region(sources: dict[str, list], genome: str, baseline: dict[str, bool]) -> pd.DataFrame:
    """region, repeat ("all", "repeat", "non-repeat"), scorer, scorer_kind, nats_per_base, low, high, n_bases."""
    table = _summary(sources, genome)
    table = table[(table["metric"] == "nats_per_base") & table["value"].notna()]
    if table.empty:
        return pd.DataFrame()
    words = table["contrast"].str.split(", ").map(set)
    table = table.assign(
        region=[", ".join(found - REPEAT - CPG) or "all" for found in words],
        repeat=[", ".join(found & REPEAT) or "all" for found in words],
        nats_per_base=table["value"],
        n_bases=table["n_items"].astype(int),
    )[[not found & CPG for found in words]]
    rank = {name: number for number, name in enumerate(REGIONS)}
    table = table.sort_values(
        "repeat", key=lambda names: names.map(["all", "non-repeat", "repeat"].index), kind="stable"
    )
    table = table.sort_values("region", key=lambda names: names.map(rank).fillna(len(rank)), kind="stable")
    return table[["region", "repeat", "scorer", "scorer_kind", "nats_per_base", "low", "high", "n_bases"]]


def llr_by_consequence(sources: dict[str, list], genome: str, baseline: dict[str, bool]) -> pd.DataFrame:
    """model, consequence, n, mean and quantiles (q0.01 … q0.99) of llr; most severe consequence first."""
    sign = -1 if TASKS["consequence"].score.startswith("-") else 1
    rows = []
    for model, table in scored_items(sources, baseline):
        told = set()
        for (contrast, label), score in table.groupby(["contrast", "label"], observed=True)["score"]:
            name = contrast.split(" vs ")[1 - label]
            if name not in told:  # the comparison class stands, with the same items, in every contrast
                llr = sign * score.to_numpy(dtype=np.float64)
                found = {f"q{q:g}": value for q, value in zip(QUANTILES, np.quantile(llr, QUANTILES), strict=True)}
                rows.append({"model": model, "consequence": name, "n": len(llr), "mean": llr.mean(), **found})
                told.add(name)
    table = pd.DataFrame(rows)
    return table.sort_values("consequence", key=lambda c: c.map(CONSEQUENCES.index), kind="stable") if rows else table


def outgroup_llr(sources: dict[str, list], genome: str, baseline: dict[str, bool]) -> pd.DataFrame:
    """Histograms of llr: model, contrast, label (1 = carried by the sister species), n, low, high (of the bin), share.

    And auroc, auroc_low, auroc_high: the headline of the model in the contrast. At most 1 % of the items lie beyond
    the bins.
    """
    headline = headlines(_summary(sources, genome)).query("task == 'outgroup'").set_index(["scorer", "contrast"])
    tables = []
    for model, scores in shared_items(sources, baseline):
        for contrast, items in scores.groupby("contrast", observed=True):
            first, last = np.quantile(items["score"], [0.005, 0.995])
            edges = np.linspace(first, max(last, first + 1e-3), BINS + 1)
            found = headline.reindex([(model, contrast)])[["value", "low", "high"]].iloc[0]
            for label, score in items.groupby("label")["score"]:
                counts, _ = np.histogram(score, edges)
                columns = {"model": model, "contrast": contrast, "label": label, "n": len(score)}
                bins = {"low": edges[:-1], "high": edges[1:], "share": counts / len(score)}
                auroc = dict(zip(("auroc", "auroc_low", "auroc_high"), found, strict=True))
                tables.append(pd.DataFrame({**columns, **bins, **auroc}))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def training(sources: dict[str, list], genome: str, baseline: dict[str, bool]) -> pd.DataFrame:
    """model, part (train | validation), step, nats_per_base, smoothed.

    A row of validation is the loss at the end, without a step; baselines have one too. Long curves are averaged to 400
    points.
    """
    curves = [_curve(Path(path)) for path in sources["training"]]
    if not any(map(len, curves)):
        return pd.DataFrame()
    final = [_validation(Path(path)) for path in sources["metrics"]]
    table = pd.concat([part for part in curves + final if len(part)], ignore_index=True)
    drawn = set(table.loc[table["part"] == "train", "model"])
    return table[table["model"].isin(drawn) | table["model"].map(baseline)]


def _curve(path: Path) -> pd.DataFrame:
    try:
        history = pd.read_csv(path, sep="\t")
    except pd.errors.EmptyDataError:  # a model that took no step
        history = pd.DataFrame()
    if "train_nats_per_base" not in history or history.empty:
        return pd.DataFrame()
    history = history[["step", "train_nats_per_base"]].set_axis(["step", "nats_per_base"], axis=1)
    history = history.dropna().reset_index(drop=True)  # validations of a short training lie between what is logged
    history = history.groupby(np.arange(len(history)) * POINTS // max(len(history), POINTS)).mean()
    width = max(len(history) // 20, 1)
    smoothed = history["nats_per_base"].rolling(width, center=True, min_periods=1).mean()
    history = history.assign(smoothed=smoothed)
    return history.assign(model=path.parent.name, part="train")[["model", "part", *history.columns]]


def _validation(path: Path) -> pd.DataFrame:
    value = json.loads(path.read_text(encoding="utf-8")).get("validation_nats_per_base")
    row = {"model": path.parent.name, "part": "validation", "step": np.nan, "nats_per_base": value}
    return pd.DataFrame() if value is None else pd.DataFrame([row])


def calibration(sources: dict[str, list], genome: str, baseline: dict[str, bool]) -> pd.DataFrame:
    """model, low, high (of the bin), predicted, observed, n: how often bases come that a model gave a probability.

    Each held-out base with scores counts four times, once for each letter. `predicted` is the mean probability in the
    bin and `observed` the share of letters in it that stand in the genome; bins are a twentieth wide.
    """
    split = read_split(sources["split"][0]).query("split == 'test'") if sources["split"] else pd.DataFrame()
    edges = np.linspace(0, 1, CALIBRATION_BINS + 1)
    tables = []
    for path in map(Path, sources["datasets"]):
        sums = np.zeros((3, CALIBRATION_BINS))  # letters, probability, letters that stand there
        for row in split[split["contig"].isin(list(tracks.contigs(path)))].itertuples():
            for start in range(row.start, row.end, STRETCH):
                region = (row.contig, start, min(start + STRETCH, row.end))
                frame = tracks.read(path, region, ["ref", *tracks.LLR_COLUMNS])
                chance = np.exp(tracks.log_probs(frame))
                defined = np.isfinite(chance).all(axis=1)
                true = frame["ref"].astype(str).to_numpy()[defined, None] == np.array(list(BASES))
                chance, true = chance[defined].ravel(), true.ravel()
                place = np.minimum((chance * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
                for total, weight in zip(sums, (None, chance, true), strict=True):
                    total += np.bincount(place, weight, CALIBRATION_BINS)
        n = sums[0]
        with np.errstate(invalid="ignore"):
            columns = {"model": path.parent.name, "low": edges[:-1], "high": edges[1:], "predicted": sums[1] / n}
            tables.append(pd.DataFrame({**columns, "observed": sums[2] / n, "n": n.astype(np.int64)})[n > 0])
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
