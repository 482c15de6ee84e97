"""Loss against minutes of training, drawn from the sheet that `quality.compare` gives."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from glmtracks.plots.style import SOFT, looks

from .quality import OBJECTIVES, WHOLE, WINDOWS

ROOM = 0.12  # nats per base above the lowest value that are shown at most, so that the ends of the curves stand apart


def draw(sheet: pd.DataFrame) -> Figure:
    """A curve for each objective, validated on windows along the way; at its end a point for the whole chromosome."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for objective, look in looks(list(OBJECTIVES)).items():
        rows = sheet[sheet["objective"] == objective]
        way, end = (rows[rows["context"] == context] for context in (WINDOWS, WHOLE))
        asked = way["asked"].iloc[0]
        axes.plot(way["minutes"], way["nats_per_base"], color=look.colour, label=f"{objective}, {asked}")
        label = f"{objective}, whole chromosome, {end['asked'].iloc[0]}"
        axes.plot(end["minutes"], end["nats_per_base"], look.marker, color=look.colour, markersize=7, label=label)
    for row in sheet[sheet["objective"].str.startswith("markov")].itertuples():
        axes.axhline(row.nats_per_base, color=SOFT, linestyle="--", linewidth=1)
        axes.annotate(
            f"best Markov chain, order {row.objective.removeprefix('markov_')}",
            (0.99, row.nats_per_base),
            xycoords=axes.get_yaxis_transform(),
            xytext=(0, 3),
            textcoords="offset points",
            ha="right",
            color=SOFT,
            size=9,
        )
    low = sheet["nats_per_base"].min()
    axes.set_ylim(low - 0.05 * ROOM, min(low + ROOM, max(np.log(4), low + 0.02)))
    axes.set_xlim(left=0)
    axes.set_xlabel("minutes of training")
    axes.set_ylabel("nats per base, chromosome XVI")
    figure.legend(loc="outside upper left", ncols=2, fontsize=9)
    return figure
