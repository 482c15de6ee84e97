"""The summary in sentences: each verdict is said, and said of the right model."""

import numpy as np
import pytest
from report_world import row, rows_of_all_verdicts, write_summary

from glmtracks.overview import read_summary
from glmtracks.report.verdicts import SEEN, verdicts


@pytest.fixture
def told(tmp_path):
    """The verdict on the one model of `rows_of_all_verdicts`."""
    found = verdicts(read_summary(write_summary(tmp_path / "summary.tsv", rows_of_all_verdicts())))
    assert [(entry["genome"], entry["model"]) for entry in found] == [("yeast", "house")]
    return found[0]


def test_wins_losses_and_open_comparisons_are_counted(told):
    assert told["lead"][0] == (
        "In 6 comparisons with the best baseline, house wins 2, loses 1 and leaves 1 undecided; "
        "for 2 there are too few data for an interval."
    )


def test_a_loss_is_a_loss_by_the_same_amount_and_interval(told):
    loss = next(item["text"] for item in told["items"] if item["verdict"] == "worse")
    assert "it LOSES to the best baseline, markov_5 (0.600), by 0.200 [0.190, 0.210]" in loss


def test_an_undecided_comparison_is_called_so(told):
    text = next(item["text"] for item in told["items"] if item["verdict"] == "undecided")
    assert "undecided against the best baseline" in text
    assert "+0.002 [−0.008, +0.012]" in text


def test_without_an_interval_nothing_is_decided(told):
    texts = [item["text"] for item in told["items"] if not item["verdict"]]
    assert any("behind the best baseline" in text and "too few data decide" in text for text in texts)
    assert any("nothing can be said (fewer than 10 positives)" in text for text in texts)


def test_names_of_tasks_are_words(tmp_path):
    rows = [row("splice_decoy", "donor vs decoy", "house", 0.9, 0.3)]
    text = verdicts(read_summary(write_summary(tmp_path / "summary.tsv", rows)))[0]["items"][0]["text"]
    assert text.startswith("Splice decoy, donor vs decoy: auroc")


def test_what_is_as_good_as_the_best_baseline_is_not_behind_it(tmp_path):
    rows = [row("sites", "donor", "house", 0.5, 0.0, verdict="", difference_low=np.nan, difference_high=np.nan)]
    text = verdicts(read_summary(write_summary(tmp_path / "summary.tsv", rows)))[0]["items"][0]["text"]
    assert "; level with the best baseline, markov_5 (0.500), which too few data decide" in text


def test_below_one_half_is_the_other_way_round_and_not_knowledge(told):
    lead = " ".join(told["lead"])
    assert "better than a coin toss, interval included: substituted in smik." in lead
    assert "not rank better than a coin toss: missense." in lead
    assert "the other way round, more often than by chance: stop gained." in lead


def test_contrasts_of_one_class_are_told_apart_by_what_it_is_compared_with(tmp_path):
    values = {"all P/LP vs B/LB": 0.5, "all P/LP vs common": 0.8, "stop_lost vs synonymous": 0.7}
    rows = [row("clinvar", contrast, "house", value, 0.05) for contrast, value in values.items()]
    lead = " ".join(verdicts(read_summary(write_summary(tmp_path / "summary.tsv", rows)))[0]["lead"])
    assert "better than a coin toss, interval included: all P/LP vs common, stop lost." in lead
    assert "not rank better than a coin toss: all P/LP vs B/LB." in lead


@pytest.mark.parametrize("seen", SEEN)
def test_every_verdict_says_whether_the_genome_was_seen(tmp_path, seen):
    rows = [row("perplexity", "all", "house", 1.3, 0.05, seen=seen)]
    assert verdicts(read_summary(write_summary(tmp_path / "summary.tsv", rows)))[0]["seen"] == SEEN[seen]


def test_a_task_without_words_of_its_own_is_told_by_its_numbers(tmp_path):
    rows = [row("clinvar", "missense", "house", 0.8, 0.05)]
    text = verdicts(read_summary(write_summary(tmp_path / "summary.tsv", rows)))[0]["items"][0]["text"]
    assert text.startswith("Clinvar, missense: auroc within stratum 0.800 [0.790, 0.810]; better than")


@pytest.mark.parametrize(("value", "said"), [(0.997, "99.7 %"), (0.81, "81 %"), (1, "100 %")])
def test_nearly_all_pairs_are_not_said_to_be_all(tmp_path, value, said):
    rows = [row("consequence", "stop_gained vs synonymous", "house", value, 0.05)]
    text = verdicts(read_summary(write_summary(tmp_path / "summary.tsv", rows)))[0]["items"][0]["text"]
    assert f" in {said} of comparable pairs (AUROC {value:.3f} " in text
