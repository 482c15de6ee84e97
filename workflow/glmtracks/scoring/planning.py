"""How a model is best asked about a genome: strategy, spacing of masks, number format; measured before scoring.

The choices are made once for a genome and model, on windows drawn from the genome itself, so that all its shards are
scored alike.
"""

import logging
import time
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from glmtracks.errors import InputError
from glmtracks.files import atomic, write_json
from glmtracks.genome import Genome
from glmtracks.models.registry import OF_OBJECTIVE, load
from glmtracks.scoring.runner import Runner, describe
from glmtracks.scoring.strategies import Strategy, choose
from glmtracks.scoring.tiles import asked_tiles, select_contigs, tile_contigs

logger = logging.getLogger(__name__)

# Of masks, those that are tried. They are primes: multiples of three hide one codon position along a whole gene (a
# small GPN on yeast: Spearman .986 at 12 bases apart, .995 at 11), powers of two what a dilated convolution reads.
SPACINGS = (5, 7, 11, 13, 17, 19, 23, 29, 37, 47, 61, 97, 127)
MASKS = 8  # single masks at most in one of the windows that are drawn
INNER = 1024  # bases asked about in each window of a model without masks
WINDOWS = 16  # of these
CHECKED = 16  # windows at most that are asked about once more in another number format
STRANDED = 200  # bases at about which the two strands are compared
AGREEING = 0.1  # Spearman of their llr below which something is wrong: strands of random weights have none
COSTLY = 0.25  # of the bases of a window, in its margins: worth a word
DRAWS = 4  # windows drawn for each that is used: the most complete ones are
SEED = 0
EMBEDDED = Strategy("embeddings", 1)  # of models that give no probabilities


def plan_scoring(
    *,
    model_folder: Path,
    fasta: Path,
    provenance: Path,
    destination: Path,
    table_out: Path,
    settings: dict,
    strategy: str,
    strands: int,
    threads: int,
    split: Path | None = None,
) -> None:
    """Choose how a model is asked about a genome; write that as JSON, and the spacings of masks compared as TSV.

    A masked model is asked with the narrowest spacing of `SPACINGS` whose llr agree with those of single masks at
    `settings["sample"]` bases (Spearman of at least `settings["agreement"]`), with single masks where none does. The
    number format is bfloat16 where that is clearly faster and its llr agree with those of float32 as well.

    A model of embeddings alone is only timed, and read in float32 unless another format was asked for.

    settings  those called `scores` in the configuration, and `species`
    strategy, strands  of the row of the model sheet; `auto` and 0 leave the choice to the model
    split  split.tsv of the genome, of which only windows with some of the test part will be scored; None = all

    Raises InputError where the strategy does not fit the model, and where `split` leaves nothing to score.
    """
    genome = Genome(fasta)
    contigs = select_contigs(genome, settings["contigs"], "scores")

    def start(precision: str) -> Runner:
        model = load(model_folder)
        model.read_as(settings["species"])
        exact = choose(model, "masked" if model.objective == "masked" else strategy, strands)
        exact = exact if model.scores else EMBEDDED
        chosen = {key: settings[key] for key in ("window", "batch", "device")}
        return Runner.start(model, **chosen, precision=precision, threads=threads, strategy=exact)

    precise = start("float32")
    if not precise.model.scores:
        runner = precise if settings["precision"] in ("auto", "float32") else start(settings["precision"])
        table = pd.DataFrame([{"strategy": EMBEDDED.name, "passes": 1, "chosen": "yes"}])
        plan = _plan(runner, model_folder, provenance, sum(contigs.values()))
        _write(plan, table, destination, table_out)
        return
    asked = asked_tiles(tile_contigs(contigs, precise.window), split)
    if not asked:
        raise InputError(
            f"no base of the test part ({split}) lies on the contigs that {model_folder.name} scores "
            f"({settings['contigs']!r}); correct that pattern, or set part: all in the model sheet"
        )
    wanted = choose(precise.model, strategy, strands)
    probe = Probe.draw(precise, genome, contigs, settings["sample"])
    truth = probe.log_probs(precise)
    if precise.model.reads_unknown and not np.isfinite(truth).all():
        raise InputError(f"{model_folder}: the model gives no probabilities; its weights are damaged")
    runner, parity = precise, None
    if settings["precision"] != "float32":
        runner, parity = _choose_precision(start(settings["precision"]), precise, probe, truth, settings)
    table = pd.DataFrame([{"strategy": wanted.name, "passes": _passes(wanted, runner), "chosen": "yes"}])
    if wanted.name == "strided":
        table = compare_spacings(probe, runner, truth, settings["agreement"])
        wanted = _chosen(table, wanted.strands)
    runner.strategy = wanted
    bases = sum(tile.end - tile.start for tile in asked)
    found = {"nats_per_base": probe.loss(truth), "strand_agreement": _strand_agreement(precise, probe, truth)}
    plan = _plan(runner, model_folder, provenance, bases, parity=parity, **found)
    _write(plan, table, destination, table_out)
    if max(contigs.values()) > runner.window:
        _weigh_margins(runner)


def _plan(runner: Runner, model_folder: Path, provenance: Path, bases: int, **found) -> dict:
    """How a runner asks, what was `found` on the way, and what the whole genome takes."""
    return {
        **describe(runner, model_folder, provenance),
        "strands": runner.strategy.strands,
        "spacing": runner.strategy.spacing,
        "margin": runner.margin,
        "device": runner.device.type,
        **{key: found.get(key) for key in ("parity", "nats_per_base", "strand_agreement")},
        **_cost(runner, bases),
    }


def _write(plan: dict, table: pd.DataFrame, destination: Path, table_out: Path) -> None:
    _say(plan, table)
    with atomic(table_out) as temporary:
        table.to_csv(temporary, sep="\t", index=False, float_format="%.5f")
    write_json(destination, plan)


@dataclass
class Probe:
    """Windows of a genome, uint8 (n, length), and the places in them, int64 (k,), that are asked about.

    The places are `distance` apart, so that a masked model reads none of the bases that are nearer to another place;
    None = every base.
    """

    windows: np.ndarray
    places: np.ndarray
    distance: int | None

    @classmethod
    def draw(cls, runner: Runner, genome: Genome, contigs: dict[str, int], sample: int) -> "Probe":
        """Windows at random places of `contigs`, for masked models so many that `sample` bases are asked about."""
        model, masked = runner.model, runner.strategy.name in OF_OBJECTIVE["masked"]
        distance, inner = None, INNER
        if masked:  # as many places in a window as fit into a usual contig
            distance = 2 * model.receptive_field + 2
            inner = distance * int(np.clip(_median_length(contigs) // distance, 1, MASKS))
        length = inner + 2 * runner.margin
        first = runner.margin + (inner // 2 % distance if distance else 0)  # so that the middle is one of them
        places = np.arange(first, length - runner.margin, distance or 1)
        if model.context and length > model.context:
            length = model.context
            places = np.array([length // 2]) if masked else np.arange(runner.margin, length - runner.margin)
            distance = length if masked else None
        count = -(-sample // len(places)) if masked else WINDOWS
        return cls(_draw(runner, genome, contigs, length, count), places, distance)

    def log_probs(self, runner: Runner, spacing: int | None = None, most: int | None = None) -> np.ndarray:
        """Log-probabilities, float32 (n, k, 4), at the places of the windows (of the first `most`); masks of a masked
        model are `spacing` bases apart, by default as far as the places are."""

        def ask(codes: Tensor) -> Tensor:
            if not self.distance:
                return runner.strategy.log_probs(runner.model, codes)[:, places]
            return runner.strategy.answers(runner.model, codes, places, spacing or self.distance)

        places = torch.from_numpy(self.places).to(runner.device)
        return runner.batched(ask, self.windows[:most])

    def llr(self, log_probs: np.ndarray) -> np.ndarray:
        """The llr, float64 (m,), of every change of the known bases; `log_probs` may be of the first windows only."""
        codes, log_probs = self.windows[: len(log_probs), self.places].ravel(), log_probs.reshape(-1, 4)
        known = codes < 4
        codes, log_probs = codes[known].astype(np.int64), log_probs[known].astype(np.float64)
        changes = np.arange(4) != codes[:, None]
        return (log_probs - np.take_along_axis(log_probs, codes[:, None], axis=1))[changes]

    def loss(self, log_probs: np.ndarray) -> float | None:
        """Mean nats per known base; None where none is."""
        codes, log_probs = self.windows[:, self.places].ravel(), log_probs.reshape(-1, 4)
        known = codes < 4
        return float(-log_probs[known, codes[known]].mean()) if known.any() else None


def _median_length(contigs: dict[str, int]) -> int:
    """Half of all bases are in contigs at least as long (N50)."""
    lengths = np.sort(list(contigs.values()))
    return int(lengths[np.searchsorted(np.cumsum(lengths), lengths.sum() / 2)])


def _draw(runner: Runner, genome: Genome, contigs: dict[str, int], length: int, count: int) -> np.ndarray:
    """`count` windows, uint8 (count, length), the most complete of `DRAWS` times as many at random places.

    They go round those circles that windows of this length are read around when the genome is scored.
    """
    rng, names = np.random.default_rng(SEED), list(contigs)
    sizes = np.array(list(contigs.values()))
    ends = np.cumsum(sizes)
    centres = rng.integers(0, ends[-1], DRAWS * count)
    which = np.searchsorted(ends, centres, side="right")
    starts = centres - (ends - sizes)[which] - length // 2
    wrap = [runner.goes_round(size, length - 2 * runner.margin) for size in contigs.values()]
    windows = np.stack(
        [genome.codes(names[c], int(s), int(s) + length, wrap=wrap[c]) for c, s in zip(which, starts, strict=True)]
    )
    complete = np.argsort((windows > 3).sum(axis=1), kind="stable")[:count]
    return windows[np.sort(complete)]


def _choose_precision(
    fast: Runner, precise: Runner, probe: Probe, truth: np.ndarray, settings: dict
) -> tuple[Runner, dict | None]:
    """`fast` where its llr agree with those of `precise` or its number format was asked for; and how they agree."""
    if fast.dtype == torch.float32:
        return precise, None
    there, here = (probe.llr(found) for found in (truth[:CHECKED], probe.log_probs(fast, most=CHECKED)))
    parity = {
        "spearman": rank_correlation(there, here),
        "largest_difference": float(np.abs(there - here).max(initial=0)),
    }
    chosen = fast if parity["spearman"] >= settings["agreement"] or settings["precision"] != "auto" else precise
    logger.info(
        f"{str(fast.dtype)[6:]} against float32, llr of {len(here):,} variants: Spearman {parity['spearman']:.5f}, "
        f"largest difference {parity['largest_difference']:.3f}; scoring in {str(chosen.dtype)[6:]}"
    )
    return chosen, parity


def _strand_agreement(runner: Runner, probe: Probe, truth: np.ndarray) -> float | None:
    """Spearman between the llr that each strand gives by itself; None where only one is asked.

    `truth`, from the mean of the logits of both, and the forward strand's answers give those of the other.
    """
    if runner.strategy.strands == 1:
        return None
    most = -(-STRANDED // len(probe.places))
    one = replace(runner, strategy=replace(runner.strategy, strands=1))
    forward = probe.llr(probe.log_probs(one, most=most))
    known = np.isfinite(forward)
    return rank_correlation(forward[known], (2 * probe.llr(truth[:most]) - forward)[known])


def compare_spacings(probe: Probe, runner: Runner, truth: np.ndarray, agreement: float) -> pd.DataFrame:
    """One row for single masks and for each spacing that is tried: passes, speedup, Spearman with single masks, which
    is chosen.

    Wider spacings agree better, so the narrowest that agrees is found by halving those in question.
    """
    single = Strategy("masked", runner.strategy.strands)
    exact, llr = _passes(single, runner), probe.llr(truth)
    passes = {spacing: _passes(Strategy("strided", single.strands, spacing), runner) for spacing in SPACINGS}
    # of spacings that are as many tokens, and so the same passes, the widest
    waiting = list({count: spacing for spacing, count in passes.items() if count < exact}.values())
    rows = [{"strategy": "masked", "spacing": None, "passes": exact, "speedup": 1.0, "spearman": 1.0}]
    while waiting:
        spacing = waiting[len(waiting) // 2]
        found = rank_correlation(llr, probe.llr(probe.log_probs(runner, spacing)))
        row = {"strategy": "strided", "spacing": spacing, "passes": passes[spacing], "speedup": exact / passes[spacing]}
        rows.append({**row, "spearman": found})
        waiting = [other for other in waiting if (other < spacing if found >= agreement else other > spacing)]
    table = pd.DataFrame(rows).astype({"spacing": "Int64"}).sort_values("spacing", na_position="first")
    best = table.loc[table["spearman"] >= agreement, "passes"].idxmin()
    return table.assign(chosen=np.where(table.index == best, "yes", "no")).reset_index(drop=True)


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's rank correlation; 1 where one of them does not vary, since then there is no order to lose.

    NaN, which is below any threshold, where one holds NaN.
    """
    from scipy.stats import spearmanr  # most of a second to import, and only spacings are compared by it

    return 1.0 if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0 else float(spearmanr(a, b).statistic)


def _chosen(table: pd.DataFrame, strands: int) -> Strategy:
    best = table[table["chosen"] == "yes"].iloc[0]
    return Strategy(best["strategy"], strands, int(best["spacing"]) if best["strategy"] == "strided" else None)


def _passes(strategy: Strategy, runner: Runner) -> int:
    return strategy.passes(runner.model, runner.window)


def _cost(runner: Runner, bases: int) -> dict[str, float]:
    """Bases scored per second, from one forward pass on one strand, and what the whole genome takes."""
    codes = np.random.default_rng(SEED).integers(
        0, 4, (runner.batch, runner.window + 2 * runner.margin), dtype=np.uint8
    )
    model, seconds = runner.model, []
    ask = partial(model.inner_log_probs, margin=runner.margin) if model.scores else model.embeddings
    for _ in range(3):  # the first warms up
        began = time.perf_counter()
        runner.batched(ask, codes)
        seconds.append(time.perf_counter() - began)
    passes = _passes(runner.strategy, runner) if model.scores else 1
    rate = runner.batch * runner.window / (min(seconds[1:]) * passes)
    return {"bases": bases, "bases_per_second": round(rate, 1), "expected_seconds": round(bases / rate, 1)}


def _weigh_margins(runner: Runner) -> None:
    """Say what the margins cost where they are long beside the window, and what would make that less."""
    read = 2 * runner.margin
    if not runner.model.context and read > COSTLY * runner.window:
        wider = 1 << (int(read / COSTLY) - 1).bit_length()
        logger.info(
            f"{read / (read + runner.window):.0%} of the bases that are read are margins of windows; scores.window: "
            f"{wider} would make it {read / (read + wider):.0%}, and take more memory"
        )


def _say(plan: dict, table: pd.DataFrame) -> None:
    """What was found, for the log; a warning where the model knows nothing about the genome."""
    if len(table) > 1:
        logger.info(table.to_string(index=False, na_rep="", float_format="{:.4f}".format))
    spaced = f", masks {plan['spacing']} bases apart" if plan["spacing"] else ""
    logger.info(f"strategy {plan['strategy']}{spaced}, {plan['strands']} strand(s), {plan['precision']}")
    logger.info(
        f"about {plan['bases_per_second']:,.0f} bases/s in one job on this {plan['device']}: "
        f"{timedelta(seconds=round(plan['expected_seconds']))} for {plan['bases']:,} bases, divided among all jobs"
    )
    if plan["strategy"] == EMBEDDED.name:
        logger.info("a model of embeddings alone: neither its loss on this genome nor its strands can be compared")
    if plan["strand_agreement"] is not None and plan["strand_agreement"] < AGREEING:
        logger.warning(
            f"the two strands do not agree (Spearman of llr {plan['strand_agreement']:.3f}); weights or vocabulary of "
            "the model may be wrong, or it has learned nothing of this genome"
        )
    loss = plan["nats_per_base"]
    if loss is not None and loss >= np.log(4):
        logger.warning(
            f"the model knows nothing about this genome: {loss:.3f} nats per base, where guessing gives {np.log(4):.3f}"
        )
