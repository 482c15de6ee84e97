"""The summary table in plain sentences: what a model knows about a genome, and where it loses.

Wins, losses and what stays open are said in the same words and at the same length.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from glmtracks.overview import headlines, percent, with_interval

COIN = 0.5  # AUROC of a scorer without an opinion
SEEN = {
    "held out": "It was trained on other parts of this genome; every number is of parts held out from training.",
    "yes": "It saw this genome in training, and which parts is not known: numbers may be memory.",
    "no": "It was not trained on a genome of this name.",
    "unknown": "Whether it saw this genome in training is unknown: numbers may be memory.",
}
ORDER = ("better", "worse", "undecided", "")


def verdicts(summary: pd.DataFrame) -> list[dict]:
    """One entry for each genome and model that is not a baseline, from the headline rows of the summary.

    Each has genome, model, seen (a sentence), lead (sentences), and items: verdict ("better", "worse", "undecided", or
    "" where there is no interval or no metric) and text of every comparison, wins before losses before the rest.
    """
    told = []
    rows = headlines(summary)
    rows = rows[rows["contrast"] != ""]
    for (genome, model), part in rows.groupby(["genome", "scorer"], sort=False):
        items = [{"verdict": row.verdict, "text": sentence(row)} for row in part.itertuples()]
        told.append(
            {
                "genome": genome,
                "model": model,
                "seen": SEEN.get(part["seen"].iloc[0], ""),
                "lead": [tally(model, part), *beyond_chance(part)],
                "items": sorted(items, key=lambda item: ORDER.index(item["verdict"])),
            }
        )
    return told


def tally(model: str, rows: pd.DataFrame) -> str:
    """How many comparisons with the best baseline a model wins, loses and leaves open."""
    won, lost, undecided, none = (int((rows["verdict"] == verdict).sum()) for verdict in ORDER)
    comparisons = "1 comparison" if len(rows) == 1 else f"{len(rows)} comparisons"
    text = f"In {comparisons} with the best baseline, {model} wins {won}, loses {lost} and leaves {undecided} undecided"
    return text + (f"; for {none} there are too few data for an interval." if none else ".")


def beyond_chance(rows: pd.DataFrame) -> list[str]:
    """What a model ranks better than a coin toss, and what it does not, by the intervals of its AUROC."""
    ranked = rows[rows["metric"].str.startswith("auroc") & rows["low"].notna()]
    names = short_names(ranked["contrast"])
    sides = (
        ("It ranks better than a coin toss, interval included:", ranked["low"] > COIN),
        ("It does not rank better than a coin toss:", (ranked["low"] <= COIN) & (ranked["high"] >= COIN)),
        ("It ranks the other way round, more often than by chance:", ranked["high"] < COIN),
    )
    return [f"{text} {', '.join(names[side])}." for text, side in sides if side.any()]


def short_names(contrasts: pd.Series) -> pd.Series:
    """Contrasts in words; what the class is compared with stands there only where it tells two of them apart."""
    short = contrasts.str.replace(" vs .*", "", regex=True)
    return short.mask(short.duplicated(keep=False), contrasts).str.replace("_", " ")


def sentence(row) -> str:
    """One headline row, as of `DataFrame.itertuples`, in a sentence."""
    if not np.isfinite(row.value):
        return f"{_heading(row)}: nothing can be said ({row.status})."
    return f"{_FINDINGS.get(row.task, _finding)(row)}; {_comparison(row)}."


def _comparison(row) -> str:
    if not np.isfinite(row.difference):
        return "there is no baseline to compare with"
    bar = f"{row.best_baseline} ({row.best_baseline_value:.3f})"
    ends = (row.difference_low, row.difference_high)
    better = f"better than the best baseline, {bar}, by {with_interval(row.difference, *ends)}"
    worse = f"it LOSES to the best baseline, {bar}, by {with_interval(-row.difference, *(-end for end in ends[::-1]))}"
    if row.verdict == "undecided":
        return (
            f"undecided against the best baseline, {bar}: difference {with_interval(row.difference, *ends, sign='+')}"
        )
    if not row.verdict:
        return f"{_side(row.difference)} the best baseline, {bar}, which too few data decide ({row.status})"
    return better if row.verdict == "better" else worse


def _side(difference: float) -> str:
    if difference == 0:
        return "level with"
    return f"{abs(difference):.3f} {'ahead of' if difference > 0 else 'behind'}"


def _perplexity(row) -> str:
    value = with_interval(row.value, row.low, row.high)
    return f"Held-out bases cost it {value} nats each, where a guess among four costs {np.log(4):.3f}"


def _consequence(row) -> str:
    name, _, comparison = row.contrast.replace("_", " ").partition(" vs ")
    name = name.capitalize() if name.islower() else name  # 5UTR and ncRNA stay as they are
    return f"{name} changes score as less likely than {comparison} ones in {_pairs(row)}"


def _outgroup(row) -> str:
    species = row.contrast.removeprefix("substituted in ").partition(" vs ")[0]
    return f"Substitutions that {species} carries score as more likely than matched ones in {_pairs(row)}"


def _pairs(row) -> str:
    return f"{percent(row.value)} % of comparable pairs (AUROC {with_interval(row.value, row.low, row.high)})"


def _finding(row) -> str:
    value = with_interval(row.value, row.low, row.high)
    return f"{_heading(row)}: {row.metric.replace('_', ' ')} {value}"


def _heading(row) -> str:
    return f"{row.task.capitalize()}, {row.contrast}".replace("_", " ")


_FINDINGS: dict[str, Callable] = {"perplexity": _perplexity, "consequence": _consequence, "outgroup": _outgroup}
