"""A region of an indexed VCF, here or on a server, without the rest of the file.

The blocks that hold the region are fetched by Range requests of the client that fetches everything else, so they are
tried again, resumed and checked like any download; htslib's own remote reading does none of this.
"""

import itertools
import logging
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from glmtracks.download import download, is_remote, split_region
from glmtracks.download.mirrors import mirrored
from glmtracks.download.transfer import Absent, Answer, fetch
from glmtracks.errors import InputError
from glmtracks.files import atomic, write_json
from glmtracks.gzipped import write_bgzip
from glmtracks.tabix import BLOCK, Index, Region, parse_regions, read_text, write_index

logger = logging.getLogger(__name__)

_GAP = 1 << 18  # bytes; what lies between is fetched too where two requests would cost more
_END = re.compile(rb"(?:^|;)END=(\d+)")
_LENGTHS = re.compile(rb"(?:^|;)SVLEN=([^;]*)")  # one for each ALT
_STRETCH = re.compile(rb"<(?:DEL|DUP|INV|CNV)[:>]")  # ALTs of which it tells how much of the contig they concern


def cut_vcf(
    source: str,
    vcf_out: str | Path,
    provenance_out: str | Path,
    *,
    mirrors: Mapping[str, str] | None = None,
    attempts: int = 6,
    wait: float = 1.0,
    stall: int = 60,
) -> None:
    """Write the records of a region of an indexed VCF, byte for byte as they are, under its own header.

    As with tabix, a record belongs to a region if its REF, or the stretch that INFO/END or SVLEN tells, shares a base
    with it; POS 0, the telomere, counts as the first base.

    Args:
        source: path or URL of a bgzip VCF with a .tbi or .csi beside it, `#`, and regions: a list separated by commas
            of contig or contig:start-end (1-based, both ends included), in the file's own names of contigs.
        vcf_out: bgzip VCF; its index is written to `vcf_out`.tbi.
        provenance_out: JSON: url, mirror (what served it, null where that is url), index, region, fetched (UTC),
            version and size of the whole file (null where the server does not tell), bytes that were fetched of it,
            records.
        mirrors, attempts, wait, stall: as of `glmtracks.download.download`.

    Raises:
        InputError: no index, no such contig, a server that does not serve parts of files, damaged data, or what
            `glmtracks.download.download` raises.
    """
    address, text = split_region(source)
    url = address if is_remote(address) else Path(address).resolve().as_uri()
    served = mirrored(url, mirrors or {})
    patience = {"attempts": attempts, "wait": wait, "stall": stall}
    with TemporaryDirectory() as folder, atomic(vcf_out) as vcf, atomic(f"{vcf_out}.tbi") as tbi:
        index_url, index_file = _fetch_index(url, Path(folder), mirrors, patience)
        remote = _Remote(served, Path(folder), patience)
        try:
            records = _cut(remote, Index(index_file), parse_regions(text), vcf)
        except InputError as error:
            raise error if served in str(error) else InputError(f"{served}: {error}.") from error
        write_index(vcf, tbi, preset="vcf")
    answer = remote.answer
    write_json(
        provenance_out,
        {
            "url": url,
            "mirror": served if served != url else None,
            "index": index_url,
            "region": text,
            "fetched": datetime.now(UTC).isoformat(timespec="seconds"),
            "version": answer.version,
            "size": answer.size,
            "bytes": remote.bytes,
            "records": records,
        },
    )
    logger.info("%s: %d records of %s, %d bytes from %s", vcf_out, records, text, remote.bytes, served)


def _fetch_index(url: str, folder: Path, mirrors: Mapping[str, str] | None, patience: dict) -> tuple[str, Path]:
    """The index beside a VCF: its URL and a copy."""
    for suffix in (".tbi", ".csi"):
        path = urlsplit(url).path
        beside = urlsplit(url)._replace(path=path + suffix).geturl()
        file = folder / f"{Path(path).name}{suffix}"
        try:
            return download(beside, file, kind="index", mirrors=mirrors, **patience), file
        except Absent as error:
            absent = error
    raise InputError(
        f"{url} has neither .tbi nor .csi beside it, which a region needs ({absent}); "
        "make an index with tabix -p vcf, or leave out # and what follows it."
    )


def _cut(remote: "_Remote", index: Index, regions: list[Region], vcf: Path) -> int:
    """Write header and records to `vcf`; how many records there were."""
    chunks = index.chunks(regions)
    header = b"".join(remote.text([(0, index.first)]))
    if not header.startswith(b"##fileformat=VCF") or b"\n#CHROM\t" not in header:
        raise InputError("does not begin with the header of a VCF; check the address")
    records = 0
    with write_bgzip(vcf) as handle:
        handle.write(header)
        for line in _lines(remote.text(chunks)):
            if _wanted(line, regions):
                handle.write(line)
                records += 1
    if not records:
        logger.warning("%s has no record in the region that was asked for", remote.url)
    return records


def _lines(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Whole lines, with their ends, of text that comes in blocks."""
    begun: list[bytes] = []  # of a line of hundreds of blocks, as one of a biobank's samples, which are joined but once
    for block in blocks:
        *ends, rest = block.split(b"\n")
        for end in ends:
            yield b"".join([*begun, end, b"\n"])
            begun = []
        begun.append(rest)
    if any(begun):
        yield b"".join([*begun, b"\n"])


def _wanted(line: bytes, regions: list[Region]) -> bool:
    """Whether a record overlaps one of the regions."""
    try:
        contig, position, _, ref, alts, _, _, info = line.rstrip(b"\r\n").split(b"\t", 8)[:8]
        start = max(int(position) - 1, 0)
    except ValueError:
        shown = line[:60].decode("ascii", "replace")
        raise InputError(f"{shown!r} is no record of a VCF; file and index may not belong together") from None
    named, told = _END.search(info), _LENGTHS.search(info)
    width = max(len(ref), _stretch(alts, told[1]) if told else 0)
    end = max(start + width, int(named[1]) if named else 0)
    return any(region.contig == contig.decode(errors="replace") and region.overlaps(start, end) for region in regions)


def _stretch(alts: bytes, lengths: bytes) -> int:
    """How many bases the longest of the ALTs concerns that name a stretch of the contig, 0 where none does."""
    pairs = zip(alts.split(b","), lengths.split(b","), strict=False)
    sizes = (re.fullmatch(rb"-?(\d{1,18})", length) for alt, length in pairs if _STRETCH.match(alt))
    return max((int(size[1]) for size in sizes if size), default=0)


class _Remote:
    """A bgzip file that is read in pieces.

    Attributes:
        answer: what the server says of the file.
        bytes: how many were fetched.
    """

    def __init__(self, url: str, folder: Path, patience: dict):
        self.url, self._folder, self._patience = url, folder, patience
        self.answer: Answer | None = None
        self.bytes = 0

    def text(self, chunks: list[tuple[int, int]]) -> Iterator[bytes]:
        """The text of stretches of the file, given by virtual offsets in ascending order."""
        for group in _grouped(chunks):
            first, last = group[0][0] >> 16, group[-1][1]
            piece = self._fetch(first, (last >> 16) + (BLOCK if last & 0xFFFF else 0))
            yield from itertools.chain.from_iterable(read_text(piece, first, *chunk) for chunk in group)
            piece.unlink()

    def _fetch(self, first: int, end: int) -> Path:
        piece = self._folder / "piece"
        answer = fetch(self.url, piece, span=(first, end), **self._patience)
        self.bytes += piece.stat().st_size
        if self.answer not in (None, answer):
            raise InputError(f"{self.url} changed while it was fetched; run again.")
        self.answer = answer
        return piece


def _grouped(chunks: list[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    """Chunks that are worth one request each."""
    group: list[tuple[int, int]] = []
    for chunk in chunks:
        if group and (chunk[0] >> 16) - (group[-1][1] >> 16) > _GAP:
            yield group
            group = []
        group.append(chunk)
    if group:
        yield group
