"""How a model is asked about every base of a window: in one pass, from its left, or with bases hidden.

A masked model answers only for the bases that it cannot see, so it is asked in several passes, each of which hides
every `spacing`-th base. Spaced farther apart than the receptive field, masks do not see each other, and each answer is
that of a single mask; closer, a prediction misses the few neighbours that are hidden with it.
"""

from dataclasses import asdict, dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from glmtracks.errors import InputError
from glmtracks.models.base import GenomicLanguageModel, reverse_complement

OF_OBJECTIVE = {"one_pass": ("one_pass",), "causal": ("causal",), "masked": ("strided", "masked")}
"""Strategies that fit an objective; the first is what `auto` stands for."""

USUAL_SPACING = 32  # while a model is trained, when no time is spent on measuring what spacing it bears
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
        """Forward passes for every base of a window of `length` bases."""
        return self.strands * (min(self._distance(model), length) if self.name in OF_OBJECTIVE["masked"] else 1)

    def log_probs(
        self, model: GenomicLanguageModel, codes: Tensor, margin: int = 0, species: Tensor | None = None
    ) -> Tensor:
        """Natural-log probabilities, float32 (batch, length - 2 margin, 4), of all but the outer bases of windows.

        codes     uint8 (batch, length), 0..3 for A, C, G, T and 4 for anything unknown
        margin    bases on both sides that are read, not asked about
        species   int64 (batch,), as the model takes it
        """
        (rows, length), inner = codes.shape, codes.shape[1] - 2 * margin
        if self.name not in OF_OBJECTIVE["masked"]:
            return self.answers(model, codes, species)[:, margin : margin + inner]
        distance, place = self._distance(model), torch.arange(length, device=codes.device) - margin
        passes, known = min(distance, inner), model.species_of(codes, species)
        result = torch.empty(rows, inner, 4, device=codes.device)
        at_once = max(POSITIONS[codes.device.type] // codes.numel(), 1)
        for first in range(0, passes, at_once):
            some = torch.arange(first, min(first + at_once, passes), device=codes.device)
            hidden = (place - some[:, None]) % distance == 0  # (passes, length); also in the margins, as farther inside
            each = hidden[:, None].expand(-1, rows, -1).flatten(0, 1)
            answers = self.answers(model, codes.repeat(len(some), 1), known.repeat(len(some)), each)
            asked = place[hidden.any(0) & (place >= 0) & (place < inner)]
            answers = answers.view(len(some), rows, length, 4)[asked % distance - first, :, asked + margin]
            result[:, asked] = answers.transpose(0, 1)
        return result

    def answers(
        self, model: GenomicLanguageModel, codes: Tensor, species: Tensor | None = None, hidden: Tensor | None = None
    ) -> Tensor:
        """What one pass says of each base of windows, (batch, length, 4), as the mean over strands.

        `hidden`, bool (batch, length), are the bases that a masked model must not see.
        """
        there = _ask(model, codes, species, hidden)
        if self.strands == 1:
            return there
        back = _ask(model, reverse_complement(codes), species, None if hidden is None else hidden.flip(1)).flip(1, 2)
        return F.log_softmax((there + back) / 2, dim=-1)

    def describe(self) -> dict[str, str]:
        """Its fields as text, for the metadata of what was scored with it."""
        return {"strategy": self.name} | {k: str(v) for k, v in asdict(self).items() if k != "name" and v is not None}

    def _distance(self, model: GenomicLanguageModel) -> int:
        return self.spacing or model.receptive_field + 1


def _ask(model: GenomicLanguageModel, codes: Tensor, species: Tensor | None, hidden: Tensor | None) -> Tensor:
    return model.log_probs(codes, species) if hidden is None else model.log_probs(codes, species, hidden=hidden)


def choose(model: GenomicLanguageModel, name: str = "auto", strands: int = 0, spacing: int | None = None) -> Strategy:
    """The strategy that a row of the model sheet asks for; `auto` and 0 leave it to the model.

    Raises InputError where the strategy does not fit what the model was trained for.
    """
    fitting = OF_OBJECTIVE[model.objective]
    name = fitting[0] if name == "auto" else name
    if name not in fitting:
        raise InputError(
            f"a model of kind {model.kind} cannot be asked by the strategy {name}; its training fits "
            f"{' and '.join(fitting)}, so write one of these, or auto, into the column strategy"
        )
    return Strategy(name, strands or model.strands, (spacing or USUAL_SPACING) if name == "strided" else None)
