"""One contig, several names: chrM is MT, 20 is chr20, and whatever a sheet says beside that."""

import difflib
import logging
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from glmtracks.errors import InputError

logger = logging.getLogger(__name__)

MITOCHONDRION = {"m", "mt", "mito"}
ORGANELLE = re.compile(
    r"(chr)?(m|mt|mito|mtdna|pt|pltd)|chrc|.*(mitochondri|chloroplast|plastid|apicoplast).*", re.IGNORECASE
)


class ContigNames:
    """Translates the contig names of annotation, variants and intervals into those of a genome.

    Args:
        contigs: the genome's own names, in genome order.
        aliases: other name -> name of the genome (see `read_aliases`). Entries whose target the genome lacks are
            ignored, because one alias table may serve a genome of which a part was chosen; a warning says so.
    """

    def __init__(self, contigs: Iterable[str], aliases: Mapping[str, str] | None = None):
        self.contigs = list(contigs)
        self._known = set(self.contigs)
        self._aliases = {alias: contig for alias, contig in (aliases or {}).items() if contig in self._known}
        self._by_key = defaultdict(list)
        for contig in self.contigs:
            self._by_key[_key(contig)].append(contig)
        self._logged = set()
        if absent := sorted(set((aliases or {}).values()) - self._known):
            logger.warning("contig aliases: %s not in this genome, ignored", a_few(absent))

    def resolve(self, name: str) -> str | None:
        """The genome's name for `name`, or None.

        Tried in this order: the same name; a given alias; the name with or without "chr" (any case) and zeros before a
        number, where M, MT and Mito are one. The last is refused when two contigs of the genome would answer, and
        logged once per name.
        """
        if name in self._known:
            return name
        if name in self._aliases:
            return self._aliases[name]
        candidates = self._by_key.get(_key(name), [])
        if len(candidates) != 1:
            return None
        if name not in self._logged:
            self._logged.add(name)
            logger.info("contig %s is taken for %s", name, candidates[0])
        return candidates[0]

    def suggest(self, name: str) -> str:
        """What to tell a person whose contig `name` did not resolve; goes in brackets after the complaint."""
        close = difflib.get_close_matches(name, self.contigs, n=1)
        hint = f"did you mean {close[0]}?" if close else f"the contigs are {a_few(self.contigs)};"
        return f"{hint} set contig_aliases"


def read_aliases(cell: str | None) -> dict[str, str]:
    """Aliases from a cell of the genomes sheet.

    Args:
        cell: "alias=contig,alias=contig", or the path of a table of two columns, alias and contig, separated by tabs
            (lines that begin with # are skipped); empty or None for none.

    Returns:
        alias -> contig.

    Raises:
        InputError: an entry without both names, an alias given twice with different contigs, a missing file.
    """
    if not cell:
        return {}
    if "=" in cell and not os.path.isfile(cell):  # which, unlike Path, takes a text of any length
        entries = [(f"entry {entry!r}", entry.split("=")) for entry in cell.split(",") if entry.strip()]
    else:
        entries = _read_alias_table(Path(cell))
    aliases = {}
    for place, names in entries:
        names = [name.strip() for name in names]
        if len(names) != 2 or not all(names):
            raise InputError(f"contig_aliases {cell}: {place} is not a pair of alias and contig, as in I=chrI.")
        alias, contig = names
        if aliases.setdefault(alias, contig) != contig:
            raise InputError(f"contig_aliases {cell}: {alias} stands for both {aliases[alias]} and {contig}; keep one.")
    return aliases


def _read_alias_table(path: Path) -> list[tuple[str, list[str]]]:
    if not os.path.isfile(path):
        raise InputError(f"contig_aliases {path} is neither a list such as I=chrI,II=chrII nor a file that exists.")
    lines = enumerate(path.read_text("utf-8-sig", errors="replace").splitlines(), start=1)
    return [(f"line {n}", line.split("\t")) for n, line in lines if line.strip() and not line.startswith("#")]


def _key(name: str) -> str:
    """What names of one contig have in common."""
    bare = name[3:] if name.lower().startswith("chr") and len(name) > 3 else name
    return "mt" if bare.lower() in MITOCHONDRION else re.sub(r"^0+(?=\d)", "", bare)


def a_few(names: list[str]) -> str:
    """The first five names, and how many there are in all, for a message."""
    return ", ".join(names[:5]) + (f", … ({len(names)} in all)" if len(names) > 5 else "")
