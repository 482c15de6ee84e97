"""How well a model predicts the bases of a part of the corpus: everywhere, by repeat status and by region class."""

from itertools import chain

import torch
from torch import Tensor

from glmtracks.models.base import GenomicLanguageModel
from glmtracks.scoring.strategies import choose
from glmtracks.training.batches import validation_loader
from glmtracks.training.losses import base_losses
from glmtracks.training.packed import REGIONS, PackedCorpus, Windows

WINDOWS = 200  # of a part that are validated on during training
FINAL_WINDOWS = 2_000


def tally(windows: Windows, log_probs: Tensor, asked: Tensor) -> Tensor:
    """Sum of losses in nats and number of bases, float64 (2, region classes, outside or inside repeats).

    Only the bases that were `asked` for, bool (rows, length), and are defined, count.
    """
    loss, defined = base_losses(log_probs.float(), windows.codes)
    counted = defined & asked
    cell = 2 * windows.region + windows.repeat.long()
    sums = torch.stack([loss * counted, counted.float()]).flatten(1).double()
    total = torch.zeros(2, 2 * len(REGIONS), dtype=torch.float64, device=sums.device)
    return total.index_add_(1, cell.flatten(), sums).view(2, len(REGIONS), 2)


def summarise(sums: Tensor, prefix: str) -> dict[str, float]:
    """Nats per base of the tallied bases under names that begin with `prefix`; groups without bases have none."""
    loss, count = sums.cpu()
    groups = {"": ..., "_outside_repeats": (slice(None), 0), "_in_repeats": (slice(None), 1)}
    groups |= {f"_{name}": number for number, name in enumerate(REGIONS) if number}
    return {
        f"{prefix}_nats_per_base{name}": float(loss[group].sum() / count[group].sum())
        for name, group in groups.items()
        if count[group].sum() > 0
    }


@torch.inference_mode()
def validate(
    model: GenomicLanguageModel,
    packed: PackedCorpus,
    part: str,
    most: int = FINAL_WINDOWS,
    precision: torch.dtype = torch.float32,
) -> dict:
    """Nats per base and number of bases on evenly spaced windows of a part; {} without any.

    The model is asked about every base, from all that it may read, where it is, with matrix products in the number
    format `precision`; a causal one from left to right, as it is trained.
    """
    device = next(chain(model.parameters(), model.buffers())).device
    sums = torch.zeros(2, len(REGIONS), 2, dtype=torch.float64, device=device)
    strategy = choose(model, strands=1 if model.objective == "causal" else 0)
    with torch.autocast(device.type, precision, enabled=precision != torch.float32):
        for windows in validation_loader(packed, part, most, at_once=16):
            windows = Windows(*(tensor.to(device) for tensor in windows))
            log_probs = strategy.log_probs(model, windows.codes, species=windows.species)
            sums += tally(windows, log_probs, torch.ones_like(windows.codes, dtype=torch.bool))
    metrics = summarise(sums, part)
    return metrics | {f"{part}_bases": int(sums[1].sum())} if metrics else {}
