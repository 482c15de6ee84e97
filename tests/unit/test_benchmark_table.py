"""What a benchmark says of each model: whether it is a baseline, and whether it has seen the genome."""

import json
from pathlib import Path

import pandas as pd
import pytest

from glmtracks.benchmarks import BASELINES
from glmtracks.benchmarks.table import describe_models
from glmtracks.training import _without_training


@pytest.fixture
def split(tmp_path):
    table = pd.DataFrame({"contig": ["I", "II", "II"], "start": [0, 0, 900], "end": [500, 900, 990]})
    table["split"] = ["test", "train", "gap"]
    table.to_csv(tmp_path / "split.tsv", sep="\t", index=False)
    return str(tmp_path / "split.tsv")


@pytest.mark.parametrize(
    ("facts", "seen"),
    [
        ({}, "unknown"),
        ({"seen": ["unknown"]}, "unknown"),
        ({"seen": ["fly"]}, "no"),
        ({"seen": ["yeast"]}, "held out"),  # trained here, by the split of the genome
        ({"seen": ["yeast"], "loaded": True}, "yes"),
        ({"seen": ["yeast"], "loaded": True, "held_out": {"yeast": ["I", "XVI"]}}, "held out"),
        ({"seen": ["yeast"], "loaded": True, "held_out": {"yeast": ["II"]}}, "yes"),  # tested on what it was trained on
    ],
)
def test_a_model_has_seen_what_it_was_trained_on(facts, seen, split, tmp_path):
    (tmp_path / "model").mkdir()
    config = {"kind": "one_pass", "architecture": {}, "sha256": "ab", **facts}
    (tmp_path / "model" / "config.json").write_text(json.dumps(config))
    (described,) = describe_models([str(tmp_path / "model" / "config.json")], "yeast", split)
    assert described == {"name": "model", "kind": "one_pass", "seen": seen, "hash": "ab", "baseline": False}


def test_contigs_are_held_out_where_nothing_of_them_is_trained_on():
    split = pd.DataFrame({"contig": ["I", "II", "II", "III"], "split": ["test", "train", "purged", "purged"]})
    assert _without_training(split) == ["I", "III"]


def test_no_model_can_be_taken_for_a_baseline_of_the_results_that_come_along():
    for path in (Path(__file__).parents[2] / "resources/benchmarks").glob("*.tsv"):
        table = pd.read_csv(path, sep="\t")
        if "scorer_kind" in table:
            own = table[(table["scorer_kind"] == "baseline") & table["model_kind"].isna()]
            assert set(own["scorer"]) <= BASELINES
