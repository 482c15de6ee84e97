"""The optimiser of a recipe: AdamW, or Muon for the matrices with AdamW for all else."""

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Muon, Optimizer

BETAS = (0.9, 0.98)
MOMENTUM = 0.95


class PreciseMuon(Muon):
    """Muon in float32; PyTorch's multiplies in bfloat16 whatever else does, and some processors only imitate that."""

    @torch.no_grad()
    def step(self, closure=None):
        loss = None if closure is None else closure()
        for group in self.param_groups:
            momentum, rate = group["momentum"], group["lr"]
            for matrix in (p for p in group["params"] if p.grad is not None):
                mean = self.state[matrix].setdefault("momentum_buffer", torch.zeros_like(matrix))
                mean.lerp_(matrix.grad, 1 - momentum)
                update = _orthogonal(matrix.grad.lerp(mean, momentum), group)
                matrix.mul_(1 - rate * group["weight_decay"])
                matrix.add_(update, alpha=-rate * max(1, matrix.shape[0] / matrix.shape[1]) ** 0.5)
        return loss


def _orthogonal(matrix: Tensor, group: dict) -> Tensor:
    """The nearest orthogonal matrix, about, by Newton and Schulz' iteration with the coefficients of a group."""
    a, b, c = group["ns_coefficients"]
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / x.norm().clamp(min=group["eps"])
    for _ in range(group["ns_steps"]):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x


class Together(Optimizer):
    """Several optimisers, each with parameters of its own, as one; their groups and states stand one after another."""

    def __init__(self, *parts: Optimizer):
        self.parts = parts
        super().__init__([group for part in parts for group in part.param_groups], {})
        self._share()

    def _share(self) -> None:
        """A schedule changes the rates of the groups here, so they must be the groups of the parts."""
        self.param_groups = [group for part in self.parts for group in part.param_groups]

    def step(self, closure=None):
        loss = None if closure is None else closure()
        for part in self.parts:
            part.step()
        return loss

    def state_dict(self) -> dict:
        return {"parts": [part.state_dict() for part in self.parts]}

    def load_state_dict(self, state_dict: dict) -> None:
        for part, state in zip(self.parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)
        self._share()


def make_optimiser(model: nn.Module, recipe: dict, precision: str) -> Optimizer:
    """The optimiser called `adamw` or `muon`, for a training in a precision of Lightning's names; matrices decay, norms
    and biases do not.

    Muon (Jordan et al. 2024) orthogonalises the update of each matrix, which suits the inner layers; the first and the
    last, whose rows are bases and species, stay with AdamW as its authors advise.
    """
    outer = {id(p) for module in (model.embedding, model.head) for p in module.parameters()}
    matrices = [p for p in model.parameters() if p.ndim >= 2]
    inner = [p for p in matrices if id(p) not in outer]
    others = [p for p in model.parameters() if p.ndim < 2]
    rate, decay = recipe["learning_rate"], recipe["weight_decay"]
    if recipe["optimiser"] == "adamw":
        groups = [{"params": matrices, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]
        return AdamW(groups, lr=rate, betas=BETAS)
    first_and_last = [p for p in matrices if id(p) in outer]
    groups = [{"params": first_and_last, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]
    muon = PreciseMuon if precision == "32-true" else Muon
    return Together(
        muon(inner, lr=recipe["muon_rate"], weight_decay=decay, momentum=MOMENTUM),
        AdamW(groups, lr=rate, betas=BETAS),
    )
