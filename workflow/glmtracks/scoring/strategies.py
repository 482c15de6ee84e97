"""How a model is asked about every base of a window: in one pass, from its left, or with bases hidden.

A masked model answers only for the bases that it cannot see, so it is asked in several passes, each of which hides
every `spacing`-th base. Spaced farther apart than the receptive field, masks do not see each other, and each answer is
that of a single mask; closer, a prediction misses the few neighbours that are hidden with it. Where a token covers
several bases it is hidden as a whole and answers for all of them, so masks are counted in tokens, on each strand in the
tokens that this strand is read as: `spacing` bases are as many tokens as always cover them.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from glmtracks.errors import InputError
from glmtracks.models.base import GenomicLanguageModel, log_softmax, reverse_complement
from glmtracks.models.registry import OF_OBJECTIVE, wrong_strategy

USUAL_SPACING = 31  # while a model is trained, when no time is spent on measuring what spacing it bears
POSITIONS = {"cpu": 1 << 15, "cuda": 1 << 21}  # of a forward pass of a masked model, at least one window's


@dataclass(frozen=True)
class Strategy:
    """One way to ask.

    name      one_pass, causal, masked (single masks) or strided (masks `spacing` bases apart)
    strands   1, or 2 = the mean of the logits of a window and of its reverse complement
    spacing   bases from one mask to the next; for strided alone, None for the others
    """

    name: str
    strands: int
    spacing: int | None = None

    def passes(self, model: GenomicLanguageModel, length: int) -> int:
        """Forward passes for every base of a window of `length` bases that are all known; where the widths of tokens
        differ, about as many."""
        if self.name not in OF_OBJECTIVE["masked"]:
            return self.strands
        return self.strands * min(self._distance(model), -(-length // model.mean_width))

    def log_probs(
        self,
        model: GenomicLanguageModel,
        codes: Tensor,
        margin: int = 0,
        species: Tensor | None = None,
        wanted: Tensor | None = None,
    ) -> Tensor:
        """Natural-log probabilities, float32 (batch, length - 2 margin, 4), of all but the outer bases of windows.

        codes     uint8 (batch, length), 0..3 for A, C, G, T and 4 for anything unknown
        margin    bases on both sides that are read, not asked about
        species   int64 (batch,), as the model takes it
        wanted    bool (batch, length - 2 margin), the bases whose answers matter; None = all. A masked model is spared
                  the passes that hide none of them, and others may get NaN
        """

        def ask(strand: Tensor) -> Tensor:
            if self.name in OF_OBJECTIVE["masked"]:
                here = wanted if wanted is None or strand is codes else wanted.flip(1)
                return _ask_in_turn(model, strand, margin, species, self._distance(model), here)
            return model.inner_log_probs(strand, margin, species)

        return self._over_strands(ask, codes)

    def answers(self, model: GenomicLanguageModel, codes: Tensor, places: Tensor, distance: int) -> Tensor:
        """What single passes of a masked model say of `places`, as the mean over strands: (batch, k, 4).

        `places` are int64 (k,), ascending. Hidden are their tokens and, from each of them halfway to the next, all that
        are a multiple of `distance` bases from it, as many tokens apart as `log_probs` would have them.
        """
        apart, length = -(-distance // model.token_width), codes.shape[1]

        def ask(strand: Tensor) -> Tensor:
            here = places if strand is codes else (length - 1 - places).flip(0)
            halfway = (here[1:] + here[:-1]) // 2
            nearest = here[torch.bucketize(torch.arange(length, device=codes.device), halfway)]
            tokens = model.token_numbers(strand)
            hidden = (tokens - tokens[:, nearest]) % apart == 0
            return model.log_probs(strand, hidden=hidden)

        return self._over_strands(ask, codes)[:, places]

    def _over_strands(self, ask: Callable[[Tensor], Tensor], codes: Tensor) -> Tensor:
        """`ask` of windows, and of their reverse complement if two strands are wanted: then the mean of the logits."""
        there = ask(codes)
        if self.strands == 1:
            return there
        return log_softmax((there + ask(reverse_complement(codes)).flip(1, 2)) / 2)

    def describe(self) -> dict[str, str]:
        """Its fields as text, for the metadata of what was scored with it."""
        return {"strategy": self.name} | {k: str(v) for k, v in asdict(self).items() if k != "name" and v is not None}

    def _distance(self, model: GenomicLanguageModel) -> int:
        """Tokens from one mask to the next."""
        return -(-(self.spacing or model.receptive_field + 1) // model.token_width)


def _ask_in_turn(
    model: GenomicLanguageModel,
    codes: Tensor,
    margin: int,
    species: Tensor | None,
    distance: int,
    wanted: Tensor | None,
) -> Tensor:
    """What one strand's passes say, each of which hides every `distance`-th token: (batch, length - 2 margin, 4)."""
    rows, length = codes.shape
    inner = slice(margin, length - margin)
    tokens = model.token_numbers(codes)
    turns = (tokens - tokens[:, margin, None]) % distance  # also in the margins, as farther inside
    asked, species = turns[:, inner], model.species_of(codes, species)
    turn, row = _questions(asked, torch.ones_like(asked, dtype=torch.bool) if wanted is None else wanted)
    result = torch.full((rows, asked.shape[1], 4), torch.nan, device=codes.device)
    at_once = rows * (max(POSITIONS[codes.device.type] // codes.numel(), 1) if wanted is None else 1)
    for first in range(0, len(turn), at_once):
        some, windows = (numbers[first : first + at_once] for numbers in (turn, row))
        hidden = turns[windows] == some[:, None]
        answers = model.log_probs(codes[windows], species[windows], hidden=hidden)
        question, place = hidden[:, inner].nonzero(as_tuple=True)
        result[windows[question], place] = answers[question, place + margin].float()
    return result


def _questions(asked: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """Which turns, of which windows, the wanted bases are `asked` in: both int64 (n,), by turn.

    Filled up to a multiple of the number of windows, as passes of few shapes are rounded alike: with turn -1, which
    nothing is asked in.
    """
    window, place = wanted.nonzero(as_tuple=True)
    needed = torch.zeros(int(asked.max()) + 1, len(asked), dtype=torch.bool, device=asked.device)
    needed[asked[window, place], window] = True
    turn, window = needed.nonzero(as_tuple=True)
    filling = 0, -len(turn) % len(asked)
    return F.pad(turn, filling, value=-1), F.pad(window, filling)


def choose(model: GenomicLanguageModel, name: str = "auto", strands: int = 0, spacing: int | None = None) -> Strategy:
    """The strategy that a row of the model sheet asks for; `auto` and 0 leave it to the model.

    Raises InputError where the strategy does not fit what the model was trained for.
    """
    if problem := wrong_strategy(model.kind, model.objective, name):
        raise InputError(problem)
    name = OF_OBJECTIVE[model.objective][0] if name == "auto" else name
    return Strategy(name, strands or model.strands, (spacing or USUAL_SPACING) if name == "strided" else None)
