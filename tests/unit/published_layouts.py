"""Tiny checkpoints in the layouts that models are published in: options, vocabulary, and seeded random weights.

`originals/{name}.json` holds what the original implementation, at the revision named in `ORIGINALS`, makes of each of
them: for the tokens `ids` (padding where `there` is 0) the logits, and the states after the last layer and after one
layer, in float32. Rows with padding were given to the original of DNABERT without it, since it does not hide padding.
"""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from safetensors.torch import save_file

from glmtracks.models.published import PublishedBytePairs
from glmtracks.models.registry import model_class

FOLDER = Path(__file__).parent / "originals"
Shapes = Iterator[tuple[str, tuple[int, ...]]]


class Layout(NamedTuple):
    """A published model: its kind, config.json, vocabulary, the names and shapes of its weights, what made the numbers
    that it is compared with, and its tokenizer.json where it has one instead of vocab.txt."""

    kind: str
    options: dict
    vocabulary: list[str]
    shapes: list[tuple[str, tuple[int, ...]]]
    original: str
    tokenizer: dict | None = None


def kmers(k: int) -> list[str]:
    """In the order of the published vocabularies."""
    return ["".join(word) for word in itertools.product("ATCG", repeat=k)]


def linear(name: str, out: int, inner: int, bias: bool = True) -> Shapes:
    yield f"{name}.weight", (out, inner)
    if bias:
        yield f"{name}.bias", (out,)


def norm(name: str, width: int, bias: bool = True) -> Shapes:
    yield f"{name}.weight", (width,)
    if bias:
        yield f"{name}.bias", (width,)


def gpn_convnet(width: int, layers: int, kernel: int, vocabulary: int) -> Shapes:
    for i in range(layers):
        name = f"model.encoder.{i}"
        yield f"{name}.conv.1.weight", (width, width, kernel)
        yield f"{name}.conv.1.bias", (width,)
        yield from norm(f"{name}.conv.4", width)
        yield from linear(f"{name}.ffn.0", width, width)
        yield from norm(f"{name}.ffn.2", width)
    yield from linear("cls.decoder.0", width, width)
    yield from norm("cls.decoder.2", width)
    yield from linear("cls.decoder.3", vocabulary, width)


def gpn(width: int, layers: int, inner: int, kernels: tuple[int, int], depthwise: bool) -> Shapes:
    for i in range(layers):
        name, groups = f"model.encoder.layer.{i}", width if depthwise and i else 1
        yield from norm(f"{name}.conv.0", width, False)
        yield f"{name}.conv.2.weight", (width, width // groups, kernels[i > 0])
        yield from linear(f"{name}.conv.5", width, width, False)
        yield from norm(f"{name}.ffn.0", width, False)
        yield from linear(f"{name}.ffn.1", inner, width, False)
        yield from linear(f"{name}.ffn.3", width, inner, False)
    yield from norm("model.ln_f", width, False)
    yield from linear("cls.transform.0", width, width, False)
    yield from norm("cls.transform.2", width, False)
    yield from linear("cls.decoder", 7, width, False)


def gpn_bytenet(width: int, layers: int, kernels: tuple[int, int]) -> Shapes:
    half = width // 2
    yield "model.embeddings.word_embeddings.weight", (7, width)
    for i in range(layers):
        name = f"model.encoder.layer.{i}.layer"
        yield from norm(f"{name}.0", width)
        yield from linear(f"{name}.2", half, width)
        yield from norm(f"{name}.3", half)
        yield f"{name}.6.weight", (half, half, kernels[i > 0])
        yield f"{name}.6.bias", (half,)
        yield from norm(f"{name}.8", half)
        yield from linear(f"{name}.10", width, half)
    yield from norm("model.ln_f", width)
    yield from linear("cls.decoder", 7, width)


def transformer_layer(name: str, width: int, inner: int, pre: bool, ffn: int, bias: bool) -> Shapes:
    """ESM (`pre`) has a norm before attention and one before the feed-forward part, BERT one behind each."""
    for part in ("query", "key", "value"):
        yield from linear(f"{name}.attention.self.{part}", width, width)
    yield from linear(f"{name}.attention.output.dense", width, width)
    yield from norm(f"{name}.attention.LayerNorm" if pre else f"{name}.attention.output.LayerNorm", width)
    yield from linear(f"{name}.intermediate.dense", ffn, width, bias)
    yield from linear(f"{name}.output.dense", width, inner, bias)
    yield from norm(f"{name}.LayerNorm" if pre else f"{name}.output.LayerNorm", width)


def esm(width: int, layers: int, inner: int, vocabulary: int, positions: int, v2: bool) -> Shapes:
    yield "esm.embeddings.word_embeddings.weight", (vocabulary, width)
    yield "esm.embeddings.position_embeddings.weight", (positions, width)
    for i in range(layers):
        yield from transformer_layer(f"esm.encoder.layer.{i}", width, inner, True, inner * (1 + v2), not v2)
    yield from norm("esm.encoder.emb_layer_norm_after", width)
    yield "lm_head.bias", (vocabulary,)
    yield from linear("lm_head.dense", width, width)
    yield from norm("lm_head.layer_norm", width)
    if v2:
        yield "lm_head.decoder.weight", (vocabulary, width)


def bert(width: int, layers: int, inner: int, vocabulary: int, positions: int) -> Shapes:
    yield "bert.embeddings.word_embeddings.weight", (vocabulary, width)
    yield "bert.embeddings.position_embeddings.weight", (positions, width)
    yield "bert.embeddings.token_type_embeddings.weight", (2, width)
    yield from norm("bert.embeddings.LayerNorm", width)
    for i in range(layers):
        yield from transformer_layer(f"bert.encoder.layer.{i}", width, inner, False, inner, True)
    yield "cls.predictions.bias", (vocabulary,)
    yield from linear("cls.predictions.transform.dense", width, width)
    yield from norm("cls.predictions.transform.LayerNorm", width)


def caduceus(width: int, layers: int, vocabulary: int, rcps: bool) -> Shapes:
    inner, rank, states, kernel = 2 * width, 1, 4, 4
    words = "caduceus.backbone.embeddings.word_embeddings"
    yield f"{words}.embedding.weight" if rcps else f"{words}.weight", (vocabulary, width)
    for i in range(layers):
        for way in ("fwd", "rev"):
            name = f"caduceus.backbone.layers.{i}.mixer{'.submodule' if rcps else ''}.mamba_{way}"
            yield f"{name}.A_log", (inner, states)
            yield f"{name}.D", (inner,)
            yield f"{name}.conv1d.weight", (inner, 1, kernel)
            yield f"{name}.conv1d.bias", (inner,)
            yield f"{name}.x_proj.weight", (rank + 2 * states, inner)
            yield from linear(f"{name}.dt_proj", inner, rank)
            if way == "fwd":  # those of the other way are the same
                yield f"{name}.in_proj.weight", (2 * inner, width)
                yield f"{name}.out_proj.weight", (width, inner)
        yield f"caduceus.backbone.layers.{i}.norm.weight", (width,)
    yield "caduceus.backbone.norm_f.weight", (width,)


def hyenadna(width: int, layers: int, inner: int, vocabulary: int, filters: tuple[int, int], longest: int) -> Shapes:
    yield "hyena.backbone.embeddings.word_embeddings.weight", (vocabulary, width)
    positions, order = filters
    for i in range(layers):
        name = f"hyena.backbone.layers.{i}"
        yield from linear(f"{name}.mixer.in_proj", 3 * width, width)
        yield from linear(f"{name}.mixer.out_proj", width, width)
        yield f"{name}.mixer.short_filter.weight", (3 * width, 1, 3)
        yield f"{name}.mixer.short_filter.bias", (3 * width,)
        yield f"{name}.mixer.filter_fn.bias", (width,)
        yield f"{name}.mixer.filter_fn.pos_emb.z", (1, longest, positions)
        yield f"{name}.mixer.filter_fn.pos_emb.t", (1, longest, 1)
        yield f"{name}.mixer.filter_fn.modulation.deltas", (1, 1, width)
        for n in range(3):
            yield from linear(f"{name}.mixer.filter_fn.implicit_filter.{2 * n}", order, order if n else positions)
        yield f"{name}.mixer.filter_fn.implicit_filter.1.freq", (1, order)  # the others are the same
        yield from linear(f"{name}.mixer.filter_fn.implicit_filter.6", width, order, False)
        yield from norm(f"{name}.norm1", width)
        yield from norm(f"{name}.norm2", width)
        yield from linear(f"{name}.mlp.fc1", inner, width)
        yield from linear(f"{name}.mlp.fc2", width, inner)
    yield from norm("hyena.backbone.ln_f", width)
    yield "lm_head.weight", (vocabulary, width)


def mosaic(width: int, layers: int, inner: int, vocabulary: int, head: bool) -> Shapes:
    body = "bert." if head else ""
    yield f"{body}embeddings.word_embeddings.weight", (vocabulary, width)
    yield f"{body}embeddings.token_type_embeddings.weight", (2, width)
    yield from norm(f"{body}embeddings.LayerNorm", width)
    for i in range(layers):
        name = f"{body}encoder.layer.{i}"
        yield from linear(f"{name}.attention.self.Wqkv", 3 * width, width)
        yield from linear(f"{name}.attention.output.dense", width, width)
        yield from norm(f"{name}.attention.output.LayerNorm", width)
        yield from linear(f"{name}.mlp.gated_layers", 2 * inner, width, False)
        yield from linear(f"{name}.mlp.wo", width, inner)
        yield from norm(f"{name}.mlp.layernorm", width)
    yield from linear(f"{body}pooler.dense", width, width)
    if head:
        yield from linear("cls.predictions.transform.dense", width, width)
        yield from norm("cls.predictions.transform.LayerNorm", width)
        yield "cls.predictions.decoder.bias", (vocabulary,)


def gena(width: int, layers: int, inner: int, vocabulary: int, positions: int, last: bool) -> Shapes:
    for name, shape in bert(width, layers, inner, vocabulary, positions):
        if name.startswith("bert.encoder") and ".LayerNorm" in name:  # those of BERT, behind each part
            place = "pre_attention_ln" if ".attention." in name else "post_attention_ln"
            name = f"{'.'.join(name.split('.')[:4])}.{place}.{name.rsplit('.', 1)[-1]}"
        yield name, shape
    if last:
        yield from norm("bert.encoder.last_layer_ln", width)


BASES = ["[PAD]", "[MASK]", "[UNK]", *"acgt"]
NT = ["<unk>", "<pad>", "<mask>", "<cls>", *kmers(2), *"ATCGN"]
NT_V2 = ["<unk>", "<pad>", "<mask>", "<cls>", "<eos>", "<bos>", *kmers(2), *"ATCGN"]
NT_6 = ["<unk>", "<pad>", "<mask>", "<cls>", *kmers(6), *"ATCGN"]
DNABERT_6 = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *kmers(6)]
DNABERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *kmers(2)]

SPECIES = ["candida_glabrata", "kluyveromyces_lactis", "yarrowia_lipolytica"]
SPECIES_LM = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *kmers(2), *SPECIES]
SPECIAL = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]  # of byte pairs
MERGES = ["A A", "T T", "T G", "C A", "C C", "AA A", "TG A", "G G", "C T", "T A", "TT T", "G AA", "CA TG", "TGA C"]


def byte_pairs(letters: str, merges: list[str], normalizer: dict | None, pre_tokenizer: dict) -> dict:
    """The content of a tokenizer.json as the library `tokenizers` writes it: special tokens, letters, merged pairs."""
    tokens = [*SPECIAL, *letters, *(merge.replace(" ", "") for merge in merges)]
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": i, "content": token, **flags, "special": True} for i, token in enumerate(SPECIAL)],
        "normalizer": normalizer,
        "pre_tokenizer": pre_tokenizer,
        "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 1]},
        "decoder": None,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": "[UNK]",
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "vocab": {token: number for number, token in enumerate(tokens)},
            "merges": merges,
        },
    }


DNABERT_2_TOKENS = byte_pairs("ACGT", MERGES, None, {"type": "Whitespace"})
LONG_RUNS = {"type": "Replace", "pattern": {"Regex": "N{10,}"}, "content": "-"}
GENA_TOKENS = byte_pairs(
    "-ACGNT",
    [*MERGES, "N N", "A NN"],
    {"type": "Sequence", "normalizers": [{"type": "Strip", "strip_left": True, "strip_right": True}, LONG_RUNS]},
    {"type": "Split", "pattern": {"String": "-"}, "behavior": "Isolated", "invert": False},
)
DNABERT_2, GENA = (list(tokens["model"]["vocab"]) for tokens in (DNABERT_2_TOKENS, GENA_TOKENS))

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
SPLICEBERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"NACGT"]

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
CHARACTERS = ["[CLS]", "[SEP]", "[BOS]", "[MASK]", "[PAD]", "[RESERVED]", "[UNK]", *"ACGTN"]
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


def weights(name: str, seed: int = 0) -> dict[str, torch.Tensor]:
    """Random weights of a layout, of a size that makes every one of them matter."""
    rng = np.random.default_rng(seed)

    def draw(name: str, shape: tuple[int, ...]) -> torch.Tensor:
        is_scale = len(shape) == 1 and name.endswith("weight")
        scale = 0.3 if len(shape) == 1 else (2 / np.prod(shape[1:])) ** 0.5
        scale /= 10 if name.endswith("out_proj.weight") else 1  # what a scan adds up grows large
        return torch.from_numpy((is_scale + scale * rng.normal(size=shape)).astype(np.float32))

    return {weight: draw(weight, shape) for weight, shape in LAYOUTS[name].shapes}


def write(name: str, folder: Path, seed: int = 0) -> Path:
    """A checkpoint of a layout as the Hugging Face Hub has it; returns its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    layout = LAYOUTS[name]
    (folder / "config.json").write_text(json.dumps(layout.options))
    if layout.tokenizer:
        (folder / "tokenizer.json").write_text(json.dumps(layout.tokenizer))
    else:
        (folder / "vocab.txt").write_text("\n".join(layout.vocabulary) + "\n")
    save_file(weights(name, seed), folder / "model.safetensors")
    return folder


def inputs(name: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens, int64 (2, 15), with masks among them and, where the model heeds it, padding in the second row; and where
    there is none, bool (2, 15)."""
    layout, rng = LAYOUTS[name], np.random.default_rng(1)
    words = [number for number, token in enumerate(layout.vocabulary) if token.isalpha()]
    ids, there = torch.from_numpy(rng.choice(words, (2, 15))), torch.ones(2, 15, dtype=torch.bool)
    special = {token.strip("[]<>").lower(): n for n, token in enumerate(layout.vocabulary) if not token.isalpha()}
    ids[:, [3, 9]] = special["mask"]
    if "cls" in special and layout.kind not in ("caduceus", "hyenadna"):
        ids[:, 0] = special["cls"]
        ids[1, 12:], there[1, 12:] = special["pad"], False
    return ids, there


def numbered(size: int) -> list[str]:
    """A vocabulary of byte pairs of any size: that of the tiny one, and numbers."""
    return DNABERT_2 + [f"#{number}" for number in range(size - len(DNABERT_2))]


def meta(kind: str, vocabulary: list[str], **options):
    """A model of a published size, without memory for its weights."""
    cls = model_class(kind)
    tokens = {"tokenizer": DNABERT_2_TOKENS} if issubclass(cls, PublishedBytePairs) else {}
    with torch.device("meta"):
        return cls(vocabulary=vocabulary, **tokens, **cls.options | options)
