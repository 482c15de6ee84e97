"""GENA-LM: BERT over byte pairs with its norms before each part, and BigBird (Fishman et al. 2025).

The first calls itself bert, but a BERT with its norms behind each part would load nearly all of its weights and give
wrong numbers. The second is BigBird (Zaheer et al. 2020) as `transformers` has it: windows of few tokens are read with
full attention, longer ones with attention to the neighbouring blocks and to the first and the last one.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from glmtracks.errors import InputError
from glmtracks.models.bert import Bert
from glmtracks.models.published import PublishedBytePairs

if TYPE_CHECKING:
    from transformers import BigBirdForMaskedLM


class Layer(nn.Module):
    """Attention and a feed-forward part, each with a norm before it; the residual stream is not normalised."""

    def __init__(self, width: int, heads: int, inner: int, epsilon: float):
        super().__init__()
        self.heads = heads
        self.pre_attention_ln, self.post_attention_ln = (nn.LayerNorm(width, epsilon) for _ in range(2))
        parts = {name: nn.Linear(width, width) for name in ("query", "key", "value")}
        output = nn.ModuleDict({"dense": nn.Linear(width, width)})
        self.attention = nn.ModuleDict({"self": nn.ModuleDict(parts), "output": output})
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(width, inner)})
        self.output = nn.ModuleDict({"dense": nn.Linear(inner, width)})

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """States (batch, T, width) -> the same; `mask`, bool (batch, 1, 1, T), of the tokens that may be read."""
        normed, parts = self.pre_attention_ln(x), self.attention["self"]
        query, key, value = (
            parts[name](normed).unflatten(-1, (self.heads, -1)).transpose(1, 2) for name in ("query", "key", "value")
        )
        read = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        x = x + self.attention["output"]["dense"](read.transpose(1, 2).flatten(2))
        return x + self.output["dense"](F.gelu(self.intermediate["dense"](self.post_attention_ln(x))))


class GenaBert(PublishedBytePairs):
    """GENA-LM of 512 tokens: bert-base-t2t, bert-large-t2t and others."""

    kind = "gena_bert"
    model_types = ("bert",)
    options = {
        "vocab_size": ...,
        "hidden_size": ...,
        "num_hidden_layers": ...,
        "num_attention_heads": ...,
        "intermediate_size": ...,
        "max_position_embeddings": ...,
        "pad_token_id": ...,
        "pre_layer_norm": ...,
        "last_layer_norm": True,
        "type_vocab_size": 2,
        "layer_norm_eps": 1e-12,
    }
    fixed = {"position_embedding_type": "absolute", "hidden_act": "gelu", "tie_word_embeddings": True}
    fixed |= {"is_decoder": False, "add_cross_attention": False, "sparse_config_cls": None}
    unused, tied = Bert.unused, Bert.tied

    def __init__(self, **architecture):
        super().__init__(**architecture)
        if self.architecture["pre_layer_norm"] is not True:
            raise InputError("pre_layer_norm in its config.json is not true; write the kind bert into the model sheet")
        self.finish_byte_pairs(self.build(), self.architecture["max_position_embeddings"])

    def build(self) -> nn.Module:
        """The network."""
        known = self.architecture
        width, heads, epsilon = known["hidden_size"], known["num_attention_heads"], known["layer_norm_eps"]
        if width % heads:
            raise InputError(f"hidden_size = {width} is no multiple of num_attention_heads = {heads}")
        embeddings = {
            "word_embeddings": nn.Embedding(known["vocab_size"], width),
            "position_embeddings": nn.Embedding(known["max_position_embeddings"], width),
            "token_type_embeddings": nn.Embedding(known["type_vocab_size"], width),
            "LayerNorm": nn.LayerNorm(width, epsilon),
        }
        layers = [Layer(width, heads, known["intermediate_size"], epsilon) for _ in range(self.layers)]
        encoder = nn.ModuleDict({"layer": nn.ModuleList(layers)})
        if known["last_layer_norm"]:
            encoder["last_layer_ln"] = nn.LayerNorm(width, epsilon)
        body = nn.ModuleDict({"embeddings": nn.ModuleDict(embeddings), "encoder": encoder})
        return nn.ModuleDict({"bert": body, "cls": nn.ModuleDict({"predictions": Head(width, embeddings, epsilon)})})

    @property
    def layers(self) -> int:
        return self.architecture["num_hidden_layers"]

    def states(self, ids: Tensor, there: Tensor, layer: int) -> Tensor:
        parts, encoder = self.network["bert"]["embeddings"], self.network["bert"]["encoder"]
        x = parts["word_embeddings"](ids) + parts["position_embeddings"].weight[: ids.shape[1]]
        x = parts["LayerNorm"](x + parts["token_type_embeddings"].weight[0])
        mask = None if bool(there.all()) else there[:, None, None]
        for block in encoder["layer"][:layer]:
            x = block(x, mask)
        return encoder["last_layer_ln"](x) if layer == self.layers and "last_layer_ln" in encoder else x

    def logits(self, states: Tensor) -> Tensor:
        return self.network["cls"]["predictions"](states)


class Head(nn.Module):
    """From states to logits of tokens; the matrix of the last step is that of the word embeddings."""

    def __init__(self, width: int, embeddings: dict[str, nn.Module], epsilon: float):
        super().__init__()
        words = embeddings["word_embeddings"].weight
        parts = {"dense": nn.Linear(width, width), "LayerNorm": nn.LayerNorm(width, epsilon)}
        self.transform = nn.ModuleDict(parts)
        self.bias = nn.Parameter(torch.zeros(len(words)))
        self.decoder = nn.Linear(width, len(words))
        self.decoder.weight, self.decoder.bias = words, self.bias

    def forward(self, states: Tensor) -> Tensor:
        """(batch, T, width) -> (batch, T, tokens)."""
        return self.decoder(self.transform["LayerNorm"](F.gelu(self.transform["dense"](states))))


class GenaBigBird(PublishedBytePairs):
    """GENA-LM of 4,096 tokens: bigbird-base-t2t."""

    kind = "gena_bigbird"
    model_types = ("big_bird",)
    options = {
        "vocab_size": ...,
        "hidden_size": ...,
        "num_hidden_layers": ...,
        "num_attention_heads": ...,
        "intermediate_size": ...,
        "max_position_embeddings": ...,
        "pad_token_id": ...,
        "attention_type": "block_sparse",
        "block_size": 64,
        "num_random_blocks": 3,
        "type_vocab_size": 2,
        "hidden_act": "gelu_new",
        "layer_norm_eps": 1e-12,
        "use_bias": True,
        "rescale_embeddings": False,
        "tie_word_embeddings": True,
    }
    fixed = {"position_embedding_type": "absolute", "is_decoder": False, "add_cross_attention": False}
    unused, tied = Bert.unused, Bert.tied

    def __init__(self, **architecture):
        super().__init__(**architecture)
        known = self.architecture
        sparse = known["attention_type"] == "block_sparse"
        self.full = (5 + 2 * known["num_random_blocks"]) * known["block_size"] if sparse else None
        self.finish_byte_pairs(self.build(), known["max_position_embeddings"])

    def build(self) -> "BigBirdForMaskedLM":
        """The network."""
        from transformers import BigBirdConfig, BigBirdForMaskedLM

        return BigBirdForMaskedLM(BigBirdConfig(**self.built_of))

    @property
    def layers(self) -> int:
        return self.architecture["num_hidden_layers"]

    def states(self, ids: Tensor, there: Tensor, layer: int) -> Tensor:
        """Windows are read by numbers of blocks, since the last block is read from everywhere: so what stands beside a
        window in its batch does not matter."""
        block = self.architecture["block_size"]
        blocks = (there.sum(1) + block - 1) // block
        blocks = blocks.clamp(min=self.full // block) if self.full else torch.full_like(blocks, ids.shape[1])
        result = None
        for count in blocks.unique().tolist():
            rows, width = blocks == count, min(count * block, ids.shape[1])
            part = self._attend(ids[rows, :width], there[rows, :width], layer)
            if result is None:
                result = part.new_zeros(*ids.shape, part.shape[-1])
            result[rows, :width] = part
        return result if result is not None else self._attend(ids, there, layer)

    def _attend(self, ids: Tensor, there: Tensor, layer: int) -> Tensor:
        bert, last = self.network.bert, layer == self.layers
        # transformers turns to full attention by itself where tokens are few, but never back
        bert.set_attention_type("block_sparse" if self.full and ids.shape[1] > self.full else "original_full")
        output = bert(ids, attention_mask=there.long(), output_hidden_states=not last)
        return output.last_hidden_state if last else output.hidden_states[layer][:, : ids.shape[1]]

    def logits(self, states: Tensor) -> Tensor:
        return self.network.cls(states)
