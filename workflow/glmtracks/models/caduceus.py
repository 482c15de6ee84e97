"""Caduceus and PlantCaduceus: Mamba layers that read a window from both ends (Schiff et al. 2024; Zhai et al. 2025).

Caduceus-Ph has one stream of states. Caduceus-PS and PlantCaduceus (`rcps`) have two, which share all weights, one of
them for the reverse complement: so their answers are the same on both strands. The selective scan of Mamba (Gu and Dao
2023) is written in PyTorch: it needs no GPU, and its memory grows with the length of a window, not with its square. On
a GPU the kernel of the package mamba_ssm takes its place where that is installed.
"""

import math
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from glmtracks.errors import InputError
from glmtracks.models.checkpoint import Checkpoint
from glmtracks.models.published import Published
from glmtracks.models.tokens import CHARACTER_TOKENS, Tokens

CHUNK = 64  # positions whose discretised states are held at a time
SSM = {"d_state": 16, "d_conv": 4, "expand": 2, "dt_rank": "auto", "conv_bias": True, "bias": False}
ONLY_TRAINING = {"dt_min", "dt_max", "dt_init", "dt_scale", "dt_init_floor", "use_fast_path"}


class Mamba(nn.Module):
    """One direction of a layer; its weights have the names of the package mamba_ssm."""

    def __init__(self, width: int, ssm: dict):
        super().__init__()
        inner = ssm["expand"] * width
        self.rank = math.ceil(width / 16) if ssm["dt_rank"] == "auto" else ssm["dt_rank"]
        self.states = ssm["d_state"]
        self.in_proj = nn.Linear(width, 2 * inner, bias=ssm["bias"])
        self.conv1d = nn.Conv1d(inner, inner, ssm["d_conv"], groups=inner, bias=ssm["conv_bias"])
        self.x_proj = nn.Linear(inner, self.rank + 2 * self.states, bias=False)
        self.dt_proj = nn.Linear(self.rank, inner)
        self.A_log = nn.Parameter(torch.zeros(inner, self.states))
        self.D = nn.Parameter(torch.ones(inner))
        self.out_proj = nn.Linear(inner, width, bias=ssm["bias"])

    def forward(self, x: Tensor) -> Tensor:
        """(batch, length, width) -> the same."""
        length = x.shape[1]
        x, gate = self.in_proj(x).chunk(2, dim=-1)
        padded = F.pad(x, (0, 0, self.conv1d.kernel_size[0] - 1, 0))
        taps = self.conv1d.weight[:, 0].unbind(-1)
        x = sum(padded[:, i : i + length] * tap for i, tap in enumerate(taps))
        x = F.silu(x if self.conv1d.bias is None else x + self.conv1d.bias)
        step, inputs, outputs = self.x_proj(x).split([self.rank, self.states, self.states], dim=-1)
        if kernel := scan_kernel(x.device.type):
            step = F.linear(step, self.dt_proj.weight)  # the kernel adds the bias
            channels_first = [part.transpose(1, 2) for part in (x, step, inputs, outputs, gate)]
            return self.out_proj(self._scan_by(kernel, *channels_first).transpose(1, 2).to(gate.dtype))
        step = F.softplus(self.dt_proj(step).float())
        scanned = scan(x.float(), step, -self.A_log.float().exp(), inputs.float(), outputs.float())
        scanned = scanned + x.float() * self.D.float()
        return self.out_proj((scanned * F.silu(gate.float())).to(gate.dtype))

    def _scan_by(
        self, kernel: Callable, x: Tensor, step: Tensor, inputs: Tensor, outputs: Tensor, gate: Tensor
    ) -> Tensor:
        """Scan, skip connection and gate in one kernel: (batch, channels, length), as all that it is given."""
        return kernel(
            x,
            step,
            -self.A_log.float().exp(),
            inputs,
            outputs,
            self.D.float(),
            z=gate,
            delta_bias=self.dt_proj.bias.float(),
            delta_softplus=True,
        )


@cache
def scan_kernel(device: str) -> Callable | None:
    """`selective_scan_fn` of the package mamba_ssm, where it is installed and the device is "cuda"; else None."""
    if device != "cuda":
        return None
    try:
        from mamba_ssm.ops.selective_scan_interface import selective_scan_fn
    except ImportError:  # also where its compiled part is for another version of PyTorch
        return None
    return selective_scan_fn


def scan(x: Tensor, step: Tensor, decay: Tensor, inputs: Tensor, outputs: Tensor) -> Tensor:
    """y_t = C_t · h_t with h_t = exp(Δ_t A) h_{t-1} + Δ_t B_t x_t, for each channel: (batch, length, channels).

    x        float32 (batch, length, channels)
    step     Δ, as x
    decay    A, float32 (channels, states)
    inputs   B, float32 (batch, length, states); outputs  C, likewise
    """
    state = x.new_zeros(len(x), x.shape[2], decay.shape[1])
    found = []
    for first in range(0, x.shape[1], CHUNK):
        part = slice(first, first + CHUNK)
        kept = torch.exp(step[:, part].unsqueeze(-1) * decay)
        added = (step[:, part] * x[:, part]).unsqueeze(-1) * inputs[:, part].unsqueeze(2)
        states = []
        for keep, add in zip(kept.unbind(1), added.unbind(1), strict=True):
            state = torch.addcmul(add, keep, state)
            states.append(state)
        found.append(torch.einsum("blcs,bls->blc", torch.stack(states, 1), outputs[:, part]))
    return torch.cat(found, 1) if found else x


class BothWays(nn.Module):
    """The sum of a Mamba from the left and one from the right, which share their projections if they are tied."""

    def __init__(self, width: int, ssm: dict, tied: bool):
        super().__init__()
        self.mamba_fwd, self.mamba_rev = Mamba(width, ssm), Mamba(width, ssm)
        if tied:
            self.mamba_rev.in_proj, self.mamba_rev.out_proj = self.mamba_fwd.in_proj, self.mamba_fwd.out_proj

    def forward(self, x: Tensor) -> Tensor:
        return self.mamba_fwd(x) + self.mamba_rev(x.flip(1)).flip(1)


class Caduceus(Published):
    """Both kinds of Caduceus; windows of 131,072 bases, for which `context` should be set lower."""

    kind = "caduceus"
    model_types = ("caduceus",)
    trained_on = 131_072
    options = {
        "vocab_size": ...,
        "d_model": ...,
        "n_layer": ...,
        "ssm_cfg": None,
        "pad_vocab_size_multiple": 8,
        "norm_epsilon": 1e-5,
        "fused_add_norm": True,
        "bidirectional_weight_tie": True,
        "rcps": False,
        "complement_map": None,
    }
    fixed = {"bidirectional": True, "bidirectional_strategy": "add", "rms_norm": True, "tie_word_embeddings": True}
    idle = ("residual_in_fp32", "pad_token_id")
    unused = r".*\.complement_map"
    padded = True
    special = CHARACTER_TOKENS
    usual_vocabulary = (*special, *"ACGTN")

    def __init__(self, **architecture):
        super().__init__(**architecture)
        known, width = self.architecture, self.architecture["d_model"]
        ssm = SSM | {k: v for k, v in (known["ssm_cfg"] or {}).items() if k not in ONLY_TRAINING}
        if unknown := ssm.keys() - SSM:
            raise InputError(
                f"config.json: unknown option {', '.join(sorted(unknown))} in ssm_cfg (Mamba 2 is not read)"
            )
        self.two = known["rcps"]
        self.strands, self.equivariant = (1, True) if self.two else (2, False)
        size = -(-known["vocab_size"] // known["pad_vocab_size_multiple"]) * known["pad_vocab_size_multiple"]
        embedding, head = nn.Embedding(size, width), nn.Linear(width, size, bias=False)
        head.weight = embedding.weight
        layers = []
        for _ in range(known["n_layer"]):
            mixer, norm = BothWays(width, ssm, known["bidirectional_weight_tie"]), self._norm()
            layers.append(nn.ModuleDict({"mixer": _named("submodule", mixer, self.two), "norm": norm}))
        backbone = {
            "embeddings": nn.ModuleDict({"word_embeddings": _named("embedding", embedding, self.two)}),
            "layers": nn.ModuleList(layers),
            "norm_f": self._norm(),
        }
        network = nn.ModuleDict(
            {
                "caduceus": nn.ModuleDict({"backbone": nn.ModuleDict(backbone)}),
                "lm_head": _named("lm_head", head, self.two),
            }
        )
        complements = {int(k): v for k, v in (known["complement_map"] or {}).items()}
        reads = Tokens(known["vocabulary"], 1, overlapping=True, mask="[MASK]", unknown="[UNK]", padding="[PAD]")
        reads.register_buffer(
            "complement", torch.tensor([complements.get(i, i) for i in range(size)]), persistent=False
        )
        self.finish(network, reads, self.trained_on)

    def tied_weights(self) -> dict[str, str]:
        """Projections of both directions, and the head."""
        within, inner, head = (".submodule", ".embedding", ".lm_head") if self.two else ("", "", "")
        pairs = {f"lm_head{head}.weight": f"caduceus.backbone.embeddings.word_embeddings{inner}.weight"}
        if self.architecture["bidirectional_weight_tie"]:
            for layer in range(self.layers):
                mixer = f"caduceus.backbone.layers.{layer}.mixer{within}"
                for name in ("in_proj.weight", "in_proj.bias", "out_proj.weight", "out_proj.bias"):
                    pairs[f"{mixer}.mamba_rev.{name}"] = f"{mixer}.mamba_fwd.{name}"
        return pairs

    @classmethod
    def adopt(cls, published: Checkpoint, context: int = 0, **parameters) -> "Caduceus":
        """As any published model; the complements are those of config.json, and the weights must repeat them."""
        model = super().adopt(published, context, **parameters)
        for name, complements in published.weights.items():
            if name.endswith("complement_map") and complements.tolist() != model.reads.complement.tolist():
                raise InputError(
                    f"{published.folder}: {name} of its weights is not complement_map of config.json; they do not "
                    "belong together"
                )
        return model

    @classmethod
    def check_vocabulary(cls, vocabulary: list[str], options: dict, where: str) -> None:
        super().check_vocabulary(vocabulary, options, where)
        ids = {token.upper(): number for number, token in enumerate(vocabulary)}
        complements = options["complement_map"] if isinstance(options["complement_map"], dict) else {}
        for base, other in ("AT", "CG") if options["rcps"] else ():
            if complements.get(str(ids.get(base))) != ids.get(other):
                raise InputError(
                    f"{where}: complement_map in config.json does not take {base} to {other} by the ids of the "
                    "vocabulary; they do not belong together"
                )

    def _norm(self) -> nn.Module:
        norm = nn.RMSNorm(self.architecture["d_model"], eps=self.architecture["norm_epsilon"])
        return _named("submodule", norm, self.two and not self.architecture["fused_add_norm"])

    @property
    def layers(self) -> int:
        return self.architecture["n_layer"]

    def states(self, ids: Tensor, there: Tensor, layer: int) -> Tensor:
        """With two streams, their channels one behind the other; those of the reverse complement backwards."""
        backbone = self.network["caduceus"]["backbone"]
        x = self._embed(ids)
        for block in backbone["layers"][:layer]:
            if self.two and self.architecture["fused_add_norm"]:
                x = torch.cat(x.chunk(2, dim=-1)[::-1], dim=-1)  # the published kernels exchange the streams
            mixer, norm = block["mixer"], block["norm"]
            x = x + self._on_streams(lambda part, mixer=mixer, norm=norm: _inner(mixer)(_inner(norm)(part)), x)
        return self._on_streams(_inner(backbone["norm_f"]), x) if layer == self.layers else x

    def _embed(self, ids: Tensor) -> Tensor:
        embedding = _inner(self.network["caduceus"]["backbone"]["embeddings"]["word_embeddings"])
        if not self.two:
            return embedding(ids)
        return torch.cat([embedding(ids), embedding(self.reads.complement[ids]).flip(-1)], dim=-1)

    def _on_streams(self, function, x: Tensor) -> Tensor:
        """`function` of each stream, that of the reverse complement turned around before and after."""
        if not self.two:
            return function(x)
        there, back = x.chunk(2, dim=-1)
        there, back = function(torch.cat([there, back.flip(1, 2)])).chunk(2)
        return torch.cat([there, back.flip(1, 2)], dim=-1)

    def logits(self, states: Tensor) -> Tensor:
        weight = _inner(self.network["lm_head"]).weight
        if not self.two:
            return F.linear(states, weight)
        there, back = states.chunk(2, dim=-1)
        return F.linear(there, weight) + F.linear(back.flip(-1), weight[self.reads.complement])


class PlantCaduceus(Caduceus):
    """Caduceus-PS trained on windows of 512 bases of plant genomes."""

    kind = "plant_caduceus"
    trained_on = 512
    special = ("[PAD]", "[MASK]", "[UNK]")
    usual_vocabulary = (*special, *"acgt")


def _named(name: str, module: nn.Module, wrapped: bool) -> nn.Module:
    """The module, inside one that gives its weights a longer name where that is how they were published."""
    return nn.ModuleDict({name: module}) if wrapped else module


def _inner(module: nn.Module) -> nn.Module:
    """What `_named` was given."""
    return next(iter(module.values())) if isinstance(module, nn.ModuleDict) else module
