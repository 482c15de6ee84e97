"""Plain, gzip and bgzip files, told by how they begin whatever their names, and how they are damaged."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from glmtracks.errors import InputError

_GZIP = b"\x1f\x8b"
_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
"""The empty block every bgzip file ends with (SAM specification, 4.1.2)."""


def is_gzip(path: str | Path, name: str = "") -> bool:
    """Whether a file is gzip, of which bgzip is a kind.

    Args:
        path: the file.
        name: what to call it in errors, if not by its path.

    Raises:
        InputError: it is bgzip and lacks its last block, so that whole blocks may be missing before it.
    """
    with Path(path).open("rb") as handle:
        beginning = handle.read(14)
        if beginning[3:4] == b"\x04" and beginning[12:] == b"BC":  # the field that only bgzip has
            handle.seek(-min(handle.seek(0, 2), len(_END)), 2)
            if handle.read() != _END:
                raise InputError(
                    f"{name or path} is cut off: its end-of-file block is missing; "
                    "fetch it again or compress it anew with bgzip."
                )
    return beginning.startswith(_GZIP)


@contextmanager
def explain_damage(name: str | Path, *more: type[Exception]) -> Iterator[None]:
    """Turn what the reading of a damaged or cut-off gzip file raises in the block, or `more`, into an InputError."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile, *more) as error:
        raise InputError(f"{name} is a damaged or cut-off gzip file ({error}); fetch it again.") from error


@contextmanager
def open_plain_or_gzip(path: str | Path, mode: str = "rb", name: str = "", **text: str) -> Iterator[IO]:
    """A file to be read, decompressed; `text` are encoding and errors of a mode for text.

    Raises:
        InputError: a damaged or cut-off gzip file, which may be found out only while the block reads.
    """
    with explain_damage(name or path), (gzip.open if is_gzip(path, name) else open)(path, mode, **text) as handle:
        yield handle


@contextmanager
def write_bgzip(path: str | Path, mode: str = "w") -> Iterator[IO[bytes]]:
    """A bgzip file to be written; the level of compression is a digit of the mode."""
    import pysam  # not while the Snakefile is read, which imports this module

    handle = pysam.BGZFile(str(path), mode)
    try:
        yield handle
    finally:
        try:
            handle.close()
        except OSError:  # of its last block; it counts as open then, and would print a traceback when it is forgotten
            with suppress(OSError):
                handle.close()
            raise
