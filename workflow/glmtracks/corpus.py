"""The genomes that one model is trained on, and reading bases from them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from glmtracks.bed import read_bed
from glmtracks.genome import UNKNOWN, Genome
from glmtracks.intervals import covered
from glmtracks.split import read_split

CHUNK = 4_000_000  # bases read at a time


@dataclass
class CorpusGenome:
    """One genome of a training corpus, with its repeats (contig, start, end), split and windows as above.

    `species` is what a species token calls it, `regions` the table of region classes, and `evidence` a bigWig of
    functional evidence between 0 and 1.
    """

    name: str
    genome: Genome
    repeats: pd.DataFrame
    split: pd.DataFrame
    windows: pd.DataFrame
    species: str = ""
    regions: pd.DataFrame | None = None
    evidence: Path | None = None

    @cached_property
    def _repeats_of(self) -> dict[str, pd.DataFrame]:
        return dict(list(self.repeats.groupby("contig", sort=False)))

    @cached_property
    def _classes_of(self) -> dict[str, pd.DataFrame]:
        if self.regions is None:
            return {}
        table = self.regions.loc[self.regions["region"].notna(), ["contig", "start", "end", "region"]]
        table = table.assign(number=table["region"].cat.codes)
        return dict(list(table.groupby("contig", sort=False, observed=True)))

    def region_classes(self, contig: str) -> pd.DataFrame:
        """Intervals of a contig with the number of their region class in `gene_parts.CLASSES`: start, end, number."""
        return self._classes_of.get(contig, pd.DataFrame(columns=["start", "end", "number"]))

    def in_repeat(self, contig: str, start: int, end: int) -> np.ndarray:
        """Whether each base of contig[start:end] lies in a repeat, bool (end - start,)."""
        if contig not in self._repeats_of:
            return np.zeros(end - start, dtype=bool)
        return covered(self._repeats_of[contig], contig, start, end)


@dataclass
class Corpus:
    """The genomes that one model is trained on."""

    genomes: list[CorpusGenome]

    @classmethod
    def open(cls, members: Iterable[tuple[str, Path, Path, pd.DataFrame, pd.DataFrame]]) -> "Corpus":
        """A corpus from name, FASTA, repeats BED, split and windows of each genome."""
        return cls(
            [
                CorpusGenome(name, Genome(fasta), read_bed(bed), split, windows)
                for name, fasta, bed, split, windows in members
            ]
        )

    @classmethod
    def read(
        cls, names: list[str], fastas: list[Path], repeats: list[Path], splits: list[Path], windows: list[Path]
    ) -> "Corpus":
        """A corpus from the files that the workflow made for each genome."""
        tables = [(read_split(split), pd.read_parquet(table)) for split, table in zip(splits, windows, strict=True)]
        return cls.open((*files, *pair) for *files, pair in zip(names, fastas, repeats, tables, strict=True))

    def stretches(
        self, part: str, overlap: int = 0, repeats: bool = False
    ) -> Iterator[tuple[CorpusGenome, str, int, np.ndarray]]:
        """The bases of a part of the split: genome, contig, start and uint8 codes of chunks of at most `CHUNK` bases.

        Neighbouring chunks share `overlap` bases. Without `repeats` the bases of repeats are given as unknown.
        """
        for member in self.genomes:
            for row in member.split[member.split["split"] == part].itertuples():
                for start in range(row.start, max(row.end - overlap, row.start + 1), CHUNK):
                    end = min(start + CHUNK + overlap, row.end)
                    codes = member.genome.codes(row.contig, start, end)
                    if not repeats:
                        codes[member.in_repeat(row.contig, start, end)] = UNKNOWN
                    yield member, row.contig, start, codes
