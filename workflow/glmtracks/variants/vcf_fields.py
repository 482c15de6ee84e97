"""The fields that INFO of an annotated VCF gains, and the same scores as columns of a Parquet file."""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from glmtracks.variants.alleles import ALLELES_SCHEMA, REASON_TYPE, REASONS

METHODS = ("llr", "likelihood", "pseudo_likelihood")
EXTRAS = {"influence": ("influence",), "embedding": ("embedding_l2", "embedding_cosine")}
"""Fields that take forward passes for every variant -> their columns."""


class Field(NamedTuple):
    """A field of INFO; `number` and `type` as the VCF specification has them."""

    column: str
    number: str
    type: str
    description: str


_ALL = (
    Field(
        "llr",
        "A",
        "Float",
        "log P(ALT) - log P(REF), natural logarithm; negative: less likely than the reference. A shorter sequence is "
        "likelier whatever it is: compare insertions and deletions by GLM_LLR_NORM",
    ),
    Field(
        "method",
        "A",
        "String",
        "What GLM_LLR compares: llr = the changed base given all around; likelihood = the sequences; "
        "pseudo_likelihood = the sums over the allele and its surroundings of log P(base | all others)",
    ),
    Field(
        "llr_norm",
        "A",
        "Float",
        "GLM_LLR of haplotypes without the cost of length: each base more than in REF is given back the mean surprise "
        "of the reference around, each base less is charged with it",
    ),
    Field(
        "llr_corrected",
        "A",
        "Float",
        "GLM_LLR minus its mean over neutral bases of the same context and ALT",
    ),
    Field("phred", "A", "Float", "-10 log10 of the share of all SNVs of the genome whose score is as low"),
    Field("entropy", "1", "Float", "Shannon entropy in bits, 0 to 2, at the base that the first SNV among ALT changes"),
    Field(
        "influence",
        "A",
        "Float",
        "Mean absolute change of the log-odds (natural) of the four bases at the neighbours of the variant",
    ),
    Field("embedding_l2", "A", "Float", "Euclidean distance of the mean embeddings of the neighbours, REF to ALT"),
    Field("embedding_cosine", "A", "Float", "1 - cosine of the mean embeddings of the neighbours, REF to ALT"),
    Field("reason", "A", "String", f"Why an allele has no GLM_LLR: {', '.join(REASONS[1:])}"),
)
FIELDS = {f"GLM_{field.column.upper()}": field for field in _ALL}

_SCORES_TYPES = {"method": pa.dictionary(pa.int8(), pa.string()), "reason": REASON_TYPE}


def columns(*, calibrated: bool, extras: list[str]) -> list[str]:
    """Columns of the scores of a call set, in order."""
    left_out = set() if calibrated else {"llr_corrected", "phred"}
    left_out |= {column for extra, names in EXTRAS.items() if extra not in extras for column in names}
    return [field.column for field in _ALL if field.column not in left_out]


def scores_schema(names: list[str]) -> pa.Schema:
    """Schema of the scores of alleles, with these columns."""
    return pa.schema([(name, _SCORES_TYPES.get(name, pa.float32())) for name in names])


def variants_schema(names: list[str]) -> pa.Schema:
    """Schema of the table of a call set and model: what the alleles are, their scores, and where they stand."""
    kept = ("contig", "start", "id", "ref", "alt"), ("record", "vcf_contig")
    first, last = ([ALLELES_SCHEMA.field(name) for name in part] for part in kept)
    return pa.schema([*first, *scores_schema(names), *last])


def header_lines(names: list[str], model: str, neutral: str | None = None) -> list[str]:
    """Header lines of the fields of some columns.

    Args:
        names: columns.
        model: its name.
        neutral: which bases of the genome were taken for neutral, in words, where that is known: of a genome with
            little between its genes these are all of it, and a corrected score then says something else.
    """
    more = {"llr_corrected": f"; taken for neutral: {neutral}"} if neutral else {}
    found = {name: field for name, field in FIELDS.items() if field.column in names}
    described = {
        name: f"{field.description}{more.get(field.column, '')}; genomic language model {model}".replace('"', "'")
        for name, field in found.items()
    }
    return [
        f'##INFO=<ID={name},Number={field.number},Type={field.type},Description="{described[name]}">'
        for name, field in found.items()
    ]


def info(scores: pa.Table, offsets: np.ndarray) -> pa.Array:
    """What INFO gains, one string per record.

    GLM_LLR stands in every record, `.` for alleles without a score; other fields only where an allele has a value.

    Args:
        scores: one row per allele, columns of `columns`.
        offsets: int32 (records + 1,), the first allele of each record, and the number of alleles.
    """
    parts = []
    for name, field in FIELDS.items():
        if field.column not in scores.column_names:
            continue
        values = scores[field.column].combine_chunks().cast(pa.string())
        texts = _first(values, offsets) if field.number == "1" else _joined(values, offsets)
        if field.column != "llr":
            texts = pc.if_else(_any(values, offsets), texts, None)
        parts.append(pc.binary_join_element_wise(f"{name}=", texts, ""))
    return pc.binary_join_element_wise(*parts, ";", null_handling="skip")


def _any(values: pa.Array, offsets: np.ndarray) -> np.ndarray:
    """Whether a record has a value: bool (records,)."""
    counts = np.concatenate([[0], np.cumsum(np.asarray(values.is_valid()))])
    return counts[offsets[1:]] > counts[offsets[:-1]]


def _first(values: pa.Array, offsets: np.ndarray) -> pa.Array:
    """The first value of each record that has one, and any row of one that has none."""
    valid = np.flatnonzero(np.asarray(values.is_valid()))
    place = np.searchsorted(valid, offsets[:-1])
    return values.take(np.append(valid, 0)[place])


def _joined(values: pa.Array, offsets: np.ndarray) -> pa.Array:
    """The values of each record with commas, `.` for those that it lacks."""
    values = pc.fill_null(values, ".")
    if len(values) == len(offsets) - 1:
        return values
    return pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), values), ",")
