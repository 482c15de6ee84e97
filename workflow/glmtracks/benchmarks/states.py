"""What one model's embeddings say of the items of a task, for tasks that judge embeddings."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from glmtracks.benchmarks import task_module
from glmtracks.benchmarks.inputs import ITEM_COLUMNS
from glmtracks.files import atomic
from glmtracks.genome import Genome
from glmtracks.parquet import WITH_CHECKSUMS, read_frame
from glmtracks.scoring.embeddings import region_means
from glmtracks.scoring.runner import start_runner

logger = logging.getLogger(__name__)


def embed_items(
    task: str,
    items: str | Path,
    model_folder: str | Path,
    fasta: str | Path,
    output: str | Path,
    plan: str | Path,
    layer: int,
    settings: dict,
    threads: int,
    seed: int = 0,
) -> None:
    """Write `inputs.ITEM_COLUMNS` of the items and what the task makes of their mean embeddings, as Parquet.

    Rows stand in the order of `items`. The embedding of an item is the mean over its bases, which the model reads in
    the surroundings that they have in the genome.

    items     Parquet of `inputs.draw_items`
    plan      how the model is asked on this genome, see `glmtracks.scoring.planning`
    layer     whose states are averaged, see `GenomicLanguageModel.embeddings`
    settings  scores of the configuration
    """
    table = read_frame(items)
    runner = start_runner(Path(model_folder), settings, threads, Path(plan))
    places, row = _places(table)
    vectors = region_means(runner, Genome(fasta), places, layer) if len(places) else np.zeros((0, 1))
    vectors = vectors.astype(np.float32)[row]
    scored = task_module(task).score(table, vectors, gap=runner.model.receptive_field, seed=seed)
    logger.info("%s: %d items, %d without a score", model_folder, len(table), scored["score"].isna().sum())
    with atomic(output) as temporary:
        pd.concat([table[list(ITEM_COLUMNS)], scored], axis=1).to_parquet(
            temporary, index=False, compression="zstd", **WITH_CHECKSUMS
        )


def _places(items: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    """The different intervals of the items, contig, start, end; and which one each item has."""
    number = items.groupby(["contig", "start", "end"], observed=True, sort=False).ngroup().to_numpy()
    first = np.unique(number, return_index=True)[1]
    places = items.iloc[first][["contig", "start", "end"]].reset_index(drop=True)
    return places.astype({"contig": "str"}), number
