"""A column of a dataset of scores, stored or derived, as a bigWig file."""

import logging
from collections.abc import Iterator
from itertools import chain, compress, repeat
from pathlib import Path

import numpy as np
import pybigtools
from tqdm import tqdm

from glmtracks import tracks
from glmtracks.errors import InputError
from glmtracks.files import atomic
from glmtracks.track_names import ALL_TRACKS
from glmtracks.tracks.calibration import Calibration
from glmtracks.tracks.contig_scores import ContigScores
from glmtracks.tracks.zooms import Gaps, leave_out_gaps

logger = logging.getLogger(__name__)


def write_bigwig(dataset: str | Path, contigs: dict[str, int], column: str, destination: str | Path) -> None:
    """Write one column of a dataset as bigWig, one row group in memory at a time.

    Values are those of the dataset, float32 rounded to 3 decimals; bases without a score are left out. Neighbours of
    equal value share an interval where they stand in one row group.

    Args:
        dataset: folder of `glmtracks.tracks.write_dataset`.
        contigs: name -> length of all contigs of the genome, in genome order.
        column: one of `ALL_TRACKS`.
        destination: the bigWig file, named .bw.

    Raises:
        InputError: there is no such track, the dataset is not calibrated although the track needs it, has contigs that
            the genome lacks, or no score at all.
        OSError: the file could not be written in full.
    """
    if column not in ALL_TRACKS:
        known = ", ".join(ALL_TRACKS)
        raise InputError(f"{column} is not a track of {dataset}; tracks are {known}")
    calibration = tracks.calibration_for(dataset, [column])
    scored = tracks.contigs(dataset)
    if different := [contig for contig, length in scored.items() if contigs.get(contig) != length]:
        raise InputError(f"{dataset} scores another genome: {different[0]} is not in this one, or not as long")
    intervals = _Intervals(dataset, list(scored), column, calibration)
    with atomic(destination) as temporary:
        pybigtools.open(str(temporary), "w").write(contigs, chain.from_iterable(intervals))
        # pybigtools prints what went wrong, returns as if nothing had, and leaves a file without content.
        if intervals.error:
            raise intervals.error
        if not intervals.bases:
            raise InputError(f"{destination} would be empty: no base of {dataset} has a score (is the genome all N?)")
        _check(temporary, destination, intervals.bases)
        leave_out_gaps(temporary, intervals.gaps())
    logger.info("%s: %s bases in %s intervals", destination, f"{intervals.bases:,}", f"{intervals.count:,}")


class _Intervals:
    """Iterates over batches of (contig, start, end, value) and keeps count of what it gave."""

    def __init__(self, dataset: str | Path, contigs: list[str], column: str, calibration: Calibration | None):
        self.dataset, self.contigs, self.column, self.calibration = dataset, contigs, column, calibration
        self.bases = self.count = 0
        self.error: Exception | None = None
        self._last: dict[str, int] = {}  # contig -> its last base with a value so far
        self._gaps: dict[str, list[np.ndarray]] = {}  # contig -> columns of `Gaps` (3, n) of each of its row groups

    def __iter__(self) -> Iterator[Iterator[tuple[str, int, int, float]]]:
        try:
            for contig in tqdm(self.contigs, desc=self.column, unit=" contigs", disable=None):
                for start, table in ContigScores(self.dataset, contig, [self.column], self.calibration):
                    yield self._merged(contig, start, table[self.column].to_numpy())
        except Exception as error:  # lost inside pybigtools, so kept for the caller
            self.error = error
            raise

    def _merged(self, contig: str, start: int, values: np.ndarray) -> Iterator[tuple[str, int, int, float]]:
        """Intervals of equal consecutive values, NaN left out; as Python objects because pybigtools wants these."""
        known = ~np.isnan(values)
        changes = (values[1:] != values[:-1]) & (known[1:] | known[:-1])
        edges = np.concatenate([[0], np.flatnonzero(changes) + 1, [len(values)]])
        scored = known[edges[:-1]]
        self.bases += int(known.sum())
        self.count += int(scored.sum())
        self._note_gaps(contig, start, values, np.flatnonzero(known))
        bounds = (edges + start).tolist()  # one object is the end of an interval and the start of the next
        intervals = zip(repeat(contig), bounds, bounds[1:], values[edges[:-1]].tolist())
        return compress(intervals, scored.tolist())

    def _note_gaps(self, contig: str, start: int, values: np.ndarray, known: np.ndarray) -> None:
        """Keep the gaps that end among `values`; `known` says which of these are a number."""
        if not len(known):
            return
        positions = known + start
        before = np.append(self._last.get(contig, positions[0] - 1), positions[:-1])
        new = positions - before > 1
        self._gaps.setdefault(contig, []).append(np.array([before[new] + 1, positions[new], values[known[new]]]))
        self._last[contig] = int(positions[-1])

    def gaps(self) -> dict[int, Gaps]:
        """Those of each contig that has a value, by its number in the file."""
        found = ((contig, *np.concatenate(pieces, axis=1)) for contig, pieces in self._gaps.items())
        return {
            number: Gaps(contig, start.astype(np.int64), end.astype(np.int64), value.astype(np.float32))
            for number, (contig, start, end, value) in enumerate(found)
        }


def _check(path: Path, destination: str | Path, bases: int) -> None:
    """Raise OSError (`atomic` sees whether the disk is full) unless `path` is a bigWig that covers `bases` bases."""
    try:
        covered = pybigtools.open(str(path)).info()["summary"]["basesCovered"]
    except pybigtools.BBIReadError:
        covered = 0
    if covered != bases:
        raise OSError(f"{destination} was not written in full ({covered:,} of {bases:,} bases)")
