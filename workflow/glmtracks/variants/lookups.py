"""Scores of single-base changes: looked up in the scores of a genome, or by asking a model afresh."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from glmtracks import tracks
from glmtracks.arrays import grouped, in_batches
from glmtracks.genome import Genome
from glmtracks.scoring.runner import Runner
from glmtracks.tracks.shards import score_columns

TILE = 256  # bases; a change alone is scored with so many around it
WIDEST = 1 << 13  # bases of the longest window; wider ones save nothing worth having
_BASES_AT_ONCE = 1 << 20  # whose predictions are held

# (contig, positions int64 (n,) 0-based, reference codes uint8 (n,), alternative codes uint8 (n,))
#     -> (llr float32 (n,), entropy float32 (n,)), NaN where it has no score
Lookup = Callable[[str, np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def dataset_lookup(dataset: str | Path) -> Lookup:
    """A lookup in the scores of a genome; reads each row group that a call touches once.

    Args:
        dataset: folder of `glmtracks.tracks.write_dataset`.

    Returns:
        lookup(contig, positions, ref_codes, alt_codes) -> (llr, entropy), NaN for contigs that were not scored and
        for bases that the genome does not define. `ref_codes` must be the genome's own.
    """
    scored = tracks.contigs(dataset)

    @lru_cache(maxsize=1)
    def opened(contig: str) -> pq.ParquetFile:
        return tracks.open_contig(dataset, contig)

    @lru_cache(maxsize=1)
    def scores(contig: str, group: int) -> np.ndarray:
        table = opened(contig).read_row_group(group, columns=list(tracks.TRACKS))
        return np.stack([table[track].to_numpy() for track in tracks.TRACKS])

    def lookup(contig: str, positions: np.ndarray, ref_codes: np.ndarray, alt_codes: np.ndarray):
        llr, entropy = np.full((2, len(positions)), np.nan, np.float32)
        if contig in scored:
            rows_per_group = opened(contig).metadata.row_group(0).num_rows
            for group, rows in grouped(positions // rows_per_group):
                values, inside = scores(contig, group), positions[rows] - group * rows_per_group
                llr[rows], entropy[rows] = values[alt_codes[rows], inside], values[-1, inside]
        return llr, entropy

    return lookup


def model_lookup(start: Callable[[], Runner], genome: Genome) -> Lookup:
    """A lookup that asks a model, with the same values as scoring the whole contig.

    Args:
        start: gives the runner; called when the lookup is first asked, and each time after, so better cached.

    Returns:
        lookup(contig, positions, ref_codes, alt_codes) -> (llr, entropy)
    """

    def lookup(contig: str, positions: np.ndarray, ref_codes: np.ndarray, alt_codes: np.ndarray):
        if not len(positions):
            return np.zeros((2, 0), np.float32)
        table = score_columns(sparse_log_probs(start(), genome, contig, positions), ref_codes)
        return table[np.arange(len(table)), alt_codes], table[:, -1]

    return lookup


def combine(*lookups: Lookup) -> Lookup:
    """A lookup that asks each of `lookups` in turn, the later ones only for what the earlier ones have no score for."""

    def lookup(contig: str, positions: np.ndarray, ref_codes: np.ndarray, alt_codes: np.ndarray):
        llr, entropy = np.full((2, len(positions)), np.nan, np.float32)
        for ask in lookups:
            rows = np.flatnonzero(np.isnan(llr))
            if len(rows):
                llr[rows], entropy[rows] = ask(contig, positions[rows], ref_codes[rows], alt_codes[rows])
        return llr, entropy

    return lookup


def sparse_log_probs(runner: Runner, genome: Genome, contig: str, positions: np.ndarray) -> np.ndarray:
    """Natural-log probabilities of A, C, G, T at some positions of a contig, int64 (n,) 0-based: float32 (n, 4).

    Masked models are asked about these positions alone, with the masks that scoring the whole contig has around them.
    """
    found = np.empty((len(positions), 4), np.float32)
    begins, lengths = _windows(runner, genome.contigs[contig], np.unique(positions))
    window_of = np.searchsorted(begins, positions, side="right") - 1
    for length, windows in grouped(lengths):
        wrap = runner.goes_round(genome.contigs[contig], length)
        for some in in_batches(windows, _BASES_AT_ONCE // (length + 2 * runner.margin)):
            codes = genome.windows(contig, begins[some] - runner.margin, length + 2 * runner.margin, wrap=wrap)
            rows = np.flatnonzero(np.isin(window_of, some))
            places = np.searchsorted(some, window_of[rows]), positions[rows] - begins[window_of[rows]]
            wanted = np.zeros((len(some), length), bool)
            wanted[places] = True
            found[rows] = runner.ask(codes, runner.margin, wanted)[places]
    return found


def _windows(runner: Runner, size: int, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Begins and lengths, without the margins, of windows that hold positions, in order, of a contig of `size` bases.

    They are made of tiles of `TILE` bases, counted from the contig's first base. Tiles share a window where reading
    what lies between them costs less than the margins of another window would. What a model that sees beyond the
    margins answers depends on where its windows lie; its are the tiles of the whole contig.
    """
    if runner.model.receptive_field > runner.margin:
        begins = np.unique(positions // runner.window) * runner.window
        bases = np.minimum(size - begins, runner.window)
        return begins, np.array([runner.length_for(count) for count in bases.tolist()], np.int64)
    longest = runner.model.context
    widest = min(WIDEST, longest - 2 * runner.margin) if longest else WIDEST
    tile = min(TILE, widest)
    return cover(np.unique(positions // tile), tile, widest, 2 * runner.margin)


def cover(tiles: np.ndarray, tile: int, widest: int, gap: int) -> tuple[np.ndarray, np.ndarray]:
    """Windows that cover some tiles of a contig.

    >>> cover(np.array([0, 1, 9, 40]), 256, 8192, 1000)
    (array([    0,  2304, 10240]), array([512, 256, 256]))

    Args:
        tiles: int64 (n,), numbers of the tiles, in order and each once.
        tile: bases of a tile.
        widest: bases of the longest window, and of the blocks of a contig that are covered each by itself.
        gap: bases between tiles that are rather read than left out.

    Returns:
        begins and lengths, int64 each. There are few different lengths: multiples of `tile`, where these are many at
        most a quarter longer than need be.
    """
    per_window = widest // tile
    apart = np.diff(tiles) - 1
    new = (apart * tile > gap) | (np.diff(tiles // per_window) != 0)
    first = np.concatenate([[0], np.flatnonzero(new) + 1]).astype(np.int64)
    last = np.concatenate([first[1:], [len(tiles)]]) - 1
    count = tiles[last] - tiles[first] + 1
    step = 1 << np.maximum(np.ceil(np.log2(count)).astype(np.int64) - 3, 0)
    rounded = np.minimum(-(-count // step) * step, per_window)
    return tiles[first] * tile, rounded * tile
