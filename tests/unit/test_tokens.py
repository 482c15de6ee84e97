"""Tokens against the published rules of their tokenizers, written out, and probabilities against their definition."""

import itertools
import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from glmtracks.errors import InputError
from glmtracks.models.base import reverse_complement
from glmtracks.models.published import Published
from glmtracks.models.tokens import Tokens
from glmtracks.scoring.strategies import choose

K = 3
SIDE_BY_SIDE = ["<unk>", "<pad>", "<mask>", "<cls>", *map("".join, itertools.product("ATCG", repeat=K)), *"ATCGN"]
OVERLAPPING = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *map("".join, itertools.product("ATCG", repeat=K))]
SEQUENCES = st.text("ACGTACGTACGTN", min_size=1, max_size=40)


def side_by_side(vocabulary=SIDE_BY_SIDE, longest=None) -> Tokens:
    around = {"prefix": ("<cls>",), "longest": longest}
    return Tokens(vocabulary, K, overlapping=False, mask="<mask>", unknown="<unk>", padding="<pad>", **around)


def overlapping(vocabulary=OVERLAPPING, k=K) -> Tokens:
    around = {"prefix": ("[CLS]",), "suffix": ("[SEP]",)}
    return Tokens(vocabulary, k, overlapping=True, mask="[MASK]", unknown="[UNK]", padding="[PAD]", **around)


def codes_of(*texts: str) -> torch.Tensor:
    length = max(map(len, texts))
    return torch.tensor([["ACGTN".index(base) for base in text.ljust(length, "N")] for text in texts]).to(torch.uint8)


def words_side_by_side(text: str) -> list[tuple[int, str]]:
    """Tokens with their places as the tokenizer of Nucleotide Transformer has them: parts between N in k-mers, what is
    left of a part base by base, N alone; of what lies between the first and the last known base."""
    inner = text.strip("N")
    found, place = [], text.find(inner)
    for part in re.split("(N)", inner):
        whole = len(part) // K * K
        for word in [part[i : i + K] for i in range(0, whole, K)] + list(part[whole:]):
            found.append((place, word))
            place += len(word)
    return found


@settings(max_examples=60)
@given(st.lists(SEQUENCES, min_size=1, max_size=3), st.permutations(SIDE_BY_SIDE))
def test_tokens_side_by_side_are_those_of_the_published_rule(texts, vocabulary):
    codes = codes_of(*texts)
    read = side_by_side(vocabulary).read(codes)
    for text, ids, there in zip(texts, read.ids.tolist(), read.there.tolist(), strict=True):
        words = [vocabulary[number] for number, real in zip(ids, there, strict=True) if real]
        assert words == ["<cls>"] + [word for _, word in words_side_by_side(text)]


@settings(max_examples=60)
@given(st.lists(SEQUENCES, min_size=1, max_size=3), st.permutations(OVERLAPPING), st.sampled_from([1, K]))
def test_overlapping_tokens_are_those_of_the_published_rule(texts, vocabulary, k):
    if k == 1:
        vocabulary = [token for token in vocabulary if token.startswith("[")] + list("NACGT")
    read = overlapping(vocabulary, k).read(codes_of(*texts))
    for text, ids, there in zip(texts, read.ids.tolist(), read.there.tolist(), strict=True):
        text, words = text.strip("N"), [vocabulary[n] for n, real in zip(ids, there, strict=True) if real]
        kmers = [text[i : i + k] for i in range(len(text) - k + 1)]
        assert words == ["[CLS]"] + [word if word in vocabulary else "[UNK]" for word in kmers] + ["[SEP]"]


def by_definition(places: list[tuple[int, str]], vocabulary: list[str], logits: np.ndarray, i: int) -> np.ndarray:
    """log P(base i): of each token that covers it, the probabilities of all tokens that agree elsewhere, summed."""
    means = []
    for number, (start, word) in enumerate(places):
        if not start <= i < start + len(word) or "N" in word[: i - start] + word[i - start + 1 :]:
            continue
        p = np.exp(logits[1 + number] - np.logaddexp.reduce(logits[1 + number]))
        sums = np.zeros(4)
        for token, probability in zip(vocabulary, p, strict=True):
            agrees = len(token) == len(word) and all(
                a == b for n, (a, b) in enumerate(zip(token, word, strict=True)) if n != i - start
            )
            if agrees and token[i - start] in "ACGT":
                sums["ACGT".index(token[i - start])] += probability
        means.append(np.log(sums / sums.sum()))
    mean = np.mean(means, axis=0) if means else np.zeros(4)
    return mean - np.logaddexp.reduce(mean)


@settings(max_examples=40)
@given(SEQUENCES, st.booleans(), st.integers(0, 100))
def test_probabilities_of_bases_are_those_of_the_definition(text, apart, seed):
    reads, vocabulary = (side_by_side(), SIDE_BY_SIDE) if apart else (overlapping(), OVERLAPPING)
    read = reads.read(codes_of(text))
    logits = np.random.default_rng(seed).normal(size=(1, read.ids.shape[1], len(vocabulary)))
    found = read.log_probs(torch.from_numpy(logits))[0].numpy()
    inner = text.strip("N")
    first = text.find(inner)
    kmers = [(first + i, inner[i : i + K]) for i in range(len(inner) - K + 1)]
    places = words_side_by_side(text) if apart else kmers
    for i in range(len(text)):
        np.testing.assert_allclose(found[i], by_definition(places, vocabulary, logits[0], i), atol=1e-5)


def test_the_difference_of_two_bases_is_that_of_the_log_probabilities_of_two_kmers():
    """As the authors of Nucleotide Transformer score a variant: the k-mer with one base against that with the other."""
    read = side_by_side().read(codes_of("ACGTTGCAA"))
    logits = torch.randn(1, 4, len(SIDE_BY_SIDE), generator=torch.Generator().manual_seed(0))
    found, p = read.log_probs(logits)[0], logits.log_softmax(-1)[0]
    expected = p[2, SIDE_BY_SIDE.index("TAG")] - p[2, SIDE_BY_SIDE.index("TTG")]
    torch.testing.assert_close(found[4, 0] - found[4, 3], expected)


@settings(max_examples=40)
@given(SEQUENCES, st.booleans(), st.data())
def test_every_token_over_a_hidden_base_is_masked_and_no_other(text, apart, data):
    reads = side_by_side() if apart else overlapping()
    read = reads.read(codes_of(text))
    i = data.draw(st.integers(0, len(text) - 1))
    hidden = torch.zeros(1, len(text), dtype=torch.bool)
    hidden[0, i] = True
    masked = (read.masked(hidden, reads.mask) != read.ids)[0].nonzero().flatten().tolist()
    inner = text.strip("N")
    first = text.find(inner)
    kmers = [(first + j, inner[j : j + K]) for j in range(len(inner) - K + 1)]
    places = words_side_by_side(text) if apart else kmers
    assert masked == [1 + n for n, (start, word) in enumerate(places) if start <= i < start + len(word)]


def test_a_window_with_too_many_tokens_loses_long_runs_of_unknown_bases_first():
    text = "ACG" * 3 + "N" * 20 + "TTA" * 3
    words = {longest: side_by_side(longest=longest).read(codes_of(text)) for longest in (40, 20)}
    whole, short = words[40], words[20]
    assert whole.ids.shape[1] == 1 + 3 + 20 + 3 and short.ids.shape[1] == 1 + 3 + 8 + 3
    assert bool((short.covering[0, :9] >= 0).all()) and bool((short.covering[0, -9:] >= 0).all())
    crowded = side_by_side(longest=8).read(codes_of("AN" * 9 + "A"))
    assert crowded.ids.shape[1] == 8
    with pytest.raises(InputError, match="windows of 22 bases are longer than the 21"):
        side_by_side(longest=8).read(codes_of("A" * 22))


@pytest.mark.parametrize("lost, complaint", [("ACG", "lacks the 3-mer ACG"), ("<mask>", "lacks <mask>")])
def test_a_vocabulary_that_lacks_a_token_is_one_sentence(lost, complaint):
    with pytest.raises(InputError, match=complaint):
        side_by_side([token for token in SIDE_BY_SIDE if token != lost])


class Small(Published):
    """A network that reads its neighbours: random vectors of tokens, mixed with those beside them."""

    kind = "small"

    def __init__(self, reads: Tokens, size: int, seed: int):
        super().__init__([], 0)
        torch.manual_seed(seed)
        self.finish(nn.ModuleList([nn.Embedding(size, 8), nn.Linear(8, 8), nn.Linear(8, size)]).double(), reads, 100)

    def states(self, ids, there, layer):
        x = self.network[0](ids) * there.unsqueeze(-1)
        total = x.cumsum(1) / torch.arange(1, x.shape[1] + 1).unsqueeze(-1) + x.flip(1).cumsum(1).flip(1)
        return torch.tanh(self.network[1](total))

    def logits(self, states):
        return self.network[2](states)


@torch.inference_mode()
def one_at_a_time(model: Small, codes: torch.Tensor) -> torch.Tensor:
    """Mean over strands of the logits at each base, from passes of its own that hide it."""

    def strand(codes: torch.Tensor) -> torch.Tensor:
        result = torch.empty(*codes.shape, 4)
        for i in range(codes.shape[1]):
            hidden = torch.zeros_like(codes, dtype=torch.bool)
            hidden[:, i] = True
            result[:, i] = model.log_probs(codes, hidden=hidden)[:, i]
        return result

    return ((strand(codes) + strand(reverse_complement(codes)).flip(1, 2)) / 2).log_softmax(-1)


@settings(max_examples=25)
@given(st.lists(SEQUENCES, min_size=2, max_size=2), st.booleans(), st.integers(0, 5), st.integers(0, 100))
def test_masks_of_tokens_are_those_of_a_pass_for_each_base(texts, apart, margin, seed):
    reads, vocabulary = (side_by_side(), SIDE_BY_SIDE) if apart else (overlapping(), OVERLAPPING)
    model, codes = Small(reads, len(vocabulary), seed), codes_of(*texts, "A" * (2 * margin + 1))
    found = choose(model, "masked").log_probs(model, codes, margin)
    inner = slice(margin, codes.shape[1] - margin)
    known = (codes < 4)[:, inner]
    torch.testing.assert_close(found[known], one_at_a_time(model, codes)[:, inner][known], rtol=0, atol=1e-5)


def test_one_pass_answers_for_all_bases_of_a_token():
    """So the exact cost of a base is at most 1/k of that of a model of single bases."""
    passes, text = [], "ACGTTGCAATCG" * 2
    model = Small(side_by_side(), len(SIDE_BY_SIDE), 0)
    model.states = lambda ids, there, layer, states=model.states: passes.append(len(ids)) or states(ids, there, layer)
    strategy = choose(model, "masked")
    strategy.log_probs(model, codes_of(text))
    assert sum(passes) == strategy.passes(model, len(text)) == 2 * len(text) / K


@settings(max_examples=25)
@given(SEQUENCES, st.integers(0, 3), st.sampled_from([3, 4, 8, 9]), st.data())
def test_a_place_is_asked_about_with_the_same_tokens_hidden(text, seed, spacing, data):
    model, codes = Small(side_by_side(), len(SIDE_BY_SIDE), seed), codes_of(text)
    i = data.draw(st.sampled_from([i for i, base in enumerate(text) if base != "N"] or [0]))
    strategy = choose(model, "strided", spacing=spacing)
    with torch.inference_mode():
        at = strategy.answers(model, codes, torch.tensor([i]), spacing)[:, 0]
        everywhere = strategy.log_probs(model, codes)[:, i]
    torch.testing.assert_close(at, everywhere, rtol=0, atol=1e-6)
