"""A left-to-right model: the distribution of every base given those before it, with the tower of the one-pass model.

Its log-probabilities add up to the likelihood of a sequence, so it can compare sequences of different length.
"""

from torch import Tensor, nn
from torch.nn import functional as F

from glmtracks.models.layers import behind
from glmtracks.models.tower import TowerModel


class Causal(TowerModel):
    """See the module; `species` are the names of the species that the model tells apart."""

    kind = "causal"
    objective = "causal"

    def __init__(
        self,
        width: int,
        layers: int,
        kernel: int,
        max_dilation: int,
        dropout: float = 0.0,
        species: list[str] | tuple[str, ...] = (),
    ):
        super().__init__(width, layers, kernel, max_dilation, dropout, species, causal=True)
        self.mixer = nn.Linear(width, width, bias=False)
        self.head = nn.Linear(width, 4)

    @property
    def receptive_field(self) -> int:
        return 1 + self.tower.reach

    def log_probs(self, codes: Tensor, species: Tensor | None = None) -> Tensor:
        before = behind(self._read(codes, species))
        return F.log_softmax(self.head(F.gelu(self.mixer(before))).float(), dim=-1)

    def _read(self, codes: Tensor, species: Tensor | None = None, depth: int | None = None) -> Tensor:
        return self.tower(self.embedding(codes, self.species_of(codes, species)), depth=depth)

    def embeddings(self, codes: Tensor, layer: int = -1) -> Tensor:
        """States that have read everything up to and including each base."""
        return self._read(codes, depth=self.layer_number(layer)).float()
