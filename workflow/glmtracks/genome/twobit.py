"""Writing a genome as .2bit, the format that the UCSC Genome Browser takes a genome of one's own in.

After the specification at https://genome.ucsc.edu/FAQ/FAQformat.html#format7: two bits a base, and beside them the runs
of N and of lower case. What is not A, C, G or T becomes N, as faToTwoBit does it.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from tqdm import tqdm

from glmtracks.arrays import Runs
from glmtracks.errors import InputError
from glmtracks.files import atomic
from glmtracks.genome import UNKNOWN, Genome, encode

SIGNATURE = 0x1A412743
PIECE = 1 << 22  # bases in memory at a time; a multiple of the four that share a byte
LONGEST_NAME = 255  # bytes; the length of a name is one byte
LONGEST_CONTIG = (1 << 32) - 1
LARGE = 12_000_000_000  # bases from which offsets may not fit 32 bits; they are 64 bits wide in version 1 of the format

_BITS = np.array([2, 1, 3, 0, 0], dtype=np.uint8)  # of A, C, G, T and, by convention, N


def write_twobit(genome: Genome, destination: str | Path) -> None:
    """Write all contigs, in their order and with their lower case; a few MB in memory, whatever the length of contigs.

    Raises:
        InputError: the name of a contig is longer than 255 bytes, or a contig has 2**32 bases or more.
    """
    names = {contig: contig.encode() for contig in genome.contigs}
    for contig, length in genome.contigs.items():
        if len(names[contig]) > LONGEST_NAME or length > LONGEST_CONTIG:
            raise InputError(
                f"{contig} of {genome.path} ({length:,} bases) does not fit the 2bit format, whose names have "
                f"{LONGEST_NAME} bytes at most and whose contigs {LONGEST_CONTIG:,} bases; rename it or leave it out "
                "(column exclude)"
            )
    version, offset_format = (1, "<Q") if genome.size > LARGE else (0, "<I")
    places = {}
    with (
        atomic(destination) as temporary,
        temporary.open("wb") as handle,
        tqdm(total=2 * genome.size, unit=" bases", unit_scale=True, desc="2bit", disable=None) as bar,
    ):
        _write_numbers(handle, SIGNATURE, version, len(names), 0)
        for contig, name in names.items():
            handle.write(struct.pack("B", len(name)) + name)
            places[contig] = handle.tell()
            handle.write(bytes(struct.calcsize(offset_format)))  # filled in when it is known
        for contig in genome.contigs:
            offset = handle.tell()
            _write_contig(handle, genome, contig, bar)
            handle.seek(places[contig])
            handle.write(struct.pack(offset_format, offset))
            handle.seek(0, 2)


def _write_contig(handle: BinaryIO, genome: Genome, contig: str, bar: tqdm) -> None:
    """A record. The runs of N and of lower case stand before the bases, so that the contig is read twice."""
    unknown, lower = Runs(), Runs()
    for letters, codes in _pieces(genome, contig, bar):
        unknown.add(codes == UNKNOWN)
        lower.add(letters >= ord("a"))
    _write_numbers(handle, genome.contigs[contig])
    for runs in (unknown, lower):
        starts, ends = runs.edges()
        _write_numbers(handle, len(starts))
        handle.write(starts.astype("<u4").tobytes())
        handle.write((ends - starts).astype("<u4").tobytes())
    _write_numbers(handle, 0)
    for _, codes in _pieces(genome, contig, bar):
        bits = np.append(_BITS[codes], np.zeros(-len(codes) % 4, dtype=np.uint8)).reshape(-1, 4)
        handle.write((bits[:, 0] << 6 | bits[:, 1] << 4 | bits[:, 2] << 2 | bits[:, 3]).tobytes())


def _pieces(genome: Genome, contig: str, bar: tqdm) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Letters and codes, uint8 both, of consecutive pieces of a contig."""
    length = genome.contigs[contig]
    for start in range(0, length, PIECE):
        letters = genome.sequence(contig, start, min(start + PIECE, length)).encode("ascii")
        yield np.frombuffer(letters, dtype=np.uint8), encode(letters)
        bar.update(len(letters))


def _write_numbers(handle: BinaryIO, *numbers: int) -> None:
    handle.write(struct.pack(f"<{len(numbers)}I", *numbers))
