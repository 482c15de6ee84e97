"""python -m tests.performance: measure every figure of README.md and print one row for each."""

import argparse
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch

from glmtracks.files import atomic
from glmtracks.plots import style
from glmtracks.scoring.devices import pick_device, pick_precision
from glmtracks.training import build
from glmtracks.windows.corpus import Corpus

from .callsets import measure_callsets
from .corpus import CHECKOUT, SEED, embedded_genome, make_corpus, yeast_genomes
from .efficiency import measure_inference, measure_training
from .figure import draw
from .genome_scores import measure_genome_scores
from .published_rates import measure_published
from .published_spacing import measure_published_spacing
from .quality import compare
from .strategies import measure_strategies
from .table import Measured, aligned, write_table
from .twins import LARGE, architecture, preset, recipe
from .writing import measure_bigwig

logger = logging.getLogger("tests.performance")

LARGE_BATCH, LARGE_TILES = 4, 4  # windows of a training step, and tiles that are scored, of the large model on a CPU


def main() -> None:
    """Measure, print, and write what the options ask for; never fails because a goal is not met.

    Each figure is told, and written, as soon as it is known: what was measured before an interruption is not lost.
    """
    options = _options()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
    torch.set_num_threads(options.threads)
    figures = []
    for found in _measured(options):
        figures += found
        logger.info(aligned(found))
        if options.output:
            write_table(figures, options.output)
    print(aligned(figures), end="")


def _measured(options: argparse.Namespace) -> Iterator[list[Measured]]:
    dtype, parameters, threads = pick_precision("auto", pick_device("auto")), preset(), options.threads
    shape = architecture("one_pass", parameters)
    with tempfile.TemporaryDirectory(prefix="glmtracks.") as folder:
        genomes = yeast_genomes() if options.minutes else embedded_genome()
        corpus = make_corpus(genomes, Path(folder), threads=threads, purged=bool(options.minutes))
        model = build("one_pass", shape | {"seed": SEED})
        precise = recipe("one_pass", parameters) | {"precision": str(dtype).removeprefix("torch.")}
        yield measure_training(model, corpus, precise, dtype)
        yield measure_inference(model, corpus, dtype, threads)
        yield _measure_large(corpus, precise, dtype, threads)
        yield measure_callsets(model, corpus, dtype, threads)
        yield measure_bigwig()
        yield measure_strategies(corpus, parameters, dtype, threads)
        yield measure_published_spacing(corpus, threads)
        yield measure_published(threads)
        yield measure_genome_scores(shape, dtype, threads)
        if options.minutes:
            found, sheet = compare(corpus, parameters, options.minutes, dtype, threads)
            with atomic(options.sheet) as table, atomic(options.sheet.with_suffix(".svg")) as picture:
                sheet.to_csv(table, sep="\t", index=False, float_format="%.4f")
                style.save(draw(sheet), picture, title="Loss against minutes of training, for three objectives")
            yield found


def _measure_large(corpus: Corpus, training: dict, dtype: torch.dtype, threads: int) -> list[Measured]:
    """Efficiency of a model of the size that a large genome asks for, whose matrix products outweigh all else."""
    model = build("one_pass", architecture("one_pass", LARGE) | {"seed": SEED})
    on_cpu = pick_device("auto").type == "cpu"
    figures = measure_training(model, corpus, training | {"batch": LARGE_BATCH} if on_cpu else training, dtype)
    return figures + measure_inference(model, corpus, dtype, threads, LARGE_TILES if on_cpu else 0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.performance", description=__doc__)
    parser.add_argument(
        "--minutes", type=float, default=9, help="training of each of the three objectives; 0 leaves them out"
    )
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="CPU threads")
    parser.add_argument("--output", type=Path, help="where to write the table as TSV")
    parser.add_argument(
        "--sheet",
        type=Path,
        default=CHECKOUT / "resources" / "benchmarks" / "objectives.tsv",
        help="where to write loss against minutes, and beside it as .svg",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
