"""How many floating-point operations a model takes for a base, as PyTorch counts those of its matrix products.

Two for each multiply-add. Norms, activations and the softmax are not counted, nor is the optimiser.
"""

import torch
from torch.utils.flop_counter import FlopCounterMode

from glmtracks.models.base import GenomicLanguageModel
from glmtracks.scoring.strategies import choose

LENGTH = 512  # bases of the window that is counted


def training_flops(model: GenomicLanguageModel, length: int = LENGTH) -> float:
    """Operations of forward and backward pass for one base of a training window."""
    codes = torch.randint(4, (1, length), dtype=torch.uint8)
    with FlopCounterMode(display=False) as counter:
        log_probs, _ = model.training_log_probs(codes, torch.zeros(1, dtype=torch.int64), torch.rand(1, length))
        log_probs.sum().backward()
    model.zero_grad()
    return counter.get_total_flops() / length


@torch.no_grad()
def inference_flops(model: GenomicLanguageModel, length: int = LENGTH) -> float:
    """Operations for one base of asking about every base of a window as scoring does."""
    codes = torch.randint(4, (1, length), dtype=torch.uint8)
    with FlopCounterMode(display=False) as counter:
        choose(model).log_probs(model, codes)
    return counter.get_total_flops() / length
