"""How fast call sets are scored: single bases looked up in the scores of a genome, and asked of the model afresh."""

import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pysam
import torch
from scipy.special import log_softmax

from glmtracks import tracks
from glmtracks.genome import BASES, ContigNames, Genome
from glmtracks.models.base import GenomicLanguageModel
from glmtracks.scoring.runner import Runner
from glmtracks.scoring.tiles import tile_contigs
from glmtracks.shard_count import shard_names
from glmtracks.variants.annotated_vcf import annotate_vcf
from glmtracks.variants.callset import read_callset
from glmtracks.variants.callset_scores import Scorers, score_alleles
from glmtracks.variants.lookups import dataset_lookup, sparse_log_probs
from glmtracks.windows.corpus import Corpus

from .corpus import HELD_OUT, SEED, SETTINGS
from .table import Measured

VARIANTS = 1_000_000  # that are looked up
PIECE = 1 << 16  # bases of random scores that are made at once
DENSE, SPARSE = {"cpu": 6, "cuda": 200}, {"cpu": 40, "cuda": 4000}  # tiles; single variants far from each other
APART = 20_000  # bases


def measure_callsets(
    model: GenomicLanguageModel, corpus: Corpus, dtype: torch.dtype, threads: int, variants: int = VARIANTS
) -> list[Measured]:
    """Rates of looking single-base variants up, and of scoring them afresh, dense ones and lone ones.

    What is looked up are random scores: the time does not depend on them.
    """
    genome = corpus.genomes[0].genome
    settings = {key: SETTINGS["scores"][key] for key in ("window", "batch", "device")}
    format_ = str(dtype).removeprefix("torch.")
    runner = Runner.start(model, **settings, precision=format_, threads=threads)
    with tempfile.TemporaryDirectory(prefix="glmtracks.") as folder:
        return [*_looked_up(genome, Path(folder), variants), *_afresh(runner, genome)]


def _looked_up(genome: Genome, folder: Path, variants: int) -> list[Measured]:
    vcf, scores = _random_vcf(genome, folder / "x.vcf.gz", variants), _random_scores(genome, folder)
    alleles = [folder / "alleles" / f"{name}.parquet" for name in shard_names(1)]
    steps = [
        partial(
            read_callset,
            vcf,
            genome,
            ContigNames(genome.contigs),
            shards=1,
            folder=folder / "alleles",
            mismatches=folder / "ref_mismatches.tsv",
            mismatches_if_refused=folder / "refused.tsv",
            max_mismatches=1,
        ),
        partial(score_alleles, alleles[0], Scorers(genome, dataset_lookup(scores)), folder / "scored.parquet", {}),
        partial(
            annotate_vcf,
            vcf,
            alleles,
            [folder / "scored.parquet"],
            genome.contigs,
            folder / "o.vcf.gz",
            folder / "o.parquet",
            model="model",
        ),
    ]
    read, score, join = (_seconds(step, time.process_time) for step in steps)
    parts = f"{read:.1f} s reading, {score:.1f} s looking up, {join:.1f} s joining"
    return [
        Measured(
            "call sets: SNVs looked up per second of a core",
            variants / score,
            "≥ 200000",
            f"{variants:,} variants, {genome.size / 1e6:.0f} Mb",
        ),
        Measured("call sets: the same, from VCF to VCF", variants / (read + score + join), note=parts),
    ]


def _afresh(runner: Runner, genome: Genome) -> list[Measured]:
    contig = HELD_OUT if HELD_OUT in genome.contigs else max(genome.contigs, key=genome.contigs.get)
    tiles = tile_contigs({contig: genome.contigs[contig]}, runner.window)[: DENSE[runner.device.type]]
    dense = np.arange(tiles[0].start, tiles[-1].end, 10)
    sparse = np.arange(min(APART, genome.contigs[contig]) // 2, genome.contigs[contig], APART)[
        : SPARSE[runner.device.type]
    ]
    # Each in turn, three times, so that what else this machine does meets all of them
    works = (
        lambda: list(runner.log_probs(genome, tiles)),
        lambda: sparse_log_probs(runner, genome, contig, dense),
        lambda: sparse_log_probs(runner, genome, contig, sparse),
    )
    along, afresh, alone = np.array([[_seconds(work) for work in works] for _ in range(3)])[1:].min(axis=0)
    return [
        Measured(
            "call sets: time of dense SNVs afresh over that of all bases there",
            afresh / along,
            "≤ 2",
            f"every tenth base of {tiles[-1].end - tiles[0].start:,}, {len(dense) / afresh:,.0f} variants/s",
        ),
        Measured(
            "call sets: bases' time that a lone SNV costs afresh",
            alone / len(sparse) / (along / (tiles[-1].end - tiles[0].start)),
            note=f"{len(sparse) / alone:,.1f} variants/s, {APART:,} bases apart",
        ),
    ]


def _seconds(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    began = clock()
    work()
    return clock() - began


def _random_vcf(genome: Genome, path: Path, variants: int) -> Path:
    """SNVs at random bases, sorted."""
    rng = np.random.default_rng(SEED)
    with pysam.BGZFile(str(path), "w") as handle:
        handle.write(b"##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n")
        for contig, length in genome.contigs.items():
            codes = genome.codes(contig, 0, length)
            known = np.flatnonzero(codes < len(BASES))
            chosen = np.sort(rng.choice(known, min(int(variants * length / genome.size), len(known)), replace=False))
            other = (codes[chosen] + rng.integers(1, 4, len(chosen))) % 4
            rows = zip(chosen.tolist(), codes[chosen].tolist(), other.tolist(), strict=True)
            lines = (f"{contig}\t{at + 1}\t.\t{BASES[ref]}\t{BASES[alt]}\t50\tPASS\tAF=0.5\n" for at, ref, alt in rows)
            handle.write("".join(lines).encode())
    return path


def _random_scores(genome: Genome, folder: Path) -> Path:
    rng = np.random.default_rng(SEED)
    with tracks.ScoresWriter(folder / "shard.parquet", {}) as writer:
        for tile in tile_contigs(genome.contigs, PIECE):
            log_probs = log_softmax(rng.normal(0, 2, (tile.end - tile.start, 4)).astype(np.float32), axis=1)
            writer.write(tile.contig, tile.start, genome.codes(*tile), log_probs)
    tracks.write_dataset([folder / "shard.parquet"], genome.contigs, folder / "scores")
    return folder / "scores"
