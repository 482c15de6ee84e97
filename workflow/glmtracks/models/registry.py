"""Which class stands behind a kind of model, and how a trained model is stored and loaded.

Importing this module is cheap, because the Snakefile reads `KINDS` while it is parsed: classes are imported when they
are asked for.
"""

import json
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from glmtracks.errors import InputError
from glmtracks.files import atomic, sha256, write_json

if TYPE_CHECKING:
    from glmtracks.models.base import GenomicLanguageModel


class Kind(NamedTuple):
    """What the workflow knows of a kind of model without importing it."""

    path: str
    """module:class"""
    embeds: bool
    """whether it has embeddings"""
    baseline: bool = False
    """whether benchmarks list it among the baselines that the other models are measured against"""


KINDS = {
    "markov": Kind("glmtracks.models.markov:Markov", embeds=False, baseline=True),
    "one_pass": Kind("glmtracks.models.one_pass:OnePass", embeds=True),
    "masked": Kind("glmtracks.models.masked:Masked", embeds=True),
    "causal": Kind("glmtracks.models.causal:Causal", embeds=True),
}


def model_class(kind: str) -> type["GenomicLanguageModel"]:
    """The class of a kind; raises `InputError` for a kind that the registry does not have."""
    if kind not in KINDS:
        raise InputError(f"{kind!r} is not a kind of model; known are {', '.join(KINDS)}")
    module, name = KINDS[kind].path.split(":")
    return getattr(import_module(module), name)


def save(model: "GenomicLanguageModel", folder: str | Path, **card) -> None:
    """Write `model.safetensors` and `config.json` (kind, architecture, SHA-256 of the weights, `card`) to `folder`."""
    from safetensors.torch import save_file

    folder = Path(folder)
    with atomic(folder / "model.safetensors") as temporary:
        save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, temporary)
        temporary.chmod(0o644)  # safetensors would leave it to its owner alone
    weights = sha256(folder / "model.safetensors")
    content = {"kind": model.kind, "architecture": model.architecture, "sha256": weights, **card}
    write_json(folder / "config.json", content)


def read_config(folder: str | Path) -> dict:
    """The content of a model's `config.json`; raises `InputError` where it is missing or not JSON."""
    path = Path(folder) / "config.json"
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError:
        raise InputError(
            f"{folder} holds no config.json; a model folder has model.safetensors and config.json"
        ) from None
    except json.JSONDecodeError as error:
        raise InputError(f"{path} is not valid JSON ({error}); restore it from where the model came from") from None
    for key in ("kind", "architecture", "sha256"):
        if key not in content:
            raise InputError(f"{path} lacks the key {key}; restore it from where the model came from")
    return content


def load(folder: str | Path) -> "GenomicLanguageModel":
    """A trained model from its folder, in evaluation mode, on the CPU.

    Only safetensors are read, never a pickle. Raises `InputError` where weights and config do not belong together.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    content, weights = read_config(folder), Path(folder) / "model.safetensors"
    if not weights.exists():
        raise InputError(f"{folder} holds no model.safetensors; pickled weights (.pt, .bin, .ckpt) are not read")
    if sha256(weights) != content["sha256"]:
        raise InputError(
            f"{weights} does not have the SHA-256 that config.json names; the file is damaged or was exchanged"
        )
    try:
        model = model_class(content["kind"])(**content["architecture"])
        model.load_state_dict(load_file(weights))
    except (TypeError, RuntimeError, SafetensorError) as error:
        first_line = str(error).strip().splitlines()
        raise InputError(
            f"{folder}: config.json and model.safetensors do not fit together ({' '.join(first_line)})"
        ) from None
    return model.eval()


def adopt(
    source: str | Path, *, kind: str, seen: list[str], licence: str, metrics_out: Path, training_out: Path
) -> None:
    """Check a trained model of a folder and put it, with what the model sheet says of it, beside `metrics_out`.

    Metrics and training history come along where the folder has them. Raises `InputError` for a model of another kind,
    or one that `load` refuses.
    """
    content = read_config(source)
    if content["kind"] != kind:
        raise InputError(
            f"{source} holds a model of kind {content['kind']}, but the model sheet says {kind}; correct the sheet"
        )
    said = {**content, "seen": seen, "licence": licence, "loaded": True}
    for key in ("kind", "architecture", "sha256"):
        said.pop(key)
    save(load(source), Path(metrics_out).parent, **said)
    for name, destination, empty in (("metrics.json", metrics_out, "{}\n"), ("training.tsv", training_out, "step\n")):
        brought = Path(source) / name
        with atomic(destination) as temporary:
            temporary.write_text(brought.read_text() if brought.exists() else empty)
