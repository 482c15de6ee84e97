"""How much of the test part of a genome also stands in the training part."""

import logging

import numpy as np

from glmtracks.corpus import Corpus
from glmtracks.errors import InputError
from glmtracks.kmers import canonical_kmers

logger = logging.getLogger(__name__)

K = 21
SKETCH = 4_000_000  # k-mers of the test part that are kept at most; a genome's test part is sampled by hash above that
WARN, FAIL = 0.01, 0.10


def _hash(words: np.ndarray) -> np.ndarray:
    """A fixed mixing of 64-bit words (the finaliser of SplitMix64), to sample k-mers evenly."""
    with np.errstate(over="ignore"):
        words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return words ^ (words >> np.uint64(31))


def shared_kmers(corpus: Corpus) -> dict:
    """Share of the distinct canonical 21-mers of the test part that the training part of any genome of the corpus holds.

    Returns k, test_kmers, shared_kmers, shared_share, sampled_share and verdict (ok, warn above 1 %, fail above 10 %).
    """
    bases = sum(int((m.split["end"] - m.split["start"])[m.split["split"] == "test"].sum()) for m in corpus.genomes)
    sampled = min(1.0, SKETCH / max(bases, 1))
    limit = np.uint64(min(int(sampled * 2**64), 2**64 - 1))

    def kept(codes: np.ndarray) -> np.ndarray:
        words = canonical_kmers(codes, K)
        return words if sampled == 1 else words[_hash(words) <= limit]

    pieces = [np.unique(kept(codes)) for codes in corpus.sequences("test", overlap=K - 1)]
    test = np.unique(np.concatenate(pieces)) if pieces else np.array([], dtype=np.uint64)
    found = np.zeros(len(test), dtype=bool)
    for codes in corpus.sequences("train", overlap=K - 1) if len(test) else ():
        words = kept(codes)
        place = np.minimum(np.searchsorted(test, words), len(test) - 1)
        found[place[test[place] == words]] = True
    share = float(found.mean()) if len(test) else 0.0
    verdict = "fail" if share > FAIL else "warn" if share > WARN else "ok"
    return {
        "k": K,
        "test_kmers": len(test),
        "shared_kmers": int(found.sum()),
        "shared_share": round(share, 6),
        "sampled_share": round(sampled, 6),
        "verdict": verdict,
    }


def check_leakage(leakage: dict, name: str, allow_leak: bool) -> None:
    """Log what `shared_kmers` found; raise `InputError` where it is too much and not allowed."""
    message = f"{leakage['shared_share']:.1%} of the {K}-mers of the test part of {name} also stand in the training part"
    if leakage["verdict"] == "fail" and not allow_leak:
        raise InputError(f"{message} (limit {FAIL:.0%}); choose other test contigs, or set split.allow_leak: true")
    logger.log(logging.INFO if leakage["verdict"] == "ok" else logging.WARNING, f"{message} ({leakage['verdict']})")
