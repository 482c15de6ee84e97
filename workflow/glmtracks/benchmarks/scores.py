"""One model's scores of the items of a task, looked up in its scores of the genome."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import logsumexp

from glmtracks import tracks
from glmtracks.benchmarks import task_module
from glmtracks.benchmarks.inputs import ITEM_COLUMNS, stretches
from glmtracks.errors import InputError
from glmtracks.files import atomic
from glmtracks.parquet import WITH_CHECKSUMS, read_frame
from glmtracks.track_names import LLR_COLUMNS
from glmtracks.tracks.calibration import Calibration

logger = logging.getLogger(__name__)

LOG_P = "log_p_ref"


def score_items(
    task: str, items: str | Path, dataset: str | Path, output: str | Path, calibration: str | Path | None = None
) -> None:
    """Write `inputs.ITEM_COLUMNS` of the items, what the task uses, their score and what else it scores as Parquet.

    Rows stand in the order of `items`. Items on contigs without scores have a null score; how many is logged.

    items        Parquet of `inputs.draw_items`
    dataset      folder of genome scores, see `glmtracks.tracks`
    calibration  folder of `glmtracks.tracks.calibration` of these scores, for a task that corrects its scores by it
    """
    module = task_module(task)
    more = {"calibration": Calibration.open(calibration)} if calibration else {}
    table = read_items(task, items)
    write_scored(table, module.score(table, read_means(dataset, table, module.READS), **more), dataset, output)


def read_items(task: str, items: str | Path) -> pd.DataFrame:
    """`inputs.ITEM_COLUMNS` of items, and what else their task needs to score them."""
    return read_frame(items, columns=[*ITEM_COLUMNS, *getattr(task_module(task), "USES", ())])


def write_scored(table: pd.DataFrame, scored: pd.DataFrame, dataset: str | Path, output: str | Path) -> None:
    """Write items, and beside them what a task makes of their scores, as Parquet; log how many have none."""
    missing = int(scored["score"].isna().sum())
    logger.info("%s: %d items, %d without a score", dataset, len(table), missing)
    with atomic(output) as temporary:
        pd.concat([table, scored], axis=1).to_parquet(temporary, index=False, compression="zstd", **WITH_CHECKSUMS)


def read_means(dataset: str | Path, items: pd.DataFrame, columns: Sequence[str]) -> np.ndarray:
    """Mean of each column over the scored bases of every item, float32 (n, columns); NaN where none has a score.

    For an item of one base that is the score itself, to the last bit.

    items    contig, start, end, ref; rows sorted by start within runs of one contig
    columns  of the dataset, or "log_p_ref": log P of the reference base, nats

    Raises InputError where the reference base of an item, if it has one, is not that of the scores.
    """
    start, end = items["start"].to_numpy(), items["end"].to_numpy()
    ref = items["ref"].astype("string").fillna("").to_numpy(dtype=object)
    means = np.full((len(items), len(columns)), np.nan, dtype=np.float32)
    known = tracks.contigs(dataset)
    checked = ["ref"] if (ref != "").any() else []
    read = dict.fromkeys(name for column in columns for name in (LLR_COLUMNS if column == LOG_P else [column]))
    for contig, rows in stretches(items):
        if contig in known:
            low, high = int(start[rows].min()), int(end[rows].max())
            frame = tracks.read(dataset, (contig, low, high), [*checked, *read])
            if checked:
                _check_reference(dataset, contig, start[rows], ref[rows], frame)
            if LOG_P in columns:
                frame[LOG_P] = -logsumexp(frame[list(LLR_COLUMNS)].to_numpy(dtype=np.float64), axis=1)
            values = frame[list(columns)].to_numpy(dtype=np.float64)
            means[rows] = _means(values, start[rows] - low, end[rows] - low)
    return means


def _check_reference(dataset: str | Path, contig: str, start: np.ndarray, ref: np.ndarray, frame: pd.DataFrame) -> None:
    """Raise InputError where `ref` of an item that starts at `start`, if not "", is not that of the rows of scores."""
    scored = frame["ref"].astype(str).to_numpy()[start - frame["start"].iloc[0]]
    different = (ref != "") & (ref != scored)
    if different.any():
        row = int(np.argmax(different))
        raise InputError(
            f"{dataset}, {contig}:{start[row] + 1}: the scores were made on another reference base than the "
            f"{ref[row]} of the benchmark; score the genome again"
        )


def _means(values: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Mean of the rows first .. last - 1 of `values` that are not NaN, (n, columns), for windows in any order.

    Each window is summed by itself: differences of running sums would part scores that are equal, and equal scores
    must tie.
    """
    edges = np.column_stack([first, last]).ravel()
    scored = np.isfinite(values)

    def sums(rows: np.ndarray) -> np.ndarray:
        return np.add.reduceat(np.pad(rows, ((0, 1), (0, 0))), edges, axis=0)[::2]

    with np.errstate(invalid="ignore"):
        return sums(np.where(scored, values, 0.0)) / sums(scored.astype(np.float64))
