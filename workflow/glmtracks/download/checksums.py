"""Checksums of whole files: those that sheets name, and those that providers publish beside what they serve."""

import hashlib
import logging
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from urllib.parse import unquote, urlsplit

from glmtracks.errors import InputError

logger = logging.getLogger(__name__)

DIGITS = {"sha256": 64, "md5": 32}
# what providers call the list of a folder's checksums, by the end of their host's name
_LISTS = {
    "ucsc.edu": ["md5sum.txt"],
    "ensembl.org": ["CHECKSUMS"],
    "ensemblgenomes.org": ["CHECKSUMS"],
    "ncbi.nlm.nih.gov": ["md5checksums.txt"],
    "ebi.ac.uk": ["CHECKSUMS", "MD5SUMS"],
}
_MD5_LINE = re.compile(r"([0-9a-fA-F]{32})(?:\s+\*?(\S+))?")
_SUM_LINE = re.compile(r"(\d{1,5})\s+(\d+)\s+(\S+)")


@dataclass(frozen=True)
class Checksum:
    """What a file must be: `algorithm` is sha256, md5 or sum (of BSD, with the size in blocks of 1024 bytes)."""

    algorithm: str
    value: str

    def __str__(self) -> str:
        return f"{self.algorithm} {self.value}"

    def of(self, path: Path) -> "Checksum | None":
        """The checksum of a file by the same algorithm; None where this machine has no means to find it."""
        if self.algorithm == "sum":
            return _bsd_sum(path)
        return Checksum(self.algorithm, digests(path, self.algorithm)[self.algorithm])


def parse_checksum(text: str | None) -> Checksum | None:
    """The checksum in a cell of a sheet, 64 hexadecimal digits of SHA-256 or 32 of MD5; None if the cell is empty.

    >>> parse_checksum("md5:D41D8CD98F00B204E9800998ECF8427E")
    Checksum(algorithm='md5', value='d41d8cd98f00b204e9800998ecf8427e')

    Raises:
        InputError: it has another form.
    """
    if not text:
        return None
    named, _, digits = text.strip().lower().rpartition(":")
    for algorithm, length in DIGITS.items():
        if named in ("", algorithm) and re.fullmatch(f"[0-9a-f]{{{length}}}", digits):
            return Checksum(algorithm, digits)
    raise InputError(f"{text!r} is no checksum; give 64 hexadecimal digits of SHA-256 or 32 of MD5.")


def digests(path: str | Path, *algorithms: str) -> dict[str, str]:
    """Hexadecimal digests of a file by several algorithms, which is read once."""
    found = {name: hashlib.new(name, usedforsecurity=False) for name in algorithms}
    with open(path, "rb") as handle:
        while block := handle.read(1 << 20):
            for digest in found.values():
                digest.update(block)
    return {name: digest.hexdigest() for name, digest in found.items()}


def check(path: Path, expected: Checksum, name: str | Path, way_out: str) -> None:
    """Raise InputError, which calls the file `name` and ends with `way_out`, unless `path` has the checksum."""
    found = expected.of(path)
    if found is None:
        logger.warning("%s: not compared with its %s, for which the command sum is needed", name, expected)
    elif found != expected:
        raise InputError(f"{name} has {found}, expected {expected.value}; {way_out}")


def published(url: str, get: Callable[[str, Path], None]) -> tuple[Checksum, str] | None:
    """The checksum that a provider publishes beside a file, and the URL of what holds it; None if there is none.

    {url}.md5 is looked for, and at UCSC, Ensembl, NCBI and EBI the list that they put into each folder.

    Args:
        url: the file's own URL, not a mirror's.
        get: fetches a URL to a path; whatever InputError it raises is taken for "there is none".
    """
    with TemporaryDirectory() as folder:
        for beside in _beside(url):
            path = Path(folder) / PurePosixPath(_path(beside)).name
            try:
                get(beside, path)
            except InputError as error:
                logger.info("no checksum from %s", error)
                continue
            if found := _find(path, PurePosixPath(_path(url)).name):
                return found, beside
    return None


def _path(url: str) -> str:
    return unquote(urlsplit(url).path)


def _beside(url: str) -> Iterator[str]:
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    lists = next((names for end, names in _LISTS.items() if f".{host}".endswith(f".{end}")), [])
    for path in [parts.path + ".md5", *(parts.path.rpartition("/")[0] + f"/{name}" for name in lists)]:
        yield parts._replace(path=path).geturl()


def _find(path: Path, file: str) -> Checksum | None:
    """The checksum of `file` in a list of lines "md5 name" or "sum blocks name", or of a single file without a name.

    What stands alone beside a file may call it otherwise, as {file}.md5 of ClinVar's latest VCF by its date, but not
    with another suffix: some give the checksum of what is inside a gzip.
    """
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    alone = path.name == f"{file}.md5" and len(lines) == 1
    for line in lines:
        if found := _MD5_LINE.fullmatch(line.strip()):
            named = PurePosixPath(found[2] or file)
            if named.name == file or (alone and named.suffixes[-2:] == PurePosixPath(file).suffixes[-2:]):
                return Checksum("md5", found[1].lower())
        elif (found := _SUM_LINE.fullmatch(line.strip())) and PurePosixPath(found[3]).name == file:
            return Checksum("sum", f"{int(found[1])} {int(found[2])}")
    return None


def _bsd_sum(path: Path) -> Checksum | None:
    """By the command sum, since its algorithm goes byte by byte, which Python takes minutes for.

    Without -r, which is its default, and an option that the command of macOS does not know.
    """
    try:
        with path.open("rb") as handle:
            said = subprocess.run(["sum"], stdin=handle, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    number, blocks = map(int, said.split()[:2])
    return Checksum("sum", f"{number} {blocks}")
