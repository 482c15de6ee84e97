"""Running a model over a genome: tiles, shards, and the log-probabilities of every base.

A contig is cut into tiles of a fixed length, counted from its first base. Each tile is read with a margin on both sides
that is at least the model's receptive field, and only the inner part is kept, so a prediction depends neither on the
shard nor on the tile that it was made in. All forward passes have one of a few fixed shapes for the same reason: the
rounding of a matrix product may depend on its shape.
"""

import json
import logging
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from glmtracks.devices import ROWS, pick_device, pick_precision
from glmtracks.errors import InputError
from glmtracks.genome import Genome
from glmtracks.models.base import GenomicLanguageModel
from glmtracks.models.registry import load, read_config
from glmtracks.shards import ScoresWriter, score_columns

logger = logging.getLogger(__name__)

SMALLEST = 256  # the shortest forward pass; tiles of short contigs are padded to it or to the next power of two
ROUND = 2_000_000  # bases whose results are held at a time


class Tile(NamedTuple):
    """A stretch of a contig that one row of a forward pass scores; 0-based, half-open."""

    contig: str
    start: int
    end: int


@dataclass
class Runner:
    """A model on its device, and the shape of its forward passes: `batch` rows that score `window` bases each."""

    model: GenomicLanguageModel
    device: torch.device
    dtype: torch.dtype
    window: int
    batch: int

    @classmethod
    def start(
        cls, model: GenomicLanguageModel, *, window: int, batch: int, precision: str, device: str, threads: int
    ) -> "Runner":
        """Put `model` on its device in its number format. Kinds without matrix products stay in float32."""
        torch.set_num_threads(threads)
        place = pick_device(device)
        floating = any(parameter.is_floating_point() for parameter in model.parameters())
        dtype = pick_precision(precision, place) if floating else torch.float32
        return cls(model.eval().to(place, dtype), place, dtype, window, batch or ROWS[place.type])

    @property
    def margin(self) -> int:
        """Bases read on each side of a tile: the receptive field, rounded up to a multiple of 64."""
        return -(-self.model.receptive_field // 64) * 64

    def log_probs(self, genome: Genome, tiles: list[Tile]) -> Iterator[tuple[Tile, np.ndarray]]:
        """Each tile with its natural-log probabilities, float32 (end - start, 4), in the order of `tiles`."""
        return self.map(genome, tiles, self.model.log_probs)

    @torch.inference_mode()
    def map(
        self, genome: Genome, tiles: list[Tile], function: Callable[[Tensor], Tensor], beyond: int = 0
    ) -> Iterator[tuple[Tile, np.ndarray]]:
        """Each tile with `function` of its bases, cut to its positions and `beyond` more to the right, in order.

        `function` maps codes uint8 (rows, length) to (rows, length, channels).
        """
        waiting = iter(tiles)
        while some := list(islice(waiting, max(ROUND // self.window, 1))):
            results: dict[Tile, np.ndarray] = {}
            for length, group in self._by_length(some).items():
                rows = max(self.batch * self.window // length, 1)
                for first in range(0, len(group), rows):
                    batch = group[first : first + rows]
                    output = function(self._read(genome, batch, rows, length + beyond)).float().cpu().numpy()
                    for tile, row in zip(batch, output, strict=False):
                        results[tile] = row[self.margin : self.margin + tile.end - tile.start + beyond]
            yield from ((tile, results.pop(tile)) for tile in some)

    def _by_length(self, tiles: list[Tile]) -> dict[int, list[Tile]]:
        groups = defaultdict(list)
        for tile in tiles:
            power = 1 << max(tile.end - tile.start - 1, SMALLEST - 1).bit_length()
            groups[min(power, max(self.window, SMALLEST))].append(tile)
        return groups

    def _read(self, genome: Genome, tiles: list[Tile], rows: int, length: int) -> Tensor:
        """Codes (rows, length + 2 margins) of the tiles; rows to spare and positions off the contig are unknown.

        Margins go round circular contigs, but only those longer than the margin: so no base sees its own copy.
        """
        codes = np.full((rows, length + 2 * self.margin), 4, dtype=np.uint8)
        for row, tile in enumerate(tiles):
            start, end = tile.start - self.margin, tile.start + length + self.margin
            codes[row] = genome.codes(tile.contig, start, end, wrap=genome.contigs[tile.contig] > self.margin)
        return torch.from_numpy(codes).to(self.device)


def tile_contigs(contigs: dict[str, int], window: int) -> list[Tile]:
    """The tiles of contigs (name -> length), in order; the last tile of a contig is shorter."""
    return [
        Tile(contig, start, min(start + window, length))
        for contig, length in contigs.items()
        for start in range(0, length, window)
    ]


def shard_tiles(tiles: list[Tile], number: int, count: int) -> list[Tile]:
    """The tiles of shard `number` (from 1) of `count`: consecutive, with about as many bases as any other shard."""
    ends = np.cumsum([tile.end - tile.start for tile in tiles])
    middle = ends - np.array([tile.end - tile.start for tile in tiles]) / 2
    low, high = (ends[-1] * n / count for n in (number - 1, number))
    first, last = np.searchsorted(middle, [low, high])
    return tiles[first:last]


def select_contigs(genome: Genome, pattern: str, key: str) -> dict[str, int]:
    """Name and length of the contigs that match the pattern of a setting; raises `InputError` where none does."""
    chosen = {name: length for name, length in genome.contigs.items() if re.search(pattern, name)}
    if not chosen:
        known = ", ".join(list(genome.contigs)[:5])
        raise InputError(f"{key}: no contig of {genome.path} matches {pattern!r}; there are {known} …")
    return chosen


def start_runner(model_folder: Path, settings: dict, threads: int) -> Runner:
    """Load a model and make it ready with the settings `scores` of the configuration.

    `settings["species"]` says what species the genome is of, for models with a species token.
    """
    chosen = {key: settings[key] for key in ("window", "batch", "precision", "device")}
    model = load(model_folder)
    model.read_as(settings["species"])
    return Runner.start(model, **chosen, threads=threads)


def describe(runner: Runner, model_folder: Path, provenance: Path) -> dict[str, str]:
    """What makes scores comparable: hashes of genome and model, strategy and number format."""
    return {
        "model_sha256": read_config(model_folder)["sha256"],
        "genome_sha256": json.loads(Path(provenance).read_text())["sequence_sha256"],
        "strategy": runner.model.objective,
        "precision": str(runner.dtype).removeprefix("torch."),
        "window": str(runner.window),
    }


def score_shard(
    *, model_folder: Path, fasta: Path, provenance: Path, shard: str, destination: Path, settings: dict, threads: int
) -> None:
    """Score every base of the shard called "0002-of-0008" and write one Parquet file, with a progress bar in bases."""
    genome, runner = Genome(fasta), start_runner(model_folder, settings, threads)
    number, count = map(int, shard.split("-of-"))
    contigs = select_contigs(genome, settings["contigs"], "scores.contigs")
    tiles = shard_tiles(tile_contigs(contigs, runner.window), number, count)
    metadata = describe(runner, model_folder, provenance)
    bases, began = sum(tile.end - tile.start for tile in tiles), time.perf_counter()
    with (
        ScoresWriter(destination, metadata) as writer,
        tqdm(total=bases, unit=" bases", unit_scale=True, desc="scoring") as bar,
    ):
        for tile, log_probs in runner.log_probs(genome, tiles):
            writer.write(tile.contig, tile.start, genome.codes(*tile), log_probs)
            bar.update(tile.end - tile.start)
    seconds = time.perf_counter() - began
    logger.info(f"{bases:,} bases ({3 * bases:,} variants) in {seconds:.1f} s: {bases / seconds:,.0f} bases/s")


def model_lookup(model_folder: Path, genome: Genome, settings: dict, threads: int) -> Callable:
    """A function (contig, positions, ref_codes, alt_codes) -> (llr, entropy) that scores the tiles of the positions.

    Arguments and results as of `glmtracks.variants.dataset_lookup`, and the same values as scoring the whole contig.
    The model is loaded when it is first asked.
    """
    start = cache(lambda: start_runner(model_folder, settings, threads))

    def lookup(contig: str, positions: np.ndarray, ref_codes: np.ndarray, alt_codes: np.ndarray):
        llr, entropy = np.full((2, len(positions)), np.nan, dtype=np.float32)
        runner, length = start(), genome.contigs[contig]
        places = positions // runner.window
        tiles = [
            Tile(contig, n * runner.window, min((n + 1) * runner.window, length)) for n in np.unique(places).tolist()
        ]
        for tile, log_probs in runner.log_probs(genome, tiles):
            rows = np.flatnonzero(places == tile.start // runner.window)
            at = positions[rows] - tile.start
            table = score_columns(log_probs[at], ref_codes[rows])
            llr[rows], entropy[rows] = table[np.arange(len(rows)), alt_codes[rows]], table[:, 4]
        return llr, entropy

    return lookup
