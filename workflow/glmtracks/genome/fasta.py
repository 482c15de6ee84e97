"""Any FASTA in one canonical form: bgzip, indexed, 60 bases a line, everything about it checked and counted."""

import hashlib
import json
import logging
import platform
import re
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

import numpy as np
import pysam

from glmtracks import __version__, files
from glmtracks.download.checksums import Checksum, check, parse_checksum
from glmtracks.errors import InputError
from glmtracks.genome.fasta_reader import read_records, show
from glmtracks.gzipped import write_bgzip

logger = logging.getLogger(__name__)

LINE = 60
LONGEST_NAME = 240  # of a contig, as it stands in the names of files, which file systems limit to 255
LONGEST_CONTIG = (1 << 31) - 1  # bases; pysam counts no further
LEVEL = 4  # of compression: 4 % larger than the usual 6, in a fifth of the time
# IUPAC nucleotide codes; Q, E, I, L, F, P, Z, J, O and * are not among them but frequent in proteins
NUCLEOTIDES = b"ACGTURYSWKMBDHVNacgturyswkmbdhvn"
PROTEIN_ONLY = b"QEILFPZJO*qeilfpzjo"
SPACES = b" \t\n"

_LOWER = np.arange(ord("a"), ord("z") + 1)
_DEFINED = np.frombuffer(b"ACGTUacgtu", dtype=np.uint8)
_ILLEGAL = np.setdiff1d(np.arange(256), np.frombuffer(NUCLEOTIDES, dtype=np.uint8))
_ILLEGAL_PATTERN = re.compile(rb"[^" + NUCLEOTIDES + SPACES + rb"]")


def normalise(
    source: str | Path,
    fasta_out: str | Path,
    *,
    sizes_out: str | Path,
    provenance_out: str | Path,
    include: str = "",
    exclude: str = "",
    exclude_title: str = "",
    circular: str = "",
    checksum: str | None = None,
    origin: str | None = None,
    downloaded: str | Path | None = None,
) -> dict:
    """Write the contigs of a FASTA as bgzip with .fai, .gzi and .circular, their sizes, and where they come from.

    The source may be plain, gzip, bgzip or a tar archive (told by content, not by name), with any line ends and
    lengths. Names are the first word of the header. Letters stay as they are: case (the soft mask), IUPAC codes, U.
    Memory does not grow with the length of a contig, and the same source gives the same bytes. Outputs appear together
    or not at all.

    Args:
        source: path of the FASTA.
        fasta_out: path of the bgzip FASTA; the indexes get its name plus .fai and .gzi, and the list of circular
            contigs, one name a line, its name plus .circular.
        sizes_out: path of the table of contig name and length in bases, tab-separated, in the order of the source.
        provenance_out: path of a JSON file, the returned dictionary.
        include: regular expression searched for anywhere in a name (anchor with ^ and $ for whole names); contigs
            without a match are left out. Empty keeps all.
        exclude: likewise; contigs with a match are left out, even when included. Empty leaves out none.
        exclude_title: likewise for the whole header, name and description, in either case: where a release names
            species, say, only there.
        circular: likewise; contigs with a match are circles, whose last base is followed by their first.
        checksum: expected checksum of the source file, as `glmtracks.download.checksums.parse_checksum` reads it.
        origin: where the source came from, for the provenance; the path if not given.
        downloaded: JSON that `glmtracks.download.download` wrote of it, to be kept in the provenance.

    Returns:
        origin, sha256 of the source, what its download said (or None), its time (UTC; when it was downloaded or last
        changed), sha256 of the uncompressed FASTA written, counts of contigs, contigs left out, bases, lower-case bases
        and undefined bases (neither A, C, G, T nor U) and of circular contigs, patterns, and tool versions.

    Raises:
        InputError: the checksum differs; the file is missing, empty, cut off, or not a FASTA of nucleotides; a contig
            has no sequence, 2**31 bases or more, or a name that is taken, as it is by one that differs only in case
            where the file system ignores it; a pattern is not a regular expression or leaves no contig.
    """
    source, fasta_out = Path(source), Path(fasta_out)
    patterns = {"include": include, "exclude": exclude, "exclude_title": exclude_title, "circular": circular}
    compiled = {key: _compile(key, pattern) for key, pattern in patterns.items()}
    found = _checked_sha256(source, checksum)
    outputs = (fasta_out, f"{fasta_out}.fai", f"{fasta_out}.gzi", f"{fasta_out}.circular", sizes_out)
    with ExitStack() as stack:
        fasta, fai, gzi, circles, sizes = (stack.enter_context(files.atomic(path)) for path in outputs)
        canonical = _CanonicalFasta(source, partial(_keep, compiled))
        with write_bgzip(fasta, f"wb{LEVEL}") as handle:
            canonical.write(handle)
        _check_case(source, canonical.lengths, fasta_out.parent)
        pysam.faidx(str(fasta), "--fai-idx", str(fai), "--gzi-idx", str(gzi))
        sizes.write_text("".join(f"{name}\t{length}\n" for name, length in canonical.lengths.items()), encoding="utf-8")
        rings = [name for name in canonical.lengths if compiled["circular"] and compiled["circular"].search(name)]
        circles.write_text("".join(f"{name}\n" for name in rings), encoding="utf-8")
        provenance = {
            "origin": str(origin or source),
            "sha256": found,
            "download": json.loads(Path(downloaded).read_text(encoding="utf-8")) if downloaded else None,
            "time": datetime.fromtimestamp(int(source.stat().st_mtime), UTC).isoformat(),
            **patterns,
            **canonical.summary(),
            "circular_contigs": len(rings),
            "versions": _versions(),
        }
        files.write_json(stack.enter_context(files.atomic(provenance_out)), provenance)
    logger.info(
        "%s: contigs %d (circular %d, left out %d), bases %d (lower case %d, undefined %d)",
        *(provenance[key] for key in ("origin", "contigs", "circular_contigs", "left_out")),
        *(provenance[key] for key in ("bases", "lower_case", "undefined")),
    )
    if circular and not rings:
        logger.warning(
            "%s: circular, %r, matches no contig (the first is %s), so none is read as a circle; correct the pattern",
            *(provenance["origin"], circular, next(iter(canonical.lengths))),
        )
    return provenance


class _CanonicalFasta:
    """The kept contigs of a FASTA on their way to a file, with everything counted on the way."""

    def __init__(self, source: Path, keep: Callable[[str, str], bool]):
        self.source, self.keep = source, keep
        self.lengths: dict[str, int] = {}
        self.left_out: list[str] = []
        self.letters = np.zeros(256, dtype=np.int64)
        self.digest = hashlib.sha256()
        self._name: str | None = None  # the kept contig being read
        self._rest = b""  # its bases that do not fill a line yet

    def write(self, handle: BinaryIO) -> None:
        self._handle = handle
        line = 0
        for header, text in read_records(self.source):
            if header is not None:
                line += 1
                self._end_contig()
                self._begin_contig(header, line)
                line += 1
            if self._name is not None:
                self._add(text, line)
            line += text.count(b"\n")
        self._end_contig()
        if not self.lengths:
            names = ", ".join(self.left_out[:5]) + (", …" if len(self.left_out) > 5 else "")
            raise InputError(
                f"{self.source}: the include, exclude and exclude_title patterns leave no contig; there are {names}."
            )

    def summary(self) -> dict:
        return {
            "sequence_sha256": self.digest.hexdigest(),
            "contigs": len(self.lengths),
            "left_out": len(self.left_out),
            "bases": int(self.letters.sum()),
            "lower_case": int(self.letters[_LOWER].sum()),
            "undefined": int(self.letters.sum() - self.letters[_DEFINED].sum()),
        }

    def _begin_contig(self, header: bytes, line: int) -> None:
        words = header.split(None, 1)
        # what SAM, BED, tabix and tables can carry: printable ASCII, not like a comment, without "
        if not words or header[:1].isspace() or not re.fullmatch(rb"(?!#)[!#-~]+", words[0]):
            raise InputError(
                f"{self.source}, line {line}: the header {show(b'>' + header)} does not begin with a name in "
                "plain ASCII without quotation marks; give every contig one."
            )
        name = words[0].decode("ascii")
        if not self.keep(name, header.decode("latin-1")):
            self.left_out.append(name)
            return
        if len(quote(name, safe="")) > LONGEST_NAME:
            raise InputError(
                f"{self.source}, line {line}: the name {show(words[0])} is too long to name a file by; shorten it."
            )
        if name in self.lengths:
            raise InputError(f"{self.source}, line {line}: a second contig is called {name}; rename one of the two.")
        self.lengths[name] = 0
        self._name = name
        self._put(b">" + words[0] + b"\n")

    def _add(self, text: bytes, line: int) -> None:
        bases = text.translate(None, SPACES)
        counts = np.bincount(np.frombuffer(bases, dtype=np.uint8), minlength=256)
        if counts[_ILLEGAL].any():
            raise self._illegal(text, line, counts)
        self.letters += counts
        self.lengths[self._name] += len(bases)
        if self.lengths[self._name] > LONGEST_CONTIG:
            raise InputError(
                f"{self.source}: contig {self._name} has more than {LONGEST_CONTIG:,} bases, and an indexed FASTA is "
                "read no farther; cut it in two, or leave it out (column exclude)."
            )
        bases = self._rest + bases
        full = len(bases) // LINE * LINE
        lines = np.frombuffer(bases, dtype=np.uint8, count=full).reshape(-1, LINE)
        self._put(np.pad(lines, ((0, 0), (0, 1)), constant_values=ord("\n")).tobytes())
        self._rest = bases[full:]

    def _end_contig(self) -> None:
        if self._name is None:
            return
        if not self.lengths[self._name]:
            raise InputError(f"{self.source}: contig {self._name} has no sequence; remove its header or the cut file.")
        if self._rest:
            self._put(self._rest + b"\n")
        self._name, self._rest = None, b""

    def _put(self, block: bytes) -> None:
        self.digest.update(block)
        self._handle.write(block)

    def _illegal(self, text: bytes, line: int, counts: np.ndarray) -> InputError:
        found = _ILLEGAL_PATTERN.search(text).start()
        line += text.count(b"\n", 0, found)
        place = f"{self.source}, contig {self._name}, line {line}"
        if counts[np.frombuffer(PROTEIN_ONLY, dtype=np.uint8)].sum() > counts.sum() / 20:
            return InputError(f"{place}: this looks like a protein sequence; give the FASTA of the genome.")
        return InputError(
            f"{place}: {show(text[found : found + 1])} is not a nucleotide code (A, C, G, T, U, N and the other IUPAC "
            "letters are); correct the file."
        )


def _check_case(source: Path, contigs: Iterable[str], folder: Path) -> None:
    """Raise InputError where two contigs would have the same file, in a dataset of scores beside `folder`."""
    names: dict[str, str] = {}
    for contig in contigs:
        other = names.setdefault(contig.lower(), contig)
        if other != contig and files.ignores_case(folder):
            raise InputError(
                f"{source}: the names of contigs {other} and {contig} differ only in case, which the file system of "
                f"{folder} ignores; rename one of the two."
            )


def _compile(key: str, pattern: str) -> re.Pattern | None:
    try:
        return re.compile(pattern, re.IGNORECASE if key == "exclude_title" else 0) if pattern else None
    except re.error as error:
        raise InputError(f"{key} pattern {pattern!r} is not a regular expression: {error}.") from error


def _keep(patterns: dict[str, re.Pattern | None], name: str, header: str) -> bool:
    """Whether a contig stays, by the patterns include, exclude and exclude_title; None is no pattern."""
    searched = {"include": name, "exclude": name, "exclude_title": header}
    found = {key: patterns[key] is not None and bool(patterns[key].search(text)) for key, text in searched.items()}
    return (found["include"] or patterns["include"] is None) and not (found["exclude"] or found["exclude_title"])


def _checked_sha256(source: Path, expected: str | None) -> str:
    if not source.is_file():
        raise InputError(f"{source} does not exist or is not a file; give the path or URL of a FASTA.")
    found, wanted = files.sha256(source), parse_checksum(expected)
    if wanted and wanted != Checksum("sha256", found):  # an MD5, for which it is read once more, or a wrong one
        check(source, wanted, source, "fetch it again or correct sha256.")
    return found


def _versions() -> dict[str, str]:
    return {
        "glmtracks": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "pysam": pysam.__version__,
        "htslib": pysam.version.__htslib_version__,
    }
