"""How a model is asked is measured on the genome itself, once, and every shard goes by it."""

import json
from itertools import count
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import spearmanr

from glmtracks.errors import InputError
from glmtracks.models.base import reverse_complement
from glmtracks.models.registry import load, save
from glmtracks.scoring import devices, planning
from glmtracks.scoring.planning import SPACINGS, Probe, plan_scoring
from glmtracks.scoring.runner import Runner, start_runner
from glmtracks.scoring.strategies import choose
from glmtracks.training import build

SHAPE = {"order": 3, "prior": 1.0, "width": 16, "layers": 4, "kernel": 3, "max_dilation": 8, "seed": 0}
SETTINGS = {
    "contigs": "",
    "window": 256,
    "batch": 2,
    "precision": "float32",
    "device": "cpu",
    "species": "",
    "sample": 40,
    "agreement": 0.995,
}


@pytest.fixture
def genome(make_genome):
    rng = np.random.default_rng(0)
    return make_genome({"a": "N" * 300 + "".join(rng.choice(list("ACGT"), 5000)), "b": "ACGGT" * 30})


@pytest.fixture
def plan(genome, tmp_path):
    """plan(kind, strategy, strands, sharp=…, split=…, **settings) -> the JSON and the table."""

    def make(kind: str, strategy="auto", strands=0, sharp=1.0, split=None, **changes):
        model = build(kind, SHAPE)
        for weights in model.parameters():  # sharper answers depend more on the neighbours
            weights.data *= sharp
        save(model, tmp_path / "model")
        plan_scoring(
            model_folder=tmp_path / "model",
            fasta=genome.path,
            provenance=genome.path.parent / "provenance.json",
            destination=tmp_path / "plan.json",
            table_out=tmp_path / "plan.tsv",
            settings=SETTINGS | changes,
            strategy=strategy,
            strands=strands,
            threads=1,
            split=split,
        )
        return json.loads((tmp_path / "plan.json").read_text()), pd.read_csv(tmp_path / "plan.tsv", sep="\t")

    return make


@pytest.mark.parametrize(
    "kind, strategy, strands", [("one_pass", "one_pass", 1), ("causal", "causal", 2), ("markov", "causal", 1)]
)
def test_models_without_masks_are_asked_as_they_are_trained(plan, tmp_path, kind, strategy, strands):
    found, table = plan(kind)
    assert (found["strategy"], found["strands"], found["spacing"]) == (strategy, strands, None)
    assert found["bases"] == 5450 and found["bases_per_second"] > 0 and found["precision"] == "float32"
    assert 1 < found["nats_per_base"] < 2
    assert table["strategy"].tolist() == [strategy]
    runner = start_runner(tmp_path / "model", SETTINGS, 1, tmp_path / "plan.json")
    assert (runner.strategy.name, runner.strategy.strands) == (strategy, strands)


def test_the_narrowest_spacing_that_agrees_with_single_masks_is_chosen(plan):
    found, table = plan("masked", sharp=2.0)
    assert table["strategy"].tolist() == ["masked", *["strided"] * (len(table) - 1)]
    assert (table["speedup"] == (table["passes"].iloc[0] / table["passes"]).round(5)).all()  # as the table has it
    assert table["spearman"].iloc[0] == 1
    agreeing = table[table["spearman"] >= 0.995]
    chosen = table[table["chosen"] == "yes"]
    assert len(chosen) == 1 and chosen["passes"].iloc[0] == agreeing["passes"].min()
    assert found["spacing"] == (None if chosen["strategy"].iloc[0] == "masked" else chosen["spacing"].iloc[0])


def test_a_model_of_the_test_part_alone_that_scores_none_of_its_contigs_is_refused(plan, tmp_path):
    split = tmp_path / "split.tsv"
    split.write_text("contig\tstart\tend\tsplit\na\t0\t5300\ttest\nb\t0\t150\ttrain\n")
    with pytest.raises(InputError, match=r"no base of the test part .* that model scores \('\^b\$'\); .* part: all"):
        plan("markov", split=split, contigs="^b$")
    assert not (tmp_path / "plan.json").exists()


@pytest.mark.parametrize("share, masks", [(0.8, 1), (3.5, 3), (20, 8)])
def test_windows_that_masks_are_compared_in_are_no_longer_than_usual_contigs(make_genome, share, masks):
    model = build("masked", SHAPE)
    distance = 2 * model.receptive_field + 2
    genome = make_genome({f"c{n}": ("ACGTTGCATC" * 99)[: int(share * distance)] for n in range(9)})
    chosen = {key: SETTINGS[key] for key in ("window", "batch", "device")}
    runner = Runner.start(model, **chosen, precision="float32", threads=1, strategy=choose(model, "masked"))
    probe = Probe.draw(runner, genome, genome.contigs, 40)
    middle = probe.windows.shape[1] // 2
    assert len(probe.places) == masks and middle in probe.places
    assert (probe.windows[:, middle] < 4).all() and len(probe.windows) * masks >= 40


@pytest.mark.parametrize("size", [64, 65])
def test_a_circle_that_is_scored_as_a_line_is_planned_as_one(make_genome, size):
    sequence = {"a": "".join(np.random.default_rng(0).choice(list("ACGT"), size))}
    circle, line = (make_genome(sequence, f"circular{pattern}", circular=pattern) for pattern in ("a", ""))
    options = {"window": 256, "batch": 1, "precision": "float32", "device": "cpu", "threads": 1}
    runner = Runner.start(build("one_pass", SHAPE), **options)
    assert runner.margin == 64
    drawn = [Probe.draw(runner, genome, genome.contigs, 40).windows for genome in (circle, line)]
    assert np.array_equal(*drawn) == (size == 64)


def test_a_threshold_that_no_spacing_meets_leaves_single_masks(plan):
    found, table = plan("masked", sharp=3.0, agreement=1.0)
    assert (found["strategy"], found["spacing"]) == ("masked", None)
    tried = table["spacing"].dropna().tolist()
    assert tried == sorted(tried) and tried[-1] == max(s for s in SPACINGS if s < table["passes"][0] / 2)
    assert plan("masked", sharp=3.0, agreement=0.0)[0]["spacing"] == min(SPACINGS)
    assert plan("masked", strategy="masked", sharp=3.0, agreement=0.0)[0]["strategy"] == "masked"


def test_what_a_genome_takes_counts_all_passes(plan, monkeypatch):
    """On a clock by which each pass takes a second."""
    clock = count()
    monkeypatch.setattr("glmtracks.scoring.planning.time", SimpleNamespace(perf_counter=lambda: next(clock)))
    found, table = plan("masked", strategy="masked")
    rate = SETTINGS["batch"] * SETTINGS["window"] / table["passes"].item()
    assert found["bases_per_second"] == pytest.approx(rate, abs=0.05) and table["passes"].item() > 2
    assert found["expected_seconds"] == pytest.approx(5450 / rate, abs=0.05)


def test_another_number_format_is_checked_against_float32(plan):
    found, _ = plan("one_pass", precision="bfloat16")
    assert found["precision"] == "bfloat16"
    assert found["parity"]["spearman"] > 0.9 and 0 < found["parity"]["largest_difference"] < 1
    assert plan("one_pass")[0]["parity"] is None


def test_a_number_format_that_gives_no_numbers_does_not_agree(plan, monkeypatch):
    ask, formats = Probe.log_probs, {"auto": "bfloat16", "float32": "float32"}

    def overflowing(probe, runner, *args, **options):
        found = ask(probe, runner, *args, **options)
        return found if runner.dtype == torch.float32 else np.where(found < -1.4, np.nan, found)

    monkeypatch.setattr(Probe, "log_probs", overflowing)
    monkeypatch.setattr("glmtracks.scoring.runner.pick_precision", lambda name, _: getattr(torch, formats[name]))
    assert plan("one_pass", precision="auto")[0]["precision"] == "float32"


@pytest.mark.parametrize("window, said", [(256, "33%"), (384, "25%"), (512, None), (8192, None)])
def test_margins_that_cost_much_are_said_with_what_costs_less(plan, caplog, window, said):
    """Here 64 bases on each side; contigs that one window holds have nothing to gain."""
    caplog.set_level("INFO")
    plan("one_pass", window=window)
    assert ("scores.window: 512 would make it 20%" in caplog.text) == bool(said)
    assert not said or f"{said} of the bases that are read are margins" in caplog.text


def test_a_format_that_is_far_slower_is_told_by_how_much(monkeypatch, caplog):
    monkeypatch.setattr(devices, "matrix_product_rates", lambda *_, **__: {torch.float32: 1e11, torch.bfloat16: 1.23e9})
    with caplog.at_level("INFO"):
        assert devices.pick_precision("auto", torch.device("cpu")) == torch.float32
    assert "are 0.012 × as fast as float32 on this cpu: using float32" in caplog.text


def test_a_model_that_guesses_worse_than_chance_is_said_to_know_nothing(plan, caplog):
    plan("one_pass", sharp=4.0)
    assert "knows nothing about this genome" in caplog.text


def test_a_plan_for_other_weights_is_refused(plan, tmp_path):
    plan("one_pass")
    save(build("one_pass", SHAPE | {"seed": 1}), tmp_path / "model")
    with pytest.raises(InputError, match="made for other weights"):
        start_runner(tmp_path / "model", SETTINGS, 1, tmp_path / "plan.json")


@torch.inference_mode()
def test_windows_of_a_model_with_a_longest_context_fit_into_it(genome, tmp_path, monkeypatch, plan):
    cls = type(build("masked", SHAPE))
    monkeypatch.setattr(cls, "context", 60)
    found, table = plan("masked", agreement=0.0)
    assert table["strategy"].iloc[0] == "masked" and (table["spearman"] > 0).all()
    runner = start_runner(tmp_path / "model", SETTINGS, 1, tmp_path / "plan.json")
    assert runner.margin == 15  # a quarter of the context
    assert runner.window + 2 * runner.margin == 60 and load(tmp_path / "model").context == 60
    assert found["window"] == "30"


@pytest.mark.parametrize("kind", ["masked", "causal"])
def test_strands_are_compared_by_what_each_says_alone(plan, tmp_path, genome, kind, caplog):
    found, _ = plan(kind, sharp=2.0)
    runner = start_runner(tmp_path / "model", SETTINGS, 1, tmp_path / "plan.json")
    runner.strategy = choose(runner.model, "masked" if kind == "masked" else "auto", strands=1)
    probe = Probe.draw(runner, genome, genome.contigs, SETTINGS["sample"])
    codes, places = torch.from_numpy(probe.windows[: -(-200 // len(probe.places))]), torch.from_numpy(probe.places)
    ask = runner.strategy
    with torch.inference_mode():
        strands = []
        for windows, at in ((codes, places), (reverse_complement(codes), (codes.shape[1] - 1 - places).flip(0))):
            if kind == "masked":
                strands.append(ask.answers(runner.model, windows, at, probe.distance))
            else:
                strands.append(ask.log_probs(runner.model, windows)[:, at])
    there, back = probe.llr(strands[0].numpy()), probe.llr(strands[1].flip(1, 2).numpy())
    expected = spearmanr(there, back)
    assert found["strand_agreement"] == pytest.approx(expected.statistic, abs=1e-3)
    assert ("strands do not agree" in caplog.text) == (found["strand_agreement"] < 0.1)


def test_one_strand_needs_no_agreement(plan):
    assert plan("one_pass")[0]["strand_agreement"] is None


def test_half_of_all_bases_are_in_contigs_of_the_median_length_or_more():
    assert planning._median_length({"a": 4, "b": 3, "c": 3}) == 3
    assert planning._median_length({"a": 1, "b": 2, "c": 7}) == 7


def test_scores_that_do_not_vary_have_no_order_to_lose():
    same, other = np.zeros(3), np.arange(3.0)
    assert [planning.rank_correlation(a, b) for a, b in ((same, other), (other, same), (other, -other))] == [1, 1, -1]
