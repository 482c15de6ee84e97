"""Stored and derived columns of one contig of a dataset, by interval or row group by row group."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from glmtracks.genome import UNKNOWN, encode
from glmtracks.tracks.dataset import open_contig
from glmtracks.tracks.derived import DERIVED, FLANK, derive, sources

if TYPE_CHECKING:
    from glmtracks.tracks.calibration import Calibration

NEIGHBOURS = 4  # row groups whose reference bases are kept: one, those beside it, and the next to come


class ContigScores:
    """Reads columns of one contig, the derived ones computed; memory does not grow with the contig.

    Args:
        dataset: folder of `glmtracks.tracks.write_dataset`.
        contig: its name.
        columns: start, ref, stored and derived tracks, in the order wanted.
        calibration: that of the dataset, for the columns that need one.

    Raises:
        InputError: the dataset has no such contig.
    """

    def __init__(
        self,
        dataset: str | Path,
        contig: str,
        columns: Sequence[str],
        calibration: "Calibration | None" = None,
    ):
        self._file = open_contig(dataset, contig)
        self.columns, self._calibration = list(columns), calibration
        self._derived = [column for column in dict.fromkeys(columns) if column in DERIVED]
        needed = {*columns, *sources(self._derived)}
        self._stored = [name for name in self._file.schema_arrow.names if name in needed]
        self.length = self._file.metadata.num_rows
        self._group_rows = self._file.metadata.row_group(0).num_rows  # of all groups but the last
        self._group_codes = lru_cache(maxsize=NEIGHBOURS)(self._read_codes)

    def rows(self, start: int, end: int) -> pa.Table:
        """The columns of an interval, 0-based half-open and inside the contig."""
        groups = self._groups(start, end)
        table = self._file.read_row_groups(groups, columns=self._stored)
        table = table.slice(start - groups.start * self._group_rows, end - start)
        if self._derived:
            stored = {name: table[name].to_numpy() for name in sources(self._derived)}
            codes = self.codes(start - FLANK, end + FLANK)
            for column in self._derived:
                values = derive(column, stored, codes, self._calibration)
                table = table.append_column(column, pa.array(values, from_pandas=True))
        return table.select(self.columns)

    def __iter__(self) -> Iterator[tuple[int, pa.Table]]:
        """(0-based position of the first row, columns) of each row group."""
        for start in range(0, self.length, self._group_rows):
            yield start, self.rows(start, min(start + self._group_rows, self.length))

    def codes(self, start: int, end: int) -> np.ndarray:
        """The reference bases of an interval, uint8 (end - start,); UNKNOWN past the ends of the contig."""
        found = np.full(end - start, UNKNOWN, dtype=np.uint8)
        first, last = max(start, 0), min(end, self.length)
        for group in self._groups(first, last):
            codes, begin = self._group_codes(group), group * self._group_rows
            low, high = max(first, begin), min(last, begin + len(codes))
            found[low - start : high - start] = codes[low - begin : high - begin]
        return found

    def _groups(self, start: int, end: int) -> range:
        return range(start // self._group_rows, -(-end // self._group_rows))

    def _read_codes(self, group: int) -> np.ndarray:
        letters = self._file.read_row_group(group, columns=["ref"])["ref"].combine_chunks()
        return encode("".join(letters.dictionary.to_pylist()))[letters.indices.to_numpy()]
