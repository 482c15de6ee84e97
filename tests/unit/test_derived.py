"""Columns computed from stored ones, against the definition base by base, also across row groups and at contig ends."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax

from glmtracks import tracks
from glmtracks.genome import UNKNOWN, decode
from glmtracks.track_names import BIGWIG_TRACKS, LLR_COLUMNS, LOGO_TRACKS
from glmtracks.tracks.contig_scores import ContigScores
from glmtracks.tracks.derived import context_numbers
from glmtracks.tracks.shards import ROWS_PER_GROUP

SIZE = ROWS_PER_GROUP + 1  # the second row group is shorter than a context


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> tuple[Path, np.ndarray]:
    folder, rng = tmp_path_factory.mktemp("derived"), np.random.default_rng(0)
    codes = rng.integers(0, 4, SIZE).astype(np.uint8)
    codes[rng.random(SIZE) < 0.01] = UNKNOWN
    codes[-1] = 2
    with tracks.ScoresWriter(folder / "s.parquet", {"model": "random"}) as writer:
        writer.write("chr1", 0, codes, log_softmax(rng.normal(0, 2, (SIZE, 4)), axis=1))
    tracks.write_dataset([folder / "s.parquet"], {"chr1": SIZE}, folder / "scores")
    return folder / "scores", codes


def test_a_column_that_is_asked_for_twice_comes_twice(dataset):
    frame = tracks.read(dataset[0], "chr1:1-9", ["llr_min", "llr_A", "llr_min", "llr_A"])
    assert list(frame.columns[2:]) == ["llr_min", "llr_A"] * 2


def test_summaries_leave_the_reference_out(dataset):
    folder, codes = dataset
    frame = tracks.read(folder, "chr1:1-3000", [*LLR_COLUMNS, "llr_min", "llr_mean"])
    for row, code in zip(frame.itertuples(), codes, strict=False):
        alternatives = [getattr(row, name) for alt, name in enumerate(LLR_COLUMNS) if alt != code]
        if code == UNKNOWN:
            assert np.isnan([row.llr_min, row.llr_mean]).all()
        else:
            assert row.llr_min == min(alternatives)
            assert row.llr_mean == pytest.approx(np.mean(alternatives), abs=0.0006)


def test_letters_of_the_logo_are_as_high_as_the_information(dataset):
    frame = tracks.read(dataset[0], None, [*LLR_COLUMNS, "entropy", *LOGO_TRACKS])
    expected = np.exp(tracks.log_probs(frame)) * (2 - frame["entropy"].to_numpy()[:, None])
    found = frame[list(LOGO_TRACKS)].to_numpy()
    assert np.allclose(found, expected, atol=0.0006, equal_nan=True)
    assert np.allclose(found.sum(axis=1), 2 - frame["entropy"], atol=0.003, equal_nan=True)


@given(st.data())
def test_a_region_has_the_values_of_the_whole(dataset, data):
    start = data.draw(st.one_of(st.integers(0, SIZE - 1), st.integers(ROWS_PER_GROUP - 5, SIZE - 1)))
    end = data.draw(st.integers(start + 1, min(start + 50, SIZE)))
    columns = [*BIGWIG_TRACKS[4:], "ref"]
    whole, part = tracks.read(dataset[0], None, columns), tracks.read(dataset[0], ("chr1", start, end), columns)
    assert whole.iloc[start:end].reset_index(drop=True).equals(part)


def test_reference_bases_go_on_across_row_groups_and_stop_at_the_ends(dataset):
    folder, codes = dataset
    reader = ContigScores(folder, "chr1", ["ref"])
    padded = np.concatenate([np.full(3, UNKNOWN), codes, np.full(3, UNKNOWN)])
    for start in (-3, 0, ROWS_PER_GROUP - 3, ROWS_PER_GROUP - 1, SIZE - 2):
        end = min(start + 6, SIZE + 3)
        assert reader.codes(start, end).tolist() == padded[start + 3 : end + 3].tolist()
    assert np.concatenate([reader.codes(begin, begin + table.num_rows) for begin, table in reader]).tolist() == list(
        codes
    )


@given(st.lists(st.integers(0, UNKNOWN), min_size=5, max_size=12))
def test_contexts_are_numbered_in_alphabetical_order(codes):
    found = context_numbers(np.array(codes, np.uint8))
    letters = decode(np.array(codes))
    assert found.tolist() == [
        int("".join(str("ACGTN".index(base)) for base in letters[i : i + 5]), 5) for i in range(len(codes) - 4)
    ]
