"""Every base belongs to one part, and parts keep their distance."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glmtracks.errors import InputError
from glmtracks.intervals import by_contig, covered_by, merge, tile
from glmtracks.windows.split import make_split, read_split, split_genome

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
    contigs = {"chrI": 100, "chrII": 200, "chrIII": 300}
    named = {"test": tile({"chrI": 100}), "validation": tile({"chrII": 200})}
    split = make_split(contigs, **DRAWN, named=named)
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


@pytest.mark.parametrize(
    ("lengths", "whole"),
    [
        ([230, 813, 317, 1532, 577, 270, 1091, 563, 440, 746, 667, 1078, 924, 784, 1091, 948], True),  # yeast
        (
            [248, 242, 198, 190, 182, 171, 159, 145, 138, 134, 135, 133, 114, 107, 102, 90, 83, 80, 59, 64],
            True,
        ),  # human
        ([23.5, 25.3, 28.1, 32.1, 23.5, 1.3, 3.7, *[0.1] * 15], False),  # fly: a part would be scaffolds or an arm
        ([516, 666, 622, 610, 588, 561, 632, 29, *[0.1] * 200], False),  # barley
        ([4600, *[60] * 9], False),  # a bacterium: a part would be plasmids alone
    ],
)
def test_whole_contigs_are_drawn_only_where_there_is_a_choice(lengths, whole):
    contigs = {f"c{n}": int(10_000 * length) for n, length in enumerate(lengths)}
    wanted = {"unit": "auto", "test": 0.1, "validation": 0.05, "block": 1000, "gap": 100}
    for seed in range(3):
        split = make_split(contigs, **wanted, seed=seed)
        assert (split["end"] - split["start"]).eq(split["contig"].map(contigs)).all() == whole
        share = (split["end"] - split["start"]).groupby(split["split"]).sum() / sum(contigs.values())
        assert 0.05 < share["test"] <= 0.1 and 0.02 < share["validation"] <= 0.05


def test_the_seed_decides():
    contigs = {f"c{n}": 10_000 for n in range(40)}
    one, same, other = (make_split(contigs, **DRAWN | {"seed": seed}) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(one, same)
    assert not one.equals(other)


def test_a_genome_too_small_is_an_error():
    with pytest.raises(InputError, match=r"only 1 piece\(s\) to divide"):
        make_split({"c": 1000}, **DRAWN)


def test_patterns_that_take_all_contigs_leave_nothing_to_draw():
    split = make_split({"chrM": 16_569}, **DRAWN, named={"test": tile({"chrM": 16_569})})
    assert split["split"].tolist() == ["test"]


def _covered(intervals):
    here = by_contig(merge(intervals)).get("c", 2 * (np.zeros(0, dtype=np.int64),))
    return covered_by(*here, 0, 100_000)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 99_000), st.integers(1, 9_000)), min_size=1, max_size=6), st.integers(0, 9))
def test_named_intervals_are_held_out_but_for_the_gaps_beside_them(places, seed):
    intervals = pd.DataFrame({"contig": "c", "start": [s for s, _ in places], "end": [s + n for s, n in places]})
    intervals["end"] = intervals["end"].clip(upper=100_000)
    split = make_split(
        {"c": 100_000, "d": 40_000}, **DRAWN | {"seed": seed, "unit": "block"}, named={"test": intervals}
    )
    for contig, rows in split.groupby("contig"):
        assert rows["start"].tolist() == [0, *rows["end"][:-1]]
        assert rows["end"].iloc[-1] == {"c": 100_000, "d": 40_000}[contig]
    wanted = _covered(intervals)
    test, gap = (_covered(split[split["split"] == part]) for part in ("test", "gap"))
    assert not (test & ~wanted).any()
    assert not (wanted & ~test & ~gap).any()
    assert not (split["split"][split["contig"] == "d"] == "test").any()
    assert (split["split"] == "validation").any()


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


def test_a_stretch_beside_the_origin_that_a_gap_takes_whole_keeps_no_parts_apart():
    named = {"test": pd.DataFrame({"contig": ["c"], "start": [9300], "end": [9500]})}
    split = make_split({"c": 10_000}, **DRAWN | {"unit": "contig", "validation": 0}, named=named, circular={"c"})
    kept = split[split["split"] != "gap"]
    assert kept[["start", "end", "split"]].to_numpy().tolist() == [[100, 8700, "train"], [9300, 9500, "test"]]
    assert split["start"].tolist() == [0, *split["end"][:-1]] and split["end"].iloc[-1] == 10_000


PLANNED = {key: DRAWN[key] for key in ("unit", "test", "validation", "block", "gap")}


def written(genome, tmp_path, **named) -> list[list]:
    destination, given = tmp_path / "split.tsv", {"test": "", "validation": "", "aliases": ""} | named
    split_genome(fasta=genome.path, destination=destination, settings=PLANNED, seed=1, **given)
    return read_split(destination).to_numpy().tolist()


def test_the_split_of_a_genome_is_written_and_read(make_genome, tmp_path):
    genome = make_genome({"chrI": "ACGT" * 500, "chrII": "ACGT" * 900})
    split = written(genome, tmp_path, test="^chrI$", validation="^chrII$")
    assert split == [["chrI", 0, 2000, "test"], ["chrII", 0, 3600, "validation"]]
    with pytest.raises(InputError, match=r"no contig matches the pattern 'chrX' for test; there are chrI, chrII"):
        written(genome, tmp_path, test="chrX")


def test_a_bed_says_what_is_held_out_by_the_names_it_has_for_contigs(make_genome, tmp_path):
    genome = make_genome({"chrI": "ACGT" * 2500, "chrII": "ACGT" * 900})
    bed = tmp_path / "test.bed"
    bed.write_text("one\t4000\t6000\n")
    split = written(genome, tmp_path, test=f"bed:{bed}", validation="^chrII$", aliases="one=chrI")
    assert split == [
        ["chrI", 0, 3400, "train"],
        ["chrI", 3400, 4000, "gap"],
        ["chrI", 4000, 6000, "test"],
        ["chrI", 6000, 6600, "gap"],
        ["chrI", 6600, 10_000, "train"],
        ["chrII", 0, 3600, "validation"],
    ]
    bed.write_text("one\t4000\t60000\n")
    with pytest.raises(InputError, match=r"test\.bed, line 1: end 60000 lies past the end of chrI"):
        written(genome, tmp_path, test=f"bed:{bed}", aliases="one=chrI")


def test_a_part_that_is_named_but_of_which_nothing_is_left_is_an_error(make_genome, tmp_path):
    genome = make_genome({"chrI": "ACGT" * 250, "chrII": "ACGT" * 900})
    with pytest.raises(InputError, match=r"no base is left of what '\^chrI\$' names for validation"):
        written(genome, tmp_path, test="chrI", validation="^chrI$")
    bed = tmp_path / "test.bed"
    bed.write_text("chrI\t0\t600\n")
    with pytest.raises(InputError, match=r"for test: .* 600 bases belong to none"):
        written(genome, tmp_path, test=f"bed:{bed}", validation="^chrII$")
    bed.write_text("")
    assert "test" not in {part for *_, part in written(genome, tmp_path, test=f"bed:{bed}", validation="^chrII$")}
