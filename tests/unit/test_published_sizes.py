"""Published models at their published sizes, without weights."""

import published_checkpoints as checkpoints
import published_vocabularies as vocabularies
import pytest

ESM = {"intermediate_size": 5120, "mask_token_id": 2, "pad_token_id": 1}
LARGE = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072}
PRE_NORM = {"pad_token_id": 3, "pre_layer_norm": True}
SIZES = {  # million weights of published checkpoints
    "songlab/gpn-brassicales": (65.88, "gpn_convnet", vocabularies.BASES, {}),
    "GPN, its default": (93.09, "gpn", vocabularies.BASES, {}),
    "InstaDeepAI/nucleotide-transformer-500m-human-ref": (
        480.44,
        "nucleotide_transformer",
        vocabularies.NT_6,
        ESM
        | {"vocab_size": 4105, "hidden_size": 1280, "num_hidden_layers": 24}
        | {"num_attention_heads": 20, "max_position_embeddings": 1002},
    ),
    "InstaDeepAI/agro-nucleotide-transformer-1b": (
        985.1,
        "nucleotide_transformer",
        vocabularies.NT_6,
        ESM
        | {"vocab_size": 4105, "hidden_size": 1500, "num_hidden_layers": 40}
        | {"num_attention_heads": 20, "max_position_embeddings": 1026},
    ),
    "InstaDeepAI/nucleotide-transformer-2.5b-multi-species": (
        2537.29,
        "nucleotide_transformer",
        vocabularies.NT_6,
        ESM
        | {"vocab_size": 4105, "hidden_size": 2560, "num_hidden_layers": 32, "intermediate_size": 10240}
        | {"num_attention_heads": 20, "max_position_embeddings": 1002},
    ),
    "kuleshov-group/PlantCaduceus_l20": (
        20.87,
        "plant_caduceus",
        vocabularies.BASES,
        {"vocab_size": 8, "d_model": 384, "n_layer": 20, "rcps": True},
    ),
    "kuleshov-group/PlantCaduceus_l32": (
        225.35,
        "plant_caduceus",
        vocabularies.BASES,
        {"vocab_size": 8, "d_model": 1024, "n_layer": 32, "rcps": True},
    ),
    "kuleshov-group/caduceus-ps_seqlen-131k_d_model-256_n_layer-16": (
        7.72,
        "caduceus",
        vocabularies.CHARACTERS,
        {"vocab_size": 12, "d_model": 256, "n_layer": 16, "rcps": True},
    ),
    "LongSafari/hyenadna-large-1m-seqlen-hf": (  # without its long tables of positions
        6.55,
        "hyenadna",
        vocabularies.CHARACTERS,
        {"vocab_size": 12, "d_model": 256, "d_inner": 1024, "n_layer": 8, "emb_dim": 5, "max_seq_len": 2},
    ),
    "zhihan1996/DNABERT-2-117M": (117.07, "dnabert2", vocabularies.numbered(4096), LARGE | {"vocab_size": 4096}),
    "AIRI-Institute/gena-lm-bert-base-t2t": (  # published as 110 and 336 M
        110.65,
        "gena_bert",
        vocabularies.numbered(32000),
        LARGE | {"vocab_size": 32000, "max_position_embeddings": 512} | PRE_NORM,
    ),
    "AIRI-Institute/gena-lm-bert-large-t2t": (
        336.69,
        "gena_bert",
        vocabularies.numbered(32000),
        {"vocab_size": 32000, "hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16}
        | {"intermediate_size": 4096, "max_position_embeddings": 512}
        | PRE_NORM,
    ),
    "AIRI-Institute/gena-lm-bigbird-base-t2t": (
        113.99,
        "gena_bigbird",
        vocabularies.numbered(32000),
        LARGE | {"vocab_size": 32000, "max_position_embeddings": 4096, "pad_token_id": 3},
    ),
    "SpliceBERT": (
        19.71,
        "bert",
        vocabularies.SPLICEBERT,
        {"vocab_size": 10, "hidden_size": 512, "num_hidden_layers": 6, "num_attention_heads": 16}
        | {"intermediate_size": 2048, "max_position_embeddings": 1026},
    ),
    "zhihan1996/DNA_bert_6": (
        89.2,
        "dnabert",
        vocabularies.DNABERT_6,
        {"vocab_size": 4101, "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12}
        | {"intermediate_size": 3072, "max_position_embeddings": 512},
    ),
}


@pytest.mark.parametrize("name", SIZES)
def test_published_sizes_have_the_published_number_of_weights(name):
    millions, kind, vocabulary, options = SIZES[name]
    model = checkpoints.meta(kind, vocabulary, **options)
    assert round(sum(p.numel() for p in model.parameters()) / 1e6, 2) == pytest.approx(millions, abs=0.05)


@pytest.mark.parametrize(
    "name, vocabulary, bases",
    [("nucleotide_transformer", "NT_6", 999 * 6), ("dnabert", "DNABERT_6", 510 + 5)],
)
def test_the_longest_window_is_what_the_positions_allow(name, vocabulary, bases):
    size = next(size for size in SIZES.values() if size[1] == name)
    assert checkpoints.meta(name, getattr(vocabularies, vocabulary), **size[3]).context == bases
