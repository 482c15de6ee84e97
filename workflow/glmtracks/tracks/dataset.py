"""Where the parts of a dataset of scores stand, and what it says of itself.

A dataset is a folder with a Parquet file `contig=<url-quoted name>/part-0.parquet` for each contig. What made the
scores, and the contigs with their lengths, stand in the key-value metadata of its `_common_metadata`.
"""

import difflib
import json
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq

from glmtracks.errors import InputError
from glmtracks.parquet import CheckedFile, read_footer

SUMMARY = "_common_metadata"  # Parquet's name for a dataset's schema; readers of a folder skip names with "_"

_PART = "part of a dataset of scores"


def contig_path(dataset: str | Path, contig: str) -> Path:
    """The file of one contig."""
    return Path(dataset) / f"contig={quote(contig, safe='')}" / "part-0.parquet"


def decoded(metadata: dict[bytes, bytes] | None) -> dict[str, str]:
    """Key-value metadata of a Parquet file as text, without what Arrow adds for itself."""
    return {key.decode(): value.decode() for key, value in (metadata or {}).items() if key != b"ARROW:schema"}


def metadata(dataset: str | Path) -> dict[str, str]:
    """What made the scores of a dataset: the metadata of its shards. Raises InputError if it is not a dataset."""
    return {key: value for key, value in _summary(dataset).items() if key != "contigs"}


def contigs(dataset: str | Path) -> dict[str, int]:
    """Name -> length of the contigs of a dataset, in genome order. Raises InputError if it is not a dataset."""
    return json.loads(_summary(dataset)["contigs"])


def _summary(dataset: str | Path) -> dict[str, str]:
    try:
        return decoded(pq.read_schema(Path(dataset) / SUMMARY).metadata)
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(
            f"{dataset} is not a dataset of scores; give the scores/ folder of a genome and model"
        ) from error


def open_contig(dataset: str | Path, contig: str) -> pq.ParquetFile:
    """The Parquet file of one contig: columns start, ref and `TRACKS`, rows from position 0 to the contig's end.

    Raises InputError, with a suggestion, if the dataset has no such contig; and, also when row groups are read, if the
    file is damaged.
    """
    path = contig_path(dataset, contig)
    try:
        written = path.stat()
    except FileNotFoundError:
        raise unknown_contig(dataset, contig, contigs(dataset)) from None
    return CheckedFile(path, _PART, dataset, metadata=_footer(path, written.st_mtime_ns, written.st_size))


@lru_cache(maxsize=32)
def _footer(path: Path, written: int, size: int) -> pq.FileMetaData:
    """The footer of a file, kept because that of a long contig takes longer to read than a region."""
    return read_footer(path, _PART, path.parents[1])


def unknown_contig(dataset: str | Path, contig: str, known: Iterable[str]) -> InputError:
    """What to raise for a contig that a dataset does not have."""
    close = difflib.get_close_matches(contig, known, n=1, cutoff=0.3)  # low, so that I finds chrI
    hint = f"; did you mean {close[0]}?" if close else ""
    return InputError(f"{contig} is not a contig of {dataset}{hint}")
