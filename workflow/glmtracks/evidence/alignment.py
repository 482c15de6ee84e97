"""One-to-one alignment of a sister genome: which base stands there at each position of the reference.

minimap2 (Li 2018) through mappy, preset asm20 with two changes that let genera such as Saccharomyces align over their
coding sequence (15-20 % divergence): seeds short enough to survive in it, and scores that do not end an alignment
at every diverged stretch.
"""

import math
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import mappy
import numpy as np
import pandas as pd
from tqdm import tqdm

from glmtracks.arrays import Runs
from glmtracks.errors import InputError
from glmtracks.genome import UNKNOWN, Genome, encode, reverse_complement

SCORES = [2, 3, 5, 2, 24, 1]  # match, mismatch, and open/extend of short and of long gaps
PIECE = 1_000_000  # bases of the sister genome aligned at once
MIN_MAPPING_QUALITY = 10  # below it another place fits nearly as well
EDGE = 5  # bases next to a gap that are left out, because gaps are placed by chance within a few bases
IDENTITY_WINDOW = 101
MIN_IDENTITY = 0.65  # of the aligned bases around a base; unrelated sequence aligns at 0.5-0.6
_MATCH, _INSERTION, _DELETION = 0, 1, 2  # CIGAR operations


@dataclass(frozen=True)
class _Hit:
    """Ungapped stretches of one primary alignment: starts on the reference, on the sister piece's strand, lengths."""

    contig: str
    quality: int
    sequence: np.ndarray  # codes of the aligned piece, in the direction of the reference
    query: np.ndarray  # position on the sister contig of every base of `sequence`
    reference_starts: np.ndarray
    query_starts: np.ndarray
    lengths: np.ndarray


def seed_length(size: int) -> int:
    """Seed length for a genome of `size` bases: one base longer than is expected once by chance, 11 to asm20's 19."""
    return min(max(math.ceil(math.log(max(size, 1), 4)) + 1, 11), 19)


def align(genome: Genome, sister: str | Path, contigs: Iterable[str], threads: int = 1) -> dict[str, np.ndarray]:
    """The sister genome's base at every position of the reference that it covers exactly once.

    genome   the reference; the whole of it competes for every piece of the sister genome
    sister   FASTA path, plain or bgzip
    contigs  reference contigs that are wanted

    Returns contig -> uint8 (length,): 0..3 on the reference's forward strand, UNKNOWN where nothing is aligned, where
    more than one place of either genome is aligned, where the mapping quality is below 10, within 5 bases of a gap, and
    where fewer than 65 % of the aligned bases within 50 positions are equal. Raises InputError for a genome
    that is damaged, and for a sister genome that cannot be read or that is empty.
    """
    seed, window = seed_length(genome.size), 5 if genome.size < 500_000_000 else 10
    for _ in _sequences(genome):
        pass  # read for its checksums
    aligner = mappy.Aligner(str(genome.path), preset="asm20", k=seed, w=window, scoring=SCORES, n_threads=threads)
    if not aligner:
        raise InputError(f"{genome.path} cannot be indexed for alignment; make the genome again")
    bases = {contig: np.full(genome.contigs[contig], UNKNOWN, dtype=np.uint8) for contig in contigs}
    depth = {contig: np.zeros(len(codes), dtype=np.uint8) for contig, codes in bases.items()}
    with ThreadPoolExecutor(threads) as pool:
        for sequence in tqdm(_sequences(_open_sister(sister)), desc="aligning the sister genome", unit=" contigs"):
            offsets = range(0, len(sequence), PIECE)
            found = pool.map(partial(_hits, aligner, sequence), offsets)
            _project([hit for hits in found for hit in hits], len(sequence), bases, depth)
    for contig, codes in bases.items():
        codes[depth[contig] != 1] = UNKNOWN
        _drop_diverged(codes, genome.codes(contig, 0, len(codes)))
    return bases


def intervals(bases: np.ndarray) -> pd.DataFrame:
    """Aligned stretches of a contig: start, end (0-based half-open) from the codes that `align` gives."""
    aligned = Runs()
    aligned.add(bases != UNKNOWN)
    starts, ends = aligned.edges()
    return pd.DataFrame({"start": starts, "end": ends})


def _open_sister(path: str | Path) -> Genome:
    if not Path(path).is_file():
        raise InputError(f"{path} cannot be read; check the outgroup in the genome sheet")
    if not Path(path).stat().st_size:
        raise InputError(f"{path} holds no sequence; check the outgroup in the genome sheet")
    return Genome(path)


def _sequences(genome: Genome) -> Iterator[str]:
    """The contigs, by htslib and its checksums: minimap2 takes a damaged block for the end of the file."""
    for contig, length in genome.contigs.items():
        yield genome.sequence(contig, 0, length)


def _hits(aligner: mappy.Aligner, sequence: str, offset: int) -> list[_Hit]:
    """Primary alignments of the piece of a sister contig that begins at `offset` of it."""
    sequence = sequence[offset : offset + PIECE]
    codes = encode(sequence)
    hits = []
    for hit in aligner.map(sequence):
        if hit.is_primary:
            piece, query = codes[hit.q_st : hit.q_en], np.arange(offset + hit.q_st, offset + hit.q_en)
            if hit.strand < 0:
                piece, query = reverse_complement(piece), query[::-1]
            length, operation = np.array(hit.cigar, dtype=np.int64).T
            matches = operation == _MATCH
            reference_end = hit.r_st + np.cumsum(np.where(operation != _INSERTION, length, 0))
            query_end = np.cumsum(np.where(operation != _DELETION, length, 0))
            stretch = (reference_end - length)[matches], (query_end - length)[matches], length[matches]
            hits.append(_Hit(hit.ctg, hit.mapq, piece, query, *stretch))
    return hits


def _project(hits: list[_Hit], length: int, bases: dict[str, np.ndarray], depth: dict[str, np.ndarray]) -> None:
    """Write the hits of one sister contig of `length` bases into `bases`; `depth` counts how often a base was hit."""
    used = np.zeros(length, dtype=np.uint8)
    for hit in hits:
        _, query = _expand(hit, 0)
        used[hit.query[query]] += used[hit.query[query]] < 2
    for hit in hits:
        if hit.contig not in bases:
            continue
        reference, _ = _expand(hit, 0)
        depth[hit.contig][reference] += depth[hit.contig][reference] < 2
        reference, query = _expand(hit, EDGE)
        once = (used[hit.query[query]] == 1) & (hit.quality >= MIN_MAPPING_QUALITY)
        bases[hit.contig][reference[once]] = hit.sequence[query[once]]


def _expand(hit: _Hit, trim: int) -> tuple[np.ndarray, np.ndarray]:
    """Every aligned pair of positions (reference, place in the aligned piece), `trim` bases off both stretch ends."""
    length = np.maximum(hit.lengths - 2 * trim, 0)
    nth = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length) + trim
    return np.repeat(hit.reference_starts, length) + nth, np.repeat(hit.query_starts, length) + nth


def _drop_diverged(bases: np.ndarray, reference: np.ndarray) -> None:
    """Set to UNKNOWN, in place, the bases around which too few aligned bases are equal."""
    half = IDENTITY_WINDOW // 2
    totals = []
    for flags in (bases != UNKNOWN, (bases == reference) & (bases != UNKNOWN)):
        running = np.concatenate([np.zeros(half + 1, np.int32), np.cumsum(flags, dtype=np.int32)])
        running = np.concatenate([running, np.full(half, running[-1])])
        totals.append(running[IDENTITY_WINDOW:] - running[:-IDENTITY_WINDOW])
    aligned, equal = totals
    bases[equal < MIN_IDENTITY * aligned] = UNKNOWN
