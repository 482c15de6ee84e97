"""The words of a sequence as numbers."""

import numpy as np


def kmers(codes: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Base-4 numbers of the k-mers of a sequence (first base = highest digit), and which of them hold no unknown base.

    `codes` is uint8 (L,), k at most 31; both results have shape (L - k + 1,), or (0,) where the sequence is shorter.
    """
    if len(codes) < k:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=bool)
    unknown = np.concatenate([[0], np.cumsum(codes > 3, dtype=np.int64)])
    return _words(np.minimum(codes, 3).astype(np.int64), k), unknown[k:] == unknown[:-k]


def _words(digits: np.ndarray, k: int) -> np.ndarray:
    """By halves, so that the number of passes over the sequence grows with log k."""
    if k == 1:
        return digits
    half = _words(digits, k // 2)
    words = (half[: len(half) - k // 2] << 2 * (k // 2)) + half[k // 2 :]
    return words if k % 2 == 0 else (words[:-1] << 2) + digits[k - 1 :]


def canonical_kmers(codes: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Like `kmers`, with the smaller of each k-mer and its reverse complement, as uint64."""
    forward, defined = kmers(codes, k)
    opposite, _ = kmers(np.where(codes < 4, 3 - codes, codes)[::-1], k)
    return np.minimum(forward, opposite[::-1]).astype(np.uint64), defined
