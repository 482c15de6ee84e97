"""Checkpoints, from which a training that was stopped goes on exactly: with the best weights so far inside them, and
written whole or not at all."""

import logging
import math
import os
import zipfile
from pathlib import Path

import lightning
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.plugins.io import TorchCheckpointIO
from torch import Tensor

from glmtracks.files import atomic

logger = logging.getLogger(__name__)

CHECKPOINT_FORMAT = 3  # of what they hold and how it goes on; a training does not go on from one of another format


class AtomicCheckpoints(TorchCheckpointIO):
    """Checkpoints that are there whole or not at all, however a run ends; read without unpickling objects."""

    def save_checkpoint(self, checkpoint: dict, path: str | Path, storage_options: object = None) -> None:
        with atomic(path) as temporary:
            super().save_checkpoint(checkpoint, temporary, storage_options)
            with temporary.open("rb+") as file:
                os.fsync(file)


class BestWeights(Callback):
    """Keeps the weights of the best validation, by the least value of the metric `chosen_by`.

    Stands before the callback that averages weights, which swaps them in until a validation has ended.
    """

    def __init__(self, chosen_by: str):
        self.chosen_by, self.score = chosen_by, math.inf
        self.weights: dict[str, Tensor] = {}
        """state of the model; empty before the first validation"""
        self._latest: dict[str, Tensor] = {}

    def on_validation_epoch_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        self._latest = {name: tensor.detach().clone() for name, tensor in module.model.state_dict().items()}

    def on_validation_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        score = float(trainer.callback_metrics.get(self.chosen_by, math.inf))
        if score < self.score:
            self.score, self.weights = score, self._latest

    def state_dict(self) -> dict:
        return {"score": self.score, "weights": self.weights}

    def load_state_dict(self, state_dict: dict) -> None:
        self.score, self.weights = state_dict["score"], state_dict["weights"]


class Checkpoints(Callback):
    """Writes a checkpoint every so many steps: after the validation, where one follows the same step.

    Lightning's own would be written before it, and a run that goes on from there would miss that validation.
    """

    def __init__(self, path: Path, every: int, validation_every: int | None):
        self.path, self.every, self.validation_every = path, every, validation_every

    def on_train_batch_end(self, trainer: lightning.Trainer, *args) -> None:
        if self.validation_every is None or trainer.global_step % self.validation_every:
            self._save(trainer)

    def on_validation_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        if not trainer.should_stop:  # a run would go on from what is the end
            self._save(trainer)

    def _save(self, trainer: lightning.Trainer) -> None:
        if trainer.global_step % self.every == 0:
            trainer.save_checkpoint(self.path)


def read_checkpoint(path: Path, fingerprint: str) -> dict | None:
    """The content of a checkpoint; None where there is none, a damaged one, or one of another recipe or corpus."""
    try:
        with zipfile.ZipFile(path) as archive:
            if damaged := archive.testzip():  # PyTorch does not compare the checksums
                raise zipfile.BadZipFile(damaged)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:  # also where another process has just taken it away, for being of another recipe
        return None
    except (PermissionError, MemoryError):  # it would be taken away, though it may be whole
        raise
    except Exception:  # of as many kinds as there are bytes that may be wrong
        logger.warning(f"{path} is damaged; training starts from the beginning")
        return None
    if content.get("fingerprint") != fingerprint:
        logger.info(f"{path} belongs to another recipe or corpus; training starts from the beginning")
        return None
    logger.info(f"going on from step {content['global_step']:,} ({path})")
    return content
