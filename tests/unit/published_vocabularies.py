"""The vocabularies of published models, those of long words with shorter ones, and tokenizers of byte pairs."""

import itertools


def kmers(k: int) -> list[str]:
    """In the order of the published vocabularies."""
    return ["".join(word) for word in itertools.product("ATCG", repeat=k)]


BASES = ["[PAD]", "[MASK]", "[UNK]", *"acgt"]
NT = ["<unk>", "<pad>", "<mask>", "<cls>", *kmers(2), *"ATCGN"]
NT_V2 = ["<unk>", "<pad>", "<mask>", "<cls>", "<eos>", "<bos>", *kmers(2), *"ATCGN"]
NT_6 = ["<unk>", "<pad>", "<mask>", "<cls>", *kmers(6), *"ATCGN"]
DNABERT_6 = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *kmers(6)]
DNABERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *kmers(2)]
SPLICEBERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"NACGT"]
CHARACTERS = ["[CLS]", "[SEP]", "[BOS]", "[MASK]", "[PAD]", "[RESERVED]", "[UNK]", *"ACGTN"]

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


def numbered(size: int) -> list[str]:
    """A vocabulary of byte pairs of any size: that of the tiny one, and numbers."""
    return DNABERT_2 + [f"#{number}" for number in range(size - len(DNABERT_2))]
