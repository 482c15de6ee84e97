"""A masked language model of dilated convolutions, after GPN (Benegas, Batra and Song 2023).

A prediction needs the base hidden, so one forward pass answers only for the few bases that are masked in it: in
training 15 % of them, drawn anew each time; in scoring every `spacing`-th, in `spacing` passes on each strand.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from glmtracks.models.base import reverse_complement
from glmtracks.models.tower import TowerModel

UNKNOWN, MASK = 4, 5
POSITIONS = 1 << 15  # of a forward pass, at least one window's
MASKED = 0.15  # of the bases of a training window; of these 80 % are hidden, 10 % exchanged and 10 % left (BERT)


class Masked(TowerModel):
    """See the module; `species` are the names of the species that the model tells apart.

    With a `spacing` above the receptive field the log-probabilities are those of single masks; below, a prediction
    misses the few neighbours that are masked with it.
    """

    kind = "masked"
    objective = "masked"

    def __init__(
        self,
        width: int,
        layers: int,
        kernel: int,
        max_dilation: int,
        spacing: int = 32,
        dropout: float = 0.0,
        species: list[str] | tuple[str, ...] = (),
    ):
        super().__init__(
            width, layers, kernel, max_dilation, dropout, species, causal=False, extra_symbols=1, spacing=spacing
        )
        self.spacing, self.passes = spacing, 2 * spacing
        self.mixer = nn.Linear(width, width, bias=False)
        self.head = nn.Linear(width, 4)

    @property
    def receptive_field(self) -> int:
        return self.tower.reach // 2

    def _read(self, symbols: Tensor, species: Tensor | None, depth: int | None = None) -> Tensor:
        known = symbols != UNKNOWN  # so that what lies beyond a contig is the same as what lies beyond the window
        return self.tower(self.embedding(symbols, self.species_of(symbols, species)), known.unsqueeze(-1), depth)

    def _answers(self, symbols: Tensor, species: Tensor | None) -> Tensor:
        return self.head(F.gelu(self.mixer(self._read(symbols, species)))).float()

    def log_probs(self, codes: Tensor, species: Tensor | None = None) -> Tensor:
        there = self._strand(codes, species)
        back = self._strand(reverse_complement(codes), species).flip(1, 2)
        return F.log_softmax((there + back) / 2, dim=-1)

    def _strand(self, codes: Tensor, species: Tensor | None) -> Tensor:
        """Log-probabilities of each base from the pass that masks it, on the strand as given."""
        (rows, length), passes = codes.shape, min(self.spacing, codes.shape[1])
        known, place = self.species_of(codes, species), torch.arange(length, device=codes.device)
        result = torch.empty(rows, length, 4, device=codes.device)
        at_once = max(POSITIONS // codes.numel(), 1)
        for first in range(0, passes, at_once):
            some = torch.arange(first, min(first + at_once, passes), device=codes.device)
            asked = place % passes == some[:, None]  # (passes, length); each position is asked for in one pass
            symbols = torch.where(asked[:, None], MASK, codes).flatten(0, 1)
            answers = self._answers(symbols, known.repeat(len(some))).view(len(some), rows, length, 4)
            here = asked.any(0)
            result[:, here] = answers[place[here] % passes - first, :, place[here]].transpose(0, 1)
        return F.log_softmax(result, dim=-1)

    def training_log_probs(self, codes: Tensor, species: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        asked = (noise < MASKED) & (codes != UNKNOWN)
        exchanged = (noise < 0.2 * MASKED) & asked
        random_base = (noise * (4 / (0.1 * MASKED))).long() % 4  # uniform, since noise below 0.1 · 15 % is
        symbols = torch.where(asked & ~exchanged, MASK, codes)
        symbols = torch.where(exchanged & (noise < 0.1 * MASKED), random_base.to(codes.dtype), symbols)
        return F.log_softmax(self._answers(symbols, species), dim=-1), asked

    def embeddings(self, codes: Tensor, layer: int = -1) -> Tensor:
        """States of the unmasked window."""
        return self._read(codes, None, self.layer_number(layer)).float()
