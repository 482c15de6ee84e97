"""HyenaDNA: long convolutions over single bases, from left to right (Nguyen et al. 2023), as the Hub has it ("-hf").

It was trained without a token before the sequence, so the first base of a window has no prediction: all four get 1/4.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from glmtracks.models.layers import behind
from glmtracks.models.published import Published
from glmtracks.models.tokens import CHARACTER_TOKENS, Tokens

SHIFT, TARGET, FAST, SLOW = 0.05, 1e-2, 0.3, 1.5  # of the window that damps a filter with distance


class Sine(nn.Module):
    """sin(frequency · x), with a frequency for each channel; the layers of a filter share it."""

    def __init__(self, width: int, frequency: float):
        super().__init__()
        self.freq = nn.Parameter(torch.full((1, width), float(frequency)))

    def forward(self, x: Tensor) -> Tensor:
        return torch.sin(self.freq * x)


class Filter(nn.Module):
    """A convolution kernel as long as the longest window: a small network of the position, damped with distance."""

    def __init__(self, options: dict):
        super().__init__()
        length, width, inner = (options[key] for key in ("max_seq_len", "d_model", "filter_order"))
        t = torch.linspace(0, 1, length)[None, :, None]
        bands = (options["emb_dim"] - 1) // 2
        angle = torch.linspace(1e-4, bands - 1, bands) * 2 * math.pi * torch.arange(length)[None, :, None] / length
        self.pos_emb = nn.Module()
        self.pos_emb.z = nn.Parameter(torch.cat([t, angle.cos(), -angle.sin()], dim=-1))
        self.pos_emb.register_buffer("t", t)
        sine = Sine(inner, options["activation_freq"])
        layers = [nn.Linear(options["emb_dim"], inner), sine]
        for _ in range(options["num_inner_mlps"]):
            layers += [nn.Linear(inner, inner), sine]
        self.implicit_filter = nn.Sequential(*layers, nn.Linear(inner, width, bias=False))
        self.modulation = nn.Module()
        deltas = torch.linspace(math.log(TARGET) / SLOW, math.log(TARGET) / FAST, width)[None, None]
        self.modulation.register_buffer("deltas", deltas)
        self.bias = nn.Parameter(torch.randn(width))

    def forward(self, x: Tensor) -> Tensor:
        """x (batch, channels, length), convolved with what lies before each position."""
        length, t = x.shape[2], self.pos_emb.t[:, : x.shape[2]]
        kernel = self.implicit_filter(self.pos_emb.z[:, :length])
        kernel = (kernel * (torch.exp(-t * self.modulation.deltas.abs()) + SHIFT)).float().mT
        spectrum = torch.fft.rfft(x.float(), n=2 * length) * torch.fft.rfft(kernel, n=2 * length)
        found = torch.fft.irfft(spectrum, n=2 * length)[..., :length].to(x.dtype)
        return torch.addcmul(found, x, self.bias[:, None])


class Operator(nn.Module):
    """Hyena of order 2: x0 · filter(x1 · v), with x0, x1 and v after a short convolution."""

    def __init__(self, options: dict):
        super().__init__()
        width = options["d_model"]
        self.in_proj, self.out_proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.short_filter = nn.Conv1d(3 * width, 3 * width, 3, groups=3 * width)
        self.filter_fn = Filter(options)

    def forward(self, u: Tensor) -> Tensor:
        """(batch, length, channels) -> the same. Within, channels come before positions, as the transforms want them:
        the projections turn them around at no cost."""
        rows = len(u)
        x = torch.baddbmm(self.in_proj.bias[:, None], self.in_proj.weight.expand(rows, -1, -1), u.mT)
        two_before, one_before, here = self.short_filter.weight.unbind(-1)
        mixed = torch.addcmul(self.short_filter.bias[:, None], x, here)
        mixed[..., 1:].addcmul_(x[..., :-1], one_before)
        mixed[..., 2:].addcmul_(x[..., :-2], two_before)
        x0, x1, v = mixed.chunk(3, dim=1)
        gated = x0 * self.filter_fn(v * x1)
        return torch.baddbmm(self.out_proj.bias, gated.mT, self.out_proj.weight.mT.expand(rows, -1, -1))


class Block(nn.Module):
    """x + Hyena, then x + a feed-forward network, both of the normalised states."""

    def __init__(self, options: dict):
        super().__init__()
        width, inner = options["d_model"], options["d_inner"] or 4 * options["d_model"]
        self.mixer, self.norm1, self.norm2 = Operator(options), nn.LayerNorm(width), nn.LayerNorm(width)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(width, inner), "fc2": nn.Linear(inner, width)})

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.mixer(self.norm1(x))
        return x + self.mlp["fc2"](F.gelu(self.mlp["fc1"](self.norm2(x)), approximate="tanh"))


class HyenaDna(Published):
    """See the module."""

    kind = "hyenadna"
    objective = "causal"
    model_types = ("hyenadna",)
    options = {
        "vocab_size": 12,
        "d_model": ...,
        "d_inner": None,
        "n_layer": ...,
        "max_seq_len": ...,
        "emb_dim": 3,
        "filter_order": 64,
        "num_inner_mlps": 2,
        "activation_freq": 1,
        "layer_norm_epsilon": 1e-5,
        "pad_vocab_size_multiple": 8,
        "tie_word_embeddings": False,
    }
    fixed = {"hyena_order": 2, "short_filter_order": 3, "use_bias": True, "train_freq": True}
    idle = ("pad_token_id",)
    padded = True
    special = CHARACTER_TOKENS
    usual_vocabulary = (*special, *"ACGTN")

    def __init__(self, **architecture):
        super().__init__(**architecture)
        known, width = self.architecture, self.architecture["d_model"]
        size = -(-known["vocab_size"] // known["pad_vocab_size_multiple"]) * known["pad_vocab_size_multiple"]
        backbone = {
            "embeddings": nn.ModuleDict({"word_embeddings": nn.Embedding(size, width)}),
            "layers": nn.ModuleList(Block(known) for _ in range(known["n_layer"])),
            "ln_f": nn.LayerNorm(width, eps=known["layer_norm_epsilon"]),
        }
        network = nn.ModuleDict({"hyena": nn.ModuleDict({"backbone": nn.ModuleDict(backbone)})})
        network["lm_head"] = nn.Linear(width, size, bias=False)
        if known["tie_word_embeddings"]:
            network["lm_head"].weight = backbone["embeddings"]["word_embeddings"].weight
        longest = known["max_seq_len"]
        reads = Tokens(
            known["vocabulary"],
            1,
            overlapping=True,
            mask="[MASK]",
            unknown="[UNK]",
            padding="[PAD]",
            longest=longest,
        )
        self.finish(network, reads, longest)

    def tied_weights(self) -> dict[str, str]:
        """Frequencies that the layers of a filter share, and the head where it is tied."""
        pairs = {}
        for layer in range(self.layers):
            name = f"hyena.backbone.layers.{layer}.mixer.filter_fn.implicit_filter"
            for i in range(self.architecture["num_inner_mlps"]):
                pairs[f"{name}.{2 * i + 3}.freq"] = f"{name}.1.freq"
        if self.architecture["tie_word_embeddings"]:
            pairs["lm_head.weight"] = "hyena.backbone.embeddings.word_embeddings.weight"
        return pairs

    @property
    def layers(self) -> int:
        return self.architecture["n_layer"]

    def states(self, ids: Tensor, there: Tensor, layer: int) -> Tensor:
        backbone = self.network["hyena"]["backbone"]
        x = backbone["embeddings"]["word_embeddings"](ids)
        for block in backbone["layers"][:layer]:
            x = block(x)
        return backbone["ln_f"](x) if layer == self.layers else x

    def logits(self, states: Tensor) -> Tensor:
        return self.network["lm_head"](states)

    def log_probs(self, codes: Tensor, species: Tensor | None = None) -> Tensor:
        """See `GenomicLanguageModel`."""
        read = self.reads.read(codes)
        return read.log_probs(behind(self.logits(self.states(read.ids, read.there, self.layers))))
