"""Fetching a file of a user's sheet: checked, resumed, and never half there.

Importing this module is cheap, because the Snakefile asks `is_remote` while it is parsed.
"""

import gzip
import logging
import re
import zlib
from pathlib import Path
from urllib.parse import urlsplit

from glmtracks import files
from glmtracks.errors import InputError

logger = logging.getLogger(__name__)

SCHEMES = ("http", "https", "ftp", "file")
PROVIDERS = ("ucsc", "ensembl", "ncbi")
KINDS = {
    "fasta": "a FASTA",
    "annotation": "a GFF3 or GTF",
    "vcf": "a VCF",
    "bed": "a BED",
    "assay": "a table of variants",
}
CUT_BGZIP = "{path} is cut off: its end-of-file block is missing; fetch it again or compress it anew with bgzip."

# SAM specification 4.1.2: the empty block every BGZF file ends with
_BGZIP_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
_WITH_REGION = re.compile(r"([^#]+\.vcf\.b?gz(?:\?[^#]*)?)#(.+)", re.IGNORECASE)
_HTML = re.compile(rb"\s*(<!--.*?-->\s*)?<(!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
_TITLE = re.compile(rb"<title[^>]*>\s*(.*?)\s*</title>", re.IGNORECASE | re.DOTALL)


def is_remote(source: str | Path) -> bool:
    """Whether a cell of a sheet is something to `download`, a URL or a provider id, rather than a local path."""
    return bool(re.match(r"[a-z][a-z0-9+.-]*://", str(source), re.IGNORECASE)) or _provider_id(source) is not None


def split_region(source: str) -> tuple[str, str]:
    """A source and the region after its `#`, "" where there is none: only an indexed VCF can be asked for a region.

    >>> split_region("https://host/clinvar.vcf.gz#MT:1-600")
    ('https://host/clinvar.vcf.gz', 'MT:1-600')
    """
    found = _WITH_REGION.fullmatch(source)
    return (found[1], found[2]) if found else (source, "")


def download(
    source: str,
    destination: str | Path,
    *,
    sha256: str | None = None,
    kind: str = "fasta",
    attempts: int = 6,
    wait: float = 1.0,
    stall: int = 60,
) -> str:
    """Fetch `source` to `destination`, which appears only when everything about it is right.

    What a broken connection left is kept in `destination`.part and taken up again, in this call or a later one, if the
    server says by ETag or Last-Modified that the file is still the same.

    Args:
        source: an http, https, ftp or file URL, or a provider id, such as ucsc:sacCer3, ensembl:R64-1-1 or
            ncbi:GCF_000146045.2, which genomepy resolves.
        destination: path to write.
        sha256: expected checksum of what the server sends, hexadecimal.
        kind: "fasta", "annotation", "vcf", "bed" or a word for messages; tells a provider which file is wanted.
        attempts: how often to try in all when the connection breaks or the server answers 408, 429 or 5xx.
        wait: seconds before the second attempt; doubled before each later one, 60 at most, longer (300 at most) if
            the server asks for it.
        stall: seconds at less than 100 bytes a second after which a connection counts as broken.

    Returns:
        the URL that was fetched.

    Raises:
        InputError: unknown scheme or provider id, no such file, still failing after the last attempt, a checksum that
            differs, a gzip file cut off or damaged, or an HTML page in place of data.
    """
    from glmtracks.transfer import fetch

    destination = Path(destination)
    url = _resolve(source, kind)
    part = destination.with_name(destination.name + ".part")
    with files.explain_full_disk(destination):
        destination.parent.mkdir(parents=True, exist_ok=True)
        fetch(url, part, attempts=attempts, wait=wait, stall=stall)
    try:
        check_download(part, url, sha256=sha256, kind=kind)
    except InputError:
        part.unlink()  # nothing to go on with
        raise
    part.replace(destination)
    logger.info("%s: %d bytes from %s", destination, destination.stat().st_size, url)
    return url


def check_download(path: Path, url: str, *, sha256: str | None, kind: str) -> None:
    """Raise InputError unless what came from `url` to `path` has the checksum, is whole and is no HTML page.

    Arguments as of `download`. A file that begins like gzip is decompressed to its end.
    """
    if sha256 and (found := files.sha256(path)) != sha256.lower():
        raise InputError(f"{url} has sha256 {found}, expected {sha256.lower()}; correct sha256 or the address.")
    with path.open("rb") as handle:
        compressed = handle.read(2) == b"\x1f\x8b"
    try:
        with (gzip.open if compressed else open)(path, "rb") as handle:
            beginning = handle.read(1 << 16)
            while compressed and handle.read(1 << 20):
                pass
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{url} is a damaged or cut-off gzip file ({error}); try again later.") from error
    if compressed and bgzip_is_cut(path):
        raise InputError(CUT_BGZIP.format(path=url))
    if (title := html_title(beginning)) is not None:
        wanted = KINDS.get(kind, f"the {kind} file")
        raise InputError(f"{url} served an HTML page ({title}) instead of {wanted}; check the address.")


def bgzip_is_cut(path: Path) -> bool:
    """Whether a gzip file is bgzip (a BC field in its first header) and lacks the block that must end it."""
    with path.open("rb") as handle:
        beginning = handle.read(14)
        handle.seek(-min(path.stat().st_size, len(_BGZIP_END)), 2)
        return beginning[3:4] == b"\x04" and beginning[12:] == b"BC" and handle.read() != _BGZIP_END


def html_title(beginning: bytes) -> str | None:
    """The title of an HTML page that begins so ("no title" if none), or None if this is not HTML."""
    if not _HTML.match(beginning):
        return None
    title = _TITLE.search(beginning)
    return f"title {title[1].decode('utf-8', 'replace')!r}" if title else "no title"


def _provider_id(source: str | Path) -> tuple[str, str] | None:
    found = re.fullmatch(rf"({'|'.join(PROVIDERS)}):([^/\s]+)", str(source), re.IGNORECASE)
    return (found[1].lower(), found[2]) if found else None


def _resolve(source: str, kind: str) -> str:
    if identifier := _provider_id(source):
        from glmtracks.providers import provider_url

        return provider_url(*identifier, kind)
    if urlsplit(source).scheme.lower() not in SCHEMES:
        raise InputError(f"{source} is not an address glmtracks can fetch; give one with {', '.join(SCHEMES)}.")
    return source
