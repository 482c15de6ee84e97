"""The scores of every base of a shard: a model over a genome, its results written while it goes on."""

import logging
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
from tqdm import tqdm

from glmtracks.genome import Genome
from glmtracks.scoring.runner import ROUND, describe, start_runner
from glmtracks.scoring.tiles import asked_tiles, select_contigs, shard_tiles, tile_contigs
from glmtracks.tracks.shards import ScoresWriter

logger = logging.getLogger(__name__)

QUEUE = {"cpu": 1 << 17, "cuda": 2 * ROUND}  # bases that may wait to be written; a GPU goes on with the next round
WRITERS = {"cpu": 1, "cuda": 4}  # threads that prepare results for writing


def score_shard(
    *,
    model_folder: Path,
    fasta: Path,
    provenance: Path,
    plan: Path,
    shard: str,
    destination: Path,
    settings: dict,
    threads: int,
    split: Path | None = None,
) -> None:
    """Score every base of the shard called "0002-of-0008" and write one Parquet file, with a progress bar in bases.

    With a `split`, only windows that hold some of its test part are read; bases of the others have no score.
    """
    genome, runner = Genome(fasta), start_runner(model_folder, settings, threads, plan)
    number, count = map(int, shard.split("-of-"))
    contigs = select_contigs(genome, settings["contigs"], "scores")
    tiles = shard_tiles(tile_contigs(contigs, runner.window), number, count)
    asked = asked_tiles(tiles, split)
    metadata = describe(runner, model_folder, provenance)
    bases, began = sum(tile.end - tile.start for tile in asked), time.perf_counter()
    with (
        ScoresWriter(destination, metadata) as writer,
        ThreadPoolExecutor(WRITERS[runner.device.type]) as beside,
        ThreadPoolExecutor(1) as writing,  # in order, while the model computes
        tqdm(total=bases, unit=" bases", unit_scale=True, desc="scoring") as bar,
    ):
        queue: deque[Future] = deque()
        found, complete = runner.log_probs(genome, list(asked)), runner.model.reads_unknown
        for tile in tiles:
            length = tile.end - tile.start
            log_probs = next(found)[1] if tile in asked else np.full((length, 4), np.nan, np.float32)
            unread = None if complete and tile in asked else np.isnan(log_probs).all(axis=1)
            table = beside.submit(writer.table, tile.contig, tile.start, genome.codes(*tile), log_probs, unread)
            queue.append(writing.submit(lambda made=table: writer.append(made.result())))
            if len(queue) > QUEUE[runner.device.type] // runner.window:
                queue.popleft().result()
            bar.update(length * (tile in asked))
        for written in queue:
            written.result()
    seconds = time.perf_counter() - began
    logger.info(f"{bases:,} bases ({3 * bases:,} variants) in {seconds:.1f} s: {bases / seconds:,.0f} bases/s")
