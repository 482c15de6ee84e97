"""What a base costs in training, and what it weighs."""

import torch
from torch import Tensor

from glmtracks.errors import InputError
from glmtracks.training.packed import REGIONS, Windows

C, G = 1, 2
HEAVIEST = 1_000_000  # of a region class, as of a CpG: sums over a batch stay far inside float32


def base_losses(log_probs: Tensor, codes: Tensor, label_smoothing: float = 0.0) -> tuple[Tensor, Tensor]:
    """Loss in nats (batch, length) of each base, 0 where unknown; and which bases are defined.

    With label smoothing ε the target is the distribution that gives the base itself 1 - ε + ε/4 and the others ε/4.
    """
    defined = codes < 4
    target = torch.where(defined, codes, 0).long().unsqueeze(-1)
    loss = -log_probs.gather(-1, target).squeeze(-1)
    if label_smoothing:
        loss = (1 - label_smoothing) * loss - label_smoothing * log_probs.mean(-1)
    return loss * defined, defined


class BaseWeights:
    """The weight of each base in the loss: the product of what the recipe says of its repeat status, CpG, region class
    and functional evidence."""

    def __init__(self, recipe: dict):
        self.repeat, self.cpg = recipe["repeat_weight"], recipe["cpg_weight"]
        self.floor = recipe["evidence_floor"]
        self.regions = torch.tensor(region_weights(recipe["region_weights"]))

    def __call__(self, windows: Windows) -> Tensor:
        """Weights, float32 (batch, length); unknown bases weigh nothing."""
        codes = windows.codes
        weight = (codes < 4) * torch.where(windows.repeat, self.repeat, 1.0)
        if self.cpg != 1:
            weight = weight * torch.where(_in_cpg(codes), self.cpg, 1.0)
        weight = weight * self.regions.to(codes.device)[windows.region]
        return weight * (self.floor + (1 - self.floor) / 255 * windows.evidence)


def _in_cpg(codes: Tensor) -> Tensor:
    pair = (codes[:, :-1] == C) & (codes[:, 1:] == G)
    inside = torch.zeros_like(codes, dtype=torch.bool)
    inside[:, :-1] |= pair
    inside[:, 1:] |= pair
    return inside


def region_weights(text: str) -> list[float]:
    """The weight of each of `REGIONS`, from "CDS:2, intron:0.5"; 1 where a class is not named.

    Raises `InputError` for a class that is unknown or named twice, and for what is no number from 0 to `HEAVIEST`.
    """
    named: dict[str, float] = {}
    for pair in filter(None, (pair.strip() for pair in text.split(","))):
        name, _, value = pair.partition(":")
        if name not in REGIONS:
            raise InputError(f"region_weights: {name!r} is not a region class; known are {', '.join(REGIONS[1:])}")
        if name in named:
            raise InputError(f"region_weights: {name} has two weights; leave one of them")
        try:
            named[name] = float(value)
        except ValueError:
            raise InputError(f"region_weights: {pair!r} has no number; write it as CDS:2") from None
        if not 0 <= named[name] <= HEAVIEST:
            raise InputError(f"region_weights: {pair!r} must not be negative or above {HEAVIEST:,}")
    weights = [named.get(name, 1.0) for name in REGIONS]
    if not any(weights):
        raise InputError("region_weights: all classes weigh 0, so there is nothing to learn")
    return weights
