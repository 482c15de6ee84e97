"""Published models against their original implementations, and how they are asked."""

import json
import sys
import types

import numpy as np
import pandas as pd
import published_checkpoints as checkpoints
import published_vocabularies as vocabularies
import pytest
import torch
from published_checkpoints import adopt_layout
from published_layouts import LAYOUTS

from glmtracks.errors import InputError
from glmtracks.models import caduceus
from glmtracks.models.base import reverse_complement
from glmtracks.models.caduceus import scan
from glmtracks.models.registry import KINDS, load, model_class, read_config
from glmtracks.scoring.genome_scores import score_shard
from glmtracks.scoring.planning import plan_scoring
from glmtracks.scoring.runner import start_runner
from glmtracks.scoring.strategies import choose


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_published_model_computes_what_the_original_computes(name, tmp_path):
    model = load(adopt_layout(name, tmp_path))
    told = json.loads((checkpoints.FOLDER / f"{name}.json").read_text())
    assert told["original"] == LAYOUTS[name].original
    ids, there = torch.tensor(told["ids"]), torch.tensor(told["there"], dtype=torch.bool)
    assert torch.equal(ids, checkpoints.inputs(name)[0])
    with torch.inference_mode():
        last = model.states(ids, there, model.layers)
        found = {"last": last, "one": model.states(ids, there, 1)}
        found |= {"logits": model.logits(last)} if model.scores else {}
    for key, values in found.items():
        torch.testing.assert_close(values[there], torch.tensor(told[key])[there], rtol=0, atol=1e-4)


def test_every_kind_that_is_published_is_compared_with_its_original():
    assert {layout.kind for layout in LAYOUTS.values()} == {kind for kind, facts in KINDS.items() if facts.published}


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_published_model_is_asked_like_any_other(name, tmp_path):
    folder = adopt_layout(name, tmp_path, parameters={"context": 24})
    model = load(folder)
    assert model.context == 24 and read_config(folder)["kind"] == LAYOUTS[name].kind
    codes = torch.from_numpy(np.random.default_rng(0).integers(0, 4, (2, 24)).astype(np.uint8))
    with torch.inference_mode():
        assert model.embeddings(codes).shape[:2] == (2, 24)
        if not KINDS[LAYOUTS[name].kind].scores:
            return
        log_probs = choose(model).log_probs(model, codes)
    torch.testing.assert_close(log_probs.exp().sum(-1), torch.ones(2, 24))
    assert (log_probs[:, 1:].std(dim=1) > 1e-3).all()


SCORED = ["gpn", "nucleotide_transformer", "dnabert", "dnabert2", "gena_bert", "gena_bigbird", "species_lm"]


@pytest.mark.parametrize("name", SCORED)
def test_a_genome_is_planned_and_scored_with_a_published_model(name, tmp_path, make_genome):
    rng = np.random.default_rng(0)
    genome = make_genome({"a": "N" * 20 + "".join(rng.choice(list("ACGT"), 100)) + "NN" + "ACGTTGCA" * 3})
    parameters = {"context": 20} | ({"species": "candida_glabrata"} if name == "species_lm" else {})
    folder, provenance = adopt_layout(name, tmp_path, parameters=parameters), genome.path.with_name("provenance.json")
    settings = {"contigs": "", "window": 64, "batch": 2, "precision": "float32", "device": "cpu"}
    settings |= {"species": "", "sample": 10, "agreement": 0.9}
    job = {"model_folder": folder, "fasta": genome.path, "provenance": provenance, "settings": settings, "threads": 1}
    plan, scores = tmp_path / "plan.json", tmp_path / "0001-of-0001.parquet"
    plan_scoring(**job, destination=plan, table_out=tmp_path / "plan.tsv", strategy="masked", strands=0)
    told = json.loads(plan.read_text())
    assert told["nats_per_base"] > 0 and -1 <= told["strand_agreement"] <= 1 and told["expected_seconds"] > 0
    score_shard(**job, plan=plan, shard="0001-of-0001", destination=scores)
    table = pd.read_parquet(scores)
    known = np.array([base in "ACGT" for base in "N" * 20 + "A" * 100 + "NN" + "A" * 24])
    assert (table["entropy"].notna() == known).all()
    assert (table["entropy"][known] < 2).all()


@pytest.mark.parametrize("name", ["caduceus_ps", "plant_caduceus"])
def test_a_model_with_two_streams_answers_the_same_on_both_strands(name, tmp_path):
    model = load(adopt_layout(name, tmp_path))
    codes = torch.from_numpy(np.random.default_rng(0).integers(0, 5, (2, 30)).astype(np.uint8))
    hidden = torch.zeros_like(codes, dtype=torch.bool)
    hidden[:, [4, 19]] = True
    with torch.inference_mode():
        there = model.log_probs(codes, hidden=hidden)
        back = model.log_probs(reverse_complement(codes), hidden=hidden.flip(1)).flip(1, 2)
    assert model.equivariant and choose(model).strands == 1
    torch.testing.assert_close(there, back, rtol=0, atol=1e-5)


def test_a_left_to_right_model_reads_no_base_that_it_predicts_and_none_behind(tmp_path):
    model = load(adopt_layout("hyenadna", tmp_path))
    codes = torch.from_numpy(np.random.default_rng(0).integers(0, 4, (1, 30)).astype(np.uint8))
    changed = codes.clone()
    changed[0, 17:] = 3 - codes[0, 17:]
    with torch.inference_mode():
        before, after = model.log_probs(codes)[0], model.log_probs(changed)[0]
    torch.testing.assert_close(before[:18], after[:18], rtol=0, atol=1e-5)
    assert (before[18:] - after[18:]).abs().amax(-1).min() > 1e-4
    torch.testing.assert_close(before[0], torch.full((4,), 0.25).log())  # nothing stands before the first base


@pytest.mark.parametrize("chunk", [1, 7, 100])
def test_the_scan_is_its_recurrence(chunk, monkeypatch):
    monkeypatch.setattr("glmtracks.models.caduceus.CHUNK", chunk)
    generator = torch.Generator().manual_seed(0)
    x, step = torch.randn(2, 20, 3, generator=generator), torch.rand(2, 20, 3, generator=generator)
    decay, (inputs, outputs) = -torch.rand(3, 4, generator=generator), torch.randn(2, 2, 20, 4, generator=generator)
    state, expected = torch.zeros(2, 3, 4), []
    for t in range(20):
        state = torch.exp(step[:, t, :, None] * decay) * state
        state = state + (step[:, t] * x[:, t])[..., None] * inputs[:, t, None]
        expected.append((state * outputs[:, t, None]).sum(-1))
    torch.testing.assert_close(scan(x, step, decay, inputs, outputs), torch.stack(expected, 1))


def selective_scan_fn(u, delta, A, B, C, D=None, z=None, delta_bias=None, delta_softplus=False):
    """What the kernel of mamba_ssm computes and is given: u, delta and z (batch, channels, length), A (channels,
    states), B and C (batch, states, length), D and delta_bias (channels,); written out as its recurrence."""
    assert A.dtype == D.dtype == delta_bias.dtype == torch.float32
    assert u.shape == delta.shape == z.shape and B.shape == C.shape == (len(u), A.shape[1], u.shape[2])
    delta = delta + delta_bias[:, None]
    delta = torch.nn.functional.softplus(delta) if delta_softplus else delta
    state, found = torch.zeros(len(u), *A.shape), []
    for t in range(u.shape[2]):
        state = torch.exp(delta[:, :, t, None] * A) * state
        state = state + (delta[:, :, t] * u[:, :, t])[..., None] * B[:, None, :, t]
        found.append((state * C[:, None, :, t]).sum(-1))
    return (torch.stack(found, -1) + D[:, None] * u) * torch.nn.functional.silu(z)


def test_the_kernel_of_mamba_ssm_is_called_as_its_package_has_it(monkeypatch):
    torch.manual_seed(0)
    mamba, x = caduceus.Mamba(8, caduceus.SSM), torch.randn(2, 13, 8)
    with torch.inference_mode():
        mamba.A_log.normal_()
        expected = mamba(x)
        monkeypatch.setattr(caduceus, "scan_kernel", lambda device: selective_scan_fn)
        torch.testing.assert_close(mamba(x), expected)


def test_the_kernel_of_mamba_ssm_is_taken_on_a_gpu_where_it_is_installed(monkeypatch):
    for name in ("mamba_ssm", "mamba_ssm.ops", "mamba_ssm.ops.selective_scan_interface"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    sys.modules["mamba_ssm.ops.selective_scan_interface"].selective_scan_fn = selective_scan_fn
    found = caduceus.scan_kernel.__wrapped__
    assert found("cuda") is selective_scan_fn and found("cpu") is None
    monkeypatch.setitem(sys.modules, "mamba_ssm.ops.selective_scan_interface", None)
    assert found("cuda") is None


def test_a_model_of_species_reads_that_of_the_sheet_or_that_of_the_genome(tmp_path):
    told = load(adopt_layout("species_lm", tmp_path, parameters={"context": 24, "species": "candida_glabrata"}))
    asked = load(adopt_layout("species_lm", tmp_path / "second", parameters={"context": 24}))
    codes = torch.from_numpy(np.random.default_rng(0).integers(0, 4, (1, 24)).astype(np.uint8))
    place = LAYOUTS["species_lm"].vocabulary.index("candida_glabrata")
    assert told.read(codes).ids[0, :3].tolist()[:2] == [2, place]
    assert asked.read(codes).ids[0, 1] == 1  # no species yet
    for name in ("candida_glabrata", "Candida glabrata"):
        asked.read_as(name)
        assert torch.equal(asked.read(codes).ids, told.read(codes).ids)
    told.read_as("yarrowia_lipolytica")
    assert told.read(codes).ids[0, 1] == place
    asked.read_as("yarrowia_lipolytica")
    with torch.inference_mode():
        assert (asked.log_probs(codes) - told.log_probs(codes)).abs().max() > 1e-3
    numbers = torch.tensor([LAYOUTS["species_lm"].vocabulary.index("kluyveromyces_lactis")])
    assert asked.read(codes, torch.tensor([2])).ids[0, 1] == numbers[0]


def test_a_species_that_a_model_does_not_know_is_one_sentence(tmp_path):
    model = load(adopt_layout("species_lm", tmp_path))
    with pytest.raises(InputError, match=r"'Candida albicans' is none of the 3 species.* species=candida_glabrata"):
        model.read_as("Candida albicans")
    with pytest.raises(InputError, match="'nonesuch' is none of the 3 species"):
        adopt_layout("species_lm", tmp_path / "second", parameters={"species": "nonesuch"})


@pytest.mark.parametrize("name", ["gena_bigbird_sparse", "gena_bert", "dnabert2", "species_lm"])
def test_what_stands_beside_a_window_does_not_matter(name, tmp_path):
    """BigBird reads few tokens with full attention, more with block-sparse, and its last block is read by all."""
    model = load(adopt_layout(name, tmp_path, parameters={"context": 26}))
    codes = torch.from_numpy(np.random.default_rng(0).integers(0, 4, (4, 26)).astype(np.uint8))
    codes[1, 8:], codes[2, 17:] = 4, 4
    with torch.inference_mode():
        together = model.log_probs(codes)
        for row in range(4):
            torch.testing.assert_close(together[row], model.log_probs(codes[row : row + 1])[0], rtol=0, atol=1e-5)


def test_a_model_of_embeddings_alone_says_so(tmp_path, make_genome):
    folder = adopt_layout("dnabert_s", tmp_path, parameters={"context": 24})
    genome = make_genome({"a": "ACGTTGCATTGACCAG" * 20})
    settings = {"contigs": "", "window": 64, "batch": 2, "precision": "auto", "device": "cpu"}
    settings |= {"species": "", "sample": 10, "agreement": 0.9}
    job = {"model_folder": folder, "fasta": genome.path, "provenance": genome.path.with_name("provenance.json")}
    plan = tmp_path / "plan.json"
    job |= {"settings": settings, "threads": 1}
    plan_scoring(**job, destination=plan, table_out=tmp_path / "plan.tsv", strategy="auto", strands=0)
    told = json.loads(plan.read_text())
    assert told["strategy"] == "embeddings" and told["nats_per_base"] is None and told["bases_per_second"] > 0
    runner = start_runner(folder, settings, 1, plan)
    assert runner.states(np.zeros((3, 24), np.uint8)).shape == (3, 24, 24)
    with pytest.raises(InputError, match="has embeddings alone, no probabilities of bases"):
        score_shard(**job, plan=plan, shard="0001-of-0001", destination=tmp_path / "0001-of-0001.parquet")


def test_a_published_model_is_not_trained():
    with pytest.raises(TypeError, match="is loaded, not trained"):
        model_class("gpn").fit(checkpoints.meta("gpn", vocabularies.BASES), None, {}, None)
