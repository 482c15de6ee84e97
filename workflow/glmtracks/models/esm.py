"""Transformers over 6-mers that do not overlap: Nucleotide Transformer v1 and AgroNT, and Nucleotide Transformer v2.

Dalla-Torre et al. 2024; Mendoza-Revilla et al. 2024. The first two are ESM as `transformers` has it; the second version
has rotary positions, and feed-forward layers that are gated by SiLU and have no bias.
"""

from typing import TYPE_CHECKING

from torch import Tensor, nn
from torch.nn import functional as F

from glmtracks.models.published import Published, kmer_length
from glmtracks.models.tokens import Tokens

if TYPE_CHECKING:
    from transformers import EsmForMaskedLM


class NucleotideTransformer(Published):
    """Version 1, and AgroNT."""

    kind = "nucleotide_transformer"
    model_types = ("esm",)
    tokens = "6-mers"
    positions = ("absolute", "rotary")
    special = ("<unk>", "<pad>", "<mask>", "<cls>", "<eos>", "<bos>")
    options = {
        "vocab_size": ...,
        "hidden_size": ...,
        "num_hidden_layers": ...,
        "num_attention_heads": ...,
        "intermediate_size": ...,
        "max_position_embeddings": ...,
        "mask_token_id": ...,
        "pad_token_id": ...,
        "layer_norm_eps": 1e-12,
        "position_embedding_type": "absolute",
        "emb_layer_norm_before": False,
        "token_dropout": False,
        "tie_word_embeddings": True,
    }
    fixed = {"is_folding_model": False, "esmfold_config": None, "vocab_list": None, "is_decoder": False}
    fixed |= {"add_cross_attention": False, "hidden_act": "gelu", "add_bias_fnn": True, "rope_theta": 10_000.0}
    unused = r"esm\.contact_head\..*|.*\.position_ids|.*rotary_embeddings\.inv_freq"
    tied = {"lm_head.decoder.weight": "esm.embeddings.word_embeddings.weight"}

    def __init__(self, **architecture):
        super().__init__(**architecture)
        known = self.architecture
        if known["position_embedding_type"] not in self.positions:  # or there would be no positions at all
            raise ValueError(f"position_embedding_type is not {' or '.join(self.positions)}")
        if known["position_embedding_type"] == "rotary" and known["hidden_size"] % (2 * known["num_attention_heads"]):
            raise ValueError("rotary positions turn pairs of channels, so hidden_size must be a multiple of two a head")
        longest = known["max_position_embeddings"] - known["pad_token_id"] - 1
        if longest < 2:
            raise ValueError("max_position_embeddings leaves no place for a word behind the first token")
        reads = Tokens(
            known["vocabulary"],
            kmer_length(known["vocabulary"]),
            overlapping=False,
            mask="<mask>",
            unknown="<unk>",
            padding="<pad>",
            prefix=("<cls>",),
            longest=longest,
        )
        self.finish(self.build(), reads, reads.longest)

    def build(self) -> "EsmForMaskedLM":
        """The network."""
        from transformers import EsmConfig, EsmForMaskedLM

        network = EsmForMaskedLM(EsmConfig(**self.built_of))
        network.esm.contact_head = None  # for proteins
        return network

    @property
    def layers(self) -> int:
        return self.architecture["num_hidden_layers"]

    def states(self, ids: Tensor, there: Tensor, layer: int) -> Tensor:
        last = layer == self.layers
        output = self.network.esm(ids, attention_mask=there.long(), output_hidden_states=not last)
        return output.last_hidden_state if last else output.hidden_states[layer]

    def logits(self, states: Tensor) -> Tensor:
        return self.network.lm_head(states)


class Gated(nn.Module):
    """SiLU of one half of the channels times the other."""

    def __init__(self, width: int, inner: int):
        super().__init__()
        self.dense = nn.Linear(width, 2 * inner, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        gate, value = self.dense(x).chunk(2, dim=-1)
        return F.silu(gate) * value


class NucleotideTransformerV2(NucleotideTransformer):
    """Version 2; its table of positions is published, but not used."""

    kind = "nucleotide_transformer_v2"
    positions = ("rotary",)
    options = NucleotideTransformer.options | {"position_embedding_type": "rotary", "tie_word_embeddings": False}
    fixed = NucleotideTransformer.fixed | {"add_bias_fnn": False}
    unused = NucleotideTransformer.unused + r"|esm\.embeddings\.position_embeddings\.weight"

    def build(self) -> "EsmForMaskedLM":
        network, known = super().build(), self.architecture
        for layer in network.esm.encoder.layer:
            layer.intermediate = Gated(known["hidden_size"], known["intermediate_size"])
            layer.output.dense = nn.Linear(known["intermediate_size"], known["hidden_size"], bias=False)
        return network
