"""Tiny checkpoints as they are published: seeded random weights, written as the Hub has them, and loaded."""

import json
from pathlib import Path

import numpy as np
import torch
from published_layouts import LAYOUTS
from published_vocabularies import DNABERT_2_TOKENS
from safetensors.torch import save_file

from glmtracks.models.published import PublishedBytePairs
from glmtracks.models.registry import adopt, model_class

FOLDER = Path(__file__).parent / "originals"


def weights(name: str, seed: int = 0) -> dict[str, torch.Tensor]:
    """Random weights of a layout, of a size that makes every one of them matter."""
    rng = np.random.default_rng(seed)

    def draw(name: str, shape: tuple[int, ...]) -> torch.Tensor:
        is_scale = len(shape) == 1 and name.endswith("weight")
        scale = 0.3 if len(shape) == 1 else (2 / np.prod(shape[1:])) ** 0.5
        scale /= 10 if name.endswith("out_proj.weight") else 1  # what a scan adds up grows large
        return torch.from_numpy((is_scale + scale * rng.normal(size=shape)).astype(np.float32))

    return {weight: draw(weight, shape) for weight, shape in LAYOUTS[name].shapes}


def write(name: str, folder: Path, seed: int = 0) -> Path:
    """A checkpoint of a layout as the Hugging Face Hub has it; returns its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    layout = LAYOUTS[name]
    (folder / "config.json").write_text(json.dumps(layout.options))
    if layout.tokenizer:
        (folder / "tokenizer.json").write_text(json.dumps(layout.tokenizer))
    else:
        (folder / "vocab.txt").write_text("\n".join(layout.vocabulary) + "\n")
    save_file(weights(name, seed), folder / "model.safetensors")
    return folder


def adopt_layout(name: str, folder: Path, **said) -> Path:
    """The folder that a checkpoint of a layout becomes."""
    out = folder / "out"
    said = {"kind": LAYOUTS[name].kind, "seen": ["unknown"], "licence": "MIT"} | said
    source = said.pop("source", None) or str(write(name, folder / "source"))
    adopt(source, **said, metrics_out=out / "metrics.json", training_out=out / "training.tsv")
    return out


def inputs(name: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens, int64 (2, 15), with masks among them and, where the model heeds it, padding in the second row; and where
    there is none, bool (2, 15)."""
    layout, rng = LAYOUTS[name], np.random.default_rng(1)
    words = [number for number, token in enumerate(layout.vocabulary) if token.isalpha()]
    ids, there = torch.from_numpy(rng.choice(words, (2, 15))), torch.ones(2, 15, dtype=torch.bool)
    special = {token.strip("[]<>").lower(): n for n, token in enumerate(layout.vocabulary) if not token.isalpha()}
    ids[:, [3, 9]] = special["mask"]
    if "cls" in special and layout.kind not in ("caduceus", "hyenadna"):
        ids[:, 0] = special["cls"]
        ids[1, 12:], there[1, 12:] = special["pad"], False
    return ids, there


def meta(kind: str, vocabulary: list[str], **options):
    """A model of a published size, without memory for its weights."""
    cls = model_class(kind)
    tokens = {"tokenizer": DNABERT_2_TOKENS} if issubclass(cls, PublishedBytePairs) else {}
    with torch.device("meta"):
        return cls(vocabulary=vocabulary, **tokens, **cls.options | options)
