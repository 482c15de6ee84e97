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
    of, texts, entries = record[likely], alt.take(likely), info.take(record[likely])
    first = np.searchsorted(record, of)
    alone = np.searchsorted(record, of, side="right") - first == 1
    lengths = pc.abs(_numbers(_element(_entry(entries, "SVLEN"), likely - first)))
    ends = pc.subtract(_numbers(_entry(entries, "END")), pa.array(positions[of]))
    spans = pc.coalesce(lengths, pc.if_else(pa.array(alone), ends, None))
    spans = pc.if_else(pc.and_(pa.array(alone), pc.fill_null(pc.not_equal(ends, lengths), False)), None, spans)
    spans = pc.fill_null(spans, 0).to_numpy()
    for code, pattern in _SYMBOLS.items():
        these = np.asarray(pc.match_substring_regex(texts, pattern)) & (spans > 0)
        structure[likely[these]], width[likely[these]] = code, spans[these]
    # An ALT of one base more than SVLEN begins with the base before the insertion, as the standard has it
    inserted = pc.and_(
        pc.match_substring_regex(entries, "(^|;)SVTYPE=INS(;|$)"), pc.match_substring_regex(texts, "^[A-Z]+$")
    )
    anchored = pc.fill_null(pc.equal(pc.binary_length(texts), pc.add(lengths, 1)), True)
    anchored = pc.or_(anchored, pc.starts_with(texts, "N"))
    structure[likely[bare[likely] & np.asarray(pc.and_not(inserted, anchored))]] = INSERTION
    # Likewise a REF of one base more than SVLEN
    alike = pc.fill_null(pc.equal(lengths, pa.array(sizes[likely])), False)
    removed = pc.and_(pc.match_substring_regex(entries, "(^|;)SVTYPE=DEL(;|$)"), alike)
    removed = likely[empty[likely] & np.asarray(removed)]
    structure[removed], width[removed] = REMOVAL, sizes[removed]
    return structure, width


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
) -> tuple[np.ndarray, Sequences, Sequences]:
    """What alleles of one contig change in the genome.

    Args:
        first: int64 (n,), as `stretch_begins` gives it.
        structure, width: as `structures` gives them, none "written".
        alt: codes of the ALT, read where these are inserted.

    Returns:
        where the change begins, int64 (n,) 0-based; the codes of the genome there, and those that stand there instead.
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
    return first + np.where(structure == DUPLICATION, width, 0), Sequences(symbols, begins, removed), after


def undefined(sequences: Sequences) -> np.ndarray:
    """Which sequences of codes hold a base that is not known: bool (n,)."""
    return sequences.any_of(sequences.joined() == UNKNOWN)
