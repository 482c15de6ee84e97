"""The genomes that one model is trained on, and reading bases from them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from glmtracks.genome import Genome
from glmtracks.intervals import read_bed
from glmtracks.split import read_split


@dataclass
class CorpusGenome:
    """One genome of a training corpus, with its repeats (contig, start, end), split and windows as above."""

    name: str
    genome: Genome
    repeats: pd.DataFrame
    split: pd.DataFrame
    windows: pd.DataFrame


@dataclass
class Corpus:
    """The genomes that one model is trained on."""

    genomes: list[CorpusGenome]

    @classmethod
    def open(cls, members: Iterable[tuple[str, Path, Path, pd.DataFrame, pd.DataFrame]]) -> "Corpus":
        """A corpus from name, FASTA, repeats BED, split and windows of each genome."""
        return cls([CorpusGenome(name, Genome(fasta), read_bed(bed), split, windows) for name, fasta, bed, split, windows in members])

    @classmethod
    def read(cls, names: list[str], fastas: list[Path], repeats: list[Path], splits: list[Path], windows: list[Path]) -> "Corpus":
        """A corpus from the files that the workflow made for each genome."""
        tables = [(read_split(split), pd.read_parquet(table)) for split, table in zip(splits, windows, strict=True)]
        return cls.open((*files, *pair) for *files, pair in zip(names, fastas, repeats, tables, strict=True))

    def sequences(self, part: str, overlap: int = 0, size: int = 4_000_000) -> Iterator[np.ndarray]:
        """The bases of a part of the split, as uint8 codes in chunks of at most `size`, which share `overlap` bases with the next."""
        for member in self.genomes:
            for row in member.split[member.split["split"] == part].itertuples():
                for start in range(row.start, max(row.end - overlap, row.start + 1), size):
                    yield member.genome.codes(row.contig, start, min(start + size + overlap, row.end))
