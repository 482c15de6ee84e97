"""What the convolutional models share: the embedding of bases, one tower, and training by gradient descent."""

from pathlib import Path

import pandas as pd

from glmtracks.models.base import GenomicLanguageModel
from glmtracks.models.layers import BaseEmbedding, Tower
from glmtracks.windows.corpus import Corpus


class TowerModel(GenomicLanguageModel):
    """A model that reads windows with one tower; `species` are the names of the species that it tells apart."""

    def __init__(
        self,
        width: int,
        layers: int,
        kernel: int,
        max_dilation: int,
        dropout: float,
        species: list[str] | tuple[str, ...],
        *,
        causal: bool,
        extra_symbols: int = 0,
    ):
        shape = {"width": width, "layers": layers, "kernel": kernel, "max_dilation": max_dilation}
        super().__init__(**shape, dropout=dropout, species=list(species))
        self.embedding = BaseEmbedding(width, len(species), extra=extra_symbols)
        self.tower = Tower(width, layers, kernel, max_dilation, causal=causal, dropout=dropout)

    @property
    def layers(self) -> int:
        return len(self.tower.layers)

    def fit(self, corpus: Corpus, parameters: dict, folder: Path) -> pd.DataFrame:
        """Minimise the loss of the bases of the training windows; see `glmtracks.training`."""
        if not parameters["steps"]:
            return pd.DataFrame({"step": []})
        from glmtracks.training.loop import fit  # seconds to import

        return fit(self, corpus, parameters, folder)
