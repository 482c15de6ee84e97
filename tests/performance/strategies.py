"""How many bases a second each way of asking a model gives, and how well spaced masks agree with single ones."""

import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from glmtracks.models.base import GenomicLanguageModel
from glmtracks.scoring.planning import Probe, compare_spacings
from glmtracks.scoring.runner import Runner
from glmtracks.scoring.strategies import Strategy, choose
from glmtracks.training import build
from glmtracks.windows.corpus import Corpus

from .corpus import SEED, SETTINGS
from .quality import train
from .table import Measured
from .twins import architecture, recipe, twin

WINDOW = 512  # bases that a published masked model reads
QUERIES = 16  # windows of a forward pass of single masks; 2 of the published size
PUBLISHED = {"width": 512, "layers": 25, "kernel": 9, "max_dilation": 32}  # 66 million parameters
MINUTES = 1.0  # for which the masked model is trained, so that its answers depend on what stands around
RUNS, LASTING = 3, 3.0  # of each timing, and seconds that it takes at least; the best run counts


def measure_strategies(corpus: Corpus, parameters: dict, dtype: torch.dtype, threads: int) -> list[Measured]:
    """Ratios of bases per second, strands averaged: one pass over single masks, and spaced masks over single masks.

    `parameters` are those of the one-pass model; the masked model has as many weights and as long a reach.
    """
    shape, format_ = architecture("one_pass", parameters), str(dtype).removeprefix("torch.")
    twins = twin("masked", "one_pass", shape)
    ours = _start(build("one_pass", shape | {"seed": SEED}), format_, threads)
    single = _start(build("masked", twins | {"seed": SEED}), format_, threads)
    published = _start(build("masked", PUBLISHED | {"seed": SEED}), "float32", threads)
    one, many, theirs = _one_pass_rate(ours), _single_mask_rate(single), _single_mask_rate(published, 2)
    return [
        Measured("one_pass over single masks, bases per second", one / many, "≥ 300", f"{one:,.0f} over {many:,.1f}"),
        Measured(
            "one_pass over single masks of 66 M parameters in float32, bases per second",
            one / theirs,
            "≥ 1000",
            f"{one:,.0f} over {theirs:,.2f}",
        ),
        *_measure_spacing(corpus, twins, recipe("masked", parameters) | {"precision": format_}, threads),
    ]


def _start(model: GenomicLanguageModel, precision: str, threads: int) -> Runner:
    exact = choose(model, "masked" if model.objective == "masked" else "auto")
    settings = {key: SETTINGS["scores"][key] for key in ("window", "batch", "device")}
    return Runner.start(model, **settings, precision=precision, threads=threads, strategy=exact)


def _one_pass_rate(runner: Runner) -> float:
    """Bases per second of windows that are each read in one pass, without context beyond their ends."""
    codes = _random(QUERIES)
    return codes.size / best_seconds(lambda: runner.ask(codes))


def _single_mask_rate(runner: Runner, queries: int = QUERIES) -> float:
    """Bases per second where each has a window of its own, on both strands, with it hidden in the middle."""
    codes = torch.from_numpy(_random(queries)).to(runner.device)
    middle = torch.tensor([WINDOW // 2], device=codes.device)
    with torch.inference_mode():
        return queries / best_seconds(lambda: runner.strategy.answers(runner.model, codes, middle, WINDOW).cpu())


def _measure_spacing(corpus: Corpus, shape: dict, recipe: dict, threads: int) -> list[Measured]:
    """Speed of the spacing that is chosen for a trained model over that of single masks."""
    trained = train("masked", shape, recipe | {"validations": 1}, corpus, MINUTES)
    runner, genome = _start(trained.model, recipe["precision"], threads), corpus.genomes[0].genome
    probe = Probe.draw(runner, genome, genome.contigs, SETTINGS["scores"]["sample"])
    table = compare_spacings(probe, runner, probe.log_probs(runner), SETTINGS["scores"]["agreement"])
    chosen = table[table["chosen"] == "yes"].iloc[0]
    note = f"{trained.steps} steps of training; " + ", ".join(
        f"spacing {row.spacing}: {row.spearman:.4f}" for row in table.itertuples() if row.strategy == "strided"
    )
    if chosen["strategy"] == "masked":
        return [Measured("strided over single masks, bases per second", 1.0, "≥ 20", note)]
    codes = torch.from_numpy(_random(1, 2 * WINDOW + 2 * runner.margin)).to(runner.device)
    spaced = Strategy("strided", runner.strategy.strands, int(chosen["spacing"]))
    with torch.inference_mode():
        slow, fast = (
            best_seconds(partial(strategy.log_probs, runner.model, codes, runner.margin))
            for strategy in (runner.strategy, spaced)
        )
    return [
        Measured("strided over single masks, bases per second", slow / fast, "≥ 20", note),
        Measured("strided and single masks, Spearman of llr", float(chosen["spearman"]), "≥ 0.995"),
    ]


def _random(rows: int, length: int = WINDOW) -> np.ndarray:
    return np.random.default_rng(SEED).integers(0, 4, (rows, length), dtype=np.uint8)


def best_seconds(work: Callable[[], object]) -> float:
    """The best of RUNS runs, or of as many as take LASTING seconds, after one that warms up.

    What is quick is done more often, or another program's moment would count for more in it than in what is slow.
    """
    seconds: list[float] = []
    while len(seconds) <= RUNS or sum(seconds) < LASTING:
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return min(seconds[1:])
