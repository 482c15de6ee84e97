"""The ALT alleles of VCF records as columns: what kind of change each is, and its score or the reason it has none."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from glmtracks.errors import InputError
from glmtracks.genome import UNKNOWN, Genome, encode
from glmtracks.shards import DECIMALS

# Why an allele has no score; 0 is an allele that can have one.
REASONS = (
    "scored",
    "no_alt",
    "spanning_deletion",
    "symbolic",
    "breakend",
    "insertion",
    "deletion",
    "mnv",
    "contig_not_in_genome",
    "undefined_base",
    "ref_mismatch",
    "not_scored",
)
_CODE = {reason: code for code, reason in enumerate(REASONS)}
_SCORED = _CODE["scored"]
_GENOME_BLOCK = 1 << 20  # bases fetched at once, so that variants far apart do not pull in a chromosome

VARIANTS_SCHEMA = pa.schema(
    [
        ("contig", pa.dictionary(pa.int32(), pa.string())),
        ("start", pa.int64()),
        ("id", pa.string()),
        ("ref", pa.string()),
        ("alt", pa.string()),
        ("llr", pa.float32()),
        ("entropy", pa.float32()),
        ("reason", pa.dictionary(pa.int8(), pa.string())),
        ("record", pa.int64()),
        ("vcf_contig", pa.dictionary(pa.int32(), pa.string())),
    ]
)

# (contig, positions int64 (n,) 0-based, reference codes uint8 (n,), alternative codes uint8 (n,))
#     -> (llr float32 (n,), entropy float32 (n,)), NaN where it has no score
Lookup = Callable[[str, np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


class Alleles:
    """The ALT alleles of a block of records, as columns, and what is known of their scores.

    Attributes:
        names, name_codes: contigs as written, and per record (n,) an index into them.
        positions: int64 (n,), POS of the records, 1-based.
        record: int64 (m,), the record of every allele within the block.
        ref, alt: the alleles in capitals, pyarrow string (m,).
        changed: int64 (m,), 0-based position of the base that a substitution changes.
        ref_code, alt_code: uint8 (m,), its bases.
        reason: int8 (m,), index into `REASONS`.
        llr, entropy: float32 (m,), NaN where not scored.
    """

    def __init__(self, path: str | Path, block: pa.Table, first_record: int):
        try:
            fields = {
                name: block[name].combine_chunks().cast(pa.string()) for name in ("CHROM", "POS", "ID", "REF", "ALT")
            }
            self.positions = fields["POS"].cast(pa.int64()).to_numpy()
        except pa.ArrowInvalid as error:
            last = first_record + block.num_rows
            raise InputError(f"{path}, records {first_record + 1} to {last}: {error}; mend the record") from error
        contig = fields["CHROM"].dictionary_encode()
        self.names, self.name_codes = contig.dictionary.to_pylist(), contig.indices.to_numpy()
        alts = pc.split_pattern(fields["ALT"], ",")
        self._offsets = alts.offsets
        self.record = pc.list_parent_indices(alts).to_numpy()
        self.id, self.ref = fields["ID"].take(self.record), _capitals(fields["REF"]).take(self.record)
        self.alt = _capitals(alts.flatten())
        self.reason, offset, self.ref_code, self.alt_code = classify(self.ref, self.alt)
        self.changed = self.positions[self.record] - 1 + offset
        self.llr = np.full(len(self.record), np.nan, np.float32)
        self.entropy = self.llr.copy()

    def score(self, genome: Genome, contigs: dict[str, str | None], lookup: Lookup) -> None:
        """Fill in scores, and the reasons that depend on the genome. `contigs`: name as written -> name in genome."""
        codes = self.name_codes[self.record]
        edges = np.flatnonzero(np.diff(codes)) + 1
        for begin, end in pairwise([0, *edges, len(codes)]):
            contig = contigs[self.names[codes[begin]]]
            if contig is None:
                self.reason[begin:end] = _CODE["contig_not_in_genome"]
                continue
            rows = begin + np.flatnonzero(self.reason[begin:end] == _SCORED)
            self._compare_reference(genome, contig, rows)
            rows = rows[self.reason[rows] == _SCORED]
            if len(rows):
                llr, entropy = lookup(contig, self.changed[rows], self.ref_code[rows], self.alt_code[rows])
                self.reason[rows[np.isnan(llr)]] = _CODE["not_scored"]
                self.llr[rows] = np.round(llr, DECIMALS) + np.float32(0)  # -0.0 + 0 is 0.0
                self.entropy[rows] = np.where(np.isnan(llr), np.nan, np.round(entropy, DECIMALS))

    def _compare_reference(self, genome: Genome, contig: str, rows: np.ndarray) -> None:
        inside = (self.changed[rows] >= 0) & (self.changed[rows] < genome.contigs[contig])
        found = _bases(genome, contig, np.where(inside, self.changed[rows], 0))
        undefined = (found == UNKNOWN) | (self.ref_code[rows] == UNKNOWN) | (self.alt_code[rows] == UNKNOWN)
        self.reason[rows[undefined]] = _CODE["undefined_base"]
        mismatch = (found != self.ref_code[rows]) & (found != UNKNOWN) & (self.ref_code[rows] != UNKNOWN)
        self.reason[rows[mismatch | ~inside]] = _CODE["ref_mismatch"]

    def info(self) -> pa.Array:
        """What INFO gains, one string per record."""
        scored, unscored = self.reason == _SCORED, self.reason != _SCORED
        llr = self._joined(pc.coalesce(pa.array(self.llr, mask=unscored).cast(pa.string()), pa.scalar(".")))
        reason = self._joined(pa.array([".", *REASONS[1:]]).take(pa.array(self.reason)))
        complete = ~np.isin(np.arange(len(self.positions)), self.record[unscored])
        first_records, first = np.unique(self.record[scored], return_index=True)
        entropy = np.full(len(self.positions), np.nan, np.float32)
        entropy[first_records] = self.entropy[scored][first]
        return pc.binary_join_element_wise(
            pc.binary_join_element_wise("GLM_LLR=", llr, ""),
            pc.binary_join_element_wise(
                "GLM_ENTROPY=", pa.array(entropy, mask=np.isnan(entropy)).cast(pa.string()), ""
            ),
            pc.binary_join_element_wise("GLM_REASON=", pc.if_else(complete, None, reason), ""),
            ";",
            null_handling="skip",
        )

    def _joined(self, texts: pa.Array) -> pa.Array:
        """One text per allele to one per record, with commas."""
        return pc.binary_join(pa.ListArray.from_arrays(self._offsets, texts), ",")

    def table(self, contigs: dict[str, str | None], first_record: int) -> pa.Table:
        """The rows of these alleles in the Parquet file."""
        codes = self.name_codes[self.record]
        unscored = self.reason != _SCORED
        contig = pa.array([contigs[name] for name in self.names], pa.string()).take(pa.array(codes))
        columns = [
            contig.dictionary_encode(),
            self.positions[self.record] - 1,
            pc.if_else(pc.equal(self.id, "."), None, self.id),
            self.ref,
            self.alt,
            pa.array(self.llr, mask=unscored),
            pa.array(self.entropy, mask=unscored),
            pa.DictionaryArray.from_arrays(pa.array(self.reason - 1, mask=~unscored), pa.array(REASONS[1:])),
            self.record + first_record,
            pa.DictionaryArray.from_arrays(codes, pa.array(self.names)),
        ]
        return pa.table(columns, schema=VARIANTS_SCHEMA)


def _capitals(alleles: pa.Array) -> pa.Array:
    """Bases in capitals; symbols and breakends, which may name contigs, as they are."""
    return pc.if_else(pc.match_substring_regex(alleles, r"[<\[\]]"), alleles, pc.utf8_upper(alleles))


def classify(ref: pa.Array, alt: pa.Array) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """What kind of change each allele is, from the two texts alone.

    Args:
        ref, alt: pyarrow string (m,), capitals.

    Returns:
        reason int8 (m,), index into `REASONS`, "scored" for one changed base (or none); then for these offset int64,
        the place of the changed base within REF, and its reference and alternative codes uint8 (4 unless A, C, G, T).
    """
    lengths = np.stack([pc.binary_length(ref), pc.binary_length(alt)])
    changes, offset = np.zeros(len(ref), np.int64), np.zeros(len(ref), np.int64)
    ref_code, alt_code = np.full((2, len(ref)), UNKNOWN, np.uint8)
    same = (lengths[0] == lengths[1]) & (lengths[0] > 0)
    for length in np.unique(lengths[0][same]):  # alleles of one length make a matrix of letters
        rows = np.flatnonzero(same & (lengths[0] == length))
        letters = [np.frombuffer("".join(t.take(rows).to_pylist()).encode(), np.uint8) for t in (ref, alt)]
        before, after = (text.reshape(len(rows), -1) for text in letters)
        changes[rows] = (before != after).sum(axis=1)
        offset[rows] = (before != after).argmax(axis=1)
        ref_code[rows], alt_code[rows] = (
            encode(np.take_along_axis(text, offset[rows][:, None], axis=1).tobytes()) for text in (before, after)
        )
    kinds = {
        "no_alt": pc.is_in(alt, pa.array([".", ""])),
        "spanning_deletion": pc.equal(alt, "*"),
        "symbolic": pc.starts_with(alt, "<"),
        "breakend": pc.match_substring_regex(alt, r"[\[\].]"),
        "insertion": lengths[0] < lengths[1],
        "deletion": lengths[0] > lengths[1],
        "mnv": changes > 1,
    }
    reason = np.select([np.asarray(kind) for kind in kinds.values()], [_CODE[kind] for kind in kinds], _SCORED)
    return reason.astype(np.int8), offset, ref_code, alt_code


def _bases(genome: Genome, contig: str, positions: np.ndarray) -> np.ndarray:
    """Codes of the genome at positions (0-based) of one contig, uint8."""
    found = np.empty(len(positions), np.uint8)
    for block, rows in grouped(positions // _GENOME_BLOCK):
        start = block * _GENOME_BLOCK
        inside = positions[rows] - start
        first = int(inside.min())
        found[rows] = genome.codes(contig, start + first, start + int(inside.max()) + 1)[inside - first]
    return found


def grouped(keys: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield every distinct key of an integer array (n,) with the rows that have it, int64."""
    order = np.argsort(keys, kind="stable")
    values, begins = np.unique(keys[order], return_index=True)
    yield from zip(values.tolist(), np.split(order, begins[1:]), strict=True) if len(keys) else ()
