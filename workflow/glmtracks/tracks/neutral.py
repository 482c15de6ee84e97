"""Where a genome is putatively neutral: given intervals, or what lies between genes and is no repeat."""

import logging
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from glmtracks import intervals
from glmtracks.bed import read_bed_of
from glmtracks.genome import ContigNames, Genome, read_aliases
from glmtracks.intervals import COLUMNS
from glmtracks.parquet import explained
from glmtracks.tracks.dataset import contigs as scored_contigs

logger = logging.getLogger(__name__)

ENOUGH = 10_000  # bases that intergenic sequence must have before it stands for neutral sequence


class Neutral(NamedTuple):
    """Intervals of a genome and what they are.

    Attributes:
        what: in words.
        contigs: name -> (starts, ends), int64 (n,) each, sorted and without overlap.
    """

    what: str
    contigs: dict[str, tuple[np.ndarray, np.ndarray]]

    def covers(self, contig: str, start: int, end: int) -> np.ndarray:
        """Whether each position of contig[start:end] is neutral, bool (end - start,)."""
        starts, ends = self.contigs.get(contig, (np.zeros(0, np.int64),) * 2)
        return intervals.covered_by(starts, ends, start, end)


def find_neutral(
    fasta: str | Path, dataset: str | Path, regions: str | Path, *, bed: str | Path | None = None, aliases: str = ""
) -> Neutral:
    """The intervals of a BED if there is one, under the names of the genome; else what the region classes leave.

    Args:
        fasta: the normalised genome.
        dataset: the scores, of which only the contigs matter.
        regions: file of `glmtracks.annotation.regions.write_regions`.
        bed: BED, plain or gzip.
        aliases: cell of the genomes sheet (see `glmtracks.genome.contigs.read_aliases`).
    """
    if not bed:
        return neutral_of_regions(regions, scored_contigs(dataset))
    genome = Genome(fasta)
    return neutral_of_bed(genome, bed, ContigNames(genome.contigs, read_aliases(aliases)))


def neutral_of_bed(genome: Genome, path: str | Path, names: ContigNames) -> Neutral:
    """The intervals of a BED on contigs of a genome. Raises InputError as `glmtracks.bed.read_bed_of`."""
    found = intervals.merge(read_bed_of(genome, path, names))
    return Neutral(f"intervals of {Path(path).name}", intervals.by_contig(found))


def neutral_of_regions(path: str | Path, contigs: dict[str, int]) -> Neutral:
    """What the region classes of a genome leave as neutral.

    Intergenic bases outside repeats; where these are fewer than ENOUGH, or the genome has no annotation, all bases
    outside repeats; where these are, all bases.

    Args:
        path: file of `glmtracks.annotation.regions.write_regions`.
        contigs: those that are scored, name -> length; others are left out.
    """
    with explained(path, "table of regions"):
        table = pq.read_table(
            path, columns=[*COLUMNS, "region"], filters=~pc.field("repeat"), page_checksum_verification=True
        )
    regions = table.column("region").cast("string")
    annotated = len(regions) == 0 or regions.null_count < len(regions)
    intergenic = table.filter(pc.fill_null(pc.equal(regions, "intergenic"), False))
    for what, chosen in (("intergenic bases outside repeats", intergenic), ("all bases outside repeats", table)):
        found = chosen.select(COLUMNS).to_pandas()
        found = found[found["contig"].isin(contigs)]
        bases = int((found["end"] - found["start"]).sum())
        if bases >= ENOUGH:
            return Neutral(what, intervals.by_contig(found))
        if annotated:
            logger.warning("%s are only %s, too few to stand for neutral sequence", what, f"{bases:,}")
    whole = {name: (np.zeros(1, np.int64), np.array([length])) for name, length in contigs.items()}
    return Neutral("all bases", whole)
