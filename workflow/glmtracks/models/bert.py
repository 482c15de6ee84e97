"""BERT over k-mers that begin at every base: DNABERT (k of 3 to 6), and over single bases: SpliceBERT.

Ji et al. 2021; Chen et al. 2024. The vocabulary says which k. All k tokens that cover a base are hidden to ask about
it. The code that DNABERT was trained with, of transformers 2.5, adds the bias of the last layer twice; later versions
do not.
"""

from typing import TYPE_CHECKING, ClassVar

from torch import Tensor

from glmtracks.models.published import Published, kmer_length
from glmtracks.models.tokens import Tokens

if TYPE_CHECKING:
    from transformers import BertForMaskedLM


class Bert(Published):
    """A BERT as `transformers` has it: SpliceBERT."""

    kind = "bert"
    model_types = ("bert",)
    tokens = "overlapping k-mers"
    options = {
        "vocab_size": ...,
        "hidden_size": ...,
        "num_hidden_layers": ...,
        "num_attention_heads": ...,
        "intermediate_size": ...,
        "max_position_embeddings": ...,
        "type_vocab_size": 2,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-12,
        "pad_token_id": 0,
        "tie_word_embeddings": True,
    }
    fixed = {"position_embedding_type": "absolute", "is_decoder": False, "add_cross_attention": False}
    unused = r"bert\.pooler\..*|cls\.seq_relationship\..*|bert\.embeddings\.(position|token_type)_ids"
    special = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
    before: ClassVar[tuple[str, ...]] = ("[CLS]",)
    """Tokens before the sequence."""
    tied = {
        "cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight",
        "cls.predictions.decoder.bias": "cls.predictions.bias",
    }

    def __init__(self, **architecture):
        super().__init__(**architecture)
        known = self.architecture
        reads = Tokens(
            known["vocabulary"],
            kmer_length(known["vocabulary"]),
            overlapping=True,
            mask="[MASK]",
            unknown="[UNK]",
            padding="[PAD]",
            prefix=self.before,
            suffix=("[SEP]",),
            longest=known["max_position_embeddings"],
        )
        self.finish(self.build(), reads, reads.longest)

    def build(self) -> "BertForMaskedLM":
        """The network."""
        from transformers import BertConfig, BertForMaskedLM

        return BertForMaskedLM(BertConfig(**self.built_of))

    @property
    def layers(self) -> int:
        return self.architecture["num_hidden_layers"]

    def states(self, ids: Tensor, there: Tensor, layer: int) -> Tensor:
        last = layer == self.layers
        output = self.network.bert(ids, attention_mask=there.long(), output_hidden_states=not last)
        return output.last_hidden_state if last else output.hidden_states[layer]

    def logits(self, states: Tensor) -> Tensor:
        return self.network.cls(states)


class DnaBert(Bert):
    """DNABERT, as its own code computes it."""

    kind = "dnabert"
    idle = ("rnn", "rnn_hidden", "num_rnn_layer", "split", "model_max_length")  # of its classifiers

    def logits(self, states: Tensor) -> Tensor:
        return super().logits(states) + self.network.cls.predictions.bias
