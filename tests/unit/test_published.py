"""Published models against their original implementations, their published sizes, and what can be wrong with them."""

import json
import pickle
import shutil
import sys
import types

import numpy as np
import pandas as pd
import published_layouts as layouts
import pytest
import torch
from published_layouts import LAYOUTS
from safetensors.torch import load_file, save_file

from glmtracks.errors import InputError
from glmtracks.models import caduceus, checkpoint
from glmtracks.models.base import reverse_complement
from glmtracks.models.caduceus import scan
from glmtracks.models.registry import KINDS, adopt, load, model_class, read_config
from glmtracks.planning import plan_scoring
from glmtracks.scoring import score_shard, start_runner
from glmtracks.strategies import choose


def adopt_layout(name: str, folder, **said):
    """The folder that a checkpoint of a layout becomes."""
    out = folder / "out"
    said = {"kind": LAYOUTS[name].kind, "seen": ["unknown"], "licence": "MIT"} | said
    source = said.pop("source", None) or str(layouts.write(name, folder / "source"))
    adopt(source, **said, metrics_out=out / "metrics.json", training_out=out / "training.tsv")
    return out


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_published_model_computes_what_the_original_computes(name, tmp_path):
    model = load(adopt_layout(name, tmp_path))
    told = json.loads((layouts.FOLDER / f"{name}.json").read_text())
    assert told["original"] == LAYOUTS[name].original
    ids, there = torch.tensor(told["ids"]), torch.tensor(told["there"], dtype=torch.bool)
    assert torch.equal(ids, layouts.inputs(name)[0])
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


ESM = {"intermediate_size": 5120, "mask_token_id": 2, "pad_token_id": 1}
LARGE = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072}
PRE_NORM = {"pad_token_id": 3, "pre_layer_norm": True}
SIZES = {  # million weights of published checkpoints
    "songlab/gpn-brassicales": (65.88, "gpn_convnet", layouts.BASES, {}),
    "GPN, its default": (93.09, "gpn", layouts.BASES, {}),
    "InstaDeepAI/nucleotide-transformer-500m-human-ref": (
        480.44,
        "nucleotide_transformer",
        layouts.NT_6,
        ESM
        | {"vocab_size": 4105, "hidden_size": 1280, "num_hidden_layers": 24}
        | {"num_attention_heads": 20, "max_position_embeddings": 1002},
    ),
    "InstaDeepAI/agro-nucleotide-transformer-1b": (
        985.1,
        "nucleotide_transformer",
        layouts.NT_6,
        ESM
        | {"vocab_size": 4105, "hidden_size": 1500, "num_hidden_layers": 40}
        | {"num_attention_heads": 20, "max_position_embeddings": 1026},
    ),
    "InstaDeepAI/nucleotide-transformer-2.5b-multi-species": (
        2537.29,
        "nucleotide_transformer",
        layouts.NT_6,
        ESM
        | {"vocab_size": 4105, "hidden_size": 2560, "num_hidden_layers": 32, "intermediate_size": 10240}
        | {"num_attention_heads": 20, "max_position_embeddings": 1002},
    ),
    "kuleshov-group/PlantCaduceus_l20": (
        20.87,
        "plant_caduceus",
        layouts.BASES,
        {"vocab_size": 8, "d_model": 384, "n_layer": 20, "rcps": True},
    ),
    "kuleshov-group/PlantCaduceus_l32": (
        225.35,
        "plant_caduceus",
        layouts.BASES,
        {"vocab_size": 8, "d_model": 1024, "n_layer": 32, "rcps": True},
    ),
    "kuleshov-group/caduceus-ps_seqlen-131k_d_model-256_n_layer-16": (
        7.72,
        "caduceus",
        layouts.CHARACTERS,
        {"vocab_size": 12, "d_model": 256, "n_layer": 16, "rcps": True},
    ),
    "LongSafari/hyenadna-large-1m-seqlen-hf": (  # without its long tables of positions
        6.55,
        "hyenadna",
        layouts.CHARACTERS,
        {"vocab_size": 12, "d_model": 256, "d_inner": 1024, "n_layer": 8, "emb_dim": 5, "max_seq_len": 2},
    ),
    "zhihan1996/DNABERT-2-117M": (117.07, "dnabert2", layouts.numbered(4096), LARGE | {"vocab_size": 4096}),
    "AIRI-Institute/gena-lm-bert-base-t2t": (  # published as 110 and 336 M
        110.65,
        "gena_bert",
        layouts.numbered(32000),
        LARGE | {"vocab_size": 32000, "max_position_embeddings": 512} | PRE_NORM,
    ),
    "AIRI-Institute/gena-lm-bert-large-t2t": (
        336.69,
        "gena_bert",
        layouts.numbered(32000),
        {"vocab_size": 32000, "hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16}
        | {"intermediate_size": 4096, "max_position_embeddings": 512}
        | PRE_NORM,
    ),
    "AIRI-Institute/gena-lm-bigbird-base-t2t": (
        113.99,
        "gena_bigbird",
        layouts.numbered(32000),
        LARGE | {"vocab_size": 32000, "max_position_embeddings": 4096, "pad_token_id": 3},
    ),
    "SpliceBERT": (
        19.71,
        "bert",
        layouts.SPLICEBERT,
        {"vocab_size": 10, "hidden_size": 512, "num_hidden_layers": 6, "num_attention_heads": 16}
        | {"intermediate_size": 2048, "max_position_embeddings": 1026},
    ),
    "zhihan1996/DNA_bert_6": (
        89.2,
        "dnabert",
        layouts.DNABERT_6,
        {"vocab_size": 4101, "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12}
        | {"intermediate_size": 3072, "max_position_embeddings": 512},
    ),
}


@pytest.mark.parametrize("name", SIZES)
def test_published_sizes_have_the_published_number_of_weights(name):
    millions, kind, vocabulary, options = SIZES[name]
    model = layouts.meta(kind, vocabulary, **options)
    assert round(sum(p.numel() for p in model.parameters()) / 1e6, 2) == pytest.approx(millions, abs=0.05)


@pytest.mark.parametrize(
    "name, vocabulary, bases",
    [("nucleotide_transformer", "NT_6", 999 * 6), ("dnabert", "DNABERT_6", 510 + 5)],
)
def test_the_longest_window_is_what_the_positions_allow(name, vocabulary, bases):
    size = next(size for size in SIZES.values() if size[1] == name)
    assert layouts.meta(name, getattr(layouts, vocabulary), **size[3]).context == bases


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


def test_complements_that_do_not_fit_the_vocabulary_are_one_sentence(tmp_path):
    source = layouts.write("caduceus_ps", tmp_path / "source")
    permute(source)
    with pytest.raises(InputError, match=r"complement_map in config\.json does not take A to T"):
        adopt_layout("caduceus_ps", tmp_path, source=str(source))


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


def test_what_is_loaded_is_told(tmp_path, caplog):
    caplog.set_level("INFO")
    folder = adopt_layout("gpn", tmp_path, seen=["tair10"], licence="CC-BY-NC-SA-4.0")
    told = read_config(folder)
    file = tmp_path / "source" / "model.safetensors"
    assert told["published"]["files"] == {"model.safetensors": checkpoint.sha256(file)}
    assert (told["seen"], told["licence"]) == (["tair10"], "CC-BY-NC-SA-4.0")
    assert "may not be used commercially" in caplog.text


def test_a_folder_written_here_is_loaded_again(tmp_path):
    first = adopt_layout("nucleotide_transformer", tmp_path)
    again = adopt_layout("nucleotide_transformer", tmp_path / "again", source=str(first))
    assert read_config(again)["sha256"] == read_config(first)["sha256"]
    assert read_config(again)["published"] == read_config(first)["published"]


def test_pickled_tensors_in_several_files_are_read_and_tied_ones_given_twice(tmp_path):
    source = layouts.write("nucleotide_transformer", tmp_path / "source")
    tensors = load_file(source / "model.safetensors")
    expected = read_config(adopt_layout("nucleotide_transformer", tmp_path, source=str(source)))["sha256"]
    tensors["lm_head.decoder.weight"] = tensors["esm.embeddings.word_embeddings.weight"].clone()
    tensors["esm.embeddings.position_ids"] = torch.arange(40)[None]
    names, index = list(tensors), {}
    for part, some in enumerate((names[:9], names[9:])):
        torch.save({name: tensors[name] for name in some}, source / f"part-{part}.bin")
        index |= dict.fromkeys(some, f"part-{part}.bin")
    (source / "model.safetensors").unlink()
    (source / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": index}))
    again = adopt_layout("nucleotide_transformer", tmp_path / "again", source=str(source))
    assert read_config(again)["sha256"] == expected
    (source / "part-1.bin").unlink()
    with pytest.raises(InputError, match=r"names part-1\.bin, which is not"):
        adopt_layout("nucleotide_transformer", tmp_path / "third", source=str(source))


def test_the_hub_is_read_from_its_cache(tmp_path, monkeypatch):
    hub = tmp_path / "hub" / "models--lab--model"
    commit = "0123456789abcdef0123456789abcdef01234567"
    layouts.write("gpn", hub / "snapshots" / commit)
    (hub / "refs").mkdir()
    (hub / "refs" / "v1").write_text(commit)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    told = read_config(adopt_layout("gpn", tmp_path, source="hub:lab/model@v1"))
    assert told["published"]["source"] == "hub:lab/model@v1" and told["published"]["revision"] == commit
    with pytest.raises(InputError, match="hub:lab/other@v1 could not be fetched from the hub"):
        adopt_layout("gpn", tmp_path, source="hub:lab/other@v1")


class Code:
    """What runs when it is unpickled."""

    def __reduce__(self):
        return (print, ("remote code runs",))


def edit_options(**changes):
    def edit(folder):
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return edit


def edit_weights(change):
    def edit(folder):
        tensors = load_file(folder / "model.safetensors")
        change(tensors)
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, folder / "model.safetensors")

    return edit


def instead(write):
    def edit(folder):
        (folder / "model.safetensors").unlink()
        write(folder / "pytorch_model.bin")

    return edit


def swap(tensors):
    a, b = "lm_head.dense.weight", "esm.encoder.layer.0.intermediate.dense.weight"
    tensors[a], tensors[b] = tensors[b], tensors[a]


def untie(tensors):
    tensors["lm_head.decoder.weight"] = tensors["esm.embeddings.word_embeddings.weight"] + 1


def permute(folder):
    words = (folder / "vocab.txt").read_text().split()
    (folder / "vocab.txt").write_text("\n".join(words[1:] + words[:1]))


def cut(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def cut_pickle(path):
    torch.save({"a": torch.zeros(1000)}, path)
    path.write_bytes(path.read_bytes()[:-100])


@pytest.mark.parametrize(
    "damage, complaint",
    [
        (lambda folder: shutil.rmtree(folder), "holds no config.json"),
        (lambda folder: (folder / "config.json").write_text("{"), "cannot be read"),
        (lambda folder: (folder / "vocab.txt").unlink(), "neither vocab.txt nor tokenizer.json"),
        (lambda folder: (folder / "model.safetensors").unlink(), "holds no weights"),
        (edit_options(model_type="bert"), "of the type bert, not esm"),
        (edit_options(pre_layer_norm=True), "unknown option pre_layer_norm = True"),
        (edit_options(add_bias_fnn=False), "add_bias_fnn = False is not supported, only True"),
        (edit_options(hidden_size="wide"), "its options fit no network"),
        (edit_options(num_attention_heads=3), "its options fit no network"),
        (edit_options(hidden_size=32), r"has the shape \(.*16.*\) where config.json asks for"),
        (edit_options(num_hidden_layers=3), "16 missing"),
        (edit_options(num_hidden_layers=1), "16 unexpected"),
        (edit_options(vocab_size=20), "its vocabulary has 25 tokens, its weights 20"),
        (edit_options(vocab_size=30), "its vocabulary has 25 tokens, its weights 30"),
        (permute, "token 2 of its vocabulary is not <mask>"),
        (edit_weights(swap), r"has the shape \(24, 16\) where config.json asks for \(16, 16\)|\(16, 16\) where .*"),
        (edit_weights(untie), "differ, but a model of this kind has one tensor for both"),
        (
            edit_weights(lambda tensors: tensors["lm_head.bias"].fill_(torch.nan)),
            "lm_head.bias hold values that are no",
        ),
        (edit_weights(lambda tensors: tensors.pop("lm_head.bias")), r"1 missing \(lm_head.bias\)"),
        (cut, "is damaged or cut off"),
        (instead(cut_pickle), "is damaged or cut off"),
        (instead(lambda path: torch.save(torch.nn.Linear(2, 2), path)), "is never run; where you trust it, write"),
        (instead(lambda path: path.write_bytes(pickle.dumps(Code()))), "is never run; where you trust it, write"),
        (instead(lambda path: torch.save({"a": 1}, path)), "holds more than tensors by name"),
    ],
)
def test_what_is_wrong_with_a_checkpoint_is_one_sentence(damage, complaint, tmp_path, capsys):
    source = layouts.write("nucleotide_transformer", tmp_path / "source")
    damage(source)
    with pytest.raises(InputError, match=complaint) as caught:
        adopt_layout("nucleotide_transformer", tmp_path, source=str(source))
    assert "\n" not in str(caught.value)
    assert "remote code runs" not in capsys.readouterr().out


def test_a_published_model_is_not_trained():
    with pytest.raises(TypeError, match="is loaded, not trained"):
        model_class("gpn").fit(layouts.meta("gpn", layouts.BASES), None, {}, None)
