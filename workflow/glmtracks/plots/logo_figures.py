"""Sequence logos, from the tables of `logo_tables`; see `figures`."""

import textwrap

import logomaker
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from glmtracks.plots.logo_tables import OBSERVED
from glmtracks.plots.style import BASE_COLOURS, GRID, SOFT, Look

LEAST_BITS = 0.25  # of the scale of a logo, so that noise looks like noise
SITES = {  # places of the letters that make a site, and what position 1 is
    "donor": ((15, 16), "the first base of the intron"),
    "acceptor": ((13, 14), "the first base after the intron"),
    "stop": ((15, 17), "the first base of the stop codon"),
}


def logo_start_codons(table: pd.DataFrame, looks: dict[str, Look]) -> Figure:
    """Sequence logos: letters as high as their probability times the information of the position, in bits."""
    sources = list(table["source"].unique())
    figure = Figure(figsize=(10, 0.6 + 1.75 * len(sources)), layout="constrained")
    grid = figure.subplots(len(sources), 1, squeeze=False, sharex=True)
    n = _logos(grid[:, 0], table, (15, 17))
    grid[-1, 0].set_xlabel(f"position from the first base of the start codon; mean of {n:,} genes")
    return figure


def logo_sites(table: pd.DataFrame, looks: dict[str, Look]) -> Figure:
    """Sequence logos as those of start codons, a column for each kind of site."""
    sites, sources = list(table["site"].unique()), list(table["source"].unique())
    figure = Figure(figsize=(10, 0.8 + 1.75 * len(sources)), layout="constrained")
    grid = figure.subplots(len(sources), len(sites), squeeze=False, sharex="col")
    for column, site in zip(grid.T, sites, strict=True):
        band, words = SITES[site]
        n = _logos(column, table[table["site"] == site], band, numbered=5)
        column[-1].set_xlabel(textwrap.fill(f"position from {words}; mean of {n:,}", 34))
    return figure


def _logos(column: np.ndarray, table: pd.DataFrame, band: tuple[int, int], numbered: int = 1) -> int:
    """Draw the logo of each source in one of a column of axes, with a band over some places; the number of sites.

    Positions are written where they are multiples of `numbered`.
    """
    sources = list(table["source"].unique())
    expected = table.loc[table["source"] != OBSERVED, list(BASE_COLOURS)].to_numpy()
    reach = max(1.1 * information(expected).max(initial=0), LEAST_BITS)
    for axes, source in zip(column, sources, strict=True):
        rows = table[table["source"] == source]
        probabilities = rows[list(BASE_COLOURS)].to_numpy()
        heights = np.maximum(probabilities * information(probabilities)[:, None], 1e-6)  # no logo is all empty
        letters = pd.DataFrame(heights, columns=list(BASE_COLOURS))
        axes.axvspan(band[0] - 0.5, band[1] + 0.5, color=GRID, alpha=0.6, linewidth=0, zorder=-1)
        logomaker.Logo(letters, ax=axes, color_scheme=BASE_COLOURS, vpad=0.02, font_name="DejaVu Sans")
        axes.get_lines()[0].set_color(SOFT)  # the line on which the letters stand
        axes.set_ylim(0, 2 if source == OBSERVED else reach)
        axes.set_xlim(-0.5, len(rows) - 0.5)
        axes.locator_params(axis="y", nbins=4)
        axes.set_ylabel("bits")
        axes.set_title(source if source == OBSERVED else f"expected by {source}")
        axes.grid(visible=False)
        axes.spines["bottom"].set_visible(False)
        axes.tick_params(axis="x", length=0)
    written = [f"{position:+d}" if position % numbered == 0 else "" for position in rows["position"]]
    column[-1].set_xticks(range(len(rows)), written, size=8)
    return int(rows["n"].iloc[0])


def information(probabilities: np.ndarray) -> np.ndarray:
    """Information content of distributions over four bases, bits: 2 minus their entropy; (n, 4) -> (n,)."""
    logarithms = np.log2(probabilities, where=probabilities > 0, out=np.zeros_like(probabilities))
    return 2 + (probabilities * logarithms).sum(axis=1)
