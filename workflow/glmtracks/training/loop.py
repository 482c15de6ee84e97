"""Gradient descent with Lightning: the module it trains, its callbacks, and going on where a run was stopped."""

import hashlib
import json
import logging
import os
import shutil
import signal
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import lightning
import pandas as pd
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, EMAWeightAveraging
from lightning.pytorch.plugins.environments import LightningEnvironment
from lightning.pytorch.utilities.exceptions import SIGTERMException
from torch import Tensor

from glmtracks.errors import InputError
from glmtracks.jobs import stop
from glmtracks.models.base import GenomicLanguageModel
from glmtracks.scoring.devices import pick_device, pick_precision
from glmtracks.training import CHECKPOINTS
from glmtracks.training.batches import Batches, training_loader, validation_loader
from glmtracks.training.checkpoints import (
    CHECKPOINT_FORMAT,
    AtomicCheckpoints,
    BestWeights,
    Checkpoints,
    read_checkpoint,
)
from glmtracks.training.logs import CHOSEN_BY, TRAIN_LOSS, Logs, history, loggers
from glmtracks.training.losses import BaseWeights, base_losses, region_weights
from glmtracks.training.optimiser import make_optimiser
from glmtracks.training.packed import REGIONS, PackedCorpus, Windows
from glmtracks.training.schedule import peak_share
from glmtracks.training.validation import WINDOWS, summarise, tally
from glmtracks.windows.corpus import Corpus

logger = logging.getLogger(__name__)

CALMER = "make learning_rate (and muon_rate) or weight_decay smaller, or warmup longer"
UNKNOWN_SPECIES = 0.1  # share of the windows whose species is hidden, so that the model also knows strangers


class Trainee(lightning.LightningModule):
    """A model as the trainer sees it: what a step costs, how well it does in validation, and its optimiser.

    `recipe` holds the parameters of the training as in the model sheet; `fingerprint` and `precision` (of Lightning's
    names) go into its checkpoints.
    """

    def __init__(self, model: GenomicLanguageModel, recipe: dict, fingerprint: str, precision: str):
        super().__init__()
        self.model, self.recipe, self.fingerprint, self.precision = model, recipe, fingerprint, precision
        self.weights = BaseWeights(recipe)
        self.sums = torch.zeros(2, len(REGIONS), 2, dtype=torch.float64)

    def training_step(self, windows: Windows, number: int) -> Tensor:
        # Nothing random may depend on what happened before, or a run that was stopped would go on differently.
        torch.manual_seed(hash((self.recipe["seed"], self.global_step, self.global_rank)) % 2**63)
        species = windows.species * (windows.noise[:, 0] >= UNKNOWN_SPECIES)
        log_probs, asked = self.model.training_log_probs(windows.codes, species, windows.noise)
        loss, _ = base_losses(log_probs, windows.codes, self.recipe["label_smoothing"])
        weight = self.weights(windows) * asked
        total = weight.sum()
        if self.trainer.world_size > 1:  # gradients are averaged over processes, which may differ in total weight
            total = self.all_gather(total).sum() / self.trainer.world_size
        cost = (loss * weight).sum()
        mean = cost.detach() / total  # no number, rather than 0, where no base of the batch weighs anything
        self.log(TRAIN_LOSS, mean, prog_bar=True, logger=False, sync_dist=self.trainer.world_size > 1)
        return cost / total.clamp(min=torch.finfo(total.dtype).tiny)

    def on_validation_epoch_start(self) -> None:
        self.sums = torch.zeros(2, len(REGIONS), 2, dtype=torch.float64, device=self.device)

    def validation_step(self, windows: Windows, number: int) -> None:
        log_probs, asked = self.model.training_log_probs(windows.codes, windows.species, windows.noise)
        self.sums += tally(windows, log_probs, asked)

    def on_validation_epoch_end(self) -> None:
        metrics = summarise(self.sums, "validation")
        if metrics:
            metrics.setdefault(CHOSEN_BY, metrics["validation_nats_per_base"])  # where all is repeat
            self.log_dict(metrics)
            self.log("validation", metrics[CHOSEN_BY], prog_bar=True, logger=False)

    def configure_optimizers(self) -> dict:
        optimizer = make_optimiser(self.model, self.recipe, self.precision)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: peak_share(step, self.recipe))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        checkpoint |= {"fingerprint": self.fingerprint, "precision": self.precision}


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Lightning's announcements, and its advice on loader workers, which indexing does not need."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning")
        logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
        yield


@contextmanager
def _ending_after_the_step() -> Iterator[None]:
    """Leave SIGTERM to Lightning, which waits for the end of a step but then exits as if all were done."""
    try:
        before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    except ValueError:  # not in the main thread, to which signals go
        yield
        return
    try:
        yield
    except SIGTERMException:
        stop()
    finally:
        signal.signal(signal.SIGTERM, before)


def fit(
    model: GenomicLanguageModel, corpus: Corpus, recipe: dict, folder: Path, callbacks: Iterable[Callback] = ()
) -> pd.DataFrame:
    """Fit `model` in place for `recipe["steps"]` steps.

    The weights that are left are the moving average at its best validation, or at the end where nothing is held out.
    A training that was stopped goes on from its last checkpoint, in its number format, and ends with the same weights
    as if it had never stopped. Called in each of several processes, or alone.

    Args:
        folder: where checkpoints and logs are kept, and left; a checkpoint of another recipe or corpus is not used.
        callbacks: of Lightning, which may watch.

    Returns:
        step and train_nats_per_base of each logged step, and the validation metrics where there are any. Of several
        processes only the first has them, and the weights.

    Raises:
        InputError: the corpus has no training window, or none with a base that counts; or the weights, or what they
            predict, are no longer numbers.
    """
    packed = PackedCorpus(corpus, tuple(model.architecture["species"]))
    device = pick_device("auto")
    rank, ranks = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    fingerprint = _fingerprint(model, packed, recipe)
    checkpoint = folder / CHECKPOINTS / "last.ckpt"
    found = read_checkpoint(checkpoint, fingerprint)
    start = found["global_step"] if found else 0
    precision = found["precision"] if found else _precision(recipe["precision"], device)
    if not start and rank == 0:
        for leftover in (checkpoint.parent, folder / "logs"):
            shutil.rmtree(leftover, ignore_errors=True)
    batches = Batches(packed, batch=recipe["batch"], seed=recipe["seed"], rank=rank, ranks=ranks)
    module = Trainee(model.train(), recipe, fingerprint, precision)
    _check_weights(module.weights, packed)
    _warn_of_absent_classes(recipe, corpus)
    held_out = validation_loader(packed, "validation", WINDOWS, _validated_at_once(device.type, packed.size))
    if not len(held_out):
        logger.warning("there is no validation window: all steps are taken, and the weights of the last are kept")
    best = BestWeights(CHOSEN_BY)
    with _quiet(), _ending_after_the_step():
        watching = [*_callbacks(recipe, checkpoint, best, has_validation=len(held_out) > 0), *callbacks]
        trainer = _trainer(recipe, folder, device, precision, start, watching)
        trainer.fit(
            module,
            training_loader(batches, start, recipe["steps"], device.type == "cuda"),
            held_out if len(held_out) else None,
            ckpt_path=checkpoint if start else None,
            weights_only=True,
        )
    model.cpu().eval()
    if rank:  # the first process has the history, and writes the model
        return pd.DataFrame({"step": []})
    if best.weights:
        model.load_state_dict(best.weights)
    elif start == recipe["steps"]:  # no step was left, after which the average would have taken their place
        module.load_state_dict(found["state_dict"])
    _check_convergence(model, trainer, kept=bool(best.weights))
    return history(folder / "logs")


def _check_convergence(model: GenomicLanguageModel, trainer: lightning.Trainer, *, kept: bool) -> None:
    """Raise InputError where training diverged; only warn of it where the weights of a validation before are `kept`."""
    diverged = not trainer.callback_metrics.get(CHOSEN_BY, torch.zeros(())).isfinite()
    if (diverged and not kept) or not all(parameter.isfinite().all() for parameter in model.parameters()):
        raise InputError(
            f"training diverged: after {trainer.global_step:,} steps the weights, or what they predict, are no longer "
            f"numbers; {CALMER}"
        )
    if diverged:
        logger.warning(
            f"training diverged and ended at step {trainer.global_step:,}, where the loss of validation is no longer a "
            f"number; the weights of the best validation before are kept. To train on, {CALMER}"
        )


def _check_weights(weights: BaseWeights, packed: PackedCorpus) -> None:
    """Raise InputError where no base of the training windows weighs anything: the model would stay as it began."""
    windows = validation_loader(packed, "train", len(packed.windows), at_once=16)
    if not any(weights(some).any() for some in windows):  # the first are enough, mostly
        raise InputError(
            "all bases of the training windows weigh 0, so there is nothing to learn; raise repeat_weight, "
            "region_weights, cpg_weight or evidence_floor"
        )


def _warn_of_absent_classes(recipe: dict, corpus: Corpus) -> None:
    """Say which classes that `region_weights` names no genome has, for want of an annotation or of such genes."""
    tables = [member.regions["region"] for member in corpus.genomes if member.regions is not None]
    present = {name for table in tables for name in table.unique()}
    weighed = zip(REGIONS[1:], region_weights(recipe["region_weights"])[1:], strict=True)
    if absent := [name for name, weight in weighed if weight != 1 and name not in present]:
        logger.warning(f"region_weights change nothing for {', '.join(absent)}: no genome of the corpus has such bases")


def _validated_at_once(device: str, size: int) -> int:
    """How many windows of `size` bases one forward pass of validation reads.

    On a GPU no more bases than 200 windows of the usual size have: with long windows they would not fit into a memory
    that a small `batch` fits into.
    """
    return 16 if device == "cpu" else max(min(200, 200 * 512 // size), 1)


def _trainer(
    recipe: dict, folder: Path, device: torch.device, precision: str, start: int, callbacks: list[Callback]
) -> lightning.Trainer:
    """Lightning's trainer for this process, which may be one of several."""
    ranks, here = (int(os.environ.get(key, 1)) for key in ("WORLD_SIZE", "LOCAL_WORLD_SIZE"))
    return lightning.Trainer(
        max_steps=recipe["steps"],
        accelerator="cuda" if device.type == "cuda" else "cpu",
        devices=here,
        num_nodes=ranks // here,
        strategy="ddp" if ranks > 1 else "auto",
        precision=precision,
        gradient_clip_val=1.0,
        val_check_interval=_validation_every(recipe),
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        logger=loggers(folder / "logs", start),
        enable_checkpointing=False,  # Lightning's own; see `Checkpoints`
        callbacks=callbacks,
        # Under Slurm Lightning would ignore SIGTERM and requeue the job, which is Snakemake's to do.
        plugins=[AtomicCheckpoints(), *([LightningEnvironment()] if ranks == 1 else [])],
        enable_model_summary=False,
        # what several processes say reaches the terminal through a pipe; `jobs` sets the variable where there is none
        enable_progress_bar=sys.stderr.isatty() or (ranks > 1 and "TQDM_DISABLE" not in os.environ),
        default_root_dir=folder,
    )


def _validation_every(recipe: dict) -> int:
    """Steps from one validation to the next."""
    return max(recipe["steps"] // recipe["validations"], 1)


def _callbacks(recipe: dict, checkpoint: Path, best: BestWeights, has_validation: bool) -> list[Callback]:
    """What happens beside the steps; the checkpoint comes last, so that it holds what the others did."""
    span = max(recipe["average"] * recipe["steps"], 1)
    stopping = [EarlyStopping(monitor=CHOSEN_BY, patience=recipe["patience"])] if has_validation else []
    writing = Checkpoints(checkpoint, recipe["checkpoint_every"], _validation_every(recipe) if has_validation else None)
    return [best, EMAWeightAveraging(decay=1 - 1 / span), Logs(), *stopping, writing]


def _precision(name: str, device: torch.device) -> str:
    """Lightning's name of a number format. Of several processes that of the first counts: measured one by one, on nodes
    of two kinds or in a busy moment, they could differ, and the weights of each would go a way of their own."""
    several = int(os.environ.get("WORLD_SIZE", 1)) > 1
    store, rank, _ = next(torch.distributed.rendezvous("env://")) if several else (None, 0, 1)
    if rank == 0:
        own = "bf16-mixed" if pick_precision(name, device) == torch.bfloat16 else "32-true"
        if store is None:
            return own
        store.set("glmtracks/precision", own)
    return store.get("glmtracks/precision").decode()  # waits for the first process


def _fingerprint(model: GenomicLanguageModel, packed: PackedCorpus, recipe: dict) -> str:
    what = {"kind": model.kind, "architecture": model.architecture, "recipe": recipe, "corpus": packed.fingerprint()}
    what["checkpoints"] = CHECKPOINT_FORMAT
    return hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode()).hexdigest()
