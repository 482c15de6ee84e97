"""How close the masks of GPN and of Caduceus may stand, on small ones that were trained here for a short while.

Random weights would say nothing about it, and the published ones are not at hand. So networks of these architectures
are trained on yeast by their own objective: 15 % of the bases are hidden and predicted.
"""

import logging
import time
from functools import partial

import numpy as np
import torch

from glmtracks.models.published import Published
from glmtracks.scoring.planning import Probe, compare_spacings
from glmtracks.scoring.runner import Runner
from glmtracks.scoring.strategies import Strategy, choose
from glmtracks.training.batches import Batches
from glmtracks.training.packed import PackedCorpus
from glmtracks.windows.corpus import Corpus

from .corpus import SEED, SETTINGS
from .published_sizes import BASES, COMPLEMENTS, Size, build
from .strategies import best_seconds
from .table import Measured

logger = logging.getLogger(__name__)

SMALL = {
    "GPN": Size("gpn_convnet", BASES, {"hidden_size": 96, "n_layers": 8, "context": 512}, (16, 512)),
    "Caduceus": Size(
        "plant_caduceus",
        BASES,
        {"vocab_size": 8, "d_model": 64, "n_layer": 3, "rcps": True, "complement_map": COMPLEMENTS, "context": 512},
        (8, 256),
    ),
}
MINUTES = 2.0
HIDDEN = 0.15
RATE, NORM = 2e-3, 1.0  # learning rate of AdamW at its height; longest gradient
SAMPLE = 384  # bases at which spacings are compared
GOALS = ("≥ 15", "≥ 0.995")


def measure_published_spacing(corpus: Corpus, threads: int, minutes: float = MINUTES, sample: int = SAMPLE) -> list:
    """Speed of the spacing that the workflow would choose over that of single masks, and the agreement of the two."""
    torch.set_num_threads(threads)
    return [row for name in SMALL for row in _measure(name, corpus, threads, minutes, sample)]


def _measure(name: str, corpus: Corpus, threads: int, minutes: float, sample: int) -> list[Measured]:
    size = SMALL[name]
    model = build(size)
    told = train(model, corpus, size.batch, minutes)
    exact = choose(model, "masked")
    settings = {"window": model.context, "batch": 1, "device": "cpu", "precision": "float32", "threads": threads}
    runner, genome = Runner.start(model, **settings, strategy=exact), corpus.genomes[0].genome
    probe = Probe.draw(runner, genome, genome.contigs, sample)
    table = compare_spacings(probe, runner, probe.log_probs(runner), SETTINGS["scores"]["agreement"])
    chosen = table[table["chosen"] == "yes"].iloc[0]
    note = f"{told}; " + ", ".join(
        f"spacing {row.spacing}: {row.spearman:.4f}" for row in table.itertuples() if row.strategy == "strided"
    )
    logger.info(f"{name}: {note}")
    found, speedup = Strategy("masked", exact.strands), 1.0
    if chosen["strategy"] == "strided":
        found = Strategy("strided", exact.strands, int(chosen["spacing"]))
        codes = torch.from_numpy(np.random.default_rng(SEED).integers(0, 4, (1, model.context), dtype=np.uint8))
        ask = (partial(strategy.log_probs, model, codes, runner.margin) for strategy in (exact, found))
        with torch.inference_mode():
            slow, fast = map(best_seconds, ask)
        speedup = slow / fast
    title = f"a small {name} trained here: strided over single masks"
    return [
        Measured(f"{title}, bases per second", speedup, GOALS[0], note),
        Measured(f"{title}, Spearman of llr", float(chosen["spearman"]), GOALS[1]),
    ]


def train(model: Published, corpus: Corpus, batch: tuple[int, int], minutes: float) -> str:
    """Train the weights of a published architecture for some minutes; what was done, in words."""
    rows, length = batch
    batches = Batches(PackedCorpus(corpus), batch=rows, seed=SEED)
    weights = list(model.train().parameters())
    optimiser = torch.optim.AdamW(weights, lr=RATE)
    generator = torch.Generator().manual_seed(SEED)
    began, step, losses = time.perf_counter(), 0, []
    while (spent := (time.perf_counter() - began) / 60) < minutes or not step:
        for group in optimiser.param_groups:
            group["lr"] = RATE * min((step + 1) / 20, 1.05 - spent / max(minutes, spent))
        codes = batches[step].codes[:, :length]
        hidden = (torch.rand(codes.shape, generator=generator) < HIDDEN) & (codes < 4)
        loss = -model.log_probs(codes, hidden=hidden)[hidden, codes[hidden].long()].mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, NORM)
        optimiser.step()
        losses.append(loss.item())
        step += 1
    model.eval()
    count = sum(p.numel() for p in weights) / 1e6
    last = float(np.mean(losses[-20:]))
    return f"{count:.2f} M weights, {step:,} steps in {minutes:g} minutes, {last:.3f} nats per hidden base at the end"
