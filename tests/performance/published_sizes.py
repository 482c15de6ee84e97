"""Published architectures at sizes that they were published in, with random weights: speed does not depend on these."""

import itertools
from typing import NamedTuple

import torch

from glmtracks.models.published import Published, PublishedBytePairs
from glmtracks.models.registry import model_class

BASES = ["[PAD]", "[MASK]", "[UNK]", *"acgt"]
CHARACTERS = ["[CLS]", "[SEP]", "[BOS]", "[MASK]", "[PAD]", "[RESERVED]", "[UNK]", *"ACGTN"]
BERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
BYTE_PAIRS = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]
BASE = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072}
ESM = {"mask_token_id": 2, "pad_token_id": 1}
COMPLEMENTS = {str(i): {3: 6, 4: 5, 5: 4, 6: 3}.get(i, i) for i in range(8)}
WORD = 3  # bases of the words that stand for byte pairs; those of the published vocabularies have 5 to 9


class Size(NamedTuple):
    """A checkpoint: its kind, vocabulary, options and the windows of a batch: how many, and of how many bases."""

    kind: str
    vocabulary: list[str]
    options: dict
    batch: tuple[int, int]
    note: str = ""


def kmers(k: int) -> list[str]:
    """All words of k bases."""
    return ["".join(word) for word in itertools.product("ACGT", repeat=k)]


def sized(vocabulary: list[str], size: int) -> list[str]:
    """The vocabulary with so many tokens that are not used that it has `size`."""
    return [*vocabulary, *(f"#{number}" for number in range(size - len(vocabulary)))]


def merges() -> list[str]:
    """The byte pairs that make all words of `WORD` bases."""
    return [f"{a} {b}" for length in range(1, WORD) for a in kmers(length) for b in "ACGT"]


ESM_6 = ["<unk>", "<pad>", "<mask>", "<cls>", *kmers(6), *"ACGTN"]
PAIRS = [*BYTE_PAIRS, *"ACGT", *(merge.replace(" ", "") for merge in merges())]
SPECIES = sized([*BERT, *"ACGT"], 1500)
SIZES = {
    "gpn-brassicales": Size("gpn_convnet", BASES, {}, (4, 512)),
    "GPN, its default": Size("gpn", BASES, {}, (4, 512)),
    "nucleotide-transformer-500m-human-ref": Size(
        "nucleotide_transformer",
        ESM_6,
        ESM
        | {"vocab_size": 4105, "hidden_size": 1280, "num_hidden_layers": 24, "num_attention_heads": 20}
        | {"intermediate_size": 5120, "max_position_embeddings": 1002},
        (2, 1536),
    ),
    "nucleotide-transformer-v2-100m": Size(
        "nucleotide_transformer_v2",
        ESM_6,
        ESM
        | {"vocab_size": 4105, "hidden_size": 512, "num_hidden_layers": 22, "num_attention_heads": 16}
        | {"intermediate_size": 2048, "max_position_embeddings": 2050},
        (4, 1536),
    ),
    "DNA_bert_6": Size(
        "dnabert", [*BERT, *kmers(6)], BASE | {"vocab_size": 4101, "max_position_embeddings": 512}, (4, 512)
    ),
    "SpliceBERT": Size(
        "bert",
        [*BERT, *"NACGT"],
        {"vocab_size": 10, "hidden_size": 512, "num_hidden_layers": 6, "num_attention_heads": 16}
        | {"intermediate_size": 2048, "max_position_embeddings": 1026},
        (4, 512),
    ),
    "specieslm-fungi-upstream-k1": Size(
        "species_lm", SPECIES, BASE | {"vocab_size": 1500, "max_position_embeddings": 1024}, (4, 512)
    ),
    "DNABERT-2-117M": Size("dnabert2", sized(PAIRS, 4096), BASE | {"vocab_size": 4096}, (4, 1024)),
    "gena-lm-bert-base-t2t": Size(
        "gena_bert",
        sized(PAIRS, 32000),
        BASE | {"vocab_size": 32000, "max_position_embeddings": 512, "pad_token_id": 3, "pre_layer_norm": True},
        (4, 1024),
    ),
    "gena-lm-bigbird-base-t2t": Size(
        "gena_bigbird",
        sized(PAIRS, 32000),
        BASE | {"vocab_size": 32000, "max_position_embeddings": 4096, "pad_token_id": 3},
        (1, 2304),
        "block-sparse",
    ),
    "PlantCaduceus_l20": Size(
        "plant_caduceus",
        BASES,
        {"vocab_size": 8, "d_model": 384, "n_layer": 20, "rcps": True, "complement_map": COMPLEMENTS},
        (1, 256),
        "the scan goes position by position and is no matrix product, so it is not among the operations counted",
    ),
    "hyenadna-large-1m": Size(
        "hyenadna",
        CHARACTERS,
        {"vocab_size": 12, "d_model": 256, "d_inner": 1024, "n_layer": 8, "emb_dim": 5, "max_seq_len": 4098},
        (2, 4096),
        "its long convolutions are Fourier transforms, which are not among the operations counted",
    ),
}


def build(size: Size) -> Published:
    """A model of a published size; its weights are those that the layers begin with."""
    cls = model_class(size.kind)
    more = {"tokenizer": _tokenizer()} if issubclass(cls, PublishedBytePairs) else {}
    torch.manual_seed(0)
    return cls(vocabulary=size.vocabulary, **more, **cls.options | size.options).eval()


def _tokenizer() -> dict:
    model = {"type": "BPE", "unk_token": "[UNK]", "merges": merges()}
    return {"version": "1.0", "added_tokens": [], "pre_tokenizer": {"type": "Whitespace"}, "model": model}
