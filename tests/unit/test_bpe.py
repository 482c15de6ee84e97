"""Byte pairs against merges that are done one after the other, and probabilities against their definition."""

import copy
import json
from itertools import pairwise

import numpy as np
import published_vocabularies as vocabularies
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_tokens import Small, codes_of, one_at_a_time

from glmtracks.errors import InputError
from glmtracks.models.bpe import BytePairs
from glmtracks.scoring.strategies import choose

TOKENS = {"dnabert2": vocabularies.DNABERT_2_TOKENS, "gena": vocabularies.GENA_TOKENS}
BEFORE = 1  # [CLS]
SEQUENCES = st.lists(
    st.one_of(st.text("ACGT", min_size=1, max_size=12), st.text("ACGTN", max_size=6), st.just("N" * 11)), max_size=4
).map(lambda parts: "".join(parts) or "A")


def vocabulary(name: str) -> list[str]:
    return list(TOKENS[name]["model"]["vocab"])


def byte_pairs(name: str, longest=None) -> BytePairs:
    return BytePairs(TOKENS[name], vocabulary(name), longest=longest)


def merged(name: str, text: str) -> list[str]:
    """The pair that was merged first is merged wherever it stands, from the left, until none is left."""
    ranks = {tuple(pair.split(" ")): rank for rank, pair in enumerate(TOKENS[name]["model"]["merges"])}
    words = list(text)
    while pairs := [pair for pair in pairwise(words) if pair in ranks]:
        first, found = min(pairs, key=ranks.get), []
        while words:
            taken = 2 if tuple(words[:2]) == first else 1
            found.append("".join(words[:taken]))
            words = words[taken:]
        words = found
    return words


def cut(name: str, text: str) -> list[tuple[int, int, str]]:
    """Begin, end and token of what stands between the first known base and the last: unknown ones as each has them."""
    inner, found = text.strip("N"), []
    place = text.find(inner)
    runs = [inner]
    if name == "gena":  # a run of ten is one token
        runs = [part for part in _split_runs(inner) if part]
    for run in runs:
        if name == "gena" and len(run) >= 10 and set(run) == {"N"}:
            found.append((place, place + len(run), "-"))
            place += len(run)
            continue
        for word in merged(name, run):
            token = word if word in vocabulary(name) else "[UNK]"
            found.append((place, place + len(word), token))
            place += len(word)
    return found


def _split_runs(text: str) -> list[str]:
    parts, rest = [], text
    while (at := rest.find("N" * 10)) >= 0:
        end = len(rest) - len(rest[at:].lstrip("N"))
        parts += [rest[:at], rest[at:end]]
        rest = rest[end:]
    return [*parts, rest]


@settings(max_examples=80)
@given(st.lists(SEQUENCES, min_size=1, max_size=3), st.sampled_from(list(TOKENS)))
def test_tokens_are_those_of_the_merges(texts, name):
    read, words = byte_pairs(name).read(codes_of(*texts)), vocabulary(name)
    for text, ids, there in zip(texts, read.ids.tolist(), read.there.tolist(), strict=True):
        tokens = [words[number] for number, real in zip(ids, there, strict=True) if real]
        assert tokens == ["[CLS]", *(token for *_, token in cut(name, text)), "[SEP]"]


@settings(max_examples=40)
@given(
    st.text("ACGTN", min_size=1, max_size=40).filter(lambda text: text.strip("N") == text), st.sampled_from(["gena"])
)
def test_tokens_are_those_of_the_tokenizer_itself(text, name):
    from tokenizers import Tokenizer

    expected = Tokenizer.from_str(json.dumps(TOKENS[name])).encode(text)
    assert byte_pairs(name).read(codes_of(text)).ids[0].tolist() == expected.ids


def by_definition(name: str, places: list, logits: np.ndarray, i: int) -> np.ndarray:
    """log P(base i): the token as long as the one that covers it which agrees elsewhere, or, where there is none, the
    piece that holds the base of the word cut anew."""
    words = vocabulary(name)
    for number, (start, end, word) in enumerate(places):
        if not start <= i < end or len(word) != end - start or not word.isalpha():
            continue
        p, found = logits[BEFORE + number] - np.logaddexp.reduce(logits[BEFORE + number]), np.empty(4)
        for code, base in enumerate("ACGT"):
            altered = word[: i - start] + base + word[i - start + 1 :]
            pieces = [altered] if altered in words else merged(name, altered)
            ends = np.cumsum([len(piece) for piece in pieces])
            found[code] = p[words.index(pieces[np.searchsorted(ends, i - start, side="right")])]
        return found - np.logaddexp.reduce(found)
    return np.full(4, -np.log(4))


@settings(max_examples=40)
@given(SEQUENCES, st.sampled_from(list(TOKENS)), st.integers(0, 100))
def test_probabilities_of_bases_are_those_of_the_definition(text, name, seed):
    read = byte_pairs(name).read(codes_of(text))
    logits = np.random.default_rng(seed).normal(size=(1, read.ids.shape[1], len(vocabulary(name))))
    found = read.log_probs(torch.from_numpy(logits))[0].numpy()
    places = cut(name, text)
    for i in range(len(text)):
        np.testing.assert_allclose(found[i], by_definition(name, places, logits[0], i), atol=1e-5)


def test_every_base_has_a_probability_also_where_its_word_is_no_token():
    """CATG with G in the place of T is no token: it is cut into CA and GG, and the second holds the base."""
    reads, words = byte_pairs("dnabert2"), vocabulary("dnabert2")
    read = reads.read(codes_of("CATG"))
    assert [words[n] for n in read.ids[0].tolist()] == ["[CLS]", "CATG", "[SEP]"]
    assert [merged("dnabert2", word) for word in ("CAAG", "CACG", "CAGG")] == [
        ["C", "AA", "G"],
        ["CA", "C", "G"],
        ["CA", "GG"],
    ]
    assert [words[n] for n in read.options[0, 2, 0].tolist()] == ["AA", "C", "GG", "CATG"]


@settings(max_examples=40)
@given(SEQUENCES, st.sampled_from(list(TOKENS)), st.data())
def test_the_token_over_a_hidden_base_is_masked_and_no_other(text, name, data):
    reads = byte_pairs(name)
    read, i = reads.read(codes_of(text)), data.draw(st.integers(0, len(text) - 1))
    hidden = torch.zeros(1, len(text), dtype=torch.bool)
    hidden[0, i] = True
    masked = (read.masked(hidden, reads.mask) != read.ids)[0].nonzero().flatten().tolist()
    assert masked == [BEFORE + n for n, (start, end, _) in enumerate(cut(name, text)) if start <= i < end]


@settings(max_examples=25)
@given(st.lists(SEQUENCES, min_size=2, max_size=2), st.sampled_from(list(TOKENS)), st.integers(0, 5), st.integers(0, 9))
def test_masks_of_tokens_are_those_of_a_pass_for_each_base(texts, name, margin, seed):
    model = Small(byte_pairs(name), len(vocabulary(name)), seed)
    codes = codes_of(*texts, "A" * (2 * margin + 1))
    found = choose(model, "masked").log_probs(model, codes, margin)
    inner = slice(margin, codes.shape[1] - margin)
    known = (codes < 4)[:, inner]
    torch.testing.assert_close(found[known], one_at_a_time(model, codes)[:, inner][known], rtol=0, atol=1e-5)


def test_there_are_as_many_passes_as_tokens():
    passes, text = [], "CATGTGACCATGTTTACCCT" * 2 + "NN" + "CATG"
    model = Small(byte_pairs("dnabert2"), len(vocabulary("dnabert2")), 0)
    model.states = lambda ids, there, layer, states=model.states: passes.append(len(ids)) or states(ids, there, layer)
    choose(model, "masked", strands=1).log_probs(model, codes_of(text))
    assert sum(passes) == sum("N" not in token and token != "[UNK]" for *_, token in cut("dnabert2", text))


def test_a_window_with_too_many_tokens_loses_the_outermost():
    text, name = "CATG" * 6, "dnabert2"
    whole, short = (byte_pairs(name, longest).read(codes_of(text)) for longest in (None, 4))
    assert whole.ids.shape[1] == 8 and short.ids.shape[1] == 4
    assert short.covering[0, :, 0].tolist() == [-1] * 8 + [1] * 4 + [2] * 4 + [-1] * 8
    logits = torch.randn(1, 4, len(vocabulary(name)))
    torch.testing.assert_close(short.log_probs(logits)[0, 0], torch.full((4,), 0.25).log())


def test_no_known_base_gives_no_token():
    read = byte_pairs("gena").read(codes_of("NNNN", "NNNA"))
    assert read.ids[0, read.there[0]].tolist() == [1, 2] and not read.covered[0].any()
    assert byte_pairs("gena").read(torch.empty(2, 0, dtype=torch.uint8)).ids.shape == (2, 2)


def without_letter(content):
    content["model"]["vocab"].pop("G")


def exchanged_ends(content):
    ids = content["model"]["vocab"]
    ids["[CLS]"], ids["[SEP]"] = ids["[SEP]"], ids["[CLS]"]


def as_template(content):
    exchanged_ends(content)
    ends = {token: {"id": token, "ids": [n], "tokens": [token]} for token, n in (("[CLS]", 1), ("[SEP]", 2))}
    parts = [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
    content["post_processor"] = {"type": "TemplateProcessing", "single": parts, "pair": parts, "special_tokens": ends}


def exchanged(content):
    ids = content["model"]["vocab"]
    ids["CATG"], ids["AA"] = ids["AA"], ids["CATG"]


@pytest.mark.parametrize(
    "damage, complaint",
    [
        (without_letter, "lacks G, which its kind needs"),
        (exchanged, "not numbered in the order of the merges of tokenizer.json"),
        (exchanged_ends, r"puts \[(CLS|SEP)\] around sequence as number \d, but its vocabulary numbers it \d"),
        (as_template, r"puts \[(CLS|SEP)\] around sequence as number \d, but its vocabulary numbers it \d"),
        (lambda content: content["model"].update(type="WordLevel"), "is of the type WordLevel, not BPE"),
        (lambda content: content["model"]["vocab"].pop("CATG"), "lacks CATG, which tokenizer.json merges"),
        (lambda content: content.update(pre_tokenizer={"type": "None"}), "is not one that can be read"),
    ],
)
def test_what_is_wrong_with_a_tokenizer_is_one_sentence(damage, complaint):
    content = copy.deepcopy(TOKENS["dnabert2"])
    damage(content)
    with pytest.raises(InputError, match=complaint) as caught:
        ids = content["model"]["vocab"]
        BytePairs(content, sorted(ids, key=ids.get))
    assert "\n" not in str(caught.value)
