"""Which bases of a genome a model learns from, chooses by and is judged on."""

import logging
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from glmtracks.bed import read_bed_of
from glmtracks.errors import InputError
from glmtracks.files import atomic
from glmtracks.genome import Genome
from glmtracks.genome.contigs import ContigNames, read_aliases
from glmtracks.intervals import COLUMNS, in_genome_order, subtract, tile

logger = logging.getLogger(__name__)

PARTS = ("test", "validation", "train")
CHOICE = 3  # bases of the contigs of which a part is drawn, for each base that it wants


def make_split(
    contigs: dict[str, int],
    *,
    unit: str,
    test: float,
    validation: float,
    block: int,
    gap: int,
    seed: int,
    named: Mapping[str, pd.DataFrame] | None = None,
    circular: Collection[str] = (),
) -> pd.DataFrame:
    """Cut a genome into train, validation and test.

    The intervals (contig, start, end) in `named` go to the part of that name, "test" before "validation". A part that
    is not named is drawn: whole contigs (`unit="contig"`), or blocks of about `block` bases (`"block"`), until it holds
    its share of the bases. Where different parts meet in a contig, over the origin of the `circular` ones too, `gap`
    bases between them belong to none ("gap"). Where all contigs are named, nothing is left to draw.

    Returns contig, start, end (0-based, half-open), split; it tiles every contig in genome order.
    Raises `InputError` where the genome is too small to be cut.
    """
    named = named or {}
    shares = {part: share for part, share in (("test", test), ("validation", validation)) if share > 0}
    shares = {part: share for part, share in shares.items() if part not in named}
    if unit == "auto":
        unit = "contig" if _leave_a_choice(np.array([*contigs.values()]), shares.values(), block) else "block"
    if unit == "block":  # a small genome is cut finer, but never so fine that the gaps eat the blocks
        block = min(block, max(sum(contigs.values()) // 20, 3 * gap))
    pieces = (_pieces(contigs, block) if unit == "block" else tile(contigs)).assign(split="train")
    for part in PARTS:
        if part in named:
            pieces = _given(pieces, part, named[part])
    _draw(pieces, shares, seed)
    return _with_gaps(pieces, gap, circular)


def _leave_a_choice(lengths: np.ndarray, shares: Iterable[float], block: int) -> bool:
    """Whether whole contigs can be drawn, so that no part is a chromosome too large for it, or leftovers alone.

    Eight or more must be as long as a block, and those of them that fit into a part must be `CHOICE` times as many
    bases as it wants.
    """
    long = lengths[lengths >= block]
    wanted = [share * lengths.sum() for share in shares]
    return len(long) >= 8 and all(long[long <= bases].sum() >= CHOICE * bases for bases in wanted)


def _pieces(contigs: Mapping[str, int], block: int) -> pd.DataFrame:
    """Each contig cut into equal pieces of about `block` bases, in one table, since a draft has very many contigs."""
    edges = [np.linspace(0, length, max(length // block, 1) + 1).astype(np.int64) for length in contigs.values()]
    names = np.repeat(list(contigs), [len(of_contig) - 1 for of_contig in edges])
    starts, ends = (np.concatenate([of_contig[cut] for of_contig in edges]) for cut in (slice(-1), slice(1, None)))
    return pd.DataFrame({"contig": pd.array(names, dtype="str"), "start": starts, "end": ends})


def _given(pieces: pd.DataFrame, part: str, intervals: pd.DataFrame) -> pd.DataFrame:
    """Pieces cut where intervals begin and end; those inside that were free, of "train", belong to `part`."""
    free = pieces["split"] == "train"
    rest = subtract(pieces[free], intervals)[COLUMNS].assign(split="train")
    taken = subtract(pieces[free], rest)[COLUMNS].assign(split=part)
    return in_genome_order(pd.concat([pieces[~free], rest, taken]), pieces["contig"])


def _draw(pieces: pd.DataFrame, shares: dict[str, float], seed: int) -> None:
    """Move random pieces from train to the parts in `shares`, as many as fit into each share."""
    free = np.flatnonzero(pieces["split"] == "train")
    if not len(free):
        return
    if shares and len(free) <= len(shares):
        raise InputError(
            f"the genome has only {len(free)} piece(s) to divide among train, {' and '.join(shares)}; name contigs in "
            "the columns test and validation of the genome sheet, or lower split.block and split.gap"
        )
    lengths = (pieces["end"] - pieces["start"]).to_numpy()
    order = list(np.random.default_rng(seed).permutation(free))
    for left, (part, share) in zip(range(len(shares), 0, -1), shares.items(), strict=True):
        room, taken = share * lengths.sum(), []
        for piece in order:
            if lengths[piece] <= room and len(order) - len(taken) > left:  # the parts still to come get a piece each
                taken.append(piece)
                room -= lengths[piece]
        taken = taken or [min(order, key=lengths.__getitem__)]
        pieces.loc[taken, "split"] = part
        gone = set(taken)
        order = [piece for piece in order if piece not in gone]


def _with_gaps(pieces: pd.DataFrame, gap: int, circular: Collection[str]) -> pd.DataFrame:
    """Join neighbouring pieces of one part, and cut `gap` bases from the larger side wherever two parts meet."""
    new_run = (pieces["contig"] != pieces["contig"].shift()) | (pieces["split"] != pieces["split"].shift())
    runs = pieces.groupby(new_run.cumsum(), sort=False).agg(
        contig=("contig", "first"), start=("start", "first"), end=("end", "last"), split=("split", "first")
    )
    runs = runs.reset_index(drop=True)
    meets = (runs["contig"] == runs["contig"].shift(-1)).to_numpy()[:-1]
    start, end = runs["start"].to_numpy().copy(), runs["end"].to_numpy().copy()
    gaps = []
    for left in np.flatnonzero(meets):  # a handful of boundaries, not bases
        edge = end[left]
        if end[left] - start[left] >= end[left + 1] - start[left + 1]:
            end[left] = max(edge - gap, start[left])
        else:
            start[left + 1] = min(edge + gap, end[left + 1])
        gaps.append((runs["contig"][left], end[left], start[left + 1], "gap"))
    for first, last, missing in _too_close_over_origins(runs, start, end, gap, circular):
        if end[last] - start[last] >= end[first] - start[first]:
            edge, end[last] = end[last], max(end[last] - missing, start[last])
            gaps.append((runs["contig"][last], end[last], edge, "gap"))
        else:
            edge, start[first] = start[first], min(start[first] + missing, end[first])
            gaps.append((runs["contig"][first], edge, start[first], "gap"))
    runs = runs.assign(start=start, end=end)
    table = pd.concat([runs, pd.DataFrame(gaps, columns=runs.columns)]) if gaps else runs
    return in_genome_order(table[table["end"] > table["start"]], runs["contig"])


def _too_close_over_origins(
    runs: pd.DataFrame, start: np.ndarray, end: np.ndarray, gap: int, circular: Collection[str]
) -> list[tuple[int, int, int]]:
    """Of circular contigs whose first and last run belong to different parts: their index, and the bases that lack.

    `start` and `end` are what gaps have left of the runs; those of which nothing is left, as of a short one beside the
    origin, keep no parts apart.
    """
    left = np.flatnonzero((end > start) & runs["contig"].isin(list(circular)))
    ends = pd.Series(left).groupby(runs["contig"].to_numpy()[left], sort=False).agg(["min", "max"])
    first, last = ends["min"].to_numpy(), ends["max"].to_numpy()
    lengths = runs.groupby("contig")["end"].max()[ends.index].to_numpy()
    missing = gap - (start[first] + lengths - end[last])
    close = (runs["split"].to_numpy()[first] != runs["split"].to_numpy()[last]) & (missing > 0)
    return list(zip(first[close], last[close], missing[close], strict=True))


def split_genome(
    *, fasta: Path, destination: Path, settings: dict, test: str, validation: str, aliases: str, seed: int
) -> None:
    """Write the split of a genome as split.tsv; `settings` are those of `make_split`, which says more.

    test, validation  each a pattern for the names of contigs, or bed:FILE with intervals; empty = drawn
    aliases           other names of contigs, in the form of the genome sheet, for the BED files

    Raises `InputError` where nothing is left of a part that is named, unless by an empty BED.
    """
    genome = Genome(fasta)
    wanted = {part: named for part, named in (("test", test), ("validation", validation)) if named}
    named = {part: _named(genome, part, value, aliases) for part, value in wanted.items()}
    split = make_split(genome.contigs, **settings, seed=seed, named=named, circular=genome.circular)
    bases = (split["end"] - split["start"]).groupby(split["split"]).sum()
    for part, intervals in named.items():
        if len(intervals) and not bases.get(part, 0):
            raise InputError(
                f"no base is left of what {wanted[part]!r} names for {part}: test comes before validation, and where "
                f"parts meet {settings['gap']:,} bases belong to none (split.gap); name longer intervals, or others"
            )
    logger.info("bases: " + ", ".join(f"{part} {bases.get(part, 0):,}" for part in (*PARTS, "gap")))
    with atomic(destination) as temporary:
        split.to_csv(temporary, sep="\t", index=False)


def _named(genome: Genome, part: str, named: str, aliases: str) -> pd.DataFrame:
    if named.startswith("bed:"):
        return read_bed_of(genome, named.removeprefix("bed:"), ContigNames(genome.contigs, read_aliases(aliases)))
    return matching(genome.contigs, named, part)


def matching(contigs: Mapping[str, int], pattern: str, part: str) -> pd.DataFrame:
    """Contigs, whole, whose names match a pattern: contig, start, end. Raises `InputError` where none does."""
    found = {name: length for name, length in contigs.items() if re.search(pattern, name)}
    if not found:
        raise InputError(
            f"no contig matches the pattern {pattern!r} for {part}; there are {', '.join(list(contigs)[:5])} …"
        )
    return tile(found)


def read_split(path: str | Path) -> pd.DataFrame:
    """A split.tsv: contig, start, end (0-based, half-open) and split; that of a corpus begins with genome."""
    names = dict.fromkeys(("genome", "contig", "split"), str)
    return pd.read_csv(path, sep="\t", dtype=names, keep_default_na=False)
