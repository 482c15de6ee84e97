"""The one interface that scoring, embeddings and benchmarks speak to."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Literal

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from glmtracks.corpus import Corpus

Objective = Literal["one_pass", "masked", "causal"]


class GenomicLanguageModel(nn.Module, ABC):
    """A model that gives a distribution over the four bases at every position of a window.

    Windows are uint8 tensors of shape (batch, length) holding 0, 1, 2, 3 for A, C, G, T and 4 for anything unknown;
    positions outside a contig are unknown.
    """

    kind: ClassVar[str]
    objective: ClassVar[Objective]
    """What a prediction may read: one_pass = every base but the predicted one; causal = the bases to its left."""
    tokens: ClassVar[str] = "single bases"
    context: ClassVar[int | None] = None
    """The longest window that the model can read, in bases; None = any length."""

    def __init__(self, **architecture):
        super().__init__()
        self.architecture = architecture

    @property
    @abstractmethod
    def receptive_field(self) -> int:
        """How many bases away a base can still change a prediction, on the farther of the two sides."""

    @abstractmethod
    def log_probs(self, codes: Tensor) -> Tensor:
        """Natural-log probabilities (batch, length, 4), float32, of A, C, G, T at each position of `codes`."""

    def embeddings(self, codes: Tensor) -> Tensor:
        """Contextual embeddings (batch, length, channels), float32; only for kinds that the registry says embed."""
        raise TypeError(f"a model of kind {self.kind} has no embeddings")

    @abstractmethod
    def fit(self, corpus: "Corpus", parameters: dict) -> list[dict]:
        """Train on the training part of `corpus`; returns the rows of training.tsv (step, loss …).

        `parameters` are those of the model sheet, with the seed.
        """

    def forward(self, codes: Tensor) -> Tensor:
        """Same as `log_probs`."""
        return self.log_probs(codes)


def reverse_complement(codes: Tensor) -> Tensor:
    """Reverse complement of windows (…, length); unknown bases stay unknown."""
    flipped = codes.flip(-1)
    return torch.where(flipped < 4, 3 - flipped, flipped)
