"""Scores for the variants of a VCF: log-likelihood ratios of single-base substitutions, a reason for the rest."""

import logging
from contextlib import ExitStack
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pysam

from glmtracks import tracks
from glmtracks.alleles import REASONS, VARIANTS_SCHEMA, Alleles, Lookup, grouped
from glmtracks.errors import InputError
from glmtracks.files import atomic
from glmtracks.genome import ContigNames, Genome, decode
from glmtracks.vcf import Order, Vcf, header_ids, header_text, open_vcf, replace_header, write_records

logger = logging.getLogger(__name__)

_LISTED = 5  # reference mismatches shown in the log


def annotate_vcf(
    vcf_in: str | Path,
    genome: Genome,
    names: ContigNames,
    lookup: Lookup,
    vcf_out: str | Path,
    parquet_out: str | Path,
    *,
    model: str,
) -> None:
    """Add the scores of a model to a VCF; every record comes out again, in the same order and otherwise unchanged.

    INFO gains GLM_LLR (one value per ALT, `.` where there is none), GLM_ENTROPY (of the base that the first scored
    allele changes) and, where an allele has no score, GLM_REASON (one per ALT, `.` for scored ones). An allele is
    scored if it changes one base, also when REF and ALT share further bases, as they do beside a deletion.

    The Parquet file has one row per ALT: contig (as in the genome, null if not there), start (0-based, of POS), id,
    ref, alt (capitals), llr, entropy (float32, 3 decimals), reason (null if scored), record (0-based) and vcf_contig.

    Args:
        vcf_in: VCF, VCF.gz or BCF, sorted.
        genome: the reference.
        names: translates the contigs of the VCF into those of the genome.
        lookup: gives the scores; see `dataset_lookup` and `combine`.
        vcf_out: bgzip VCF; its index is written to `vcf_out`.tbi.
        parquet_out: the table.
        model: name for the header.

    Raises:
        InputError: not a VCF, cut off, unsorted, already annotated, or no contig of it is in the genome.
    """
    tally, order, info_lines = _Tally(vcf_in), Order(vcf_in), _info_lines(model)
    contigs: dict[str, str | None] = {}
    with ExitStack() as stack:
        vcf = stack.enter_context(open_vcf(vcf_in))
        if "GLM_LLR" in header_ids(vcf.header, "INFO"):
            raise InputError(
                f"{vcf_in} has GLM_LLR already; remove it first: "
                f"bcftools annotate -x INFO/GLM_LLR,INFO/GLM_ENTROPY,INFO/GLM_REASON {vcf_in}"
            )
        text, index, table = (stack.enter_context(atomic(p)) for p in (vcf_out, f"{vcf_out}.tbi", parquet_out))
        with (
            pysam.BGZFile(str(text), "w") as handle,
            pq.ParquetWriter(table, VARIANTS_SCHEMA, compression="zstd") as writer,
        ):
            handle.write(header_text(vcf, info_lines))
            for block in vcf.blocks:
                first_record = order.records
                alleles = Alleles(vcf_in, block, first_record)
                order.check(alleles.names, alleles.name_codes, alleles.positions)
                contigs |= {name: names.resolve(name) for name in alleles.names if name not in contigs}
                alleles.score(genome, contigs, lookup)
                write_records(handle, block, alleles.info())
                writer.write_table(alleles.table(contigs, first_record))
                tally.add(alleles)
        if contigs and not any(contigs.values()):
            name = next(iter(contigs))
            raise InputError(
                f"no contig of {vcf_in} is in the genome {genome.path}, {name} for one ({names.suggest(name)})"
            )
        contig_lines = _contig_lines(vcf, contigs, genome.contigs)
        if contig_lines:
            replace_header(text, header_text(vcf, info_lines + contig_lines))
        pysam.tabix_index(str(text), preset="vcf", force=True, index=str(index))
    tally.log()


def _info_lines(model: str) -> list[str]:
    """Header lines of the fields that are added to INFO."""
    of_model = f"of the genomic language model {model}".replace('"', "'")
    descriptions = {
        "GLM_LLR,Number=A,Type=Float": f"log P(ALT) - log P(REF) {of_model}, natural logarithm; "
        "negative: less likely than the reference",
        "GLM_ENTROPY,Number=1,Type=Float": f"Shannon entropy {of_model} in bits, 0 to 2, at the base that the first "
        "scored allele changes",
        "GLM_REASON,Number=A,Type=String": f"Why an allele has no GLM_LLR: {', '.join(REASONS[1:])}",
    }
    return [f'##INFO=<ID={field},Description="{text}">' for field, text in descriptions.items()]


def _contig_lines(vcf: Vcf, contigs: dict[str, str | None], sizes: dict[str, int]) -> list[str]:
    """Header lines for contigs that occur in the records without one, with their length where it is known."""
    missing = {name: contig for name, contig in contigs.items() if name not in header_ids(vcf.header, "contig")}
    return [
        f"##contig=<ID={name}" + (f",length={sizes[contig]}>" if contig else ">") for name, contig in missing.items()
    ]


class _Tally:
    """What became of the alleles of a VCF, for the log."""

    def __init__(self, path: str | Path):
        self.path = path
        self.records = 0
        self.counts = np.zeros(len(REASONS), np.int64)
        self.mismatches: list[str] = []

    def add(self, alleles: Alleles) -> None:
        self.records += len(alleles.positions)
        self.counts += np.bincount(alleles.reason, minlength=len(REASONS))
        rows = np.flatnonzero(alleles.reason == REASONS.index("ref_mismatch"))[: _LISTED - len(self.mismatches)]
        self.mismatches += [
            f"{alleles.names[alleles.name_codes[alleles.record[row]]]}:{alleles.changed[row] + 1} "
            f"{decode(alleles.ref_code[row : row + 1])}"
            for row in rows
        ]

    def log(self) -> None:
        found = ", ".join(f"{count:,} {reason}" for reason, count in zip(REASONS, self.counts, strict=True) if count)
        logger.info("%s: %s records, %s alleles: %s", self.path, f"{self.records:,}", f"{self.counts.sum():,}", found)
        if self.mismatches:
            logger.warning(
                "%s: REF is not the genome's base in %s alleles (%s, ...); many mean another assembly",
                self.path,
                f"{self.counts[REASONS.index('ref_mismatch')]:,}",
                ", ".join(self.mismatches),
            )


def dataset_lookup(dataset: str | Path) -> Lookup:
    """A lookup in the scores of a genome; reads each row group that a call touches once.

    Args:
        dataset: folder of `glmtracks.tracks.write_dataset`.

    Returns:
        lookup(contig, positions, ref_codes, alt_codes) -> (llr, entropy), NaN for contigs that were not scored and
        for bases that the genome does not define. `ref_codes` must be the genome's own.
    """
    scored = tracks.contigs(dataset)

    @lru_cache(maxsize=1)
    def opened(contig: str) -> pq.ParquetFile:
        return tracks.open_contig(dataset, contig)

    @lru_cache(maxsize=1)
    def scores(contig: str, group: int) -> np.ndarray:
        table = opened(contig).read_row_group(group, columns=list(tracks.TRACKS))
        return np.stack([table[track].to_numpy() for track in tracks.TRACKS])

    def lookup(contig: str, positions: np.ndarray, ref_codes: np.ndarray, alt_codes: np.ndarray):
        llr, entropy = np.full((2, len(positions)), np.nan, np.float32)
        if contig in scored:
            rows_per_group = opened(contig).metadata.row_group(0).num_rows
            for group, rows in grouped(positions // rows_per_group):
                values, inside = scores(contig, group), positions[rows] - group * rows_per_group
                llr[rows], entropy[rows] = values[alt_codes[rows], inside], values[-1, inside]
        return llr, entropy

    return lookup


def combine(*lookups: Lookup) -> Lookup:
    """A lookup that asks each of `lookups` in turn, the later ones only for what the earlier ones have no score for."""

    def lookup(contig: str, positions: np.ndarray, ref_codes: np.ndarray, alt_codes: np.ndarray):
        llr, entropy = np.full((2, len(positions)), np.nan, np.float32)
        for ask in lookups:
            rows = np.flatnonzero(np.isnan(llr))
            if len(rows):
                llr[rows], entropy[rows] = ask(contig, positions[rows], ref_codes[rows], alt_codes[rows])
        return llr, entropy

    return lookup
