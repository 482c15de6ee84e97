"""The layouts that models are published in, made small: options, vocabulary, names and shapes of weights.

`originals/{name}.json` holds what the original implementation, at the revision named in its `original`, makes of each
of them with the weights of published_checkpoints.py: for the tokens `ids` (padding where `there` is 0) the logits, and
the states after the last layer and after one layer, in float32. Rows with padding were given to the originals of
DNABERT and BigBird without it: the first does not hide padding, the second reads a row by how long the longest of its
batch is. SpliceBERT, Species LM and BigBird have no original but the classes of `transformers` that are used here too,
so their numbers show that the weights and the tokens go where they should, not that the network is right.
"""

from typing import NamedTuple

from published_shapes import bert, caduceus, esm, gena, gpn, gpn_bytenet, gpn_convnet, hyenadna, mosaic
from published_vocabularies import (
    BASES,
    CHARACTERS,
    DNABERT,
    DNABERT_2,
    DNABERT_2_TOKENS,
    GENA,
    GENA_TOKENS,
    NT,
    NT_V2,
    SPECIES_LM,
    SPLICEBERT,
)


class Layout(NamedTuple):
    """A published model: its kind, config.json, vocabulary, the names and shapes of its weights, what made the numbers
    that it is compared with, and its tokenizer.json where it has one instead of vocab.txt."""

    kind: str
    options: dict
    vocabulary: list[str]
    shapes: list[tuple[str, tuple[int, ...]]]
    original: str
    tokenizer: dict | None = None


BERT = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "max_position_embeddings": 32,
    "type_vocab_size": 2,
}
MOSAIC = {**BERT, "model_type": "bert", "hidden_size": 24, "num_attention_heads": 6, "alibi_starting_size": 8}
MOSAIC |= {"hidden_act": "gelu", "layer_norm_eps": 1e-12, "hidden_dropout_prob": 0.1, "initializer_range": 0.02}
PRE_NORM = {**BERT, "model_type": "bert", "vocab_size": len(GENA), "pad_token_id": 3, "pre_layer_norm": True}
BIG_BIRD = {"model_type": "big_bird", "attention_type": "block_sparse", "hidden_act": "gelu_new", "pad_token_id": 3}
BIG_BIRD |= {"vocab_size": len(GENA), "use_bias": True, "rescale_embeddings": False}

GPN_NEW = {
    "model_type": "GPN",
    "hidden_size": 12,
    "num_hidden_layers": 3,
    "first_kernel_size": 5,
    "rest_kernel_size": 3,
}
ESM = {
    "model_type": "esm",
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "mask_token_id": 2,
    "pad_token_id": 1,
    "max_position_embeddings": 40,
    "emb_layer_norm_before": False,
    "layer_norm_eps": 1e-5,
}
CADUCEUS = {
    "model_type": "caduceus",
    "d_model": 8,
    "n_layer": 3,
    "ssm_cfg": {"d_state": 4, "d_conv": 4, "expand": 2, "dt_rank": "auto", "conv_bias": True, "bias": False},
    "bidirectional": True,
    "bidirectional_strategy": "add",
    "bidirectional_weight_tie": True,
    "fused_add_norm": True,
    "rms_norm": True,
    "residual_in_fp32": True,
    "pad_token_id": -100,
}


def complements(pairs: dict[int, int], size: int) -> dict[str, int]:
    """The complement of each token, by its id, as config.json has it."""
    both = pairs | {b: a for a, b in pairs.items()}
    return {str(i): both.get(i, i) for i in range(size)}


GPN_CODE = "songlab-cal/gpn, 99293f823a7f01dd5f9a05a7e2d7db701cda9228"
DNABERT_CODE = "jerryji1993/DNABERT, b6da04ec9a7d4e53efe5b33a6ce1a21c0e7ac413"
NT_CODE = "instadeepai/nucleotide-transformer, 2dc37b86e16a6970fbc731751f7719d9f676f7f9 (JAX)"
CADUCEUS_CODE = (
    "kuleshov-group/caduceus, 0060a6d8079b6a040fc55d505e15972a327b70a6: CaduceusForMaskedLM, with the reference scan "
    "and norms of state-spaces/mamba, e9594ce1c732d97440f0332fdc43170a2294dbfa"
)
MOSAIC_CODE = "zhihan1996/DNABERT-2-117M on the Hub, dd10f74f0e90735d02a27603e56467761893e8f9: bert_layers.py"
GENA_CODE = "AIRI-Institute/GENA_LM, 4a884630dd72fac47775a256f9c85452b63d28e3: src/gena_lm/modeling_bert.py"
LAYOUTS = {
    "gpn_convnet": Layout(
        "gpn_convnet",
        {
            "model_type": "ConvNet",
            "hidden_size": 12,
            "n_layers": 4,
            "kernel_size": 5,
            "dilation_cycle": 3,
            "vocab_size": 7,
        },
        BASES,
        list(gpn_convnet(12, 4, 5, 7)),
        f"{GPN_CODE}: gpn/legacy.py, ConvNetForMaskedLM",
    ),
    "gpn": Layout(
        "gpn",
        {**GPN_NEW, "intermediate_size": 20, "vocab_size": 7, "bias": False},
        BASES,
        list(gpn(12, 3, 20, (5, 3), False)),
        f"{GPN_CODE}: gpn/model.py, GPNForMaskedLM",
    ),
    "gpn_depthwise": Layout(
        "gpn",
        {**GPN_NEW, "intermediate_size": 20, "depthwise": True, "dilation_double_every": 2},
        BASES,
        list(gpn(12, 3, 20, (5, 3), True)),
        f"{GPN_CODE}: gpn/model.py, GPNForMaskedLM",
    ),
    "gpn_bytenet": Layout(
        "gpn",
        {
            **GPN_NEW,
            "encoder": "bytenet",
            "slim": True,
            "bias": True,
            "embedding": "embedding",
            "mlm_head_transform": False,
        },
        BASES,
        list(gpn_bytenet(12, 3, (5, 3))),
        f"{GPN_CODE}: gpn/model.py, GPNForMaskedLM",
    ),
    "nucleotide_transformer": Layout(
        "nucleotide_transformer",
        {**ESM, "vocab_size": len(NT), "token_dropout": True, "position_embedding_type": "absolute"},
        NT,
        list(esm(16, 2, 24, len(NT), 40, False)),
        NT_CODE,
    ),
    "nucleotide_transformer_v2": Layout(
        "nucleotide_transformer_v2",
        {
            **ESM,
            "vocab_size": len(NT_V2),
            "token_dropout": False,
            "position_embedding_type": "rotary",
            "add_bias_fnn": False,
            "tie_word_embeddings": False,
        },
        NT_V2,
        list(esm(16, 2, 24, len(NT_V2), 40, True)),
        NT_CODE,
    ),
    "dnabert": Layout(
        "dnabert",
        {
            "architectures": ["BertForMaskedLM"],
            "hidden_size": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "intermediate_size": 24,
            "max_position_embeddings": 32,
            "type_vocab_size": 2,
            "vocab_size": len(DNABERT),
        },
        DNABERT,
        list(bert(16, 2, 24, len(DNABERT), 32)),
        f"{DNABERT_CODE}: src/transformers/modeling_bert.py, BertForMaskedLM",
    ),
    "splicebert": Layout(
        "bert",
        {
            "model_type": "bert",
            "hidden_size": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "intermediate_size": 24,
            "max_position_embeddings": 32,
            "position_embedding_type": "absolute",
            "vocab_size": 10,
        },
        SPLICEBERT,
        list(bert(16, 2, 24, 10, 32)),
        "transformers 5.23.0: BertForMaskedLM, with attention written out",
    ),
    "caduceus_ph": Layout(
        "caduceus",
        {**CADUCEUS, "vocab_size": 16, "rcps": False},
        CHARACTERS,
        list(caduceus(8, 3, 16, False)),
        CADUCEUS_CODE,
    ),
    "caduceus_ps": Layout(
        "caduceus",
        {**CADUCEUS, "vocab_size": 16, "rcps": True, "complement_map": complements({7: 10, 8: 9}, 16)},
        CHARACTERS,
        list(caduceus(8, 3, 16, True)),
        CADUCEUS_CODE,
    ),
    "plant_caduceus": Layout(
        "plant_caduceus",
        {**CADUCEUS, "vocab_size": 8, "rcps": True, "complement_map": complements({3: 6, 4: 5}, 8)},
        BASES,
        list(caduceus(8, 3, 8, True)),
        CADUCEUS_CODE,
    ),
    "hyenadna": Layout(
        "hyenadna",
        {
            "model_type": "hyenadna",
            "d_model": 8,
            "d_inner": 20,
            "n_layer": 2,
            "max_seq_len": 34,
            "emb_dim": 5,
            "filter_order": 6,
            "activation_freq": 10,
            "vocab_size": 12,
            "tie_word_embeddings": False,
        },
        CHARACTERS,
        list(hyenadna(8, 2, 20, 16, (5, 6), 34)),
        "HazyResearch/hyena-dna, d553021b483b82980aa4b868b37ec2d4332e198a: standalone_hyenadna.py, HyenaDNAModel; its "
        "weights under the names of the Hub's -hf layout, and lm_head, which it lacks, as a matrix product",
    ),
    "species_lm": Layout(
        "species_lm",
        {**BERT, "model_type": "bert", "vocab_size": 24},
        SPECIES_LM,
        list(bert(16, 2, 24, 24, 32)),
        "transformers 4.57.6: BertForMaskedLM, with attention written out",
    ),
    "dnabert2": Layout(
        "dnabert2",
        {**MOSAIC, "vocab_size": len(DNABERT_2)},
        DNABERT_2,
        list(mosaic(24, 2, 24, len(DNABERT_2), True)),
        f"{MOSAIC_CODE}, BertForMaskedLM, without Triton",
        DNABERT_2_TOKENS,
    ),
    "dnabert_s": Layout(
        "dnabert_s",
        {**MOSAIC, "vocab_size": len(DNABERT_2)},
        DNABERT_2,
        list(mosaic(24, 2, 24, len(DNABERT_2), False)),
        f"{MOSAIC_CODE}, BertModel, without Triton",
        DNABERT_2_TOKENS,
    ),
    "gena_bert": Layout(
        "gena_bert",
        PRE_NORM,
        GENA,
        list(gena(16, 2, 24, len(GENA), 32, True)),
        f"{GENA_CODE}, BertForMaskedLM",
        GENA_TOKENS,
    ),
    "gena_bert_no_last_norm": Layout(
        "gena_bert",
        {**PRE_NORM, "last_layer_norm": False},
        GENA,
        list(gena(16, 2, 24, len(GENA), 32, False)),
        f"{GENA_CODE}, BertForMaskedLM",
        GENA_TOKENS,
    ),
    "gena_bigbird": Layout(
        "gena_bigbird",
        {**BERT, **BIG_BIRD, "block_size": 64, "num_random_blocks": 3},
        GENA,
        list(bert(16, 2, 24, len(GENA), 32)),
        "transformers 4.57.6: BigBirdForMaskedLM",
        GENA_TOKENS,
    ),
    "gena_bigbird_sparse": Layout(
        "gena_bigbird",
        {**BERT, **BIG_BIRD, "block_size": 2, "num_random_blocks": 1},
        GENA,
        list(bert(16, 2, 24, len(GENA), 32)),
        "transformers 4.57.6: BigBirdForMaskedLM",
        GENA_TOKENS,
    ),
}
