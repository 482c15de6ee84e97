"""Random sequences with the dinucleotides of a given one: what is left of it when only its nearest neighbours count.

Altschul and Erikson (1985, Mol. Biol. Evol. 2:526): a sequence is a path over its letters that takes every step from
one letter to the next exactly once, so all sequences with the same dinucleotides and the same first letter are the
Eulerian paths of one graph. Such a path is drawn by drawing the last step out of every letter, which must lead, by way
of others, to the last letter, and then the order of all other steps. On four letters the possible sets of last steps
are 16 trees; they are listed, and one is drawn in proportion to how many ways there are to take it, so that all
sequences are equally likely without anything being tried and thrown away. (The packages that shuffle so are either long
unkept, as ushuffle, or come with far more than that, as tangermeme.)
"""

from itertools import product

import numpy as np

from glmtracks.genome import UNKNOWN

LETTERS = 4
AT_ONCE = 1 << 22  # bases shuffled at a time; each takes some 40 bytes


def _trees(root: int) -> np.ndarray:
    """All ways in which every letter points to another so that all lead to `root`, which points to itself: (16, 4)."""
    found = []
    for after in product(range(LETTERS), repeat=LETTERS):
        end = np.arange(LETTERS)
        for _ in range(LETTERS):
            end = np.array(after)[end]
        if after[root] == root and (end == root).all():
            found.append(after)
    return np.array(found)


TREES = np.stack([_trees(root) for root in range(LETTERS)])  # (4 roots, 16 trees, 4 letters)


def dinucleotide_shuffles(codes: np.ndarray, lengths: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """For each sequence one drawn evenly from all that have its dinucleotide counts and its first base.

    The counts of single bases and the last base are then the same too.

    codes    uint8 (n, longest), 0..3 for A, C, G, T; what stands behind a sequence's end is ignored
    lengths  int64 (n,), bases of each, at least 1

    Returns uint8 (n, longest), UNKNOWN behind the ends. Raises ValueError where a base of a sequence is undefined.
    """
    found = np.full(codes.shape, UNKNOWN, dtype=np.uint8)
    if ((codes >= LETTERS) & (np.arange(codes.shape[1]) < lengths[:, None])).any():
        raise ValueError("only sequences without undefined bases have shuffles")
    order = np.argsort(-lengths, kind="stable")  # so that those that still go on stand first
    rows = max(AT_ONCE // max(codes.shape[1], 1), 1)
    for first in range(0, len(order), rows):
        some = order[first : first + rows]
        longest = int(lengths[some[0]])
        if longest < 3:  # nothing to draw
            found[some, :longest] = np.where(np.arange(longest) < lengths[some, None], codes[some, :longest], UNKNOWN)
        else:
            found[some, :longest] = _shuffled(codes[some, :longest], lengths[some], rng)
    return found


def _shuffled(codes: np.ndarray, lengths: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """`dinucleotide_shuffles` of sequences that stand in the order of their lengths, the longest first."""
    count, longest = codes.shape
    inside = np.arange(longest) < lengths[:, None]
    origin, target = codes[:, :-1], codes[:, 1:]
    origin = np.where(inside[:, 1:], origin, LETTERS)  # behind the end no step begins
    # steps in the order in which they will be taken out of each letter
    key = 2 * origin + rng.random(origin.shape) + _last_steps(origin, target, codes, lengths, rng)
    target = np.take_along_axis(target, np.argsort(key, axis=1), axis=1)
    out = np.stack([(origin == letter).sum(axis=1) for letter in range(LETTERS)], axis=1)
    following = np.cumsum(out, axis=1) - out  # the next step out of each letter
    walk = np.full((count, longest), UNKNOWN, dtype=np.uint8)
    walk[:, 0] = here = codes[:, 0]
    going = np.searchsorted(-lengths, -np.arange(longest), side="left")  # sequences longer than 0, 1, 2 … bases
    for place in range(1, longest):
        row = np.arange(going[place])
        here = here[row]
        step = following[row, here]
        following[row, here] += 1
        walk[row, place] = here = target[row, step]
    return walk


def _last_steps(
    origin: np.ndarray, target: np.ndarray, codes: np.ndarray, lengths: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """1 for the step that is taken last out of every letter, 0 for all others, uint8 (n, steps); none out of the last
    letter of the sequence, from which the path need not go on."""
    row = np.arange(len(codes))
    end = codes[row, lengths - 1]
    pair = np.stack([np.bincount(LETTERS * o + t, minlength=20)[:16] for o, t in zip(origin, target, strict=True)])
    ways = pair.reshape(-1, LETTERS, LETTERS).astype(np.float64)
    missing = ways.sum(axis=2) == 0  # a letter without steps: as if it had one to the end
    ways[row[:, None], np.arange(LETTERS), end[:, None]] += missing
    ways[row, end, end] = 1  # the root of the tree
    trees = TREES[end]
    weight = ways[row[:, None, None], np.arange(LETTERS), trees].prod(axis=2)
    drawn = rng.random(len(codes)) * weight.sum(axis=1)
    chosen = (np.cumsum(weight, axis=1) <= drawn[:, None]).sum(axis=1)
    after = trees[row, chosen]
    last = np.zeros(origin.shape, dtype=np.uint8)
    for letter in range(LETTERS):
        fits = (origin == letter) & (target == after[:, letter, None]) & (end != letter)[:, None]
        rows = np.flatnonzero(fits.any(axis=1))
        last[rows, fits[rows].argmax(axis=1)] = 1
    return last
