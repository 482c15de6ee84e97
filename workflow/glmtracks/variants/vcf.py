"""VCF in blocks of records: what is not asked for passes through byte for byte, only INFO grows."""

import codecs
import gzip
import io
import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pysam
import pysam.bcftools
from tqdm import tqdm

from glmtracks.arrays import in_portions
from glmtracks.download import html_title
from glmtracks.errors import InputError
from glmtracks.files import atomic
from glmtracks.gzipped import explain_damage, is_gzip

FIELDS = ("CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO")
_COLUMNS = "#" + "\t".join(FIELDS)
_BLOCK = 4 << 20  # bytes of text; by size, because a record may hold a few bytes or thousands of genotypes
_BASES = 4 * _BLOCK  # of REF, once for each ALT, as the alleles of a block hold them


@dataclass
class Vcf:
    """An open VCF.

    Attributes:
        header: lines that begin with ##, without line ends.
        columns: the line that begins with #CHROM.
        blocks: tables of consecutive records, all columns binary: `FIELDS`, and SAMPLES, which is FORMAT with all
            that follows it (null where there is none).
    """

    header: list[bytes]
    columns: bytes
    blocks: Iterator[pa.Table]


@contextmanager
def open_vcf(path: str | Path) -> Iterator[Vcf]:
    """Open a VCF (plain, gzip or bgzip) or BCF for one pass over its records; lines may end with CRLF.

    Raises:
        InputError: not a VCF, cut off, a record with a wrong number of columns.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path} does not exist; give the path of a VCF or BCF file")
    with ExitStack() as stack:
        stack.enter_context(explain_damage(path))
        raw = stack.enter_context(path.open("rb"))
        handle = io.BufferedReader(stack.enter_context(gzip.open(raw)), 1 << 20) if is_gzip(path) else raw
        if handle.peek(3).startswith(b"BCF"):
            folder = Path(stack.enter_context(TemporaryDirectory()))
            handle = raw = stack.enter_context(_as_text(path, folder / "text.vcf").open("rb"))
        progress = stack.enter_context(
            tqdm(total=os.fstat(raw.fileno()).st_size, unit="B", unit_scale=True, desc=path.name, disable=None)
        )
        header, columns = _read_header(path, handle)
        width = columns.count(b"\t") + 1
        yield Vcf(header, columns, _read_blocks(path, handle, width, lambda: progress.update(raw.tell() - progress.n)))


def _as_text(path: Path, text: Path) -> Path:
    try:
        with atomic(text) as temporary:
            pysam.bcftools.view("--no-version", "-Ov", "-o", str(temporary), str(path), catch_stdout=False)
    except pysam.SamtoolsError as error:
        raise InputError(f"{path} is a damaged BCF file ({' '.join(str(error).split())}); fetch it again") from error
    return text


def _read_header(path: Path, handle: io.BufferedReader) -> tuple[list[bytes], bytes]:
    """The lines that begin with ##, and the line of column names."""
    if handle.peek(3).startswith(codecs.BOM_UTF8):  # from an editor
        handle.read(len(codecs.BOM_UTF8))
    beginning = handle.peek(1)
    if (title := html_title(beginning)) is not None:
        raise InputError(f"{path} is an HTML page ({title}), not a VCF; fetch the file itself")
    if not beginning.startswith(b"##fileformat=VCF"):
        shown = beginning[:30].decode("ascii", "replace")
        raise InputError(f"{path} is not a VCF: it begins with {shown!r} instead of ##fileformat=VCF")
    header = []
    for line in handle:
        line = line.rstrip(b"\r\n")
        if not line.startswith(b"##"):
            break
        header.append(line)
    if line.split(b"\t")[: len(FIELDS)] != _COLUMNS.encode().split(b"\t"):
        shown = line[:60].decode("ascii", "replace")
        raise InputError(f"{path} has {shown!r} where its header should end with the tab-separated line {_COLUMNS!r}")
    return header, line


def _read_blocks(
    path: Path, handle: io.BufferedReader, width: int, show_progress: Callable[[], object]
) -> Iterator[pa.Table]:
    records = 0
    for text in _whole_lines(handle):
        text = text.replace(b"\r\n", b"\n").rstrip(b"\n")
        if text:
            table = _split(path, pa.array(text.split(b"\n")), width, records)
            alts = np.asarray(pc.count_substring(table["ALT"], ",")) + 1
            for some in in_portions(alts * np.asarray(pc.binary_length(table["REF"]), np.int64), _BASES):
                yield table.slice(some.start, some.stop - some.start)
            records += table.num_rows
        show_progress()


def _whole_lines(handle: io.BufferedReader) -> Iterator[bytes]:
    """The rest of a file in pieces of about `_BLOCK` bytes that end where a line does."""
    begun = []
    while text := handle.read(_BLOCK):
        end = text.rfind(b"\n") + 1
        if end:
            yield b"".join([*begun, text[:end]])
            begun = []
        begun.append(text[end:])
    yield b"".join(begun)


def _split(path: Path, lines: pa.Array, width: int, records: int) -> pa.Table:
    wrong = np.asarray(pc.count_substring(lines, "\t")) != width - 1
    if wrong.any():
        row = int(np.argmax(wrong))
        line = lines[row].as_py()
        values = line.count(b"\t") + 1
        raise InputError(
            f"record {records + row + 1} of {path} has {values} tab-separated columns where its "
            f"header has {width} (it begins with {line[:40].decode('ascii', 'replace')!r}); is the file cut off?"
        )
    fields = pc.split_pattern(lines, "\t", max_splits=len(FIELDS))
    columns = {name: pc.list_element(fields, index) for index, name in enumerate(FIELDS)}
    samples = pc.list_element(fields, len(FIELDS)) if width > len(FIELDS) else pa.nulls(len(lines), pa.binary())
    return pa.table(columns | {"SAMPLES": samples})


def header_ids(header: list[bytes], key: str) -> set[str]:
    """IDs of the header lines of one kind, such as the names in `##contig=<ID=...>`."""
    pattern = re.compile(rb"##" + key.encode() + rb"=<(?:[^\"]*,)?ID=([^,>]+)", re.IGNORECASE)
    return {found[1].decode(errors="replace") for line in header if (found := pattern.match(line))}


def header_text(vcf: Vcf, added: list[str]) -> bytes:
    """The header of `vcf` with the lines `added` at its end."""
    return b"\n".join([*vcf.header, *(line.encode() for line in added), vcf.columns]) + b"\n"


def replace_header(path: Path, text: bytes) -> None:
    """Give a bgzip VCF another header, without compressing its records again."""
    header, renewed = path.with_name("header.txt"), path.with_name("renewed.vcf.gz")
    header.write_bytes(text)
    pysam.bcftools.reheader("-h", str(header), "-o", str(renewed), str(path), catch_stdout=False)
    renewed.replace(path)


def write_records(handle: pysam.BGZFile, block: pa.Table, added: pa.Array) -> None:
    """Write the records of a block; `added` (string, one per record) is appended to their INFO."""
    info = block["INFO"]
    if pc.any(pc.ends_with(info, b";")).as_py():  # an empty entry; rare, and costly to look for in all
        info = pc.replace_substring_regex(info, ";+$", "")
    info = pc.if_else(pc.is_in(info, pa.array([b".", b""])), None, info)
    info = pc.binary_join_element_wise(info, added.cast(pa.binary()), b";", null_handling="skip")
    columns = [info if name == "INFO" else block[name] for name in block.column_names]
    lines = pc.binary_join_element_wise(*columns, b"\t", null_handling="skip")
    for chunk in pc.binary_join_element_wise(lines, b"\n", b"").chunks:  # its bytes are the lines, one after the other
        _, offsets, data = chunk.buffers()
        first, last = np.frombuffer(offsets, np.int32)[[chunk.offset, chunk.offset + len(chunk)]].tolist()
        handle.write(data.slice(first, last - first).to_pybytes())


class Order:
    """Checks that records come sorted, as an index needs them: each contig once, positions never going back."""

    def __init__(self, path: str | Path):
        self.path = path
        self.records = 0
        self._seen: dict[str, None] = {}
        self._last = 0

    def check(self, names: list[str], codes: np.ndarray, positions: np.ndarray) -> None:
        """Check the next block of records.

        Args:
            names: contigs, as written.
            codes: int (n,), the contig of every record as an index into `names`.
            positions: int64 (n,), 1-based.

        Raises:
            InputError: naming the first record out of order.
        """
        begins = np.concatenate([[0], np.flatnonzero(np.diff(codes)) + 1])
        previous = np.concatenate([[self._last], positions[:-1]])
        current = next(reversed(self._seen), None)
        for begin in begins:
            name = names[codes[begin]]
            if name != current:
                if name in self._seen:
                    raise self._unsorted(begin, name, positions[begin], f"{current}, though {name} was left before")
                previous[begin] = 0
                self._seen[name] = None
                current = name
        if (positions < previous).any():
            row = int(np.argmax(positions < previous))
            raise self._unsorted(row, names[codes[row]], positions[row], f"position {previous[row]}")
        self._last = positions[-1]
        self.records += len(positions)

    def _unsorted(self, row: int, name: str, position: int, after: str) -> InputError:
        return InputError(
            f"record {self.records + row + 1} of {self.path} ({name}:{position}) comes after {after}; an index needs "
            f"sorted records: bcftools sort -Oz -o sorted.vcf.gz {self.path} (its header must name every contig, as in "
            f"##contig=<ID={name}>)"
        )
