"""The one interface that scoring, embeddings and benchmarks speak to."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import torch
from torch import Tensor, nn

from glmtracks.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from glmtracks.windows.corpus import Corpus

Objective = Literal["one_pass", "masked", "causal"]


class GenomicLanguageModel(nn.Module, ABC):
    """A model that gives a distribution over the four bases at every position of a window.

    Windows are uint8 tensors of shape (batch, length) holding 0, 1, 2, 3 for A, C, G, T and 4 for anything unknown;
    positions outside a contig are unknown. A model with a species token reads windows as those of the species that
    `read_as` named last, or of an unknown one.
    """

    kind: ClassVar[str]
    objective: ClassVar[Objective]
    """What a prediction may read: one_pass and masked = every base but the predicted one (masked: by hiding it);
    causal = the bases to its left."""
    tokens: ClassVar[str] = "single bases"
    scores: ClassVar[bool] = True
    """Whether it gives probabilities of bases; if not, it has embeddings alone."""
    token_width: int = 1
    """Bases that a token covers, and answers for, amid known ones: the least where widths differ; 1 if they overlap."""
    mean_width: int = 1
    """The mean width of the tokens of random sequence, rounded down."""
    context: ClassVar[int | None] = None
    """The longest window that the model can read, in bases; None = any length."""
    equivariant: ClassVar[bool] = False
    """Whether the reverse complement of a window gets the complement of its log-probabilities, by construction."""
    strands: ClassVar[int] = 2
    """How many strands scoring asks unless it is told otherwise; the answers of two are averaged."""
    reads_unknown: ClassVar[bool] = True
    """Whether it was trained on windows with unknown bases; if not, what has one in its reach gets no score."""

    def __init__(self, **architecture):
        super().__init__()
        self.architecture = architecture
        self._reading_as = 0

    @property
    @abstractmethod
    def receptive_field(self) -> int:
        """How many bases away a base can still change a prediction, on the farther of the two sides."""

    @abstractmethod
    def log_probs(self, codes: Tensor, species: Tensor | None = None) -> Tensor:
        """Natural-log probabilities (batch, length, 4), float32, of A, C, G, T at each position of `codes`.

        `species`, int64 (batch,), numbers the species of each window from 1, 0 = unknown; by default that of `read_as`.
        A masked model takes `hidden` besides, bool (batch, length), the bases that it must not see; only its answers at
        these, and at those of the same token, mean something. How any model is asked about every base of a window:
        `glmtracks.scoring.strategies`.
        """

    def inner_log_probs(self, codes: Tensor, margin: int, species: Tensor | None = None) -> Tensor:
        """`log_probs` of all but `margin` bases on both sides of windows; what no prediction needs is not read."""
        end = codes.shape[1] - margin
        read = codes[:, :end] if self.objective == "causal" else codes
        return self.log_probs(read, species)[:, margin:end]

    def training_log_probs(self, codes: Tensor, species: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probabilities as `log_probs` gives, and the positions, bool (batch, length), that the loss is taken of.

        `noise` is uniform in [0, 1), float32 (batch, length); whatever is hidden from the model is drawn from it.
        """
        return self.log_probs(codes, species), torch.ones_like(codes, dtype=torch.bool)

    def token_numbers(self, codes: Tensor) -> Tensor:
        """The token, int64 (batch, length), counted from the left, in which each base of `codes` can be hidden.

        Bases with the same number are hidden, and answered for, together.
        """
        return torch.arange(codes.shape[1], device=codes.device).expand(codes.shape)

    @property
    def layers(self) -> int:
        """Number of the last layer that has embeddings; layer 0 is what the bases alone are turned into."""
        return 0

    def embeddings(self, codes: Tensor, layer: int = -1) -> Tensor:
        """Contextual embeddings (batch, length, channels), float32; only for kinds that the registry says embed.

        `layer` counts from 0 to `layers`, negative numbers from the end, as -1 for the last, which is normalised as the
        head reads it. Raises InputError for a layer that the model does not have.
        """
        raise TypeError(f"a model of kind {self.kind} has no embeddings")

    def layer_number(self, layer: int) -> int:
        """`layer` counted from 0; raises InputError for one that the model does not have."""
        if not -self.layers - 1 <= layer <= self.layers:
            raise InputError(
                f"embeddings.layer: this {self.kind} model has the layers 0 (the bases alone) to {self.layers}, or "
                f"-{self.layers + 1} to -1 counted from the end; {layer} is none of them"
            )
        return layer % (self.layers + 1)

    @abstractmethod
    def fit(self, corpus: "Corpus", parameters: dict, folder: Path) -> "pd.DataFrame":
        """Train on the training part of `corpus`; returns training.tsv (step, train_nats_per_base …).

        `parameters` are those of the model sheet, with the seed; in `folder` checkpoints and logs may be kept.
        """

    def forward(self, codes: Tensor) -> Tensor:
        """Same as `log_probs`."""
        return self.log_probs(codes)

    def read_as(self, species: str) -> None:
        """Read windows as those of a species from now on; one that the model does not know counts as unknown."""
        known = list(self.architecture.get("species", []))
        self._reading_as = known.index(species) + 1 if species in known else 0

    def species_of(self, codes: Tensor, species: Tensor | None) -> Tensor:
        """`species`, or that of `read_as` for every window."""
        if species is None:
            return torch.full((len(codes),), self._reading_as, device=codes.device)
        return species


def reverse_complement(codes: Tensor) -> Tensor:
    """Reverse complement of windows (…, length); unknown bases stay unknown."""
    flipped = codes.flip(-1)
    return torch.where(flipped < 4, 3 - flipped, flipped)


def log_softmax(logits: Tensor) -> Tensor:
    """Log-probabilities of A, C, G and T (the last axis), in the format of `logits`.

    Those of A and T and of C and G are summed first: so the reverse complement has the same ones to the last bit, where
    `torch.log_softmax`, which sums them in a row, may round otherwise.
    """
    shifted = logits - logits.detach().amax(dim=-1, keepdim=True)
    odds = shifted.exp()
    of_pairs = odds[..., :2] + odds[..., 2:].flip(-1)
    return shifted - of_pairs.sum(dim=-1, keepdim=True).log()
