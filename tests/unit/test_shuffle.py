"""Dinucleotide shuffles: exact counts, exact ends, all possible sequences equally often."""

from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from glmtracks.benchmarks.shuffle import TREES, dinucleotide_shuffles
from glmtracks.genome import UNKNOWN, decode, encode


def shuffles(sequences, seed=0):
    """The shuffle of each of some texts."""
    lengths = np.array([len(sequence) for sequence in sequences], dtype=np.int64)
    codes = np.full((len(sequences), lengths.max(initial=0)), UNKNOWN, dtype=np.uint8)
    for row, sequence in enumerate(sequences):
        codes[row, : len(sequence)] = encode(sequence)
    found = dinucleotide_shuffles(codes, lengths, np.random.default_rng(seed))
    assert found.dtype == np.uint8 and found.shape == codes.shape
    assert all((row[length:] == UNKNOWN).all() for row, length in zip(found, lengths, strict=True))
    return [decode(row[:length]) for row, length in zip(found, lengths, strict=True)]


def pairs(sequence):
    return sorted(map("".join, pairwise(sequence)))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text("ACGT", min_size=1, max_size=60) | st.text("AC", min_size=1, max_size=60), max_size=12))
def test_dinucleotides_and_both_ends_stay(sequences):
    found = shuffles(sequences)
    for before, after in zip(sequences, found, strict=True):
        assert pairs(after) == pairs(before)
        assert after[0] == before[0] and after[-1] == before[-1]


def test_two_letters_that_alternate_with_one_way_out_are_no_trap():
    """Of CACA…CG only one last step out of C leads to the end; a method by trial would draw it one time in 400."""
    trap = "CA" * 400 + "CGTG" + "TG" * 90 + "T"
    for seed in range(20):
        (found,) = shuffles([trap], seed)
        assert pairs(found) == pairs(trap)


@pytest.mark.parametrize("sequence", ["ACGATACCA", "AACAAGAC", "GATTACAGAAC", "ACACGTGC"])
def test_every_sequence_with_these_dinucleotides_comes_equally_often(sequence):
    possible = {"".join([sequence[0], *middle, sequence[-1]]) for middle in set(permutations(sequence[1:-1]))}
    possible = sorted(other for other in possible if pairs(other) == pairs(sequence))
    assert len(possible) > 1 and sequence in possible
    found = shuffles([sequence] * 20_000)
    counts = np.array([found.count(other) for other in possible])
    assert counts.sum() == 20_000  # nothing else came
    assert chisquare(counts).pvalue > 1e-3


def test_a_shuffle_of_a_long_sequence_is_another_one_and_the_seed_decides_which():
    rng = np.random.default_rng(0)
    sequences = [decode(rng.integers(0, 4, length)) for length in (20, 300, 1000, 1)]
    found = shuffles(sequences, seed=1)
    assert found == shuffles(sequences, seed=1) != shuffles(sequences, seed=2)
    same = np.mean(np.array(list(found[2])) == np.array(list(sequences[2])))
    assert same < 0.35  # a quarter agrees by chance
    assert found[3] == sequences[3]


def test_a_letter_alone_and_a_sequence_of_two_have_no_other():
    assert shuffles(["AAAAAAA", "AC", "G"]) == ["AAAAAAA", "AC", "G"]
    assert dinucleotide_shuffles(np.zeros((0, 0), np.uint8), np.zeros(0, np.int64), np.random.default_rng(0)).size == 0


def test_undefined_bases_have_no_shuffle():
    with pytest.raises(ValueError, match="undefined bases"):
        shuffles(["ACNGT"])


def test_there_are_16_trees_to_each_of_four_letters():
    assert TREES.shape == (4, 16, 4)  # Cayley: n ** (n - 2) trees on n labelled vertices
    assert all(len({tuple(tree) for tree in trees}) == 16 for trees in TREES)
