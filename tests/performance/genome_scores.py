"""What scoring a genome takes beside the model: time from FASTA to Parquet, and memory, whatever its length."""

import multiprocessing
import re
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import torch

from glmtracks.genome import Genome, normalise
from glmtracks.models.registry import save
from glmtracks.scoring.genome_scores import score_shard
from glmtracks.scoring.planning import plan_scoring
from glmtracks.scoring.runner import start_runner
from glmtracks.scoring.tiles import select_contigs, shard_tiles, tile_contigs
from glmtracks.training import build

from .corpus import SEED, SETTINGS
from .table import Measured

LENGTHS = (200_000, 63_000_000)  # bases of the genomes, each of one contig; the longer one is as long as chromosome 20
SHARD = 200_000  # bases that are scored of either
ROUNDS = 6  # in which they take turns


def measure_genome_scores(shape: dict, dtype: torch.dtype, threads: int) -> list[Measured]:
    """End-to-end throughput, and time and memory for equally many bases of a short and of a long genome.

    `shape` is the architecture of the one-pass model.
    """
    with tempfile.TemporaryDirectory(prefix="glmtracks.") as folder:
        model = Path(folder, "model")
        save(build("one_pass", shape | {"seed": SEED}), model)
        precision = str(dtype).removeprefix("torch.")
        jobs = [_job(Path(folder, str(length)), length, model, precision, threads) for length in LENGTHS]
        with ExitStack() as stack:  # a process for each, whose memory is then its own
            spawn = multiprocessing.get_context("spawn")
            pools = [stack.enter_context(ProcessPoolExecutor(1, spawn)) for _ in jobs]
            found = [
                [pool.submit(_measure, job).result() for pool, job in zip(pools, jobs, strict=True)]
                for _ in range(ROUNDS)
            ]
    # what else the machine does only makes things slower, so the best of either counts
    (short, bare, _), (long, _, _) = np.min(found, axis=0)
    (_, _, small), (_, _, large) = np.max(found, axis=0)
    return [
        Measured(
            "end to end over the forward pass alone, bases per second", bare / short, "≥ 0.85", "FASTA to Parquet"
        ),
        Measured("time for a base of 63 Mb over one of 0.2 Mb", long / short, "≤ 1.1"),
        Measured("peak memory of scoring 63 Mb, GB", large, "≤ 1.5", "the whole process"),
        Measured("the same over that of 0.2 Mb", large / small, "≤ 1.1"),
    ]


def _job(folder: Path, length: int, model: Path, precision: str, threads: int) -> dict:
    """Arguments of `score_shard` for the first bases of a random genome of one contig."""
    folder.mkdir()
    source, fasta, provenance, plan = (folder / n for n in ("g.fa", "genome.fa.gz", "provenance.json", "plan.json"))
    letters = np.frombuffer(b"ACGT", np.uint8)[np.random.default_rng(SEED).integers(0, 4, length, dtype=np.uint8)]
    source.write_bytes(b">chr1\n" + letters.tobytes() + b"\n")
    normalise(source, fasta, sizes_out=folder / "chrom.sizes", provenance_out=provenance)
    settings = SETTINGS["scores"] | {"species": "", "precision": precision}
    shared = {"model_folder": model, "fasta": fasta, "provenance": provenance, "settings": settings, "threads": threads}
    plan_scoring(**shared, destination=plan, table_out=folder / "plan.tsv", strategy="auto", strands=0)
    count = max(length // SHARD, 1)
    return {**shared, "plan": plan, "shard": f"0001-of-{count:04d}", "destination": folder / "shard.parquet"}


def _measure(job: dict) -> tuple[float, float, float]:
    """Seconds for a base from FASTA to Parquet, seconds of its forward pass alone, and peak memory in GB."""
    genome = Genome(job["fasta"])
    runner = start_runner(job["model_folder"], job["settings"], job["threads"], job["plan"])
    number, count = map(int, job["shard"].split("-of-"))
    tiles = shard_tiles(tile_contigs(select_contigs(genome, "", "scores"), runner.window), number, count)
    codes = torch.randint(4, (runner.batch, runner.window + 2 * runner.margin), dtype=torch.uint8)
    codes = codes.to(runner.device)
    bare = []
    with torch.inference_mode():
        for _ in range(len(tiles) // runner.batch):
            began = time.perf_counter()
            runner.model.inner_log_probs(codes, runner.margin).cpu()
            bare.append(time.perf_counter() - began)
    began = time.perf_counter()
    score_shard(**job)
    whole = time.perf_counter() - began
    bases = sum(tile.end - tile.start for tile in tiles)
    # getrusage would count the memory of the process that started this one
    memory = int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) / 1e6
    return whole / bases, float(np.mean(bare)) / (runner.batch * runner.window), memory
