"""Sets of genomic intervals: what our steps need beside bioframe, and bioframe under our column names.

An interval is a row of a DataFrame with the columns contig, start, end; 0-based, half-open.

bioframe brings matplotlib along, so it is imported only by the functions that call it.
"""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

COLUMNS = ["contig", "start", "end"]


def tile(contigs: Mapping[str, int]) -> pd.DataFrame:
    """One interval for every contig, whole: contig (string), start, end (int64)."""
    names, lengths = list(contigs), np.fromiter(contigs.values(), dtype=np.int64, count=len(contigs))
    return pd.DataFrame({"contig": pd.array(names, dtype="str"), "start": np.zeros_like(lengths), "end": lengths})


def merge(intervals: pd.DataFrame) -> pd.DataFrame:
    """The union of the intervals: overlapping and touching ones become one; sorted by contig name, then start."""
    if intervals.empty:  # which bioframe cannot merge
        return intervals[COLUMNS]
    import bioframe

    line = _Line(intervals)
    return line.back(bioframe.merge(line.put(intervals), min_dist=0, cols=COLUMNS))


def subtract(intervals: pd.DataFrame, others: pd.DataFrame) -> pd.DataFrame:
    """What is left of each interval where no interval of `others` lies; sorted by contig name, then start."""
    if intervals.empty or others.empty:  # bioframe needs both
        return intervals[COLUMNS].sort_values(COLUMNS, ignore_index=True)
    import bioframe

    line = _Line(intervals, others)
    return line.back(bioframe.subtract(line.put(intervals), line.put(others), cols1=COLUMNS, cols2=COLUMNS))


def intersect(intervals: pd.DataFrame, others: pd.DataFrame) -> pd.DataFrame:
    """The parts of each interval that lie in an interval of `others`, with all its columns; in the order of both."""
    if intervals.empty or others.empty:  # bioframe needs both
        return intervals.iloc[:0]
    import bioframe

    line = _Line(intervals, others)
    found = bioframe.overlap(
        *(line.put(intervals), line.put(others)),
        **{"how": "inner", "return_index": True, "return_input": False, "cols1": COLUMNS, "cols2": COLUMNS},
    )
    found = found.sort_values(["index", "index_"], ignore_index=True).astype(np.int64)
    parts = intervals.iloc[found["index"]].reset_index(drop=True).astype({"contig": "str"})
    other = others.iloc[found["index_"]].reset_index(drop=True)
    return parts.assign(start=np.maximum(parts["start"], other["start"]), end=np.minimum(parts["end"], other["end"]))


class _Line:
    """All contigs of some tables one behind another: bioframe takes 10 ms for each, and a draft has thousands."""

    def __init__(self, *tables: pd.DataFrame):
        self._names = np.unique(np.concatenate([table["contig"].astype("str").unique() for table in tables]))
        self._first = min(table["start"].min() for table in tables)
        # One base more than the longest, so that what lies on different contigs does not touch
        self._length = max(table["end"].max() for table in tables) - self._first + 1

    def put(self, table: pd.DataFrame) -> pd.DataFrame:
        """The intervals of a table in its order, with new row numbers."""
        numbers = pd.Index(self._names).get_indexer(table["contig"].astype("str"))
        shift = numbers * self._length - self._first
        columns = {"contig": "", "start": table["start"].to_numpy() + shift, "end": table["end"].to_numpy() + shift}
        return pd.DataFrame(columns, columns=COLUMNS)

    def back(self, table: pd.DataFrame) -> pd.DataFrame:
        """Intervals on the line as those of contigs, sorted by contig name, then start."""
        table = table[COLUMNS].astype({"start": np.int64, "end": np.int64}).sort_values(COLUMNS, ignore_index=True)
        numbers = table["start"] // self._length
        shift = numbers * self._length - self._first
        names = pd.array(self._names[numbers], dtype="str")
        return table.assign(contig=names, start=table["start"] - shift, end=table["end"] - shift)


def in_genome_order(intervals: pd.DataFrame, contigs: Iterable[str]) -> pd.DataFrame:
    """The intervals in the order of the contigs, which stand there once or more, then of their starts."""
    rank = {name: rank for rank, name in enumerate(dict.fromkeys(contigs))}
    return intervals.sort_values(
        ["contig", "start"], key=lambda c: c.map(rank) if c.name == "contig" else c, ignore_index=True
    )


def by_contig(intervals: pd.DataFrame) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Starts and ends, int64 (n,) each, of intervals that are sorted and do not overlap, contig by contig."""
    groups = intervals.groupby("contig", observed=True, sort=False)
    return {str(contig): (rows["start"].to_numpy(), rows["end"].to_numpy()) for contig, rows in groups}


def covered_by(starts: np.ndarray, ends: np.ndarray, start: int, end: int) -> np.ndarray:
    """Whether each position from start to end - 1 lies in one of the intervals of its contig, bool (end - start,).

    Only the intervals that reach there are looked at, however many the contig has.

    Args:
        starts, ends: as `by_contig` gives them.
    """
    here = slice(np.searchsorted(ends, start, side="right"), np.searchsorted(starts, end))
    change = np.zeros(end - start + 1, dtype=np.int32)
    np.add.at(change, np.maximum(starts[here] - start, 0), 1)
    np.add.at(change, np.minimum(ends[here], end) - start, -1)
    return np.cumsum(change[:-1]) > 0


def locate(starts: np.ndarray, ends: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Index of the interval that holds each position, -1 where none does.

    Args:
        starts, ends: integers, shape (n,), of intervals of one contig that are sorted and do not overlap.
        positions: integers, any shape.

    Returns:
        int64, the shape of positions.
    """
    index = np.searchsorted(starts, positions, side="right") - 1
    inside = (index >= 0) & (positions < np.take(np.append(ends, 0), index))
    return np.where(inside, index, -1)


def first_cover(first: np.ndarray, last: np.ndarray, cells: int) -> np.ndarray:
    """For each of `cells` consecutive cells the smallest index i with first[i] <= cell < last[i].

    Painting by priority: order the intervals from the most to the least important. Works in O((n + cells) log cells)
    however the intervals are nested: each is the union of two blocks of 2**k cells, which are halved level by level
    (a sparse table for range minima, filled backwards).

    Args:
        first, last: integers, shape (n,).

    Returns:
        int64, shape (cells,); n where no interval covers the cell.
    """
    nothing = len(first)
    index = np.flatnonzero(last > first)
    first, last = first[index], last[index]
    level = np.frexp((last - first).astype(np.float64))[1] - 1
    table = np.full(cells, nothing, dtype=np.int64)
    for k in range(level.max(initial=0), -1, -1):
        if k + 1 <= level.max(initial=0):
            lower = table.copy()
            np.minimum(lower[1 << k :], table[: max(cells - (1 << k), 0)], out=lower[1 << k :])
            table = lower
        here = level == k
        np.minimum.at(table, first[here], index[here])
        np.minimum.at(table, last[here] - (1 << k), index[here])
    return table


def sorted_unique(values: np.ndarray) -> np.ndarray:
    """The distinct values, ascending, shape (m,); by sorting, which for many integers beats the hashing of NumPy."""
    values = np.sort(values)
    return values[np.append(True, values[1:] != values[:-1])[: len(values)]]


def paint(starts: np.ndarray, ends: np.ndarray, start: int, end: int) -> tuple[np.ndarray, np.ndarray]:
    """Divide [start, end) at the borders of the intervals and say which interval, by lowest index, owns each piece.

    Args:
        starts, ends: integers, shape (n,), on one axis; in order of priority; parts outside [start, end) are ignored.

    Returns:
        borders int64, shape (m + 1,), ascending from start to end; owners int64, shape (m,): index, n for none.
    """
    starts, ends = np.clip(starts, start, end), np.clip(ends, start, end)
    borders = sorted_unique(np.concatenate([[start, end], starts, ends]).astype(np.int64))
    owners = first_cover(np.searchsorted(borders, starts), np.searchsorted(borders, ends), len(borders) - 1)
    return borders, owners


def transcript_runs(features: pd.DataFrame) -> np.ndarray:
    """Number of each row's transcript, 0, 1, …: int64, shape (n,); the rows of a transcript are consecutive."""
    new = features[["contig", "transcript"]].ne(features[["contig", "transcript"]].shift()).any(axis=1)
    return np.cumsum(new.to_numpy()) - 1


def unwrap(features: pd.DataFrame, contigs: Mapping[str, int]) -> tuple[np.ndarray, np.ndarray]:
    """Start and end of features on a line, for transcripts that cross the origin of a circular contig.

    Args:
        features: rows of a transcript consecutive and in the order of the plus strand (see `annotation`), so that a
            start smaller than the one before it tells that the origin was passed.
        contigs: lengths.

    Returns:
        two int64 arrays of shape (n,): start and end, plus the contig's length for rows beyond the origin.
    """
    start, end = features["start"].to_numpy(), features["end"].to_numpy()
    run = transcript_runs(features)
    back = np.diff(start, prepend=start[:1]) < 0
    passed = np.cumsum(back & (np.diff(run, prepend=-1) == 0))
    at_first_row = passed[np.searchsorted(run, run)]
    shift = np.where(passed > at_first_row, features["contig"].map(contigs).to_numpy(dtype=np.int64), 0)
    return start + shift, end + shift


def wrap(intervals: pd.DataFrame, contigs: Mapping[str, int]) -> pd.DataFrame:
    """Intervals that end beyond the end of a circular contig, cut there and continued at its start.

    Args:
        intervals: contig, start, end (end at most twice the length of the contig) and any other columns.
        contigs: lengths.

    Returns:
        the same columns; a cut interval is two rows, the second appended at the end with the index of the first.
    """
    length = intervals["contig"].map(contigs).to_numpy(dtype=np.int64)
    start, end = intervals["start"].to_numpy(), intervals["end"].to_numpy()
    beyond = start >= length
    whole = intervals.assign(
        start=np.where(beyond, start - length, start),
        end=np.where(beyond, end - length, np.minimum(end, length)),
    )
    cut = ~beyond & (end > length)
    rest = intervals[cut].assign(start=0, end=end[cut] - length[cut])
    return pd.concat([whole, rest]) if cut.any() else whole
