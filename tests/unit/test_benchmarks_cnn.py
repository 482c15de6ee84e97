"""The convolutional network on bases: it finds words, on either strand, and nothing where there is nothing."""

import numpy as np
import pandas as pd
import pytest
import torch

from glmtracks.benchmarks import probe
from glmtracks.benchmarks.cnn import OneHotCnn
from glmtracks.genome import complement, encode

WORD = encode("TTGACATA")


def windows(rng, count=600, length=100):
    """Random windows; half of them hold a word somewhere, on either strand."""
    codes = rng.integers(0, 4, (count, length)).astype(np.uint8)
    classes = np.array(["word", "nothing"])[np.arange(count) % 2]
    for row in np.flatnonzero(classes == "word"):
        start = rng.integers(0, length - len(WORD))
        codes[row, start : start + len(WORD)] = WORD if rng.random() < 0.5 else complement(WORD)[::-1]
    return codes, classes


def test_a_word_on_either_strand_is_found_in_windows_that_were_not_shown():
    rng = np.random.default_rng(0)
    model = OneHotCnn(seed=1).fit(*windows(rng, 3_000))
    codes, classes = windows(rng)
    chance = model.predict_proba(codes)
    np.testing.assert_allclose(chance.sum(axis=1), 1)
    assert (model.classes_[chance.argmax(axis=1)] == classes).mean() > 0.9
    turned = model.predict_proba(np.ascontiguousarray(complement(codes)[:, ::-1]))
    np.testing.assert_allclose(turned, chance, atol=1e-6)


def test_classes_given_by_chance_are_not_found():
    rng = np.random.default_rng(0)
    codes, classes = windows(rng)
    model = OneHotCnn(seed=1).fit(codes, rng.permutation(classes))
    fresh, truth = windows(rng, 2_000)
    right = (model.classes_[model.predict_proba(fresh).argmax(axis=1)] == truth).mean()
    assert right == pytest.approx(0.5, abs=0.1)


def test_the_seed_decides_every_probability_whatever_ran_before():
    codes, classes = windows(np.random.default_rng(0), 200)
    first = OneHotCnn(seed=1).fit(codes, classes).predict_proba(codes)
    torch.rand(7)
    state = torch.random.get_rng_state()
    np.testing.assert_array_equal(OneHotCnn(seed=1).fit(codes, classes).predict_proba(codes), first)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert not np.array_equal(OneHotCnn(seed=2).fit(codes, classes).predict_proba(codes), first)


def test_a_class_that_is_rare_weighs_as_much_as_one_that_is_not():
    rng = np.random.default_rng(0)
    codes, classes = windows(rng, 3_000)
    kept = (classes == "nothing") | (rng.random(len(classes)) < 0.1)
    model = OneHotCnn(seed=1).fit(codes[kept], classes[kept])
    fresh, truth = windows(rng)
    found = model.classes_[model.predict_proba(fresh).argmax(axis=1)]
    assert (found[truth == "word"] == "word").mean() > 0.5


def test_undefined_bases_and_short_windows_are_read():
    codes = np.full((20, 100), 4, dtype=np.uint8)
    model = OneHotCnn(seed=0).fit(codes, np.array(["a", "b"] * 10))
    assert np.isfinite(model.predict_proba(codes)).all()


def test_the_probe_takes_it_and_asks_it_only_about_folds_that_it_was_not_shown():
    """By heart it knows the windows of its own fold; of windows drawn afresh for every class it knows nothing."""
    rng = np.random.default_rng(4)
    table = pd.DataFrame({"contig": np.repeat(["a", "b", "c", "d"], 60), "start": np.tile(np.arange(60) * 100, 4)})
    table["stratum"] = rng.permutation(["x", "y"] * 120)
    table["fold"] = probe.folds(table)
    codes = rng.integers(0, 4, (240, 100)).astype(np.uint8)
    predicted, log_p = probe.predict(codes, table, probe=lambda: OneHotCnn(0))
    assert (predicted == table["stratum"]).mean() == pytest.approx(0.5, abs=0.12)
    assert np.isfinite(log_p).all()
