"""The house model: the exact distribution of every base given all the others, in one forward pass.

Two causal towers with shared weights read the window and its reverse complement. The prediction at a base mixes the
left state, which has read everything before it, with the right state, which has read everything after it; neither has
read the base itself. The head is symmetrised, so the model is exactly reverse-complement equivariant.
"""

import torch
from torch import Tensor

from glmtracks.models.base import log_softmax, reverse_complement
from glmtracks.models.layers import behind
from glmtracks.models.tower import TowerModel


class OnePass(TowerModel):
    """See the module, and `TowerModel` for its parts."""

    kind = "one_pass"
    objective = "one_pass"
    equivariant = True
    strands = 1
    causal = True
    states_mixed = 2  # left and right

    @property
    def receptive_field(self) -> int:
        return 1 + self.tower.reach

    def states(
        self, codes: Tensor, species: Tensor | None = None, depth: int | None = None, margin: int = 0
    ) -> tuple[Tensor, Tensor]:
        """Left and right states (batch, length - 2 margin, width): what lies before, and after, each inner position.

        They are those after the first `depth` layers of the tower, or after all.
        """
        both = torch.cat([codes, reverse_complement(codes)])
        both = both[:, : codes.shape[1] - margin]  # no inner prediction depends on the margin where its tower ends
        read = self.tower(self.embedding(both, self.species_of(codes, species).repeat(2)), depth=depth)
        left, right = behind(read)[:, margin:].chunk(2)  # behind: neither has read the base that it is to predict
        return left, right.flip(1)

    def log_probs(self, codes: Tensor, species: Tensor | None = None) -> Tensor:
        return self.inner_log_probs(codes, 0, species)

    def inner_log_probs(self, codes: Tensor, margin: int, species: Tensor | None = None) -> Tensor:
        left, right = self.states(codes, species, margin=margin)
        forward, backward = (self.logits(torch.cat(pair, dim=-1)) for pair in ((left, right), (right, left)))
        return log_softmax(forward.float() + backward.float().flip(-1))

    def embeddings(self, codes: Tensor, layer: int = -1) -> Tensor:
        """Mean of left and right state: the same for a base and for its complement on the other strand.

        At no layer does it know the base itself, so layer 0 is what the two neighbours are turned into.
        """
        left, right = self.states(codes, depth=self.layer_number(layer))
        return (left.float() + right.float()) / 2
