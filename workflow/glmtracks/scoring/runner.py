"""Running a model: forward passes of one shape over tiles of a genome or over any windows, within the memory there is.

Each tile is read with a margin on both sides that is at least the model's receptive field, and only the inner part is
kept, so a prediction depends neither on the shard nor on the tile that it was made in. All forward passes have one of a
few fixed shapes for the same reason: the rounding of a matrix product may depend on its shape.
"""

import json
import logging
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from glmtracks.errors import InputError, is_out_of_memory
from glmtracks.genome import Genome
from glmtracks.models.base import GenomicLanguageModel, reverse_complement
from glmtracks.models.registry import load, read_config
from glmtracks.scoring.devices import claim_device, fitting_rows, pick_precision
from glmtracks.scoring.strategies import Strategy, choose
from glmtracks.scoring.tiles import Tile

logger = logging.getLogger(__name__)

SMALLEST = 256  # the shortest forward pass; tiles of short contigs are padded to it or to the next power of two
ROUND = 2_000_000  # bases whose results are held at a time
MOST_ROWS = 64  # of a forward pass on a GPU; more do not make it faster


@dataclass
class Runner:
    """A model on its device, how it is asked, and the shape of its forward passes.

    A pass reads `batch` rows, each of which scores `window` bases. Where memory does not suffice, `batch` is halved
    and the pass done again.
    """

    model: GenomicLanguageModel
    device: torch.device
    dtype: torch.dtype
    strategy: Strategy
    window: int
    batch: int

    @classmethod
    def start(
        cls,
        model: GenomicLanguageModel,
        *,
        window: int,
        batch: int,
        precision: str,
        device: str,
        threads: int,
        strategy: Strategy | None = None,
    ) -> "Runner":
        """Put `model` on its device in its number format. Kinds without matrix products stay in float32.

        strategy  by default the one that fits the model
        batch     0 = what fits the device
        """
        torch.set_num_threads(threads)
        place = claim_device(device)
        floating = any(parameter.is_floating_point() for parameter in model.parameters())
        dtype = pick_precision(precision, place) if floating else torch.float32
        runner = cls(model.eval().to(place, dtype), place, dtype, strategy or choose(model), window, batch or 1)
        if model.context:
            runner.window = min(window, model.context - 2 * runner.margin)
        if not batch and place.type == "cuda":
            runner.batch = fitting_rows(lambda: runner.ask(runner._blank(1)), place, MOST_ROWS)
        return runner

    @property
    def margin(self) -> int:
        """Bases read on each side of a tile: the receptive field, rounded up to a multiple of 64; at most a quarter of
        the longest window of a model that has one."""
        reach = -(-self.model.receptive_field // 64) * 64
        return min(reach, self.model.context // 4) if self.model.context else reach

    def log_probs(self, genome: Genome, tiles: list[Tile]) -> Iterator[tuple[Tile, np.ndarray]]:
        """Each tile with its natural-log probabilities, float32 (end - start, 4), in the order of `tiles`.

        NaN where the model was not trained to read what lies around (see `GenomicLanguageModel.reads_unknown`).
        """
        return self.map(genome, tiles, self._log_probs)

    def ask(self, codes: np.ndarray, margin: int = 0, wanted: np.ndarray | None = None) -> np.ndarray:
        """Natural-log probabilities, float32 (n, length - 2 margin, 4), of any windows, uint8 (n, length).

        wanted  bool (n, length - 2 margin), the bases whose answers matter, others may get NaN; None = all
        """
        return self.batched(partial(self._log_probs, margin=margin), codes, *([] if wanted is None else [wanted]))

    def strand_log_probs(self, codes: np.ndarray, margin: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """As `ask`, of each strand by itself, both in the order of the forward strand; for causal models."""
        one = replace(self.strategy, strands=1)

        def forward(windows: Tensor) -> Tensor:
            return one.log_probs(self.model, windows, margin)

        return self.batched(forward, codes), self.batched(lambda w: forward(reverse_complement(w)).flip(1, 2), codes)

    def states(self, codes: np.ndarray, layer: int = -1) -> np.ndarray:
        """Embeddings after a layer, float32 (n, length, channels), of any windows, uint8 (n, length)."""
        return self.batched(partial(self.model.embeddings, layer=layer), codes)

    def inner_states(self, codes: Tensor, layer: int = -1) -> Tensor:
        """Embeddings of all but the margins of windows: for `map`."""
        return self.model.embeddings(codes, layer)[:, self.margin : codes.shape[1] - self.margin]

    def _log_probs(self, codes: Tensor, wanted: Tensor | None = None, margin: int | None = None) -> Tensor:
        margin = self.margin if margin is None else margin
        log_probs = self.strategy.log_probs(self.model, codes, margin, wanted=wanted)
        if not self.model.reads_unknown:
            near = F.max_pool1d((codes > 3).float(), 2 * self.model.receptive_field + 1, 1, self.model.receptive_field)
            log_probs[near[:, margin : codes.shape[1] - margin] > 0] = torch.nan
        return log_probs

    @torch.inference_mode()
    def map(
        self, genome: Genome, tiles: list[Tile], function: Callable[[Tensor], Tensor], held: int = ROUND
    ) -> Iterator[tuple[Tile, np.ndarray]]:
        """Each tile with `function` of its bases, in order.

        `function` maps codes uint8 (rows, length) to (rows, length - 2 margins, channels); the results of `held` bases,
        or of one pass, are held at a time.
        """
        waiting = iter(tiles)
        while some := list(islice(waiting, max(held // self.window, self.batch))):
            results: dict[Tile, np.ndarray] = {}
            for length, group in self._by_length(some).items():
                gathered = _Gathered(len(group))
                for batch, output in self._passes(genome, group, length, function):
                    gathered.add(output[: len(batch)])
                rows = zip(group, gathered.array, strict=True)
                results |= {tile: row[: tile.end - tile.start] for tile, row in rows}
            yield from ((tile, results.pop(tile)) for tile in some)

    def _passes(
        self, genome: Genome, tiles: list[Tile], length: int, function: Callable[[Tensor], Tensor]
    ) -> Iterator[tuple[list[Tile], Tensor]]:
        """Tiles and what `function` gives for them, one pass behind: a GPU computes while its last pass is used."""
        first, last = 0, None
        while first < len(tiles):
            rows = self._rows(length + 2 * self.margin)
            batch = tiles[first : first + rows]
            output = self._careful(function, self._read(genome, batch, rows, length))
            if output is not None:
                if last:
                    yield last[0], last[1].wait()
                last, first = (batch, _Fetched(output)), first + rows
        if last:
            yield last[0], last[1].wait()

    @torch.inference_mode()
    def batched(self, function: Callable[..., Tensor], codes: np.ndarray, *masks: np.ndarray) -> np.ndarray:
        """`function` of any windows, uint8 (n, length), and of masks of them, bool (n, …), float32; a fixed number of
        windows at a time."""
        if not len(codes):  # not every model can be asked about nothing
            blank = np.full((1, codes.shape[1]), 4, dtype=np.uint8)
            return self.batched(function, blank, *(np.zeros((1, *mask.shape[1:]), bool) for mask in masks))[:0]
        gathered, first = _Gathered(len(codes)), 0
        while first < len(codes):
            rows = self._rows(codes.shape[1])
            some = slice(first, first + rows)
            read = [_filled(codes[some], rows, 4), *(_filled(mask[some], rows, False) for mask in masks)]
            output = self._careful(function, *(torch.from_numpy(array).to(self.device) for array in read))
            if output is not None:
                gathered.add(output[: len(codes[some])])
                first += rows
        return gathered.array

    def _rows(self, length: int) -> int:
        """Windows of `length` bases in a pass, so that it reads as many bases as one of `batch` whole tiles."""
        return max(self.batch * (self.window + 2 * self.margin) // length, 1)

    def _careful(self, function: Callable[..., Tensor], codes: Tensor, *masks: Tensor) -> Tensor | None:
        """`function(codes, *masks)`; None, and half the batch from now on, where it does not fit into memory."""
        try:
            return function(codes, *masks)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
        if self.batch == 1 or len(codes) == 1:
            raise InputError(
                f"a forward pass of {codes.numel():,} bases does not fit into the memory of this {self.device.type}; "
                f"make scores.window smaller than {self.window:,}"
            )
        torch.cuda.empty_cache()
        self.batch //= 2
        logger.warning(f"out of memory: going on with {self.batch} windows per forward pass")
        return None

    def _blank(self, rows: int) -> np.ndarray:
        return np.full((rows, self.window + 2 * self.margin), 4, dtype=np.uint8)

    def length_for(self, bases: int) -> int:
        """Bases, without the margins, of the window that a tile of so many bases is read in."""
        smallest = min(SMALLEST, self.window) if self.model.context else SMALLEST
        return min(1 << max(bases - 1, smallest - 1).bit_length(), max(self.window, smallest))

    def _by_length(self, tiles: list[Tile]) -> dict[int, list[Tile]]:
        groups = defaultdict(list)
        for tile in tiles:
            groups[self.length_for(tile.end - tile.start)].append(tile)
        return groups

    def goes_round(self, size: int, length: int) -> bool:
        """Whether windows of `length` bases and margins are read around the origin of a circle of `size` bases.

        Only where no base can see its own copy: the circle must be longer than the margin or, for a model that sees all
        of its window, than the farthest that a base between the margins sees.
        """
        return size > self.margin + (length if self.model.receptive_field > self.margin else 0)

    def _read(self, genome: Genome, tiles: list[Tile], rows: int, length: int) -> Tensor:
        """Codes (rows, length + 2 margins) of the tiles; rows to spare and positions off the contig are unknown."""
        codes = np.full((rows, length + 2 * self.margin), 4, dtype=np.uint8)
        for row, (contig, start, _) in enumerate(tiles):
            wrap = self.goes_round(genome.contigs[contig], length)
            codes[row] = genome.codes(contig, start - self.margin, start + length + self.margin, wrap=wrap)
        if self.device.type == "cpu":
            return torch.from_numpy(codes)
        # from pageable memory the copy would wait for the pass before, and the GPU then for the next one to be launched
        return torch.from_numpy(codes).pin_memory().to(self.device, non_blocking=True)


def _filled(array: np.ndarray, rows: int, value: int | bool) -> np.ndarray:
    """`array` with rows of `value` below, so that there are `rows`."""
    return np.concatenate([array, np.full((rows - len(array), *array.shape[1:]), value, array.dtype)])


class _Fetched:
    """The output of a pass on its way from the device, float32: asked for at once, so that it need not wait for the
    pass that is launched next."""

    def __init__(self, output: Tensor):
        self._values = output.float().to("cpu", non_blocking=True)
        self._arrived = torch.cuda.Event() if output.is_cuda else None
        if self._arrived:
            self._arrived.record()

    def wait(self) -> Tensor:
        """The values, on the CPU."""
        if self._arrived:
            self._arrived.synchronize()
        return self._values


class _Gathered:
    """The outputs of passes in one array, float32, made when the first of `count` rows arrives.

    Kept as they came, each would lie between what a pass freed and what the next one takes, and no free stretch would
    ever be wide enough again: many megabytes of memory for every window.
    """

    def __init__(self, count: int):
        self._count, self._filled = count, 0
        self.array = np.empty(0, np.float32)

    def add(self, output: Tensor) -> None:
        values = output.float().cpu().numpy()
        if not self._filled:
            self.array = np.empty((self._count, *values.shape[1:]), np.float32)
        self.array[self._filled : self._filled + len(values)] = values
        self._filled += len(values)


def start_runner(model_folder: Path, settings: dict, threads: int, plan: Path) -> Runner:
    """Load a model and make it ready to score a genome as planned.

    settings  those called `scores` in the configuration, and `species`, what the genome is read as by models with a
              species token
    plan      JSON file of `glmtracks.scoring.planning`
    """
    model, planned = load(model_folder), json.loads(Path(plan).read_text(encoding="utf-8"))
    model.read_as(settings["species"])
    if planned["model_sha256"] != read_config(model_folder)["sha256"]:
        raise InputError(f"{plan} was made for other weights than those of {model_folder}; delete it and run again")
    return Runner.start(
        model,
        **{key: settings[key] for key in ("window", "batch", "device")},
        precision=planned["precision"],
        threads=threads,
        strategy=Strategy(planned["strategy"], planned["strands"], planned["spacing"]),
    )


def describe(runner: Runner, model_folder: Path, provenance: Path) -> dict[str, str]:
    """What makes scores comparable: hashes of genome and model, strategy and number format."""
    return {
        "model_sha256": read_config(model_folder)["sha256"],
        "genome_sha256": json.loads(Path(provenance).read_text(encoding="utf-8"))["sequence_sha256"],
        **runner.strategy.describe(),
        "precision": str(runner.dtype).removeprefix("torch."),
        "window": str(runner.window),
    }
