"""How all plots look, and how they are written: the same bytes for the same table.

Colours are those of Okabe and Ito (2008), which people with any colour vision can tell apart. Text stays text, so that
it can be searched and read aloud. The report replaces every colour by a property of its style sheet, to follow the
reader's light or dark setting.
"""

import re
import textwrap
from collections.abc import Iterable
from io import StringIO
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

INK, SOFT, GRID, PAPER = "#1f2328", "#667080", "#dfe3e8", "#fefefe"
_NAMES = ("blue", "vermillion", "green", "purple", "orange", "sky")
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
MARKERS = ("o", "s", "D", "^", "v", "P")
LINES = ("-", "-.", (0, (6, 1)))  # of curves, one for each round of the colours
BASE_COLOURS = {"A": "#009e73", "C": "#0072b2", "G": "#e69f00", "T": "#d55e00"}
VARIABLES = {INK: "--ink", SOFT: "--soft", GRID: "--grid", PAPER: "--card"} | {
    colour: f"--{name}" for colour, name in zip(COLOURS, _NAMES, strict=True)
}
"""Colour -> the property of the report's style sheet that stands for it."""

rcParams.update(
    {
        "svg.hashsalt": "glmtracks",
        "svg.fonttype": "none",
        "font.family": "DejaVu Sans",  # comes with matplotlib, so the layout is the same everywhere
        "font.size": 10,
        "axes.titlesize": 11,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "axes.grid": True,
        "grid.color": GRID,
        "grid.linewidth": 0.8,
        "legend.frameon": False,
        "errorbar.capsize": 0,
        **dict.fromkeys(
            ("text.color", "axes.labelcolor", "xtick.labelcolor", "ytick.labelcolor", "axes.titlecolor"), INK
        ),
        **dict.fromkeys(("axes.edgecolor", "xtick.color", "ytick.color"), SOFT),
        **dict.fromkeys(("figure.facecolor", "axes.facecolor", "savefig.facecolor"), PAPER),
    }
)
ROW = 0.34  # inches of a row of a dot plot
DOT = 0.09  # inches of a row that each of several series needs
LETTER = 0.09  # inches of a letter of a legend, about
TITLE_LETTER = 0.11  # inches of a letter of a title, about
LABELS = 1.6  # inches of the labels of rows, about
NARROWEST = 1.2  # inches of a panel whose numbers stand apart
BETWEEN = 0.6  # inches between panels of two rows


class Look(NamedTuple):
    """How a series is marked: colour of line and rim, shape, and colour inside the rim."""

    colour: str
    marker: str
    face: str


def looks(models: list[str]) -> dict[str, Look]:
    """The look of each model, the same in every plot of a run.

    Where colours begin again the shapes are one further, so that 36 models differ.
    """
    found = {}
    for number, model in enumerate(models):
        colour = COLOURS[number % len(COLOURS)]
        found[model] = Look(colour, MARKERS[(number + number // len(COLOURS)) % len(MARKERS)], colour)
    return found


def line_styles(models: Iterable[str]) -> dict[str, str | tuple]:
    """The dashes of each model's curve, which tell models apart where colours begin again."""
    return {model: LINES[number // len(COLOURS) % len(LINES)] for number, model in enumerate(models)}


def baseline_looks(names: list[str]) -> dict[str, Look]:
    """The look of baselines, which are drawn hollow and in grey."""
    return {name: Look(SOFT, marker, PAPER) for name, marker in zip(names, cycle(MARKERS))}


def bare(axes: Axes) -> None:
    """Leave of an axes only the vertical grid lines: rows of labels need no spine and no ticks."""
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)


def legend_above(figure: Figure, axes: Axes) -> None:
    """One legend for the whole figure, above it, in as many columns as its names leave room for."""
    handles, labels = axes.get_legend_handles_labels()
    column = 0.6 + LETTER * max(map(len, labels), default=0)
    columns = int(np.clip(figure.get_figwidth() / column, 1, min(max(len(labels), 1), 6)))
    figure.legend(handles, labels, loc="outside upper left", ncols=columns, handletextpad=0.4)


def model_panels(figure: Figure, names: list[str], height: float) -> tuple[np.ndarray, np.ndarray]:
    """Axes for as many panels as names, of `height` inches, in as many columns as their titles have room for.

    Returns the axes in the order of the names, and those of the first column. Rows beyond the first make the figure
    higher.
    """
    room = figure.get_figwidth() - LABELS
    columns = int(np.clip(room / max(TITLE_LETTER * max(map(len, names)), NARROWEST), 1, len(names)))
    rows = -(-len(names) // columns)
    figure.set_figheight(figure.get_figheight() + (rows - 1) * (height + BETWEEN))
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for axes in grid.flat[len(names) :]:
        axes.remove()
    for axes in grid.flat[len(names) - columns : len(names)]:  # the lowest of each column
        axes.tick_params(axis="x", labelbottom=True)
    return grid.flat[: len(names)], grid[:, 0]


def log_scale(axes: Axes, direction: str) -> None:
    """Make an axis ("x" or "y"), on which all is drawn already, logarithmic, with plain numbers that stand apart."""
    axes.set(**{f"{direction}scale": "log"})
    axis = getattr(axes, f"{direction}axis")
    low, high = np.log10(axis.get_view_interval())
    between = (2, 3, 4, 5, 7) if high - low < 0.6 else (2, 5) if high - low < 2 else ()
    axis.set_minor_locator(LogLocator(subs=between) if between else NullLocator())
    axis.get_major_locator().set_params(numticks=6)
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter("{x:g}")


def sentence(text: str) -> Figure:
    """A picture of a sentence, for where there is nothing to draw."""
    figure = Figure(figsize=(7, 1.4))
    figure.text(0.5, 0.5, textwrap.fill(text, 70), ha="center", va="center", color=SOFT)
    return figure


def save(figure: Figure, path: str | Path, title: str) -> None:
    """Write a figure as SVG without a date or names drawn by chance."""
    picture = StringIO()
    figure.savefig(picture, format="svg", metadata={"Date": None, "Creator": None, "Title": title})
    text = picture.getvalue()
    # The names of clipping paths depend on the last bit of a layout that is solved anew each time.
    names = dict.fromkeys(re.findall(r"url\(#(p[0-9a-f]{10})\)", text))
    for number, name in enumerate(names):
        text = text.replace(name, f"clip{number}")
    Path(path).write_text(text, encoding="utf-8")


def row_height(rows: pd.DataFrame, least: float = ROW) -> float:
    """Inches of a row in which the dots of all scorers of a table do not lie upon each other."""
    return max(least, DOT * rows["scorer"].nunique())


def row_grid(axes: Axes, count: int) -> None:
    """Room for `count` rows, the first on top, every second one shaded."""
    axes.set_ylim(count - 0.5, -0.5)
    for place in range(1, count, 2):
        axes.axhspan(place - 0.5, place + 0.5, color=GRID, alpha=0.35, linewidth=0, zorder=0)
    bare(axes)


def dodged(
    axes: Axes, rows: pd.DataFrame, names: list[str], column: str, values: tuple[str, str, str], looks: dict[str, Look]
) -> None:
    """Dots with error bars, a row for each of `names` from the top down, series side by side within it."""
    series = [name for name in looks if name in set(rows["scorer"])]
    offsets = np.linspace(-0.5, 0.5, 2 * len(series) + 1)[1::2] * min(0.8, 0.22 * len(series))
    place = {name: number for number, name in enumerate(names)}
    for scorer, offset in zip(series, offsets, strict=True):
        found = rows[(rows["scorer"] == scorer) & rows[values[0]].notna()]
        value, low, high = (found[name].to_numpy() for name in values)
        axes.errorbar(
            value,
            [place[name] + offset for name in found[column]],
            xerr=np.nan_to_num([value - low, high - value]),
            fmt=looks[scorer].marker,
            color=looks[scorer].colour,
            markerfacecolor=looks[scorer].face,
            markersize=5,
            elinewidth=1.4,
            label=scorer,
        )
    row_grid(axes, len(names))
