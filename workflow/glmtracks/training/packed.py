"""The bases of a corpus in one memory-mapped array, so that a window is cut by plain indexing.

One byte holds what training has to know of a base: its code in the low three bits, whether it lies in a repeat in the
fourth, and its region class in the four above. Memory does not grow with the genomes.
"""

import hashlib
import logging
import os
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from glmtracks.annotation.gene_parts import CLASSES
from glmtracks.errors import InputError
from glmtracks.evidence.conservation import bigwig_contigs, bigwig_values, open_bigwig
from glmtracks.files import explain_full_disk
from glmtracks.genome import UNKNOWN, ContigNames
from glmtracks.windows.corpus import Corpus, CorpusGenome

logger = logging.getLogger(__name__)

REPEAT = 8
REGION = 16  # times the number of the region class, from 1; 0 = not annotated
REGIONS = ("not annotated", *CLASSES)
CHUNK = 4_000_000  # bases read at a time


class Windows(NamedTuple):
    """Windows as training reads them; tensors of shape (rows, length) but for `species`, (rows,)."""

    packed: Tensor
    """uint8, see the module"""
    evidence: Tensor
    """uint8, functional evidence of each base in 255ths; 255 where a genome has none"""
    species: Tensor
    """int64, number of the species from 1; 0 = unknown"""
    noise: Tensor
    """float32 in [0, 1), drawn anew for each window; masks are made of it"""

    @property
    def codes(self) -> Tensor:
        """uint8 codes: A, C, G, T = 0, 1, 2, 3; unknown = 4."""
        return self.packed & 7

    @property
    def repeat(self) -> Tensor:
        """bool, whether a base lies in a repeat."""
        return self.packed & REPEAT > 0

    @property
    def region(self) -> Tensor:
        """int64 index into `REGIONS`."""
        return (self.packed // REGION).long()


class PackedCorpus:
    """The bases of a corpus in a temporary file, and its windows in the coordinates of that file."""

    def __init__(self, corpus: Corpus, species: tuple[str, ...] = ()):
        self.species = species
        extents = [_extents(member) for member in corpus.genomes]
        total = sum(sum(lengths.values()) for lengths in extents)
        self.bases = _scratch(total)
        self.evidence = _scratch(total) if any(member.evidence for member in corpus.genomes) else None
        tables, origin = [], 0
        for member, lengths in zip(corpus.genomes, extents, strict=True):
            origins, evidence = {}, _Evidence(member) if member.evidence else None
            for contig, length in lengths.items():
                origins[contig] = origin
                _pack(member, contig, self.bases[origin : origin + length])
                if self.evidence is not None:
                    self.evidence[origin : origin + length] = 255
                    if evidence:
                        evidence.read(contig, self.evidence[origin : origin + length])
                origin += length
            offset = member.windows["contig"].astype(str).map(origins).astype(np.int64)  # also where it has none
            number = species.index(member.species) + 1 if member.species in species else 0
            tables.append(
                member.windows.assign(
                    start=member.windows["start"] + offset,
                    end=member.windows["end"] + offset,
                    species=number,
                    repetitions=member.repetitions,
                )
            )
        self.windows = pd.concat(tables, ignore_index=True)
        self.size = int((self.windows["end"] - self.windows["start"]).max())

    def cut(self, rows: np.ndarray, shift: np.ndarray | int = 0, noise: np.ndarray | None = None) -> Windows:
        """The windows of `rows`, moved by `shift` bases; positions beyond a window's end are unknown bases."""
        start = self.windows["start"].to_numpy()[rows] + shift
        index = start[:, None] + np.arange(self.size)
        inside = index < (self.windows["end"].to_numpy()[rows] + shift)[:, None]
        index = np.minimum(index, len(self.bases) - 1)
        packed = np.where(inside, self.bases[index], UNKNOWN)
        evidence = np.full_like(packed, 255) if self.evidence is None else self.evidence[index]
        noise = np.zeros(packed.shape, dtype=np.float32) if noise is None else noise
        species = self.windows["species"].to_numpy(dtype=np.int64)[rows]
        return Windows(*map(torch.from_numpy, (packed, evidence, species, noise)))

    def rows(self, part: str) -> np.ndarray:
        """Numbers of the windows of a part of the split."""
        return np.flatnonzero(self.windows["split"] == part)

    def fingerprint(self) -> str:
        """A hash of all bases, flags and windows."""
        digest = hashlib.blake2b(digest_size=16)
        for array in (self.bases, self.evidence):
            if array is not None:
                digest.update(array)
        digest.update(pd.util.hash_pandas_object(self.windows, index=False).to_numpy())
        return digest.hexdigest()


def reverse_complement(windows: Windows, rows: Tensor) -> Windows:
    """The same windows with those where `rows` (bool) is true read from the other strand."""
    rows = rows[:, None]
    packed, evidence = (torch.where(rows, array.flip(1), array) for array in (windows.packed, windows.evidence))
    codes = packed & 7
    complemented = torch.where(rows & (codes < 4), 3 - codes, codes)
    return windows._replace(packed=(packed - codes) + complemented, evidence=evidence)


def _extents(member: CorpusGenome) -> dict[str, int]:
    """Bases to pack of each contig: its length, or more where windows of a circular contig pass its end."""
    reach = (member.windows["end"] + member.windows["slack_right"]).groupby(member.windows["contig"].astype(str)).max()
    return {contig: max(length, int(reach.get(contig, 0))) for contig, length in member.genome.contigs.items()}


def _scratch(size: int) -> np.memmap:
    """Bytes to fill, in a file that has no name any more: its mapping stays until the array is gone."""
    with explain_full_disk(Path(tempfile.gettempdir(), "corpus")), tempfile.NamedTemporaryFile() as file:
        file.truncate(size)
        if hasattr(os, "posix_fallocate"):  # which macOS lacks; a mapping that finds no room later is a bus error
            os.posix_fallocate(file.fileno(), 0, size)
        return np.memmap(file, dtype=np.uint8, mode="r+", shape=(size,))


def _pack(member: CorpusGenome, contig: str, destination: np.ndarray) -> None:
    """Fill uint8 (n,) with a contig; bases behind its end, of one that is a circle, are those of its start again."""
    own = member.genome.contigs[contig]
    for start in range(0, own, CHUNK):
        end = min(start + CHUNK, own)
        packed = member.genome.codes(contig, start, end)
        packed |= REPEAT * member.in_repeat(contig, start, end).astype(np.uint8)
        packed |= REGION * member.region_numbers(contig, start, end)
        destination[start:end] = packed
    destination[own:] = destination[: len(destination) - own]


class _Evidence:
    """A bigWig of functional evidence between 0 and 1, contig by contig in 255ths; bases without value count as 0."""

    def __init__(self, member: CorpusGenome):
        self.path, self.lengths = member.evidence, member.genome.contigs
        self._track = open_bigwig(self.path)
        names = ContigNames(self.lengths, member.aliases)
        self._names = bigwig_contigs(self.path, self._track.chroms(), member.genome, names)
        if absent := len(self.lengths) - len(self._names):
            logger.warning(f"{self.path} has nothing of {absent} of {len(self.lengths)} contigs: no evidence there")

    def read(self, contig: str, destination: np.ndarray) -> None:
        """Fill uint8 (n,), which goes on from the first base where it is longer than a contig that is a circle."""
        own = self.lengths[contig]
        destination[:own] = 0
        for start in range(0, own if contig in self._names else 0, CHUNK):
            end = min(start + CHUNK, own)
            values = np.nan_to_num(bigwig_values(self._track, self.path, self._names[contig], start, end))
            if values.min() < 0 or values.max() > 1:
                raise InputError(
                    f"{self.path}: {contig} has the value {values[np.abs(values - 0.5).argmax()]:g}; functional "
                    "evidence must lie between 0 and 1, as of phastCons"
                )
            destination[start:end] = np.rint(255 * values)
        destination[own:] = destination[: len(destination) - own]
