"""Held out means held out: sequence of the held-out parts that also stands in the training part is found and cut out.

Paralogs, transposons and subtelomeres make the contigs of one genome share sequence. Sharing is measured by canonical
21-mers, which do not coincide by chance. Repeats are left out of the comparison: they are everywhere, and they weigh
little in training.
"""

import logging

import numpy as np
import pandas as pd

from glmtracks.corpus import Corpus
from glmtracks.errors import InputError
from glmtracks.intervals import merge, subtract
from glmtracks.kmers import canonical_kmers

logger = logging.getLogger(__name__)

K = 21
SKETCH = 20_000_000  # k-mers of a part that are kept at most; larger parts are sampled by hash
JOIN = 128  # shared stretches of the training part that are closer than this are cut out as one
WARN, FAIL = 0.01, 0.10


class KmerSet:
    """The distinct canonical 21-mers of a part of a corpus outside repeats; a sample where they are many."""

    def __init__(self, corpus: Corpus, part: str):
        bases = sum(int((m.split["end"] - m.split["start"])[m.split["split"] == part].sum()) for m in corpus.genomes)
        self.sampled = min(1.0, SKETCH / max(bases, 1))
        chunks = (canonical_kmers(codes, K) for *_, codes in corpus.stretches(part, overlap=K - 1))
        pieces = [self.sample(words[defined]) for words, defined in chunks]
        self.words = np.unique(np.concatenate(pieces)) if pieces else np.array([], dtype=np.uint64)

    def sample(self, words: np.ndarray) -> np.ndarray:
        """Those of `words` that belong to the sample."""
        return words if self.sampled == 1 else words[_hash(words) <= np.uint64(int(self.sampled * (2**64 - 1)))]

    def place(self, words: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where each of `words` would stand in the set, and whether it stands there."""
        if not len(self.words):
            return np.zeros(len(words), dtype=np.int64), np.zeros(len(words), dtype=bool)
        place = np.minimum(np.searchsorted(self.words, words), len(self.words) - 1)
        return place, self.words[place] == words


def _hash(words: np.ndarray) -> np.ndarray:
    """A fixed mixing of 64-bit words (the finaliser of SplitMix64), to sample k-mers evenly."""
    with np.errstate(over="ignore"):
        words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return words ^ (words >> np.uint64(31))


def purge(corpus: Corpus) -> None:
    """Take out of `train` what stands in `validation` or `test`, and out of `validation` what stands in `test`.

    In the split of every genome of the corpus these stretches become the part "purged". Only whole stretches are lost
    whose bases are covered by shared 21-mers, or lie between two such within 128 bases.
    """
    for part, protected in (("validation", ["test"]), ("train", ["test", "validation"])):
        sets = [KmerSet(corpus, name) for name in protected]
        shared = {id(member): [] for member in corpus.genomes}
        for member, contig, start, codes in corpus.stretches(part, overlap=K - 1):
            words, defined = canonical_kmers(codes, K)
            found = np.logical_or.reduce([known.place(words)[1] for known in sets]) & defined
            at = np.flatnonzero(found) + start
            shared[id(member)].append(pd.DataFrame({"contig": contig, "start": at, "end": at + K}))
        for member in corpus.genomes:
            if stretches := shared[id(member)]:
                member.split = _take_out(member.split, part, pd.concat(stretches, ignore_index=True))


def _take_out(split: pd.DataFrame, part: str, stretches: pd.DataFrame) -> pd.DataFrame:
    if stretches.empty:
        return split
    lost = merge(stretches.assign(start=stretches["start"] - JOIN // 2, end=stretches["end"] + JOIN // 2))
    here = split[split["split"] == part]
    kept = subtract(here[["contig", "start", "end"]], lost).assign(split=part)
    purged = subtract(here[["contig", "start", "end"]], kept[["contig", "start", "end"]]).assign(split="purged")
    order = {name: rank for rank, name in enumerate(dict.fromkeys(split["contig"]))}
    table = pd.concat([split[split["split"] != part], kept, purged])[list(split.columns)]
    return table.sort_values(
        ["contig", "start"], key=lambda c: c.map(order) if c.name == "contig" else c, ignore_index=True
    )


def shared_kmers(corpus: Corpus) -> dict:
    """Share of the distinct canonical 21-mers of the test part, outside repeats, that the training part also holds.

    Returns k, test_kmers, shared_kmers, shared_share, sampled_share and verdict (ok, warn above 1 %, fail above 10 %).
    """
    test = KmerSet(corpus, "test")
    found = np.zeros(len(test.words), dtype=bool)
    for *_, codes in corpus.stretches("train", overlap=K - 1):
        words, defined = canonical_kmers(codes, K)
        place, present = test.place(test.sample(words[defined]))
        found[place[present]] = True
    share = float(found.mean()) if len(found) else 0.0
    return {
        "k": K,
        "test_kmers": len(test.words),
        "shared_kmers": int(found.sum()),
        "shared_share": round(share, 6),
        "sampled_share": round(test.sampled, 6),
        "verdict": "fail" if share > FAIL else "warn" if share > WARN else "ok",
    }


def check_leakage(leakage: dict, name: str, allow_leak: bool) -> None:
    """Log what `shared_kmers` found; raise `InputError` where it is too much and not allowed."""
    message = (
        f"{leakage['shared_share']:.1%} of the {K}-mers of the test part of {name} also stand in the training part"
    )
    if leakage["verdict"] == "fail" and not allow_leak:
        raise InputError(
            f"{message} (limit {FAIL:.0%}); set split.purge: true, choose other test contigs, or set "
            "split.allow_leak: true"
        )
    logger.log(logging.INFO if leakage["verdict"] == "ok" else logging.WARNING, f"{message} ({leakage['verdict']})")
