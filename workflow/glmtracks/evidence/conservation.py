"""Conservation scores of positions, from phyloP or phastCons tracks as UCSC gives them: bigWig or wigFix."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd
import pybigtools

from glmtracks.errors import InputError
from glmtracks.genome import Genome
from glmtracks.genome.contigs import ContigNames
from glmtracks.gzipped import open_plain_or_gzip

logger = logging.getLogger(__name__)

PIECE = 1 << 20  # bases read from a bigWig at once
RUN = 1 << 20  # values of a wigFix held at once
END = "#"  # a comment after the last line
_BIGWIG = (bytes.fromhex("26fc8f88"), bytes.fromhex("888ffc26"))
_DECLARATION = re.compile(r"fixedStep\s+chrom=(\S+)\s+start=(\d+)(?:\s+step=(\d+))?(?:\s+span=(\d+))?\s*$")


def conservation(path: str | Path, genome: Genome, names: ContigNames, positions: pd.DataFrame) -> np.ndarray:
    """The value of a track at each position: float32 (n,), NaN where it has none.

    Args:
        path: bigWig, or wigFix (plain or gzip).
        genome: the genome that the positions are of.
        names: translates the contigs of the track.
        positions: contig, start (0-based), in any order.

    Raises:
        InputError: no such track, a damaged or cut-off one, no contig of the genome, a bigWig whose contigs have other
            lengths.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path} does not exist; give the path of a bigWig or wigFix.")
    with path.open("rb") as handle:
        reads = _read_bigwig if handle.read(4) in _BIGWIG else _read_wigfix
    start = positions["start"].to_numpy()
    by_contig = positions.groupby("contig", observed=True, sort=False).indices
    rows_of = {str(contig): rows[np.argsort(start[rows])] for contig, rows in by_contig.items()}
    places = {contig: start[rows] for contig, rows in rows_of.items()}
    values = np.full(len(positions), np.nan, dtype=np.float32)
    for contig, first, found in reads(path, genome, names, places):
        low, high = np.searchsorted(places[contig], [first, first + len(found)])
        values[rows_of[contig][low:high]] = found[places[contig][low:high] - first]
    missing = int(np.isnan(values).sum())
    logger.info("%s: %d positions, %d without a value", path, len(values), missing)
    return values


def open_bigwig(path: str | Path) -> pybigtools.BBIReader:
    """A bigWig to read from. Raises InputError for what is none, or cut off."""
    with _damage_said(path):
        return pybigtools.open(str(path))


def bigwig_values(track: pybigtools.BBIReader, path: str | Path, name: str, first: int, last: int) -> np.ndarray:
    """Values of the bases first … last - 1 (0-based) of a contig of the bigWig at `path`: float64, NaN where none is.

    Raises InputError where a block of it is damaged.
    """
    with _damage_said(path):
        return track.values(name, first, last, fillna=None)


@contextmanager
def _damage_said(path: str | Path) -> Iterator[None]:
    """Raise InputError for what pybigtools raises of a damaged file; of a block it panics, which is no Exception."""
    try:
        yield
    except BaseException as error:
        if not isinstance(error, pybigtools.BBIReadError | ValueError) and type(error).__name__ != "PanicException":
            raise
        raise InputError(f"{path} is no bigWig, or damaged ({str(error).rstrip('.')}); fetch it again.") from error


def _read_bigwig(
    path: Path, genome: Genome, names: ContigNames, places: dict[str, np.ndarray]
) -> Iterator[tuple[str, int, np.ndarray]]:
    """Yield contig, first position, values (n,) of the pieces of a bigWig that hold a place."""
    with open_bigwig(path) as track:
        for contig, name in bigwig_contigs(path, track.chroms(), genome, names).items():
            length = genome.contigs[contig]
            for piece in np.unique(places.get(contig, np.array([], dtype=np.int64)) // PIECE).tolist():
                first, last = piece * PIECE, min((piece + 1) * PIECE, length)
                yield contig, first, bigwig_values(track, path, name, first, last)


def _read_wigfix(
    path: Path, genome: Genome, names: ContigNames, places: dict[str, np.ndarray]
) -> Iterator[tuple[str, int, np.ndarray]]:
    """Yield contig, first position, values (n,) of the runs of a wigFix; it is read from beginning to end."""
    contigs: dict[str, str | None] = {}
    name, at, values = "", 0, []
    with open_plain_or_gzip(path, "rt", encoding="utf-8-sig", errors="replace") as handle:
        for number, line in enumerate(chain(handle, [END]), start=1):
            try:
                values.append(float(line))
                if len(values) < RUN:
                    continue
            except ValueError:  # not a value, and rarely so
                pass
            if values and not name:
                raise InputError(f"{path}, line {number}: a value before any line with fixedStep; is it a wigFix?")
            if values and contigs[name] in places:
                yield contigs[name], at, np.array(values, dtype=np.float32)
            at += len(values)
            if len(values) < RUN:
                name, at = _declared(path, number, line, name, at)
                contigs |= {name: names.resolve(name)} if name and name not in contigs else {}
            values = []
    _resolved(path, genome, names, contigs)


def _declared(path: Path, number: int, line: str, name: str, at: int) -> tuple[str, int]:
    """Contig and 0-based start that a line of a wigFix declares; comments and track lines change nothing."""
    if line.startswith(("#", "track", "browser")) or not line.strip():
        return name, at
    found = _DECLARATION.match(line)
    if not found or (found[3] or "1") != "1" or (found[4] or "1") != "1":
        raise InputError(
            f"{path}, line {number}: {line.strip()[:60]!r} is neither a value nor a fixedStep declaration of step 1; "
            "give a wigFix of single bases, or a bigWig."
        )
    return found[1], int(found[2]) - 1


def bigwig_contigs(path: Path, lengths: dict[str, int], genome: Genome, names: ContigNames) -> dict[str, str]:
    """Contigs of the genome -> their names in a bigWig, of whose contigs `lengths` are.

    Raises InputError where there is none in common, or one has another length.
    """
    found = {contig: name for name, contig in _resolved(path, genome, names, lengths).items()}
    for contig, name in found.items():
        if lengths[name] != genome.contigs[contig]:
            raise InputError(
                f"{path}: {name} has {lengths[name]} bases, but {contig} of {genome.path} has "
                f"{genome.contigs[contig]}; take the track of this assembly."
            )
    return found


def _resolved(path: Path, genome: Genome, names: ContigNames, contigs) -> dict[str, str]:
    """Contigs of a track -> contigs of the genome. Raises InputError if there is none in common."""
    found = {name: names.resolve(name) for name in contigs}
    if not any(found.values()):
        name = next(iter(found), "nothing")
        raise InputError(f"no contig of {path} is in the genome {genome.path}, {name} for one ({names.suggest(name)})")
    return {name: contig for name, contig in found.items() if contig is not None}
