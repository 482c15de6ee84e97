"""The card of a model: what a stranger reads before using the weights."""

from dataclasses import replace

import pandas as pd
import pytest
from huggingface_hub.repocard import metadata_load
from test_models import SMALL

from glmtracks.files import write_json
from glmtracks.models.registry import save
from glmtracks.report.model_card import write_card
from glmtracks.training import build, described
from glmtracks.windows.corpus import CorpusGenome


def _save_trained(model, folder, data=(), **training) -> None:
    training = {"steps": 5, **training}
    save(model, folder, seen=["yeast"], training=training, receptive_field=model.receptive_field, data=list(data))


def test_a_card_tells_of_classes_that_one_part_alone_has(tmp_path):
    _save_trained(build("causal", SMALL), tmp_path)
    metrics = {"train_nats_per_base": 1.2, "train_nats_per_base_5UTR": 1.1, "validation_nats_per_base": 1.3}
    write_json(tmp_path / "metrics.json", metrics | {"parameters": 7, "validation_nats_per_base_in_repeats": 0.9})
    write_card(tmp_path, "MIT")
    rows = ["| all | 1.2000 | 1.3000 |", "| 5UTR | 1.1000 |  |", "| in repeats |  | 0.9000 |"]
    assert "\n".join(["|---|---|---|", *rows, "", "## Use"]) in (tmp_path / "README.md").read_text()


@pytest.mark.parametrize(
    ("kind", "side"), [("markov", "before it"), ("causal", "before it"), ("one_pass", "on either side")]
)
def test_a_card_says_on_which_side_the_model_reads(kind, side, tmp_path):
    model = build(kind, SMALL)
    _save_trained(model, tmp_path)
    write_json(tmp_path / "metrics.json", {"parameters": 7})
    write_card(tmp_path, "MIT")
    assert f"| receptive field | {model.receptive_field} bases {side} |" in (tmp_path / "README.md").read_text()


@pytest.mark.parametrize(("parameters", "told"), [(0, ""), (1234, "| parameters | 1,234 |\n")])
def test_a_card_counts_no_parameters_of_a_table_of_counts(parameters, told, tmp_path):
    _save_trained(build("causal", SMALL), tmp_path)
    write_json(tmp_path / "metrics.json", {"parameters": parameters})
    write_card(tmp_path, "MIT")
    assert f"| objective | causal |\n{told}| receptive field |" in (tmp_path / "README.md").read_text()


def test_a_card_tells_what_was_seen_more_often_and_weighted_by_what(tmp_path, make_genome):
    write_json(tmp_path / "metrics.json", {"parameters": 7})
    parts = pd.DataFrame({"contig": ["a"], "start": [0], "end": [40], "split": ["train"]})
    plain = CorpusGenome("plain", make_genome({"a": "ACGT" * 10}), pd.DataFrame(), parts, parts)
    other = replace(plain, name="other", repetitions=3, evidence=tmp_path / "phastCons.bw")
    _save_trained(build("causal", SMALL), tmp_path, map(described, (plain, other)))
    write_card(tmp_path, "MIT")
    text = (tmp_path / "README.md").read_text()
    assert "\n\nEach training window of other is seen 3 times while one of the others is seen once.\n" in text
    assert "Bases of other are weighted by the evidence in phastCons.bw.\n\nThe model has" in text
    assert "window of plain" not in text and "Bases of plain" not in text


@pytest.mark.parametrize(("kind", "steps"), [("markov", None), ("one_pass", 0)])
def test_a_card_tells_of_no_weighted_steps_where_none_were_taken(kind, steps, tmp_path, make_genome):
    write_json(tmp_path / "metrics.json", {"parameters": 7})
    parts = pd.DataFrame({"contig": ["a"], "start": [0], "end": [40], "split": ["train"]})
    weighted = {"repetitions": 3, "evidence": tmp_path / "phastCons.bw"}
    member = CorpusGenome("one", make_genome({"a": "ACGT" * 10}), pd.DataFrame(), parts, parts, **weighted)
    _save_trained(build(kind, SMALL), tmp_path, [described(member)], steps=steps, region_weights="CDS:2")
    write_card(tmp_path, "MIT")
    text = (tmp_path / "README.md").read_text()
    assert not any(told in text for told in ("is seen 3 times", "are weighted by", "counted for as many others"))


@pytest.mark.parametrize(("weights", "told"), [("splice_donor:30", True), ("", False)])
def test_a_card_says_where_classes_weighed_unequally(weights, told, tmp_path):
    _save_trained(build("causal", SMALL), tmp_path, region_weights=weights)
    write_json(tmp_path / "metrics.json", {"parameters": 7})
    write_card(tmp_path, "MIT")
    assert ("as stand here: `splice_donor:30`." in (tmp_path / "README.md").read_text()) == told


def test_a_card_names_its_licence_where_the_hub_looks_for_it(tmp_path):
    _save_trained(build("causal", SMALL), tmp_path)
    write_json(tmp_path / "metrics.json", {"parameters": 7})
    write_card(tmp_path, 'of "ours": none')
    assert metadata_load(tmp_path / "README.md")["license"] == 'of "ours": none'
