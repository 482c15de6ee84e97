"""The statistics against slow references that follow their definitions word for word."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from glmtracks.benchmarks import statistics as stats


def pairs_won(score, label, stratum, times):
    """U and the number of pairs, with items taken `times` times, by comparing all pairs of one stratum."""
    up, down = np.flatnonzero(label == 1), np.flatnonzero(label == 0)
    same = stratum[up][:, None] == stratum[down][None, :]
    weight = times[up][:, None] * times[down][None, :] * same
    won = (score[up][:, None] > score[down][None, :]) + 0.5 * (score[up][:, None] == score[down][None, :])
    return (weight * won).sum(), weight.sum()


def made_up(seed, n=400, blocks=12, values=50, strata=5):
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, n)
    score = rng.integers(0, values, n) + label * values // 4
    return score.astype(np.float32), label, rng.integers(0, blocks, n), rng.integers(0, strata, n)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(20, 300),
    blocks=st.integers(8, 30),
    values=st.sampled_from([1, 2, 7, 100, 10_000]),
    strata=st.sampled_from([1, 3, 40]),
)
def test_auroc_and_every_draw_equal_the_comparison_of_all_pairs(seed, n, blocks, values, strata):
    score, label, block, stratum = made_up(seed, n, blocks, values, strata)
    weights = stats.draw_weights(blocks, 5, seed)
    found = stats.auroc(score, label, block, weights, stratum)
    for value, times in [(found.value, np.ones(n)), *zip(found.draws, (w[block] for w in weights), strict=True)]:
        won, pairs = pairs_won(score, label, stratum, times)
        assert value == pytest.approx(won / pairs, abs=1e-12) if pairs else np.isnan(value)


def test_paired_accuracy_and_every_draw_equal_the_comparison_of_each_pair():
    rng = np.random.default_rng(0)
    pair = rng.permutation(np.concatenate([np.repeat(np.arange(200), 2), np.arange(200, 230)]))  # 30 lack a half
    label = np.zeros(len(pair), dtype=np.int64)
    label[np.unique(pair, return_index=True)[1]] = 1
    label[(pair >= 200) & (pair % 2 == 0)] = 0
    block, score = rng.integers(0, 9, len(pair)), rng.integers(0, 6, len(pair)) + label
    weights = stats.draw_weights(9, 20, 0)
    found = stats.paired_accuracy(score, label, block, pair, weights)
    for value, times in [(found.value, np.ones(9)), *zip(found.draws, weights, strict=True)]:
        won = total = 0.0
        for number in range(200):
            one, zero = (np.flatnonzero((pair == number) & (label == side))[0] for side in (1, 0))
            drawn = times[block[one]] * (times[block[zero]] if block[one] != block[zero] else 1)
            won += drawn * ((score[one] > score[zero]) + 0.5 * (score[one] == score[zero]))
            total += drawn
        assert value == pytest.approx(won / total, abs=1e-12)


def test_a_constant_score_has_a_paired_accuracy_of_one_half():
    pair = np.repeat(np.arange(50), 2)
    weights = stats.draw_weights(10, 50, 0)
    found = stats.paired_accuracy(np.zeros(100), np.tile([0, 1], 50), np.repeat(np.arange(10), 10), pair, weights)
    assert found.value == 0.5 and found.interval() == (0.5, 0.5)
    assert np.isnan(stats.paired_accuracy(np.zeros(0), np.zeros(0), np.zeros(0), np.zeros(0, dtype=int)).value)


@pytest.mark.parametrize("values", [3, 1_000, 10**6])
def test_auroc_is_that_of_scikit_learn(values):
    score, label, block, _ = made_up(1, n=5_000, values=values)
    assert stats.auroc(score, label, block).value == pytest.approx(roc_auc_score(label, score), abs=1e-12)


def test_bins_and_pairs_at_once_do_not_change_the_result(monkeypatch):
    score, label, block, stratum = made_up(2, n=3_000, values=700)
    weights = stats.draw_weights(12, 20, 0)
    expected = stats.auroc(score, label, block, weights, stratum), stats.spearman(score, label, block, weights)
    monkeypatch.setattr(stats, "_PAIRS_AT_ONCE", 17)
    monkeypatch.setattr(stats, "_PAIRS_PER_BIN", 300)
    found = stats.auroc(score, label, block, weights, stratum), stats.spearman(score, label, block, weights)
    for one, other in zip(found, expected, strict=True):
        assert one.value == other.value
        np.testing.assert_array_equal(one.draws, other.draws)


def test_a_block_without_items_does_not_matter():
    score, label, block, stratum = made_up(4)
    weights, pair = stats.draw_weights(14, 20, 0), np.arange(400) // 2
    for estimate in (
        lambda some: stats.auroc(score, label, block, some, stratum),
        lambda some: stats.paired_accuracy(score, label, block, pair, some),
        lambda some: stats.auprc(score, label, block, some),
        lambda some: stats.mean(score, block, some),
        lambda some: stats.odds_ratio(score, label, block, 0.1, some),
        lambda some: stats.spearman(score, label, block, some),
    ):
        np.testing.assert_allclose(estimate(weights).draws, estimate(weights[:, :12]).draws, rtol=1e-6)


def test_a_tail_of_ten_items_has_odds_and_one_of_nine_has_none():
    label = np.arange(100) % 2
    assert stats.odds_ratio(np.zeros(100), label, label, 0.1).value == pytest.approx(1)
    assert np.isnan(stats.odds_ratio(np.zeros(100), label, label, 0.09).value)


def test_a_constant_scorer_gives_exactly_one_half_in_every_draw():
    _, label, block, stratum = made_up(3)
    weights = stats.draw_weights(12, 200, 0)
    for found in (
        stats.auroc(np.full(400, 0.3), label, block, weights),
        stats.auroc(np.full(400, 0.3), label, block, weights, stratum),
    ):
        assert found.value == 0.5
        assert (found.draws == 0.5).all()
    assert stats.auprc(np.zeros(400), label, block).value == pytest.approx(label.mean())


def test_the_label_as_scorer_is_perfect_and_its_opposite_is_hopeless():
    _, label, block, stratum = made_up(4)
    weights = stats.draw_weights(12, 200, 0)
    for found in (stats.auroc(label, label, block, weights, stratum), stats.auprc(label, label, block, weights)):
        assert found.value == 1
        np.testing.assert_allclose(found.draws, 1)
    assert stats.auroc(-label, label, block, weights).interval() == (0, 0)


def test_within_stratum_auroc_is_blind_to_differences_between_strata():
    """A planted artefact: one substitution type is both more frequent among positives and scored higher."""
    rng = np.random.default_rng(5)
    stratum = rng.integers(0, 2, 4_000)
    label = (rng.random(4_000) < np.where(stratum == 1, 0.8, 0.2)).astype(int)
    score = stratum + rng.normal(0, 0.1, 4_000)
    block = rng.integers(0, 20, 4_000)
    weights = stats.draw_weights(20, 500, 0)
    assert stats.auroc(score, label, block).value > 0.75
    low, high = stats.auroc(score, label, block, weights, stratum).interval()
    assert low < 0.5 < high


def test_the_interval_of_a_shuffled_scorer_covers_one_half_at_about_the_nominal_rate():
    rng = np.random.default_rng(6)
    covered = 0
    for trial in range(300):
        label, block = rng.integers(0, 2, 600), np.arange(600) // 15
        weights = stats.draw_weights(40, 400, trial)
        low, high = stats.auroc(rng.permutation(600), label, block, weights).interval()
        covered += low <= 0.5 <= high
    assert 0.90 <= covered / 300 <= 0.985


def test_blocks_of_equal_items_widen_the_interval():
    """Fifty copies of each observation are no more evidence than one."""
    rng = np.random.default_rng(7)
    label, score = rng.integers(0, 2, 60), rng.normal(size=60)
    copies = np.repeat(np.arange(60), 50)
    single = stats.auroc(score, label, np.arange(60), stats.draw_weights(60, 1_000, 0)).interval()
    many = stats.auroc(score[copies], label[copies], copies, stats.draw_weights(60, 1_000, 0)).interval()
    naive = stats.auroc(
        score[copies], label[copies], np.arange(3000) % 500, stats.draw_weights(500, 1_000, 0)
    ).interval()
    assert np.subtract(*many) == pytest.approx(np.subtract(*single), rel=1e-9)
    assert naive[1] - naive[0] < (many[1] - many[0]) / 2


def test_average_precision_is_that_of_scikit_learn_and_draws_follow_it():
    score, label, block, _ = made_up(8, n=8_000, values=10**6)
    weights = stats.draw_weights(12, 10, 0)
    found = stats.auprc(score, label, block, weights)
    assert found.value == average_precision_score(label, score)
    expected = [average_precision_score(label, score, sample_weight=w[block]) for w in weights]
    np.testing.assert_allclose(found.draws, expected, atol=1e-3)


def test_average_precision_draws_are_exact_below_the_number_of_thresholds():
    score, label, block, _ = made_up(9, n=500, values=30)
    weights = stats.draw_weights(12, 10, 0)
    expected = [average_precision_score(label, score, sample_weight=w[block]) for w in weights]
    np.testing.assert_allclose(stats.auprc(score, label, block, weights).draws, expected, rtol=1e-5)


def test_mean_of_a_draw_is_the_mean_of_the_items_of_the_blocks_drawn():
    rng = np.random.default_rng(10)
    values, block = rng.normal(size=200), rng.integers(0, 9, 200)
    weights = stats.draw_weights(9, 5, 0)
    found = stats.mean(values, block, weights)
    assert found.value == pytest.approx(values.mean())
    np.testing.assert_allclose(found.draws, [np.average(values, weights=w[block]) for w in weights])


def test_paired_difference_is_tighter_than_the_values_it_comes_from():
    rng = np.random.default_rng(11)
    common, block = rng.normal(size=2_000) + np.repeat(rng.normal(size=20), 100), np.repeat(np.arange(20), 100)
    weights = stats.draw_weights(20, 1_000, 0)
    one, other = (stats.mean(common + shift, block, weights) for shift in (0.1, 0.0))
    assert one.minus(other).interval() == pytest.approx((0.1, 0.1))
    assert one.interval()[0] < other.interval()[1]


def test_another_seed_draws_other_blocks():
    one, again, other = (stats.draw_weights(10, 50, seed) for seed in (0, 0, 1))
    assert (one == again).all() and (one != other).any()


def test_fewer_than_eight_blocks_give_no_interval():
    assert stats.draw_weights(7, 100, 0) is None
    assert stats.draw_weights(8, 100, 0).sum(axis=1).tolist() == [8] * 100
    low, high = stats.auroc([1, 2], [0, 1], [0, 1]).interval()
    assert np.isnan(low) and np.isnan(high)


def test_nothing_to_compare_is_not_a_number():
    assert np.isnan(stats.auroc([], [], []).value)
    assert np.isnan(stats.auroc([1.0, 2.0], [1, 1], [0, 0]).value)
    assert np.isnan(stats.auroc([1.0, 2.0], [0, 1], [0, 0], stratum=[0, 1]).value)


def test_scores_that_are_missing_are_refused():
    with pytest.raises(ValueError, match="finite"):
        stats.auroc([1.0, np.nan], [0, 1], [0, 0])
