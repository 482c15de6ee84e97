"""Mean embeddings of windows along a genome."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from glmtracks.files import atomic
from glmtracks.genome import Genome
from glmtracks.scoring import Runner, Tile, describe, select_contigs, start_runner, tile_contigs

ROWS = 16_384  # windows of a row group


def embed_genome(
    *,
    model_folder: Path,
    fasta: Path,
    provenance: Path,
    destination: Path,
    contigs: str,
    size: int,
    step: int,
    settings: dict,
    threads: int,
) -> None:
    """Write the mean embedding of every window of `size` bases that begins at a multiple of `step` within its contig,
    on the contigs whose names match the pattern `contigs`.

    A contig shorter than `size` is one window. The Parquet file has contig, start, end (0-based, half-open) and
    embedding, a list of `channels` float16 values; what made it stands in the metadata of its schema.
    """
    genome, runner = Genome(fasta), start_runner(model_folder, settings, threads)
    batches = _windows(runner, genome, select_contigs(genome, contigs, "embeddings.contigs"), size, step)
    first = next(batches)
    schema = first.schema.with_metadata(
        {**describe(runner, model_folder, provenance), "size": str(size), "step": str(step)}
    )
    with atomic(destination) as temporary, pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
        for table in chain([first], batches):
            writer.write_table(table.cast(schema))


def _windows(runner: Runner, genome: Genome, contigs: dict[str, int], size: int, step: int) -> Iterator[pa.Table]:
    """Tables of about `ROWS` windows, in genome order."""
    pending, rows = [], 0
    with tqdm(total=sum(contigs.values()), unit=" bases", unit_scale=True, desc="embedding") as bar:
        for tile, states in runner.map(
            genome, tile_contigs(contigs, runner.window), runner.model.embeddings, beyond=size
        ):
            pending.append(_tile_table(tile, states, contigs[tile.contig], size, step))
            rows += len(pending[-1])
            bar.update(tile.end - tile.start)
            if rows >= ROWS:
                yield pa.concat_tables(pending)
                pending, rows = [], 0
    yield pa.concat_tables(pending)


def _tile_table(tile: Tile, states: np.ndarray, length: int, size: int, step: int) -> pa.Table:
    """The windows that begin in a tile, from the states (positions, channels) of the tile and `size` bases beyond."""
    start = np.arange(-(-tile.start // step) * step, tile.end, step)
    start = start[(start + size <= length) | (start == 0)]
    end = np.minimum(start + size, length)
    sums = np.concatenate([np.zeros((1, states.shape[1])), states.cumsum(axis=0, dtype=np.float64)])
    means = (sums[end - tile.start] - sums[start - tile.start]) / (end - start)[:, None]
    flat = pa.array(means.astype(np.float16).reshape(-1), type=pa.float16())
    return pa.table(
        {
            "contig": pa.array([tile.contig] * len(start), type=pa.string()),
            "start": start.astype(np.int64),
            "end": end.astype(np.int64),
            "embedding": pa.FixedSizeListArray.from_arrays(flat, states.shape[1]),
        }
    )
