"""GPN, dilated convolutions over single bases (Benegas, Batra and Song 2023): the first published class and the newer.

Both read one-hot bases with zero padding at the ends of a window and were trained on windows of 512 bases.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from glmtracks.errors import InputError
from glmtracks.models.published import Published
from glmtracks.models.tokens import Tokens

TRAINED_ON = 512  # bases


class Convolution(nn.Conv1d):
    """A convolution of (batch, length, channels) to the same length, as one matrix product: faster on CPUs."""

    def __init__(self, channels: int, kernel: int, dilation: int, *, groups: int = 1, bias: bool = True):
        super().__init__(channels, channels, kernel, dilation=dilation, groups=groups, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        (kernel,), (dilation,), length = self.kernel_size, self.dilation, x.shape[1]
        reach = (kernel - 1) * dilation
        padded = F.pad(x, (0, 0, reach // 2, reach - reach // 2))
        taps = [padded[:, tap * dilation : tap * dilation + length] for tap in range(kernel)]
        if self.groups == 1:
            weight = self.weight.transpose(1, 2).flatten(1)  # (out, tap · in)
            return F.linear(torch.cat(taps, dim=-1), weight, self.bias)
        summed = sum(tap * self.weight[:, 0, i] for i, tap in enumerate(taps))
        return summed if self.bias is None else summed + self.bias


class Residual(nn.Module):
    """x + conv(x), then x + ffn(x)."""

    def __init__(self, conv: nn.Sequential, ffn: nn.Sequential):
        super().__init__()
        self.conv, self.ffn = conv, ffn

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.conv(x)
        return x + self.ffn(x)


class Plain(nn.Module):
    """x + layer(x)."""

    def __init__(self, layer: nn.Sequential):
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layer(x)


def dilations(options: dict, layers: int) -> list[int]:
    """Of each layer: it grows by `dilation_base` and starts again after `dilation_cycle` layers."""
    base, cycle, every = (options[f"dilation_{name}"] for name in ("base", "cycle", "double_every"))
    return [min(options["dilation_max"], base ** ((layer % cycle) // every)) for layer in range(layers)]


def reach(kernels: list[int], dilated: list[int]) -> int:
    """How far to the farther side a prediction reads."""
    return sum((k - 1) * d - (k - 1) * d // 2 for k, d in zip(kernels, dilated, strict=True))


def one_hot(ids: Tensor, width: int, like: Tensor) -> Tensor:
    """(batch, T, width), in the number format of `like`."""
    return F.one_hot(ids, width).to(like.dtype)


class Gpn(Published):
    """What both classes share."""

    special = ("[PAD]", "[MASK]", "[UNK]")

    def set_up(self, network: nn.Module, kernels: list[int], dilated: list[int]) -> None:
        """Take the network, whose layers have these kernels and dilations."""
        self._reach = reach(kernels, dilated)
        reads = Tokens(
            self.architecture["vocabulary"], 1, overlapping=True, mask="[MASK]", unknown="[UNK]", padding="[PAD]"
        )
        self.finish(network, reads, TRAINED_ON)

    @property
    def receptive_field(self) -> int:
        return self._reach

    @property
    def layers(self) -> int:
        return len(self.blocks)

    def states(self, ids: Tensor, there: Tensor, layer: int) -> Tensor:
        x = one_hot(ids, self.architecture["hidden_size"], next(self.network.parameters()))
        for block in self.blocks[:layer]:
            x = block(x)
        return x


class GpnConvNet(Gpn):
    """The first class, `model_type` ConvNet: songlab/gpn-brassicales."""

    kind = "gpn_convnet"
    model_types = ("ConvNet",)
    options = {
        "vocab_size": 7,
        "hidden_size": 512,
        "n_layers": 25,
        "kernel_size": 9,
        "dilation_double_every": 1,
        "dilation_max": 32,
        "dilation_cycle": 6,
        "dilation_base": 2,
    }
    fixed = {"n_aux_features": 0}
    idle = ("aux_features_vocab_size", "hidden_act", "regression_softplus")

    def __init__(self, **architecture):
        super().__init__(**architecture)
        known = self.architecture
        width, kernel, dilated = known["hidden_size"], known["kernel_size"], dilations(known, known["n_layers"])
        layers = [
            Residual(
                nn.Sequential(
                    nn.Identity(), Convolution(width, kernel, d), nn.Identity(), nn.GELU(), nn.LayerNorm(width)
                ),
                nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.LayerNorm(width)),
            )
            for d in dilated
        ]
        network = nn.ModuleDict(
            {
                "model": nn.ModuleDict({"encoder": nn.Sequential(*layers)}),
                "cls": nn.ModuleDict(
                    {
                        "decoder": nn.Sequential(
                            nn.Linear(width, width),
                            nn.GELU(),
                            nn.LayerNorm(width),
                            nn.Linear(width, known["vocab_size"]),
                        )
                    }
                ),
            }
        )
        self.set_up(network, [kernel] * len(dilated), dilated)

    @property
    def blocks(self) -> nn.Sequential:
        """The layers of the network."""
        return self.network["model"]["encoder"]

    def logits(self, states: Tensor) -> Tensor:
        return self.network["cls"]["decoder"](states)


class GpnNew(Gpn):
    """The newer class, `model_type` GPN, of convolutions or after ByteNet: songlab/gpn-animal-promoter."""

    kind = "gpn"
    model_types = ("GPN",)
    options = {
        "vocab_size": 7,
        "hidden_size": 512,
        "num_hidden_layers": 25,
        "intermediate_size": 2048,
        "encoder": "convnet",
        "embedding": "one_hot",
        "bias": False,
        "mlm_head_transform": True,
        "slim": False,
        "first_kernel_size": 9,
        "rest_kernel_size": 5,
        "dilation_double_every": 1,
        "dilation_max": 9999,
        "dilation_cycle": 8,
        "dilation_base": 2,
        "depthwise": False,
    }
    fixed = {"n_aux_features": 0, "tie_word_embeddings": False}
    idle = (  # of heads for other tasks, and of RoFormer, which its config class extends
        *("aux_features_vocab_size", "pos_weight", "regression_softplus", "hidden_act", "layer_norm_eps"),
        *("embedding_size", "num_attention_heads", "type_vocab_size", "max_position_embeddings", "rotary_value"),
        *("pad_token_id", "position_embedding_type"),
    )

    def __init__(self, **architecture):
        super().__init__(**architecture)
        known = self.architecture
        for name, choices in (("encoder", ("convnet", "bytenet")), ("embedding", ("one_hot", "embedding"))):
            if known[name] not in choices:
                raise InputError(
                    f"config.json: {name} = {known[name]!r} is not supported, only {' and '.join(choices)} are"
                )
        width, bias, layers = known["hidden_size"], known["bias"], known["num_hidden_layers"]
        dilated = dilations(known, layers)
        kernels = [known["first_kernel_size"]] + [known["rest_kernel_size"]] * (layers - 1)
        layer = self._convnet_layer if known["encoder"] == "convnet" else self._bytenet_layer
        encoder = [
            layer(*shape, known["depthwise"] and n > 0) for n, shape in enumerate(zip(kernels, dilated, strict=True))
        ]
        model = {
            "encoder": nn.ModuleDict({"layer": nn.Sequential(*encoder)}),
            "ln_f": nn.LayerNorm(width, bias=bias),
        }
        if known["embedding"] == "embedding":
            model["embeddings"] = nn.ModuleDict({"word_embeddings": nn.Embedding(known["vocab_size"], width)})
        head = {"decoder": nn.Linear(width, known["vocab_size"], bias=bias)}
        if known["mlm_head_transform"]:
            head["transform"] = nn.Sequential(
                nn.Linear(width, width, bias=bias), nn.GELU(), nn.LayerNorm(width, bias=bias)
            )
        self.set_up(nn.ModuleDict({"model": nn.ModuleDict(model), "cls": nn.ModuleDict(head)}), kernels, dilated)

    def _convnet_layer(self, kernel: int, dilation: int, depthwise: bool) -> nn.Module:
        width, inner, bias = (self.architecture[key] for key in ("hidden_size", "intermediate_size", "bias"))
        convolution = Convolution(width, kernel, dilation, groups=width if depthwise else 1, bias=bias)
        conv = (nn.LayerNorm(width, bias=bias), nn.Identity(), convolution, nn.Identity(), nn.GELU())
        ffn = (nn.LayerNorm(width, bias=bias), nn.Linear(width, inner, bias=bias), nn.GELU())
        return Residual(
            nn.Sequential(*conv, nn.Linear(width, width, bias=bias)),
            nn.Sequential(*ffn, nn.Linear(inner, width, bias=bias)),
        )

    def _bytenet_layer(self, kernel: int, dilation: int, depthwise: bool) -> nn.Module:
        width, bias = self.architecture["hidden_size"], self.architecture["bias"]
        inner = width // 2 if self.architecture["slim"] else width
        convolution = Convolution(inner, kernel, dilation, groups=width if depthwise else 1, bias=bias)
        down = (nn.LayerNorm(width, bias=bias), nn.GELU(), nn.Linear(width, inner, bias=bias))
        across = (nn.LayerNorm(inner, bias=bias), nn.GELU(), nn.Identity(), convolution, nn.Identity())
        up = (nn.LayerNorm(inner, bias=bias), nn.GELU(), nn.Linear(inner, width, bias=bias))
        return Plain(nn.Sequential(*down, *across, *up))

    @property
    def blocks(self) -> nn.Sequential:
        """The layers of the network."""
        return self.network["model"]["encoder"]["layer"]

    def states(self, ids: Tensor, there: Tensor, layer: int) -> Tensor:
        model = self.network["model"]
        if "embeddings" in model:
            x = model["embeddings"]["word_embeddings"](ids)
        else:
            x = one_hot(ids, self.architecture["hidden_size"], model["ln_f"].weight)
        for block in self.blocks[:layer]:
            x = block(x)
        return model["ln_f"](x) if layer == self.layers else x

    def logits(self, states: Tensor) -> Tensor:
        head = self.network["cls"]
        return head["decoder"](head["transform"](states) if "transform" in head else states)
