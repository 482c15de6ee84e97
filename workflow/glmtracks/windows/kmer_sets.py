"""The 21-mers of parts of a corpus, to find again what two parts share: of whole parts, or of each contig."""

from collections.abc import Iterator
from itertools import groupby

import numpy as np

from glmtracks.kmers import canonical_kmers
from glmtracks.windows.corpus import Corpus, CorpusGenome

K = 21
SKETCH = 20_000_000  # k-mers of a part that are kept at most; larger parts are sampled by hash
AT_ONCE = 4_000_000  # k-mers of a part that are given together, so that few are far from the next
_NO_WORDS = np.array([], dtype=np.uint64)


class KmerSet:
    """The distinct canonical 21-mers of a part of a corpus outside repeats; a sample where they are many."""

    def __init__(self, corpus: Corpus, part: str):
        self.sampled = min(1.0, SKETCH / max(corpus.bases(part), 1))
        pieces = [self.sample(words) for words in part_words(corpus, part)]
        self.words = _distinct(np.concatenate([_NO_WORDS, *pieces]))

    def sample(self, words: np.ndarray) -> np.ndarray:
        """Those of `words` that belong to the sample."""
        return words if self.sampled == 1 else words[_hash(words) <= np.uint64(int(self.sampled * (2**64 - 1)))]

    def place(self, rising: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where each of ascending words would stand in the set, and whether it stands there.

        In any other order the answer is the same, but each word would be looked for in another part of memory.
        """
        if not len(self.words):
            return np.zeros(len(rising), dtype=np.int64), np.zeros(len(rising), dtype=bool)
        place = np.minimum(np.searchsorted(self.words, rising), len(self.words) - 1)
        return place, self.words[place] == rising


def _distinct(words: np.ndarray) -> np.ndarray:
    """`np.unique`, which by hashing takes several times as long for millions of words; sorts them in place."""
    words.sort()
    new = np.ones(len(words), dtype=bool)
    new[1:] = words[1:] != words[:-1]
    return words[new]


def _hash(words: np.ndarray) -> np.ndarray:
    """A fixed mixing of 64-bit words (the finaliser of SplitMix64), to sample k-mers evenly."""
    with np.errstate(over="ignore"):
        words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return words ^ (words >> np.uint64(31))


def part_words(corpus: Corpus, part: str) -> Iterator[np.ndarray]:
    """The canonical 21-mers of a part outside repeats, ascending, those of some million bases at a time."""
    held, count = [], 0
    for *_, codes in corpus.stretches(part, overlap=K - 1):
        words, defined = canonical_kmers(codes, K)
        held.append(words[defined])
        count += len(held[-1])
        if count >= AT_ONCE:
            yield np.sort(np.concatenate(held))
            held, count = [], 0
    if held:
        yield np.sort(np.concatenate(held))


def contig_words(corpus: Corpus, part: str) -> Iterator[tuple[CorpusGenome, str, np.ndarray]]:
    """Each contig with bases in a part, and the distinct canonical 21-mers of these bases outside repeats."""
    stretches = corpus.stretches(part, overlap=K - 1)
    for _, group in groupby(stretches, key=lambda chunk: (id(chunk[0]), chunk[1])):
        chunks = list(group)
        member, contig, *_ = chunks[0]
        pairs = [canonical_kmers(codes, K) for *_, codes in chunks]
        yield member, contig, _distinct(np.concatenate([words[defined] for words, defined in pairs]))


class ContigWords:
    """The distinct canonical 21-mers of each contig of a part, to ask how much of them another contig shares."""

    def __init__(self, corpus: Corpus, part: str):
        contigs = list(contig_words(corpus, part))
        self.contigs = [(member, contig) for member, contig, _ in contigs]
        self.sizes = np.array([len(words) for *_, words in contigs], dtype=np.int64)
        words = np.concatenate([_NO_WORDS, *(words for *_, words in contigs)])
        order = np.argsort(words, kind="stable")
        self._words, self._owners = words[order], np.repeat(np.arange(len(contigs)), self.sizes)[order]

    def closest(self, words: np.ndarray) -> float:
        """The largest of `shares`; 0 where there are no contigs."""
        return float(self.shares(words).max(initial=0.0))

    def shares(self, words: np.ndarray) -> np.ndarray:
        """For each contig the share of 21-mers in common with distinct `words`, of those of the shorter; float (n,)."""
        first, last = (np.searchsorted(self._words, words, side=side) for side in ("left", "right"))
        count = last - first
        nth = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        common = np.bincount(self._owners[np.repeat(first, count) + nth], minlength=len(self.sizes))
        return common / np.maximum(np.minimum(self.sizes, len(words)), 1)
