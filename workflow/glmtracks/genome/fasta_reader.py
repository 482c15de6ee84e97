"""Any FASTA as a stream of bounded pieces, whatever it is packed in."""

import codecs
import gzip
import tarfile
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

from tqdm import tqdm

from glmtracks.download import html_title
from glmtracks.errors import InputError
from glmtracks.gzipped import explain_damage, is_gzip

BLOCK = 1 << 22


def read_records(source: Path) -> Iterator[tuple[bytes | None, bytes]]:
    """Yield (header, text) for pieces of a FASTA, none longer than a block and a header together.

    `header` is the line after >, or None where a piece continues the record before it; `text` is sequence as it stands
    in the file, every line end a line feed. Before the first record comes a piece without one that holds no letters.

    Args:
        source: plain, gzip, bgzip, or a tar archive of such text files, told by content.

    Raises:
        InputError: cut off or damaged gzip, an empty file, an HTML page, anything else that does not begin with >.
    """
    held = b"\n"  # before the first line, so that every header begins with "\n>"
    for block in _blocks(source):
        data = held + block
        # what the next block may turn into a header, or complete as one, waits for it
        header = data.rfind(b"\n>")
        unfinished = header >= 0 and data.find(b"\n", header + 1) in (-1, len(data) - 1)
        end = header if unfinished else len(data) - data.endswith(b"\n")
        held = data[end:]
        yield from _split(data[:end])
    yield from _split(held)


def _split(data: bytes) -> Iterator[tuple[bytes | None, bytes]]:
    first, *records = data.split(b"\n>")
    yield None, first
    for record in records:
        header, _, text = record.partition(b"\n")
        yield header, text


def _blocks(source: Path) -> Iterator[bytes]:
    beginning = True
    with (
        explain_damage(source, tarfile.TarError),
        source.open("rb") as raw,
        tqdm(total=source.stat().st_size, unit="B", unit_scale=True, desc=source.name, disable=None) as bar,
    ):
        for part in _parts(source, raw):
            while block := part.read(BLOCK):
                if beginning:
                    block = block.removeprefix(codecs.BOM_UTF8)
                    _check_beginning(source, block)
                    beginning = False
                if block.endswith(b"\r"):
                    block += part.read(1)  # perhaps the other half of a CRLF
                bar.update(raw.tell() - bar.n)
                yield block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            yield b"\n"  # the next part begins a line
    if beginning:
        _check_beginning(source, b"")


def _parts(source: Path, raw: BufferedReader) -> Iterator[BinaryIO]:
    """A file, decompressed, or one after the other the files of a tar archive (UCSC's chromFa.tar.gz)."""
    if tarfile.is_tarfile(source):
        with tarfile.open(fileobj=raw) as archive:
            yield from (archive.extractfile(member) for member in archive if member.isfile())
    else:
        yield gzip.GzipFile(fileobj=raw) if is_gzip(source) else raw


def _check_beginning(source: Path, beginning: bytes) -> None:
    if not beginning.strip():
        raise InputError(f"{source} is empty; fetch it again.")
    if (title := html_title(beginning)) is not None:
        raise InputError(f"{source} is an HTML page ({title}), not a FASTA; fetch the file itself.")
    if not beginning.lstrip(b"\r\n").startswith(b">"):
        raise InputError(f"{source} is not a FASTA: it begins with {show(beginning[:30])} instead of >.")


def show(text: bytes) -> str:
    """The beginning of some bytes in quotes, for an error message."""
    return repr(text[:60].decode("latin-1"))
