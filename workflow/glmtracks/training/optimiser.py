"""The optimiser of a recipe: AdamW, or Muon for the matrices with AdamW for all else."""

from torch import nn
from torch.optim import AdamW, Muon, Optimizer

BETAS = (0.9, 0.98)
MOMENTUM = 0.95


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


def make_optimiser(model: nn.Module, recipe: dict) -> Optimizer:
    """The optimiser called `adamw` or `muon`; matrices decay, norms and biases do not.

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
    return Together(
        Muon(inner, lr=recipe["muon_rate"], weight_decay=decay, momentum=MOMENTUM),
        AdamW(groups, lr=rate, betas=BETAS),
    )
