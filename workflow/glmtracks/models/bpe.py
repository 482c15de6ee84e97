"""From bases to the byte-pair tokens of a published model, whose lengths differ, and back to bases.

Windows are cut by the checkpoint's own tokenizer.json. A base is asked about by hiding the one token t that covers it:

    log P(b) = L(log p_t(w(t, b))),        L = normalisation over the four bases,

where p_t is the model's distribution at t and w(t, b) the token as long as t that agrees with the sequence at all bases
of t but has b at the one in question. Not every such word is a token (62 and 70 % are, in random sequence, with the
vocabularies of DNABERT-2 and GENA-LM). Where it is none, the tokenizer cuts the word anew, and w(t, b) is the piece of
it that holds b: so each base has a token of its own, since single letters are tokens, and a probability above zero.

Two things to mind. Only the word is cut anew, although the sequence with another base may be cut differently beyond it
too. And a piece is shorter than t, so that where words are cut anew the model's probabilities of tokens of different
lengths are compared.
"""

import json
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional as F

from glmtracks.errors import InputError
from glmtracks.models.tokens import Reading

KEPT = 1024  # windows whose tokens are remembered, since each is read again in every pass
LETTERS = np.frombuffer(b"ACGTN", dtype=np.uint8)


class Cut(NamedTuple):
    """A stretch of sequence as tokens: their ids, int64 (t,), and the places behind their last bases, int64 (t,)."""

    ids: np.ndarray
    ends: np.ndarray


class BytePairs(nn.Module):
    """A byte-pair vocabulary and the way that windows are cut by it; its interface is that of `Tokens`.

    tokenizer   the content of tokenizer.json
    vocabulary  the tokens by id
    mask, padding, prefix, suffix  the token that hides, that fills, and those before and behind the sequence
    longest     tokens that the model reads at most, with those around the sequence; None = any number

    Bases are read as capital letters and unknown ones as N, as the tokenizer has it: the unknown token where N is no
    letter of the vocabulary, one token for a long run where the tokenizer writes it as one. Unknown bases at the ends
    of a window are left out. A window with too many tokens loses the outermost; what these cover gets no answer.

    Raises InputError where tokenizer and vocabulary are not what they must be.
    """

    width = 1  # bases of the shortest token

    def __init__(
        self,
        tokenizer: dict,
        vocabulary: list[str],
        *,
        mask: str = "[MASK]",
        padding: str = "[PAD]",
        prefix: tuple[str, ...] = ("[CLS]",),
        suffix: tuple[str, ...] = ("[SEP]",),
        longest: int | None = None,
    ):
        super().__init__()
        self.vocabulary = list(vocabulary)
        self.ids_of = {token: number for number, token in enumerate(vocabulary)}
        missing = [token for token in (mask, padding, *prefix, *suffix, *"ACGT") if token not in self.ids_of]
        if missing:
            raise InputError(f"its vocabulary of {len(vocabulary)} tokens lacks {missing[0]}, which its kind needs")
        _check_merges(tokenizer, self.ids_of)
        self.tokenizer = _build(tokenizer, self.ids_of)
        _check_added(tokenizer, self.ids_of)
        self.mask, self.padding = self.ids_of[mask], self.ids_of[padding]
        self.prefix, self.suffix = [self.ids_of[t] for t in prefix], [self.ids_of[t] for t in suffix]
        words = [len(token) if token.isalpha() else 0 for token in vocabulary]
        self.first = np.concatenate([[0], np.cumsum(words)])  # of the rows of `alternatives` that are a token's
        self.alternatives = np.full((self.first[-1], 4), -2, dtype=np.int32)  # found when a token is met first
        self.room = None if longest is None else longest - len(prefix) - len(suffix)
        self.longest = None if longest is None else self.room * max(words)
        self.cuts: dict[str, Cut] = {}
        self.mean_width = self._mean_width()

    def numbers(self, codes: Tensor) -> Tensor:
        """See `GenomicLanguageModel.token_numbers`; tokens of unknown bases alone have no number of their own."""
        covering = torch.where(codes < 4, self.read(codes).covering[..., 0], -1)
        last = F.pad(covering.cummax(1).values, (1, 0), value=-1)[:, :-1]
        return ((covering > last).cumsum(1) - 1).clamp(min=0)

    def read(self, codes: Tensor) -> Reading:
        """Windows, uint8 (rows, length), as tokens."""
        windows, which = codes.cpu().numpy(), np.arange(len(codes))
        if windows.size:  # several passes read the same windows
            windows, which = np.unique(windows, axis=0, return_inverse=True)
        cuts, starts = self._cut(windows)
        most = max((len(cut.ids) for cut in cuts), default=0)
        shape = (len(cuts), len(self.prefix) + most + len(self.suffix))
        ids = np.full(shape, self.padding, dtype=np.int64)
        covering = np.full(windows.shape, -1, dtype=np.int64)
        options = np.full((*windows.shape, 4), -1, dtype=np.int64)
        for row, (cut, start) in enumerate(zip(cuts, starts, strict=True)):
            whole = [*self.prefix, *cut.ids, *self.suffix]
            ids[row, : len(whole)] = whole
            self._place(cut, start, covering[row], options[row])
        there = np.arange(shape[1]) < np.array([len(cut.ids) for cut in cuts])[:, None] + shape[1] - most
        found = (ids, there, covering[..., None], options[:, :, None])
        return Reading(*(torch.from_numpy(part[which.ravel()]).to(codes.device) for part in found))

    def _cut(self, windows: np.ndarray) -> tuple[list[Cut], list[int]]:
        """The tokens of each window, no more than the model reads, and the base that the first of them begins at."""
        if not windows.size:
            return [Cut(np.empty(0, np.int64), np.empty(0, np.int64))] * len(windows), [0] * len(windows)
        known = windows < 4
        any_known = known.any(axis=1)
        firsts = np.where(any_known, known.argmax(axis=1), 0)
        lasts = np.where(any_known, windows.shape[1] - known[:, ::-1].argmax(axis=1), 0)
        texts = [
            LETTERS[row[first:last]].tobytes().decode() for row, first, last in zip(windows, firsts, lasts, strict=True)
        ]
        self._remember(dict.fromkeys(texts))
        found = [
            self._fitting(self.cuts[text], windows.shape[1] // 2 - first)
            for text, first in zip(texts, firsts, strict=True)
        ]
        return [cut for cut, _ in found], [first + skipped for first, (_, skipped) in zip(firsts, found, strict=True)]

    def _remember(self, texts: dict[str, None]) -> None:
        if len(self.cuts) + len(texts) > KEPT:
            self.cuts.clear()
        new = [text for text in texts if text not in self.cuts]
        for text, encoding in zip(new, self.tokenizer.encode_batch(new, add_special_tokens=False), strict=True):
            ends = np.array([end for _, end in encoding.offsets], dtype=np.int64)
            self.cuts[text] = Cut(np.array(encoding.ids, dtype=np.int64), ends)

    def _fitting(self, cut: Cut, middle: int) -> tuple[Cut, int]:
        """The tokens around the base `middle` that the model has room for, and how many bases stand before them."""
        if self.room is None or len(cut.ids) <= self.room:
            return cut, 0
        first = int(
            np.clip(np.searchsorted(cut.ends, middle, side="right") - self.room // 2, 0, len(cut.ids) - self.room)
        )
        skipped = cut.ends[first - 1] if first else 0
        part = slice(first, first + self.room)
        return Cut(cut.ids[part], cut.ends[part] - skipped), int(skipped)

    def _place(self, cut: Cut, start: int, covering: np.ndarray, options: np.ndarray) -> None:
        """Write which token covers each base of a window, and its alternatives."""
        if not len(cut.ids):
            return
        for number in np.unique(cut.ids):
            self._find_alternatives(number)
        widths = np.diff(cut.ends, prepend=0)
        part = slice(start, start + cut.ends[-1])
        covering[part] = np.repeat(np.arange(len(cut.ids)) + len(self.prefix), widths)
        within = np.arange(cut.ends[-1]) - np.repeat(cut.ends - widths, widths)
        spelt = np.repeat(np.diff(self.first)[cut.ids] == widths, widths)  # not so tokens that stand for unknown bases
        rows = np.repeat(self.first[cut.ids], widths)[spelt] + within[spelt]
        options[part][spelt] = self.alternatives[rows]

    def _find_alternatives(self, number: int) -> None:
        """Fill in w(t, b) for a token that is met for the first time."""
        first, last = self.first[number], self.first[number + 1]
        if first == last or self.alternatives[first, 0] != -2:
            return
        word = self.vocabulary[number]
        for place in range(len(word)):
            for code, base in enumerate("ACGT"):
                self.alternatives[first + place, code] = self._token(word[:place] + base + word[place + 1 :], place)

    def _token(self, word: str, place: int) -> int:
        """The id of a word, or of the piece of it that holds the letter at `place`."""
        if word in self.ids_of:
            return self.ids_of[word]
        pieces = self.tokenizer.model.tokenize(word)
        return next(piece.id for piece in pieces if piece.offsets[0] <= place < piece.offsets[1])

    def _mean_width(self) -> int:
        """Bases of a token on average in random sequence, rounded down: from it the number of passes is foreseen."""
        letters = LETTERS[np.random.default_rng(0).integers(0, 4, 4096)].tobytes().decode()
        return max(len(letters) // len(self.tokenizer.encode(letters, add_special_tokens=False).ids), 1)


def rules_of(content: dict) -> dict:
    """The content of a tokenizer.json without its vocabulary, which is kept by itself."""
    return {**content, "model": {key: value for key, value in content["model"].items() if key != "vocab"}}


def _build(content: dict, ids_of: dict[str, int]) -> Tokenizer:
    model = {**content["model"], "vocab": ids_of, "dropout": None}  # dropout would cut at random
    try:
        return Tokenizer.from_str(json.dumps({**content, "model": model, "truncation": None, "padding": None}))
    except Exception as error:  # the library raises nothing more special
        said = " ".join(str(error).split())
        raise InputError(f"its tokenizer.json is not one that can be read ({said}); fetch it again") from None


def _check_added(content: dict, ids_of: dict[str, int]) -> None:
    """The tokens that a tokenizer puts around sequence are numbered there once more."""
    processor = content.get("post_processor") or {}
    numbers = dict(processor[end] for end in ("cls", "sep") if end in processor)
    for added in processor.get("special_tokens", {}).values():
        numbers |= dict(zip(added["tokens"], added["ids"], strict=True))
    wrong = next((token for token, number in numbers.items() if ids_of.get(token) != number), None)
    if wrong is not None:
        raise InputError(
            f"its tokenizer.json puts {wrong} around sequence as number {numbers[wrong]}, but its vocabulary numbers "
            f"it {ids_of.get(wrong)}; they do not belong together"
        )


def _check_merges(content: dict, ids_of: dict[str, int]) -> None:
    """Byte pairs are numbered in the order in which they were merged, so that ids that were exchanged are found out."""
    model = content.get("model", {})
    if model.get("type") != "BPE":
        raise InputError(
            f"its tokenizer.json is of the type {model.get('type')}, not BPE, the one that its kind is read with"
        )
    pairs = [pair.split(" ") if isinstance(pair, str) else pair for pair in model.get("merges", [])]
    merged = ["".join(pair) for pair in pairs]
    lacking = next((token for token in merged if token not in ids_of), None)
    if lacking is not None:
        raise InputError(f"its vocabulary lacks {lacking}, which tokenizer.json merges; they do not belong together")
    numbers = [ids_of[token] for token in dict.fromkeys(merged)]
    wrong = next((b for a, b in pairwise(numbers) if a > b), None)
    if wrong is not None:
        raise InputError(
            f"its tokens are not numbered in the order of the merges of tokenizer.json, first at token {wrong}; "
            "vocabulary and merges do not belong together"
        )
