"""DNABERT-2 and DNABERT-S: BERT over byte pairs, with linear biases for positions and gated feed-forward layers.

Zhou et al. 2024; Zhou et al. 2025. The body is MosaicBERT (Portes et al. 2023): attention falls linearly with distance,
by another slope in each head (ALiBi, Press et al. 2022), so there is no table of positions and any length can be read.
It is written in plain PyTorch: neither flash attention nor Triton is needed. DNABERT-S was trained on embeddings alone;
it has no head, and so no probabilities.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from glmtracks.errors import InputError
from glmtracks.models.checkpoint import Checkpoint
from glmtracks.models.published import PublishedBytePairs

USUAL = 2048  # bases of a window; training saw some 700, and the biases carry farther


class Layer(nn.Module):
    """Attention and a gated feed-forward part, each with a norm behind its residual connection."""

    def __init__(self, width: int, heads: int, inner: int, epsilon: float):
        super().__init__()
        self.heads = heads
        output = {"dense": nn.Linear(width, width), "LayerNorm": nn.LayerNorm(width, epsilon)}
        self.attention = nn.ModuleDict(
            {"self": nn.ModuleDict({"Wqkv": nn.Linear(width, 3 * width)}), "output": nn.ModuleDict(output)}
        )
        self.mlp = nn.ModuleDict(
            {
                "gated_layers": nn.Linear(width, 2 * inner, bias=False),
                "wo": nn.Linear(inner, width),
                "layernorm": nn.LayerNorm(width, epsilon),
            }
        )

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """States (batch, T, width) -> the same; `bias` (batch or 1, heads, T, T) is added to the attention's logits."""
        joint = self.attention["self"]["Wqkv"](x).unflatten(-1, (3, self.heads, -1))
        query, key, value = joint.permute(2, 0, 3, 1, 4)
        read = F.scaled_dot_product_attention(query, key, value, attn_mask=bias.to(x.dtype))
        output = self.attention["output"]
        x = output["LayerNorm"](x + output["dense"](read.transpose(1, 2).flatten(2)))
        gate, values = self.mlp["gated_layers"](x).chunk(2, dim=-1)
        return self.mlp["layernorm"](x + self.mlp["wo"](F.gelu(gate) * values))


def slopes(heads: int) -> list[float]:
    """How fast attention falls with distance in each head: 2^(-8/n), 2^(-16/n) … for n heads.

    Where n is no power of 2: those of the next lower one, then every second one of twice as many heads.
    """
    power = 1 << (heads.bit_length() - 1)
    first = [2 ** (-8 * (i + 1) / power) for i in range(power)]
    return first if power == heads else first + slopes(2 * power)[::2][: heads - power]


def biases(heads: int, there: Tensor) -> Tensor:
    """What is added to the attention's logits, float32 (batch or 1, heads, T, T), of tokens that are `there`, bool."""
    place = torch.arange(there.shape[1], device=there.device)
    distance = (place[:, None] - place).abs().float()
    bias = -torch.tensor(slopes(heads), device=there.device)[:, None, None] * distance
    if bool(there.all()):
        return bias.unsqueeze(0)
    return bias.unsqueeze(0).masked_fill(~there[:, None, None], -math.inf)


class DnaBert2(PublishedBytePairs):
    """DNABERT-2."""

    kind = "dnabert2"
    model_types = ("bert",)
    options = {
        "vocab_size": ...,
        "hidden_size": ...,
        "num_hidden_layers": ...,
        "num_attention_heads": ...,
        "intermediate_size": ...,
        "type_vocab_size": 2,
        "layer_norm_eps": 1e-12,
    }
    fixed = {"hidden_act": "gelu", "tie_word_embeddings": True, "is_decoder": False, "add_cross_attention": False}
    idle = ("alibi_starting_size", "max_position_embeddings", "position_embedding_type", "pad_token_id")
    unused = r"(bert\.)?pooler\..*|cls\.seq_relationship\..*|(bert\.)?embeddings\.(position|token_type)_ids"
    tied = {"cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight"}

    def __init__(self, **architecture):
        super().__init__(**architecture)
        self.finish_byte_pairs(self.build(), None, USUAL)

    @classmethod
    def adopt(cls, published: Checkpoint, context: int = 0, **parameters) -> "DnaBert2":
        """As any published model; says so where one of the two is given as the other."""
        prefix, other = ("", "dnabert_s") if cls.scores else ("bert.", "dnabert2")
        if f"{prefix}embeddings.word_embeddings.weight" in published.weights:
            raise InputError(f"{published.folder}: its weights have the names of the kind {other}, not {cls.kind}")
        return super().adopt(published, context, **parameters)

    def build(self) -> nn.Module:
        """The network."""
        body, known = self._body(), self.architecture
        width, words = known["hidden_size"], body["embeddings"]["word_embeddings"]
        head = {
            "transform": nn.ModuleDict({"dense": nn.Linear(width, width), "LayerNorm": nn.LayerNorm(width, 1e-12)}),
            "decoder": nn.Linear(width, known["vocab_size"]),
        }
        head["decoder"].weight = words.weight
        cls = nn.ModuleDict({"predictions": nn.ModuleDict(head)})
        return nn.ModuleDict({"bert": body, "cls": cls})

    def _body(self) -> nn.ModuleDict:
        known = self.architecture
        width, heads, epsilon = known["hidden_size"], known["num_attention_heads"], known["layer_norm_eps"]
        if width % heads:
            raise InputError(f"hidden_size = {width} is no multiple of num_attention_heads = {heads}")
        embeddings = {
            "word_embeddings": nn.Embedding(known["vocab_size"], width),
            "token_type_embeddings": nn.Embedding(known["type_vocab_size"], width),
            "LayerNorm": nn.LayerNorm(width, epsilon),
        }
        layers = [Layer(width, heads, known["intermediate_size"], epsilon) for _ in range(self.layers)]
        encoder = nn.ModuleDict({"layer": nn.ModuleList(layers)})
        return nn.ModuleDict({"embeddings": nn.ModuleDict(embeddings), "encoder": encoder})

    @property
    def body(self) -> nn.ModuleDict:
        """Embeddings and layers."""
        return self.network["bert"]

    @property
    def layers(self) -> int:
        return self.architecture["num_hidden_layers"]

    def states(self, ids: Tensor, there: Tensor, layer: int) -> Tensor:
        parts = self.body["embeddings"]
        x = parts["LayerNorm"](parts["word_embeddings"](ids) + parts["token_type_embeddings"].weight[0])
        bias = biases(self.architecture["num_attention_heads"], there)
        for block in self.body["encoder"]["layer"][:layer]:
            x = block(x, bias)
        return x

    def logits(self, states: Tensor) -> Tensor:
        head = self.network["cls"]["predictions"]
        x = F.gelu(head["transform"]["dense"](states))
        return head["decoder"](head["transform"]["LayerNorm"](x))


class DnaBertS(DnaBert2):
    """DNABERT-S: the same body, published without the word bert before its names, and no head."""

    kind = "dnabert_s"
    scores = False
    tied = {}
    unused = DnaBert2.unused + r"|cls\..*"

    def build(self) -> nn.Module:
        return self._body()

    @property
    def body(self) -> nn.ModuleDict:
        return self.network

    def logits(self, states: Tensor) -> Tensor:
        raise InputError(
            "a model of the kind dnabert_s has embeddings alone, no probabilities of bases; ask dnabert2 for these"
        )
