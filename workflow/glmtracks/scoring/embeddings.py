"""Mean embeddings along a genome: of windows at equal distances, and of the intervals of a BED.

The genome is walked once, tile by tile. An interval may be shorter than a tile or span many: its sum grows with each
tile that it touches, so no more than one round of tiles and the sums of the open intervals are in memory.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.sparse import csr_array
from tqdm import tqdm

from glmtracks.bed import read_bed_of
from glmtracks.errors import InputError
from glmtracks.files import atomic
from glmtracks.genome import ContigNames, Genome
from glmtracks.parquet import WITH_CHECKSUMS
from glmtracks.scoring.runner import Runner, describe, start_runner
from glmtracks.scoring.tiles import Tile, select_contigs, tile_contigs

HELD = 1 << 18  # bases whose states are held at a time; each has hundreds of channels
ROWS = 16_384  # of a row group
REGIONS = 1 << 18  # intervals of a BED that are walked at a time, because their means are held until all are known


class Intervals(NamedTuple):
    """Intervals of one contig; int64 (n,) each, 0-based, half-open; `row` says which ones of the caller's they are."""

    row: np.ndarray
    start: np.ndarray
    end: np.ndarray

    def where(self, chosen: np.ndarray) -> "Intervals":
        """Those that a mask or slice chooses."""
        return Intervals(*(column[chosen] for column in self))


def embed_genome(
    *,
    model_folder: Path,
    fasta: Path,
    provenance: Path,
    plan: Path,
    destination: Path,
    contigs: str,
    size: int,
    step: int,
    layer: int,
    settings: dict,
    threads: int,
) -> None:
    """Write the mean embedding of every window of `size` bases that begins at a multiple of `step` within its contig,
    on the contigs whose names match the pattern `contigs`.

    A contig shorter than `size` is one window. The Parquet file has contig, start, end (0-based, half-open) and
    embedding, a list of `channels` float16 values; what made it stands in the metadata of its schema. Raises InputError
    where a mean is larger than float16 holds.
    """
    genome, runner = Genome(fasta), start_runner(model_folder, settings, threads, plan)
    chosen = select_contigs(genome, contigs, "embeddings")
    metadata = _metadata(runner, model_folder, provenance, layer) | {"size": str(size), "step": str(step)}
    tiles = [tile for tile in tile_contigs(chosen, runner.window) if (tile.end - 1) // step * step + size > tile.start]
    means = interval_means(runner, genome, tiles, lambda tile: _windows(tile, chosen[tile.contig], size, step), layer)
    _write(destination, metadata, (_table(contig, where, mean) for contig, where, mean in means))


def embed_regions(
    *,
    model_folder: Path,
    fasta: Path,
    provenance: Path,
    plan: Path,
    bed: Path,
    names: ContigNames,
    destination: Path,
    layer: int,
    settings: dict,
    threads: int,
) -> None:
    """Write the mean embedding of every interval of a BED, in the order of the file.

    The intervals may overlap, repeat, be of any length and come in any order. The Parquet file has contig (as the
    genome calls it), start, end (0-based, half-open), name where the BED has names, and embedding, as of
    `embed_genome`.

    Raises:
        InputError: as `read_bed`; an interval is empty, on no contig of the genome or past the end of one; a mean is
            larger than float16 holds.
    """
    genome = Genome(fasta)
    regions = _regions(genome, bed, names)
    runner = start_runner(model_folder, settings, threads, plan)
    parts = (regions.iloc[first : first + REGIONS] for first in range(0, len(regions), REGIONS))
    tables = (_region_table(part, region_means(runner, genome, part, layer)) for part in parts)
    _write(destination, _metadata(runner, model_folder, provenance, layer), tables)


def _regions(genome: Genome, bed: Path, names: ContigNames) -> pd.DataFrame:
    """contig, start, end and, where any interval has one, name."""
    regions = read_bed_of(genome, bed, names, {"name": 3}, every_row=True)
    if regions.empty:
        raise InputError(f"{bed} has no interval; give one, or leave embed_bed empty.")
    empty = regions["start"] == regions["end"]
    if empty.any():
        line = empty.idxmax()
        contig, start = regions.loc[line, ["contig", "start"]]
        raise InputError(f"{bed}, line {line}: {contig} {start} {start} has no base to embed; leave the row out.")
    return regions if regions["name"].any() else regions.drop(columns="name")


def interval_means(
    runner: Runner, genome: Genome, tiles: list[Tile], beginning: Callable[[Tile], Intervals], layer: int
) -> Iterator[tuple[str, Intervals, np.ndarray]]:
    """Contig, intervals and their mean embeddings, float64 (n, channels), as soon as the tile that they end in is read.

    Args:
        tiles: in genome order; every base of an interval lies in one of them.
        beginning: gives the intervals that begin in a tile, in any order.
        layer: as of `GenomicLanguageModel.embeddings`.
    """
    opened, sums = Intervals(*np.zeros((3, 0), dtype=np.int64)), np.zeros((0, 0))
    embed = partial(runner.inner_states, layer=layer)
    with tqdm(
        total=sum(tile.end - tile.start for tile in tiles), unit=" bases", unit_scale=True, desc="embedding"
    ) as bar:
        for tile, states in runner.map(genome, tiles, embed, HELD):
            new = beginning(tile)
            opened = Intervals(*map(np.concatenate, zip(opened, new, strict=True)))
            sums = np.concatenate([sums.reshape(-1, states.shape[1]), np.zeros((len(new.row), states.shape[1]))])
            sums += _sums(states, opened.start - tile.start, opened.end - tile.start)
            bar.update(tile.end - tile.start)
            ended = opened.end <= tile.end
            if ended.any():
                done = opened.where(ended)
                yield tile.contig, done, sums[ended] / (done.end - done.start)[:, None]
                opened, sums = opened.where(~ended), sums[~ended]


def _sums(states: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Sums of the rows first:last of `states`, float32 (length, channels), for each interval; float64 (n, channels)."""
    length = len(states)
    first, last = np.clip(first, 0, length), np.clip(last, 0, length)
    borders = np.unique(np.concatenate([[0, length], first, last]))
    # what lies between neighbouring borders is added up once, as a product with a sparse matrix of ones
    pieces = csr_array((np.ones(length, np.float32), np.arange(length), borders), shape=(len(borders) - 1, length))
    up_to = np.concatenate([np.zeros((1, states.shape[1])), np.cumsum(pieces @ states, axis=0, dtype=np.float64)])
    return up_to[np.searchsorted(borders, last)] - up_to[np.searchsorted(borders, first)]


def _windows(tile: Tile, length: int, size: int, step: int) -> Intervals:
    """The windows that begin in a tile of a contig of `length` bases."""
    start = np.arange(-(-tile.start // step) * step, tile.end, step)
    start = start[(start + size <= length) | (start == 0)]
    return Intervals(start // step, start, np.minimum(start + size, length))


def region_means(runner: Runner, genome: Genome, regions: pd.DataFrame, layer: int) -> np.ndarray:
    """Mean embeddings of intervals, float16 (n, channels), in their order, from the tiles that they touch.

    regions  contig, start, end (0-based half-open, inside the contig), in any order; at least one
    layer    as of `GenomicLanguageModel.embeddings`

    Raises InputError where a mean is larger than float16 holds.
    """
    columns = Intervals(np.arange(len(regions)), regions["start"].to_numpy(), regions["end"].to_numpy())
    found = {contig: columns.where(rows) for contig, rows in regions.groupby("contig").indices.items()}
    found = {contig: where.where(np.argsort(where.start)) for contig, where in found.items()}

    def beginning(tile: Tile) -> Intervals:
        here = found[tile.contig]
        return here.where(slice(*np.searchsorted(here.start, [tile.start, tile.end])))

    tiles = [
        Tile(contig, number * runner.window, min((number + 1) * runner.window, length))
        for contig, length in genome.contigs.items()
        if contig in found
        for number in _touched(found[contig], runner.window).tolist()
    ]
    result = None
    for _, where, means in interval_means(runner, genome, tiles, beginning, layer):
        if result is None:
            result = np.empty((len(regions), means.shape[1]), dtype=np.float16)
        result[where.row] = _half(means)
    return result


def _touched(intervals: Intervals, window: int) -> np.ndarray:
    """Numbers of the tiles of a contig that hold a base of an interval, ascending."""
    first, last = intervals.start // window, (intervals.end - 1) // window
    change = np.zeros(last.max() + 2, dtype=np.int64)
    np.add.at(change, first, 1)
    np.add.at(change, last + 1, -1)
    return np.flatnonzero(np.cumsum(change))


def _metadata(runner: Runner, model_folder: Path, provenance: Path, layer: int) -> dict[str, str]:
    return {**describe(runner, model_folder, provenance), "layer": str(runner.model.layer_number(layer))}


def _table(contig: str, where: Intervals, means: np.ndarray) -> pa.Table:
    columns = {"contig": pa.repeat(contig, len(where.row)), "start": where.start, "end": where.end}
    return pa.table(columns | {"embedding": _vectors(_half(means))})


def _region_table(regions: pd.DataFrame, means: np.ndarray) -> pa.Table:
    columns = {name: pa.array(regions[name], type=pa.string()) for name in regions if name in ("contig", "name")}
    table = {name: columns.get(name, regions[name].to_numpy()) for name in regions}
    return pa.table(table | {"embedding": _vectors(means)})


def _half(means: np.ndarray) -> np.ndarray:
    """Means as float16; raises InputError where one is larger than that holds."""
    with np.errstate(over="ignore"):
        half = means.astype(np.float16)
    if (np.isinf(half) & np.isfinite(means)).any():
        raise InputError(
            f"the embeddings reach {np.abs(means).max():,.0f}, and float16 holds no more than 65,504; choose another "
            "layer (embeddings.layer)"
        )
    return half


def _vectors(means: np.ndarray) -> pa.Array:
    """Rows, float16 (n, channels), as a column of lists."""
    flat = pa.array(means.reshape(-1), type=pa.float16())
    return pa.FixedSizeListArray.from_arrays(flat, means.shape[1])


def _write(destination: Path, metadata: dict[str, str], tables: Iterator[pa.Table]) -> None:
    """Write tables as one Parquet file, in row groups of about `ROWS`."""
    first = next(tables)
    schema = first.schema.with_metadata(metadata)
    pending, rows = [], 0
    with (
        atomic(destination) as temporary,
        pq.ParquetWriter(temporary, schema, compression="zstd", **WITH_CHECKSUMS) as writer,
    ):
        for table in chain([first], tables):
            pending.append(table)
            rows += len(table)
            if rows >= ROWS:
                writer.write_table(pa.concat_tables(pending).cast(schema), row_group_size=ROWS)
                pending, rows = [], 0
        if pending:
            writer.write_table(pa.concat_tables(pending).cast(schema), row_group_size=ROWS)
