"""Checkpoints as others publish them: where they are read from, what is told of them, what can be wrong with them."""

import contextlib
import json
import pickle
import shutil

import httpx2
import published_checkpoints as checkpoints
import published_vocabularies as vocabularies
import pytest
import torch
import transformers
from huggingface_hub.utils import filter_repo_objects
from published_checkpoints import adopt_layout
from published_layouts import LAYOUTS
from safetensors.torch import load_file, save_file

from glmtracks.errors import InputError
from glmtracks.models import checkpoint
from glmtracks.models.registry import load, read_config


def test_what_is_loaded_is_told(tmp_path, caplog):
    caplog.set_level("INFO")
    folder = adopt_layout("gpn", tmp_path, seen=["tair10"], licence="CC-BY-NC-SA-4.0")
    told = read_config(folder)
    file = tmp_path / "source" / "model.safetensors"
    assert told["published"]["files"] == {"model.safetensors": checkpoint.sha256(file)}
    assert (told["seen"], told["licence"]) == (["tair10"], "CC-BY-NC-SA-4.0")
    assert "may not be used commercially" in caplog.text


def test_weights_are_those_that_the_sheet_names(tmp_path):
    source = checkpoints.write("gpn", tmp_path / "source")
    expected = checkpoint.sha256(source / "model.safetensors")
    first = adopt_layout("gpn", tmp_path, source=str(source), sha256_of_weights=expected)
    adopt_layout("gpn", tmp_path / "again", source=str(first), sha256_of_weights=read_config(first)["sha256"].upper())

    def exchange(tensors):
        one, other = "model.encoder.layer.0.ffn.1.weight", "model.encoder.layer.1.ffn.1.weight"
        tensors[one], tensors[other] = tensors[other], tensors[one]

    edit_weights(exchange)(source)
    with pytest.raises(InputError, match=f"names, {expected}: model.safetensors has"):
        adopt_layout("gpn", tmp_path, source=str(source), sha256_of_weights=expected)


def test_a_folder_written_here_is_loaded_again(tmp_path):
    first = adopt_layout("nucleotide_transformer", tmp_path)
    again = adopt_layout("nucleotide_transformer", tmp_path / "again", source=str(first))
    assert read_config(again)["sha256"] == read_config(first)["sha256"]
    assert read_config(again)["published"] == read_config(first)["published"]


def test_a_licence_that_the_sheet_does_not_repeat_is_not_forgotten(tmp_path, caplog):
    caplog.set_level("INFO")
    first = adopt_layout("gpn", tmp_path, licence="CC-BY-NC-4.0")
    caplog.clear()
    again = adopt_layout("gpn", tmp_path / "again", source=str(first), licence="unknown")
    assert read_config(again)["licence"] == "CC-BY-NC-4.0" and "may not be used commercially" in caplog.text
    assert read_config(adopt_layout("gpn", tmp_path / "third", source=str(first), licence="MIT"))["licence"] == "MIT"


@pytest.mark.parametrize(
    ("card", "licence"),
    [
        ("---\nlicense: cc-by-nc-4.0\n---\n# A model\n", "cc-by-nc-4.0"),
        ("# A model without a head\n", "unknown"),
        ("---\nlicense: [mit, apache-2.0]\n---\n", "unknown"),
        ("---\nlicense: 'mit\n---\n", "unknown"),
        ("---\n- license\n---\n", "unknown"),
    ],
)
def test_a_licence_that_the_sheet_leaves_out_is_that_of_the_card(card, licence, tmp_path):
    source = checkpoints.write("gpn", tmp_path / "source")
    (source / "README.md").write_text(card)
    adopted = adopt_layout("gpn", tmp_path, source=str(source), licence="unknown")
    assert read_config(adopted)["licence"] == licence


def test_pickled_tensors_in_several_files_are_read_and_tied_ones_given_twice(tmp_path):
    source = checkpoints.write("nucleotide_transformer", tmp_path / "source")
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
    checkpoints.write("gpn", hub / "snapshots" / commit)
    (hub / "refs").mkdir()
    (hub / "refs" / "v1").write_text(commit)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    told = read_config(adopt_layout("gpn", tmp_path, source="hub:lab/model@v1"))
    assert told["published"]["source"] == "hub:lab/model@v1" and told["published"]["revision"] == commit
    with pytest.raises(InputError, match=r"hub:lab/other@v1 could not be fetched from the hub .* network, try later"):
        adopt_layout("gpn", tmp_path, source="hub:lab/other@v1")


def test_the_licence_of_a_checkpoint_of_the_hub_is_that_of_its_card(tmp_path, monkeypatch):
    hub = checkpoints.write("gpn", tmp_path / "hub")
    (hub / "README.md").write_text("---\nlicense: cc-by-nc-sa-4.0\n---\n# A model\n")

    def download(repo_id: str, revision: str, allow_patterns: list[str], local_files_only: bool = False) -> str:
        folder = tmp_path / "snapshots" / revision
        folder.mkdir(parents=True, exist_ok=True)
        for file in filter_repo_objects(sorted(hub.iterdir()), allow_patterns=allow_patterns, key=lambda f: f.name):
            shutil.copy(file, folder)
        return str(folder)

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    adopted = adopt_layout("gpn", tmp_path, source="hub:lab/model@v1", licence="unknown")
    assert read_config(adopted)["licence"] == "cc-by-nc-sa-4.0"


@pytest.mark.parametrize("cached", [0, 1, 3])
@pytest.mark.parametrize("weights", ["model.safetensors", "pytorch_model.bin"])
def test_weights_of_which_the_cache_of_the_hub_lacks_a_part_are_fetched(cached, weights, tmp_path, monkeypatch):
    parts = [weights.replace(".", f"-{n}.") for n in (1, 2)]
    index = json.dumps({"weight_map": {"a": parts[0], "b": parts[1]}})
    hub = {"config.json": "{}", f"{weights}.index.json": index, parts[0]: "", parts[1]: ""}
    also = {"pytorch_model.bin": "the same again"} if weights == "model.safetensors" else {}
    for name in list(hub)[:cached]:
        (tmp_path / name).write_text(hub[name])

    def download(repo_id: str, revision: str, allow_patterns: list[str], local_files_only: bool = False) -> str:
        for name in () if local_files_only else filter_repo_objects([*hub, *also], allow_patterns=allow_patterns):
            (tmp_path / name).write_text({**hub, **also}[name])
        return str(tmp_path)

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    folder, _ = checkpoint.fetch("hub:lab/model@v1")
    assert {file.name for file in folder.iterdir()} == set(hub)


@pytest.mark.parametrize("error", [httpx2.ProxyError("403 Forbidden"), httpx2.ReadError("")])
def test_a_network_that_breaks_off_is_one_sentence(error, monkeypatch):
    def download(**_) -> str:
        raise error

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    with pytest.raises(InputError, match=r"^hub:lab/model@v1 could not be fetched from the hub \((403|ReadError)"):
        checkpoint.fetch("hub:lab/model@v1")


@pytest.mark.parametrize("name", ["nucleotide_transformer", "splicebert", "species_lm", "gena_bigbird"])
def test_a_config_that_transformers_wrote_anew_is_read(name, tmp_path):
    source, said = checkpoints.write(name, tmp_path / "source"), LAYOUTS[name].options
    transformers.CONFIG_MAPPING[said["model_type"]](**said).save_pretrained(source)
    expected = read_config(adopt_layout(name, tmp_path / "as published"))
    assert read_config(adopt_layout(name, tmp_path, source=str(source)))["sha256"] == expected["sha256"]


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_same_checkpoint_becomes_the_same_file(name, tmp_path):
    hashes = {read_config(adopt_layout(name, tmp_path / str(n)))["sha256"] for n in range(4)}
    assert len(hashes) == 1


def test_the_second_nucleotide_transformer_has_no_positions_but_rotary_ones(tmp_path):
    source = checkpoints.write("nucleotide_transformer_v2", tmp_path / "source")
    edit_options(position_embedding_type="absolute")(source)
    with pytest.raises(InputError, match="position_embedding_type is not rotary"):
        adopt_layout("nucleotide_transformer_v2", tmp_path, source=str(source))


def test_rotary_frequencies_are_those_that_are_computed_or_refused(tmp_path):
    source = checkpoints.write("nucleotide_transformer_v2", tmp_path / "source")
    expected = read_config(adopt_layout("nucleotide_transformer_v2", tmp_path / "without"))["sha256"]
    frequencies = 10_000 ** -torch.arange(0, 1, 2 / 8)  # of heads of eight channels

    def scaled(factor):
        names = [f"esm.encoder.layer.{layer}.attention.self.rotary_embeddings.inv_freq" for layer in (0, 1)]
        return lambda tensors: tensors.update({name: (frequencies / factor).half() for name in names})

    edit_weights(scaled(1))(source)
    assert read_config(adopt_layout("nucleotide_transformer_v2", tmp_path, source=str(source)))["sha256"] == expected
    edit_weights(scaled(4))(source)
    with pytest.raises(InputError, match="inv_freq holds other numbers"):
        adopt_layout("nucleotide_transformer_v2", tmp_path, source=str(source))
    edit_options(num_attention_heads=16)(source)
    with pytest.raises(InputError, match="must be a multiple of two a head"):
        adopt_layout("nucleotide_transformer_v2", tmp_path, source=str(source))


def test_norms_may_have_their_old_names(tmp_path):
    def rename(tensors):
        for name in [name for name in tensors if "LayerNorm." in name]:
            tensors[name.replace("LayerNorm.weight", "LayerNorm.gamma").replace(".bias", ".beta")] = tensors.pop(name)

    source = checkpoints.write("nucleotide_transformer", tmp_path / "source")
    edit_weights(rename)(source)
    assert any(name.endswith("LayerNorm.beta") for name in load_file(source / "model.safetensors"))
    expected = read_config(adopt_layout("nucleotide_transformer", tmp_path / "as published"))
    found = read_config(adopt_layout("nucleotide_transformer", tmp_path, source=str(source)))
    assert found["sha256"] == expected["sha256"]


def reorder(folder, change):
    words = (folder / "vocab.txt").read_text().split()
    (folder / "vocab.txt").write_text("\n".join(change(words)) + "\n")


@pytest.mark.parametrize("name", ["gpn", "nucleotide_transformer", "dnabert", "splicebert", "caduceus_ph", "hyenadna"])
def test_tokens_in_an_order_that_nobody_publishes_are_read_as_they_stand_and_said(name, tmp_path, caplog):
    source = checkpoints.write(name, tmp_path / "source")
    adopt_layout(name, tmp_path / "as published", source=str(source))
    assert "does not number" not in caplog.text
    turned = str.maketrans("ACGTacgt", "CGTAcgta")
    reorder(source, lambda words: [word if word[0] in "[<" else word.translate(turned) for word in words])
    model = load(adopt_layout(name, tmp_path, source=str(source)))
    assert "does not number" in caplog.text
    ids = model.reads.words[:4]  # of the last base, whichever come before it
    assert [model.architecture["vocabulary"][int(i)].upper()[-1] for i in ids] == list("ACGT")


@pytest.mark.parametrize(
    "name, one, other",
    [
        ("gpn", "[PAD]", "[UNK]"),
        ("nucleotide_transformer", "<unk>", "<cls>"),
        ("dnabert", "[UNK]", "[CLS]"),
        ("splicebert", "[CLS]", "[SEP]"),
        ("species_lm", "[CLS]", "[SEP]"),
        ("caduceus_ps", "[CLS]", "[UNK]"),
        ("hyenadna", "[RESERVED]", "[UNK]"),
    ],
)
def test_special_tokens_in_an_order_that_nobody_publishes_are_said(name, one, other, tmp_path, caplog):
    source = checkpoints.write(name, tmp_path / "source")
    reorder(source, lambda words: [{one: other, other: one}.get(word, word) for word in words])
    adopt_layout(name, tmp_path, source=str(source))
    assert "does not number" in caplog.text


@pytest.mark.parametrize("name, other", [("dnabert2", "dnabert_s"), ("dnabert_s", "dnabert2")])
def test_either_dnabert_given_as_the_other_is_told_by_its_name(name, other, tmp_path):
    source = checkpoints.write(other, tmp_path / "source")
    with pytest.raises(InputError, match=f"names of the kind {other}, not {name}"):
        adopt_layout(name, tmp_path, source=str(source))


NORM = "esm.encoder.layer.0.attention.LayerNorm"


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


def indexed(text):
    return instead(lambda path: path.with_name(f"{path.name}.index.json").write_text(text))


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
        (lambda folder: (folder / "config.json").write_text("[" * 100_000), "cannot be read"),
        (lambda folder: (folder / "vocab.txt").unlink(), "neither vocab.txt nor tokenizer.json"),
        (lambda folder: (folder / "model.safetensors").unlink(), "holds no weights"),
        (edit_options(model_type="bert"), "of the type bert, not esm"),
        (edit_options(pre_layer_norm=True), "unknown option pre_layer_norm = True"),
        (edit_options(add_bias_fnn=False), "add_bias_fnn = False is not supported, only True"),
        (edit_options(hidden_size="wide"), "the option hidden_size = 'wide' is not a whole number above 0"),
        (edit_options(num_attention_heads=True), "num_attention_heads = True is not a whole number above 0"),
        (edit_options(vocab_size=None), "vocab_size = None is not a whole number above 0"),
        (edit_options(layer_norm_eps=float("nan")), "layer_norm_eps = nan is not a number from 0 to 1"),
        (edit_options(layer_norm_eps=None), "layer_norm_eps = None is not a number from 0 to 1"),
        (edit_options(mask_token_id=2 - len(vocabularies.NT)), "is not <mask> or .MASK."),
        (edit_options(position_embedding_type="relative_key"), "position_embedding_type is not absolute or rotary"),
        (edit_options(max_position_embeddings=3), "leaves no place for a word"),
        (lambda folder: (folder / "vocab.txt").write_bytes(b"\xff\xfe"), "vocab.txt cannot be read"),
        (edit_options(num_attention_heads=3), "its options fit no network"),
        (edit_options(hidden_size=32), r"has the shape \(.*16.*\) where config.json asks for"),
        (edit_options(num_hidden_layers=3), "16 missing"),
        (edit_options(num_hidden_layers=1), "16 unexpected"),
        (edit_options(vocab_size=20), "its vocabulary has 25 tokens, its weights 20"),
        (edit_options(vocab_size=30), "its vocabulary has 25 tokens, its weights 30"),
        (lambda folder: reorder(folder, lambda words: [*words[:-1], "A"]), r"vocab\.txt gives A two numbers"),
        (
            lambda folder: (folder / "tokenizer.json").write_text('{"model": {"vocab": {"<unk>": 0, "<pad>": 2}}}'),
            "vocab.txt and tokenizer.json number <pad> differently",
        ),
        (lambda folder: (folder / "tokenizer.json").write_text("[]"), "holds no tokenizer"),
        *(
            (lambda folder, text=text: (folder / "tokenizer.json").write_text(text), complaint)
            for text, complaint in (
                ('{"model": {"vocab": [["a", 0]]}}', "holds no vocabulary, whole numbers by token"),
                ('{"model": {"vocab": {"<unk>": "0"}}}', "holds no vocabulary, whole numbers by token"),
                ('{"model": {"vocab": {}}, "added_tokens": null}', "holds added_tokens without content and id"),
                (
                    '{"model": {"vocab": {"a": 0}}, "added_tokens": [{"content": "a", "id": 1}]}',
                    "gives a one number as a token and another as an added one",
                ),
            )
        ),
        (permute, "token 2 of its vocabulary is not <mask>"),
        (edit_weights(swap), r"has the shape \(24, 16\) where config.json asks for \(16, 16\)|\(16, 16\) where .*"),
        (edit_weights(untie), "differ, but a model of this kind has one tensor for both"),
        (
            edit_weights(lambda tensors: tensors["lm_head.bias"].fill_(torch.nan)),
            "lm_head.bias hold values that are no",
        ),
        *(
            (
                edit_weights(lambda tensors, to=to: tensors.update({"lm_head.bias": tensors["lm_head.bias"].to(to)})),
                "lm_head.bias holds (int8|float8_e4m3fn|float8_e5m2); quantised weights are not read",
            )
            for to in (torch.int8, torch.float8_e4m3fn, torch.float8_e5m2)
        ),
        (
            edit_weights(lambda tensors: tensors.update({f"{NORM}.gamma": tensors[f"{NORM}.weight"].clone()})),
            f"{NORM}.(gamma|weight) is there under its old and its new name",
        ),
        (edit_weights(lambda tensors: tensors.pop("lm_head.bias")), r"1 missing \(lm_head.bias\)"),
        (cut, "is damaged or cut off"),
        *(
            (indexed(text), "index.json holds no weight_map, files by names of weights")
            for text in ("{}", "[]", '{"weight_map": null}', '{"weight_map": {}}', '{"weight_map": {"a": 5}}')
        ),
        (instead(cut_pickle), "is damaged or cut off"),
        (instead(lambda path: torch.save(torch.nn.Linear(2, 2), path)), "is never run; where you trust it, write"),
        (instead(lambda path: path.write_bytes(pickle.dumps(Code()))), "is never run; where you trust it, write"),
        (instead(lambda path: torch.save({"a": 1}, path)), "holds more than tensors by name"),
    ],
)
def test_what_is_wrong_with_a_checkpoint_is_one_sentence(damage, complaint, tmp_path, capsys):
    source = checkpoints.write("nucleotide_transformer", tmp_path / "source")
    damage(source)
    with pytest.raises(InputError, match=complaint) as caught:
        adopt_layout("nucleotide_transformer", tmp_path, source=str(source))
    assert "\n" not in str(caught.value)
    assert "remote code runs" not in capsys.readouterr().out


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_with_a_wrong_byte_is_read_or_one_sentence(zipped, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    path = tmp_path / "pytorch_model.bin"
    torch.save({"a": torch.zeros(2)}, path, _use_new_zipfile_serialization=zipped)
    whole = path.read_bytes()
    for place in range(min(len(whole), 400)):  # where the pickle stands
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 8]) + whole[place + 1 :])
        with contextlib.suppress(InputError):
            checkpoint.read(tmp_path)


@pytest.mark.parametrize("options", [{"dilation_base": 2.0}, {"dilation_max": 0}])
def test_dilations_that_are_no_numbers_of_bases_are_one_sentence(options, tmp_path):
    source = checkpoints.write("gpn_convnet", tmp_path / "source")
    edit_options(**options)(source)
    with pytest.raises(InputError, match=r"the option dilation_\w+ = [\d.]+ is not a whole number above 0"):
        adopt_layout("gpn_convnet", tmp_path, source=str(source))


@pytest.mark.parametrize("damage", [permute, edit_options(complement_map=[0, 1])])
def test_complements_that_do_not_fit_the_vocabulary_are_one_sentence(damage, tmp_path):
    source = checkpoints.write("caduceus_ps", tmp_path / "source")
    damage(source)
    with pytest.raises(InputError, match=r"complement_map in config\.json does not take A to T"):
        adopt_layout("caduceus_ps", tmp_path, source=str(source))


def test_complements_of_the_weights_are_those_of_the_config_or_refused(tmp_path):
    source = checkpoints.write("caduceus_ps", tmp_path / "source")
    options = json.loads((source / "config.json").read_text())["complement_map"]
    size = 8 * -(-len(options) // 8)
    complements = torch.tensor([options.get(str(number), number) for number in range(size)])
    name = "caduceus.backbone.embeddings.word_embeddings.complement_map"
    edit_weights(lambda tensors: tensors.update({name: complements}))(source)
    adopt_layout("caduceus_ps", tmp_path / "as published", source=str(source))
    edit_weights(lambda tensors: tensors.update({name: complements.flip(0)}))(source)
    with pytest.raises(InputError, match=f"{name} of its weights is not complement_map of config.json"):
        adopt_layout("caduceus_ps", tmp_path, source=str(source))
