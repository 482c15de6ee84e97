"""Tiles: the stretches of a genome that a model is asked about one by one, and which of them a shard holds.

A contig is cut into tiles of a fixed length, counted from its first base: they are the same in whatever shard.
"""

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from glmtracks.errors import InputError
from glmtracks.files import atomic
from glmtracks.genome import Genome
from glmtracks.intervals import COLUMNS, intersect
from glmtracks.windows.split import read_split

# Where the pattern for a use of contigs is written.
PATTERN_OF = {"scores": "scores.contigs or contigs of the model", "embeddings": "embeddings.contigs"}


class Tile(NamedTuple):
    """A stretch of a contig that one row of a forward pass scores; 0-based, half-open."""

    contig: str
    start: int
    end: int


def tile_contigs(contigs: dict[str, int], window: int) -> list[Tile]:
    """The tiles of contigs (name -> length), in order; the last tile of a contig is shorter."""
    return [
        Tile(contig, start, min(start + window, length))
        for contig, length in contigs.items()
        for start in range(0, length, window)
    ]


def shard_tiles(tiles: list[Tile], number: int, count: int) -> list[Tile]:
    """The tiles of shard `number` (from 1) of `count`: consecutive, with about as many bases as any other shard."""
    lengths = np.array([tile.end - tile.start for tile in tiles])
    ends = np.cumsum(lengths)
    middle = ends - lengths / 2
    low, high = (ends[-1] * n / count for n in (number - 1, number))
    first, last = np.searchsorted(middle, [low, high])
    return tiles[first:last]


def select_contigs(genome: Genome, pattern: str, use: str) -> dict[str, int]:
    """Name and length of the contigs that match the pattern for a use, one of `PATTERN_OF`.

    Raises `InputError` where none does.
    """
    chosen = {name: length for name, length in genome.contigs.items() if re.search(pattern, name)}
    if not chosen:
        known = ", ".join(list(genome.contigs)[:5])
        raise InputError(
            f"{PATTERN_OF[use]}: no contig of {genome.path} matches {pattern!r}; there are {known} …; correct the "
            "pattern, or leave it empty for all contigs"
        )
    return chosen


def list_contigs(fasta: Path, patterns: dict[str, dict[str, str]], destination: Path) -> None:
    """Write which contigs each model is asked about, as TSV: use, model, contig and its bases.

    Made as soon as there is a genome, so that a pattern that matches none of its contigs is found before a model is
    trained for them.

    patterns  use, one of `PATTERN_OF` -> model -> pattern

    Raises `InputError` where a pattern matches no contig.
    """
    genome = Genome(fasta)
    rows = [
        (use, model, *contig)
        for use, pattern_of in patterns.items()
        for model, pattern in pattern_of.items()
        for contig in select_contigs(genome, pattern, use).items()
    ]
    with atomic(destination) as temporary:
        pd.DataFrame(rows, columns=["use", "model", "contig", "bases"]).to_csv(temporary, sep="\t", index=False)


def asked_tiles(tiles: list[Tile], split: Path | None) -> dict[Tile, None]:
    """The tiles that a model is asked about, in order: all, or those that hold some of the test part of a split.tsv."""
    if split is None:
        return dict.fromkeys(tiles)
    parts = read_split(split)
    table = pd.DataFrame(tiles, columns=COLUMNS).assign(number=np.arange(len(tiles)))
    touched = intersect(table, parts[parts["split"] == "test"])["number"].unique()
    return dict.fromkeys(tiles[number] for number in touched)
