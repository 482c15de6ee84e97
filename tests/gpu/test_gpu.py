"""Scoring on a GPU gives what a CPU gives, survives too little memory, and uses every GPU; skipped without one."""

import json
import multiprocessing
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from glmtracks.models.registry import read_config, save
from glmtracks.scoring.devices import claim_device
from glmtracks.scoring.genome_scores import score_shard
from glmtracks.scoring.runner import Runner
from glmtracks.scoring.strategies import Strategy
from glmtracks.track_names import LLR_COLUMNS
from glmtracks.training import build

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")

SHAPE = {"width": 128, "layers": 9, "kernel": 3, "max_dilation": 128, "seed": 0}
SETTINGS = {"contigs": "", "window": 1024, "batch": 0, "device": "cuda", "species": ""}
BASES = 100_000


@pytest.fixture
def genome(make_genome):
    sequence = np.random.default_rng(0).choice(list("ACGTN"), BASES, p=[0.3, 0.2, 0.2, 0.29, 0.01])
    return make_genome({"a": "".join(sequence)})


@pytest.fixture
def folder(tmp_path):
    save(build("one_pass", SHAPE), tmp_path / "model")
    return tmp_path / "model"


def score(folder: Path, genome, destination: Path, precision: str, shard: str = "0001-of-0001", **changes) -> Path:
    plan = destination.with_suffix(".json")
    asked = {"strategy": "one_pass", "strands": 1, "spacing": None, "precision": precision}
    plan.write_text(json.dumps(asked | {"model_sha256": read_config(folder)["sha256"]}))
    score_shard(
        model_folder=folder,
        fasta=genome.path,
        provenance=genome.path.parent / "provenance.json",
        plan=plan,
        shard=shard,
        destination=destination,
        settings=SETTINGS | changes,
        threads=1,
    )
    return destination


def llr(path: Path) -> np.ndarray:
    frame = pq.read_table(path, columns=list(LLR_COLUMNS)).to_pandas()
    return frame.to_numpy()


def test_float32_on_the_gpu_is_float32_on_the_cpu(folder, genome, tmp_path):
    torch.backends.cuda.matmul.allow_tf32 = False
    here = llr(score(folder, genome, tmp_path / "gpu.parquet", "float32"))
    there = llr(score(folder, genome, tmp_path / "cpu.parquet", "float32", device="cpu"))
    np.testing.assert_allclose(here, there, atol=2e-3)  # two units of the third decimal


def test_bfloat16_on_the_gpu_ranks_as_float32_on_the_cpu(folder, genome, tmp_path):
    here = llr(score(folder, genome, tmp_path / "gpu.parquet", "bfloat16"))
    there = llr(score(folder, genome, tmp_path / "cpu.parquet", "float32", device="cpu"))
    assert (np.isnan(here) == np.isnan(there)).all()
    known = ~np.isnan(there) & (there != 0)
    ranks = [values[known].argsort().argsort() for values in (here, there)]
    assert np.corrcoef(*ranks)[0, 1] >= 0.995


def test_batches_do_not_matter(folder, genome, tmp_path):
    one, many = (llr(score(folder, genome, tmp_path / f"{n}.parquet", "float32", batch=n)) for n in (1, 16))
    np.testing.assert_allclose(one, many, atol=2e-3)


def test_too_little_memory_halves_the_batch_and_gives_the_same(folder, genome, tmp_path):
    whole = llr(score(folder, genome, tmp_path / "whole.parquet", "float32", batch=1))
    used = torch.cuda.memory_reserved()
    share = (used + (64 << 20)) / torch.cuda.get_device_properties(0).total_memory
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(min(share, 1.0))
    try:
        scarce = llr(score(folder, genome, tmp_path / "scarce.parquet", "float32", batch=4096))
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    np.testing.assert_allclose(scarce, whole, atol=2e-3)


def test_a_batch_that_does_not_fit_becomes_smaller():
    model = build("one_pass", SHAPE)
    chosen = {"window": 8192, "precision": "float32", "device": "cuda", "threads": 1}
    runner = Runner.start(model, batch=1 << 14, **chosen, strategy=Strategy("one_pass", 1))
    torch.cuda.set_per_process_memory_fraction(0.05)
    try:
        runner.ask(np.zeros((3, 4096), dtype=np.uint8))
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert runner.batch < 1 << 14


def _claim(_: int) -> int:
    return claim_device("auto").index


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="there is one GPU")
def test_two_shards_at_a_time_take_two_gpus():
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert len(set(pool.map(_claim, range(2), chunksize=1))) == 2
