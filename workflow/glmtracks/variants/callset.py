"""Reading a call set once for all models: its alleles in shards, and where its REF is not the genome's.

The alleles form groups: those of neighbouring blocks of the contig that some REF connects. A shard holds whole groups,
so what is computed for a group, and with it the result, does not depend on the number of shards.
"""

import logging
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from glmtracks.download.checksums import check, parse_checksum
from glmtracks.errors import InputError
from glmtracks.files import atomic, atomic_folder
from glmtracks.genome import ContigNames, Genome
from glmtracks.parquet import AT_ONCE, WITH_CHECKSUMS, Rows, own_dictionaries
from glmtracks.shard_count import shard_names
from glmtracks.variants.alleles import ALLELES_SCHEMA, FARTHEST, MISMATCHES_SCHEMA, REASONS, Alleles
from glmtracks.variants.vcf import Order, header_ids, open_vcf
from glmtracks.variants.vcf_fields import FIELDS

logger = logging.getLogger(__name__)

BLOCK = 1 << 16  # bases
SCHEMA = ALLELES_SCHEMA.append(pa.field("group", pa.int64()))
_OURS = f"(^|;)({'|'.join(FIELDS)})(=|;|$)"  # in INFO
# In INFO; htslib takes the end of a record from it
_REACH = re.compile(rb"(?:^|;)(?P<key>END|SVLEN)=(?P<values>[^;]*)")
_LONG = "(?:^|;)(?:END|SVLEN)=[^;]*[0-9]{10}"  # the few that may reach too far
_LISTED = 5  # reference mismatches shown in messages
_ROWS = 1 << 16  # of a row group


def read_callset(
    vcf: str | Path,
    genome: Genome,
    names: ContigNames,
    *,
    shards: int,
    folder: str | Path,
    mismatches: str | Path,
    mismatches_if_refused: str | Path,
    max_mismatches: float,
    checksum: str = "",
) -> None:
    """Read the alleles of a VCF, classify them and compare REF with the genome.

    Writes `folder`/{shard}.parquet with the columns of `glmtracks.variants.alleles.ALLELES_SCHEMA` and group, and the
    table `mismatches` of the alleles whose REF is not the genome's: record (from 1), contig and pos (as in the VCF),
    ref, alt and what the genome has there (nothing outside the contig), tab-separated.

    Args:
        vcf: VCF, VCF.gz or BCF, sorted.
        genome: the reference.
        names: translates the contigs of the VCF into those of the genome.
        shards: how many files to make; with few alleles some are empty.
        mismatches_if_refused: where that table is put when the call set is refused because of it.
        max_mismatches: the share of mismatches, of all alleles compared, above which the call set is refused.
        checksum: that of the VCF, as `glmtracks.download.checksums.parse_checksum` reads it; "" = not to be compared.

    Raises:
        InputError: another checksum, not a VCF, cut off, unsorted, already annotated, no contig of it is in the genome,
            or too many mismatches.
    """
    Path(mismatches_if_refused).unlink(missing_ok=True)
    if expected := parse_checksum(checksum):
        check(Path(vcf), expected, vcf, "correct the file, or sha256 in the sheet of call sets.")
    with atomic_folder(folder) as temporary:
        everything, sheet = (temporary.with_name(name) for name in ("everything.parquet", "ref_mismatches.tsv"))
        reading = _Reading(vcf, genome, names)
        with (
            # it is read once, at once
            pq.ParquetWriter(everything, SCHEMA, compression="none", **WITH_CHECKSUMS) as writer,
            sheet.open("w", encoding="utf-8") as handle,
        ):
            handle.write("\t".join(MISMATCHES_SCHEMA.names) + "\n")
            for table, wrong in reading.blocks():
                writer.write_table(table)
                texts = (column.cast(pa.string()) for column in wrong.columns)
                handle.writelines(f"{line}\n" for line in pc.binary_join_element_wise(*texts, "\t").to_pylist())
        reading.log()
        if reading.wrong > max_mismatches * reading.compared:
            with atomic(mismatches_if_refused) as kept:
                sheet.rename(kept)
            raise InputError(reading.refusal(max_mismatches, mismatches_if_refused))
        _divide(everything, reading.group_begins, reading.alleles, shards, temporary)
        with atomic(mismatches) as kept:
            sheet.rename(kept)


class _Reading:
    """One pass over a call set, and what is counted on the way."""

    def __init__(self, path: str | Path, genome: Genome, names: ContigNames):
        self.path, self.genome, self.names = path, genome, names
        self.contigs: dict[str, str | None] = {}
        self.group_begins: list[np.ndarray] = []
        self.alleles = self.records = self.compared = self.wrong = 0
        self.counts = np.zeros(len(REASONS), np.int64)
        self.examples: list[str] = []
        self._groups = 0
        self._contig, self._reach = "", -1  # contig of the last allele, and the last block that its contig's REFs touch

    def blocks(self) -> Iterator[tuple[pa.Table, pa.Table]]:
        """Alleles and mismatches of consecutive records."""
        order = Order(self.path)
        with open_vcf(self.path) as vcf:
            named = header_ids(vcf.header, "INFO")
            if already := [field for field in FIELDS if field in named]:
                raise InputError(
                    f"{self.path} has {already[0]} already; remove it first: bcftools annotate -x "
                    f"{','.join(f'INFO/{field}' for field in already)} {self.path}"
                )
            for block in vcf.blocks:
                self._refuse_scored(block, order.records)
                alleles = Alleles(self.path, block, order.records)
                self._refuse_far(block, alleles.positions, order.records)
                order.check(alleles.names, alleles.name_codes, alleles.positions)
                for name in alleles.names:
                    if name not in self.contigs:
                        self.contigs[name] = self.names.resolve(name)
                compared, wrong = alleles.compare(self.genome, self.contigs)
                self._count(alleles, compared, wrong)
                yield alleles.table(self.contigs).append_column("group", pa.array(self._group(alleles))), wrong
        self.records = order.records
        if self.contigs and not any(self.contigs.values()):
            name = next(iter(self.contigs))
            raise InputError(
                f"no contig of {self.path} is in the genome {self.genome.path}, {name} for one "
                f"({self.names.suggest(name)})"
            )

    def _refuse_scored(self, block: pa.Table, before: int) -> None:
        """Raise `InputError` for a record with one of our fields, which readers would take for the new one."""
        scored = pc.match_substring_regex(block["INFO"], _OURS)
        if (row := pc.index(scored, True).as_py()) >= 0:
            info = block["INFO"][row].as_py().decode(errors="replace")
            raise InputError(
                f"record {before + row + 1} of {self.path} has fields that are to be written already in its INFO "
                f"({info[:60]}), though the header does not name them; remove those that begin with GLM_"
            )

    def _refuse_far(self, block: pa.Table, positions: np.ndarray, before: int) -> None:
        """Raise `InputError` for a record that ends beyond what an index holds, which is made when all is scored."""
        for row in np.flatnonzero(pc.match_substring_regex(block["INFO"], _LONG)).tolist():
            for entry in _REACH.finditer(block["INFO"][row].as_py()):
                begin = int(positions[row]) if entry["key"] == b"SVLEN" else 0
                if any(begin + int(number) > FARTHEST for number in re.findall(rb"[0-9]{1,20}", entry["values"])):
                    shown = b"=".join(entry.groups())[:40].decode(errors="replace")
                    raise InputError(
                        f"record {before + row + 1} of {self.path}: {shown} in its INFO reaches beyond {FARTHEST}; "
                        "mend it"
                    )

    def _count(self, alleles: Alleles, compared: int, wrong: pa.Table) -> None:
        self.counts += np.bincount(alleles.reason, minlength=len(REASONS))
        self.compared += compared
        self.wrong += wrong.num_rows
        for row in wrong.slice(0, _LISTED - len(self.examples)).to_pylist():
            there = f"where it has {row['genome'][:20]}" if row["genome"] else "reaches out of the contig"
            self.examples.append(f"{row['contig']}:{row['pos']} {row['ref'][:20]} {there}")

    def _group(self, alleles: Alleles) -> np.ndarray:
        """Number of the group of every allele: a new one begins where no REF before reaches into the block."""
        codes = alleles.name_codes[alleles.record]
        groups = np.empty(len(codes), np.int64)
        first, last = alleles.start // BLOCK, (alleles.ends() - 1) // BLOCK
        edges = np.flatnonzero(np.diff(codes)) + 1
        for begin, end in zip([0, *edges], [*edges, len(codes)], strict=True):
            name = alleles.names[codes[begin]]
            before = self._reach if name == self._contig else -2
            reach = np.maximum.accumulate(np.concatenate([[before], last[begin:end]]))
            new = first[begin:end] > reach[:-1]
            groups[begin:end] = self._groups + np.cumsum(new)
            self.group_begins.append(self.alleles + begin + np.flatnonzero(new))
            self._groups, self._contig, self._reach = int(groups[end - 1]), name, int(reach[-1])
        self.alleles += len(codes)
        return groups

    def log(self) -> None:
        """Say what was found."""
        found = ", ".join(
            f"{count:,} {'to score' if reason == 'scored' else reason}"
            for reason, count in zip(REASONS, self.counts, strict=True)
            if count
        )
        logger.info("%s: %s records, %s alleles: %s", self.path, f"{self.records:,}", f"{self.alleles:,}", found)
        if self.wrong:
            logger.warning(
                "%s: REF is not the genome's in %s of %s alleles (%s ...)",
                *(self.path, f"{self.wrong:,}", f"{self.compared:,}", ", ".join(self.examples)),
            )

    def refusal(self, limit: float, sheet: str | Path) -> str:
        """Why the call set is refused."""
        return (
            f"REF is not the genome's in {self.wrong:,} of {self.compared:,} alleles of {self.path} "
            f"({self.wrong / self.compared:.0%}, for example {self.examples[0]}; all are in {sheet}), which mostly "
            f"means that it was called on another assembly than {self.genome.path}; give the call set the genome it "
            f"belongs to, or set variants.max_mismatches, now {limit:g}, to 1 to leave these alleles without a score"
        )


def _divide(everything: Path, begins: list[np.ndarray], alleles: int, shards: int, folder: Path) -> None:
    """Divide the alleles, at borders of groups, into `shards` files of about the same number of rows."""
    borders = np.concatenate([*begins, [alleles]])
    wanted = alleles * np.arange(1, shards) / shards
    cuts = np.concatenate([[0], borders[np.searchsorted(borders, wanted)], [alleles]])
    rows = Rows([everything])
    for name, count in zip(shard_names(shards), np.diff(cuts), strict=True):
        with pq.ParquetWriter(folder / f"{name}.parquet", SCHEMA, compression="zstd", **WITH_CHECKSUMS) as writer:
            while count:
                some = rows.take(min(int(count), _ROWS), AT_ONCE)
                writer.write_table(own_dictionaries(some))
                count -= some.num_rows
