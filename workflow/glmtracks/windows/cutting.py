"""Training windows: the stretches of defined bases that a model is shown, of all genomes that it is trained on."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from glmtracks.annotation.regions import read_regions
from glmtracks.arrays import Runs
from glmtracks.errors import InputError
from glmtracks.files import atomic, write_json
from glmtracks.genome import UNKNOWN, Genome
from glmtracks.intervals import in_genome_order
from glmtracks.parquet import WITH_CHECKSUMS
from glmtracks.windows.corpus import Corpus, CorpusGenome
from glmtracks.windows.leakage import HELD_OUT, lint, purge
from glmtracks.windows.split import PARTS, read_split

logger = logging.getLogger(__name__)

COLUMNS = ["contig", "start", "end", "split", "kind", "slack_left", "slack_right"]
CHUNK = 1 << 24  # bases read at once
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
    A stretch shorter than `size` but not than 64 bases gives one short window. On circular contigs windows go on over
    the origin, so that `end` may be larger than the contig's length; none holds a base twice.
    """
    stretches = _over_origins(_defined_stretches(genome, split[split["split"].isin(PARTS)]), genome, size, step)
    windows = _tile(stretches[stretches["end"] - stretches["start"] >= SHORTEST], size, step, jitter)
    if windows.empty:
        return pd.DataFrame(columns=COLUMNS)
    length = windows["contig"].map(genome.contigs).to_numpy(np.int64)
    beyond = np.where(windows["start"] - windows["slack_left"] >= length, length, 0)
    windows = windows.assign(start=windows["start"] - beyond, end=windows["end"] - beyond)
    circles = {name: genome.contigs[name] for name in genome.circular}
    windows["kind"] = _kinds(windows, regions, exon_flank, promoter, circles)
    if recipe == "balanced" and regions["region"].notna().any():
        windows = _balance(windows, random, seed)
    return windows[COLUMNS].reset_index(drop=True)


def _defined_stretches(genome: Genome, parts: pd.DataFrame) -> pd.DataFrame:
    """Runs of A, C, G, T within each of the parts, in one table, since drafts have very many contigs."""
    edges = [_edges_of_defined(genome, part.contig, part.start, part.end) for part in parts.itertuples()]
    which = np.repeat(np.arange(len(parts)), [of_part.shape[1] for of_part in edges])
    starts, ends = np.concatenate([np.empty((2, 0), np.int64), *edges], axis=1)
    return parts[["contig", "split"]].iloc[which].reset_index(drop=True).assign(start=starts, end=ends)


def _edges_of_defined(genome: Genome, contig: str, start: int, end: int) -> np.ndarray:
    """Starts and ends of the runs of A, C, G, T within start … end - 1: int64 (2, n)."""
    defined = Runs()
    for low in range(start, end, CHUNK):
        defined.add(genome.codes(contig, low, min(low + CHUNK, end)) != UNKNOWN)
    return np.stack(defined.edges()) + start


def _over_origins(stretches: pd.DataFrame, genome: Genome, size: int, step: int) -> pd.DataFrame:
    """The stretches, in genome order, those of circular contigs joined where they are one."""
    circular = stretches["contig"].isin(list(genome.circular))
    joined = [
        _over_origin(rows, genome.contigs[contig], size, step)
        for contig, rows in stretches[circular].groupby("contig", sort=False)
    ]
    return in_genome_order(pd.concat([stretches[~circular], *joined]), genome.contigs) if joined else stretches


def _over_origin(stretches: pd.DataFrame, length: int, size: int, step: int) -> pd.DataFrame:
    """The stretches of a circular contig with the last and the first joined where they are one.

    A whole circle, which has no end, ends where its windows have gone round.
    """
    first, last = stretches.iloc[0], stretches.iloc[-1]
    if first["start"] > 0 or last["end"] < length or first["split"] != last["split"]:
        return stretches
    if len(stretches) == 1:
        return stretches.assign(end=length + max(size - step, 0) if size <= length else length)
    joined = last.to_frame().T.assign(end=length + first["end"]).astype(stretches.dtypes)
    return pd.concat([stretches.iloc[1:-1], joined])


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
            "contig": stretches["contig"].array[which],
            "start": start,
            "end": end,
            "split": stretches["split"].to_numpy()[which],
            "slack_left": np.minimum(start - low[which], jitter),
            "slack_right": np.minimum(high[which] - end, jitter),
        }
    )


def _kinds(
    windows: pd.DataFrame, regions: pd.DataFrame, exon_flank: int, promoter: int, circles: dict[str, int]
) -> np.ndarray:
    """exon, promoter or other, by what a window overlaps; promoters lie upstream of the first exonic base of a gene.

    `circles` are the lengths of circular contigs.
    """
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
    kinds[_overlaps(windows, _round(upstream, circles))] = "promoter"
    kinds[_overlaps(windows, _round(flanked, circles))] = "exon"
    return kinds


def _round(intervals: pd.DataFrame, circles: dict[str, int]) -> pd.DataFrame:
    """The intervals, and those of circular contigs once more a lap before and a lap later."""
    ring = intervals[intervals["contig"].isin(circles)]
    laps = ring["contig"].astype(str).map(circles).astype(np.int64)
    shifted = [ring.assign(start=ring["start"] + n * laps, end=ring["end"] + n * laps) for n in (-1, 1)]
    return pd.concat([intervals, *shifted]) if len(ring) else intervals


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


def cut_corpus(
    *,
    genomes: list[str],
    held_out: list[str],
    fastas: list[Path],
    repeats: list[Path],
    splits: list[Path],
    regions: list[Path],
    windows_out: Path,
    split_out: Path,
    shared_out: Path,
    leakage_settings: dict,
    window_settings: dict,
    seed: int,
    threads: int = 1,
) -> None:
    """Cut the training windows of a corpus from what is left after purging; look for what still leaks.

    genomes           names of the genomes to train on
    held_out          names of further genomes, of whose test and validation parts nothing may stand in training
    fastas … splits   files of `genomes` and then of `held_out`; the planned split of each
    regions           files of `genomes`
    leakage_settings  purge and related of the configuration's split

    Writes windows.parquet (genome, then the columns of `make_windows`), split.tsv (genome, contig, start, end, split;
    of `held_out` the held-out parts alone) and shared.json (see `glmtracks.windows.leakage.lint`). Raises
    `InputError`, and writes nothing, where there is no window.
    """
    corpus = _open_corpus([*genomes, *held_out], held_out, fastas, repeats, splits)
    mode, related = leakage_settings["purge"], leakage_settings["related"]
    purge(corpus, mode, related, threads)
    for member in corpus.genomes:
        _log_bases(member)
    found = lint(corpus, mode, related, threads)
    tables = [
        make_windows(member.genome, member.split, read_regions(path), **window_settings, seed=seed)
        for member, path in zip(corpus.genomes, regions, strict=False)
    ]
    windows = _with_names(genomes, tables)
    if windows.empty:
        names = " and ".join(genomes)
        raise InputError(f"{names}: no stretch of {SHORTEST} defined bases (A, C, G, T) to cut a training window from")
    for name in sorted({*genomes} - {*windows.loc[windows["split"] == "train", "genome"]}):
        logger.warning(
            f"{name}: no training window is left, so models of this corpus learn nothing from it; leave contigs of "
            "it for training, or name it in the column held_out instead of genomes"
        )
    logger.info("windows: " + ", ".join(f"{part} {n:,}" for part, n in windows["split"].value_counts().items()))
    purged = {member.name: _bases(member.split, "purged") for member in corpus.genomes}
    with atomic(windows_out) as temporary:
        windows.to_parquet(temporary, index=False, **WITH_CHECKSUMS)
    with atomic(split_out) as temporary:
        split = _with_names([*genomes, *held_out], [member.split for member in corpus.genomes])
        split.to_csv(temporary, sep="\t", index=False)
    names = {"genomes": genomes, "held_out": held_out}
    write_json(shared_out, {**names, **leakage_settings, "purged_bases": purged, **found})


def _open_corpus(
    names: list[str], held_out: list[str], fastas: list[Path], repeats: list[Path], splits: list[Path]
) -> Corpus:
    tables = [read_split(path) for path in splits]
    tables = [
        table[table["split"].isin(HELD_OUT)].reset_index(drop=True) if name in held_out else table
        for name, table in zip(names, tables, strict=True)
    ]
    windows = [pd.DataFrame()] * len(names)
    return Corpus.open(zip(names, fastas, repeats, tables, windows, strict=True))


def _with_names(names: list[str], tables: list[pd.DataFrame]) -> pd.DataFrame:
    """The tables of genomes as one, with the name of the genome in a first column."""
    named = [table.assign(genome=name) for name, table in zip(names, tables, strict=True)]
    table = pd.concat([table for table in named if len(table)] or named, ignore_index=True)
    return table[["genome", *table.columns.drop("genome")]]


def _bases(split: pd.DataFrame, part: str) -> int:
    return int((split["end"] - split["start"])[split["split"] == part].sum())


def _log_bases(member: CorpusGenome) -> None:
    counts = ", ".join(f"{part} {_bases(member.split, part):,}" for part in (*PARTS, "gap", "purged"))
    logger.info(f"{member.name}, bases: {counts}")
