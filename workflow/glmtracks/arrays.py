"""Operations on arrays that NumPy lacks: rows by key, runs, and sequences of different lengths in one array."""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple, Self

import numpy as np
import pyarrow as pa

AT_ONCE = 1 << 20  # symbols of sequences that are looked at, each with the numbers of its row and place


def grouped(keys: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield every distinct key of an integer array (n,) with the rows that have it, int64."""
    order = np.argsort(keys, kind="stable")
    values, begins = np.unique(keys[order], return_index=True)
    yield from zip(values.tolist(), np.split(order, begins[1:]), strict=True) if len(keys) else ()


def in_batches(rows: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """Yield an array in pieces of `size`, at least 1; the last one may be shorter."""
    size = max(size, 1)
    yield from (rows[first : first + size] for first in range(0, len(rows), size))


def in_portions(weights: np.ndarray, most: int) -> Iterator[slice]:
    """Yield consecutive stretches of rows whose weights, integer (n,), sum to about `most`.

    None holds more than `most` and the weight of one row beside.
    """
    before = np.cumsum(weights) - weights
    edges = np.flatnonzero(np.diff(before // most)) + 1
    yield from (slice(first, last) for first, last in pairwise([0, *edges.tolist(), len(weights)]))


class Runs:
    """Runs of true values in an array that comes in pieces."""

    def __init__(self):
        self._changes: list[np.ndarray] = []
        self._length, self._last = 0, False

    def add(self, values: np.ndarray) -> None:
        self._changes.append(np.flatnonzero(np.diff(values, prepend=self._last)) + self._length)
        self._length, self._last = self._length + len(values), values[-1]

    def edges(self) -> tuple[np.ndarray, np.ndarray]:
        """Starts and ends, int64 (n,), 0-based, half-open."""
        changes = np.concatenate([np.zeros(0, dtype=np.int64), *self._changes])
        changes = np.append(changes, self._length) if self._last else changes
        return changes[::2], changes[1::2]


class Sequences(NamedTuple):
    """n stretches of one array of letters or codes.

    Attributes:
        symbols: uint8, any length.
        begins, lengths: int64 (n,), where each sequence stands in `symbols`.
    """

    symbols: np.ndarray
    begins: np.ndarray
    lengths: np.ndarray

    @classmethod
    def of(cls, texts: pa.StringArray) -> Self:
        """The letters of texts (ASCII, without nulls), not copied."""
        _, offsets, data = texts.buffers()
        bounds = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1].astype(np.int64)
        return cls(np.frombuffer(data or b"", np.uint8), bounds[:-1], np.diff(bounds))

    def take(self, rows: np.ndarray) -> Self:
        """The sequences of some rows (index or mask)."""
        return self._replace(begins=self.begins[rows], lengths=self.lengths[rows])

    def trim(self, front: np.ndarray, back: np.ndarray) -> Self:
        """The sequences without `front` symbols at their beginning and `back` at their end, integer (n,)."""
        return self._replace(begins=self.begins + front, lengths=self.lengths - front - back)

    def index(self) -> np.ndarray:
        """Where the symbols of all sequences, one after the other, stand in `symbols`: int64 (sum of lengths,)."""
        before = np.cumsum(self.lengths) - self.lengths
        return np.repeat(self.begins - before, self.lengths) + np.arange(self.lengths.sum())

    def joined(self) -> np.ndarray:
        """The symbols of all sequences, one sequence after the other."""
        return self.symbols[self.index()]

    def any_of(self, flags: np.ndarray) -> np.ndarray:
        """Which sequences have a true flag: bool (n,), from bool (sum of lengths,), one flag for each joined symbol."""
        row = np.repeat(np.arange(len(self.lengths)), self.lengths)
        return np.bincount(row[flags], minlength=len(self.lengths)) > 0


def texts_of(letters: np.ndarray, lengths: np.ndarray) -> pa.StringArray:
    """Texts of `lengths` (n,) from their letters one after the other, uint8 ASCII."""
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pa.StringArray.from_buffers(len(lengths), pa.py_buffer(offsets), pa.py_buffer(letters.tobytes()))


def common_ends(first: Sequences, second: Sequences) -> tuple[np.ndarray, np.ndarray]:
    """How many symbols pairs of sequences share at their ends, as (front, back), int64 (n,) each.

    The back comes first: what it takes is not counted at the front, so `front + back` never exceeds the shorter one.
    """
    limit = np.minimum(first.lengths, second.lengths)
    back = _agreement(*(s._replace(begins=s.begins + s.lengths - 1) for s in (first, second)), limit, -1)
    return _agreement(first, second, limit - back, 1), back


def _agreement(first: Sequences, second: Sequences, limit: np.ndarray, step: int) -> np.ndarray:
    """How many symbols agree in a row from `begins` on, in the direction `step`, at most `limit` (n,)."""
    found = limit.copy()
    for some in in_portions(limit, AT_ONCE):
        here = limit[some]
        row = np.repeat(np.arange(len(here)) + some.start, here)
        place = np.arange(len(row)) - np.repeat(np.cumsum(here) - here, here)
        left, right = (s.symbols[s.begins[row] + step * place] for s in (first, second))
        differ = np.flatnonzero(left != right)
        rows, at = np.unique(row[differ], return_index=True)
        found[rows] = place[differ[at]]
    return found
