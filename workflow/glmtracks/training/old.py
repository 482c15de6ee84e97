"""Training a model by gradient descent on the windows of a corpus, with Lightning."""

import inspect
import logging
import math
import sys
import tempfile
import warnings
from pathlib import Path

import lightning
import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from glmtracks.corpus import Corpus
from glmtracks.devices import pick_device, pick_precision
from glmtracks.errors import InputError
from glmtracks.files import atomic, write_json
from glmtracks.genome import UNKNOWN
from glmtracks.models.base import GenomicLanguageModel, reverse_complement
from glmtracks.models.registry import model_class, save

logger = logging.getLogger(__name__)

REPEAT = 8  # the bit of a packed base that marks a repeat
VALIDATION_WINDOWS = 200


def train_model(
    *,
    kind: str,
    parameters: dict,
    genomes: list[str],
    fastas: list[Path],
    repeats: list[Path],
    splits: list[Path],
    windows: list[Path],
    licence: str,
    seed: int,
    threads: int,
    metrics_out: Path,
    training_out: Path,
) -> None:
    """Train a new model of a kind on genomes and write its folder: weights, config.json, metrics.json, training.tsv.

    `parameters` holds the architecture (what the class of the kind takes) and the settings of its training. A seed in
    them takes precedence over `seed`.
    """
    torch.set_num_threads(threads)
    corpus = Corpus.read(genomes, fastas, repeats, splits, windows)
    parameters = {"seed": seed, **parameters}
    model = build(kind, parameters)
    history = model.fit(corpus, parameters)
    metrics = {"parameters": sum(p.numel() for p in model.parameters())}
    for part in ("train", "validation"):
        metrics |= validate(model, PackedCorpus(corpus), part)
    for key, value in metrics.items():
        logger.info(f"{key}: {value:.4f}" if isinstance(value, float) else f"{key}: {value:,}")
    seen = genomes if parameters.get("steps", 1) else []
    save(model, Path(metrics_out).parent, seen=seen or ["none"], licence=licence, training=parameters)
    write_json(metrics_out, metrics)
    with atomic(training_out) as temporary:
        pd.DataFrame(history).to_csv(temporary, sep="\t", index=False, float_format="%.5f")


def build(kind: str, parameters: dict) -> GenomicLanguageModel:
    """A new, untrained model of a kind, with initial weights drawn by `parameters["seed"]`."""
    lightning.seed_everything(parameters["seed"], verbose=False)
    cls = model_class(kind)
    return cls(**{key: parameters[key] for key in inspect.signature(cls).parameters})


class PackedCorpus:
    """The bases of a corpus, one byte each with the repeat bit set, in a temporary memory-mapped file.

    So windows are cut by plain indexing, and memory does not grow with the genomes.
    """

    def __init__(self, corpus: Corpus):
        self._file = tempfile.NamedTemporaryFile(prefix="corpus.")  # noqa: SIM115 - lives as long as the object
        sizes = [sum(member.genome.contigs.values()) for member in corpus.genomes]
        self.bases = np.memmap(self._file.name, dtype=np.uint8, mode="w+", shape=(sum(sizes),))
        tables, position = [], 0
        for member in corpus.genomes:
            origin = {}
            for contig, length in member.genome.contigs.items():
                origin[contig] = position
                self.bases[position : position + length] = member.genome.codes(contig, 0, length)
                position += length
            for row in member.repeats.itertuples():
                self.bases[origin[row.contig] + row.start : origin[row.contig] + row.end] |= REPEAT
            offsets = member.windows["contig"].astype(str).map(origin)
            tables.append(
                member.windows.assign(start=member.windows["start"] + offsets, end=member.windows["end"] + offsets)
            )
        self.windows = pd.concat(tables, ignore_index=True)
        self.size = int((self.windows["end"] - self.windows["start"]).max())

    def cut(self, rows: np.ndarray, shift: np.ndarray) -> tuple[Tensor, Tensor]:
        """Codes uint8 and repeat status bool, both (len(rows), size), of windows moved by `shift` bases."""
        start = self.windows["start"].to_numpy()[rows] + shift
        index = start[:, None] + np.arange(self.size)
        inside = index < (self.windows["end"].to_numpy()[rows] + shift)[:, None]
        packed = np.where(inside, self.bases[np.minimum(index, len(self.bases) - 1)], UNKNOWN)
        return torch.from_numpy(packed & 7), torch.from_numpy(packed & REPEAT > 0)


class WindowBatches(IterableDataset):
    """Endless batches of training windows in random order, each randomly moved and read from a random strand."""

    def __init__(self, packed: PackedCorpus, batch: int, seed: int):
        self.packed, self.batch, self.seed = packed, batch, seed

    def __iter__(self):
        rng = np.random.default_rng(self.seed)
        table = self.packed.windows
        train = np.flatnonzero(table["split"] == "train")
        left, right = table["slack_left"].to_numpy(), table["slack_right"].to_numpy()
        queue = np.array([], dtype=np.int64)
        while True:
            while len(queue) < self.batch:
                queue = np.concatenate([queue, rng.permutation(train)])
            rows, queue = queue[: self.batch], queue[self.batch :]
            codes, repeat = self.packed.cut(rows, rng.integers(-left[rows], right[rows] + 1))
            other_strand = torch.from_numpy(rng.random(len(rows)) < 0.5)[:, None]
            yield (
                torch.where(other_strand, reverse_complement(codes), codes),
                torch.where(other_strand, repeat.flip(1), repeat),
            )


class _Module(lightning.LightningModule):
    """The training loop's view of a model: loss, optimiser and schedule."""

    def __init__(self, model: GenomicLanguageModel, parameters: dict):
        super().__init__()
        self.model, self.settings = model, parameters
        self.history: list[dict] = []

    def training_step(self, batch: tuple[Tensor, Tensor], step: int) -> Tensor:
        codes, repeat = batch
        loss, defined = base_losses(self.model.log_probs(codes), codes)
        weight = defined * torch.where(repeat, self.settings["repeat_weight"], 1.0)
        mean = (loss * weight).sum() / weight.sum().clamp(min=1e-6)
        self.log("nats_per_base", mean.detach(), prog_bar=True)
        self.history.append({"step": step + 1, "train_nats_per_base": mean.detach()})
        return mean

    def configure_optimizers(self) -> dict:
        settings = self.settings
        matrices = [p for p in self.parameters() if p.ndim >= 2]
        others = [p for p in self.parameters() if p.ndim < 2]
        groups = [
            {"params": matrices, "weight_decay": settings["weight_decay"]},
            {"params": others, "weight_decay": 0.0},
        ]
        optimizer = torch.optim.AdamW(groups, lr=settings["learning_rate"], betas=(0.9, 0.98))
        rising = max(settings["warmup"] * settings["steps"], 1)

        def rate(step: int) -> float:
            progress = min(step / max(settings["steps"], 1), 1.0)
            return min((step + 1) / rising, 1.0) * (0.5 + 0.5 * math.cos(math.pi * progress))

        schedule = {"scheduler": torch.optim.lr_scheduler.LambdaLR(optimizer, rate), "interval": "step"}
        return {"optimizer": optimizer, "lr_scheduler": schedule}


def base_losses(log_probs: Tensor, codes: Tensor) -> tuple[Tensor, Tensor]:
    """Loss in nats (batch, length) of each base, 0 where unknown; and what is defined."""
    defined = codes < 4
    target = torch.where(defined, codes, 0).long().unsqueeze(-1)
    return -log_probs.gather(-1, target).squeeze(-1) * defined, defined


def train(model: GenomicLanguageModel, corpus: Corpus, parameters: dict) -> list[dict]:
    """Fit `model` in place for `parameters["steps"]` steps; returns step and train_nats_per_base of each.

    Raises `InputError` where the corpus has no training window.
    """
    if not parameters["steps"]:
        return []
    packed = PackedCorpus(corpus)
    if not (packed.windows["split"] == "train").any():
        raise InputError("the corpus has no training window; leave contigs for training when you name those for test")
    device = pick_device("auto")
    precision = "bf16-mixed" if pick_precision("auto", device) == torch.bfloat16 else "32-true"
    module = _Module(model.train(), parameters)
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as scratch:
        warnings.filterwarnings(
            "ignore", module="lightning"
        )  # advice on loader workers, which an indexed file does not need
        trainer = lightning.Trainer(
            max_steps=parameters["steps"],
            accelerator="cuda" if device.type == "cuda" else "cpu",
            devices=1,
            precision=precision,
            gradient_clip_val=1.0,
            logger=False,
            enable_checkpointing=False,
            enable_model_summary=False,
            enable_progress_bar=sys.stderr.isatty(),
            default_root_dir=scratch,
        )
        trainer.fit(module, DataLoader(WindowBatches(packed, parameters["batch"], parameters["seed"]), batch_size=None))
    model.cpu().eval()
    return [{"step": row["step"], "train_nats_per_base": float(row["train_nats_per_base"])} for row in module.history]


@torch.inference_mode()
def validate(model: GenomicLanguageModel, packed: PackedCorpus, part: str) -> dict:
    """Loss in nats per base on evenly spaced windows of a part, all and outside repeats; {} without any."""
    rows = np.flatnonzero(packed.windows["split"] == part)
    if not len(rows):
        return {}
    rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), VALIDATION_WINDOWS)).astype(int)]
    total, outside, counts = 0.0, 0.0, np.zeros(2, dtype=np.int64)
    for some in np.array_split(rows, -(-len(rows) // 16)):
        codes, repeat = packed.cut(some, np.zeros(len(some), dtype=np.int64))
        loss, defined = base_losses(model.log_probs(codes), codes)
        total += float(loss.sum())
        outside += float(loss[~repeat].sum())
        counts += [int(defined.sum()), int((defined & ~repeat).sum())]
    return {
        f"{part}_nats_per_base": total / max(counts[0], 1),
        f"{part}_nats_per_base_outside_repeats": outside / max(counts[1], 1),
        f"{part}_bases": int(counts[0]),
    }
