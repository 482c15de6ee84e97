"""How fast a GPU trains, and scores a genome from FASTA to Parquet: python -m tests.gpu --fasta chr20.fa.gz"""

import argparse
import logging
import tempfile
import time
from pathlib import Path

import torch
from tests.performance.corpus import embedded_genome, make_corpus
from tests.performance.efficiency import SIZE, measure_training
from tests.performance.flops import inference_flops
from tests.performance.table import Measured, aligned, write_table
from tests.performance.twins import BATCH, LARGE, architecture, recipe

from glmtracks.genome import Genome, normalise
from glmtracks.models.registry import load, save
from glmtracks.schemas import fill_defaults, schema
from glmtracks.scoring.devices import matrix_product_rate, pick_device
from glmtracks.scoring.genome_scores import score_shard
from glmtracks.scoring.planning import plan_scoring
from glmtracks.training import build

SHAPE = LARGE | {"seed": 0}
GOAL_SECONDS = 75  # for the 64 million bases of human chromosome 20
GOAL_SHARE = 0.45  # of the bfloat16 matrix product


def measure_steps(folder: Path, shape: dict) -> list[Measured]:
    """Train the model for a few steps on the embedded genome, in `folder`."""
    device = pick_device("auto")
    corpus = make_corpus(embedded_genome(), folder, threads=2, purged=False)
    model = build("one_pass", architecture("one_pass", shape) | {"seed": shape["seed"]})
    return measure_training(model, corpus, recipe("one_pass", {"batch": BATCH[device.type]}), torch.bfloat16)


def measure_scoring(fasta: Path, folder: Path, shape: dict) -> list[Measured]:
    """Score a genome with an untrained model, which takes as long as a trained one, in `folder`."""
    device = pick_device("auto")
    save(build("one_pass", shape), folder / "model")
    settings = {**fill_defaults({}, schema("config"))["scores"], "species": ""}
    files = {"fasta": folder / "genome.fa.gz", "provenance": folder / "provenance.json"}
    shared = {"model_folder": folder / "model", **files, "settings": settings, "threads": 1}
    laps = {}

    def lap(name: str, function, *args, **options) -> None:
        began = time.perf_counter()
        function(*args, **options)
        laps[name] = time.perf_counter() - began

    before = matrix_product_rate(device, torch.bfloat16, SIZE[device.type])
    outputs = {"sizes_out": folder / "chrom.sizes", "provenance_out": files["provenance"]}
    lap("reading the FASTA", normalise, fasta, files["fasta"], **outputs)
    plan = folder / "plan.json"
    lap("planning", plan_scoring, **shared, destination=plan, table_out=folder / "plan.tsv", strategy="auto", strands=0)
    lap("scoring", score_shard, **shared, plan=plan, shard="0001-of-0001", destination=folder / "scores.parquet")
    rate = max(before, matrix_product_rate(device, torch.bfloat16, SIZE[device.type]))
    bases, model, seconds = Genome(files["fasta"]).size, load(folder / "model"), sum(laps.values())
    speed = bases / laps["scoring"] * inference_flops(model)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    what = f"{bases:,} bases, {parameters / 1e6:.1f} million parameters, {_name(device)}"
    return [
        Measured("seconds from FASTA to Parquet", seconds, f"≤ {GOAL_SECONDS}", what),
        *(Measured(f"seconds of {name}", value) for name, value in laps.items()),
        Measured("bases a second while scoring", bases / laps["scoring"]),
        Measured(
            "share of the bfloat16 matrix-product rate",
            speed / rate,
            f"≥ {GOAL_SHARE}",
            f"{speed / 1e12:,.1f} of {rate / 1e12:,.1f} TFLOP/s; reading, writing and margins of windows are paid for",
        ),
    ]


def _name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "a CPU"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m tests.gpu")
    parser.add_argument("--fasta", type=Path, required=True, help="the genome to score")
    parser.add_argument("--output", type=Path, default=Path("results/gpu.tsv"), help="table of the figures")
    parser.add_argument("--width", type=int, default=SHAPE["width"], help="of the model's layers")
    parser.add_argument("--layers", type=int, default=SHAPE["layers"], help="of the model")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    with tempfile.TemporaryDirectory(prefix="glmtracks.") as folder:
        shape = SHAPE | {"width": options.width, "layers": options.layers}
        figures = measure_scoring(options.fasta, Path(folder), shape) + measure_steps(Path(folder, "corpus"), shape)
    write_table(figures, options.output)
    print(aligned(figures))


if __name__ == "__main__":
    main()
