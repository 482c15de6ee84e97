"""What others publish of a model, read without running any of their code: options, vocabulary, weights.

A checkpoint is a folder as the Hugging Face Hub has it: config.json, vocab.txt or tokenizer.json, and the weights as
safetensors or as a pickle of tensors alone, in one file or in the several that an index names.
"""

import json
import logging
import re
import warnings
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from glmtracks.download import certificates
from glmtracks.errors import InputError
from glmtracks.files import sha256

logger = logging.getLogger(__name__)

HUB = re.compile(r"hub:(?P<name>[\w.-]+/[\w.-]+)(@(?P<revision>[\w./-]+))?")
READ_FROM_HUB = ["config.json", "vocab.txt", "vocab.json", "tokenizer.json", "README.md", "LICENSE*", "*.safetensors*"]
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
SUFFIXES = (".safetensors", ".bin", ".pt", ".pth", ".ckpt")
HOW_TO_CONVERT = (
    "where you trust it, write its state dict with safetensors.torch.save_file(module.state_dict(), "
    "'model.safetensors') and give the folder of that"
)

# What norms are called in weights that came from TensorFlow; some versions of transformers write it so again.
OLD_NAMES, NEW_NAMES = re.compile(r"(?<=LayerNorm\.)(gamma|beta)$"), {"gamma": "weight", "beta": "bias"}

# Options that say nothing about what a trained network computes.
IGNORED = re.compile(
    r"_.*|architectures|auto_map|torch_dtype|dtype|transformers_version|name_or_path|.*dropout(_prob|_rate)?|"
    r"initializer_.*|init_.*|id2label|label2id|num_labels|problem_type|finetuning_task|task_specific_params|prefix|"
    r"output_(past|attentions|hidden_states|scores)|return_dict.*|use_(cache|bfloat16|return_dict)|torchscript|"
    r"gradient_checkpointing|(bos|eos|sep|cls|unk|decoder_start)_token_ids?|classifier_.*|classification_head.*|"
    r"do_sample|early_stopping|(max|min)_length|num_beam.*|diversity_penalty|temperature|top_[kp]|typical_p|"
    r"repetition_penalty|length_penalty|(encoder_)?no_repeat_ngram_size|bad_words_ids|num_return_sequences|"
    r"chunk_size_feed_forward|remove_invalid_values|exponential_decay_length_penalty|suppress_tokens|begin_suppress_.*|"
    r"forced_.*|tokenizer_class|sep_token|pruned_heads|tf_legacy_loss|directionality|pooler_.*|gradient_.*"
)

SIZES = re.compile(
    r".*_(size|layers|heads)|max_position_embeddings|d_model|d_inner|n_layers?|max_seq_len|emb_dim|filter_order|"
    r"dilation_.*"
)
EPSILONS = re.compile(r".*_eps(ilon)?")
FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


class Checkpoint(NamedTuple):
    """A published model.

    options     of its config.json
    vocabulary  its tokens by id; empty where the checkpoint has none
    weights     by their published names
    files       SHA-256 of the files of weights, by name
    tokenizer   the content of tokenizer.json; empty where the checkpoint has none
    """

    folder: Path
    options: dict
    vocabulary: list[str]
    weights: dict[str, Tensor]
    files: dict[str, str]
    tokenizer: dict


def fetch(source: str) -> tuple[Path, dict[str, str]]:
    """The folder of a source, and where it is from: a path, or "hub:owner/name@revision".

    What the cache of the hub has is not asked for again. Raises InputError where the hub has no such thing.
    """
    found = HUB.fullmatch(source)
    if not found:
        return Path(source), {"source": source}
    certificates.share()
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    wanted = {"repo_id": found["name"], "revision": found["revision"]}

    def get(patterns: list[str]) -> Path:
        try:
            return Path(snapshot_download(**wanted, allow_patterns=patterns, local_files_only=True))
        except LocalEntryNotFoundError:
            return Path(snapshot_download(**wanted, allow_patterns=patterns))

    try:
        folder = get(READ_FROM_HUB)
        for more in ([], ["pytorch_model*.bin*"]):  # pickles last, since many have the same weights in both formats
            if not _has_weights(folder):  # as where the cache holds what another program, or a download cut short, left
                folder = Path(snapshot_download(**wanted, allow_patterns=[*READ_FROM_HUB, *more]))
    except Exception as error:  # of as many kinds as there are layers between here and the network
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"{source} could not be fetched from the hub ({said}); check name, revision and network, try later, or "
            "give a local folder"
        ) from None
    if not found["revision"]:
        logger.warning(f"{source} names no revision; write hub:{found['name']}@{folder.name} to keep the one found now")
    return folder, {"source": source, "revision": folder.name}


def read(folder: str | Path) -> Checkpoint:
    """A checkpoint from its folder; raises InputError for what is missing, damaged or not read."""
    folder = Path(folder)
    options = _read_json(folder / "config.json", "the options of the model")
    if not isinstance(options, dict):
        raise InputError(f"{folder / 'config.json'} holds no options; restore it from where the model came from")
    files = _weight_files(folder)
    weights: dict[str, Tensor] = {}
    for file in files:
        weights |= _read_weights(file)
    check_finite(weights, str(folder))
    hashes = {file.name: sha256(file) for file in files}
    return Checkpoint(folder, options, _read_vocabulary(folder), weights, hashes, _read_tokenizer(folder))


def choose_options(
    options: dict, known: dict, fixed: dict, idle: tuple[str, ...], model_types: tuple[str, ...], where: str
) -> dict:
    """The options of a published config.json that shape a network: those of `known`, with its defaults.

    known   option -> what it is where the config does not say; Ellipsis = it must say
    fixed   option -> the only value that the implementation stands for
    idle    options that such a network does not heed

    Raises InputError for a config of another type of model, for an option that is missing, of a value other than the
    fixed one, or unknown.
    """
    if options.get("model_type", model_types[0]) not in model_types:
        raise InputError(
            f"{where} is of a model of the type {options['model_type']}, not {' or '.join(model_types)}; "
            "correct the kind in the model sheet"
        )
    for name, value in options.items():
        if name in fixed:
            if value != fixed[name]:
                raise InputError(f"{where}: the option {name} = {value!r} is not supported, only {fixed[name]!r} is")
        elif name not in (*known, *idle, "model_type") and not IGNORED.fullmatch(name):
            raise InputError(
                f"{where}: unknown option {name} = {value!r}; a model of this kind has {', '.join([*known, *fixed])}"
            )
    missing = [name for name, value in known.items() if value is ... and name not in options]
    if missing:
        raise InputError(f"{where} lacks {', '.join(missing)}; restore it from where the model came from")
    chosen = {name: options.get(name, value) for name, value in known.items()}
    for name, value in chosen.items():
        if value is not known[name] and (wanted := _unfit(name, value)):  # not !=, since 2.0 equals a default of 2
            raise InputError(f"{where}: the option {name} = {value!r} is not {wanted}")
    return chosen


def _unfit(name: str, value: object) -> str | None:
    """What an option must be and is not, going by its name; None where it is."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if SIZES.fullmatch(name) and not (number and isinstance(value, int) and value > 0):
        return "a whole number above 0"
    if EPSILONS.fullmatch(name) and not (number and 0 <= value < 1):
        return "a number from 0 to 1"
    return None


def check_finite(weights: dict[str, Tensor], where: str) -> None:
    """Raise InputError where weights are infinite, or no numbers."""
    broken = [name for name, tensor in weights.items() if tensor.dtype in FLOATS and not tensor.isfinite().all()]
    if broken:
        raise InputError(
            f"{where}: the weights {', '.join(broken[:3])} hold values that are no numbers; fetch it again"
        )


def check_formats(own: dict[str, Tensor], found: dict[str, Tensor], where: str) -> None:
    """Raise InputError where weights that were found have fractions and those of the network have none, or vice versa.

    Names that only one of the two has are left to others.
    """
    for name in filter(found.__contains__, own):
        has, wanted = found[name].dtype, own[name].dtype
        if wanted in FLOATS and has not in FLOATS:
            raise InputError(
                f"{where}: {name} holds {str(has)[6:]}; quantised weights are not read, give those that they were "
                "made from"
            )
        if has in FLOATS and wanted not in FLOATS:
            raise InputError(f"{where}: {name} holds {str(has)[6:]} where it must be {str(wanted)[6:]}; fetch it again")


def load_strictly(
    network: nn.Module, weights: dict[str, Tensor], *, unused: str, tied: dict[str, str], where: str
) -> None:
    """Load weights under their published names: none missing, none unexpected, all of the right shape.

    unused  pattern of the names of weights that no prediction needs (heads of other tasks, and buffers that are
            computed: fractions in one must be those that are)
    tied    names of weights that are another's by construction -> that other: absent, or equal to it

    Raises InputError with one sentence.
    """
    own = {name: tensor for name, tensor in network.state_dict().items() if not re.fullmatch(unused, name)}
    renamed = {OLD_NAMES.sub(lambda old: NEW_NAMES[old[0]], name): name for name in weights}
    if len(renamed) < len(weights):
        doubled = sorted(weights.keys() - renamed.values())[0]
        raise InputError(f"{where}: {doubled} is there under its old and its new name; take one of them out")
    weights = {name: weights[old] for name, old in renamed.items()}
    _check_computed(network, {name: weights[name] for name in weights if re.fullmatch(unused, name)}, where)
    found = {name: tensor for name, tensor in weights.items() if not re.fullmatch(unused, name)}
    for name, other in tied.items():
        if name in found and other in found and not torch.equal(found[name], found[other]):
            raise InputError(f"{where}: {name} and {other} differ, but a model of this kind has one tensor for both")
        if name in own and other in own and (name in found) != (other in found):  # one of them stands for both
            found[name] = found[other] = found[name] if name in found else found[other]
        if name not in own:
            found.pop(name, None)
    missing, unexpected = sorted(own.keys() - found), sorted(found.keys() - own)
    if missing or unexpected:
        parts = [
            f"{len(names)} {what} ({', '.join(names[:3])}{' …' if len(names) > 3 else ''})"
            for names, what in ((missing, "missing"), (unexpected, "unexpected"))
            if names
        ]
        raise InputError(f"{where}: the names of its weights are not those of its kind: {' and '.join(parts)}")
    wrong = [name for name, tensor in own.items() if tensor.shape != found[name].shape]
    if wrong:
        shapes = [f"{tuple(tensor[wrong[0]].shape)}" for tensor in (found, own)]
        raise InputError(
            f"{where}: {wrong[0]} has the shape {shapes[0]} where config.json asks for {shapes[1]}; "
            "weights and config do not belong together"
        )
    check_formats(own, found, where)
    network.load_state_dict(found, strict=False)
    for name, parameter in network.named_parameters():
        if name not in own:  # drawn at random: the same checkpoint would never become the same file
            nn.init.zeros_(parameter)


def _check_computed(network: nn.Module, unused: dict[str, Tensor], where: str) -> None:
    """Raise InputError where a checkpoint has other fractions in a buffer than the network computes for itself.

    A buffer goes by the last part of its name; where it hangs depends on the version of the implementation.
    """
    computed = {name.rpartition(".")[2]: buffer for name, buffer in network.named_buffers() if buffer.dtype in FLOATS}
    for name, tensor in unused.items():
        own = computed.get(name.rpartition(".")[2])
        if own is not None and not (tensor.shape == own.shape and torch.allclose(tensor.to(own), own, rtol=0.01)):
            raise InputError(f"{where}: {name} holds other numbers than config.json stands for; that is not supported")


def _read_json(path: Path, what: str) -> dict | list:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path.parent} holds no {path.name}, {what}; give the folder of a whole checkpoint") from None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read ({error}); fetch it again") from None


def _read_vocabulary(folder: Path) -> list[str]:
    numbers = _token_numbers(folder)
    if (folder / "vocab.txt").exists():
        try:
            tokens = (folder / "vocab.txt").read_text(encoding="utf-8").split()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{folder / 'vocab.txt'} cannot be read ({error}); fetch it again") from None
        twice = [token for token, count in Counter(tokens).items() if count > 1]
        if twice:
            raise InputError(f"{folder / 'vocab.txt'} gives {twice[0]} two numbers; fetch it again")
        other = [token for number, token in enumerate(tokens) if numbers.get(token, number) != number]
        if other:
            raise InputError(f"{folder}: vocab.txt and tokenizer.json number {other[0]} differently; fetch both again")
        return tokens
    by_id = {number: token for token, number in numbers.items()}
    if sorted(by_id) != list(range(len(numbers))):
        raise InputError(f"{folder}: the ids of its vocabulary are not 0 to {len(numbers) - 1}; fetch it again")
    return [by_id[number] for number in range(len(numbers))]


def _token_numbers(folder: Path) -> dict[str, int]:
    """Token -> id, as tokenizer.json or vocab.json has it; empty where there is neither."""
    if content := _read_tokenizer(folder):
        path, numbers = folder / "tokenizer.json", content.get("model", {}).get("vocab", {})
        try:
            added = {token["content"]: token["id"] for token in content.get("added_tokens", [])}
        except (KeyError, TypeError):
            raise InputError(f"{path} holds added_tokens without content and id; fetch it again") from None
    else:
        path, added = folder / "vocab.json", {}
        numbers = _read_json(path, "the vocabulary") if path.exists() else {}
    if not isinstance(numbers, dict) or not all(type(number) is int for number in (numbers | added).values()):
        raise InputError(f"{path} holds no vocabulary, whole numbers by token; fetch it again")
    if other := [token for token, number in added.items() if numbers.get(token, number) != number]:
        raise InputError(f"{path} gives {other[0]} one number as a token and another as an added one; fetch it again")
    return numbers | added


def _read_tokenizer(folder: Path) -> dict:
    path = folder / "tokenizer.json"
    content = _read_json(path, "the tokenizer") if path.exists() else {}
    if not isinstance(content, dict) or not isinstance(content.get("model", {}), dict):
        raise InputError(f"{path} holds no tokenizer; fetch it again")
    return content


def _weight_files(folder: Path) -> list[Path]:
    for name in WEIGHTS:
        index = folder / f"{name}.index.json"
        if (folder / name).exists():
            return [folder / name]
        if index.exists():
            named = _files_named_in(index)
            missing = [file for file in named if Path(file).name != file or not (folder / file).exists()]
            if missing:
                raise InputError(f"{index} names {missing[0]}, which is not beside it; fetch the checkpoint again")
            return [folder / file for file in named]
    for suffix in SUFFIXES:
        if len(files := sorted(folder.glob(f"*{suffix}"))) == 1:
            return files
    raise InputError(f"{folder} holds no weights; a checkpoint has {' or '.join(WEIGHTS)}")


def _has_weights(folder: Path) -> bool:
    """Whether a folder holds all files of weights of a checkpoint."""
    try:
        return bool(_weight_files(folder))
    except InputError:
        return False


def _files_named_in(index: Path) -> list[str]:
    content = _read_json(index, "the list of weights")
    files = content.get("weight_map") if isinstance(content, dict) else None
    if not isinstance(files, dict) or not files or not all(isinstance(file, str) for file in files.values()):
        raise InputError(f"{index} holds no weight_map, files by names of weights; fetch it again")
    return sorted(set(files.values()))


def _read_weights(file: Path) -> dict[str, Tensor]:
    from pickle import UnpicklingError

    from safetensors.torch import load_file

    try:
        content = load_file(file) if file.suffix == ".safetensors" else _unpickle(file)
    except UnpicklingError:
        raise InputError(f"{file} holds a pickled module or other code, which is never run; {HOW_TO_CONVERT}") from None
    except MemoryError:
        raise
    except Exception as error:  # of as many kinds as there are bytes that may be wrong
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(f"{file} is damaged or cut off ({said}); fetch it again") from None
    if not isinstance(content, dict) or not all(isinstance(tensor, Tensor) for tensor in content.values()):
        raise InputError(f"{file} holds more than tensors by name; {HOW_TO_CONVERT}")
    return content


def _unpickle(file: Path) -> object:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of old protocols, which are refused all the same where they hold code
        content = torch.load(file, map_location="cpu", weights_only=True)
    for key in ("state_dict", "model_state_dict"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            return content[key]
    return content
