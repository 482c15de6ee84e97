"""From the table of a plot to its figure: one function for each plot, taking the table of the function of `tables` with
the same name and the looks of the models (see `style`), and returning a matplotlib Figure."""

from itertools import cycle

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from glmtracks.overview import with_interval
from glmtracks.plots.labelled_figures import (
    clinvar_curves,
    frequency_by_llr,
    llr_by_frequency,
    odds_by_frequency,
    odds_ratios,
)
from glmtracks.plots.logo_figures import logo_sites, logo_start_codons
from glmtracks.plots.style import (
    COLOURS,
    INK,
    PAPER,
    ROW,
    SOFT,
    Look,
    bare,
    baseline_looks,
    dodged,
    legend_above,
    line_styles,
    model_panels,
    row_grid,
    row_height,
)

__all__ = [  # one for each plot
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
    "windows_map",
]

UNIFORM = np.log(4)  # nats per base when every base is equally likely
FEWEST_LETTERS = 20  # in a bin of probabilities that is drawn: a single one lies at 0 or 1 whatever the model knows
LONGEST_BAR = 2.0  # nats per base: intervals of a few bases would press all others together
UNITS = {
    "nats_per_base": "nats per base",
    "auroc_within_stratum": "AUROC within substitutions of one kind",
    "auroc": "AUROC",
}
LEVEL = 0.22  # inches of the name of a level
SPACE = "\u2003"  # SVG joins ordinary spaces


def differences(table: pd.DataFrame, looks: dict[str, Look]) -> Figure:
    """Forest plot, a panel for each task and a row for each contrast; all rows look alike, whatever their verdict."""
    panels = [(task, rows) for task, rows in table.groupby("task", sort=False)]
    heights = [row_height(rows) * rows["contrast"].nunique() + 0.3 for _, rows in panels]
    figure = Figure(figsize=(10, 1.0 + sum(height + 0.65 for height in heights)), layout="constrained")
    grid = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)
    for axes, (task, rows) in zip(grid[:, 0], panels, strict=True):
        contrasts = list(rows["contrast"].unique())
        dodged(axes, rows, contrasts, "contrast", ("difference", "difference_low", "difference_high"), looks)
        axes.axvline(0, color=INK, linewidth=1)
        drawn = rows[["difference", "difference_low", "difference_high"]].to_numpy(dtype=np.float64)
        reach = 1.08 * np.nanmax(np.abs(drawn), initial=1e-3)
        axes.set_xlim(-reach, reach)
        axes.set_yticks(range(len(contrasts)), [_readable(name) for name in contrasts])
        for place, contrast in enumerate(contrasts):
            first = rows[rows["contrast"] == contrast].iloc[0]
            axes.annotate(
                _bar_to_clear(first),
                (1.01, place),
                xycoords=axes.get_yaxis_transform(),
                va="center",
                color=SOFT,
                size=9,
            )
        axes.set_title(task)
        axes.annotate(
            "best baseline", (1.01, 1), xycoords="axes fraction", xytext=(0, 6), textcoords="offset points", size=9
        )
        unit = UNITS.get(rows["metric"].iloc[0], rows["metric"].iloc[0])
        axes.set_xlabel(SPACE.join(["← loses", f"difference, {unit}", "beats →"]))
    _fill_legend(grid[0, 0], looks, table["scorer"])
    legend_above(figure, grid[0, 0])
    return figure


def _bar_to_clear(row: pd.Series) -> str:
    if not np.isfinite(row["value"]):
        return row["status"].partition("; ")[0]  # what more there is to say would take the room of the axes
    if not row["best_baseline"]:
        return "none"
    interval = "" if np.isfinite(row["difference_low"]) else ", no interval"
    return f"{row['best_baseline']} {row['best_baseline_value']:.3f}{interval}"


def _readable(name: str) -> str:
    return "all held-out bases" if name == "all" else name.replace("_", " ")


def _fill_legend(axes: Axes, looks: dict[str, Look], names) -> None:
    """Legend entries for series that the first panel happens not to hold."""
    known = set(axes.get_legend_handles_labels()[1])
    for name in looks:
        if name in set(names) - known:
            axes.plot([], [], looks[name].marker, color=looks[name].colour, label=name)


def perplexity_by_region(table: pd.DataFrame, looks: dict[str, Look]) -> Figure:
    """Dot plot, a row for each region class, panels for all bases, those outside and those in repeats."""
    baselines = table.loc[table["scorer_kind"] == "baseline", "scorer"].unique()
    looks = {**looks, **baseline_looks(sorted(baselines, key=lambda name: name == "uniform"))}
    regions = list(table["region"].unique())
    panels = [(name, rows) for name, rows in table.groupby("repeat", sort=False)]
    height = row_height(table, least=1.35 * ROW) * len(regions)
    figure = Figure(figsize=(10, 1.5 + height), layout="constrained")
    grid = figure.subplots(1, len(panels), squeeze=False, sharex=True, sharey=True)[0]
    for axes, (name, rows) in zip(grid, panels, strict=True):
        dodged(axes, rows, regions, "region", ("nats_per_base", "low", "high"), looks)
        axes.axvline(UNIFORM, color=SOFT, linewidth=1, linestyle=":")
        axes.set_title({"all": "all bases", "repeat": "repeats", "non-repeat": "outside repeats"}[name])
    bases = table[table["repeat"] == "all"].groupby("region")["n_bases"].first()
    labels = [f"{_readable(region)}\n{bases.get(region, 0):,}" for region in regions]
    grid[0].set_yticks(range(len(regions)), labels, linespacing=1.2)
    ends = table["high"].fillna(table["nats_per_base"])
    right = max(table["nats_per_base"].max(), UNIFORM, min(ends.max(), LONGEST_BAR - 0.03)) + 0.03
    grid[0].set_xlim(right=right)
    cut = "; bars that leave the axis are cut" if (ends > right).any() else ""
    figure.supxlabel(f"nats per base (less is better){cut}", size=10)
    legend_above(figure, grid[0])
    return figure


def llr_by_consequence(table: pd.DataFrame, looks: dict[str, Look]) -> Figure:
    """Median and the middle 50, 90 and 98 % of llr, a row for each consequence and a panel for each model."""
    models, names = [model for model in looks if model in set(table["model"])], list(table["consequence"].unique())
    height = 1.4 * ROW * len(names)
    figure = Figure(figsize=(10, 1.2 + height), layout="constrained")
    grid, first = model_panels(figure, models, height)
    reference = next((name for name in ("synonymous", "intergenic") if name in names), names[-1])
    for axes, model in zip(grid, models, strict=True):
        rows = table[table["model"] == model]
        place = rows["consequence"].map(names.index)
        for (low, high), width in ((("q0.01", "q0.99"), 1), (("q0.05", "q0.95"), 3.5), (("q0.25", "q0.75"), 9)):
            axes.hlines(place, rows[low], rows[high], color=looks[model].colour, linewidth=width)
        axes.plot(rows["q0.5"], place, "o", color=PAPER, markeredgecolor=looks[model].colour, markersize=6)
        middle = rows.loc[rows["consequence"] == reference, "q0.5"]
        axes.axvline(middle.iloc[0] if len(middle) else 0, color=SOFT, linewidth=1, linestyle=":")
        axes.set_title(model)
        row_grid(axes, len(names))
    counts = table.groupby("consequence")["n"].max()
    labels = [f"{_readable(name)}\nn = {counts[name]:,}" for name in names]
    for axes in first:
        axes.set_yticks(range(len(names)), labels, linespacing=1.2)
    figure.supxlabel(f"llr in nats (negative: less likely than the reference); dotted: median of {reference}", size=10)
    return figure


def outgroup_llr(table: pd.DataFrame, looks: dict[str, Look]) -> Figure:
    """Overlaid histograms, a row of panels for each model and a column for each sister species."""
    models, contrasts = [model for model in looks if model in set(table["model"])], list(table["contrast"].unique())
    size = (max(10 / 2 * len(contrasts), 6), 0.9 + 2.1 * len(models))
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(len(models), len(contrasts), squeeze=False, sharex=True)
    for row, model in zip(grid, models, strict=True):
        for axes, contrast in zip(row, contrasts, strict=True):
            rows = table[(table["model"] == model) & (table["contrast"] == contrast)]
            for label, part in rows.groupby("label"):
                edges, fill = [*part["low"], part["high"].iloc[-1]], label == 0
                colour = SOFT if fill else looks[model].colour
                axes.stairs(part["share"], edges, fill=fill, color=colour, alpha=0.35 if fill else 1, linewidth=1.6)
            axes.set_title(f"{model}: {contrast.removeprefix('substituted in ').partition(' vs ')[0]}")
            axes.set_title(_auroc(rows), loc="right", size=9, weight="normal", color=SOFT)
            axes.set_yticks([])
            bare(axes)
    for axes in grid[-1]:
        axes.set_xlabel("llr of the substitution, nats")
    handles = [Patch(facecolor=SOFT, alpha=0.35), Line2D([], [], color=INK, linewidth=1.6)]
    figure.get_layout_engine().set(wspace=0.06)
    figure.legend(handles, ["matched, not carried", "carried by the sister species"], loc="outside upper left", ncols=2)
    return figure


def _auroc(rows: pd.DataFrame) -> str:
    if rows.empty or not np.isfinite(rows["auroc"].iloc[0]):
        return "no metric"
    first = rows.iloc[0]
    return f"AUROC {with_interval(first['auroc'], first['auroc_low'], first['auroc_high'])}, n = {first['n']:,} pairs"


def training(table: pd.DataFrame, looks: dict[str, Look]) -> Figure:
    """Loss of each step as a pale line, smoothed as a strong one; the loss on the validation part as a dashed level."""
    curves, levels = (table[table["part"] == part] for part in ("train", "validation"))
    figure = Figure(figsize=(10, max(4.2, 2.0 + LEVEL * len(levels))), layout="constrained")
    axes = figure.subplots()
    colours = {model: looks[model].colour if model in looks else SOFT for model in table["model"].unique()}
    lines = line_styles(looks)
    for model, rows in curves.groupby("model", sort=False):
        axes.plot(rows["step"], rows["nats_per_base"], color=colours[model], linewidth=0.8, alpha=0.3)
        axes.plot(
            rows["step"], rows["smoothed"], color=colours[model], linestyle=lines.get(model), linewidth=2, label=model
        )
    named = [("every base equally likely", UNIFORM, INK)]
    named += [(f"{row.model}, validation", row.nats_per_base, colours[row.model]) for row in levels.itertuples()]
    for _, value, colour in named:
        axes.axhline(value, color=colour, linewidth=1.2, linestyle=":" if value == UNIFORM else "--")
    heights = [value for _, value, _ in named]
    lowest = min(curves["nats_per_base"].quantile(0.005), curves["smoothed"].min(), *heights)
    axes.set_ylim(lowest - 0.01, max(heights) + 0.03)
    axes.set_xlim(0, curves["step"].max())
    _name_levels(axes, named)
    axes.set_xlabel("training step")
    axes.set_ylabel("nats per base")
    legend_above(figure, axes)
    return figure


def _name_levels(axes: Axes, named: list[tuple[str, float, str]]) -> None:
    """Names of levels at the right, moved apart where they would overlap, down and, from the foot of the axes, up."""
    low, high = axes.get_ylim()
    apart = min(0.055, 1 / len(named)) * (high - low)
    named = sorted(named, key=lambda level: -level[1])
    places = [value for _, value, _ in named]
    for number in range(1, len(places)):
        places[number] = min(places[number], places[number - 1] - apart)
    foot = low
    for number in reversed(range(len(places))):
        places[number] = max(places[number], foot)
        foot = places[number] + apart
    for (name, value, colour), place in zip(named, places, strict=True):
        axes.annotate(
            f"{name}  {value:.3f}",
            (1.01, place),
            xycoords=axes.get_yaxis_transform(),
            va="center",
            color=colour,
            size=9,
        )


def calibration(table: pd.DataFrame, looks: dict[str, Look]) -> Figure:
    """Share of letters that stand in the genome against the probability that a model gave them, where that tells."""
    table = table[table["n"] >= FEWEST_LETTERS]
    baselines = [model for model in table["model"].unique() if model not in looks]
    looks = {**looks, **baseline_looks(baselines)}
    figure = Figure(figsize=(6.5, 6), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color=SOFT, linewidth=1, linestyle=":")
    for model, rows in table.groupby("model", sort=False):
        look = looks[model]
        axes.plot(rows["predicted"], rows["observed"], color=look.colour, linewidth=1)
        style = {"color": look.colour, "markerfacecolor": look.face, "markersize": 5, "label": model}
        axes.plot(rows["predicted"], rows["observed"], look.marker, **style)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_xlabel("predicted probability of a base")
    axes.set_ylabel("share of those bases that stand there")
    legend_above(figure, axes)
    return figure


def windows_map(table: pd.DataFrame, looks: dict[str, Look]) -> Figure:
    """Windows in two dimensions, a panel for each model, coloured by region class."""
    models = list(table["model"].unique())
    colours = cycle((*COLOURS, INK, SOFT))
    kinds = dict(zip(table["class"].value_counts().index, colours, strict=False))  # the commonest below
    figure = Figure(figsize=(max(6 * len(models), 7), 6.2), layout="constrained")
    grid = figure.subplots(1, len(models), squeeze=False)[0]
    for axes, model in zip(grid, models, strict=True):
        rows = table[table["model"] == model]
        for kind, colour in kinds.items():
            points = rows[rows["class"] == kind]
            axes.plot(points["x"], points["y"], "o", color=colour, markersize=2.5, alpha=0.7, label=kind)
        first = rows.iloc[0]
        axes.set_title(f"{model}: ARI {first['ari']:.2f}, NMI {first['nmi']:.2f}, macro-F1 {first['macro_f1']:.2f}")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.grid(visible=False)
    legend_above(figure, grid[0])
    return figure
