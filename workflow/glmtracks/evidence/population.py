"""How often variants occur in a population: allele counts from any call set that gives them, or genotypes to count."""

import logging
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import cyvcf2
import numpy as np
import pandas as pd

from glmtracks.errors import InputError
from glmtracks.genome import Genome
from glmtracks.genome.contigs import ContigNames
from glmtracks.variants.snv_records import Reader, count_samples, open_records, read_snvs, to_the_end

logger = logging.getLogger(__name__)

# INFO fields, the first that a file has: gnomAD's chrM counts samples in which (nearly) all copies have the allele.
COUNTS = (("AC", "AN"), ("AC_hom", "AN"))
FREQUENCIES = ("AF", "AF_hom")
# Lower end of the 95 % interval of the frequency in the population where it is highest (gnomAD v4, v3 and v2).
FILTERING = ("fafmax_faf95_max", "faf95", "faf95_adj", "faf95_popmax")
PEEKED = 100  # records that are looked at to know what a file has
COLUMNS = ["ac", "an", "deleted", "af", "faf95", "passed"]


def read_population(
    path: str | Path, genome: Genome, names: ContigNames, within: pd.DataFrame | None = None
) -> Iterator[pd.DataFrame]:
    """Allele counts of the single-nucleotide variants of a call set, in batches.

    Counts are AC and AN of INFO, or AC_hom and AN (gnomAD, mitochondrion), or else counted over the genotypes. The
    frequency is their ratio, because AF is often left as it was when samples are taken out of a file; it is AF where
    the file has no counts and no genotypes.

    Args:
        path: VCF or BCF: gnomAD, 1000 Genomes, or any other with AC and AN, AF, or genotypes.
        genome, names, within: as of `snv_records.read_snvs`.

    Yields:
        contig, start (0-based), ref, alt (uint8 codes), ac, an (float64, NaN where unknown), deleted (float64, copies
        that the record counts for ALT *, which lack the base), af (float64, NaN where nothing was called), faf95
        (float64, NaN where the file has none), passed (bool: FILTER is PASS or empty).

    Raises:
        InputError: as `read_snvs`; the file gives neither counts nor frequencies nor genotypes.
    """
    read, what, samples = _reader(path)
    logger.info("%s: allele frequencies from %s", path, what)
    for table in read_snvs(path, genome, names, read, COLUMNS, within, samples):
        yield table.astype({**dict.fromkeys(COLUMNS[:-1], np.float64), "passed": bool})


def _reader(path: str | Path) -> tuple[Reader, str, bool]:
    """What reads the columns, from which fields in words, and whether it looks at genotypes."""
    records = open_records(path, samples=True)
    fields = {line["ID"] for line in records.header_iter() if line["HeaderType"] == "INFO"}
    filtering = next((name for name in FILTERING if name in fields), None)

    first = list(islice(to_the_end(path, records), PEEKED))

    def given(*names: str) -> bool:
        """Whether a record has fields, which the header may name in vain or forget; it counts if there is no record."""
        there = (all(record.INFO.get(name) is not None for name in names) for record in first)
        return any(there) if first else fields.issuperset(names)

    def rest(record: cyvcf2.Variant, number: int) -> tuple:
        return (_value(record, filtering, number) if filtering else np.nan, record.FILTER is None)

    for count, total in COUNTS:
        if given(count, total):

            def of_counts(record: cyvcf2.Variant, number: int, count=count, total=total) -> tuple:
                ac, an = _value(record, count, number), _value(record, total, number)
                deleted = sum(_value(record, count, other) for other in _spanned(record))
                return ac, an, deleted, _ratio(ac, an), *rest(record, number)

            return of_counts, f"{count} and {total}", False
    samples = count_samples(records)
    if samples and (not first or any(map(_is_genotyped, first))):

        def of_genotypes(record: cyvcf2.Variant, number: int) -> tuple:
            ac = an = deleted = 0.0
            if _is_genotyped(record):
                alleles = record.genotype.array()[:, :-1]  # the last column says whether they are phased
                ac, an = float((alleles == number + 1).sum()), float((alleles >= 0).sum())
                deleted = float(sum((alleles == other + 1).sum() for other in _spanned(record)))
            return ac, an, deleted, _ratio(ac, an), *rest(record, number)

        return of_genotypes, f"the genotypes of {samples} samples", True
    if field := next(filter(given, FREQUENCIES), None):

        def of_frequency(record: cyvcf2.Variant, number: int) -> tuple:
            return np.nan, np.nan, 0.0, _value(record, field, number), *rest(record, number)

        return of_frequency, field, False
    raise InputError(
        f"{path} gives no allele frequencies: it has neither AC and AN, nor AF, nor genotypes; give a call set "
        "that has one of these."
    )


def _spanned(record: cyvcf2.Variant) -> list[int]:
    """Numbers of the ALTs that say that a deletion has taken the base."""
    return [number for number, alt in enumerate(record.ALT) if alt == "*"]


def _is_genotyped(record: cyvcf2.Variant) -> bool:
    return "GT" in record.FORMAT


def _value(record: cyvcf2.Variant, field: str, number: int) -> float:
    """The value of an INFO field for an ALT: fields with one value for all serve every ALT."""
    value = record.INFO.get(field)
    if isinstance(value, str) and "," in value:  # the header gives it no type, or that of a text
        value = tuple(value.split(","))
    if isinstance(value, tuple):
        value = value[number] if number < len(value) else None
    try:
        return np.nan if value is None else float(value)
    except ValueError:
        return np.nan


def _ratio(count: float, total: float) -> float:
    return count / total if total > 0 else np.nan
