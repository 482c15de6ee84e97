"""How a model is stored and loaded: what survives its folder, and that whatever is wrong there is one sentence."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from test_models import SMALL, TRAINABLE, ask, random_codes

from glmtracks.errors import InputError
from glmtracks.files import sha256
from glmtracks.models.registry import adopt, load, save
from glmtracks.training import build


@pytest.mark.parametrize("kind", TRAINABLE)
def test_a_model_survives_its_folder(kind, tmp_path):
    model = build(kind, SMALL, ("yeast", "fly"))
    save(model, tmp_path, seen=["yeast"], licence="MIT")
    codes = random_codes(3, 30)
    torch.testing.assert_close(ask(load(tmp_path), codes), ask(model, codes), rtol=0, atol=0)


@pytest.mark.parametrize(
    "damage, complaint",
    [
        (lambda f: (f / "config.json").unlink(), "holds no config.json"),
        (lambda f: (f / "config.json").write_text("{"), "not valid JSON"),
        (lambda f: (f / "config.json").write_text('{"kind": "one_pass"}'), "lacks the key architecture"),
        (lambda f: _edit(f, '"width": 8', '"width": 16'), "do not fit together"),
        (lambda f: _edit(f, '"width"', '"breadth"'), "do not fit together"),
        (lambda f: _edit(f, '"one_pass"', '"two_pass"'), "not a kind of model"),
        (lambda f: (f / "model.safetensors").unlink(), "pickled weights"),
        (lambda f: (f / "model.safetensors").write_bytes(b"x"), "SHA-256"),
        (lambda f: _folder_instead(f / "config.json"), "not valid JSON"),
        (lambda f: _folder_instead(f / "model.safetensors"), "holds no file model.safetensors"),
        (lambda f: (f / "config.json").write_bytes(b'{"kind": "\xff"}'), "not valid JSON"),
        (lambda f: (f / "config.json").write_text("[" * 100_000), "not valid JSON"),
        (lambda f: _reshape(f, dropout=float("nan")), "not valid JSON"),
        (lambda f: _edit(f, '"dropout": 0.0', '"dropout": 1e999'), "not valid JSON"),
        (lambda f: _change(f, licence="\ud800"), "not valid JSON"),
        *(
            (lambda f, text=text: (f / "config.json").write_text(text), f"holds {text}, not a JSON object")
            for text in ("null", "5", "true", '"text"')
        ),
        *(
            (lambda f, key=key, value=value: _change(f, **{key: value}), f"config.json: {key} is .*, not {wanted}")
            for key, value, wanted in (
                ("kind", ["one_pass"], "a text"),
                ("architecture", [8], "an object"),
                ("sha256", None, "a text"),
                ("licence", None, "a text"),
                ("licence", 4, "a text"),
                ("seen", None, "a list of names"),
                ("seen", "yeast", "a list of names"),
                ("seen", [1], "a list of names"),
                ("held_out", ["chrI"], "an object that lists contigs by genome"),
                ("held_out", {"yeast": None}, "an object that lists contigs by genome"),
                ("purged", 5, "an object of numbers of bases by genome"),
                ("purged", {"yeast": "5"}, "an object of numbers of bases by genome"),
                ("training", None, "an object"),
            )
        ),
        *(
            (lambda f, key=key, value=value: _reshape(f, **{key: value}), f"architecture, {key}.*; restore it")
            for key, value in (
                ("max_dilation", 0),
                ("max_dilation", None),
                ("max_dilation", "4"),
                ("max_dilation", -4),
                ("width", 0),
                ("layers", 2.5),
                ("kernel", True),
                ("dropout", "x"),
                ("species", None),
                ("species", [1]),
            )
        ),
        (lambda f: _reshape(f, width=10**12), "do not fit together"),
        (lambda f: _reshape(f, width=10**30), "do not fit together"),
        (lambda f: _reshape(f, layers=60), "do not fit together .*Missing key"),
        (lambda f: _pickle(f), r"model\.safetensors is no whole safetensors file .* Pickled weights are not read"),
        (lambda f: _rewrite(f, lambda weight: weight.fill_(torch.nan)), "head.bias hold values that are no numbers"),
        (lambda f: _rewrite(f, lambda weight: weight.fill_(-torch.inf)), "head.bias hold values that are no numbers"),
        (lambda f: _rewrite(f, lambda weight: weight.double().fill_(1e300)), "head.bias hold values that are no numb"),
        (lambda f: _rewrite(f, lambda weight: weight.to(torch.int8)), "head.bias holds int8; quantised weights"),
        (lambda f: _rewrite(f, lambda weight: weight.to(torch.float8_e5m2)), "head.bias holds float8_e5m2; quantised"),
    ],
)
def test_a_damaged_folder_is_one_clear_error(damage, complaint, tmp_path):
    parameters = {"width": 8, "layers": 1, "kernel": 2, "max_dilation": 1, "seed": 0}
    save(build("one_pass", parameters), tmp_path)
    damage(tmp_path)
    with pytest.raises(InputError, match=complaint) as caught:
        load(tmp_path)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 600  # not all that a library says


@pytest.mark.parametrize("kind", ["one_pass", "masked", "causal"])
def test_a_config_of_another_size_is_an_error_before_a_model_of_that_size_takes_memory(kind, tmp_path, monkeypatch):
    save(build(kind, SMALL), tmp_path)
    _reshape(tmp_path, width=5000)
    taken = []
    initialise = torch.nn.Linear.reset_parameters
    monkeypatch.setattr(torch.nn.Linear, "reset_parameters", lambda self: taken.append(self.weight) or initialise(self))
    with pytest.raises(InputError, match=r"do not fit together .*size mismatch"):
        load(tmp_path)
    assert taken and all(weight.is_meta for weight in taken)


def test_counts_with_fractions_are_not_those_of_a_markov_chain(tmp_path):
    save(build("markov", SMALL), tmp_path)
    _rewrite(tmp_path, lambda weight: weight + 0.5, "counts")
    with pytest.raises(InputError, match="counts holds float32 where it must be int64"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("metrics.json", b"[1]", "holds .1., not metrics by name"),
        ("metrics.json", b"null", "holds null, not metrics by name"),
        ("metrics.json", b"{", "not valid JSON"),
        ("metrics.json", b"\xff", "cannot be read as text"),
        ("metrics.json", b'{"parameters": "5"}', 'parameters is "5", not a number'),
        ("metrics.json", b'{"validation_nats_per_base": null}', "validation_nats_per_base is null, not a number"),
        ("metrics.json", None, "cannot be read as text"),
        ("training.tsv", b"\xff", "cannot be read as text"),
        ("training.tsv", None, "cannot be read as text"),
    ],
)
def test_what_lies_beside_a_loaded_model_and_cannot_be_read_is_one_clear_error(name, content, complaint, tmp_path):
    source = tmp_path / "source"
    save(build("markov", SMALL), source)
    (source / name).mkdir() if content is None else (source / name).write_bytes(content)
    out = {"metrics_out": tmp_path / "out" / "metrics.json", "training_out": tmp_path / "out" / "training.tsv"}
    with pytest.raises(InputError, match=complaint) as caught:
        adopt(str(source), kind="markov", seen=["unknown"], licence="unknown", **out)
    assert "\n" not in str(caught.value) and name in str(caught.value) and not (tmp_path / "out").exists()


def test_further_keys_of_a_config_come_along_whatever_their_names(tmp_path):
    source, out = tmp_path / "source", tmp_path / "out"
    save(build("markov", SMALL), source)
    path, further = source / "config.json", {"model": "mine", "folder": "here", "content": {"a": [1]}}
    path.write_text(json.dumps(json.loads(path.read_text()) | further))
    files = {"metrics_out": out / "metrics.json", "training_out": out / "training.tsv"}
    adopt(str(source), kind="markov", seen=["unknown"], licence="unknown", **files)
    assert further.items() <= json.loads((out / "config.json").read_text()).items()


def _folder_instead(path) -> None:
    path.unlink()
    path.mkdir()


def _change(folder, **changes) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def _reshape(folder, **changes) -> None:
    _change(folder, architecture=json.loads((folder / "config.json").read_text())["architecture"] | changes)


def _rewrite(folder, change, name: str = "head.bias") -> None:
    """Change one tensor of a model, and the SHA-256 that its config.json names."""
    path = folder / "model.safetensors"
    tensors = load_file(path)
    save_file(tensors | {name: change(tensors[name])}, path)
    _change(folder, sha256=sha256(path))


def _pickle(folder) -> None:
    path = folder / "model.safetensors"
    torch.save({"head.bias": torch.zeros(4)}, path)
    _change(folder, sha256=sha256(path))


def _edit(folder, old: str, new: str) -> None:
    path = folder / "config.json"
    path.write_text(path.read_text().replace(old, new, 1))
