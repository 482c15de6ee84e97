"""One model's scores of items, some of which are sequence that does not stand in the genome.

Items whose column `sequence` is filled in are asked afresh: the bases of the item are replaced by that sequence, in the
surroundings that the item has in the genome. All others are looked up, as `scores` does. A sequence that is to be
compared with a replacement of itself is filled in too, so that both are asked in the same way, in passes of one shape.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from glmtracks import tracks
from glmtracks.arrays import grouped, in_batches
from glmtracks.benchmarks import scores, task_module
from glmtracks.genome import UNKNOWN, Genome, encode
from glmtracks.scoring.runner import Runner, start_runner
from glmtracks.variants.haplotypes import window_length

logger = logging.getLogger(__name__)

BASES_AT_ONCE = 1 << 17  # of windows whose predictions are held


def score_altered_items(
    task: str,
    items: str | Path,
    dataset: str | Path,
    model_folder: str | Path,
    fasta: str | Path,
    output: str | Path,
    plan: str | Path,
    settings: dict,
    threads: int,
) -> None:
    """Write `inputs.ITEM_COLUMNS` of the items, what the task uses, and what it makes of their scores, as Parquet.

    Rows stand in the order of `items`. Items on contigs without genome scores are not asked and have a null score.

    items     Parquet of `inputs.draw_items`, with the column sequence
    dataset   folder of genome scores, see `glmtracks.tracks`
    plan      how the model is asked on this genome, see `glmtracks.scoring.planning`
    settings  scores of the configuration
    """
    module = task_module(task)
    table = scores.read_items(task, items)
    values = scores.read_means(dataset, table, module.READS)
    asked = table["sequence"].notna() & table["contig"].isin(list(tracks.contigs(dataset)))
    rows = np.flatnonzero(asked.to_numpy())
    values[table["sequence"].notna().to_numpy()] = np.nan
    if len(rows):
        runner = start_runner(Path(model_folder), settings, threads, Path(plan))
        values[rows] = ask_items(runner, Genome(fasta), table.iloc[rows], module.READS)
    logger.info("%d items asked afresh", len(rows))
    scores.write_scored(table, module.score(table, values), dataset, output)


def ask_items(runner: Runner, genome: Genome, items: pd.DataFrame, columns: Sequence[str]) -> np.ndarray:
    """Mean of each column over the bases of every item, float32 (n, columns), with its sequence put into the genome.

    A base has NaN where the model has no prediction for it, and does not count. An item longer than the windows of the
    model is read in pieces, each with the margin that the genome was scored with.

    items    contig, start, end, sequence (as many bases as the item has)
    columns  of "entropy" (bits) and `scores.LOG_P` (log P of the base that stands there, nats)
    """
    sums, counts = np.zeros((len(items), len(columns))), np.zeros((len(items), len(columns)))
    pieces = _pieces(items, runner.window)
    limit, margin = runner.model.context, runner.margin
    size = pieces["size"].to_numpy()
    lengths = np.array([window_length(bases + 2 * margin, limit) for bases in size.tolist()], dtype=np.int64)
    with tqdm(total=int(size.sum()), unit=" bases", unit_scale=True, desc="asking") as bar:
        for length, rows in grouped(lengths):
            for some in in_batches(rows, BASES_AT_ONCE // length):
                here = pieces.iloc[some]
                windows = _windows(genome, items, here, length, margin)
                values = _values(runner.ask(windows, margin), windows[:, margin : length - margin], columns)
                values[np.arange(length - 2 * margin) >= here["size"].to_numpy()[:, None]] = np.nan
                defined = np.isfinite(values)
                np.add.at(sums, here["item"].to_numpy(), np.where(defined, values, 0).sum(axis=1, dtype=np.float64))
                np.add.at(counts, here["item"].to_numpy(), defined.sum(axis=1))
                bar.update(int(here["size"].sum()))
    with np.errstate(invalid="ignore"):
        return (sums / counts).astype(np.float32)


def _pieces(items: pd.DataFrame, longest: int) -> pd.DataFrame:
    """Stretches of at most `longest` bases that items are read in: item (its row), offset in it, size in bases."""
    length = (items["end"] - items["start"]).to_numpy()
    count = -(-length // longest)
    item = np.repeat(np.arange(len(items)), count)
    offset = longest * (np.arange(len(item)) - np.repeat(np.cumsum(count) - count, count))
    return pd.DataFrame({"item": item, "offset": offset, "size": np.minimum(length[item] - offset, longest)})


def _windows(genome: Genome, items: pd.DataFrame, pieces: pd.DataFrame, length: int, margin: int) -> np.ndarray:
    """Windows of the genome with the sequences of items in it, each from `margin` bases before its piece: uint8."""
    rows = items.iloc[pieces["item"].to_numpy()]
    first = rows["start"].to_numpy() + pieces["offset"].to_numpy() - margin
    windows = np.empty((len(rows), length), dtype=np.uint8)
    for contig, here in rows.groupby("contig", observed=True, sort=False).indices.items():
        wrap = genome.contigs[contig] >= length  # so that no base reads its own copy
        windows[here] = genome.windows(contig, first[here], length, wrap=wrap)
    for window, begin, start, sequence in zip(windows, first, rows["start"], rows["sequence"], strict=True):
        low, high = max(start - begin, 0), min(start - begin + len(sequence), length)
        window[low:high] = encode(sequence)[low + begin - start : high + begin - start]
    return windows


def _values(log_probs: np.ndarray, codes: np.ndarray, columns: Sequence[str]) -> np.ndarray:
    """The columns of every base, float32 (n, length, columns), from predictions, (n, length, 4), and the bases there.

    As float32, so that sums in float64 are exact and do not depend on the order of the bases.
    """
    chance = np.exp(log_probs.astype(np.float64))
    known = np.where(codes == UNKNOWN, 0, codes)[..., None]
    found = {
        "entropy": -(chance * log_probs).sum(axis=-1) / np.log(2),
        scores.LOG_P: np.take_along_axis(log_probs, known, axis=-1)[..., 0],
    }
    values = np.stack([found[column] for column in columns], axis=-1).astype(np.float32)
    return np.where((codes == UNKNOWN)[..., None], np.float32(np.nan), values)
