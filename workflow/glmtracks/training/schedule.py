"""How the learning rates rise and fall over the steps of a training."""

import math

COOLDOWN = 0.6  # share of the steps over which the rates fall to zero, where they do so along a line


def peak_share(step: int, recipe: dict) -> float:
    """The learning rates of a step (the first is 0) as a share of their peaks.

    They rise over the `warmup`. Then they fall along half a cosine or, where `schedule` says cooldown, stay at their
    peak and fall along a line over the last steps (Hägele et al. 2024): after as many steps the loss is lower
    (resources/models/README.md).
    """
    progress = min(step / max(recipe["steps"], 1), 1.0)
    risen = min((step + 1) / max(recipe["warmup"] * recipe["steps"], 1), 1.0)
    if recipe["schedule"] == "cosine":
        return risen * (0.5 + 0.5 * math.cos(math.pi * progress))
    return min(risen, (1 - progress) / COOLDOWN)
