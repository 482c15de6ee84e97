"""Vectors brought to two dimensions by UMAP, to be looked at."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.neighbors import NearestNeighbors

from glmtracks.overview import read_summary
from glmtracks.parquet import read_frame

MAPPED, LEAST_MAPPED = 1_500, 100  # windows
NEIGHBOURS = 15  # the default of umap-learn


def windows_map(sources: dict[str, list], genome: str, baseline: dict[str, bool]) -> pd.DataFrame:
    """model, class, x, y, n, ari, nmi, macro_f1: windows of one region class, embeddings brought to two dimensions.

    By UMAP of the principal components that the task clusters in, at most 1,500 windows drawn for each model; the
    statistics are those of all windows.
    """
    summary = read_summary(*sources["summaries"])
    summary = summary[(summary["genome"] == genome) & (summary["task"] == "windows")]
    tables = []
    for path in map(Path, sources["scores"]):
        table = read_frame(path, columns=["contrast", "stratum", "components"])
        if baseline[path.stem] or len(table) < LEAST_MAPPED:
            continue
        contrast = table["contrast"].iloc[0]  # with repeats, where there are any
        table = table[table["contrast"] == contrast]
        told = summary[(summary["scorer"] == path.stem) & (summary["contrast"] == contrast)]
        told = told.set_index("metric")["value"].reindex(["ari", "nmi", "macro_f1"]).to_dict()
        drawn = table.sample(min(MAPPED, len(table)), random_state=0)
        place = in_two_dimensions(np.stack(drawn["components"]), seed=0)
        columns = {"model": path.stem, "class": drawn["stratum"].astype(str), "x": place[:, 0], "y": place[:, 1]}
        tables.append(pd.DataFrame(columns).assign(n=len(table), **told))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def in_two_dimensions(vectors: np.ndarray, seed: int) -> np.ndarray:
    """Vectors, float (n, channels), in two dimensions by UMAP (McInnes et al. 2018), float32 (n, 2); the same by seed.

    The neighbours are found exactly, by scikit-learn: umap-learn would compile its own search first, which takes longer
    than all the rest for so few vectors.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ImportWarning)  # of Tensorflow, which only its parametric form needs
        from umap import UMAP  # takes seconds, which no other plot should wait
    near = min(NEIGHBOURS, len(vectors))
    distance, neighbour = NearestNeighbors(n_neighbors=near).fit(vectors).kneighbors(vectors)
    known = (neighbour.astype(np.int32), distance.astype(np.float32), None)
    reducer = UMAP(
        n_neighbors=near, precomputed_knn=known, force_approximation_algorithm=True, random_state=seed, n_jobs=1
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*transforming new data", UserWarning)  # there is none
        return reducer.fit_transform(vectors)
