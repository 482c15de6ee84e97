"""A left-to-right model: the distribution of every base given those before it, with the tower of the one-pass model.

Its log-probabilities add up to the likelihood of a sequence, so it can compare sequences of different length.
"""

from torch import Tensor
from torch.nn import functional as F

from glmtracks.models.layers import behind
from glmtracks.models.tower import TowerModel


class Causal(TowerModel):
    """See the module, and `TowerModel` for its parts."""

    kind = "causal"
    objective = "causal"
    causal = True

    @property
    def receptive_field(self) -> int:
        return 1 + self.tower.reach

    def log_probs(self, codes: Tensor, species: Tensor | None = None) -> Tensor:
        return F.log_softmax(self.logits(behind(self._read(codes, species))).float(), dim=-1)

    def _read(self, codes: Tensor, species: Tensor | None = None, depth: int | None = None) -> Tensor:
        return self.tower(self.embedding(codes, self.species_of(codes, species)), depth=depth)

    def embeddings(self, codes: Tensor, layer: int = -1) -> Tensor:
        """States that have read everything up to and including each base."""
        return self._read(codes, depth=self.layer_number(layer)).float()
