"""Scores of alleles that compare two haplotypes: the genome around an allele with its REF and with its ALT.

Both haplotypes are read in windows of one length that begin at the same base of the genome: context, the flank whose
predictions count, the allele, the flank on the other side, and more of the genome up to the length. A base farther
from the allele than the model's receptive field has the same prediction on both haplotypes, so the sum over the allele
and flanks of that width is the difference of the whole sequences, wherever the windows begin and end.

What counts is log P(base | what the model reads around it) of every base: for a causal model its left side, so that
the sum is the log-likelihood of the sequence (the mean of those of both strands where the model is asked on both); for
all others the rest of the sequence, so that the sum is a pseudo-log-likelihood.

Undefined bases and positions off the contig count nothing. Windows go round circular contigs that are longer than they.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from glmtracks.arrays import Sequences, grouped, in_batches
from glmtracks.genome import UNKNOWN, Genome
from glmtracks.scoring.runner import Runner

BASES_AT_ONCE = 1 << 19  # of windows whose predictions are held
STATES_AT_ONCE = 1 << 15  # the same, of windows whose embeddings are held
_TINY = 1e-12  # below it a probability cannot be told from 0


class Span(NamedTuple):
    """What of the genome is read on each side of an allele: `context` bases, then `flank` bases that count."""

    context: int
    flank: int

    @property
    def side(self) -> int:
        """Bases on one side."""
        return self.context + self.flank

    @classmethod
    def of(cls, runner: Runner, flank: int, bases: int) -> "Span":
        """For a flank of `flank` bases, both parts cut where the windows of the model do not hold them.

        Args:
            bases: those of the allele; alleles of one `length_class` have one span.
        """
        if runner.model.context is None:
            return cls(runner.margin, flank)
        room = max((runner.model.context - length_class(bases)) // 2, 0)
        context = min(runner.margin, room - min(flank, room // 2))
        return cls(context, min(flank, room - context))


@dataclass
class Changes:
    """Changes of one contig: bases `before` from `positions` (int64 (n,), 0-based) on become the bases `after`."""

    contig: str
    positions: np.ndarray
    before: Sequences
    after: Sequences

    def take(self, rows: np.ndarray) -> "Changes":
        """Some of them."""
        return Changes(self.contig, self.positions[rows], self.before.take(rows), self.after.take(rows))

    @property
    def longest(self) -> np.ndarray:
        """The longer of both, int64 (n,)."""
        return np.maximum(self.before.lengths, self.after.lengths)


class Pairs(NamedTuple):
    """Windows of haplotypes, all of one length.

    Attributes:
        rows: int64 (n,), the changes.
        reference, alternative: uint8 (k, length) and (n, length).
        of: int64 (n,), the reference window of each change; changes at one place share it.
        before, after: int64 (n,), bases that the change takes away, and that it puts there.
        span: what all of them read; the changed base that comes first stands at column `span.side`.
    """

    rows: np.ndarray
    reference: np.ndarray
    alternative: np.ndarray
    of: np.ndarray
    before: np.ndarray
    after: np.ndarray
    span: Span


def length_class(bases: int) -> int:
    """`bases` rounded up to one of few numbers, at most a quarter larger, and the same up to 8.

    >>> [length_class(n) for n in (0, 1, 8, 9, 33, 1000, 1025)]
    [0, 1, 8, 10, 40, 1024, 1280]
    """
    step = 1 << max((bases - 1).bit_length() - 3, 0)
    return -(-bases // step) * step


def window_length(bases: int, longest: int | None = None) -> int:
    """The length of the windows that are used for `bases` bases: few different ones, at most a sixteenth longer where
    they are long, and none longer than `longest`.

    >>> [window_length(n) for n in (1, 64, 65, 257, 3000, 5000)]
    [64, 64, 128, 320, 3072, 5120]
    """
    step = max(1 << max(bases.bit_length() - 5, 0), 64)
    return min(-(-bases // step) * step, longest or bases + step)


def pairs(
    runner: Runner, genome: Genome, changes: Changes, flank: int, at_once: int = BASES_AT_ONCE
) -> Iterator[Pairs]:
    """Windows of both haplotypes of changes, about `at_once` bases at a time.

    How a change is read depends on its own length alone, so its score does not depend on what it is scored with.

    Args:
        flank: bases on each side of a change that count, where the windows of the model hold them.
    """
    distinct, inverse = np.unique(changes.longest, return_inverse=True)
    layouts = [_layout(runner, flank, bases) for bases in distinct.tolist()]
    ordered = sorted(set(layouts))
    numbers = np.array([ordered.index(layout) for layout in layouts], np.int64)[inverse]
    # of a circle without what a change takes away, too, where a base sees all of a window
    taken = changes.before.lengths if runner.model.receptive_field > runner.margin else 0
    goes_round = genome.contigs[changes.contig] - taken >= np.array([length for length, _ in ordered])[numbers]
    for key, rows in grouped(2 * numbers + goes_round):
        length, span = ordered[key // 2]
        for some in in_batches(rows, at_once // length):
            yield _pairs(genome, changes, span, length, some, wrap=bool(key % 2))


def _layout(runner: Runner, flank: int, bases: int) -> tuple[int, Span]:
    """Length of the windows, and what they hold, for changes of so many bases."""
    span = Span.of(runner, flank, bases)
    return window_length(2 * span.side + bases, runner.model.context), span


def _pairs(genome: Genome, changes: Changes, span: Span, length: int, rows: np.ndarray, wrap: bool) -> Pairs:
    """`wrap`: windows go round the contig if it is a circle, which is long enough that no base reads its own copy."""
    these, side = changes.take(rows), span.side
    before, after = these.before.lengths, these.after.lengths
    begins, of = np.unique(these.positions - side, return_inverse=True)
    stretch = genome.windows(changes.contig, begins, length + int(before.max()), wrap=wrap)
    column = np.arange(length)
    behind = np.maximum(column - (after - before)[:, None], 0)  # a column behind the allele, before the change
    source = np.where(column < side + after[:, None], column, behind)
    alternative = np.take_along_axis(stretch[of], source, axis=1)
    alternative[(column >= side) & (column < side + after[:, None])] = these.after.joined()
    return Pairs(rows, stretch[:, :length], alternative, of, before, after, span)


def likelihood_ratios(runner: Runner, genome: Genome, changes: Changes) -> tuple[np.ndarray, np.ndarray]:
    """How much more or less likely the sequence becomes by each change, in nats.

    With S the sum of log P over the bases of a haplotype (see the module), and n their number,

        ratio      = S(alt) - S(ref)
        normalised = ratio - (n(alt) - n(ref)) · S(ref) / n(ref)  =  n(alt) · (S(alt) / n(alt) - S(ref) / n(ref))

    Each base that an insertion adds costs about its own surprise, so the ratio falls with the length of insertions and
    rises with that of deletions whatever they mean. The normalised ratio charges every base with the mean of the
    reference haplotype first; it equals the ratio where the length does not change.

    Returns:
        ratio and normalised ratio, float64 (n,); NaN where the model has no prediction for a base that counts.
    """
    ratio, normalised = np.full((2, len(changes.positions)), np.nan)
    for some in pairs(runner, genome, changes, runner.model.receptive_field):
        sums, counts = _sums(runner, some.reference, some.span)
        widths = some.before + 2 * some.span.flank
        reference, bases = (table[some.of, widths] for table in (sums, counts))
        sums, counts = _sums(runner, some.alternative, some.span)
        rows, widths = np.arange(len(some.rows)), some.after + 2 * some.span.flank
        alternative, after = sums[rows, widths], counts[rows, widths]
        ratio[some.rows] = alternative - reference
        with np.errstate(invalid="ignore", divide="ignore"):
            normalised[some.rows] = ratio[some.rows] - (after - bases) * (reference / bases)
    return ratio, normalised


def _sums(runner: Runner, windows: np.ndarray, span: Span) -> tuple[np.ndarray, np.ndarray]:
    """Sum of log P, and number, of the first 0, 1, 2 … bases that count of each window: (n, length - 2 context + 1)."""
    inner = windows[:, span.context : windows.shape[1] - span.context]
    defined = inner != UNKNOWN
    picked = np.where(defined, inner, 0)[..., None]
    if runner.strategy.name == "causal" and runner.strategy.strands == 2:
        answers = runner.strand_log_probs(windows, span.context)
    else:
        answers = (runner.ask(windows, span.context),)
    surprise = sum(np.take_along_axis(answer, picked, axis=2)[..., 0].astype(np.float64) for answer in answers)
    values = np.stack([np.where(defined, surprise / len(answers), 0), defined])
    return tuple(np.concatenate([np.zeros((2, len(windows), 1)), values.cumsum(axis=2)], axis=2))


def influences(runner: Runner, genome: Genome, changes: Changes, neighbours: int) -> np.ndarray:
    """How much each change moves the predictions around it, float64 (n,).

    The mean, over the `neighbours` bases on each side of what changes and over the four bases that may stand there, of
    | log-odds(alt) - log-odds(ref) |, with log-odds = ln(p / (1 - p)). Neighbours that are undefined or off the contig
    do not count; NaN where there are no others.
    """
    found = np.full(len(changes.positions), np.nan)
    for some in pairs(runner, genome, changes, neighbours):
        skip = some.span.context
        odds = [_log_odds(runner.ask(windows, skip)) for windows in (some.reference, some.alternative)]
        sides = _aligned(some, *odds, skip)
        moved = np.abs(sides[1] - sides[0]).mean(axis=2)
        found[some.rows] = _mean(moved, _neighbours(some))
    return found


def embedding_distances(
    runner: Runner, genome: Genome, changes: Changes, neighbours: int
) -> tuple[np.ndarray, np.ndarray]:
    """Distances, float64 (n,), between the mean embeddings of the neighbours of each change on both haplotypes.

    Neighbours are those of `influences`. Returns the Euclidean distance, and 1 - cosine of the angle.
    """
    euclidean, cosine = np.full((2, len(changes.positions)), np.nan)
    for some in pairs(runner, genome, changes, neighbours, STATES_AT_ONCE):
        skip = some.span.context
        states = [
            runner.states(windows)[:, skip : windows.shape[1] - skip] for windows in (some.reference, some.alternative)
        ]
        near = _neighbours(some)
        before, after = (_mean(side, near) for side in _aligned(some, *states, skip))
        euclidean[some.rows] = np.linalg.norm(after - before, axis=1)
        lengths = np.linalg.norm(after, axis=1) * np.linalg.norm(before, axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            cosine[some.rows] = np.maximum(1 - (after * before).sum(axis=1) / lengths, 0)
    return euclidean, cosine


def _log_odds(log_probs: np.ndarray) -> np.ndarray:
    p = np.exp(log_probs.astype(np.float64))
    return np.log(np.maximum(p, _TINY)) - np.log(np.maximum(p.sum(axis=-1, keepdims=True) - p, _TINY))


def _columns(span: Span, width: np.ndarray, skip: int) -> np.ndarray:
    """Columns (n, 2 flank) of the neighbours in windows that begin `skip` later, where the allele has `width` bases."""
    left = np.arange(span.context, span.side) - skip
    right = np.arange(span.flank) + span.side - skip
    return np.concatenate([np.broadcast_to(left, (len(width), span.flank)), right + width[:, None]], axis=1)


def _aligned(some: Pairs, reference: np.ndarray, alternative: np.ndarray, skip: int) -> list[np.ndarray]:
    """What tables (k or n, columns, channels) hold for the neighbours: of both haplotypes, (n, 2 flank, channels)."""
    return [
        table[row[:, None], _columns(some.span, width, skip)].astype(np.float64)
        for table, row, width in (
            (reference, some.of, some.before),
            (alternative, np.arange(len(some.rows)), some.after),
        )
    ]


def _neighbours(some: Pairs) -> np.ndarray:
    """Which neighbours are defined, bool (n, 2 flank)."""
    return some.reference[some.of[:, None], _columns(some.span, some.before, 0)] != UNKNOWN


def _mean(values: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Mean over the second axis of (n, m) or (n, m, channels) where bool (n, m) is true; NaN where it nowhere is."""
    weights = counted.reshape(counted.shape + (1,) * (values.ndim - 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(weights, values, 0).sum(axis=1) / weights.sum(axis=1)
