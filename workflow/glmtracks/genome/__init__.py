"""Bases as numbers, and random access to a genome's bases."""

import os
from functools import cached_property
from pathlib import Path

import numpy as np
import pysam
from numpy.lib.stride_tricks import sliding_window_view

from glmtracks.arrays import grouped
from glmtracks.errors import InputError
from glmtracks.genome.contigs import ContigNames, read_aliases
from glmtracks.genome.fasta import normalise

__all__ = [
    "BASES",
    "UNKNOWN",
    "ContigNames",
    "Genome",
    "complement",
    "decode",
    "encode",
    "normalise",
    "read_aliases",
    "reverse_complement",
]

BASES = "ACGT"
UNKNOWN = 4

_STRETCH = 1 << 20  # bases fetched at once for many windows, so that windows far apart do not pull in a chromosome

_CODE = np.full(256, UNKNOWN, dtype=np.uint8)
for _code, _letters in enumerate(("Aa", "Cc", "Gg", "TtUu")):
    _CODE[[ord(letter) for letter in _letters]] = _code
_LETTER = np.frombuffer(b"ACGTN", dtype=np.uint8)
_COMPLEMENT = np.array([3, 2, 1, 0, UNKNOWN], dtype=np.uint8)


def encode(sequence: bytes | str) -> np.ndarray:
    """Codes of a sequence: A, C, G, T in either case, U as T, to 0..3 and everything else to 4.

    >>> encode("acgTUN").tolist()
    [0, 1, 2, 3, 3, 4]

    Args:
        sequence: L characters, ASCII.

    Returns:
        uint8, shape (L,).
    """
    if isinstance(sequence, str):
        sequence = sequence.encode("ascii")
    return _CODE[np.frombuffer(sequence, dtype=np.uint8)]


def decode(codes: np.ndarray) -> str:
    """The sequence, in capitals and with N for 4, of codes of shape (L,) and any integer dtype."""
    return _LETTER[codes].tobytes().decode("ascii")


def complement(codes: np.ndarray) -> np.ndarray:
    """The complementary base of every code (0..4, integer dtype, any shape): uint8 of the same shape, 4 stays 4."""
    return _COMPLEMENT[codes]


def reverse_complement(codes: np.ndarray) -> np.ndarray:
    """The other strand, read in its own direction, along the last axis: uint8 of the same shape."""
    return complement(codes[..., ::-1])


class Genome:
    """A genome normalised by `normalise`: bgzip FASTA with .fai, .gzi and .circular beside it.

    Opened on first use, and again in every process that uses it, so that it can be pickled and survives a fork; not
    for threads, which would share one file position.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self._opened: tuple[int, pysam.FastaFile] | None = None

    def __getstate__(self) -> dict:
        return {"path": self.path, "_opened": None}

    @property
    def _file(self) -> pysam.FastaFile:
        if self._opened is None or self._opened[0] != os.getpid():
            if not self.path.is_file():
                raise InputError(f"{self.path} does not exist; give the path of a genome in FASTA.")
            self._opened = os.getpid(), pysam.FastaFile(str(self.path))
        return self._opened[1]

    @cached_property
    def contigs(self) -> dict[str, int]:
        """Length in bases of every contig, in the order of the file."""
        return dict(zip(self._file.references, self._file.lengths, strict=True))

    @cached_property
    def circular(self) -> frozenset[str]:
        """Names of the contigs whose last base is followed by their first; none where no .circular stands beside."""
        names = Path(f"{self.path}.circular")
        return frozenset(names.read_text(encoding="utf-8").splitlines()) if names.exists() else frozenset()

    @property
    def size(self) -> int:
        """Bases of all contigs together."""
        return sum(self.contigs.values())

    def codes(self, contig: str, start: int, end: int, *, wrap: bool = True) -> np.ndarray:
        """Codes of an interval, 0-based half-open.

        Positions before the contig's start or past its end are UNKNOWN, so a window may hang over an edge. Circular
        contigs go on there, round and round, unless `wrap` is false.

        Returns:
            uint8, shape (end - start,).

        Raises:
            KeyError: the genome has no such contig.
        """
        length = self._length(contig)
        if wrap and contig in self.circular and not 0 <= start <= end <= length:
            laps = range(start // length, -(-end // length))
            parts = [self.codes(contig, max(start - n * length, 0), min(end - n * length, length)) for n in laps]
            return np.concatenate([np.zeros(0, dtype=np.uint8), *parts])
        codes = np.full(end - start, UNKNOWN, dtype=np.uint8)
        first, last = max(start, 0), min(end, length)
        if first < last:
            codes[first - start : last - start] = encode(self._fetch(contig, first, last))
        return codes

    def windows(self, contig: str, starts: np.ndarray, length: int, *, wrap: bool = True) -> np.ndarray:
        """Codes of many windows of one length, each as `codes` gives it.

        Args:
            starts: int64 (n,), 0-based, in any order; windows may overlap and hang over the contig's edges.

        Returns:
            uint8, shape (n, length).
        """
        found = np.empty((len(starts), length), dtype=np.uint8)
        for _, rows in grouped(starts // _STRETCH):
            first, last = int(starts[rows].min()), int(starts[rows].max())
            stretch = self.codes(contig, first, last + length, wrap=wrap)
            found[rows] = sliding_window_view(stretch, length)[starts[rows] - first]
        return found

    def sequence(self, contig: str, start: int, end: int) -> str:
        """The letters of an interval, 0-based half-open and inside the contig, in the case of the file.

        Raises:
            KeyError: the genome has no such contig.
            ValueError: the interval is not inside the contig.
        """
        if not 0 <= start <= end <= self._length(contig):
            raise ValueError(f"{contig}:{start}-{end} (0-based) is not inside {contig}, {self._length(contig)} bases")
        return self._fetch(contig, start, end) if start < end else ""

    def _fetch(self, contig: str, start: int, end: int) -> str:
        """Bases as they stand there; htslib compares each block with its checksum."""
        try:
            found = self._file.fetch(contig, start, end)
        except (OSError, ValueError) as error:
            raise self._damaged(contig) from error
        if len(found) != end - start:
            raise self._damaged(contig)
        return found

    def _damaged(self, contig: str) -> InputError:
        return InputError(f"{self.path} is damaged or cut off where {contig} stands; delete it and run again")

    def _length(self, contig: str) -> int:
        if contig not in self.contigs:
            raise KeyError(f"{contig} is not a contig of {self.path}")
        return self.contigs[contig]
