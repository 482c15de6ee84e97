"""The summaries in a bigWig that browsers show from afar (its zoom levels), mended where pybigtools writes them wrong.

A record sums up some hundred or more bases. Where a record that has begun ends within a gap, pybigtools 0.3.0 goes on
there, in the middle of the gap, and fills the rest of it with the value of the base after it, so that a run of N looks
scored from afar. The bases themselves are right. The layout is that of Kent et al. 2010
(doi:10.1093/bioinformatics/btq351).
"""

import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

_ZOOMS_AT, _HEADER_BYTES = 6, 64  # where the number of levels stands; where the levels are listed
_LEVEL = struct.Struct("<II2Q")  # bases of a record, reserved, place of the records, place of their index
_INDEX_BYTES = 48  # of the header of an index
_NODE = struct.Struct("<BBH")  # whether it is a leaf, reserved, number of children
_LEAF, _INNER = struct.Struct("<4I2Q"), struct.Struct("<4IQ")  # first and last base, place, and bytes of a block
_PLACE_AT = 16  # in a leaf
_MAGIC_BYTES = 4  # which end the file
_RECORD = np.dtype(
    [
        *((name, "<u4") for name in ("contig", "start", "end", "bases")),
        *((name, "<f4") for name in ("min", "max", "sum", "squares")),
    ]
)


class Gaps(NamedTuple):
    """Stretches of a contig without a value that lie between bases with one.

    Attributes:
        start, end: int64 (n,), 0-based half-open, ascending.
        value: float32 (n,), of the base at `end`.
    """

    start: np.ndarray
    end: np.ndarray
    value: np.ndarray


def leave_out_gaps(path: str | Path, gaps: dict[int, Gaps]) -> None:
    """Mend the records of a bigWig, in place, that begin within a gap.

    Args:
        path: as pybigtools wrote it.
        gaps: number of a contig in the file -> its gaps.
    """
    with open(path, "r+b") as file:
        file.seek(_ZOOMS_AT)
        (levels,) = struct.unpack("<H", file.read(2))
        file.seek(_HEADER_BYTES)
        for *_, index in list(_LEVEL.iter_unpack(file.read(levels * _LEVEL.size))):
            for entry, place, size in list(_leaves(file, index + _INDEX_BYTES)):
                file.seek(place)
                records = np.frombuffer(zlib.decompress(file.read(size)), _RECORD)
                mended = _mended(records, gaps)
                if mended is not None:
                    _replace(file, entry, place, size, zlib.compress(mended.tobytes(), level=9))


def _leaves(file: BinaryIO, node: int) -> Iterator[tuple[int, int, int]]:
    """Where each entry of the leaves below a node stands, and the place and bytes of the block that it is of."""
    file.seek(node)
    is_leaf, _, count = _NODE.unpack(file.read(_NODE.size))
    layout = _LEAF if is_leaf else _INNER
    for number, child in enumerate(list(layout.iter_unpack(file.read(count * layout.size)))):
        if is_leaf:
            yield node + _NODE.size + number * layout.size, *child[-2:]
        else:
            yield from _leaves(file, child[-1])


def _mended(records: np.ndarray, gaps: dict[int, Gaps]) -> np.ndarray | None:
    """Records without those that lie within a gap, the others less what they say of one; None if all are right."""
    mended, kept = records.copy(), np.ones(len(records), bool)
    for contig in np.unique(records["contig"]).tolist():
        here = np.flatnonzero(records["contig"] == contig)
        start = records["start"][here].astype(np.int64)
        gap = np.searchsorted(gaps[contig].end, start, side="right")
        inside = np.append(gaps[contig].start, np.iinfo(np.int64).max)[gap] <= start
        here, start, gap = here[inside], start[inside], gap[inside]
        end, value = gaps[contig].end[gap], gaps[contig].value[gap].astype(np.float64)
        kept[here] = records["end"][here] > end
        for name, amount in (("bases", 1), ("sum", value), ("squares", value**2)):
            mended[name][here] = records[name][here] - np.where(kept[here], (end - start) * amount, 0)
        mended["start"][here] = end
    return None if (mended["start"] == records["start"]).all() else mended[kept]


def _replace(file: BinaryIO, entry: int, place: int, size: int, block: bytes) -> None:
    """Put a block where the one was that an index entry names; at the end of the file if there is no room for it."""
    if len(block) > size:
        file.seek(-_MAGIC_BYTES, os.SEEK_END)
        place, magic = file.tell(), file.read(_MAGIC_BYTES)
        file.seek(place)
        file.write(block + magic)
    else:
        file.seek(place)
        file.write(block)
    file.seek(entry + _PLACE_AT)
    file.write(struct.pack("<2Q", place, len(block)))
