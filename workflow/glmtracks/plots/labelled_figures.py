"""Figures of the tasks on labelled variants, from the tables of `labelled_tables`; see `figures`."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from glmtracks.plots.style import (
    INK,
    PAPER,
    ROW,
    SOFT,
    Look,
    baseline_looks,
    dodged,
    legend_above,
    line_styles,
    log_scale,
    model_panels,
    row_grid,
    row_height,
)

MOST_WRITTEN = 11  # lines of text in axes of the usual height


def clinvar_curves(table: pd.DataFrame, looks: dict[str, Look]) -> Figure:
    """A column for each contrast: ROC above, precision and recall with the base rate below."""
    contrasts = list(table["contrast"].unique())
    lines, written = line_styles(looks), table["model"].nunique() + 1  # lines of text in the axes
    crowd = max(written / MOST_WRITTEN, 1)
    figure = Figure(figsize=(max(3.2 * len(contrasts), 6), 6.6 * crowd), layout="constrained")
    grid = figure.subplots(2, len(contrasts), squeeze=False, sharex=True, sharey=True)
    for column, contrast in zip(grid.T, contrasts, strict=True):
        rows = table[table["contrast"] == contrast]
        for axes, curve in zip(column, ("roc", "precision"), strict=True):
            for model, points in rows[rows["curve"] == curve].groupby("model", sort=False):
                look = {"color": looks[model].colour, "linestyle": lines[model], "linewidth": 1.8}
                axes.plot(points["x"], points["y"], label=model, **look)
        first = rows.iloc[0]
        column[0].plot([0, 1], [0, 1], color=SOFT, linewidth=1, linestyle=":")
        column[1].axhline(first["base_rate"], color=SOFT, linewidth=1, linestyle=":")
        column[0].set_title(
            f"{contrast.partition(' ')[0].replace('_', ' ')}: {first['n_positives']} / {first['n_negatives']}"
        )
        said = [
            (f"{model} {points['auroc'].iloc[0]:.3f}", looks[model].colour)
            for model, points in rows.groupby("model", sort=False)
        ]
        for place, (text, colour) in enumerate([*said, ("AUROC", SOFT)]):
            column[0].annotate(text, (0.98, 0.04 + 0.08 * place / crowd), ha="right", size=9, color=colour)
        if first["best_baseline"]:
            text = f"best baseline {first['best_baseline']} {first['best_baseline_value']:.3f}"
            column[0].set_xlabel(text, size=9, color=SOFT)
            column[0].xaxis.label.set_visible(True)
        column[1].set_xlabel("share of the pathogenic found")
    grid[0, 0].set_ylabel("share of the pathogenic found,\nx: of the others taken for such")
    grid[1, 0].set_ylabel("pathogenic among those found")
    legend_above(figure, grid[0, 0])
    return figure


def llr_by_frequency(table: pd.DataFrame, looks: dict[str, Look]) -> Figure:
    """Mean and middle half of the llr, a row for each bin of minor allele frequency and a panel for each model."""
    models, names = [model for model in looks if model in set(table["model"])], list(table["bin"].unique())
    height = 1.4 * ROW * len(names)
    figure = Figure(figsize=(10, 1.4 + height), layout="constrained")
    grid, first = model_panels(figure, models, height)
    for axes, model in zip(grid, models, strict=True):
        rows = table[table["model"] == model]
        place = rows["bin"].map(names.index)
        axes.hlines(place, rows["q0.25"], rows["q0.75"], color=looks[model].colour, linewidth=9, alpha=0.5)
        axes.plot(rows["mean"], place, "o", color=PAPER, markeredgecolor=looks[model].colour, markersize=6)
        axes.set_title(model)
        row_grid(axes, len(names))
    counts = table.groupby("bin")["n"].max()
    for axes in first:
        axes.set_yticks(range(len(names)), [f"{name}\nn = {counts[name]:,}" for name in names], linespacing=1.2)
    figure.supxlabel("llr of the minor against the major allele, nats: mean and middle half", size=10)
    return figure


def frequency_by_llr(table: pd.DataFrame, looks: dict[str, Look]) -> Figure:
    """Mean minor allele frequency over llr, a line for each model, on a log scale."""
    figure = Figure(figsize=(7.5, 4.5), layout="constrained")
    axes = figure.subplots()
    for model, rows in table.groupby("model", sort=False):
        whiskers = np.nan_to_num([rows["mean"] - rows["low"], rows["high"] - rows["mean"]]).clip(min=0)
        look = looks[model]
        axes.errorbar(
            rows["llr"],
            rows["mean"],
            yerr=whiskers,
            fmt=f"{look.marker}-",
            color=look.colour,
            markersize=5,
            label=model,
        )
    log_scale(axes, "y")
    axes.set_xlabel("llr of the minor against the major allele, nats: median of a tenth of the alleles")
    axes.set_ylabel("mean minor allele frequency")
    legend_above(figure, axes)
    return figure


def odds_by_frequency(table: pd.DataFrame, looks: dict[str, Look]) -> Figure:
    """Odds ratios of the tail of a tenth, a row for each bin of frequency, on a log scale."""
    bins = list(table["bin"].unique())
    looks = {**looks, **baseline_looks([name for name in table["scorer"].unique() if name not in looks])}
    figure = Figure(figsize=(8, 1.6 + row_height(table, least=1.5 * ROW) * len(bins)), layout="constrained")
    axes = figure.subplots()
    dodged(axes, table, bins, "bin", ("value", "low", "high"), looks)
    axes.axvline(1, color=INK, linewidth=1)
    log_scale(axes, "x")
    counts = table.groupby("bin")["n_positives"].max()
    axes.set_yticks(range(len(bins)), [f"{name}\nn = {int(counts[name]):,}" for name in bins], linespacing=1.2)
    axes.set_xlabel("odds ratio of the least expected tenth (1: no more of these alleles there than of common ones)")
    legend_above(figure, axes)
    return figure


def odds_ratios(table: pd.DataFrame, looks: dict[str, Look]) -> Figure:
    """Odds of rare alleles in the tail over those in the rest, a panel for each contrast and tail, on a log scale."""
    panels = list(table.groupby(["contrast", "tail"], sort=False))
    scorers = list(table["scorer"].unique())
    looks = {**looks, **baseline_looks([name for name in scorers if name not in looks])}
    figure = Figure(figsize=(max(4.5 * len(panels), 7), 1.2 + ROW * len(scorers)), layout="constrained")
    grid = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
    for axes, ((contrast, tail), rows) in zip(grid, panels, strict=True):
        for scorer, row in rows.set_index("scorer").iterrows():
            whiskers = np.nan_to_num([[row["value"] - row["low"]], [row["high"] - row["value"]]])
            axes.errorbar(
                row["value"],
                scorers.index(scorer),
                xerr=whiskers,
                fmt=looks[scorer].marker,
                color=looks[scorer].colour,
                markerfacecolor=looks[scorer].face,
                markersize=5,
            )
        axes.axvline(1, color=INK, linewidth=1)
        log_scale(axes, "x")
        axes.set_title(f"{contrast}: highest {tail}")
        row_grid(axes, len(scorers))
    grid[0].set_yticks(range(len(scorers)), scorers)
    figure.supxlabel("odds ratio (1: no more rare alleles there than elsewhere)", size=10)
    return figure
