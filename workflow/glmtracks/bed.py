"""Reading intervals that a person supplies: BED and its relatives, on the contigs of one genome."""

import csv
import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from glmtracks.errors import InputError
from glmtracks.genome import Genome
from glmtracks.genome.contigs import ContigNames
from glmtracks.gzipped import open_plain_or_gzip
from glmtracks.intervals import COLUMNS

logger = logging.getLogger(__name__)

_FARTHEST = 1 << 53  # beyond it a float64 does not hold every whole number
NO_INTERVAL = r"#|track\b|browser\b|\s*$"  # how lines begin that hold none


def read_bed(path: str | Path, more: Mapping[str, int] | None = None) -> pd.DataFrame:
    """The first three columns of a BED, plain or gzip, without its comments, track and browser lines.

    Args:
        path: BED of three or more columns (BED3 to BED12, narrowPeak and others that begin like it).
        more: further columns, name -> number counted from 0, ascending and above 2.

    Returns:
        contig (string), start, end (int64, 0-based half-open), then the further columns (string; empty where the
        row does not reach so far); the index is the line number in the file, from 1.

    Raises:
        InputError: the file is missing or a damaged gzip file, or a line is not an interval.
    """
    path, more = Path(path), more or {}
    if not path.is_file():
        raise InputError(f"{path} does not exist; give the path of a BED.")
    encoding, width = _layout(path)
    if 0 < width < len(COLUMNS):
        raise InputError(f"{path} is not a BED: no line has contig TAB start TAB end; give one that has.")
    wanted = {number: name for name, number in more.items() if number < width} | dict(enumerate(COLUMNS))
    with open_plain_or_gzip(path, "rt", encoding=encoding) as handle:
        rows = pd.read_csv(
            handle,
            sep="\t",
            names=[wanted.get(number, f"column {number}") for number in range(max(width, len(COLUMNS)))],
            usecols=list(wanted.values()),
            dtype=str,
            keep_default_na=False,
            na_values={"start": [""], "end": [""]},
            skip_blank_lines=False,
            quoting=csv.QUOTE_NONE,
        )
    rows.index += 1
    rows = rows[~rows["contig"].str.match(NO_INTERVAL)]
    numbers = rows[["start", "end"]].apply(pd.to_numeric, errors="coerce").astype(np.float64)
    within = (numbers["start"] >= 0) & (numbers["start"] <= numbers["end"]) & (numbers["end"] <= _FARTHEST)
    wrong = ~(within & (numbers % 1 == 0).all(axis=1))
    if wrong.any():
        line = wrong.idxmax()
        shown = " ".join(rows.loc[line, COLUMNS].fillna("").astype(str))
        raise InputError(f"{path}, line {line}: {shown!r} is not an interval of BED, contig TAB start TAB end.")
    rows = rows.assign(start=numbers["start"].astype(np.int64), end=numbers["end"].astype(np.int64))
    return rows.reindex(columns=[*COLUMNS, *more]).fillna(dict.fromkeys(more, ""))


def _layout(path: Path, encoding: str = "utf-8-sig") -> tuple[str, int]:
    """The encoding of a file, UTF-8 (with a mark or without) or else Latin-1, and the columns of its longest line."""
    try:
        with open_plain_or_gzip(path, "rt", encoding=encoding) as handle:
            return encoding, max((line.count("\t") + 1 for line in handle), default=0)
    except UnicodeDecodeError:
        return _layout(path, "latin-1")


def read_bed_of(
    genome: Genome,
    path: str | Path,
    names: ContigNames,
    more: Mapping[str, int] | None = None,
    *,
    every_row: bool = False,
) -> pd.DataFrame:
    """The rows of a BED that lie on contigs of a genome, under the genome's names.

    Rows on other contigs are left out with a warning that counts them, because the genome may be a part of an assembly.

    Args:
        genome: the genome.
        path, more: as of `read_bed`, which also says what is returned.
        names: translates the file's contig names.
        every_row: whether a row on another contig is an error instead.

    Raises:
        InputError: as `read_bed`; no row is on a contig of the genome; a row lies past the end of its contig.
    """
    rows = read_bed(path, more)
    contigs = rows["contig"].map({name: names.resolve(name) for name in rows["contig"].unique()})
    if contigs.isna().any():
        line = contigs.isna().idxmax()
        name = rows.loc[line, "contig"]
        hint = f"{path}, line {line}: {name} is not a contig of {genome.path} ({names.suggest(name)})"
        if contigs.isna().all():
            raise InputError(f"{hint}; no row of the file is on one.")
        if every_row:
            raise InputError(f"{hint}, or leave the row out.")
        logger.warning("%s; %d rows on such contigs are left out", hint, contigs.isna().sum())
    rows = rows.assign(contig=contigs).dropna(subset="contig")
    outside = rows["end"] > rows["contig"].map(genome.contigs).astype(np.int64)
    if outside.any():
        line = outside.idxmax()
        contig, end = rows.loc[line, ["contig", "end"]]
        raise InputError(
            f"{path}, line {line}: end {end} lies past the end of {contig} ({genome.contigs[contig]} bases) of "
            f"{genome.path}; use the BED of the same assembly."
        )
    return rows
