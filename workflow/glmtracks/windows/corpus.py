"""The genomes that one model is trained on, and reading bases from them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from glmtracks.annotation.regions import read_regions
from glmtracks.bed import read_bed
from glmtracks.genome import UNKNOWN, Genome, read_aliases
from glmtracks.intervals import by_contig, covered_by, merge, paint
from glmtracks.parquet import read_frame
from glmtracks.windows.split import read_split

CHUNK = 4_000_000  # bases read at a time


@dataclass
class CorpusGenome:
    """One genome of a training corpus.

    `repeats` are intervals (contig, start, end), `split` is as of `split.make_split`, `windows` as of
    `cutting.make_windows`, and empty where none are read. `species` is what a species token calls it, `regions` the
    table of region classes, `evidence` a bigWig of functional evidence between 0 and 1, `aliases` the names that it may
    have for contigs of the genome, and `repetitions` how often its windows are seen in training while others are seen
    once.
    """

    name: str
    genome: Genome
    repeats: pd.DataFrame
    split: pd.DataFrame
    windows: pd.DataFrame
    species: str = ""
    regions: pd.DataFrame | None = None
    evidence: Path | None = None
    aliases: dict[str, str] | None = None
    repetitions: int = 1

    @cached_property
    def _repeats_of(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        return by_contig(merge(self.repeats))

    @cached_property
    def _classes_of(self) -> dict[str, pd.DataFrame]:
        if self.regions is None:
            return {}
        table = self.regions.loc[self.regions["region"].notna(), ["contig", "start", "end", "region"]]
        return dict(list(table.groupby("contig", sort=False, observed=True)))

    def region_numbers(self, contig: str, start: int, end: int) -> np.ndarray:
        """The region class of each base of contig[start:end], uint8 (end - start,): 1 + its number in
        `gene_parts.CLASSES`; 0 = none."""
        if contig not in self._classes_of:
            return np.zeros(end - start, dtype=np.uint8)
        rows = self._classes_of[contig]
        rows = rows[(rows["start"] < end) & (rows["end"] > start)]
        borders, owners = paint(rows["start"].to_numpy(), rows["end"].to_numpy(), start, end)
        numbers = np.append(rows["region"].cat.codes.to_numpy() + 1, 0).astype(np.uint8)
        return np.repeat(numbers[owners], np.diff(borders))

    def in_repeat(self, contig: str, start: int, end: int) -> np.ndarray:
        """Whether each base of contig[start:end] lies in a repeat, bool (end - start,); `end` may pass the origin."""
        if contig not in self._repeats_of:
            return np.zeros(end - start, dtype=bool)
        length = self.genome.contigs[contig]
        if end > length:
            return np.concatenate([self.in_repeat(contig, start, length), self.in_repeat(contig, 0, end - length)])
        return covered_by(*self._repeats_of[contig], start, end)

    def part(self, name: str, overlap: int = 0) -> pd.DataFrame:
        """The rows of a part of the split.

        Where a part goes on over the origin of a circular contig, the row before the origin ends `overlap` bases
        later, at most where the row behind it ends.
        """
        rows = self.split[self.split["split"] == name]
        at_origin = rows["contig"].isin(self.genome.circular) & (rows["end"] == rows["contig"].map(self.genome.contigs))
        beyond = rows["contig"].map(rows[rows["start"] == 0].set_index("contig")["end"]).fillna(0).clip(upper=overlap)
        return rows.assign(end=rows["end"] + beyond.where(at_origin, 0).astype(np.int64))


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
        cls,
        names: list[str],
        fastas: list[Path],
        repeats: list[Path],
        split: Path,
        windows: Path,
        regions: list[Path] | None = None,
        species: list[str] | None = None,
        evidence: list[str] | None = None,
        aliases: list[str | None] | None = None,
        repetitions: list[int] | None = None,
    ) -> "Corpus":
        """A corpus from files of the workflow: FASTA and repeats of each genome, split and windows of all.

        Where they are given, the region classes of each genome, what a species token calls it, a bigWig of functional
        evidence ("" = none), the cell contig_aliases of the genome sheet, and how often its windows are seen.
        """
        split, windows = read_split(split), read_frame(windows)
        tables = [
            [table[table["genome"] == name].drop(columns="genome").reset_index(drop=True) for table in (split, windows)]
            for name in names
        ]
        corpus = cls.open((*files, *pair) for *files, pair in zip(names, fastas, repeats, tables, strict=True))
        for number, member in enumerate(corpus.genomes):
            member.regions = read_regions(regions[number]) if regions else None
            member.species = species[number] if species else member.name
            member.evidence = Path(evidence[number]) if evidence and evidence[number] else None
            member.aliases = read_aliases(aliases[number]) if aliases else None
            member.repetitions = repetitions[number] if repetitions else 1
        return corpus

    def bases(self, part: str) -> int:
        """How many bases a part of the split has in all genomes."""
        rows = [member.part(part) for member in self.genomes]
        return sum(int((table["end"] - table["start"]).sum()) for table in rows)

    def stretches(
        self, part: str, overlap: int = 0, repeats: bool = False, chunk: int = CHUNK
    ) -> Iterator[tuple[CorpusGenome, str, int, np.ndarray]]:
        """The bases of a part of the split: genome, contig, start and uint8 codes of chunks of at most `chunk` bases.

        Neighbouring chunks share `overlap` bases, over the origin of circular contigs too, where chunks pass the
        contig's end. Without `repeats` the bases of repeats are given as unknown.
        """
        for member in self.genomes:
            for row in member.part(part, overlap).itertuples():
                for start in range(row.start, max(row.end - overlap, row.start + 1), chunk):
                    end = min(start + chunk + overlap, row.end)
                    codes = member.genome.codes(row.contig, start, end)
                    if not repeats:
                        codes[member.in_repeat(row.contig, start, end)] = UNKNOWN
                    yield member, row.contig, start, codes
