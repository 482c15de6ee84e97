"""The summaries in a bigWig that browsers show from afar (its zoom levels), mended where pybigtools writes them wrong.

A record sums up some hundred or more bases. Where a record that has begun ends within a gap, pybigtools 0.3.0 goes on
there, in the middle of the gap, and fills the rest of it with the value of the base after it, so that a run of N looks
scored from afar. Where both end together, that value counts for the lowest and highest of the record. The bases
themselves are right. The layout is that of Kent et al. 2010 (doi:10.1093/bioinformatics/btq351).
"""

import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import pybigtools

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
        contig: its name.
        start, end: int64 (n,), 0-based half-open, ascending.
        value: float32 (n,), of the base at `end`.
    """

    contig: str
    start: np.ndarray
    end: np.ndarray
    value: np.ndarray


def leave_out_gaps(path: str | Path, gaps: dict[int, Gaps]) -> None:
    """Mend the records of a bigWig, in place, that begin within a gap or end with one.

    Args:
        path: as pybigtools wrote it.
        gaps: number of a contig in the file -> its gaps.
    """
    with open(path, "r+b") as file, pybigtools.open(str(path)) as bases:
        file.seek(_ZOOMS_AT)
        (levels,) = struct.unpack("<H", file.read(2))
        file.seek(_HEADER_BYTES)
        for *_, index in list(_LEVEL.iter_unpack(file.read(levels * _LEVEL.size))):
            for entry, place, size in list(_leaves(file, index + _INDEX_BYTES)):
                file.seek(place)
                records = np.frombuffer(zlib.decompress(file.read(size)), _RECORD)
                mended = _mended(records, gaps, bases)
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


def _mended(records: np.ndarray, gaps: dict[int, Gaps], bases: pybigtools.BBIReader) -> np.ndarray | None:
    """Records without those that lie within a gap, the others less what they say of one; None if all are right.

    `bases` is the bigWig that they are of, whose single values are right.
    """
    mended, kept = records.copy(), np.ones(len(records), bool)
    for contig in np.unique(records["contig"]).tolist():
        here = np.flatnonzero(records["contig"] == contig)
        ends_with = here[_ends_with(records[here], gaps[contig])]
        start = records["start"][here].astype(np.int64)
        gap = np.searchsorted(gaps[contig].end, start, side="right")
        inside = np.append(gaps[contig].start, np.iinfo(np.int64).max)[gap] <= start
        here, start, gap = here[inside], start[inside], gap[inside]
        end, value = gaps[contig].end[gap], gaps[contig].value[gap].astype(np.float64)
        kept[here] = records["end"][here] > end
        for name, amount in (("bases", 1), ("sum", value), ("squares", value**2)):
            mended[name][here] = records[name][here] - np.where(kept[here], (end - start) * amount, 0)
        mended["start"][here] = end
        for row in ends_with[kept[ends_with]].tolist():
            first, last = int(mended["start"][row]), int(mended["end"][row])
            found = bases.records(gaps[contig].contig, first, last)
            values = np.fromiter((value for *_, value in found), np.float32)  # of the widest records there are millions
            mended["min"][row], mended["max"][row] = values.min(), values.max()
    return None if (mended == records).all() else mended[kept]


def _ends_with(records: np.ndarray, gaps: Gaps) -> np.ndarray:
    """Whether records of a contig end with a gap whose value is their lowest or highest, bool (n,)."""
    gap = np.searchsorted(gaps.end, records["end"])
    end, value = np.append(gaps.end, 0)[gap], np.append(gaps.value, np.float32(0))[gap]
    return (end == records["end"]) & ((value == records["min"]) | (value == records["max"]))


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
