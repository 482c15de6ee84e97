"""Single-nucleotide variants of a VCF as tables, on the contigs of one genome and checked against its bases."""

import logging
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import cyvcf2
import numpy as np
import pandas as pd
import pyarrow as pa

from glmtracks.errors import InputError
from glmtracks.genome import UNKNOWN, Genome, encode
from glmtracks.genome.contigs import ContigNames
from glmtracks.gzipped import is_gzip
from glmtracks.intervals import locate
from glmtracks.variants.alleles import REASONS, SCORED, classify

logger = logging.getLogger(__name__)

BATCH = 100_000  # alleles held as Python objects
MOST_MISMATCHES = 0.01  # of the SNVs on contigs of the genome; more mean another assembly

_LENGTH = re.compile(r"^##contig=<(?=.*?\bID=([^,>]+)).*?\blength=(\d+)", re.MULTILINE)
_PLINK_1 = re.compile("^##source=PLINKv1", re.MULTILINE)  # writes the last position plus one as the length; 2 does not

Reader = Callable[[cyvcf2.Variant, int], tuple]  # (record, number of the ALT) -> values of the further columns


def open_records(path: str | Path, samples: bool = False) -> cyvcf2.VCF:
    """A VCF (plain, gzip, bgzip) or BCF; `samples`: whether genotypes are read. Raises InputError if it is none."""
    if not Path(path).is_file():
        raise InputError(f"{path} does not exist; give the path of a VCF or BCF file.")
    is_gzip(path)  # refuses what is cut off between two blocks, which htslib takes for the end
    try:
        return cyvcf2.VCF(str(path), samples=None if samples else [])
    except Exception as error:
        if not _is_of_htslib(error):
            raise
        raise InputError(f"{path} is not a VCF that can be read ({error}); mend it or fetch it again.") from error


def count_samples(records: cyvcf2.VCF) -> int:
    """How many samples a file has, whatever the encoding of their names, which cyvcf2 takes for UTF-8."""
    return max(records.raw_header.rstrip("\n").rpartition("\n")[2].count("\t") - 8, 0)


def _is_of_htslib(error: Exception) -> bool:
    """Whether an error says that a file cannot be read: cyvcf2 raises OSError, or an Exception of no further kind."""
    return isinstance(error, OSError) or type(error) is Exception


def to_the_end(path: str | Path, records: cyvcf2.VCF) -> Iterator[cyvcf2.Variant]:
    """The records of a file; raises InputError where it breaks off, as a gzip file that was not fetched whole."""
    try:
        yield from records
    except Exception as error:
        if not _is_of_htslib(error):
            raise
        raise InputError(f"{path} is damaged or cut off ({error}); fetch it again.") from error


def read_snvs(
    path: str | Path,
    genome: Genome,
    names: ContigNames,
    read: Reader,
    columns: list[str],
    within: pd.DataFrame | None = None,
    samples: bool = False,
) -> Iterator[pd.DataFrame]:
    """Every ALT of a VCF that changes one base, in batches of some 100,000.

    An ALT counts by what it changes, also when REF and ALT share further bases. Indels, symbols and an ALT equal to
    REF are left out, and so are records on contigs that the genome lacks, SNVs of bases that it leaves undefined and
    those whose REF is not its base; the log counts them. Nothing is lifted over.

    Args:
        path: VCF (plain, gzip, bgzip) or BCF, in any order.
        genome: the reference.
        names: translates the contigs of the file.
        read: gives the values of `columns`.
        columns: names of the further columns.
        within: contig, start, end (0-based half-open): only SNVs inside are given; None for all.
        samples: whether `read` looks at genotypes.

    Yields:
        contig (string), start (int64, 0-based, of the changed base), ref, alt (uint8, codes 0..3), then `columns`.

    Raises:
        InputError: not a VCF, records on a contig to which the header gives another length than the genome's, no contig
            of the genome, or REF differs from the genome at more than 1 % of the SNVs.
    """
    records = open_records(path, samples)
    lengths = _lengths(records)
    tally = _Tally(path, genome, names)
    wanted = set(genome.contigs) if within is None else set(within["contig"])
    contigs: dict[str, str | None] = {}
    rows: list[tuple] = []
    for record in to_the_end(path, records):
        name = record.CHROM
        if name not in contigs:
            contigs[name] = names.resolve(name)
            _check_length(path, genome, name, contigs[name], lengths)
        tally.count(name, contigs[name])
        if contigs[name] in wanted:
            rows += [
                (contigs[name], record.POS - 1, record.REF, alt, *read(record, number))
                for number, alt in enumerate(record.ALT)
            ]
        if len(rows) >= BATCH:
            yield _table(rows, columns, genome, within, tally)
            rows = []
    if rows:
        yield _table(rows, columns, genome, within, tally)
    tally.finish(contigs)


def _lengths(records: cyvcf2.VCF) -> dict[str, int]:
    """Contig, as a file names it -> its length, for those whose length the header tells."""
    header = records.raw_header
    return {} if _PLINK_1.search(header) else {name: int(length) for name, length in _LENGTH.findall(header)}


def _check_length(path: str | Path, genome: Genome, name: str, contig: str | None, lengths: dict[str, int]) -> None:
    """Raise InputError where the header gives a contig of the genome another length: the assembly is another.

    Only for contigs that have records: files of hg19 often name the mitochondrion of another length than its chrM, and
    have nothing there.
    """
    if contig is not None and lengths.get(name, genome.contigs[contig]) != genome.contigs[contig]:
        raise InputError(
            f"{path}: its header gives {name} {lengths[name]} bases, but {contig} of {genome.path} has "
            f"{genome.contigs[contig]}; it is of another assembly: lift it over (bcftools +liftover), or take the "
            f"file of this assembly; if only {name} is another, leave it out (bcftools view -t ^{name})."
        )


class _Tally:
    """What became of the records of a file, for the log and for refusal."""

    def __init__(self, path: str | Path, genome: Genome, names: ContigNames):
        self.path, self.genome, self.names = path, genome, names
        self.elsewhere: Counter[str] = Counter()
        self.left_out: Counter[str] = Counter()
        self.snvs = self.mismatches = 0
        self.first_mismatch = ""

    def count(self, name: str, contig: str | None) -> None:
        if contig is None:
            self.elsewhere[name] += 1

    def mismatch(self, table: pd.DataFrame, found: np.ndarray) -> None:
        """Count the rows of `table` whose REF is not `found`, the genome's code."""
        wrong = table["ref"].to_numpy() != found
        self.snvs += len(table)
        self.mismatches += int(wrong.sum())
        if wrong.any() and not self.first_mismatch:
            row = table.iloc[int(np.argmax(wrong))]
            self.first_mismatch = f"{row['contig']}:{row['start'] + 1}"

    def finish(self, contigs: dict[str, str | None]) -> None:
        if contigs and not any(contigs.values()):
            name = next(iter(contigs))
            raise InputError(
                f"no contig of {self.path} is in the genome {self.genome.path}, {name} for one "
                f"({self.names.suggest(name)})"
            )
        if self.mismatches > MOST_MISMATCHES * self.snvs:
            raise InputError(
                f"{self.path}: REF is not the base of {self.genome.path} at {self.mismatches:,} of {self.snvs:,} SNVs, "
                f"the first at {self.first_mismatch}; take the file of this assembly, or lift it over "
                "(bcftools +liftover)."
            )
        left_out = dict(self.left_out)
        if self.mismatches:
            left_out["ref_mismatch"] = self.mismatches
        if self.elsewhere:
            left_out[f"on contigs that the genome lacks (such as {next(iter(self.elsewhere))})"] = sum(
                self.elsewhere.values()
            )
        told = ", ".join(f"{count:,} {what}" for what, count in left_out.items() if count) or "nothing"
        logger.info("%s: %s SNVs read; left out: %s", self.path, f"{self.snvs - self.mismatches:,}", told)


def _table(
    rows: list[tuple], columns: list[str], genome: Genome, within: pd.DataFrame | None, tally: _Tally
) -> pd.DataFrame:
    """The SNVs among rows of contig, start, REF, ALT and values."""
    table = pd.DataFrame(rows, columns=["contig", "start", "REF", "ALT", *columns])
    before, after = table["REF"].str.upper(), table["ALT"].str.upper()
    reason, front, back = classify(pa.array(before, pa.string()), pa.array(after, pa.string()))
    single = (before.str.len() - front - back == 1) & (after.str.len() - front - back == 1) & (reason == SCORED)
    kinds = np.where(single, "", np.where(reason == SCORED, "no_single_base", np.array(REASONS)[reason]))
    for name, count in zip(*np.unique(kinds[~single], return_counts=True), strict=True):
        tally.left_out[str(name)] += int(count)
    table = table.drop(columns=["REF", "ALT"]).assign(start=table["start"] + front)[single]
    ref, alt = (
        encode("".join(text[place] for text, place in zip(texts[single], front[single], strict=True)))
        for texts in (before, after)
    )
    changes = (ref != alt) & (ref != UNKNOWN) & (alt != UNKNOWN)
    tally.left_out["without_change"] += int((~changes).sum())
    table = table.assign(ref=ref, alt=alt)[changes]
    if within is not None:
        table = table[inside(table, within)]
    found = reference_codes(genome, table)
    hidden = undefined(genome, table, found)
    tally.left_out["undefined_base"] += int(hidden.sum())
    table, found = table[~hidden], found[~hidden]
    tally.mismatch(table, found)
    table = table[table["ref"].to_numpy() == found]
    return table[["contig", "start", "ref", "alt", *columns]].reset_index(drop=True)


def inside(table: pd.DataFrame, intervals: pd.DataFrame) -> np.ndarray:
    """Whether each position (contig, start) lies in one of the intervals (contig, start, end; disjoint): bool (n,)."""
    found = np.zeros(len(table), dtype=bool)
    by_contig = dict(list(intervals.groupby("contig", observed=True, sort=False)))
    for contig, rows in table.groupby("contig", observed=True, sort=False).indices.items():
        if contig in by_contig:
            here = by_contig[contig].sort_values("start")
            found[rows] = locate(here["start"].to_numpy(), here["end"].to_numpy(), table["start"].to_numpy()[rows]) >= 0
    return found


def reference_codes(genome: Genome, table: pd.DataFrame) -> np.ndarray:
    """The genome's code at each position (contig, start), in any order: uint8 (n,), UNKNOWN beyond a contig's end."""
    found = np.full(len(table), UNKNOWN, dtype=np.uint8)
    start = table["start"].to_numpy()
    block = start >> 20
    for (contig, _), rows in table.groupby(["contig", block], observed=True, sort=False).indices.items():
        low, high = int(start[rows].min()), int(start[rows].max()) + 1
        found[rows] = genome.codes(str(contig), low, high, wrap=False)[start[rows] - low]
    return found


def undefined(genome: Genome, table: pd.DataFrame, codes: np.ndarray) -> np.ndarray:
    """Positions whose base the genome leaves open, as where it is masked with N, and not beyond an end: bool (n,).

    codes  of `reference_codes`
    """
    return (codes == UNKNOWN) & (table["start"] < table["contig"].map(genome.contigs).astype(np.int64)).to_numpy()
