"""Baselines against counts by eye and by slow loops."""

import numpy as np
import pandas as pd
import pytest

from glmtracks.benchmarks import baselines, columns
from glmtracks.genome import complement, encode


def at(contig, *starts):
    return pd.DataFrame({"contig": contig, "start": list(starts), "end": [start + 1 for start in starts]})


def test_stratum_is_the_trinucleotide_with_its_substitution(make_genome):
    genome = make_genome({"a": "ACGTACGT", "b": "TTT"})
    items = pd.concat([at("a", 0, 1, 7), at("b", 1)], ignore_index=True)
    context = baselines.contexts(genome, items)
    assert context.tolist() == [[4, 0, 1], [0, 1, 2], [2, 3, 4], [3, 3, 3]]
    assert list(baselines.strata(context, encode("GTAC"))) == ["N[A>G]C", "A[C>T]G", "G[T>A]N", "T[T>C]T"]


def test_a_context_and_its_reverse_complement_are_different_strata():
    context = np.array([[0, 1, 2], [1, 2, 3]], dtype=np.uint8)
    assert complement(context[1])[::-1].tolist() == context[0].tolist()
    assert len(set(baselines.strata(context, encode("TA")))) == 2


def test_four_of_twelve_substitutions_are_transitions():
    ref, alt = np.divmod(np.arange(16), 4)
    transitions = [
        (r, a)
        for r, a in zip(ref, alt, strict=True)
        if r != a and baselines.is_transition(np.uint8([r]), np.uint8([a]))[0]
    ]
    assert transitions == [(0, 2), (1, 3), (2, 0), (3, 1)]


def test_cpg_is_seen_from_either_strand():
    context = np.stack([encode(text) for text in ("ACG", "CGA", "ACA", "GCC")])
    assert baselines.is_cpg(context).tolist() == [True, True, False, False]


def test_window_content_is_what_counting_letters_gives(make_genome):
    rng = np.random.default_rng(0)
    sequence = "".join(rng.choice(list("ACGTN"), 300))
    genome = make_genome({"a": sequence})
    items = at("a", *range(300))
    gc, cpg, undefined = baselines.window_content(genome, items, 21)
    for position in range(300):
        window = sequence[max(position - 10, 0) : position + 11]
        defined = max(len(window) - window.count("N"), 1)
        assert gc[position] == pytest.approx((window.count("G") + window.count("C")) / defined)
        assert cpg[position] == pytest.approx(window.count("CG") / defined)
        assert undefined[position] == 21 - len(window) + window.count("N")


@pytest.mark.parametrize("circular", ["", "a"])
def test_distance_is_that_to_the_nearest_base_of_any_interval(make_genome, circular):
    rng = np.random.default_rng(1)
    start = rng.integers(0, 900, 12)
    intervals = pd.DataFrame({"contig": "a", "start": start, "end": start + rng.integers(1, 200, 12)})
    intervals = intervals[intervals["end"] < 1000]
    items = pd.concat([at("a", *range(1000)), at("b", 5)], ignore_index=True)
    covered = np.concatenate([np.arange(row.start, row.end) for row in intervals.itertuples()])
    apart = np.abs(np.arange(1000)[:, None] - covered[None, :])
    if circular:
        apart = np.minimum(apart, 1000 - apart)
    genome = make_genome({"a": "A" * 1000, "b": "A" * 10}, circular=circular)
    found = baselines.distance(items, intervals, genome)
    assert found[:1000].tolist() == apart.min(axis=1).tolist()
    assert found[1000] == baselines.FARTHEST


def test_transcription_starts_at_the_five_prime_end(make_genome):
    exons = {
        "f": ("+", 10, 20, 30, 40),
        "r": ("-", 10, 20, 30, 40),
        "fo": ("+", 45, 50, 0, 5),
        "ro": ("-", 45, 50, 0, 5),
    }
    features = pd.DataFrame(
        [
            {"contig": "a", "feature": "exon", "transcript": name, "strand": strand, "start": start, "end": end}
            for name, (strand, *edges) in exons.items()
            for start, end in (edges[:2], edges[2:])
        ]
    )
    found = baselines.transcription_starts(features, make_genome({"a": "A" * 50}, circular="a"))
    assert found[["start", "end"]].to_numpy().tolist() == [[10, 11], [39, 40], [45, 46], [4, 5]]


def test_no_item_contributes_to_its_own_rate():
    """Changing the labels of a fold changes no rate in that fold, and rates approach the truth elsewhere."""
    rng = np.random.default_rng(2)
    block = np.repeat(np.arange(40), 500).astype(str)
    group = rng.integers(0, 3, len(block))
    label = (rng.random(len(block)) < np.array([0.1, 0.5, 0.8])[group]).astype(np.int8)
    fold = baselines.folds(block)
    rate = baselines.cross_fitted_rate(group, label, fold)
    np.testing.assert_allclose(rate, np.array([0.1, 0.5, 0.8])[group], atol=0.03)
    changed = np.where(fold == 2, 1 - label, label)
    again = baselines.cross_fitted_rate(group, changed, fold)
    np.testing.assert_array_equal(rate[fold == 2], again[fold == 2])
    assert (rate[fold != 2] != again[fold != 2]).all()
    assert all(len(set(fold[block == name])) == 1 for name in set(block))


def test_a_group_without_items_elsewhere_gets_the_overall_rate():
    fold = np.array([0, 1, 2, 3, 4, 4])
    rate = baselines.cross_fitted_rate(np.array([0, 0, 0, 0, 1, 1]), np.array([1, 0, 1, 0, 1, 1]), fold)
    assert rate[4] == rate[5] == 0.5


def test_few_blocks_are_folded_by_position():
    assert baselines.folds(np.array(["x"] * 10)).tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


def test_every_baseline_is_higher_for_what_is_expected_of_label_1():
    """A transversion of a conserved base in a CpG-rich exon, and a transition in a repeat far from any gene."""
    features = {"transition": (False, True), "gc": (0.6, 0.3), "cpg": (0.1, 0.0), "repeat_fraction": (0.0, 1.0)}
    features |= dict.fromkeys(("distance_cds", "distance_splice", "distance_tss"), (0, 5000))
    features |= {"consequence_rank": (-1, -9), "phylop": (6.0, -1.0), "phastcons": (1.0, 0.0)}
    for toward_damage in (1, -1):
        table = columns.with_baselines(pd.DataFrame(features), 0, toward_damage)
        oriented = table.drop(columns=["baseline_random", "baseline_constant"])
        assert len(oriented.columns) == len(features)
        assert (np.sign(oriented.iloc[0] - oriented.iloc[1]) == toward_damage).all()
        assert (table["baseline_constant"] == 0).all() and table["baseline_random"].between(0, 1).all()
        names = {scorer.name: scorer.score_name for scorer in columns.scorers(table, toward_damage)}
        turned = {"transition", "repeat_fraction", "distance_cds", "distance_splice", "distance_tss"}
        for name in features:
            assert names[name] == ("-" if (name in turned) == (toward_damage > 0) else "") + name
