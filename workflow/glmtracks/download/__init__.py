"""Fetching a file of a user's sheet: checked, resumed, and never half there.

Importing this module is cheap, because the Snakefile asks `is_remote` while it is parsed.
"""

import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from glmtracks import files
from glmtracks.download.checksums import Checksum, check, parse_checksum, published
from glmtracks.download.mirrors import mirrored
from glmtracks.errors import InputError
from glmtracks.gzipped import is_gzip, open_plain_or_gzip

logger = logging.getLogger(__name__)

SCHEMES = ("http", "https", "ftp", "s3", "file")
PROVIDERS = ("ucsc", "ensembl", "ncbi")
KINDS = {
    "fasta": "a FASTA",
    "annotation": "a GFF3 or GTF",
    "vcf": "a VCF",
    "bed": "a BED",
    "assay": "a table of variants",
}

LARGEST_LIST = 1 << 22  # bytes of a list of checksums
_CORRECT = "correct sha256 or the address."
_WITH_CHECKSUM = ("fasta", "vcf")  # the kinds of files that sheets have a column sha256 for
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
    checksum: str | None = None,
    kind: str = "fasta",
    provenance_out: str | Path | None = None,
    cache: str | Path = "",
    mirrors: Mapping[str, str] | None = None,
    attempts: int = 6,
    wait: float = 1.0,
    stall: int = 60,
) -> str:
    """Fetch `source` to `destination`, which appears only when everything about it is right.

    What a broken connection left is kept in `destination`.part and taken up again, in this call or a later one, if the
    server says by ETag or Last-Modified that the file is still the same. Where no checksum is given, one that the
    provider publishes beside the file is looked for. Proxies are those of curl's environment variables.

    Args:
        source: an http, https, ftp, s3 or file URL, or a provider id, such as ucsc:sacCer3, ensembl:R64-1-1 or
            ncbi:GCF_000146045.2, which genomepy resolves.
        destination: path to write.
        checksum: expected checksum of what the server sends, as `glmtracks.download.checksums.parse_checksum` reads it.
        kind: "fasta", "annotation", "vcf", "bed", "index" or a word for messages; tells a provider which file is
            wanted. An index has no checksum beside it.
        provenance_out: JSON to write: source, url, mirror (what served it, null where that is url), cache (whether it
            came from there), fetched (UTC), version (of the server), bytes, sha256, compared (with which checksum) and
            published (where that was found, null for one of the sheet).
        cache: folder that holds files by their checksums (`glmtracks.download.cache`); "" = none.
        mirrors: beginnings of URLs and what to fetch from in their place (`glmtracks.download.mirrors`).
        attempts: how often to try in all when the connection breaks or the server answers 408, 429 or 5xx.
        wait: seconds before the second attempt; doubled before each later one, 60 at most, longer (300 at most) if
            the server asks for it.
        stall: seconds at less than 100 bytes a second after which a connection counts as broken.

    Returns:
        the URL that was meant, whichever mirror served it.

    Raises:
        InputError: unknown scheme or provider id, no such file, still failing after the last attempt, a checksum that
            differs, a gzip file cut off or damaged, or an HTML page in place of data.
    """
    from glmtracks.download.cache import put, take

    destination, patience = Path(destination), {"attempts": attempts, "wait": wait, "stall": stall}
    expected, beside = parse_checksum(checksum), None
    url = _resolve(source, kind)
    address = mirrored(url, mirrors or {})
    if expected is None and kind != "index":
        expected, beside = _published(url, mirrors or {}, patience)
    with files.explain_full_disk(destination):
        destination.parent.mkdir(parents=True, exist_ok=True)
        held = bool(cache and expected) and take(cache, expected, destination)
        version = None if held else _fetch_checked(address, destination, expected, beside, kind, patience)
        if cache and not held:
            put(cache, destination)
    if provenance_out:
        record = {"source": source, "url": url, "mirror": address if address != url else None, "cache": held}
        record |= {"fetched": datetime.now(UTC).isoformat(timespec="seconds"), "version": version}
        known = expected.value if expected and expected.algorithm == "sha256" else files.sha256(destination)
        record |= {"bytes": destination.stat().st_size, "sha256": known}
        files.write_json(provenance_out, record | {"compared": expected and str(expected), "published": beside})
    logger.info("%s: %d bytes from %s", destination, destination.stat().st_size, "the cache" if held else address)
    return url


def _published(url: str, mirrors: Mapping[str, str], patience: dict) -> tuple[Checksum | None, str | None]:
    """The checksum beside a file and where it was found."""
    from glmtracks.download.transfer import fetch

    def get(beside: str, path: Path) -> None:
        few = patience | {"attempts": min(patience["attempts"], 2)}
        fetch(mirrored(beside, mirrors), path, span=(0, LARGEST_LIST), **few)

    found, beside = published(url, get) or (None, None)
    logger.info("%s: %s", url, f"to be compared with {found} of {beside}" if found else "no checksum beside it")
    return found, beside


def _fetch_checked(
    address: str, destination: Path, expected: Checksum | None, beside: str | None, kind: str, patience: dict
) -> str | None:
    """Fetch to `destination` what passes all checks; the version that the server gives it."""
    from glmtracks.download.transfer import fetch

    part = destination.with_name(destination.name + ".part")
    answer = fetch(address, part, **patience)
    try:
        check_download(part, address, expected=expected, beside=beside, kind=kind)
    except InputError:
        part.unlink()  # nothing to go on with
        raise
    part.replace(destination)
    return answer.version


def check_download(
    path: Path, url: str, *, expected: Checksum | None = None, beside: str | None = None, kind: str
) -> None:
    """Raise InputError unless what came from `url` to `path` has the checksum, is whole and is no HTML page.

    A file that begins like gzip is decompressed to its end.

    Args:
        expected: its checksum, from a sheet or from the URL `beside`.
        kind: as of `download`.
    """
    compressed = is_gzip(path, name=url)
    with open_plain_or_gzip(path, name=url) as handle:
        if (title := html_title(handle.read(1 << 16))) is not None:  # has no checksum that anybody should look at
            wanted = KINDS.get(kind, f"the {kind} file")
            raise InputError(f"{url} served an HTML page ({title}) instead of {wanted}; check the address.")
        if expected:
            has_column = kind in _WITH_CHECKSUM
            better = "give sha256 if you know better" if has_column else "fetch it yourself and give its path"
            way_out = f"so says {beside}; try again later, or {better}." if beside else _CORRECT
            check(path, expected, url, way_out)
            logger.info("%s: %s is right", url, expected)
        while compressed and handle.read(1 << 20):
            pass


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
        from glmtracks.download.providers import provider_url

        return provider_url(*identifier, kind)
    if problem := wrong_scheme(source):
        raise InputError(f"{problem}.")
    return source


def wrong_scheme(source: str) -> str | None:
    """What is wrong with the scheme or the brackets of a URL, if anything; provider ids have neither."""
    try:
        if "://" not in source or urlsplit(source).scheme.lower() in SCHEMES:
            return None
    except ValueError as error:  # only IPv6 may stand in brackets
        return f"{source!r} is not an address ({error}); correct it"
    known = f"{', '.join(SCHEMES[:-1])} or {SCHEMES[-1]}"
    return f"{source!r} is not an address glmtracks can fetch; give one that begins with {known}"
