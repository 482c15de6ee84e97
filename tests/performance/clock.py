"""A callback that looks at the clock while a model is trained."""

import time

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback

from glmtracks.training.logs import LOG_EVERY


class Clock(Callback):
    """When each step ended, and what was found in validation after how many minutes of training."""

    def __init__(self):
        self.ends: list[float] = []
        """seconds on the performance counter"""
        self.validations: list[tuple[float, float]] = []
        """minutes of training, without those of validating, and validation nats per base"""
        self._began = self._paused = 0.0

    def on_train_start(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        self._began = time.perf_counter()

    def on_train_batch_end(self, trainer: lightning.Trainer, *args) -> None:
        if torch.cuda.is_available() and trainer.global_step % LOG_EVERY == 0:
            torch.cuda.synchronize()  # a GPU works on while the steps that follow are queued
        self.ends.append(time.perf_counter())

    def on_validation_start(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self._paused = time.perf_counter()

    def on_validation_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        found = float(trainer.callback_metrics["validation_nats_per_base"])
        self.validations.append(((self._paused - self._began) / 60, found))
        self._began += time.perf_counter() - self._paused

    def step_seconds(self) -> float:
        """Seconds of a step, with all that belongs to it: the mean of the best lap, the first not counted."""
        laps = np.diff(self.ends[LOG_EVERY - 1 :: LOG_EVERY])
        return float(laps.min()) / LOG_EVERY
