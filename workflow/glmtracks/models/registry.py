"""Which class stands behind a kind of model, and how a trained model is stored and loaded.

Importing this module is cheap, because the Snakefile reads `KINDS` while it is parsed: classes are imported when they
are asked for.
"""

import json
import logging
import re
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from glmtracks.errors import InputError
from glmtracks.files import atomic, sha256, write_json

if TYPE_CHECKING:
    from torch import Tensor

    from glmtracks.models.base import GenomicLanguageModel

logger = logging.getLogger(__name__)

RESTORE = "restore it from where the model came from"
LONGEST_VALUE = 60  # characters of a wrong value that is told
LONGEST_REASON = 300  # of what a library says, which may name every tensor or end with where it stood in its own code
OF_METRICS = re.compile(r"parameters|(train|validation)_(bases|nats_per_base.*)")  # what the report reads
ONLY_SOME_USES = ": what is made with it may not be used commercially"


OF_OBJECTIVE = {"one_pass": ("one_pass",), "causal": ("causal",), "masked": ("strided", "masked")}
"""Strategies that fit an objective; the first is what `auto` stands for."""


class Kind(NamedTuple):
    """What the workflow knows of a kind of model without importing it."""

    path: str
    """module:class"""
    embeds: bool
    """whether it has embeddings"""
    baseline: bool = False
    """whether benchmarks list it among the baselines that the other models are measured against"""
    published: bool = False
    """whether it loads what others have published, and cannot be trained here"""
    scores: bool = True
    """whether it gives probabilities of bases"""
    objective: str = "masked"
    """that of its class"""
    parameters: str = ""
    """schema of its parameters, where that is neither called like the kind nor that of all published ones"""


KINDS = {
    "markov": Kind("glmtracks.models.markov:Markov", embeds=False, baseline=True, objective="causal"),
    "one_pass": Kind("glmtracks.models.one_pass:OnePass", embeds=True, objective="one_pass"),
    "masked": Kind("glmtracks.models.masked:Masked", embeds=True),
    "causal": Kind("glmtracks.models.causal:Causal", embeds=True, objective="causal"),
    "gpn_convnet": Kind("glmtracks.models.gpn:GpnConvNet", embeds=True, published=True),
    "gpn": Kind("glmtracks.models.gpn:GpnNew", embeds=True, published=True),
    "nucleotide_transformer": Kind("glmtracks.models.esm:NucleotideTransformer", embeds=True, published=True),
    "nucleotide_transformer_v2": Kind("glmtracks.models.esm:NucleotideTransformerV2", embeds=True, published=True),
    "dnabert": Kind("glmtracks.models.bert:DnaBert", embeds=True, published=True),
    "caduceus": Kind("glmtracks.models.caduceus:Caduceus", embeds=True, published=True),
    "plant_caduceus": Kind("glmtracks.models.caduceus:PlantCaduceus", embeds=True, published=True),
    "hyenadna": Kind("glmtracks.models.hyena:HyenaDna", embeds=True, published=True, objective="causal"),
    "bert": Kind("glmtracks.models.bert:Bert", embeds=True, published=True),
    "species_lm": Kind("glmtracks.models.species_lm:SpeciesLm", embeds=True, published=True, parameters="species_lm"),
    "dnabert2": Kind("glmtracks.models.mosaic:DnaBert2", embeds=True, published=True),
    "dnabert_s": Kind("glmtracks.models.mosaic:DnaBertS", embeds=True, published=True, scores=False),
    "gena_bert": Kind("glmtracks.models.gena:GenaBert", embeds=True, published=True),
    "gena_bigbird": Kind("glmtracks.models.gena:GenaBigBird", embeds=True, published=True),
}


def parameters_of(kind: str) -> str:
    """Name of the schema of what the column parameters may hold for a kind."""
    facts = KINDS[kind]
    return f"parameters/{facts.parameters or ('published' if facts.published else kind)}"


def wrong_strategy(kind: str, objective: str, strategy: str) -> str | None:
    """A sentence where a strategy, or `auto`, does not fit what a kind of model is trained for; None where it does."""
    fitting = OF_OBJECTIVE[objective]
    if strategy in ("auto", *fitting):
        return None
    return (
        f"a model of kind {kind} cannot be asked by the strategy {strategy}; its training fits "
        f"{' and '.join(fitting)}, so write one of these, or auto, into the column strategy"
    )


def is_on_hub(source: str) -> bool:
    """Whether a source of the model sheet is a checkpoint of the Hugging Face Hub."""
    return source.startswith("hub:")


def model_class(kind: str) -> type["GenomicLanguageModel"]:
    """The class of a kind; raises `InputError` for a kind that the registry does not have."""
    if kind not in KINDS:
        raise InputError(f"{kind!r} is not a kind of model; known are {', '.join(KINDS)}")
    module, name = KINDS[kind].path.split(":")
    return getattr(import_module(module), name)


def save(model: "GenomicLanguageModel", folder: str | Path, /, **card) -> None:
    """Write `model.safetensors` and `config.json` (kind, architecture, SHA-256 of the weights, `card`) to `folder`.

    A key of `card` may have any name, since that of a loaded model has what others wrote.
    """
    from safetensors.torch import save_file

    folder = Path(folder)
    with atomic(folder / "model.safetensors") as temporary:
        save_file(_each_once(model.state_dict()), str(temporary))
        temporary.chmod(0o644)  # safetensors would leave it to its owner alone
    weights = sha256(folder / "model.safetensors")
    content = {"kind": model.kind, "architecture": model.architecture, "sha256": weights, **card}
    write_json(folder / "config.json", content)


def _each_once(tensors: "dict[str, Tensor]") -> "dict[str, Tensor]":
    """Tensors under the first of their names, where they have several.

    `save_model` of safetensors would list the other names in an order that is another in each run, and with it the hash
    of the same weights.
    """
    first: dict[tuple, str] = {}
    for name, tensor in sorted(tensors.items()):
        place = (tensor.data_ptr(), tensor.shape, tensor.stride()) if tensor.numel() else (name,)
        first.setdefault(place, name)
    return {name: tensors[name].contiguous() for name in first.values()}


def read_config(folder: str | Path) -> dict:
    """The content of a model's `config.json`; raises `InputError` where it is missing, or does not say what it must."""
    path = Path(folder) / "config.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        json.dumps(content, allow_nan=False, ensure_ascii=False).encode()  # Python reads NaN, and halves of characters
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(
            f"{folder} holds no config.json; a model folder has model.safetensors and config.json"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} is not valid JSON ({error}); {RESTORE}") from None
    if not isinstance(content, dict):
        raise InputError(f"{path} holds {_short(content)}, not a JSON object; {RESTORE}")
    for key in ("kind", "architecture", "sha256"):
        if key not in content:
            raise InputError(f"{path} lacks the key {key}; {RESTORE}")
    for key, (wanted, fits) in CARD.items():
        if key in content and not fits(content[key]):
            raise InputError(f"{path}: {key} is {_short(content[key])}, not {wanted}; {RESTORE}")
    return content


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _is_list(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _has_lists(value: object) -> bool:
    return isinstance(value, dict) and all(map(_is_list, value.values()))


def _has_counts(value: object) -> bool:
    return isinstance(value, dict) and all(type(count) is int and count >= 0 for count in value.values())


# What keys of config.json must be, and the test of it.
CARD = {
    "kind": ("a text", _is_text),
    "architecture": ("an object", _is_object),
    "sha256": ("a text", _is_text),
    "seen": ("a list of names", _is_list),
    "held_out": ("an object that lists contigs by genome", _has_lists),
    "purged": ("an object of numbers of bases by genome", _has_counts),
    "licence": ("a text", _is_text),
    "training": ("an object", _is_object),
}


def _short(value: object) -> str:
    """A value as JSON has it, cut to what a sentence can hold."""
    text = json.dumps(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"


def load(folder: str | Path) -> "GenomicLanguageModel":
    """A trained model from its folder, in evaluation mode, on the CPU.

    Only safetensors are read, never a pickle. Raises `InputError` where weights and config do not belong together.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file, load_model

    from glmtracks.models.checkpoint import check_finite, check_formats

    content, weights = read_config(folder), Path(folder) / "model.safetensors"
    if not weights.is_file():
        raise InputError(f"{folder} holds no file model.safetensors; pickled weights (.pt, .bin, .ckpt) are not read")
    if sha256(weights) != content["sha256"]:
        raise InputError(
            f"{weights} does not have the SHA-256 that config.json names; the file is damaged or was exchanged"
        )
    refused = (TypeError, ValueError, OSError, RuntimeError, SafetensorError)
    try:
        found = load_file(weights)
    except refused as error:
        raise InputError(
            f"{weights} is no whole safetensors file ({_reason(error)}); {RESTORE}. Pickled weights are not read"
        ) from None
    try:
        _check_sizes(content, found, folder)
        model = _build(content["kind"], content["architecture"], folder)
        check_formats(model.state_dict(), found, str(weights))
        load_model(model, weights)
    except refused as error:
        raise _unfit(folder, error) from None
    check_finite(model.state_dict(), str(weights))
    return model.eval()


def _check_sizes(content: dict, found: "dict[str, Tensor]", folder: str | Path) -> None:
    """Raise RuntimeError where weights that were `found` have other sizes than those of the model of a config.

    Compared with one that takes no memory: a size in a damaged config.json could make it want more than there is.
    """
    import torch

    facts = KINDS.get(content["kind"])
    if facts and not facts.published:  # networks of others compute buffers while they are built
        with torch.device("meta"):
            own = _build(content["kind"], content["architecture"], folder).state_dict()
        for name in filter(found.__contains__, own):
            has, wanted = tuple(found[name].shape), tuple(own[name].shape)
            if has != wanted:
                raise RuntimeError(f"size mismatch for {name}: {has} in the weights, {wanted} by the config")


def _build(kind: str, architecture: dict, folder: str | Path) -> "GenomicLanguageModel":
    """A model of a kind and an architecture; raises `InputError` where the kind cannot have such a one."""
    from glmtracks.schemas import schema, violations

    try:
        build = model_class(kind)
        rules = {key: rule for key, rule in schema(parameters_of(kind))["properties"].items() if key in architecture}
        if not KINDS[kind].published and "species" in rules:  # names here, where the recipe says whether there are any
            rules["species"] = {"type": "array", "items": {"type": "string"}}
        for problem in violations(architecture, {"properties": rules}, f"{folder}/config.json, architecture"):
            raise InputError(f"{problem}; {RESTORE}")
        return build(**architecture)
    except InputError as error:
        raise InputError(str(error) if str(folder) in str(error) else f"{folder}: {error}") from None
    except Exception as error:  # whatever the many classes of networks say of values that make no sense
        raise _unfit(folder, error) from None


def _unfit(folder: str | Path, error: Exception) -> InputError:
    return InputError(f"{folder}: config.json and model.safetensors do not fit together ({_reason(error)})")


def _reason(error: Exception) -> str:
    """What a library says of an error, on one line and cut to what a sentence can hold."""
    said = " ".join(str(error).split()) or type(error).__name__
    return said if len(said) <= LONGEST_REASON else f"{said[:LONGEST_REASON]}…"


def adopt(
    source: str,
    *,
    kind: str,
    seen: list[str],
    licence: str,
    parameters: dict | None = None,
    sha256_of_weights: str = "",
    metrics_out: Path,
    training_out: Path,
) -> None:
    """Check a trained model and put it, with what the model sheet says of it, beside `metrics_out`.

    source      a folder that `save` wrote; for kinds that are published, a published checkpoint in a folder or at
                "hub:owner/name@revision"
    parameters  of the model sheet, for kinds that are published
    sha256_of_weights  of the model sheet; empty = any
    licence     of the model sheet; where that says nothing (unknown), it is that which the folder names

    Metrics and training history come along where the folder has them. Raises `InputError` for a model of another kind,
    or one that `load` refuses.
    """
    if KINDS[kind].published and not is_ours(source):
        model, folder, said = _read_published(source, kind, parameters or {})
        _check_weights(source, said["published"]["files"], sha256_of_weights)
    else:
        content = read_config(source)
        _check_weights(source, {"model.safetensors": content["sha256"]}, sha256_of_weights)
        if content["kind"] != kind:
            raise InputError(
                f"{source} holds a model of kind {content['kind']}, but the model sheet says {kind}; correct the sheet"
            )
        model, folder = load(source), Path(source)
        said = {key: value for key, value in content.items() if key not in ("kind", "architecture", "sha256")}
    licence = said.get("licence", _licence_of(folder)) if licence == "unknown" else licence
    logger.info(f"licence of {source}: {licence}{ONLY_SOME_USES if is_non_commercial(licence) else ''}")
    brought = {metrics_out: _metrics(folder), training_out: _brought(folder / "training.tsv") or "step\n"}
    save(model, Path(metrics_out).parent, **said | {"seen": seen_by(source, seen), "licence": licence, "loaded": True})
    for destination, text in brought.items():
        with atomic(destination) as temporary:
            temporary.write_text(text, encoding="utf-8")


def _licence_of(folder: Path) -> str:
    """The licence that the README.md of a model names at its head, as cards on the Hub do; unknown where none does."""
    from huggingface_hub.repocard import metadata_load
    from yaml import YAMLError

    try:
        named = (metadata_load(folder / "README.md") or {}).get("license")
    except (OSError, ValueError, YAMLError):  # there is none, or it is no card
        return "unknown"
    return named if isinstance(named, str) else "unknown"


def _brought(path: Path) -> str:
    """The text of a file beside a model; empty where there is none."""
    try:
        return path.read_text(encoding="utf-8") if path.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as text ({error}); restore it, or take it out of the folder") from None


def _metrics(folder: Path) -> str:
    """The text of the metrics.json of a model; an empty object where there is none."""
    path = folder / "metrics.json"
    text = _brought(path) or "{}\n"
    try:
        metrics = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not valid JSON ({error}); restore it, or take it out of the folder") from None
    if not isinstance(metrics, dict):
        raise InputError(f"{path} holds {_short(metrics)}, not metrics by name; restore it, or take it out")
    for name, value in metrics.items():
        if OF_METRICS.fullmatch(name) and type(value) not in (int, float):
            raise InputError(f"{path}: {name} is {_short(value)}, not a number; restore it, or take it out")
    return text


def _check_weights(source: str, files: dict[str, str], expected: str) -> None:
    """Raise `InputError` unless the file of weights (name -> SHA-256) is that which the model sheet wants, if any."""
    if expected and list(files.values()) != [expected.lower()]:
        found = ", ".join(f"{name} has {digits}" for name, digits in files.items())
        raise InputError(
            f"{source} does not hold the weights whose SHA-256 the model sheet names, {expected}: {found}; fetch them "
            "again, or correct the sheet"
        )


def is_ours(source: str) -> bool:
    """Whether a source is a folder that `save` wrote, rather than a published checkpoint."""
    try:
        return '"architecture":' in (Path(source) / "config.json").read_text(encoding="utf-8", errors="replace")
    except (OSError, ValueError):  # no such file, or no name of one
        return False


def seen_by(source: str, listed: list[str]) -> list[str]:
    """The genomes that a loaded model was trained on: those that the model sheet lists, or, where it says nothing
    (unknown), those that the config.json of a folder of ours names."""
    if list(listed) != ["unknown"] or is_on_hub(source) or not is_ours(source):
        return list(listed)
    return read_config(source).get("seen", list(listed))


def is_non_commercial(licence: str) -> bool:
    """Whether a licence has a non-commercial clause, as CC-BY-NC-SA-4.0 does."""
    return bool(re.search(r"\bNC\b|non-?commercial", licence, re.IGNORECASE))


def _read_published(source: str, kind: str, parameters: dict) -> tuple["GenomicLanguageModel", Path, dict]:
    """The model of a published checkpoint, its folder, and where it is from."""
    from glmtracks.models import checkpoint

    folder, origin = checkpoint.fetch(source)
    published = checkpoint.read(folder)
    model = model_class(kind).adopt(published, **parameters)
    count = sum(parameter.numel() for parameter in model.parameters())
    logger.info(f"{count:,} weights in {', '.join(published.files)}, all of them loaded under their published names")
    return model, folder, {"published": {**origin, "files": published.files}}
