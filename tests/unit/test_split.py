"""Every base belongs to one part, parts keep their distance, and what is held out stands nowhere in training."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glmtracks.corpus import Corpus, CorpusGenome
from glmtracks.errors import InputError
from glmtracks.leakage import check_leakage, purge, shared_kmers
from glmtracks.split import make_split

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


@pytest.fixture
def leaky(make_genome):
    """A test contig of which 300 bases also stand, on the other strand, in the middle of a training contig."""
    rng = np.random.default_rng(0)
    test, train = ("".join(rng.choice(list("ACGT"), 3000)) for _ in range(2))
    copy = test[1000:1300][::-1].translate(str.maketrans("ACGT", "TGCA"))
    genome = make_genome({"test": test, "train": train[:1500] + copy + train[1500:]})
    split = pd.DataFrame({"contig": ["test", "train"], "start": 0, "end": [3000, 3300], "split": ["test", "train"]})
    repeats = pd.DataFrame({"contig": pd.Series([], dtype=str), "start": [], "end": []}).astype(
        {"start": int, "end": int}
    )
    return Corpus([CorpusGenome("", genome, repeats, split, pd.DataFrame())])


def test_a_planted_leak_is_found_and_fails_the_lint(leaky):
    leakage = shared_kmers(leaky)
    assert leakage["shared_kmers"] == 280  # 300 bases hold 280 words of 21
    assert leakage["test_kmers"] == 2980
    with pytest.raises(InputError, match="allow_leak"):
        check_leakage({**leakage, "verdict": "fail"}, "genome", allow_leak=False)
    check_leakage({**leakage, "verdict": "fail"}, "genome", allow_leak=True)


def test_purging_takes_the_copy_out_and_leaves_the_rest(leaky):
    purge(leaky)
    split = leaky.genomes[0].split
    assert shared_kmers(leaky)["shared_kmers"] == 0
    purged = split[split["split"] == "purged"]
    assert len(purged) == 1
    assert purged["start"].item() <= 1500 and purged["end"].item() >= 1800
    assert (purged["end"] - purged["start"]).item() < 500
    assert (split["end"] - split["start"]).sum() == 6300
