"""Every base belongs to one part, and parts keep their distance."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glmtracks.errors import InputError
from glmtracks.split import make_split, read_split, split_genome

DRAWN = {"unit": "auto", "test": 0.2, "validation": 0.1, "block": 5000, "gap": 600, "seed": 1}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(1, 60_000), min_size=4, max_size=30),
    st.sampled_from(["auto", "contig", "block"]),
    st.integers(0, 5),
)
def test_a_split_tiles_the_genome_and_parts_keep_their_distance(lengths, unit, seed):
    contigs = {f"c{n}": length for n, length in enumerate(lengths)}
    split = make_split(contigs, **DRAWN | {"unit": unit, "seed": seed})
    for contig, length in contigs.items():
        rows = split[split["contig"] == contig]
        edges = np.concatenate([[0], np.repeat(rows["end"].to_numpy()[:-1], 1), [length]])
        assert rows["start"].tolist() == edges[:-1].tolist()
        assert rows["end"].iloc[-1] == length
        kept = rows[rows["split"] != "gap"]
        different = (kept["split"] != kept["split"].shift()).to_numpy()[1:]
        distance = (kept["start"].to_numpy()[1:] - kept["end"].to_numpy()[:-1])[different]
        assert (distance >= 600).all()
    assert list(dict.fromkeys(split["contig"])) == list(contigs)
    assert {"train", "test", "validation"} <= set(split["split"])


def test_named_contigs_go_where_the_sheet_says():
    split = make_split(
        {"chrI": 100, "chrII": 200, "chrIII": 300}, **DRAWN, test_contigs="^chrI$", validation_contigs="^chrII$"
    )
    assert dict(zip(split["contig"], split["split"], strict=True)) == {
        "chrI": "test",
        "chrII": "validation",
        "chrIII": "train",
    }


def test_one_circular_chromosome_is_cut_into_blocks():
    split = make_split({"chromosome": 4_600_000}, **DRAWN)
    bases = (split["end"] - split["start"]).groupby(split["split"]).sum() / 4_600_000
    assert bases["test"] == pytest.approx(0.2, abs=0.05)
    assert bases["validation"] == pytest.approx(0.1, abs=0.05)


def test_the_seed_decides():
    contigs = {f"c{n}": 10_000 for n in range(40)}
    one, same, other = (make_split(contigs, **DRAWN | {"seed": seed}) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(one, same)
    assert not one.equals(other)


def test_a_pattern_without_contigs_and_a_genome_too_small_are_errors():
    with pytest.raises(InputError, match=r"no contig matches the pattern 'chrX' for test; there are c"):
        make_split({"c": 100}, **DRAWN, test_contigs="chrX")
    with pytest.raises(InputError, match=r"only 1 piece\(s\) to divide"):
        make_split({"c": 1000}, **DRAWN)


def test_patterns_that_take_all_contigs_leave_nothing_to_draw():
    split = make_split({"chrM": 16_569}, **DRAWN, test_contigs="^chrM$")
    assert split["split"].tolist() == ["test"]


@settings(max_examples=40, deadline=None)
@given(st.integers(20_000, 200_000), st.integers(0, 20))
def test_parts_keep_their_distance_over_the_origin_of_a_circle(length, seed):
    split = make_split({"c": length}, **DRAWN | {"seed": seed}, circular={"c"})
    assert split["start"].tolist() == [0, *split["end"][:-1]] and split["end"].iloc[-1] == length
    kept = split[split["split"] != "gap"]
    first, last = kept.iloc[0], kept.iloc[-1]
    assert first["split"] == last["split"] or first["start"] + length - last["end"] >= 600
    linear = make_split({"c": length}, **DRAWN | {"seed": seed})
    assert kept["split"].tolist() == linear.loc[linear["split"] != "gap", "split"].tolist()


def test_the_split_of_a_genome_is_written_and_read(make_genome, tmp_path):
    genome = make_genome({"chrI": "ACGT" * 500, "chrII": "ACGT" * 900})
    planned = {key: DRAWN[key] for key in ("unit", "test", "validation", "block", "gap")}
    split_genome(
        fasta=genome.path,
        destination=tmp_path / "split.tsv",
        settings=planned,
        test_contigs="^chrI$",
        validation_contigs="^chrII$",
        seed=1,
    )
    split = read_split(tmp_path / "split.tsv")
    assert split.to_numpy().tolist() == [["chrI", 0, 2000, "test"], ["chrII", 0, 3600, "validation"]]
