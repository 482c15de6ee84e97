"""A masked language model of dilated convolutions, after GPN (Benegas, Batra and Song 2023).

A prediction needs the base hidden, so one forward pass answers only for the few bases that are masked in it: in
training 15 % of them, drawn anew each time; in scoring those of a strategy (`glmtracks.scoring.strategies`).
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from glmtracks.models.tower import TowerModel

UNKNOWN, MASK = 4, 5
MASKED = 0.15  # of the bases of a training window; of these 80 % are hidden, 10 % exchanged and 10 % left (BERT)


class Masked(TowerModel):
    """See the module, and `TowerModel` for its parts."""

    kind = "masked"
    objective = "masked"
    causal = False
    extra_symbols = 1  # the mask

    @property
    def receptive_field(self) -> int:
        return self.tower.reach // 2

    def _read(self, symbols: Tensor, species: Tensor | None, depth: int | None = None) -> Tensor:
        known = symbols != UNKNOWN  # so that what lies beyond a contig is the same as what lies beyond the window
        return self.tower(self.embedding(symbols, self.species_of(symbols, species)), known.unsqueeze(-1), depth)

    def log_probs(self, codes: Tensor, species: Tensor | None = None, hidden: Tensor | None = None) -> Tensor:
        """See `GenomicLanguageModel`; unknown bases cannot be hidden, and stay unknown."""
        symbols = codes if hidden is None else torch.where(hidden & (codes != UNKNOWN), MASK, codes)
        return F.log_softmax(self.logits(self._read(symbols, species)).float(), dim=-1)

    def training_log_probs(self, codes: Tensor, species: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        # The noise of a base that is asked about is uniform below MASKED. In the lowest tenth of that range the base is
        # exchanged for one that the place within the tenth draws; in the next tenth it is left; above, it is hidden.
        asked = (noise < MASKED) & (codes != UNKNOWN)
        exchanged, hidden = asked & (noise < 0.1 * MASKED), asked & (noise >= 0.2 * MASKED)
        drawn = (noise * (4 / (0.1 * MASKED))).long() % 4  # the remainder, since rounding may make 4 of what is below
        symbols = torch.where(hidden, MASK, torch.where(exchanged, drawn.to(codes.dtype), codes))
        return self.log_probs(symbols, species), asked

    def embeddings(self, codes: Tensor, layer: int = -1) -> Tensor:
        """States of the unmasked window."""
        return self._read(codes, None, self.layer_number(layer)).float()
