"""What the convolutional models share: the embedding of bases, one tower, a head, and training by gradient descent."""

from pathlib import Path
from typing import ClassVar

import pandas as pd
from torch import Tensor, nn
from torch.nn import functional as F

from glmtracks.models.base import GenomicLanguageModel
from glmtracks.models.layers import BaseEmbedding, Tower
from glmtracks.windows.corpus import Corpus


class TowerModel(GenomicLanguageModel):
    """A model that reads windows with one tower; `species` are the names of the species that it tells apart."""

    causal: ClassVar[bool]
    """Whether its tower reads from left to right, or to both sides."""
    extra_symbols: ClassVar[int] = 0
    """Symbols that it reads beside the bases."""
    states_mixed: ClassVar[int] = 1
    """States of the tower that a prediction is made from."""

    def __init__(
        self,
        width: int,
        layers: int,
        kernel: int,
        max_dilation: int,
        dropout: float = 0.0,
        species: list[str] | tuple[str, ...] = (),
    ):
        shape = {"width": width, "layers": layers, "kernel": kernel, "max_dilation": max_dilation}
        super().__init__(**shape, dropout=dropout, species=list(species))
        self.embedding = BaseEmbedding(width, len(species), extra=self.extra_symbols)
        self.tower = Tower(width, layers, kernel, max_dilation, causal=self.causal, dropout=dropout)
        mixed = self.states_mixed * width
        self.mixer = nn.Linear(mixed, mixed, bias=False)
        self.head = nn.Linear(mixed, 4)

    def logits(self, states: Tensor) -> Tensor:
        """Logits (batch, length, 4) of A, C, G and T from the states of the tower (batch, length, mixed width).

        Where two states are mixed, the first is of what comes before the base on the strand that is read.
        """
        return self.head(F.gelu(self.mixer(states)))

    @property
    def layers(self) -> int:
        return len(self.tower.layers)

    def fit(self, corpus: Corpus, parameters: dict, folder: Path) -> pd.DataFrame:
        """Minimise the loss of the bases of the training windows; see `glmtracks.training`."""
        if not parameters["steps"]:
            return pd.DataFrame({"step": []})
        from glmtracks.training.loop import fit  # seconds to import

        return fit(self, corpus, parameters, folder)
