"""Lines of GFF3 and GTF files as one table of features, parsed a block of lines at a time.

Both formats end in the same columns: a GTF row's gene_id and transcript_id become the ID and Parent that GFF3 states.
References: the GFF3 specification (Sequence Ontology, version 1.26) and GTF 2.2 (Brent lab).
"""

import codecs
import io
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from glmtracks.errors import InputError
from glmtracks.gzipped import open_plain_or_gzip

logger = logging.getLogger(__name__)

POSITIONS = re.compile("[0-9]{1,18} [0-9]{1,18}")  # str.isdigit knows digits that int does not, such as ¹
COLUMNS = ["contig", "source", "type", "start", "end", "score", "strand", "phase", "attributes"]
BLOCK_BYTES = 1 << 25
TRANS_SPLICED = "trans-splicing"  # as NCBI's attribute `exception` has it
NO_START = "cds_start_NF"  # "not found": the tag of Ensembl and GENCODE for a CDS whose start lies elsewhere
NO_START_OF_CDS = {"+": "start_range=.,", "-": "end_range="}  # the same of NCBI: where its 5' end is open
_CONTROL = bytes({*range(32), 127} - set(b"\t\n\r"))  # what tabix takes for the mark of another format

# What a feature type (column 3) is to us; the first pattern that matches wins, other types are not read.
KINDS = {
    "CDS": r"(?i:CDS)",
    "exon": r"(?i:.*exon)",
    "UTR": r"(?i:((five|three)_prime_|[53]['_]?-?)?UTR)",  # 5'-UTR in AUGUSTUS
    "stop_codon": r"stop_codon",
    "transcript": r".*(RNA|transcript|_gene_segment)",
    "gene": r".*gene",
}

# Column of the table -> attribute keys that may hold it.
LINKS = {"id": "ID", "parent": "Parent", "transcript_id": "transcript_id"}
DETAILS = {
    "gene_id": "gene_id|geneID",  # the latter of gffread, whose transcripts have no gene rows
    "gene": "gene",
    "gene_name": "gene_name",
    "name": "Name|name",
    "locus_tag": "locus_tag",
    "protein_id": "protein_id",
    "biotype": "transcript_biotype|transcript_type|biotype",
    "gene_biotype": "gene_biotype|gene_type",
    "pseudo": "pseudo|pseudogene",
    "exception": "exception",
    "part": "part",
    "transl_table": "transl_table",
}


def read_rows(path: str | Path) -> pd.DataFrame:
    """The genes, transcripts, exons, CDS, UTRs and stop codons of a GFF3 or GTF file, plain, gzip or bgzip.

    Which of the formats it is follows from the attributes (`key=value` or `key "value"`), not from the file's name.
    Comments are skipped and a `##FASTA` section ends the file.

    Returns:
        One row per feature and parent, in file order: row (number of the feature), contig, type, kind (a key of
        KINDS, or "circular" for the landmark of a circular contig), start, end (int64, 0-based half-open), strand
        ("+", "-", "."), phase (int8, -1 for "."), no_start (bool, the row says that the start of its CDS lies
        elsewhere), and as strings or null the keys of LINKS and DETAILS. The details are given for every gene and
        transcript and for what is trans-spliced, and at least once for each CDS and once for any part of each.

    Raises:
        InputError: truncated or unreadable file, a line that is not a feature (with its number), no feature at all.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path} does not exist; give the path of a GFF3 or GTF file.")
    tables, is_gtf = [], None
    for first_line, block in _blocks(path):
        table = _parse(block, path, first_line)
        if is_gtf is None and len(table):
            is_gtf = _is_gtf(table["attributes"])
        if len(table):
            tables.append(_features(table, is_gtf, path, first_line, block))
    if not tables:
        raise InputError(f"{path} has no gene, transcript, exon or CDS row; give a GFF3 or GTF of genes.")
    rows = pd.concat(tables, ignore_index=True)
    rows.insert(0, "row", np.arange(len(rows)))
    rows = _link_gtf(rows) if is_gtf else _one_row_per_parent(rows)
    for column in [*LINKS, *DETAILS]:
        rows[column] = _unescape(rows[column])
    return rows


def _blocks(path: Path) -> Iterator[tuple[int, bytes]]:
    """(number of the first line, whole lines) until the end of the features."""
    line, rest = 1, b""
    with open_plain_or_gzip(path) as handle:
        while chunk := handle.read(BLOCK_BYTES):
            chunk = rest + chunk
            cut = chunk.rfind(b"\n") + 1
            block, rest = chunk[:cut], chunk[cut:]
            block, ended = _before_fasta(block)
            if block:
                yield line, block
            if ended:
                return
            line += block.count(b"\n")
    rest, _ = _before_fasta(rest)
    if rest:
        yield line, rest + b"\n"


def _before_fasta(block: bytes) -> tuple[bytes, bool]:
    """The part of the lines before a FASTA section, and whether there is one."""
    starts = [0] if block.startswith((b"##FASTA", b">")) else []
    starts += [place + 1 for mark in (b"\n##FASTA", b"\n>") if (place := block.find(mark)) >= 0]
    return (block[: min(starts)], True) if starts else (block, False)


def _parse(block: bytes, path: Path, first_line: int) -> pa.Table:
    """The rows of a block whose kind is known, as strings, with their kind and nothing else changed."""
    if len(block.translate(None, _CONTROL)) < len(block):
        raise _control_character(block, path, first_line)
    try:
        block.decode("utf-8")
    except UnicodeDecodeError:
        block = block.decode("latin-1").encode("utf-8")
    block = block.removeprefix(codecs.BOM_UTF8)
    try:
        table = csv.read_csv(
            io.BytesIO(block),
            csv.ReadOptions(column_names=COLUMNS, block_size=len(block) + 1),
            csv.ParseOptions(delimiter="\t", quote_char=False, invalid_row_handler=_comment_or_error),
            csv.ConvertOptions(column_types=dict.fromkeys(COLUMNS, pa.string()), strings_can_be_null=False),
        )
    except pa.ArrowInvalid as error:
        if not block.strip():
            return pa.table({name: pa.array([], pa.string()) for name in [*COLUMNS, "kind"]})
        unclear = InputError(
            f"{path}, from line {first_line}: no GFF3 or GTF ({error}); check where the file comes from."
        )
        raise _complaint(block, path, first_line) or unclear from None
    types = table["type"].combine_chunks().dictionary_encode()
    kinds = pa.array([_kind(name) for name in types.dictionary.to_pylist()], pa.string()).take(types.indices)
    circular = pc.match_substring(table["attributes"], "Is_circular=true")
    kinds = pc.if_else(circular, "circular", kinds)
    comment = pc.starts_with(table["contig"], "#")
    return table.append_column("kind", kinds).filter(pc.and_(pc.is_valid(kinds), pc.invert(comment)))


def _comment_or_error(row: csv.InvalidRow) -> str:
    return "skip" if row.text.startswith("#") or not row.text.strip() else "error"


def _kind(name: str) -> str | None:
    return next((kind for kind, pattern in KINDS.items() if re.fullmatch(pattern, name)), None)


def _is_gtf(attributes: pa.ChunkedArray) -> bool:
    """Whether most of the first attributes are written `key "value"` and not `key=value`."""
    sample = attributes.slice(0, 1000)
    gff3 = pc.match_substring_regex(sample, r"^\s*[^\s=;\"]+=")
    empty = pc.match_substring_regex(sample, r"^[.\s]*$")
    return pc.sum(gff3).as_py() * 2 < len(sample) - pc.sum(empty).as_py()


def _features(table: pa.Table, is_gtf: bool, path: Path, first_line: int, block: bytes) -> pd.DataFrame:
    """Numbers, strands and attributes of the rows of one block."""
    frame = table.select(["contig", "type", "kind"]).to_pandas()
    try:
        frame["start"] = table["start"].cast(pa.int64()).to_numpy() - 1
        frame["end"] = table["end"].cast(pa.int64()).to_numpy()
    except pa.ArrowInvalid as error:
        unclear = InputError(
            f"{path}, from line {first_line}: no GFF3 or GTF ({error}); check where the file comes from."
        )
        raise _complaint(block, path, first_line) or unclear from None
    if not ((frame["start"] >= 0) & (frame["end"] > frame["start"])).all():
        raise _complaint(block, path, first_line)
    strand = table["strand"].to_pandas()
    frame["strand"] = strand.where(strand.isin(["+", "-"]), ".")
    frame["phase"] = pd.to_numeric(table["phase"].to_pandas(), errors="coerce").fillna(-1).clip(-1, 2).astype("int8")
    attributes = table["attributes"].combine_chunks()
    for column in ["transcript_id"] if is_gtf else LINKS:
        frame[column] = _attribute(attributes, LINKS[column], is_gtf)
    frame["no_start"] = _hold(attributes, NO_START)
    for sign, mark in NO_START_OF_CDS.items():
        frame["no_start"] |= _hold(attributes, mark) & ((frame["kind"] == "CDS") & (frame["strand"] == sign))
    if is_gtf:  # AUGUSTUS and BRAKER write the bare identifier on their gene and transcript rows
        bare = pc.if_else(pc.match_substring_regex(attributes, r'^[^\s;="]+$'), attributes, None)
        frame["bare"] = pc.if_else(pc.equal(bare, "."), None, bare).to_pandas()
    link = frame["transcript_id"] if is_gtf else frame["parent"]
    cds = frame["kind"] == "CDS"
    protein = cds if is_gtf else frame["id"].fillna("").where(cds)  # a gene may have several
    repeated = frame.assign(link=link, protein=protein).duplicated(["link", "protein"]) & link.notna()
    whole = frame["kind"].isin(["gene", "transcript"]) | _hold(attributes, TRANS_SPLICED)
    wanted = np.flatnonzero(~repeated | whole)
    chosen = attributes.take(pa.array(wanted))
    for column, keys in DETAILS.items():
        frame[column] = _attribute(chosen, keys, is_gtf).set_axis(wanted).reindex(frame.index)
    return frame


def _hold(attributes: pa.Array, text: str) -> np.ndarray:
    """Whether each string of attributes holds the text, bool."""
    return pc.match_substring(attributes, text).to_numpy(zero_copy_only=False)


def _attribute(attributes: pa.Array, keys: str, is_gtf: bool) -> pd.Series:
    """The value of the first of the keys present in each string of attributes, or null if absent or empty."""
    separator = r"\s+" if is_gtf else r"\s*=\s*"
    found = pc.extract_regex(attributes, rf'(?:^|;)\s*(?:{keys}){separator}(?P<value>"[^"]*"|"?[^;"]*)')
    value = pc.utf8_trim_whitespace(pc.utf8_trim(pc.struct_field(found, "value"), '"'))
    return pc.if_else(pc.equal(value, ""), None, value).to_pandas().astype("str")


def _link_gtf(rows: pd.DataFrame) -> pd.DataFrame:
    """IDs and parents of GTF rows, kept apart by a prefix because a gene and its transcript may share a name."""
    is_gene, is_transcript = rows["kind"] == "gene", rows["kind"] == "transcript"
    transcript = "transcript:" + rows["transcript_id"].fillna(rows["bare"].where(is_transcript))
    gene = "gene:" + rows["gene_id"].fillna(rows["bare"].where(is_gene))
    rows["id"] = gene.where(is_gene, transcript.where(is_transcript))
    rows["parent"] = gene.where(is_transcript, transcript.where(~is_gene))
    return rows.drop(columns="bare")


def _one_row_per_parent(rows: pd.DataFrame) -> pd.DataFrame:
    """GFF3 rows with several parents, repeated for each of them."""
    several = rows["parent"].str.contains(",", regex=False).fillna(False).astype(bool)
    if several.any():
        split = rows[several].assign(parent=rows.loc[several, "parent"].str.split(",")).explode("parent")
        split["parent"] = split["parent"].astype("str").str.strip()
        rows = pd.concat([rows[~several], split[split["parent"] != ""]]).sort_values("row", kind="stable")
    return rows.reset_index(drop=True)


def _unescape(values: pd.Series) -> pd.Series:
    """Percent-encoded characters as themselves."""
    escaped = values[values.str.contains("%", regex=False).fillna(False).astype(bool)]
    if escaped.empty:
        return values
    plain = {value: unquote(value) for value in escaped.unique()}
    values = values.copy()
    values[escaped.index] = escaped.map(plain)
    return values


def _control_character(block: bytes, path: Path, first_line: int) -> InputError:
    at = next(at for at, byte in enumerate(block) if byte in _CONTROL)
    line = first_line + block.count(b"\n", 0, at)
    return InputError(
        f"{path}, line {line}: holds a control character (byte {block[at]}), which no text has; fetch the file again."
    )


def _complaint(block: bytes, path: Path, first_line: int) -> InputError | None:
    """What is wrong with the first bad line of a block that did not parse."""
    for number, line in enumerate(re.split("\r\n?|\n", block.decode("utf-8", "replace")), start=first_line):
        cells = line.split("\t")
        where = f"{path}, line {number}"
        if line.startswith("#") or not line.strip():
            continue
        if len(cells) != len(COLUMNS):
            kind, way_out = (
                ("an HTML page", "check where the file comes from")
                if line.lstrip().startswith("<")
                else ("no GFF3 or GTF feature", "correct it, or convert another format (BED, GenBank) to GFF3")
            )
            return InputError(
                f"{where}: {kind}: {len(cells)} tab-separated columns instead of 9 in {line[:60]!r}; {way_out}."
            )
        start, end = cells[3:5]
        if _kind(cells[2]) and not (POSITIONS.fullmatch(f"{start} {end}") and 1 <= int(start) <= int(end)):
            return InputError(
                f"{where}: start {start!r} and end {end!r} are not two positions counted from 1 with start <= end; "
                "correct or remove the line."
            )
    return None
