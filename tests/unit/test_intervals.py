"""Interval operations agree with the same operation done base by base."""

import tracemalloc

import bioframe
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glmtracks.intervals import (
    COLUMNS,
    by_contig,
    covered_by,
    first_cover,
    in_genome_order,
    intersect,
    locate,
    merge,
    paint,
    subtract,
    tile,
    unwrap,
    wrap,
)

SIZE = 30

spans = st.tuples(st.integers(0, SIZE - 1), st.integers(1, 12)).map(lambda span: (span[0], min(sum(span), SIZE)))


def table(intervals, contig="c"):
    frame = pd.DataFrame(intervals, columns=["start", "end"]).astype(np.int64)
    frame.insert(0, "contig", pd.Series([contig] * len(frame), dtype="str"))
    return frame


def bases(intervals):
    mask = np.zeros(SIZE, dtype=bool)
    for start, end in intervals[["start", "end"]].itertuples(index=False):
        mask[start:end] = True
    return mask


def covered(intervals, contig, start, end):
    here = by_contig(merge(intervals)).get(contig, 2 * (np.zeros(0, dtype=np.int64),))
    return covered_by(*here, start, end)


def test_tiling_covers_each_contig_once():
    assert tile({"b": 3, "a": 5}).to_numpy().tolist() == [["b", 0, 3], ["a", 0, 5]]


@settings(max_examples=30, deadline=None)
@given(st.lists(spans, max_size=6))
def test_merged_intervals_are_the_same_bases_and_neither_overlap_nor_touch(intervals):
    merged = merge(table(intervals))
    assert (bases(merged) == bases(table(intervals))).all()
    assert (merged["start"].to_numpy()[1:] > merged["end"].to_numpy()[:-1]).all()


several = st.lists(st.tuples(st.sampled_from("bac"), st.integers(-5, SIZE), st.integers(1, 12)), min_size=1, max_size=9)


@settings(max_examples=50, deadline=None)
@given(several, several)
def test_contigs_are_apart_as_they_are_to_bioframe(intervals, others):
    """Also before the first base, where flanks of intervals may begin; bioframe takes -1 for no number."""
    mine, theirs = (
        pd.DataFrame([(contig, start, start + size) for contig, start, size in rows], columns=COLUMNS)
        for rows in (intervals, others)
    )
    found = [merge(mine), subtract(mine, theirs), intersect(mine, theirs)]
    mine[["start", "end"]] += SIZE
    theirs[["start", "end"]] += SIZE
    names = {"cols1": COLUMNS, "cols2": COLUMNS}
    both = bioframe.overlap(mine, theirs, how="inner", return_overlap=True, **names)
    expected = [
        bioframe.merge(mine, min_dist=0, cols=COLUMNS)[COLUMNS],
        bioframe.subtract(mine, theirs, **names)[COLUMNS],
        both[["contig", "overlap_start", "overlap_end"]].set_axis(COLUMNS, axis=1),
    ]
    for ours, table in zip(found, expected, strict=True):
        rows = [[contig, start - SIZE, end - SIZE] for contig, start, end in table.itertuples(index=False)]
        assert sorted(ours[COLUMNS].to_numpy().tolist()) == sorted(rows)


@settings(max_examples=30, deadline=None)
@given(st.lists(spans, max_size=5), st.lists(spans, max_size=5))
def test_subtraction_leaves_the_other_bases(intervals, others):
    left = subtract(table(intervals), table(others))
    assert (bases(left) == (bases(table(intervals)) & ~bases(table(others)))).all()


def test_contigs_are_kept_apart():
    both = pd.concat([table([(0, 5)], "a"), table([(3, 9)], "b")])
    assert merge(both).to_numpy().tolist() == [["a", 0, 5], ["b", 3, 9]]
    assert subtract(both, table([(0, 9)], "b")).to_numpy().tolist() == [["a", 0, 5]]
    assert covered(both, "b", 2, 5).tolist() == [False, True, True]


@given(st.lists(spans, max_size=6), spans)
def test_covered_is_membership_base_by_base(intervals, window):
    start, end = window
    assert (covered(table(intervals), "c", start, end) == bases(table(intervals))[start:end]).all()


def test_what_is_covered_costs_no_memory_for_intervals_elsewhere():
    starts = 10 * np.arange(1_000_000)
    ends = starts + 5
    tracemalloc.start()
    found = covered_by(starts, ends, 7_000_003, 7_000_012)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.tolist() == 2 * [True] + 5 * [False] + 2 * [True] and peak < 100_000


def test_locate_finds_the_interval_of_a_position_or_none():
    starts, ends = np.array([2, 5, 9]), np.array([4, 9, 10])
    assert locate(starts, ends, np.array([[1, 2], [3, 4], [8, 9], [10, 99]])).tolist() == [
        [-1, 0],
        [0, -1],
        [1, 2],
        [-1, -1],
    ]
    assert locate(starts[:0], ends[:0], np.array([3])).tolist() == [-1]


@given(st.lists(spans, max_size=20))
def test_painting_gives_every_cell_to_the_first_interval_that_covers_it(intervals):
    first, last = np.array(intervals, dtype=np.int64).reshape(-1, 2).T
    expected = [
        next((i for i, (a, b) in enumerate(intervals) if a <= cell < b), len(intervals)) for cell in range(SIZE)
    ]
    assert first_cover(first, last, SIZE).tolist() == expected
    borders, owners = paint(first, last, 4, SIZE - 5)
    assert np.repeat(owners, np.diff(borders)).tolist() == expected[4 : SIZE - 5]
    assert (np.diff(borders) > 0).all()


@pytest.mark.parametrize("start", [0, 95, 130])
def test_a_feature_on_a_circle_is_cut_at_the_origin_and_found_again(start):
    """Unwrapping restores what wrapping cut; a transcript on a line is left alone."""
    contigs = {"circle": 100}
    line = pd.DataFrame({"contig": ["circle"], "start": [start], "end": [start + 20], "transcript": ["T"]})
    pieces = wrap(line, contigs)
    assert ((pieces["start"] >= 0) & (pieces["end"] <= 100)).all()
    assert (pieces["end"] - pieces["start"]).sum() == 20
    starts, ends = unwrap(pieces, contigs)
    assert (starts[1:] == ends[:-1]).all() and starts[0] == start % 100


@given(st.lists(st.tuples(st.integers(0, 90), st.integers(1, 30)), max_size=8), st.integers(1, 40))
def test_parts_in_others_are_found_whatever_the_others_rows_are_called(places, size):
    contigs = {"a": 100, "b": 60}
    others = pd.DataFrame([("b", 0, 60), *(("a", s, min(s + n, 100)) for s, n in places)], columns=COLUMNS)
    others = others[others["contig"] == "a"]  # as of a larger table
    tiles = pd.concat([tile(contigs).assign(number=0), tile({"a": size}).assign(number=1)], ignore_index=True)
    parts = intersect(tiles, others)
    for number, length in ((0, 100), (1, size)):
        found = covered(parts[parts["number"] == number], "a", 0, 100)
        assert (found == (covered(others, "a", 0, 100) & (np.arange(100) < length))).all()
    assert not (parts["contig"] == "b").any()


def test_contigs_come_as_in_the_genome_and_not_by_name():
    rows = pd.DataFrame({"contig": ["c10", "c2", "c2"], "start": [0, 9, 3], "end": [5, 12, 6]})
    ordered = in_genome_order(rows, ["c2", "c2", "c10"])
    assert ordered.to_numpy().tolist() == [["c2", 3, 6], ["c2", 9, 12], ["c10", 0, 5]]
