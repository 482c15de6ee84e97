"""From bases to the tokens of a published model, and from its distributions over tokens back to bases.

Let T be the tokens that cover base i, hidden from the model, and w(t, b) the token that agrees with the sequence at all
bases that t covers but has b at i. Then

    log P(b) = L(mean over t in T of L(log p_t(w(t, b)))),        L = normalisation over the four bases,

where p_t is the model's distribution at t. With tokens that do not overlap T has one member: P(b) is the sum of p over
all tokens that agree with the sequence at every other base that t covers, normalised. The difference of two of these is
the difference of the log-probabilities of two k-mers, as it is published for such models, since L cancels.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from glmtracks.errors import InputError

CHARACTER_TOKENS = ("[CLS]", "[SEP]", "[BOS]", "[MASK]", "[PAD]", "[RESERVED]", "[UNK]")  # of HyenaDNA's tokenizer
LONGEST_RUNS = (64, 8, 1)  # of unknown bases, where a window would have more tokens than the model reads


class Reading(NamedTuple):
    """Windows (rows, length) as tokens (rows, T).

    ids       int64 (rows, T), with what the model wants before and behind, and padding
    there     bool (rows, T), False for padding
    covering  int64 (rows, length, c), the tokens that cover each base; -1 where there are fewer than c
    options   int64 (rows, length, c, 4), the id of that token were the base A, C, G or T; -1 where it has none
    """

    ids: Tensor
    there: Tensor
    covering: Tensor
    options: Tensor

    @property
    def covered(self) -> Tensor:
        """Whether a token covers the base: bool (rows, length, c)."""
        return self.covering >= 0

    def masked(self, hidden: Tensor, mask: int) -> Tensor:
        """The ids with all tokens masked that cover a hidden base, bool (rows, length)."""
        chosen = torch.where(self.covered & hidden.unsqueeze(-1), self.covering, self.ids.shape[1])
        marks = torch.zeros(len(self.ids), self.ids.shape[1] + 1, dtype=torch.bool, device=self.ids.device)
        return torch.where(marks.scatter(1, chosen.flatten(1), True)[:, :-1], mask, self.ids)

    def log_probs(self, logits: Tensor) -> Tensor:
        """Log-probabilities of bases, float32 (rows, length, 4), from the logits of tokens (rows, T, vocabulary).

        Bases that no token covers, and those whose tokens have no alternatives, get the same for all four.
        """
        known = (self.options >= 0).all(-1, keepdim=True)
        places = self.covering.clamp(min=0).unsqueeze(-1) * logits.shape[-1] + self.options.clamp(min=0)
        found = logits.flatten(1).gather(1, places.flatten(1)).view(places.shape).float().log_softmax(-1)
        total = torch.where(known, found, 0).sum(2)
        return F.log_softmax(total / known.sum(2).clamp(min=1), dim=-1)

    def states(self, states: Tensor) -> Tensor:
        """The mean of the states (rows, T, channels) of the tokens that cover a base, zero where none does."""
        rows = torch.arange(len(states), device=states.device)[:, None]
        total = sum(
            torch.where(there.unsqueeze(-1), states[rows, at.clamp(min=0)], 0)
            for at, there in zip(self.covering.unbind(-1), self.covered.unbind(-1), strict=True)
        )
        return total / self.covered.sum(-1, keepdim=True).clamp(min=1)


class Tokens(nn.Module):
    """A vocabulary of k-mers and the way that windows are cut into them.

    vocabulary  the tokens by id; letters may be small
    k           bases of a token
    overlapping  a token begins at each base; otherwise at each k-th, from the first base and behind each unknown one,
                 and what remains is read base by base
    mask        the token that hides
    prefix, suffix  tokens before and behind the sequence; with any, unknown bases at the ends of a window are left out
    longest     tokens that the model reads at most, with those around the sequence; None = any number
    """

    def __init__(
        self,
        vocabulary: list[str],
        k: int,
        *,
        overlapping: bool,
        mask: str,
        unknown: str,
        padding: str,
        prefix: tuple[str, ...] = (),
        suffix: tuple[str, ...] = (),
        longest: int | None = None,
    ):
        super().__init__()
        self.k, self.overlapping, self.width = k, overlapping, 1 if overlapping else k
        self.mean_width = self.width
        numbers = {token: number for number, token in enumerate(vocabulary)}
        letters = {token.upper(): number for token, number in numbers.items() if token.isalpha()}

        def number(token: str) -> int:
            if token not in numbers:
                raise InputError(f"its vocabulary of {len(vocabulary)} tokens lacks {token}, which its kind needs")
            return numbers[token]

        def word(token: str) -> int:
            if token not in letters:
                raise InputError(f"its vocabulary of {len(vocabulary)} tokens lacks the {len(token)}-mer {token}")
            return letters[token]

        self.mask, self.padding = number(mask), number(padding)
        self.prefix, self.suffix = [number(t) for t in prefix], [number(t) for t in suffix]
        self.room = None if longest is None else longest - len(prefix) - len(suffix)
        self.longest = None if self.room is None else self.room * self.width + (k - 1) * overlapping
        words = [""]
        for _ in range(k):
            words = [w + base for w in words for base in "ACGT"]
        unread = letters["N"] if "N" in letters and (k == 1 or not overlapping) else number(unknown)
        self.register_buffer("words", torch.tensor([*map(word, words), unread]), persistent=False)
        if not overlapping:  # what remains of a run of known bases, and unknown ones
            self.register_buffer("bases", torch.tensor([*map(word, "ACGT"), unread]), persistent=False)

    def numbers(self, codes: Tensor) -> Tensor:
        """See `GenomicLanguageModel.token_numbers`."""
        if self.width == 1:
            return torch.arange(codes.shape[1], device=codes.device).expand(codes.shape)
        starts, *_ = self._cut(codes)
        return ((starts & (codes < 4)).cumsum(1) - 1).clamp(min=0)

    def read(self, codes: Tensor) -> Reading:
        """Windows, uint8 (rows, length), as tokens; raises InputError where they are longer than the model reads."""
        if self.longest and codes.shape[1] > self.longest:
            raise InputError(
                f"windows of {codes.shape[1]:,} bases are longer than the {self.longest:,} that this model reads; "
                "make them shorter"
            )
        return self._overlapping(codes) if self.overlapping else self._side_by_side(codes)

    def _inside(self, codes: Tensor) -> Tensor:
        """Bases that are read: all, or those from the first known one to the last."""
        if not self.prefix and not self.suffix:
            return torch.ones_like(codes, dtype=torch.bool)
        known = (codes < 4).int()
        return (known.cummax(1).values * known.flip(1).cummax(1).values.flip(1)).bool()

    def _words(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """The number of the k-mer that begins at each base, unknown ones taken for A, and how many are unknown."""
        padded = F.pad(codes.long(), (0, self.k - 1), value=4)
        parts = [padded[:, i : i + codes.shape[1]] for i in range(self.k)]
        number = sum(torch.where(part < 4, part, 0) << 2 * (self.k - 1 - i) for i, part in enumerate(parts))
        return number, sum((part > 3).long() for part in parts)

    def _exchanged(self, number: Tensor, codes: Tensor, offset: Tensor | int) -> Tensor:
        """The k-mers (…, 4) with A, C, G, T in place of the base `codes` at `offset`."""
        digit = torch.where(codes < 4, codes, 0).long()
        step = torch.arange(4, device=codes.device) - digit.unsqueeze(-1)
        place = torch.as_tensor(2 * (self.k - 1 - offset), device=codes.device)
        return number.unsqueeze(-1) + (step << place.unsqueeze(-1))

    def _overlapping(self, codes: Tensor) -> Reading:
        number, unknown = self._words(codes)
        inside = self._inside(codes)
        first = inside.int().argmax(1, keepdim=True)
        count = (inside.sum(1, keepdim=True) - self.k + 1).clamp(min=0)  # of tokens in each row
        ids = self.words[torch.where(unknown > 0, len(self.words) - 1, number)]
        place = torch.arange(codes.shape[1], device=codes.device) - first  # of a token that begins at each base
        begins = (place >= 0) & (place < count)
        covering, options = [], []
        for offset in range(self.k):

            def before(values: Tensor, empty: int, offset: int = offset) -> Tensor:
                return F.pad(values, (offset, 0), value=empty)[:, : codes.shape[1]]

            there = before(begins.long(), 0).bool()
            other = before(unknown, 1) - (codes > 3).long()  # unknown bases of the token beside this one
            exchanged = self._exchanged(before(number, 0), codes, offset)
            readable = there & (other == 0)
            covering.append(torch.where(there, before(place, 0) + len(self.prefix), -1))
            options.append(torch.where(readable.unsqueeze(-1), self.words[exchanged.clamp(0, 4**self.k - 1)], -1))
        return self._arrange(ids, begins, count, torch.stack(covering, -1), torch.stack(options, -2))

    def _cut(self, codes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Where tokens begin, bool; which bases are in k-mers, bool; and their place in them: all (rows, length)."""
        place, unknown = torch.arange(codes.shape[1], device=codes.device), codes > 3
        since = place - torch.where(unknown, place + 1, 0).cummax(1).values
        behind = torch.where(unknown, place, codes.shape[1]).flip(1).cummin(1).values.flip(1)
        offset, run = since % self.k, since + behind - place
        whole = ~unknown & (since - offset + self.k <= run)
        return self._inside(codes) & (~whole | (offset == 0)), whole, offset

    def _side_by_side(self, codes: Tensor) -> Reading:
        begins, whole, offset = self._cut(codes)
        if self.room:
            begins = self._fitting(codes, begins)
        at = (torch.arange(codes.shape[1], device=codes.device) - torch.where(whole, offset, 0)).clamp(min=0)
        number, _ = self._words(codes)
        ids = torch.where(whole, self.words[number], self.bases[codes.clamp(max=4).long()])
        kmer = self.words[self._exchanged(number.gather(1, at), codes, offset).clamp(0, 4**self.k - 1)]
        options = torch.where(whole.unsqueeze(-1), kmer, self.bases[:4])
        order = begins.long().cumsum(1) - 1
        there = begins.gather(1, at)
        covering = torch.where(there, order + len(self.prefix), -1)
        options = torch.where(there.unsqueeze(-1), options, -1)
        return self._arrange(ids, begins, begins.sum(1, keepdim=True), covering.unsqueeze(-1), options.unsqueeze(2))

    def _fitting(self, codes: Tensor, begins: Tensor) -> Tensor:
        """`begins` with no more tokens in a row than the model reads: without the later ones of long runs of unknown
        bases and, should that not suffice, without the outermost."""
        place, unknown = torch.arange(codes.shape[1], device=codes.device), codes > 3
        run = place - torch.where(unknown, -1, place).cummax(1).values - 1
        for longest in LONGEST_RUNS:
            crowded = begins.sum(1, keepdim=True) > self.room
            begins = begins & ~(crowded & unknown & (run >= longest))
        order, total = begins.cumsum(1), begins.sum(1, keepdim=True)
        first = (order[:, codes.shape[1] // 2, None] - self.room // 2).clamp(min=0)
        first = torch.minimum(first, (total - self.room).clamp(min=0))
        return begins & (order > first) & (order <= first + self.room)

    def _arrange(self, ids: Tensor, begins: Tensor, count: Tensor, covering: Tensor, options: Tensor) -> Reading:
        """Tokens that begin at some bases, moved together, with what stands around them."""
        rows, longest = len(ids), int(count.max()) if len(ids) else 0
        before, width = len(self.prefix), len(self.prefix) + longest + len(self.suffix)
        result = torch.full((rows, width + 1), self.padding, device=ids.device)
        place = torch.where(begins, begins.long().cumsum(1) - 1 + before, width)
        result.scatter_(1, place, ids)
        result[:, :before] = torch.tensor(self.prefix, dtype=torch.long, device=ids.device)
        behind = before + count + torch.arange(len(self.suffix), device=ids.device)
        suffix = torch.tensor(self.suffix, dtype=torch.long, device=ids.device)
        result.scatter_(1, behind, suffix.expand(rows, -1))
        there = torch.arange(width, device=ids.device) < before + count + len(self.suffix)
        return Reading(result[:, :width], there, covering, options)
