"""Alleles that name a change of the genome instead of writing its bases: what they stand for.

POS is the base before the change. `<DEL>` takes the bases behind it away, `<DUP:TANDEM>` repeats them and `<INV>` turns
them round; how many they are is told by SVLEN, or by END. Long-read callers that are given no reference write an
insertion as REF N and ALT the inserted bases alone, without the base before them, and SVTYPE=INS; some write a deletion
the other way round, as REF the bases taken away, from POS on, and ALT N.

All other symbols (`<INS>`, `<DUP>`, `<CNV>`, `<NON_REF>` …) leave open which sequence they make.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from glmtracks.arrays import Sequences
from glmtracks.genome import UNKNOWN, Genome, complement

STRUCTURES = ("written", "deletion", "tandem_duplication", "inversion", "insertion", "removal")
WRITTEN, DELETION, DUPLICATION, INVERSION, INSERTION, REMOVAL = range(len(STRUCTURES))
_SYMBOLS = {DELETION: "^<DEL(:[^<>]*)?>$", DUPLICATION: "^<DUP:TANDEM>$", INVERSION: "^<INV>$"}


def structures(
    ref: pa.Array, alt: pa.Array, record: np.ndarray, positions: np.ndarray, info: pa.Array
) -> tuple[np.ndarray, np.ndarray]:
    """Which alleles stand for a change that the record tells, and how wide it is.

    Where SVLEN and END do not agree, or neither is a number above 0, nothing is taken for known.

    Args:
        ref, alt: pyarrow string (m,), in capitals.
        record: int64 (m,), the record of each allele, in order.
        positions: int64 (n,), POS of the records.
        info: pyarrow binary (n,), their INFO.

    Returns:
        structure int8 (m,), index into `STRUCTURES`; width int64 (m,), how many bases, from `stretch_begins` on, are
        taken away, repeated or turned round, 0 for the others.
    """
    structure, width = np.zeros(len(record), np.int8), np.zeros(len(record), np.int64)
    bare, empty = (np.asarray(pc.equal(alleles, "N")) for alleles in (ref, alt))
    sizes = np.asarray(pc.binary_length(ref))
    likely = np.flatnonzero(((np.asarray(pc.starts_with(alt, "<")) | bare) & (sizes == 1)) | empty)
    if not len(likely):
        return structure, width
    texts, entries = alt.take(likely), info.take(record[likely])
    lengths, spans = _told(entries, record, likely, positions)
    for code, pattern in _SYMBOLS.items():
        these = np.asarray(pc.match_substring_regex(texts, pattern)) & (spans > 0)
        structure[likely[these]], width[likely[these]] = code, spans[these]
    structure[likely[bare[likely] & _inserts(texts, entries, lengths)]] = INSERTION
    removed = likely[empty[likely] & _removes(sizes[likely], entries, lengths)]
    structure[removed], width[removed] = REMOVAL, sizes[removed]
    return structure, width


def _told(
    entries: pa.Array, record: np.ndarray, rows: np.ndarray, positions: np.ndarray
) -> tuple[pa.Array, np.ndarray]:
    """The absolute SVLEN of some alleles, with nulls, and how many bases behind POS it and END mean: int64 (n,).

    `entries` are the INFO of `rows`. END is of an allele alone in its record; 0 where the two disagree or are missing.
    """
    of = record[rows]
    first = np.searchsorted(record, of)
    alone = pa.array(np.searchsorted(record, of, side="right") - first == 1)
    lengths = pc.abs(_numbers(_element(_entry(entries, "SVLEN"), rows - first)))
    ends = pc.if_else(alone, pc.subtract(_numbers(_entry(entries, "END")), pa.array(positions[of])), None)
    agree = pc.fill_null(pc.equal(ends, lengths), True)
    return lengths, pc.fill_null(pc.if_else(agree, pc.coalesce(lengths, ends), 0), 0).to_numpy()


def _inserts(texts: pa.Array, entries: pa.Array, lengths: pa.Array) -> np.ndarray:
    """Whether an ALT is an insertion without the base before it, with which it is longer than SVLEN: bool (n,)."""
    anchored = pc.fill_null(pc.equal(pc.binary_length(texts), pc.add(lengths, 1)), True)
    bases = pc.and_not(pc.match_substring_regex(texts, "^[A-Z]+$"), pc.starts_with(texts, "N"))
    return np.asarray(pc.and_(_is_type(entries, "INS"), pc.and_not(bases, anchored)))


def _removes(sizes: np.ndarray, entries: pa.Array, lengths: pa.Array) -> np.ndarray:
    """Whether a REF of so many bases is a deletion without the base before it: bool (n,)."""
    alike = pc.fill_null(pc.equal(lengths, pa.array(sizes)), False)
    return np.asarray(pc.and_(_is_type(entries, "DEL"), alike))


def _is_type(entries: pa.Array, name: str) -> pa.Array:
    return pc.match_substring_regex(entries, f"(^|;)SVTYPE={name}(;|$)")


def stretch_begins(start: np.ndarray, structure: np.ndarray) -> np.ndarray:
    """The first base, 0-based, of what `structures` gives the width of, from that of POS: behind it, mostly."""
    return start + (structure != REMOVAL)


def _entry(info: pa.Array, key: str) -> pa.Array:
    """The value of a key of INFO, null where there is none."""
    return pc.struct_field(pc.extract_regex(info, f"(?:^|;){key}=(?P<value>[^;]*)"), "value")


def _element(values: pa.Array, number: np.ndarray) -> pa.Array:
    """Of values with commas the one of a number, int64 (n,); null where there are not so many."""
    lists = pc.split_pattern(pc.fill_null(values, b""), b",")
    begins, counts = lists.offsets.to_numpy()[:-1], pc.list_value_length(lists).to_numpy()
    return lists.flatten().take(pa.array(begins + number, mask=number >= counts))


def _numbers(values: pa.Array) -> pa.Array:
    """int64, null for what is no number of an index's size."""
    return (
        pc.if_else(pc.match_substring_regex(values, "^-?[0-9]{1,10}$"), values, None).cast(pa.string()).cast(pa.int64())
    )


def spell(
    genome: Genome, contig: str, first: np.ndarray, structure: np.ndarray, width: np.ndarray, alt: Sequences
) -> tuple[Sequences, Sequences]:
    """What alleles of one contig change in the genome from `first` on.

    The copy of a duplication is put before the original, where it stands when it is written out as an insertion.

    Args:
        first: int64 (n,), as `stretch_begins` gives it.
        structure, width: as `structures` gives them, none "written".
        alt: codes of the ALT, read where these are inserted.

    Returns:
        the codes of the genome there, and those that stand there instead.
    """
    begins = np.cumsum(width) - width
    places = Sequences(np.zeros(0, np.uint8), first, width).index()
    stretch = genome.windows(contig, places, 1, wrap=False)[:, 0]
    mirrored = np.repeat(2 * begins + width - 1, width) - np.arange(len(stretch))
    inserted = alt.trim(np.where(structure == INSERTION, 0, alt.lengths), 0)
    symbols = np.concatenate([stretch, complement(stretch)[mirrored], inserted.joined()])
    removed = np.where(np.isin(structure, (DELETION, INVERSION, REMOVAL)), width, 0)
    texts = 2 * len(stretch) + np.cumsum(inserted.lengths) - inserted.lengths
    added = [begins, begins, len(stretch) + begins, texts, begins]
    lengths = np.choose(structure - 1, [np.zeros_like(width), width, width, inserted.lengths, np.zeros_like(width)])
    after = Sequences(symbols, np.choose(structure - 1, added), lengths)
    return Sequences(symbols, begins, removed), after


def undefined(sequences: Sequences) -> np.ndarray:
    """Which sequences of codes hold a base that is not known: bool (n,)."""
    return sequences.any_of(sequences.joined() == UNKNOWN)
