"""Tabix indexes (.tbi or .csi): making one, and where in a bgzip file the records of a region stand by it.

Offsets are virtual ones, as the SAM specification (4.1.1) has them: the byte at which a compressed block begins,
shifted left by 16, plus a place in the text of that block.
"""

import gzip
import logging
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from glmtracks.errors import InputError

logger = logging.getLogger(__name__)

BLOCK = 1 << 16  # bytes; no compressed block is longer, and no text of one
_HEADER = struct.Struct("<4s8x2sHH")  # of a block: magic and flags, "BC", 2, its bytes - 1
_TBI_SHIFT, _TBI_DEPTH = 14, 5


def write_index(text: str | Path, index: str | Path, **columns) -> None:
    """Write the tabix index of a sorted bgzip file.

    Positions beyond 2**29, as on the chromosomes of wheat, do not fit into a .tbi: then `index` gets the content of a
    .csi, whatever its name, since htslib and igv.js go by the content.

    Args:
        columns: where contig and position stand, as `pysam.tabix_index` takes it (preset="vcf").
    """
    import pysam  # not while the Snakefile is read, which needs but the names of regions

    try:
        pysam.tabix_index(str(text), index=str(index), force=True, **columns)
    except OSError:  # all that it says of a position that is too large; what else is wrong is wrong for both
        logger.info("%s does not fit into a .tbi index; it gets the content of a .csi", index)
        pysam.tabix_index(str(text), index=str(index), force=True, csi=True, **columns)


@dataclass(frozen=True)
class Region:
    """A stretch of a contig, 0-based half-open; `end` None = to its end."""

    contig: str
    start: int = 0
    end: int | None = None

    def overlaps(self, start: int, end: int) -> bool:
        """Whether the interval `start` to `end` of the same contig shares a base with this one."""
        return end > self.start and (self.end is None or start < self.end)


class Index:
    """The bins of a tabix index.

    Attributes:
        contigs: names, in the order of the file.
        first: virtual offset of the first record, which is where the header ends.
    """

    def __init__(self, path: Path):
        """Read a .tbi or .csi file; raises InputError if it is neither or cut off."""
        self._path = path
        try:
            with gzip.open(path) as handle:
                self._read(_Fields(handle.read()))
        except (EOFError, zlib.error, gzip.BadGzipFile, struct.error, UnicodeDecodeError) as error:
            raise InputError(f"{path.name} is a damaged or cut-off index ({error}); make it anew with tabix") from error

    def _read(self, fields: "_Fields") -> None:
        magic = fields.take("4s")[0]
        if magic not in (b"TBI\1", b"CSI\1"):
            raise InputError(f"{self._path.name} is not a tabix index; make it anew with tabix")
        self._shift, self._depth, csi = _TBI_SHIFT, _TBI_DEPTH, magic == b"CSI\1"
        if csi:
            self._shift, self._depth, _ = fields.take("3i")
        else:
            (count,) = fields.take("i")
        *_, length = fields.take("7i")
        self.contigs = fields.text(length).decode().split("\0")[:-1]
        if csi:
            (count,) = fields.take("i")
        if count != len(self.contigs):
            raise InputError(f"{self._path.name} names {len(self.contigs)} of its {count} contigs; make it anew")
        self._bins = [self._contig_bins(fields, csi) for _ in range(count)]
        begins = [chunk[0] for bins in self._bins for chunks in bins.values() for chunk in chunks]
        self.first = min(begins, default=0)

    def _contig_bins(self, fields: "_Fields", csi: bool) -> dict[int, list[tuple[int, int]]]:
        """Bin -> chunks, pairs of virtual offsets, of one contig."""
        bins = {}
        for _ in range(fields.take("i")[0]):
            if csi:
                number, _loffset, chunks = fields.take("IQi")
            else:
                number, chunks = fields.take("Ii")
            offsets = fields.take(f"{2 * chunks}Q")
            bins[number] = list(zip(offsets[::2], offsets[1::2], strict=True))
        if not csi:
            fields.take(f"{fields.take('i')[0]}Q")  # the linear index only saves blocks that are few
        bins.pop(_first_bin(self._depth + 1) + 1, None)  # counts of records, not a bin
        return bins

    def chunks(self, regions: list[Region]) -> list[tuple[int, int]]:
        """Virtual offsets (begin, end) between which all records of the regions stand, in file order.

        Raises InputError for a contig that the file does not have.
        """
        found = []
        for region in regions:
            if region.contig not in self.contigs:
                shown = ", ".join(self.contigs[:30]) + (", ..." if len(self.contigs) > 30 else "")
                raise InputError(f"there is no contig {region.contig!r}; the file has {shown or 'no record at all'}")
            bins = self._bins[self.contigs.index(region.contig)]
            found += [
                chunk for number, chunks in bins.items() if region.overlaps(*self._span(number)) for chunk in chunks
            ]
        return _merged(found)

    def _span(self, number: int) -> tuple[int, int]:
        """The stretch of a contig that a bin covers, 0-based half-open."""
        level = next(level for level in range(self._depth, -1, -1) if number >= _first_bin(level))
        width = 1 << self._shift + 3 * (self._depth - level)
        start = (number - _first_bin(level)) * width
        return start, start + width


def parse_regions(text: str) -> list[Region]:
    """Regions from a list separated by commas: contig, or contig:start-end with both ends 1-based and included.

    Raises InputError for an empty name or a start beyond the end.
    """
    regions = []
    for item in text.split(","):
        found = re.fullmatch(r"\s*(\S+?)(?::(\d+)-(\d+))?\s*", item)
        if not found or (found[2] and not 0 < int(found[2]) <= int(found[3])):
            raise InputError(f"{item!r} is not a region; write contig or contig:start-end, as in MT:1-600")
        regions.append(Region(found[1], int(found[2]) - 1, int(found[3])) if found[2] else Region(found[1]))
    return regions


def read_text(path: Path, origin: int, begin: int, end: int) -> Iterator[bytes]:
    """The text between two virtual offsets of a bgzip file, block by block.

    Args:
        path: a piece of the file.
        origin: byte of the file with which the piece begins; a block begins there.
        begin, end: virtual offsets within the piece.

    Raises:
        InputError: the piece ends before `end`, or holds no bgzip blocks there.
    """
    with path.open("rb") as handle:
        at = begin >> 16
        handle.seek(at - origin)
        while at << 16 < end:
            raw = handle.read(_HEADER.size)
            *fixed, size = _HEADER.unpack(raw.ljust(_HEADER.size, b"\0"))
            if fixed != [b"\x1f\x8b\x08\x04", b"BC", 2]:
                raise InputError(f"there is no bgzip block at byte {at}; file and index may not belong together")
            try:
                text = zlib.decompress(raw + handle.read(size + 1 - len(raw)), wbits=31)
            except zlib.error as error:
                raise InputError(f"the bgzip block at byte {at} is damaged ({error})") from error
            yield text[begin & 0xFFFF if at == begin >> 16 else 0 : end & 0xFFFF if at == end >> 16 else None]
            at += size + 1


class _Fields:
    """Little-endian numbers, one after the other."""

    def __init__(self, content: bytes):
        self._content, self._at = content, 0

    def take(self, layout: str) -> tuple:
        found = struct.unpack_from(f"<{layout}", self._content, self._at)
        self._at += struct.calcsize(f"<{layout}")
        return found

    def text(self, length: int) -> bytes:
        return self.take(f"{length}s")[0]


def _first_bin(level: int) -> int:
    """Number of the first bin of a level; level 0 is one bin, each next one has eight times as many."""
    return ((1 << 3 * level) - 1) // 7


def _merged(chunks: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Chunks in file order, those that touch or overlap made one."""
    merged: list[tuple[int, int]] = []
    for begin, end in sorted(chunks):
        if merged and begin <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((begin, end))
    return merged
