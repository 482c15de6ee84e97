"""Baselines and contrasts as columns of the items, for tasks that compare items of two labels."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from glmtracks.benchmarks import baselines
from glmtracks.benchmarks.summary import Contrast, Scorer


def with_baselines(table: pd.DataFrame, seed: int, toward_damage: int) -> pd.DataFrame:
    """Items whose raw baselines became `baseline_` columns, oriented towards label 1; with random and constant.

    table          items; columns that bear a name of `baselines.DAMAGE_SIGN` are the raw baselines
    toward_damage  1 where label 1 is the more damaging change or the more functional sequence, -1 where label 0 is
    """
    raw = [name for name in baselines.DAMAGE_SIGN if name in table]
    columns = {
        f"baseline_{name}": toward_damage * baselines.DAMAGE_SIGN[name] * table[name].astype(float) for name in raw
    }
    columns["baseline_random"] = np.random.default_rng(seed).integers(0, 1000, len(table)) / 1000
    columns["baseline_constant"] = np.zeros(len(table))
    return table.drop(columns=raw).assign(**columns)


def scorers(items: pd.DataFrame, toward_damage: int) -> list[Scorer]:
    """One scorer for each `baseline_` column; its name carries the sign that `with_baselines` gave it."""
    result = []
    for column in (name for name in items.columns if name.startswith("baseline_")):
        name = column.removeprefix("baseline_")
        sign = "-" if toward_damage * baselines.DAMAGE_SIGN.get(name, toward_damage) < 0 else ""
        values = pd.DataFrame({"score": items[column].to_numpy()})
        result.append(Scorer(name, "baseline", sign + name, values))
    return result


def contrasts(
    items: pd.DataFrame, defining: Callable[[str], frozenset[str]] = lambda name: frozenset()
) -> list[Contrast]:
    """One contrast for each value of the column `contrast`, all of them headlines.

    defining  contrast name -> baselines that tell the label itself
    """
    groups = items.groupby("contrast", observed=True, sort=False).indices
    return [Contrast(str(name), rows, True, defining(str(name))) for name, rows in groups.items()]
