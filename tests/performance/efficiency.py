"""How much of a processor's matrix-product rate training and scoring use, and what the loader costs."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from glmtracks.models.base import GenomicLanguageModel
from glmtracks.scoring.devices import matrix_product_rate, pick_device
from glmtracks.scoring.runner import Runner
from glmtracks.scoring.tiles import tile_contigs
from glmtracks.training.batches import Batches, training_loader
from glmtracks.training.logs import LOG_EVERY
from glmtracks.training.loop import fit
from glmtracks.training.packed import PackedCorpus
from glmtracks.windows.corpus import Corpus

from .clock import Clock
from .corpus import HELD_OUT, SETTINGS
from .flops import inference_flops, training_flops
from .table import Measured

SIZE = {"cpu": 2048, "cuda": 8192}  # of the matrices of the product that all is compared with
GOAL = {"cpu": "≥ 0.45", "cuda": "≥ 0.40"}  # of training
LAPS = 4  # of LOG_EVERY steps; the first warms up
BATCHES = 20  # that are cut to see what cutting takes
TILES = {"cpu": 12, "cuda": 1400}  # that are scored in one go
RUNS = 3  # of scoring; the best counts


def measure_training(
    model: GenomicLanguageModel, corpus: Corpus, recipe: dict, dtype: torch.dtype, laps: int = LAPS
) -> list[Measured]:
    """Efficiency of training by the recipe and the share of the loader; `model` is trained a little."""
    device = pick_device("auto")
    per_base = training_flops(model)
    packed = PackedCorpus(corpus)
    clock = Clock()
    recipe = recipe | {"steps": laps * LOG_EVERY, "validations": 1}

    def train() -> None:
        with tempfile.TemporaryDirectory(prefix="glmtracks.") as folder:
            fit(model, corpus, recipe, Path(folder), [clock])

    rate = _rate_around(train, device, dtype)
    step, bases = clock.step_seconds(), recipe["batch"] * packed.size
    speed = per_base * bases / step
    cutting, workers = _cutting(packed, recipe, device)
    format_ = str(dtype).removeprefix("torch.")
    beside = f", by {workers} processes beside" if workers else ""
    return [
        Measured(
            f"training, {_millions(model)}: share of the {format_} matrix-product rate",
            speed / rate,
            GOAL[device.type],
            f"{_giga(speed)} of {_giga(rate)} GFLOP/s, {bases / step:,.0f} bases/s",
        ),
        Measured(
            f"loader, {_millions(model)}: share of the time of a step",
            cutting / max(workers, 1) / step,
            "≤ 0.05",
            f"{1000 * cutting:.1f} ms a batch{beside}, {1000 * step:.0f} ms a step",
        ),
    ]


def _cutting(packed: PackedCorpus, recipe: dict, device: torch.device) -> tuple[float, int]:
    """Seconds to cut a batch, and in how many processes beside training that is done."""
    batches = Batches(packed, batch=recipe["batch"], seed=recipe["seed"])
    workers = training_loader(batches, 0, 1, device.type == "cuda").num_workers
    batches[0]
    began = time.perf_counter()
    for step in range(BATCHES):
        batches[step]
    return (time.perf_counter() - began) / BATCHES, workers


def measure_inference(
    model: GenomicLanguageModel, corpus: Corpus, dtype: torch.dtype, threads: int, tiles: int = 0
) -> list[Measured]:
    """Efficiency of exact log-probabilities along a contig, of the bases that are scored and of all that are read."""
    format_, genome = str(dtype).removeprefix("torch."), corpus.genomes[0].genome
    per_base = inference_flops(model)
    settings = {key: SETTINGS["scores"][key] for key in ("window", "batch", "device")}
    runner = Runner.start(model, **settings, precision=format_, threads=threads)
    chosen = [tile for tile in tile_contigs(genome.contigs, runner.window) if tile.end - tile.start == runner.window]
    chosen.sort(key=lambda tile: tile.contig != HELD_OUT)
    chosen = chosen[: tiles or TILES[runner.device.type]]
    seconds = []

    def score() -> None:
        for some in (chosen[: runner.batch], *[chosen] * RUNS):
            began = time.perf_counter()
            for _ in runner.log_probs(genome, some):
                pass
            seconds.append(time.perf_counter() - began)

    rate = _rate_around(score, runner.device, dtype)
    bases = sum(tile.end - tile.start for tile in chosen) / min(seconds[1:])
    speed, read = per_base * bases, 1 + runner.margin / runner.window  # by either tower
    note = f"{_giga(speed)} of {_giga(rate)} GFLOP/s, {bases:,.0f} bases/s"
    name = f"inference, {_millions(model)}: share of the {format_} matrix-product rate"
    return [
        Measured(name, speed / rate, "≥ 0.5", note),
        Measured(f"inference, {_millions(model)}: the same, margins of windows counted", read * speed / rate),
    ]


def _rate_around(work: Callable[[], None], device: torch.device, dtype: torch.dtype) -> float:
    """Operations per second of a large matrix product, the better of before and after some work."""
    before = matrix_product_rate(device, dtype, SIZE[device.type])
    work()
    return max(before, matrix_product_rate(device, dtype, SIZE[device.type]))


def _millions(model: GenomicLanguageModel) -> str:
    return f"{sum(parameter.numel() for parameter in model.parameters()) / 1e6:.1f} M parameters"


def _giga(rate: float) -> str:
    return f"{rate / 1e9:,.0f}"
