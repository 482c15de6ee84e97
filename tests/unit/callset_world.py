"""Small call sets and the three steps from a VCF to its annotation, for the tests of call sets."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from glmtracks.genome import ContigNames, Genome
from glmtracks.models.registry import save
from glmtracks.shard_count import shard_names
from glmtracks.training import build
from glmtracks.variants.annotated_vcf import annotate_vcf
from glmtracks.variants.callset import read_callset
from glmtracks.variants.callset_scores import score_callset

SETTINGS = {"contigs": "", "window": 64, "batch": 3, "precision": "float32", "device": "cpu", "species": "x"}
HEADER = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"


def turn(sequence: str) -> str:
    """The reverse complement; `*` stays."""
    return sequence[::-1].translate(str.maketrans("ACGT", "TGCA"))


def random_model(kind: str, folder: Path) -> Path:
    """The folder of a small model with random weights."""
    parameters = {"order": 3, "prior": 1.0, "width": 8, "layers": 2, "kernel": 3, "max_dilation": 2, "seed": 0}
    model = build(kind, parameters)
    if kind == "markov":
        model.counts.copy_(torch.from_numpy(np.random.default_rng(1).integers(0, 50, len(model.counts))))
    save(model, folder)
    return folder


def write_vcf(path: Path, rows: list[tuple]) -> Path:
    """Records (contig, 1-based position, REF, ALTs), and perhaps INFO."""
    lines = (f"{c}\t{p}\t.\t{r}\t{','.join(a)}\t.\t.\t{''.join(info) or '.'}\n" for c, p, r, a, *info in rows)
    path.write_text(HEADER + "".join(lines))
    return path


def read(vcf: Path, genome: Genome, shards: int, **changes) -> list[Path]:
    """The shards of alleles, under the folder of the VCF."""
    folder = vcf.parent / f"alleles{shards}"
    outputs = {"mismatches": vcf.parent / "wrong.tsv", "mismatches_if_refused": vcf.parent / "refused.tsv"}
    options = {"shards": shards, "folder": folder, "max_mismatches": 0.2} | outputs | changes
    read_callset(vcf, genome, ContigNames(genome.contigs), **options)
    return [folder / f"{name}.parquet" for name in shard_names(shards)]


def score(files: list[Path], genome: Genome, model: Path, plan: Path, **changes) -> list[Path]:
    """The shards of scores, all afresh and with the extras that the model has."""
    destinations = [file.parent.parent / f"scores{len(files)}" / file.name for file in files]
    extras = ["influence"] if "markov" in (model / "config.json").read_text() else ["influence", "embedding"]
    for source, destination in zip(files, destinations, strict=True):
        score_callset(
            alleles=source,
            fasta=genome.path,
            provenance=genome.path.parent / "provenance.json",
            model_folder=model,
            plan=plan,
            scores=None,
            destination=destination,
            settings=SETTINGS,
            threads=1,
            **{"calibration": None, "longest": 5000, "neighbours": 10, "extras": extras} | changes,
        )
    return destinations


def annotate(vcf: Path, alleles: list[Path], scores: list[Path], genome: Genome, out: Path) -> pd.DataFrame:
    """The table that stands beside the annotated VCF."""
    annotate_vcf(vcf, alleles, scores, genome.contigs, out / "o.vcf.gz", out / "o.parquet", model="m")
    return pd.read_parquet(out / "o.parquet")
