"""Values of a base that are computed from the stored ones: summaries of the llr, the letters of a logo, calibrated llr.

All are rounded as the stored ones are, and NaN where the reference base is undefined.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from glmtracks.genome import BASES, UNKNOWN
from glmtracks.track_names import BIGWIG_TRACKS, CALIBRATED_TRACKS, CORRECTED_TRACKS, LLR_COLUMNS, LOGO_TRACKS, TRACKS
from glmtracks.tracks.shards import DECIMALS

if TYPE_CHECKING:
    from glmtracks.tracks.calibration import Calibration

DERIVED = tuple(name for name in (*BIGWIG_TRACKS, *CALIBRATED_TRACKS) if name not in TRACKS)
FLANK = 2  # bases on each side of a base that its calibration looks at
BITS = 2.0  # that a base can tell at most


def sources(columns: Iterable[str]) -> list[str]:
    """The stored tracks that derived columns are computed from, in the order of the file."""
    needed: set[str] = set()
    for column in columns:
        if column in CALIBRATED_TRACKS:
            needed.add(f"llr_{column[-1]}")
        else:
            needed |= {*LLR_COLUMNS, "entropy"} if column in LOGO_TRACKS else {*LLR_COLUMNS}
    return [track for track in TRACKS if track in needed]


def derive(
    column: str, stored: Mapping[str, np.ndarray], codes: np.ndarray, calibration: "Calibration | None"
) -> np.ndarray:
    """One derived column of consecutive bases.

    `llr_min` and `llr_mean` are over the three alternatives of a base. `logo_X` is P(X) * (2 - entropy), in bits (the
    information-scaled logo of Schneider and Stephens 1990). `llr_corrected_X` and `phred_X` are those of a
    `Calibration`; for the reference base itself the first is 0 and the second NaN.

    Args:
        column: one of `DERIVED`.
        stored: the tracks of `sources([column])`, float32 (n,) each.
        codes: uint8 (n + 2 * FLANK,), the reference bases from FLANK before to FLANK after; UNKNOWN past contig ends.
        calibration: for `llr_corrected_X` and `phred_X`.

    Returns:
        float32 (n,).
    """
    here = codes[FLANK : len(codes) - FLANK]
    if column in CALIBRATED_TRACKS:
        alt, llr = BASES.index(column[-1]), stored[f"llr_{column[-1]}"]
        if column in CORRECTED_TRACKS:
            return calibration.corrected_along(llr, codes, alt)
        return calibration.phred(np.where(here == alt, np.float32(np.nan), llr))
    llr = np.stack([stored[name] for name in LLR_COLUMNS])
    if column == "llr_min":
        return np.where(np.arange(len(BASES))[:, None] == here, np.float32(np.inf), llr).min(axis=0)
    if column == "llr_mean":
        return rounded(llr.sum(axis=0) / (len(BASES) - 1))
    weights = np.exp(llr - llr.max(axis=0))
    return rounded(weights[LOGO_TRACKS.index(column)] / weights.sum(axis=0) * (BITS - stored["entropy"]))


def rounded(values: np.ndarray) -> np.ndarray:
    """float32 with as many decimals as the stored values, without negative zeros."""
    return np.round(values, DECIMALS).astype(np.float32) + np.float32(0)


def context_numbers(codes: np.ndarray) -> np.ndarray:
    """The context of each base, itself between FLANK neighbours on each side, as one number in base 5.

    Args:
        codes: uint8 (..., n + 2 * FLANK), codes 0 to 4.

    Returns:
        int64 (..., n), 0 to 5 ** 5 - 1.
    """
    length = codes.shape[-1] - 2 * FLANK
    numbers = np.zeros((*codes.shape[:-1], length), dtype=np.int64)
    for offset in range(2 * FLANK + 1):
        numbers = numbers * (UNKNOWN + 1) + codes[..., offset : offset + length]
    return numbers
