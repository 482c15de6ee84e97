"""The codons of spliced coding sequences, and the genetic codes that read them."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from itertools import pairwise

import numpy as np
import pandas as pd
from Bio.Data import CodonTable

from glmtracks.errors import InputError
from glmtracks.genome import BASES, UNKNOWN, Genome, complement
from glmtracks.intervals import transcript_runs, unwrap

STOP = ord("*")
NUCLEAR = (1, 12, 26)  # codes of nuclear genomes for which NCBI lists more starts than ATG: standard and two of yeasts
BATCH_BASES = 2_000_000  # coding bases read at once where a whole genome is


@dataclass(frozen=True)
class GeneticCode:
    """A genetic code over the 64 codons in the order AAA, AAC, …, TTT (index 16 a + 4 b + c of base codes).

    Attributes:
        amino_acid: uint8 (64,), ASCII letter, `STOP` for codons that only ever stop.
        stop: bool (64,), codons that can end a protein.
        start: bool (64,), codons that can begin one.
    """

    amino_acid: np.ndarray
    stop: np.ndarray
    start: np.ndarray


@lru_cache
def read_code(number: int) -> GeneticCode:
    """The genetic code with an NCBI number.

    Of nuclear codes only ATG counts as a start: TTG and CTG, which NCBI lists too, begin very few proteins.

    Raises:
        InputError: NCBI has no such code.
    """
    table = CodonTable.unambiguous_dna_by_id.get(number)
    if table is None:
        known = ", ".join(map(str, sorted(CodonTable.unambiguous_dna_by_id)))
        raise InputError(f"genetic_code {number} is not a genetic code of NCBI; use one of {known}.")
    codons = [a + b + c for a in BASES for b in BASES for c in BASES]
    starts = ["ATG"] if number in NUCLEAR else table.start_codons
    letters = [ord(table.forward_table.get(codon, "*")) for codon in codons]
    return GeneticCode(np.array(letters, np.uint8), np.isin(codons, table.stop_codons), np.isin(codons, starts))


@dataclass(frozen=True)
class Codons:
    """n complete codons, transcript by transcript, each in reading order.

    Attributes:
        position: int64 (n, 3), 0-based position of each base on its contig, in reading direction.
        code: uint8 (n, 3), base codes as read (complemented on the minus strand), 4 for unknown.
        row: int64 (n,), row in the features of the CDS segment that holds the codon's first base.
        forward: bool (n,), plus strand.
        first: bool (n,), codon at the 5' end of a CDS that begins there, in phase 0.
        last: bool (n,), codon that ends exactly with its CDS.
    """

    position: np.ndarray
    code: np.ndarray
    row: np.ndarray
    forward: np.ndarray
    first: np.ndarray
    last: np.ndarray

    @property
    def index(self) -> np.ndarray:
        """Place of each codon in a genetic code, int64 (n,); -1 where a base is unknown."""
        return codon_index(self.code)

    def __getitem__(self, rows: slice) -> "Codons":
        return Codons(*(getattr(self, field.name)[rows] for field in fields(self)))


def codon_index(code: np.ndarray) -> np.ndarray:
    """Index 16 a + 4 b + c of base codes of shape (..., 3): int64 (...), -1 where a base is unknown."""
    index = code.astype(np.int64) @ np.array([16, 4, 1])
    return np.where((code == UNKNOWN).any(axis=-1), -1, index)


def read_codons(genome: Genome, features: pd.DataFrame) -> Codons:
    """All complete codons of the coding transcripts among the features.

    A CDS is read from its phase at the 5' end. Where a segment's phase does not continue the one before it, reading
    begins anew; bases of codons left incomplete there and at either end belong to no codon.

    Args:
        genome: the bases.
        features: transcript features (see `annotation`), all rows of a transcript; memory is some hundred bytes for
            each coding base.
    """
    row = np.flatnonzero((features["feature"] == "CDS").to_numpy())
    if not len(row):
        none = np.zeros(0, np.int64)
        return Codons(none.reshape(0, 3), none.reshape(0, 3).astype(np.uint8), none, *[none.astype(bool)] * 3)
    starts, ends = (values[row] for values in unwrap(features, genome.contigs))
    forward = (features["strand"] != "-").to_numpy()[row]
    run = transcript_runs(features)[row]
    order = np.lexsort((np.where(forward, starts, -ends), run))
    row, starts, ends, forward, run = (values[order] for values in (row, starts, ends, forward, run))
    phase = features["phase"].to_numpy()[row].astype(np.int64)
    length = ends - starts
    new_transcript = np.diff(run, prepend=-1) != 0
    continued = (np.roll(phase, 1) - np.roll(length, 1)) % 3
    new_stretch = new_transcript | (phase != continued)
    stretch = np.cumsum(new_stretch) - 1
    total = np.cumsum(length) - length
    skipped, bases = phase[new_stretch], np.bincount(stretch, length).astype(np.int64)
    complete = np.maximum(bases - skipped, 0) // 3 * 3
    ends_transcript = np.append(new_transcript[1:], True)[np.append(new_stretch[1:], True)]
    begins_transcript = (new_transcript & features["begins"].to_numpy()[row])[new_stretch]

    of = np.repeat(np.arange(len(row)), length)
    along = np.arange(len(of)) - total[of]  # from the 5' end of the segment
    read = along + (total - total[new_stretch][stretch])[of] - skipped[stretch][of]  # from the first codon
    whole = (read >= 0) & (read < complete[stretch][of])
    of, along, read = of[whole], along[whole], read[whole]
    position = np.where(forward[of], starts[of] + along, ends[of] - 1 - along)
    contig, names = pd.factorize(features["contig"].iloc[row])
    position %= np.array([genome.contigs[name] for name in names])[contig][of]
    code = _codes(genome, names, contig[of], position)
    code = np.where(forward[of], code, complement(code))
    of, read = of[::3], read[::3]
    first = (read == 0) & begins_transcript[stretch[of]] & (skipped[stretch[of]] == 0)
    last = (read + 3 == (bases - skipped)[stretch[of]]) & ends_transcript[stretch[of]]
    return Codons(position.reshape(-1, 3), code.reshape(-1, 3), row[of], forward[of], first, last)


def codons_in_batches(genome: Genome, features: pd.DataFrame) -> Iterator[Codons]:
    """What `read_codons` gives, some transcripts at a time, so that memory does not grow with the genome."""
    is_cds = (features["feature"] == "CDS").to_numpy()
    run = transcript_runs(features)
    bases = np.bincount(run, (features["end"] - features["start"]).to_numpy() * is_cds)
    batch = (np.cumsum(bases) // BATCH_BASES)[run]
    borders = np.append(np.flatnonzero(np.diff(batch, prepend=-1)), len(batch))
    for first, last in pairwise(borders):
        codons = read_codons(genome, features.iloc[first:last])
        yield replace(codons, row=codons.row + first)


def _codes(genome: Genome, names: pd.Index, contig: np.ndarray, position: np.ndarray) -> np.ndarray:
    """Base codes (uint8, (n,)) at positions of contigs, given as indexes into names and each contig's together."""
    code = np.empty(len(position), dtype=np.uint8)
    borders = np.append(np.flatnonzero(np.diff(contig, prepend=-1)), len(contig))
    for first, last in pairwise(borders):
        here = position[first:last]
        low = int(here.min())
        code[first:last] = genome.codes(names[contig[first]], low, int(here.max()) + 1)[here - low]
    return code


def terminal_codons(genome: Genome, features: pd.DataFrame, genetic_code: int = 1) -> pd.DataFrame:
    """Whether each coding transcript begins with a start codon, ends with a stop codon and has none before.

    Args:
        genome: the bases.
        features: the transcript features table.
        genetic_code: NCBI number.

    Returns:
        contig, transcript, starts, stops, broken (bool; a codon that only ever stops stands before the last): one row
        per coding transcript. An incomplete CDS neither starts nor stops.

    Raises:
        InputError: unknown genetic code.
    """
    table = read_code(genetic_code)
    is_cds = (features["feature"] == "CDS").to_numpy()
    run = transcript_runs(features)
    starts, stops, broken = (np.zeros(run.max(initial=-1) + 1, dtype=bool) for _ in range(3))
    for codons in codons_in_batches(genome, features):
        index, transcript = codons.index, run[codons.row]
        starts[transcript[(index >= 0) & codons.first & table.start[index]]] = True
        stops[transcript[(index >= 0) & codons.last & table.stop[index]]] = True
        broken[transcript[(index >= 0) & ~codons.last & (table.amino_acid[index] == STOP)]] = True
    ends = {"starts": starts, "stops": stops, "broken": broken}
    found = features.loc[is_cds, ["contig", "transcript"]].assign(
        **{name: value[run[is_cds]] for name, value in ends.items()}
    )
    return found.drop_duplicates(["contig", "transcript"], ignore_index=True)
