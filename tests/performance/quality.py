"""What the objectives learn in equal minutes with equal parameters, judged on a chromosome that none has seen."""

import logging
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from glmtracks.models.base import GenomicLanguageModel
from glmtracks.models.markov import Markov
from glmtracks.models.masked import Masked
from glmtracks.scoring.runner import Runner
from glmtracks.scoring.strategies import choose
from glmtracks.scoring.tiles import tile_contigs
from glmtracks.training import build
from glmtracks.training.logs import LOG_EVERY
from glmtracks.training.loop import fit
from glmtracks.windows.corpus import Corpus

from .clock import Clock
from .corpus import HELD_OUT, SEED, SETTINGS
from .table import Measured
from .twins import architecture, recipe, twin

logger = logging.getLogger(__name__)

OBJECTIVES = ("one_pass", "masked", "causal")
ORDERS = range(8, 13)  # of Markov chains
PRIOR = 4.0  # counts
POSITIONS = 4_000  # single masks, at least
EVERY, SOME, SINGLE = "every base", "15 % masked", "single mask"
WINDOWS, WHOLE = "windows", "chromosome"
SHEET = ["objective", "minutes", "nats_per_base", "asked", "context"]


class Trained(NamedTuple):
    """A model after its minutes, and what was found on the way."""

    model: GenomicLanguageModel
    parameters: int
    steps: int
    clock: Clock


def compare(
    corpus: Corpus, parameters: dict, minutes: float, dtype: torch.dtype, threads: int
) -> tuple[list[Measured], pd.DataFrame]:
    """Train the objectives for some minutes each; the figures, and the sheet of loss against minutes.

    `parameters` are those of the one-pass model; the others get as many weights, and the same batch.
    """
    shape = architecture("one_pass", parameters)
    shapes = {"one_pass": shape} | {kind: twin(kind, "one_pass", shape) for kind in OBJECTIVES[1:]}
    format_ = str(dtype).removeprefix("torch.")
    losses, rows, notes = {}, [], {}
    for kind in OBJECTIVES:
        trained = train(kind, shapes[kind], recipe(kind, parameters) | {"precision": format_}, corpus, minutes)
        asked = SOME if kind == "masked" else EVERY
        rows += [(kind, *found, asked, WINDOWS) for found in trained.clock.validations]
        losses[kind] = held_out_losses(trained.model, corpus, format_, threads)
        spent = trained.clock.validations[-1][0]
        rows.append((kind, spent, np.nanmean(losses[kind]), SINGLE if kind == "masked" else EVERY, WHOLE))
        size = f"{shapes[kind]['layers']} layers × {shapes[kind]['width']}, {trained.parameters:,} parameters"
        notes[kind] = f"{size}, {trained.steps:,} steps in {spent:.1f} minutes"
        logger.info(f"{kind}: {np.nanmean(losses[kind]):.4f} nats per base, {notes[kind]}")
    chains = {chain.order: np.nanmean(held_out_losses(chain, corpus, "float32", threads)) for chain in count(corpus)}
    order = min(chains, key=chains.__getitem__)
    rows.append((f"markov_{order}", np.nan, chains[order], EVERY, WHOLE))
    figures = _figures(losses, notes, order, chains[order], " + ".join(member.name for member in corpus.genomes))
    return figures, pd.DataFrame(rows, columns=SHEET)


def _figures(losses: dict[str, np.ndarray], notes: dict[str, str], order: int, chain: float, genomes: str) -> list:
    gaps = losses["masked"] - losses["one_pass"]
    gaps = gaps[~np.isnan(gaps)]
    error = gaps.std(ddof=1) / len(gaps) ** 0.5
    mean = {kind: float(np.nanmean(loss)) for kind, loss in losses.items()}
    where = f"nats per base of {HELD_OUT}, trained on {genomes}"
    paired = f"standard error {error:.4f}, the same {len(gaps):,} bases, both strands"
    return [
        Measured(f"one_pass: {where}", mean["one_pass"], "≤ 1.270", notes["one_pass"]),
        Measured("masked, single masks", mean["masked"], note=notes["masked"]),
        Measured("causal", mean["causal"], note=notes["causal"]),
        Measured(f"best Markov chain (order {order} of {ORDERS[0]} to {ORDERS[-1]})", chain),
        Measured("masked − one_pass in equal minutes", float(gaps.mean()), "> 0", paired),
        Measured("best Markov chain − one_pass", chain - mean["one_pass"], "≥ 0.08"),
    ]


def train(kind: str, shape: dict, recipe: dict, corpus: Corpus, minutes: float) -> Trained:
    """A model that was trained for some minutes, validations not counted; how many steps these are is tried first."""
    tried = Clock()
    _fit(kind, shape, recipe | {"steps": 2 * LOG_EVERY, "validations": 1}, corpus, tried)
    every = max(round(60 * minutes / tried.step_seconds() / recipe["validations"]), 1)
    steps = every * recipe["validations"]  # so that the last validation sees the last step
    logger.info(f"{kind}: {steps:,} steps of {tried.step_seconds():.3f} s")
    clock = Clock()
    model = _fit(kind, shape, recipe | {"steps": steps}, corpus, clock)
    return Trained(model, sum(p.numel() for p in model.parameters()), steps, clock)


def _fit(kind: str, shape: dict, recipe: dict, corpus: Corpus, clock: Clock) -> GenomicLanguageModel:
    model = build(kind, shape | {"seed": SEED})
    with tempfile.TemporaryDirectory(prefix="glmtracks.") as folder:
        fit(model, corpus, recipe, Path(folder), [clock])
    return model


def count(corpus: Corpus) -> list[Markov]:
    """Markov chains of `ORDERS`, counted once: the counts of lower orders are marginals of those of the highest."""
    highest = Markov(ORDERS[-1], PRIOR)
    highest.fit(corpus, {}, Path())
    chains = [Markov(order, PRIOR) for order in ORDERS[:-1]]
    for chain in chains:
        chain.counts.copy_(highest.counts.view(-1, len(chain.counts)).sum(0))
    return [*chains, highest]


def held_out_losses(model: GenomicLanguageModel, corpus: Corpus, precision: str, threads: int) -> np.ndarray:
    """Nats of every base of the validation chromosome of the first genome, read with all its context.

    Masked models are asked for evenly spaced bases, at least 4,000; what is not asked for, unknown, or not in the
    validation part is NaN.
    """
    member = corpus.genomes[0]
    settings = {key: SETTINGS["scores"][key] for key in ("window", "batch", "device")}
    runner = Runner.start(model, **settings, precision=precision, threads=threads)
    length = member.genome.contigs[HELD_OUT]
    codes, losses = member.genome.codes(HELD_OUT, 0, length), np.full(length, np.nan, dtype=np.float32)
    for ask in _ways_to_ask(runner, length):
        for tile, log_probs in runner.map(member.genome, tile_contigs({HELD_OUT: length}, runner.window), ask):
            here = slice(tile.start, tile.end)
            found = -np.take_along_axis(log_probs, np.minimum(codes[here], 3)[:, None], axis=1)[:, 0]
            losses[here] = np.where(np.isnan(found), losses[here], found)
    wanted = np.zeros(length, dtype=bool)
    for row in member.part("validation").itertuples():
        if row.contig == HELD_OUT:
            wanted[row.start : row.end] = True
    losses[~wanted | (codes > 3)] = np.nan
    return losses


def _ways_to_ask(runner: Runner, length: int) -> list[Callable[[Tensor], Tensor]]:
    model, margin = runner.model, runner.margin
    if not isinstance(model, Masked):
        return [lambda codes: choose(model, strands=1).log_probs(model, codes, margin)]
    spacing = model.receptive_field + 1
    times = min(-(-POSITIONS * spacing * 11 // (10 * length)), spacing)  # a tenth more, for what may be purged
    return [single_masks(model, margin, int(first)) for first in np.linspace(0, spacing, times, endpoint=False)]


def single_masks(model: Masked, margin: int, first: int) -> Callable[[Tensor], Tensor]:
    """A function that gives log-probabilities of the bases `first` and further ones, each farther from the next than
    the model can see, and NaN for all others; without those of the margins.

    One forward pass on each strand hides them all, so each prediction is that of a single mask, averaged over strands.
    """

    def ask(codes: Tensor) -> Tensor:
        distance = model.receptive_field + 1
        places = torch.arange(margin + first, codes.shape[1] - margin, distance, device=codes.device)
        log_probs = torch.full((*codes.shape, 4), torch.nan, device=codes.device)
        log_probs[:, places] = choose(model, "masked").answers(model, codes, places, distance).float()
        return log_probs[:, margin : codes.shape[1] - margin]

    return ask
