"""What the architectures are built of: base embeddings, and dilated convolutions written as matrix products.

None of the layers has a bias, so that an unknown base and a position beyond the window give the same state: exactly
zero.
"""

import logging
import os
import shutil
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

logger = logging.getLogger(__name__)

EPSILON = 1e-5  # that LayerNorm adds to a variance


class BaseEmbedding(nn.Module):
    """One vector for each base (and for the `extra` symbols behind code 4), scaled channel by channel for each species.

    Unknown bases (code 4) are zero, in every species. Species 0 is the unknown one.
    """

    def __init__(self, width: int, species: int, extra: int = 0):
        super().__init__()
        self.symbols = nn.Linear(4 + extra, width, bias=False)
        self.species = nn.Embedding(species + 1, width) if species else None
        if species:
            nn.init.ones_(self.species.weight)

    def forward(self, codes: Tensor, species: Tensor) -> Tensor:
        """Codes uint8 and species int64 (batch,) -> (batch, length, width)."""
        one_hot = F.one_hot(codes.long(), self.symbols.in_features + 1)
        one_hot = torch.cat([one_hot[..., :4], one_hot[..., 5:]], dim=-1)  # without the unknown base
        x = self.symbols(one_hot.to(self.symbols.weight.dtype))
        return x if self.species is None else x * self.species(species).unsqueeze(1)


class ConvolutionLayer(nn.Module):
    """x + projection · gelu(convolution * norm(x)): a residual layer that reads `kernel` positions, `dilation` apart.

    The convolution is one matrix product, of the positions that a prediction reads laid side by side (the taps).
    Causal: the positions t, t - d, t - 2d …; centred, with an odd kernel: as many on either side of t.
    """

    def __init__(self, width: int, kernel: int, dilation: int, *, causal: bool, dropout: float, depth: int):
        super().__init__()
        self.dilation, self.causal, self.dropout = dilation, causal, dropout
        self.norm = nn.LayerNorm(width, EPSILON, bias=False)
        self.convolution = nn.Linear(kernel * width, width, bias=False)
        self.projection = nn.Linear(width, width, bias=False)
        # so that the variance of the residual stream does not grow with depth
        nn.init.normal_(self.projection.weight, std=(2 * width * depth) ** -0.5)

    def forward(self, x: Tensor) -> Tensor:
        block = _compiled_block() if x.is_cuda else _block
        weights = self.norm.weight, self.convolution.weight, self.projection.weight
        return block(x, *weights, self.dilation, self.causal, self.dropout if self.training else 0.0)

    def update(self, x: Tensor) -> Tensor:
        """The same as `forward`, in place and a quarter to a third faster on a processor; no gradients, no dropout.

        `x` (batch, length, width) must have mean zero over the channels, and is given back so: no layer reads the mean,
        which its norm takes out. To normalise `x` is then to divide it by its root mean square; the weights of the norm
        are multiplied into those of the convolution, and the projection adds nothing to the mean.
        """
        batch, length, width = x.shape
        kernel = self.convolution.in_features // width
        before, after = _padding(kernel, self.dilation, self.causal)
        norms = torch.linalg.vector_norm(x, dim=-1, keepdim=True).to(torch.promote_types(x.dtype, torch.float32))
        scale = (norms.square() / width + EPSILON).rsqrt().to(x.dtype)
        padded = x.new_empty(batch, before + length + after, width)
        padded[:, :before] = 0
        padded[:, before + length :] = 0
        torch.mul(x, scale, out=padded[:, before : before + length])
        strides = padded.stride(0), width, self.dilation * width, 1
        taps = padded.as_strided((batch, length, kernel, width), strides).reshape(-1, kernel * width)
        inner = F.gelu(F.linear(taps, self.convolution.weight * self.norm.weight.repeat(kernel)))
        projection = self.projection.weight - self.projection.weight.mean(dim=0)
        stream = x.view(-1, width)
        torch.addmm(stream, inner, projection.t(), out=stream)
        return x


def _padding(kernel: int, dilation: int, causal: bool) -> tuple[int, int]:
    """Positions that a convolution reads before the first one of a window, and after the last."""
    reach = (kernel - 1) * dilation
    before = reach if causal else reach // 2
    return before, reach - before


def _block(
    x: Tensor, norm: Tensor, convolution: Tensor, projection: Tensor, dilation: int, causal: bool, dropout: float
) -> Tensor:
    """A `ConvolutionLayer` as a function of its weights: no module, so that one compiled kernel serves all layers.

    `norm` is (width,), `convolution` (width, kernel · width), `projection` (width, width).
    """
    length, width = x.shape[1:]
    kernel = convolution.shape[1] // width
    before, after = _padding(kernel, dilation, causal)
    normed = F.layer_norm(x, (width,), norm, eps=EPSILON).to(x.dtype)  # autocast would copy the taps in float32
    padded = F.pad(normed, (0, 0, before, after))
    taps = torch.cat([padded[:, tap * dilation : tap * dilation + length] for tap in range(kernel)], dim=-1)
    return x + F.linear(drop_out(F.gelu(F.linear(taps, convolution)), dropout), projection)


def drop_out(x: Tensor, share: float) -> Tensor:
    """`F.dropout`, in a third of its time on a processor, where it would take half of a training step.

    There one random byte is drawn for each element, so the share is rounded to a multiple of 1/256.
    """
    if x.device.type != "cpu" or not share:
        return F.dropout(x, share)
    dropped = min(round(256 * share), 255)
    words = torch.empty(-(-x.numel() // 8), dtype=torch.int64).random_(-(2**63), None)  # None: all 64 bits
    kept = words.view(torch.uint8)[: x.numel()].view(x.shape) >= dropped
    return x * kept.to(x.dtype).mul_(256 / (256 - dropped))


@cache
def _compiled_block() -> Callable[..., Tensor]:
    """`_block` with norm, copies, activation and sum fused: on a GPU these, not the products, take most of the time."""
    if not any(map(shutil.which, filter(None, (os.environ.get("CC"), "gcc", "clang")))):
        logger.warning("no C compiler is at hand (gcc or clang), so the layers run uncompiled, half as fast")
        return _block
    torch._dynamo.config.suppress_errors = True  # what cannot be compiled runs as it is written
    torch._dynamo.config.recompile_limit = 64  # number formats, shapes and dilations, for each of which it may ask once
    return torch.compile(_block)


class Tower(nn.Module):
    """Convolution layers one upon the other. Their dilation doubles up to `max_dilation`, then starts again at 1."""

    def __init__(self, width: int, layers: int, kernel: int, max_dilation: int, *, causal: bool, dropout: float):
        super().__init__()
        cycle = max_dilation.bit_length()
        dilations = [2 ** (layer % cycle) for layer in range(layers)]
        self.reach, self.dropout = (kernel - 1) * sum(dilations), dropout
        self.layers = nn.ModuleList(
            ConvolutionLayer(width, kernel, dilation, causal=causal, dropout=dropout, depth=layers)
            for dilation in dilations
        )
        self.norm = nn.LayerNorm(width, bias=False)

    def forward(self, x: Tensor, known: Tensor | None = None, depth: int | None = None) -> Tensor:
        """States (batch, length, width) after the first `depth` layers, by default after all.

        After the last layer they are normalised; after an earlier one their mean over the channels is taken out, which
        no layer reads. At positions that are not `known`, bool (batch, length, 1), they are zero after every layer.
        """
        depth = len(self.layers) if depth is None else depth
        in_place = self._works_in_place(x)
        if in_place:
            x = without_mean(x)  # as `update` takes it; a copy besides, so that the caller's stays as it is
        for layer in self.layers[:depth]:
            x = layer.update(x) if in_place else layer(x)
            if known is not None:
                x = x * known
        return self.norm(x) if depth == len(self.layers) else without_mean(x)

    def _works_in_place(self, x: Tensor) -> bool:
        """Whether the layers may `update` states: on a processor, where nothing is learnt, dropped out or cast."""
        dropping = self.training and self.dropout > 0
        return x.device.type == "cpu" and not (dropping or torch.is_grad_enabled() or torch.is_autocast_enabled("cpu"))


def without_mean(x: Tensor) -> Tensor:
    """`x` less the mean over its channels."""
    return x - x.mean(dim=-1, keepdim=True)


def behind(states: Tensor) -> Tensor:
    """The states moved one position on: at t stands what a causal tower knew before it read the base at t."""
    return F.pad(states, (0, 0, 1, 0))[:, :-1]
