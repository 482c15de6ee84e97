"""Measured effects of variants: saturation MPRA tables, and deep mutational scans as ProteinGym writes them.

A table has a header, is plain or gzip, and its columns are separated by tabs or commas. Columns are known by any of
their usual names, whatever the case; where a table has several of these, the first in this list counts:

contig    chrom, chromosome, chr, contig, #chrom
pos       pos, position: 1-based
ref, alt  ref, reference; alt, alternate, alternative: bases of the reference's forward strand
effect    coefficient, effect, value, log2 variant expression effect: change of expression, 0 = none. Of a saturation
          MPRA, and what makes the table one (Kircher et al. 2019)
function  dms_score, score, fitness: higher = more functional. Of a deep mutational scan, and what makes the table one
assay     assay, element, dms_id, name: which assay a row is of; without it, or empty, the file's name
barcodes  barcodes, tags: of a saturation MPRA; variants seen with fewer than 10 are left out, as its authors do
mutant    mutant, such as A24V or A24V:T30S. A scan with it and without contig and pos is one of a protein, mapped to
          the genome by `map_protein`
mutated_sequence  the whole protein with the mutations of the row, as ProteinGym gives it

Rows that do not change exactly one base are left out and counted.
"""

import logging
import re
from pathlib import Path

import numpy as np
import pandas as pd

from glmtracks.annotation.codons import Codons, GeneticCode, codons_in_batches, read_code
from glmtracks.errors import InputError
from glmtracks.genome import BASES, Genome, complement
from glmtracks.genome.contigs import ContigNames
from glmtracks.gzipped import open_plain_or_gzip
from glmtracks.variants.snv_records import MOST_MISMATCHES, reference_codes, undefined

logger = logging.getLogger(__name__)

NAMES = {
    "contig": ("chrom", "chromosome", "chr", "contig", "#chrom"),
    "pos": ("pos", "position"),
    "ref": ("ref", "reference"),
    "alt": ("alt", "alternate", "alternative"),
    "effect": ("coefficient", "effect", "value", "log2 variant expression effect"),
    "function": ("dms_score", "score", "fitness"),
    "assay": ("assay", "element", "dms_id", "name"),
    "barcodes": ("barcodes", "tags"),
    "mutant": ("mutant",),
    "mutated_sequence": ("mutated_sequence",),
}
MIN_BARCODES = 10
COLUMNS = ["contig", "start", "ref", "alt", "assay", "measured"]


def read_assay(
    path: str | Path,
    genome: Genome,
    names: ContigNames,
    features: pd.DataFrame | None = None,
    genetic_code: int = 1,
) -> tuple[pd.DataFrame, bool]:
    """The measured single-nucleotide variants of a table, and whether they are changes of expression.

    Args:
        path: the table (see the module).
        genome: the reference.
        names: translates the contigs of the table.
        features: transcript features, which a scan of a protein needs.
        genetic_code: NCBI number, for such a scan.

    Returns:
        contig (string), start (int64, 0-based), ref, alt (uint8, codes 0..3), assay (string), measured (float64),
        without duplicates, in any order; and True where `measured` is a change of expression (saturation MPRA), False
        where it is a degree of function (deep mutational scan).

    Raises:
        InputError: columns or values missing or wrong, no contig of the genome, REF that differs from the genome at
            more than 1 % of the variants, a protein that no transcript of the genome makes.
    """
    table = _read(Path(path))
    expression = "effect" in table
    table = table.rename(columns={"effect": "measured", "function": "measured"})
    written, table["measured"] = table["measured"], pd.to_numeric(table["measured"], errors="coerce")
    if len(table) and table["measured"].isna().all():
        raise InputError(f"{path}: no row has a number, {written.iloc[0]!r} for one; write numbers as -0.5.")
    table["assay"] = table.get("assay", pd.Series("", index=table.index)).astype("str").replace("", _stem(path))
    tally = {"without a number": table["measured"].isna()}
    if "barcodes" in table:
        few = pd.to_numeric(table["barcodes"], errors="coerce") < MIN_BARCODES
        tally[f"with fewer than {MIN_BARCODES} barcodes"] = few
    dropped = np.logical_or.reduce(list(tally.values()))
    told = [f"{int(rows.sum()):,} rows {why}" for why, rows in tally.items() if rows.any()]
    table = table[~dropped]
    if {"contig", "pos", "ref", "alt"} <= set(table):
        found = _on_genome(table, genome, names, path, told)
    elif features is None:
        raise InputError(f"{path} is a scan of a protein, which needs the annotation of {genome.path}; give it, or map")
    else:
        found = map_protein(table, genome, features, genetic_code, path, told)
    found = found[COLUMNS].groupby(COLUMNS[:-1], as_index=False, sort=False)["measured"].mean()
    logger.info("%s: %d measured SNVs; left out: %s", path, len(found), ", ".join(told) or "nothing")
    return found, expression


def _stem(path: str | Path) -> str:
    return re.sub(r"\.(tsv|csv|txt)(\.gz)?$", "", Path(path).name)


def _read(path: Path) -> pd.DataFrame:
    """The table as text, its known columns under our names."""
    if not path.is_file():
        raise InputError(f"{path} does not exist; give the path of a table of measured variants.")
    try:
        options = {"dtype": str, "keep_default_na": False}
        with open_plain_or_gzip(path, "rt", encoding="utf-8-sig") as handle:
            header = pd.read_csv(handle, sep="\t", nrows=0, **options)
            handle.seek(0)
            table = pd.read_csv(handle, sep="\t" if header.shape[1] > 1 else ",", **options)
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        reason = " ".join(str(error).split())  # that of pandas ends in a line feed
        raise InputError(f"{path} is not a table with a header, of tabs or commas ({reason}); give one.") from error
    known = {}
    for name, others in NAMES.items():
        found = [column for other in others for column in table if column.strip().lower() == other]
        if found and found[0] not in known:
            known[found[0]] = name
    table = table[list(known)].rename(columns=known)
    if "effect" in table and "function" in table:
        table = table.drop(columns="effect")
    if not {"effect", "function"} & set(table):
        wanted = ", ".join(NAMES["effect"] + NAMES["function"])
        raise InputError(f"{path} has no column of measurements; call it one of {wanted}.")
    if not {"contig", "pos", "ref", "alt"} <= set(table) and not {"mutant", "mutated_sequence"} <= set(table):
        raise InputError(
            f"{path} says of no row which variant it is: it needs chrom, pos, ref and alt, or mutant and "
            "mutated_sequence."
        )
    return table


def _on_genome(
    table: pd.DataFrame, genome: Genome, names: ContigNames, path: str | Path, told: list[str]
) -> pd.DataFrame:
    """Rows with contig, pos, ref and alt that change one base of the genome; what is left out is added to `told`."""
    contig = table["contig"].map({name: names.resolve(name) for name in table["contig"].unique()})
    if len(contig) and contig.isna().all():
        name = table["contig"].iloc[0]
        raise InputError(f"no contig of {path} is in the genome {genome.path}, {name} for one ({names.suggest(name)})")
    position = pd.to_numeric(table["pos"], errors="coerce")
    wrong = ~(position % 1 == 0) | (position < 1)
    if wrong.any():
        row = table[wrong].iloc[0]
        raise InputError(f"{path}: {row['pos']!r} of {row['contig']} is no 1-based position; correct the column pos.")
    bases = [table[column].str.upper().map(dict(zip(BASES, range(4), strict=True))) for column in ("ref", "alt")]
    single = bases[0].notna() & bases[1].notna() & (bases[0] != bases[1])
    for why, rows in (("on contigs that the genome lacks", contig.isna()), ("that change not just one base", ~single)):
        if rows.any():
            told.append(f"{int(rows.sum()):,} rows {why}")
    kept = single & contig.notna()
    ref, alt = (column[kept].astype(np.uint8) for column in bases)
    found = table[kept].assign(contig=contig[kept], start=position[kept].astype(np.int64) - 1, ref=ref, alt=alt)
    codes = reference_codes(genome, found)
    hidden = undefined(genome, found, codes)
    if hidden.any():
        told.append(f"{hidden.sum():,} rows of bases that the genome leaves undefined")
    found, codes = found[~hidden], codes[~hidden]
    differs = found["ref"].to_numpy() != codes
    if differs.sum() > MOST_MISMATCHES * len(found):
        row = found[differs].iloc[0]
        raise InputError(
            f"{path}: ref is not the base of {genome.path} at {differs.sum():,} of {len(found):,} variants, the first "
            f"at {row['contig']}:{row['start'] + 1}; take the table of this assembly, or lift it over."
        )
    if differs.any():
        told.append(f"{differs.sum():,} rows whose ref is not the genome's")
    return found[~differs]


def map_protein(
    table: pd.DataFrame,
    genome: Genome,
    features: pd.DataFrame,
    genetic_code: int,
    path: str | Path,
    told: list[str],
) -> pd.DataFrame:
    """The SNVs that make the single amino-acid changes of a scan, each with the change's measurement.

    The protein is `mutated_sequence` with the mutations undone. It is looked for in what the transcripts of the genome
    make, and the first that holds all of it is taken; a start codon other than ATG, such as GTG, makes the M that
    the protein begins with, and changes of that M are counted with what no SNV makes. A change that several SNVs make
    stands on each; one that none makes, and rows of several changes, are left out and counted in `told`.

    table  mutant, mutated_sequence, assay, measured
    """
    single = table["mutant"].str.fullmatch(r"[A-Z]\d+[A-Z]")
    if not single.any():
        raise InputError(f"{path}: no row is a single amino-acid change such as A24V; correct the column mutant.")
    protein = _protein(table[single].iloc[0], path)
    code = read_code(genetic_code)
    codons = _codons_of(protein, genome, features, code)
    if codons is None:
        raise InputError(
            f"{path}: no transcript of the genome makes the protein {protein[:12]}… of {len(protein)} amino acids; map "
            "the scan to the genome yourself (columns chrom, pos, ref, alt), or take the annotation that it is of."
        )
    letters, read = np.array([*map(ord, protein)]), _amino_acids(codons, code)
    changes = table[single]
    place = changes["mutant"].str[1:-1].astype(float) - 1  # which no number is too long for
    wanted = changes["mutant"].str[-1].map(ord)
    rows = np.clip(place.to_numpy(), 0, len(letters) - 1).astype(np.int64)
    agrees = (codons.index >= 0)[rows] & (letters[rows] == changes["mutant"].str[0].map(ord).to_numpy())
    agrees &= place.between(0, len(letters) - 1)
    if not agrees.all():
        mutant = changes["mutant"][~agrees].iloc[0]
        raise InputError(f"{path}: {mutant} does not start from the amino acid of the protein; correct the table.")
    step = np.arange(4) - codons.code[rows][:, :, None].astype(np.int64)
    changed = codons.index[rows][:, None, None] + step * np.array([16, 4, 1])[:, None]
    makes = (code.amino_acid[changed] == wanted.to_numpy()[:, None, None]) & (step != 0)
    change, base, new = np.nonzero(makes & (read == letters)[rows][:, None, None])
    if not single.all():
        told.append(f"{int((~single).sum()):,} rows that are not one amino-acid change")
    if missing := len(changes) - len(np.unique(change)):
        told.append(f"{missing:,} amino-acid changes that no SNV makes")
    hit = rows[change]
    forward = codons.forward[hit]
    contig = features["contig"].to_numpy(dtype=object)[codons.row[hit]]
    both = [np.where(forward, codes, complement(codes)) for codes in (codons.code[hit, base], new.astype(np.uint8))]
    columns = {name: changes[name].to_numpy()[change] for name in ("assay", "measured")}
    return pd.DataFrame(
        {"contig": contig, "start": codons.position[hit, base], "ref": both[0], "alt": both[1], **columns}
    )


def _protein(row: pd.Series, path: str | Path) -> str:
    """The protein without the row's mutation, whose number counts from the protein's first amino acid."""
    old, number, new = row["mutant"][0], int(row["mutant"][1:-1]), row["mutant"][-1]
    sequence = row["mutated_sequence"].strip().upper()
    if not (0 < number <= len(sequence)) or sequence[number - 1] != new:
        raise InputError(f"{path}: {row['mutant']} is not what stands at {number} of its mutated_sequence; correct it.")
    return sequence[: number - 1] + old + sequence[number:]


def _codons_of(protein: str, genome: Genome, features: pd.DataFrame, code: GeneticCode) -> Codons | None:
    """The codons from which one transcript, the first that does, makes the whole of `protein`."""
    transcripts = features["transcript"].to_numpy(dtype=object)
    for codons in codons_in_batches(genome, features):
        letters = _amino_acids(codons, code)
        if protein.startswith("M"):
            letters[codons.first & (codons.index >= 0) & code.start[codons.index]] = ord("M")
        text, transcript = letters.tobytes().decode("latin-1"), transcripts[codons.row]
        place = text.find(protein)
        while place >= 0 and transcript[place] != transcript[place + len(protein) - 1]:
            place = text.find(protein, place + 1)
        if place >= 0:
            return codons[place : place + len(protein)]
    return None


def _amino_acids(codons: Codons, code: GeneticCode) -> np.ndarray:
    """What each codon is read as within a protein: ASCII letters, uint8 (n,), X where a base is unknown."""
    return np.where(codons.index >= 0, code.amino_acid[codons.index], np.uint8(ord("X")))
