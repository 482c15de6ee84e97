"""The words of a sequence as numbers."""

import numpy as np


def kmers(codes: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Base-4 numbers of the k-mers of a sequence (first base = highest digit), and which of them hold no unknown base.

    `codes` is uint8 (L,); both results have shape (L - k + 1,), or (0,) where the sequence is shorter than k.
    """
    positions = max(len(codes) - k + 1, 0)
    words, defined = np.zeros(positions, dtype=np.int64), np.ones(positions, dtype=bool)
    for offset in range(k if positions else 0):
        piece = codes[offset : offset + positions]
        words = words * 4 + np.minimum(piece, 3)
        defined &= piece < 4
    return words, defined


def canonical_kmers(codes: np.ndarray, k: int) -> np.ndarray:
    """The smaller of each k-mer and its reverse complement, as uint64; k-mers with an unknown base are left out."""
    forward, defined = kmers(codes, k)
    opposite, _ = kmers(np.where(codes < 4, 3 - codes, codes)[::-1], k)
    return np.minimum(forward, opposite[::-1])[defined].astype(np.uint64)
