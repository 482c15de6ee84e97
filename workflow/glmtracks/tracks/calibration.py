"""What a llr of one model on one genome is worth: its mutation context taken out, and its rank among all SNVs.

A calibration is a folder beside the dataset `scores/` that it was made from (`glmtracks.tracks.calibrate`):

- `pentanucleotides.tsv`: for each base with two neighbours on each side (`context`) and each alternative, the number
  of neutral `positions` (both strands together), their `mean_llr`, and the `correction` that is subtracted from a
  llr: that mean, or the one of fewer neighbours where positions are too few (`from` says which). Contexts with N are
  those of fewer neighbours, as they occur at the ends of contigs: NACGN is the trinucleotide ACG, NNCNN any C.
- `ranks.parquet`: how many SNVs have each value of `llr` and of `llr_corrected`, which have 3 decimals, and its
  `phred` = -10 * log10(share of SNVs whose value is as low or lower). 20 means among the lowest 1 % of the genome.
- `calibration.json`: what scores and which neutral positions it was made from.
"""

import json
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd

from glmtracks.errors import InputError
from glmtracks.files import atomic_folder, write_json
from glmtracks.genome import BASES, UNKNOWN, decode, encode
from glmtracks.parquet import WITH_CHECKSUMS, read_frame
from glmtracks.tracks.dataset import metadata
from glmtracks.tracks.derived import FLANK, context_numbers, rounded
from glmtracks.tracks.shards import DECIMALS

FOLDER = "calibration"  # beside scores/
CONTEXTS = (UNKNOWN + 1) ** (2 * FLANK + 1)  # every base may be N
LIMIT = 10 ** (DECIMALS + 3)  # steps: llr beyond ± 1,000 count as these
RANKED = ("llr", "llr_corrected")


class Calibration:
    """Corrections by context and ranks by value; made by `glmtracks.tracks.calibrate`, opened by `open` or `of`.

    Attributes:
        corrections: float32 (CONTEXTS, 4): what to subtract from the llr of a context (see `context_numbers`) and
            alternative; NaN where the base itself is unknown.
        counts: "llr" and "llr_corrected" -> (lowest value in steps of the last decimal, int64 (m,) SNVs of each step
            from there).
        said: the content of calibration.json; `scores` in it is the metadata of the dataset.
    """

    def __init__(self, corrections: np.ndarray, counts: dict[str, tuple[int, np.ndarray]], said: dict):
        self.corrections, self.counts, self.said = corrections, counts, said
        self._phred = {name: phred_of(steps) for name, (_, steps) in counts.items()}

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """Read a calibration. Raises InputError if the folder holds none."""
        folder = Path(folder)
        try:
            said = json.loads((folder / "calibration.json").read_text(encoding="utf-8"))
            table = pd.read_csv(folder / "pentanucleotides.tsv", sep="\t", keep_default_na=False, na_values=[""])
            ranks = read_frame(folder / "ranks.parquet")
        except (OSError, ValueError) as error:
            raise InputError(f"{folder} holds no calibration ({error}); make it with the target tracks") from error
        return cls(corrections_of(table), {name: _counts(ranks[ranks["score"] == name]) for name in RANKED}, said)

    @classmethod
    def of(cls, dataset: str | Path) -> Self:
        """The calibration beside a dataset of scores. Raises InputError if it is missing or made from other scores."""
        folder = Path(dataset).absolute().parent / FOLDER
        if not (folder / "calibration.json").exists():
            raise InputError(
                f"{dataset} is not calibrated, so it has no llr_corrected and phred; make {folder} with the target "
                f"tracks"
            )
        calibration, found = cls.open(folder), metadata(dataset)
        made_from = calibration.said["scores"]
        if different := sorted(key for key in made_from.keys() | found.keys() if made_from.get(key) != found.get(key)):
            key = different[0]
            raise InputError(
                f"{folder} belongs to other scores than {dataset}: {key} is {made_from.get(key)} in the first and "
                f"{found.get(key)} in the second; delete the folder and run again"
            )
        return calibration

    def write(self, folder: str | Path, table: pd.DataFrame) -> None:
        """Write the folder; `table` is that of pentanucleotides.tsv."""
        ranks = pd.concat([self._ranks(name) for name in RANKED], ignore_index=True)
        with atomic_folder(folder) as temporary:
            table.to_csv(temporary / "pentanucleotides.tsv", sep="\t", index=False)
            ranks.to_parquet(temporary / "ranks.parquet", index=False, compression="zstd", **WITH_CHECKSUMS)
            write_json(temporary / "calibration.json", self.said)

    def _ranks(self, name: str) -> pd.DataFrame:
        low, counts = self.counts[name]
        taken = np.flatnonzero(counts)
        return pd.DataFrame(
            {
                "score": pd.Categorical([name] * len(taken), categories=RANKED),
                "value": rounded((taken + low) / 10**DECIMALS),
                "snvs": counts[taken],
                "phred": self._phred[name][taken],
            }
        )

    def corrected(self, llr: np.ndarray, context: np.ndarray, alt: np.ndarray) -> np.ndarray:
        """The llr of SNVs less what neutral positions of their context have.

        Args:
            llr: float32 (n,), natural log.
            context: uint8 (n, 5), the reference base between two neighbours on each side, 0..3 for A, C, G, T and 4
                for N or past the end of a contig.
            alt: uint8 (n,), 0..3.

        Returns:
            float32 (n,), 3 decimals; NaN where llr is or the base itself is unknown; llr where alt is that base.
        """
        return rounded(llr - self.corrections[context_numbers(context)[:, 0], alt])

    def corrected_along(self, llr: np.ndarray, codes: np.ndarray, alt: int) -> np.ndarray:
        """The same for one alternative at `n` consecutive bases, given codes (n + 2 * FLANK,) from FLANK before."""
        return rounded(llr - self.corrections[context_numbers(codes), alt])

    def phred(self, values: np.ndarray, score: str = "llr") -> np.ndarray:
        """-10 * log10 of the share of the genome's SNVs whose value is as low or lower.

        SNVs of equal value share the highest of their ranks. What is lower than all SNVs of the genome counts as the
        lowest of them.

        Args:
            values: float32 (n,), of `score`, which is "llr" or "llr_corrected".

        Returns:
            float32 (n,), 3 decimals, at least 0; NaN where the value is.
        """
        low, table = self.counts[score][0], self._phred[score]
        known = ~np.isnan(values)
        steps = np.where(known, to_steps(np.where(known, values, 0)), low)
        return np.where(known, table[np.clip(steps - low, 0, len(table) - 1)], np.float32(np.nan))


def to_steps(values: np.ndarray) -> np.ndarray:
    """Values of 3 decimals, without NaN, as whole numbers of the last decimal: int64 of the same shape."""
    scaled = np.rint(values * np.float32(10**DECIMALS))
    return np.clip(scaled, -LIMIT, LIMIT).astype(np.int64)


def phred_of(counts: np.ndarray) -> np.ndarray:
    """-10 * log10(cumulative share), rounded, float32; `counts` int (m,) in ascending order of the values."""
    ranks = np.maximum(np.cumsum(counts), 1)
    return rounded(-10 * np.log10(ranks / max(counts.sum(), 1)))


def all_contexts() -> np.ndarray:
    """The codes of every context, uint8 (CONTEXTS, 5), in the order of their numbers (see `context_numbers`)."""
    bases = 2 * FLANK + 1
    return np.indices((UNKNOWN + 1,) * bases, dtype=np.uint8).reshape(bases, -1).T.copy()


def context_names() -> list[str]:
    """The five letters of every context, in the order of their numbers."""
    return [decode(codes) for codes in all_contexts()]


def corrections_of(table: pd.DataFrame) -> np.ndarray:
    """`Calibration.corrections` from a table with the columns context, alt and correction.

    A context with one unknown neighbour has the correction of the longest symmetric context around it that is known.
    """
    found = np.full((CONTEXTS, len(BASES)), np.nan, np.float32)
    numbers = context_numbers(encode("".join(table["context"])).reshape(-1, 2 * FLANK + 1))[:, 0]
    found[numbers, encode("".join(table["alt"]))] = table["correction"]
    known = all_contexts()
    for flank in range(FLANK, 0, -1):
        sides = known[:, [FLANK - flank, FLANK + flank]]
        outer = [n for n in range(2 * FLANK + 1) if abs(n - FLANK) >= flank]
        known[np.ix_((sides == UNKNOWN).any(axis=1), outer)] = UNKNOWN
    found = found[context_numbers(known)[:, 0]]
    defined = known[:, FLANK] != UNKNOWN
    found[np.flatnonzero(defined), known[defined, FLANK]] = 0
    return found


def _counts(ranks: pd.DataFrame) -> tuple[int, np.ndarray]:
    steps = to_steps(ranks["value"].to_numpy(np.float32))
    low = int(steps.min())
    counts = np.zeros(int(steps.max()) - low + 1, dtype=np.int64)
    counts[steps - low] = ranks["snvs"]
    return low, counts
