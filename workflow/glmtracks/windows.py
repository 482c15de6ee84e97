"""Training windows: the stretches of defined bases that a model is shown."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from glmtracks.corpus import Corpus
from glmtracks.errors import InputError
from glmtracks.files import atomic, write_json
from glmtracks.genome import UNKNOWN, Genome
from glmtracks.leakage import check_leakage, purge, shared_kmers
from glmtracks.regions import read_regions
from glmtracks.split import PARTS, make_split

logger = logging.getLogger(__name__)

SHORTEST = 64  # bases; a stretch of defined bases shorter than this teaches nothing about context


def make_windows(
    genome: Genome,
    split: pd.DataFrame,
    regions: pd.DataFrame,
    *,
    recipe: str,
    size: int,
    step: int,
    jitter: int,
    exon_flank: int,
    promoter: int,
    random: float,
    seed: int,
) -> pd.DataFrame:
    """Windows of defined bases, none of which crosses from one part of the split into another.

    The recipe `balanced` takes the windows that overlap an exon with its flanks or a promoter, and as many of the
    others, times `random`, drawn by chance (after Benegas et al. 2023); `genome`, or a genome without annotation, takes
    all. Returns contig, start, end (0-based, half-open), split, kind (exon, promoter, other), and slack_left and
    slack_right: how far the window may be moved without leaving defined bases of its part, at most `jitter`.
    A stretch shorter than `size` but not than 64 bases gives one short window.
    """
    tables = []
    for contig, parts in split[split["split"].isin(PARTS)].groupby("contig", sort=False):
        stretches = _defined_stretches(genome, contig, parts)
        windows = _tile(stretches, size, step, jitter)
        tables.append(windows.assign(contig=contig))
    windows = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
    if windows.empty:
        raise InputError(
            f"{genome.path} has no stretch of {SHORTEST} defined bases (A, C, G, T) to cut a training window from"
        )
    windows["kind"] = _kinds(windows, regions, exon_flank, promoter)
    if recipe == "balanced" and regions["region"].notna().any():
        windows = _balance(windows, random, seed)
    columns = ["contig", "start", "end", "split", "kind", "slack_left", "slack_right"]
    return windows[columns].reset_index(drop=True)


def _defined_stretches(genome: Genome, contig: str, parts: pd.DataFrame) -> pd.DataFrame:
    """Runs of A, C, G, T within each part of a contig."""
    rows = []
    for part in parts.itertuples():
        unknown = genome.codes(contig, part.start, part.end) == UNKNOWN
        edges = np.flatnonzero(np.diff(np.concatenate([[True], unknown, [True]]))) + part.start
        rows.append(pd.DataFrame({"start": edges[::2], "end": edges[1::2], "split": part.split}))
    stretches = pd.concat(rows, ignore_index=True)
    return stretches[stretches["end"] - stretches["start"] >= SHORTEST]


def _tile(stretches: pd.DataFrame, size: int, step: int, jitter: int) -> pd.DataFrame:
    """Windows every `step` bases, and one flush with the end of each stretch."""
    low, high = stretches["start"].to_numpy(), stretches["end"].to_numpy()
    room = np.maximum(high - low - size, 0)
    count = -(-room // step) + 1
    which = np.repeat(np.arange(len(stretches)), count)
    nth = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    start = low[which] + np.minimum(nth * step, room[which])
    end = np.minimum(start + size, high[which])
    return pd.DataFrame(
        {
            "start": start,
            "end": end,
            "split": stretches["split"].to_numpy()[which],
            "slack_left": np.minimum(start - low[which], jitter),
            "slack_right": np.minimum(high[which] - end, jitter),
        }
    )


def _kinds(windows: pd.DataFrame, regions: pd.DataFrame, exon_flank: int, promoter: int) -> np.ndarray:
    """exon, promoter or other, by what a window overlaps; promoters lie upstream of the first exonic base of a gene."""
    exonic = regions[regions["region"].isin(["CDS", "5UTR", "3UTR", "ncRNA"])]
    genes = exonic.groupby(["contig", "gene", "strand"], observed=True).agg(start=("start", "min"), end=("end", "max"))
    genes = genes.reset_index()
    forward = genes["strand"] != "-"
    upstream = pd.DataFrame(
        {
            "contig": genes["contig"],
            "start": np.where(forward, genes["start"] - promoter, genes["end"]),
            "end": np.where(forward, genes["start"], genes["end"] + promoter),
        }
    )
    flanked = exonic[["contig", "start", "end"]].assign(
        start=exonic["start"] - exon_flank, end=exonic["end"] + exon_flank
    )
    kinds = np.full(len(windows), "other", dtype=object)
    kinds[_overlaps(windows, upstream)] = "promoter"
    kinds[_overlaps(windows, flanked)] = "exon"
    return kinds


def _overlaps(windows: pd.DataFrame, intervals: pd.DataFrame) -> np.ndarray:
    """Whether each window shares a base with an interval: more begin before its end than end before its start."""
    result = np.zeros(len(windows), dtype=bool)
    grouped = dict(list(intervals.groupby("contig", observed=True)))
    for contig, rows in windows.groupby("contig", sort=False):
        if contig in grouped:
            starts, ends = (np.sort(grouped[contig][side].to_numpy()) for side in ("start", "end"))
            begun = np.searchsorted(starts, rows["end"], side="left")
            over = np.searchsorted(ends, rows["start"], side="right")
            result[rows.index] = begun > over
    return result


def _balance(windows: pd.DataFrame, random: float, seed: int) -> pd.DataFrame:
    """All windows on exons and promoters and, within each part, at most `random` times as many of the others."""
    other = windows[windows["kind"] == "other"]
    wanted = (random * (windows["kind"] != "other").groupby(windows["split"]).sum()).round().astype(int)
    rng = np.random.default_rng(seed)
    dropped = []
    for part, rows in other.groupby("split"):
        surplus = len(rows) - int(wanted.get(part, 0))
        if surplus > 0:
            dropped.append(rng.choice(rows.index, size=surplus, replace=False))
    return windows.drop(index=np.concatenate(dropped)) if dropped else windows


def split_and_cut(
    *,
    fasta: Path,
    repeats: Path,
    regions: Path,
    windows_out: Path,
    split_out: Path,
    leakage_out: Path,
    split_settings: dict,
    window_settings: dict,
    test_contigs: str,
    validation_contigs: str,
    seed: int,
) -> None:
    """Split a genome, cut its windows and look for leakage; write windows.parquet, split.tsv and leakage.json.

    Raises `InputError` where more than a tenth of the test part also stands in the training part, unless
    `allow_leak` is set; nothing is written then.
    """
    genome = Genome(fasta)
    settings = {**split_settings}
    allow_leak, purging = settings.pop("allow_leak"), settings.pop("purge")
    split = make_split(
        genome.contigs, **settings, seed=seed, test_contigs=test_contigs, validation_contigs=validation_contigs
    )
    corpus = Corpus.open([("", fasta, repeats, split, pd.DataFrame())])
    if purging:
        purge(corpus)
    split = corpus.genomes[0].split
    bases = (split["end"] - split["start"]).groupby(split["split"]).sum()
    logger.info("bases: " + ", ".join(f"{part} {bases.get(part, 0):,}" for part in (*PARTS, "gap", "purged")))
    windows = make_windows(genome, split, read_regions(regions), **window_settings, seed=seed)
    logger.info("windows: " + ", ".join(f"{part} {n:,}" for part, n in windows["split"].value_counts().items()))
    leakage = shared_kmers(corpus)
    check_leakage(leakage, str(fasta), allow_leak)
    with atomic(windows_out) as temporary:
        windows.to_parquet(temporary, index=False)
    with atomic(split_out) as temporary:
        split.to_csv(temporary, sep="\t", index=False)
    write_json(leakage_out, {**leakage, "purged": purging, "allow_leak": allow_leak})
