"""The ALT alleles of VCF records as columns: what each changes, or why it can have no score."""

import re
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from glmtracks.arrays import AT_ONCE, Sequences, common_ends, grouped, in_portions, texts_of
from glmtracks.errors import InputError
from glmtracks.genome import UNKNOWN, Genome, decode, encode
from glmtracks.variants.structural import WRITTEN, stretch_begins, structures

# Why an allele has no score; 0 is an allele that can have one.
REASONS = (
    "scored",
    "no_alt",
    "spanning_deletion",
    "symbolic",
    "breakend",
    "contig_not_in_genome",
    "undefined_base",
    "ref_mismatch",
    "too_long",
    "not_scored",
)
REASON_CODE = {reason: code for code, reason in enumerate(REASONS)}
SCORED = REASON_CODE["scored"]

REASON_TYPE = pa.dictionary(pa.int8(), pa.string())
ALLELES_SCHEMA = pa.schema(
    [
        ("contig", pa.dictionary(pa.int32(), pa.string())),
        ("start", pa.int64()),
        ("id", pa.string()),
        ("ref", pa.string()),
        ("alt", pa.string()),
        ("front", pa.int32()),
        ("back", pa.int32()),
        ("structure", pa.int8()),
        ("width", pa.int64()),
        ("reason", REASON_TYPE),
        ("record", pa.int64()),
        ("vcf_contig", pa.dictionary(pa.int32(), pa.string())),
    ]
)
CHANGE = ("front", "back", "structure", "width")  # columns that only scoring asks for
MISMATCHES_SCHEMA = pa.schema(
    [
        ("record", pa.int64()),
        ("contig", pa.string()),
        ("pos", pa.int64()),
        ("ref", pa.string()),
        ("alt", pa.string()),
        ("genome", pa.string()),
    ]
)


FARTHEST = (1 << 32) - 1  # the last position that an index holds
_TEXT = ("CHROM", "POS", "ID", "REF", "ALT")  # columns that must be text in UTF-8


class Alleles:
    """The ALT alleles of a block of records, as columns.

    Attributes:
        names, name_codes: contigs as written, and per record (n,) an index into them.
        positions: int64 (n,), POS of the records, 1-based.
        record: int64 (m,), the record of every allele within the block.
        id, ref, alt: pyarrow string (m,), the alleles in capitals.
        front, back: int64 (m,), how many bases REF and ALT share at their ends; what is left is what changes. One base
            is left where they are the same.
        structure, width: int8 and int64 (m,), of alleles that do not write what they change; see `structures`.
        reason: int8 (m,), index into `REASONS`.
    """

    def __init__(self, path: str | Path, block: pa.Table, first_record: int):
        try:
            fields = {name: block[name].combine_chunks().cast(pa.string()) for name in _TEXT}
            self.positions = fields["POS"].cast(pa.int64()).to_numpy()
        except pa.ArrowInvalid as error:
            raise _unreadable(path, block, first_record) from error
        if self.positions.min(initial=0) < 0 or self.positions.max(initial=0) > FARTHEST:
            raise _unreadable(path, block, first_record)
        self._first_record = first_record
        contig = fields["CHROM"].dictionary_encode()
        self.names, self.name_codes = contig.dictionary.to_pylist(), contig.indices.to_numpy()
        alts = pc.split_pattern(fields["ALT"], ",")
        self.record = pc.list_parent_indices(alts).to_numpy()
        self.id, self.ref = fields["ID"].take(self.record), _capitals(fields["REF"]).take(self.record)
        self.alt = _capitals(alts.flatten())
        self.reason, self.front, self.back = classify(self.ref, self.alt)
        info = block["INFO"].combine_chunks()
        self.structure, self.width = structures(self.ref, self.alt, self.record, self.positions, info)
        self.reason[self.structure != WRITTEN] = SCORED

    @cached_property
    def start(self) -> np.ndarray:
        """Position of the first base of REF, 0-based: int64 (m,)."""
        return self.positions[self.record] - 1

    @cached_property
    def _sequences(self) -> tuple[Sequences, Sequences]:
        """REF and ALT."""
        return Sequences.of(self.ref), Sequences.of(self.alt)

    def ends(self) -> np.ndarray:
        """Where REF ends, 0-based and exclusive: int64 (m,)."""
        return self.start + self._sequences[0].lengths

    def compare(self, genome: Genome, contigs: dict[str, str | None]) -> tuple[int, pa.Table]:
        """Compare REF, every base of it, with the genome, and fill in the reasons that depend on that.

        A base that REF or the genome leaves undefined agrees with any.

        Args:
            contigs: name as written -> name in the genome, None where it is not there.

        Returns:
            the number of alleles compared, all that say what they change, and those that do not agree, as
            `MISMATCHES_SCHEMA`, with nothing as the bases of the genome where REF, or what is changed behind it,
            reaches out of the contig.
        """
        of_names = [contigs[name] for name in self.names]
        known = np.array([contig is not None for contig in of_names], bool)[self.name_codes[self.record]]
        self.reason[~known] = REASON_CODE["contig_not_in_genome"]
        rows = np.flatnonzero(self.reason == SCORED)
        repeated = np.diff(self.record[rows], prepend=-1) == 0  # REF is read once for all ALT of a record
        widths = np.where(repeated, 0, self._sequences[0].lengths[rows])
        found = [self._compare(genome, of_names, rows[some]) for some in in_portions(widths, AT_ONCE)]
        return len(rows), pa.concat_tables([MISMATCHES_SCHEMA.empty_table(), *found])

    def _compare(self, genome: Genome, contigs: list[str | None], rows: np.ndarray) -> pa.Table:
        """Enter what is wrong with some alleles in `reason`, and list mismatches; `contigs` are those of `names`."""
        records, first, of = np.unique(self.record[rows], return_index=True, return_inverse=True)
        names, starts, ref = self.name_codes[records], self.positions[records] - 1, self._sequences[0].take(rows[first])
        # One window of one base for each base of each REF; all else is done once, however many contigs there are
        places, written = ref._replace(begins=starts).index(), encode(ref.joined())
        there = np.empty(len(places), np.uint8)
        for name, some in grouped(np.repeat(names, ref.lengths)):
            there[some] = genome.windows(contigs[name], places[some], 1, wrap=False)[:, 0]
        sizes = np.array([genome.contigs.get(contig, 0) for contig in contigs], np.int64)[names]
        named = self.structure[rows] != WRITTEN  # POS 0 stands before the first base of a contig
        begins = stretch_begins(starts[of], self.structure[rows])
        outside = np.where(
            named,
            (begins < 0) | (begins + self.width[rows] > sizes[of]),
            ((starts < 0) | (starts + ref.lengths > sizes))[of],
        )
        unknown = (written == UNKNOWN) | (there == UNKNOWN)
        wrong = ref.any_of((written != there) & ~unknown)[of] | outside
        reference = Sequences(there, np.cumsum(ref.lengths) - ref.lengths, ref.lengths).take(of)
        changed = reference.trim(self.front[rows], self.back[rows])
        before = np.concatenate([[0], np.cumsum(unknown)])  # of REF, how many are undefined before each base
        added = self._sequences[1].take(rows).trim(self.front[rows], self.back[rows])
        undefined = before[changed.begins + changed.lengths] > before[changed.begins]
        undefined |= added.any_of(encode(added.joined()) == UNKNOWN)
        self.reason[rows[undefined & ~named]] = REASON_CODE["undefined_base"]
        self.reason[rows[wrong]] = REASON_CODE["ref_mismatch"]
        bad = rows[wrong]
        of_genome = reference.take(wrong)
        found = texts_of(np.frombuffer(decode(of_genome.joined()).encode(), np.uint8), of_genome.lengths)
        columns = [
            self.record[bad] + self._first_record + 1,
            [self.names[name] for name in names[of[wrong]]],
            self.start[bad] + 1,
            self.ref.take(bad),
            self.alt.take(bad),
            pc.if_else(pa.array(outside[wrong]), "", found),
        ]
        return pa.table(columns, schema=MISMATCHES_SCHEMA)

    def table(self, contigs: dict[str, str | None]) -> pa.Table:
        """One row per allele, `ALLELES_SCHEMA`; `record` is counted from 0 over the whole file."""
        known = list(dict.fromkeys(contigs[name] for name in self.names if contigs[name] is not None))
        numbers = {contig: number for number, contig in enumerate(known)}
        index = np.array([numbers.get(contigs[name], -1) for name in self.names], np.int32)
        codes = self.name_codes[self.record]
        columns = [
            pa.DictionaryArray.from_arrays(pa.array(index[codes], mask=index[codes] < 0), pa.array(known, pa.string())),
            self.start,
            self.id,
            self.ref,
            self.alt,
            self.front.astype(np.int32),
            self.back.astype(np.int32),
            self.structure,
            self.width,
            reason_column(self.reason),
            self.record + self._first_record,
            pa.DictionaryArray.from_arrays(codes, pa.array(self.names)),
        ]
        return pa.table(columns, schema=ALLELES_SCHEMA)


def reason_column(reason: np.ndarray) -> pa.Array:
    """Codes of `REASONS`, int8 (n,), as text; null for scored ones."""
    return pa.DictionaryArray.from_arrays(pa.array(reason - 1, mask=reason == SCORED), pa.array(REASONS[1:]))


def reason_codes(column: pa.ChunkedArray) -> np.ndarray:
    """The inverse of `reason_column`: int8 (n,)."""
    return pc.fill_null(pc.index_in(column.cast(pa.string()), pa.array(REASONS)), SCORED).to_numpy().astype(np.int8)


def _capitals(alleles: pa.Array) -> pa.Array:
    """Bases in capitals; symbols and breakends, which may name contigs, as they are."""
    return pc.if_else(pc.match_substring_regex(alleles, r"[<\[\]]"), alleles, pc.ascii_upper(alleles))


def _unreadable(path: str | Path, block: pa.Table, first_record: int) -> InputError:
    """What is wrong with the first record whose place, name or alleles are not text, or whose POS is no position."""
    for row in range(block.num_rows):
        place = f"record {first_record + row + 1} of {path}"
        for name in _TEXT:
            value = block[name][row].as_py()
            try:
                text = value.decode()
            except UnicodeDecodeError:
                shown = value[:40].decode(errors="backslashreplace")
                return InputError(f"{place}: {name} {shown} is not in UTF-8; mend it")
            if name == "POS" and not (re.fullmatch("[0-9]+", text) and int(text) <= FARTHEST):
                return InputError(f"{place}: POS {text[:40]!r} is no number from 0 to {FARTHEST}; mend it")
    return InputError(f"{path} cannot be read behind record {first_record}")


def classify(ref: pa.Array, alt: pa.Array) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What each allele changes, from the two texts alone.

    Args:
        ref, alt: pyarrow string (m,), capitals.

    Returns:
        reason int8 (m,), index into `REASONS`, "scored" where both are bases; and for these front and back, int64,
        the bases that they share (see `Alleles`).
    """
    before, after = Sequences.of(ref), Sequences.of(alt)
    kinds = {
        "no_alt": pc.is_in(alt, pa.array([".", ""])),
        "spanning_deletion": pc.equal(alt, "*"),
        "symbolic": pc.match_substring_regex(alt, r"^[^\[\]]*<"),  # also C<contig>, an inserted contig
        "breakend": pc.match_substring_regex(alt, r"[\[\].]"),
        "undefined_base": before.lengths == 0,
    }
    reason = np.select([np.asarray(kind) for kind in kinds.values()], [REASON_CODE[kind] for kind in kinds], SCORED)
    front, back = common_ends(before, after)
    same = (front + back == before.lengths) & (before.lengths == after.lengths)
    return reason.astype(np.int8), front, np.where(same, np.maximum(back - 1, 0), back)
