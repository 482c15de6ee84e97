"""The scored items of benchmark tasks, as plots read them."""

from collections.abc import Iterator
from functools import reduce
from pathlib import Path

import pandas as pd

from glmtracks.parquet import read_frame


def scored_items(
    sources: dict[str, list], baseline: dict[str, bool], more: tuple[str, ...] = ()
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Each model that is not a baseline, with contrast, label, score and `more` of its items that have them all.

    A model without such an item is left out.

    sources   the files of `scores`, one for each model
    baseline  model -> whether it is one
    """
    for path in map(Path, sources["scores"]):
        if not baseline[path.stem]:
            table = read_frame(path, columns=["contrast", "label", "score", *more]).dropna()
            if len(table):
                yield path.stem, table.astype({"contrast": str, "label": int})


def shared_items(sources: dict[str, list], baseline: dict[str, bool]) -> Iterator[tuple[str, pd.DataFrame]]:
    """As `scored_items`, of the items that all models with any score have one for: those that metrics compare."""
    found = dict(scored_items(sources, dict.fromkeys(baseline, False)))
    shared = reduce(pd.Index.intersection, (table.index for table in found.values())) if found else []
    for model, table in found.items():
        if not baseline[model]:
            yield model, table.loc[shared]
