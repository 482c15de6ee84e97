"""The house model: the exact distribution of every base given all the others, in one forward pass.

Two causal towers with shared weights read the window and its reverse complement. The prediction at a base mixes the
left state, which has read everything before it, with the right state, which has read everything after it; neither has
read the base itself. The head is symmetrised, so the model is exactly reverse-complement equivariant.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from glmtracks.corpus import Corpus
from glmtracks.models.base import GenomicLanguageModel, reverse_complement


class CausalLayer(nn.Module):
    """A residual layer that reads positions t, t - d, t - 2d …: a dilated causal convolution as one matrix product.

    Without biases, so that unknown bases and positions before the window give the same state: exactly zero.
    """

    def __init__(self, width: int, kernel: int, dilation: int):
        super().__init__()
        self.shifts = [tap * dilation for tap in range(kernel)]
        self.norm = nn.LayerNorm(width, bias=False)
        self.convolution = nn.Linear(kernel * width, width, bias=False)
        self.projection = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        reach, length = self.shifts[-1], x.shape[1]
        padded = F.pad(self.norm(x), (0, 0, reach, 0))
        taps = torch.cat([padded[:, reach - shift : reach - shift + length] for shift in self.shifts], dim=-1)
        return x + self.projection(F.gelu(self.convolution(taps)))


class OnePass(GenomicLanguageModel):
    """See the module. The dilation of the `layers` doubles up to `max_dilation`, then starts again at 1."""

    kind = "one_pass"
    objective = "one_pass"

    def __init__(self, width: int, layers: int, kernel: int, max_dilation: int):
        super().__init__(width=width, layers=layers, kernel=kernel, max_dilation=max_dilation)
        cycle = max_dilation.bit_length()
        self.dilations = [2 ** (layer % cycle) for layer in range(layers)]
        self.kernel = kernel
        self.embedding = nn.Linear(4, width, bias=False)
        self.tower = nn.Sequential(*(CausalLayer(width, kernel, dilation) for dilation in self.dilations))
        self.norm = nn.LayerNorm(width, bias=False)
        self.mixer = nn.Linear(2 * width, 2 * width, bias=False)
        self.head = nn.Linear(2 * width, 4)
        for layer in self.tower:  # so that the variance of the residual stream does not grow with depth
            nn.init.normal_(layer.projection.weight, std=(2 * width * layers) ** -0.5)

    @property
    def receptive_field(self) -> int:
        return 1 + (self.kernel - 1) * sum(self.dilations)

    def states(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Left and right states (batch, length, width): what lies before, and what lies after, each position."""
        both = torch.cat([codes, reverse_complement(codes)])
        one_hot = F.one_hot(both.long(), 5)[..., :4].to(self.embedding.weight.dtype)
        read = self.norm(self.tower(self.embedding(one_hot)))
        before = F.pad(read, (0, 0, 1, 0))[:, :-1]  # the state at t has read base t: shift it by one
        left, right = before.chunk(2)
        return left, right.flip(1)

    def log_probs(self, codes: Tensor) -> Tensor:
        left, right = self.states(codes)
        forward, backward = (self._logits(a, b) for a, b in ((left, right), (right, left)))
        return F.log_softmax(forward.float() + backward.float().flip(-1), dim=-1)

    def _logits(self, near: Tensor, far: Tensor) -> Tensor:
        return self.head(F.gelu(self.mixer(torch.cat([near, far], dim=-1))))

    def embeddings(self, codes: Tensor) -> Tensor:
        """Mean of left and right state: the same for a base and for its complement on the other strand."""
        left, right = self.states(codes)
        return (left.float() + right.float()) / 2

    def fit(self, corpus: Corpus, parameters: dict) -> list[dict]:
        """Minimise the loss of every base of the training windows; see `glmtracks.training`."""
        from glmtracks.training import train

        return train(self, corpus, parameters)
