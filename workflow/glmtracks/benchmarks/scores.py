"""One model's scores of the items of a task, looked up in its scores of the genome."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from glmtracks import tracks
from glmtracks.benchmarks import task_module
from glmtracks.benchmarks.inputs import ITEM_COLUMNS, stretches
from glmtracks.errors import InputError
from glmtracks.files import atomic
from glmtracks.genome import BASES

log = logging.getLogger(__name__)


def score_items(task: str, items: str | Path, dataset: str | Path, output: str | Path) -> None:
    """Write contig, start, ref, alt, contrast, label, stratum, block, score (and what else the task scores) as Parquet.

    Rows stand in the order of `items`. Items on contigs without scores have a null score; how many is logged.

    items    Parquet of `inputs.draw_items`
    dataset  folder of genome scores, see `glmtracks.tracks`
    """
    table = pd.read_parquet(items, columns=list(ITEM_COLUMNS))
    scored = task_module(task).score(table, read_llr(dataset, table))
    missing = int(scored["score"].isna().sum())
    log.info("%s: %d items, %d without a score", dataset, len(table), missing)
    with atomic(output) as temporary:
        pd.concat([table, scored], axis=1).to_parquet(temporary, index=False, compression="zstd")


def read_llr(dataset: str | Path, items: pd.DataFrame) -> np.ndarray:
    """llr of A, C, G, T at every item, float32 (n, 4); NaN where the dataset has no score.

    items  contig, start, ref; rows sorted by start within runs of one contig

    Raises InputError where the reference base of an item is not that of the scores.
    """
    columns = [f"llr_{base}" for base in BASES]
    start, ref = items["start"].to_numpy(), items["ref"].astype(str).to_numpy()
    llr = np.full((len(items), len(BASES)), np.nan, dtype=np.float32)
    known = tracks.contigs(dataset)
    for contig, rows in stretches(items):
        if contig not in known:
            continue
        low, high = int(start[rows].min()), int(start[rows].max()) + 1
        frame = tracks.read(dataset, (contig, low, high), ["ref", *columns])
        place = start[rows] - low
        different = frame["ref"].astype(str).to_numpy()[place] != ref[rows]
        if different.any():
            position = start[rows][different][0]
            raise InputError(
                f"{dataset}, {contig}:{position + 1}: the scores were made on another reference base than the "
                f"{ref[rows][different][0]} of the benchmark; score the genome again"
            )
        llr[rows] = frame[columns].to_numpy(dtype=np.float32)[place]
    return llr
