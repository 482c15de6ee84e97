"""The logs of a training: the loss of its steps, written as it runs, and read when it has ended, as its history."""

import logging
import shutil
from io import BytesIO
from pathlib import Path

import lightning
import pandas as pd
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

logger = logging.getLogger(__name__)

TRAIN_LOSS = "train_nats_per_base"
CHOSEN_BY = "validation_nats_per_base_outside_repeats"
LOG_EVERY = 10  # steps


class Logs(Callback):
    """The loss of training in the logs, before a checkpoint of the same step, and of validation as lines of the job's.

    Lightning's own would follow the checkpoint, and a run that is killed between them and goes on would lack it.
    """

    def on_train_batch_end(self, trainer: lightning.Trainer, *args) -> None:
        if trainer.global_step % LOG_EVERY == 0:
            for log in trainer.loggers:
                log.log_metrics({TRAIN_LOSS: float(trainer.callback_metrics[TRAIN_LOSS])}, trainer.global_step - 1)
                log.save()

    def on_validation_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        value = trainer.callback_metrics.get(CHOSEN_BY)
        if trainer.is_global_zero and value is not None:
            logger.info(f"step {trainer.global_step:,}: {value:.4f} nats per base outside repeats in validation")


def loggers(folder: Path, start: int) -> list:
    """CSV and TensorBoard logs; a run that goes on writes a part of its own."""
    part = f"from_step_{start:08d}"
    shutil.rmtree(folder / "csv" / part, ignore_errors=True)
    return [
        CSVLogger(folder, name="csv", version=part),
        TensorBoardLogger(folder, name="tensorboard", version=part),
    ]


def history(logs: Path) -> pd.DataFrame:
    """What was logged, one row for each step, later parts of the run taking precedence over what they repeat."""
    written = [_whole_lines(path) for path in sorted(logs.glob("csv/*/metrics.csv"))]
    parts = [pd.read_csv(BytesIO(lines)) for lines in written if lines]
    if not parts:
        return pd.DataFrame({"step": [], TRAIN_LOSS: []})
    table = pd.concat(part.groupby("step").first() for part in parts)
    table = table[~table.index.duplicated(keep="last")].sort_index().drop(columns="epoch", errors="ignore")
    table.index += 1  # Lightning counts from 0
    return table.dropna(axis=1, how="all").sort_index(axis=1).reset_index()


def _whole_lines(path: Path) -> bytes:
    """The content of a file without what follows its last line, which a full disk or the end of a run may have cut."""
    content = path.read_bytes()
    return content[: content.rfind(b"\n") + 1]
