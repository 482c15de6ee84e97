"""Annotations of many styles mean the same genes, and the canonical form keeps all that is known of them."""

import gzip
import shutil
import subprocess

import numpy as np
import pandas as pd
import pysam
import pytest
from annotation_texts import intervals, read
from hypothesis import given, settings
from hypothesis import strategies as st

from glmtracks.annotation import canonicalise, gff, read_annotation, read_features, summarise, write_gff3
from glmtracks.annotation.gene_slices import drawn, features_within
from glmtracks.errors import InputError
from glmtracks.genome.contigs import ContigNames

# One gene of two exons on the plus strand with UTRs, one tRNA on the minus strand: the same in every style.
EXONS = {(100, 160), (200, 300)}
CODING = {(120, 160), (200, 250)}
PHASES = [0, 2]  # 40 bases are 13 codons and one base; two bases of the second segment end that codon
TRNA = {(400, 470)}

STYLES = {
    "ncbi": """
##gff-version 3
#!processor NCBI annotwriter
##sequence-region c 1 1000
c	RefSeq	region	1	1000	.	+	.	ID=c:1..1000;Dbxref=taxon:1;gbkey=Src
c	RefSeq	gene	101	300	.	+	.	ID=gene-G1;Name=G1;gbkey=Gene;gene=G1;gene_biotype=protein_coding
c	RefSeq	mRNA	101	300	.	+	.	ID=rna-T1;Parent=gene-G1;Name=T1;gbkey=mRNA;gene=G1;transcript_id=T1
c	RefSeq	exon	101	160	.	+	.	ID=exon-T1-1;Parent=rna-T1;gbkey=mRNA;gene=G1
c	RefSeq	exon	201	300	.	+	.	ID=exon-T1-2;Parent=rna-T1;gbkey=mRNA;gene=G1
c	RefSeq	CDS	121	160	.	+	0	ID=cds-P1;Parent=rna-T1;Name=P1;gbkey=CDS;gene=G1;protein_id=P1
c	RefSeq	CDS	201	250	.	+	2	ID=cds-P1;Parent=rna-T1;Name=P1;gbkey=CDS;gene=G1;protein_id=P1
###
c	RefSeq	gene	401	470	.	-	.	ID=gene-R1;Name=R1;gbkey=Gene;gene=R1;gene_biotype=tRNA
c	tRNAscan-SE	tRNA	401	470	.	-	.	ID=rna-R1;Parent=gene-R1;gbkey=tRNA;gene=R1
c	tRNAscan-SE	exon	401	470	.	-	.	ID=exon-R1-1;Parent=rna-R1;gbkey=tRNA;gene=R1
""",
    "ensembl": """
##gff-version 3
c	test	chromosome	1	1000	.	.	.	ID=chromosome:c
c	ens	gene	101	300	.	+	.	ID=gene:G1;Name=G1;biotype=protein_coding;gene_id=G1
c	ens	mRNA	101	300	.	+	.	ID=transcript:T1;Parent=gene:G1;biotype=protein_coding;transcript_id=T1
c	ens	five_prime_UTR	101	120	.	+	.	Parent=transcript:T1
c	ens	exon	101	160	.	+	.	Parent=transcript:T1;Name=E1;rank=1
c	ens	CDS	121	160	.	+	0	ID=CDS:P1;Parent=transcript:T1;protein_id=P1
c	ens	exon	201	300	.	+	.	Parent=transcript:T1;Name=E2;rank=2
c	ens	CDS	201	250	.	+	2	ID=CDS:P1;Parent=transcript:T1;protein_id=P1
c	ens	three_prime_UTR	251	300	.	+	.	Parent=transcript:T1
###
c	ens	ncRNA_gene	401	470	.	-	.	ID=gene:R1;Name=R1;biotype=tRNA;gene_id=R1
c	ens	tRNA	401	470	.	-	.	ID=transcript:R1;Parent=gene:R1;biotype=tRNA;transcript_id=R1
c	ens	exon	401	470	.	-	.	Parent=transcript:R1
""",
    "gencode_gtf": """
##format: gtf
c	HAVANA	gene	101	300	.	+	.	gene_id "G1"; gene_type "protein_coding"; gene_name "G1"; level 2;
c	HAVANA	transcript	101	300	.	+	.	gene_id "G1"; transcript_id "T1"; gene_type "protein_coding"; \
gene_name "G1"; transcript_type "protein_coding"; tag "basic"; tag "CCDS";
c	HAVANA	exon	101	160	.	+	.	gene_id "G1"; transcript_id "T1"; exon_number 1;
c	HAVANA	CDS	121	160	.	+	0	gene_id "G1"; transcript_id "T1"; exon_number 1;
c	HAVANA	start_codon	121	123	.	+	0	gene_id "G1"; transcript_id "T1"; exon_number 1;
c	HAVANA	exon	201	300	.	+	.	gene_id "G1"; transcript_id "T1"; exon_number 2;
c	HAVANA	CDS	201	247	.	+	2	gene_id "G1"; transcript_id "T1"; exon_number 2;
c	HAVANA	stop_codon	248	250	.	+	0	gene_id "G1"; transcript_id "T1"; exon_number 2;
c	HAVANA	UTR	251	300	.	+	.	gene_id "G1"; transcript_id "T1"; exon_number 2;
c	ENSEMBL	gene	401	470	.	-	.	gene_id "R1"; gene_type "tRNA"; gene_name "R1";
c	ENSEMBL	transcript	401	470	.	-	.	gene_id "R1"; transcript_id "R1"; gene_type "tRNA"; transcript_type "tRNA";
c	ENSEMBL	exon	401	470	.	-	.	gene_id "R1"; transcript_id "R1";
""",
    "gtf_without_transcript_rows": """
c	x	exon	101	160	.	+	.	gene_id "G1"; transcript_id "T1"; gene_biotype "protein_coding"
c	x	exon	201	300	.	+	.	gene_id "G1"; transcript_id "T1"; gene_biotype "protein_coding"
c	x	CDS	121	160	.	+	0	gene_id "G1"; transcript_id "T1"; gene_biotype "protein_coding"
c	x	CDS	201	250	.	+	2	gene_id "G1"; transcript_id "T1"; gene_biotype "protein_coding"
c	x	exon	401	470	.	-	.	gene_id "R1"; transcript_id "R1"; gene_biotype "tRNA"
""",
    "gtf_with_empty_transcript_id": """
c	x	exon	101	160	.	+	.	gene_id "G1"; transcript_id "";
c	x	CDS	121	160	.	+	.	gene_id "G1"; transcript_id "";
c	x	exon	201	300	.	+	.	gene_id "G1"; transcript_id "";
c	x	CDS	201	250	.	+	.	gene_id "G1"; transcript_id "";
c	x	exon	401	470	.	-	.	gene_id "R1"; transcript_id ""; gene_biotype "tRNA";
""",
    "genbank_with_locus_tags_only": """
##gff-version 3
c	GenBank	gene	101	300	.	+	.	locus_tag=G1;gene=G1
c	GenBank	mRNA	101	160	.	+	.	locus_tag=G1;gene=G1
c	GenBank	mRNA	201	300	.	+	.	locus_tag=G1;gene=G1
c	GenBank	CDS	121	160	.	+	.	locus_tag=G1;gene=G1;protein_id=P1
c	GenBank	CDS	201	250	.	+	.	locus_tag=G1;gene=G1;protein_id=P1
c	GenBank	repeat_region	351	360	.	+	.	locus_tag=;gene=
c	GenBank	gene	401	470	.	-	.	locus_tag=R1;gene=R1
c	GenBank	tRNA	401	470	.	-	.	locus_tag=R1;gene=R1
""",
    "cds_and_utr_without_exons": """
##gff-version 3
c	SGD	gene	101	300	.	+	.	ID=G1;Name=G1
c	SGD	mRNA	101	300	.	+	.	ID=G1_mRNA;Parent=G1;Name=G1_mRNA
c	SGD	CDS	121	160	.	+	0	Parent=G1_mRNA;Name=G1_CDS
c	SGD	CDS	201	250	.	+	2	Parent=G1_mRNA;Name=G1_CDS
c	SGD	tRNA_gene	401	470	.	-	.	ID=R1;Name=R1
c	SGD	tRNA	401	470	.	-	.	ID=R1_tRNA;Parent=R1;Name=R1_tRNA
c	SGD	noncoding_exon	401	470	.	-	.	Parent=R1_tRNA
""",
    "cds_under_the_gene": """
##gff-version 3
c	x	gene	101	300	.	+	.	ID=G1
c	x	mRNA	101	300	.	+	.	ID=T1;Parent=G1
c	x	exon	101	160	.	+	.	Parent=T1
c	x	exon	201	300	.	+	.	Parent=T1
c	x	CDS	121	160	.	+	0	ID=cds.1;Parent=G1
c	x	CDS	201	250	.	+	2	ID=cds.2;Parent=G1
c	x	tRNA	401	470	.	-	.	ID=R1
""",
    "wormbase": """
##gff-version 3
c	WormBase	gene	101	300	.	+	.	ID=Gene:G1;Name=G1;sequence_name=T1;biotype=protein_coding
c	WormBase	mRNA	101	300	.	+	.	ID=Transcript:T1;Parent=Gene:G1;Name=T1
c	WormBase	five_prime_UTR	101	120	.	+	.	Parent=Transcript:T1
c	WormBase	exon	101	160	.	+	.	Parent=Transcript:T1
c	WormBase	exon	201	300	.	+	.	Parent=Transcript:T1
c	WormBase	CDS	121	160	.	+	0	ID=CDS:T1;Parent=Transcript:T1
c	WormBase	CDS	201	250	.	+	2	ID=CDS:T1;Parent=Transcript:T1
c	WormBase	tRNA	401	470	.	-	.	ID=Transcript:R1;Parent=Gene:R1
c	WormBase	exon	401	470	.	-	.	Parent=Transcript:R1
c	WormBase	gene	401	470	.	-	.	ID=Gene:R1;Name=R1;biotype=tRNA
""",
    "gffread": """
##gff-version 3
# gffread v0.12.7
c	x	mRNA	101	300	.	+	.	ID=T1;geneID=G1;gene_name=G1
c	x	exon	101	160	.	+	.	Parent=T1
c	x	exon	201	300	.	+	.	Parent=T1
c	x	CDS	121	160	.	+	0	Parent=T1
c	x	CDS	201	250	.	+	2	Parent=T1
c	x	tRNA	401	470	.	-	.	ID=T2;geneID=R1
c	x	exon	401	470	.	-	.	Parent=T2
""",
    "braker": """
c	AUGUSTUS	gene	101	300	0.9	+	.	G1
c	AUGUSTUS	transcript	101	300	0.9	+	.	T1
c	AUGUSTUS	five_prime_utr	101	120	.	+	.	transcript_id "T1"; gene_id "G1";
c	AUGUSTUS	CDS	121	160	.	+	0	transcript_id "T1"; gene_id "G1";
c	AUGUSTUS	intron	161	200	.	+	.	transcript_id "T1"; gene_id "G1";
c	AUGUSTUS	CDS	201	250	.	+	2	transcript_id "T1"; gene_id "G1";
c	tRNAscan	tRNA	401	470	.	-	.	transcript_id "R1"; gene_id "R1";
""",
}


@pytest.mark.parametrize("style", STYLES)
def test_every_style_tells_of_the_same_genes(style, tmp_path):
    features = read(STYLES[style], tmp_path)
    assert intervals(features, strand="+", feature="exon") == EXONS
    assert intervals(features, strand="+", feature="CDS") == CODING
    assert intervals(features, strand="-") == TRNA
    assert features.loc[features["feature"] == "CDS", "phase"].tolist() == PHASES
    assert (features.loc[features["feature"] == "exon", "phase"] == -1).all()
    assert features.groupby("strand")["transcript"].nunique().tolist() == [1, 1]
    assert set(features["gene"]) == {"G1", "R1"} == set(features["gene_name"])
    assert dict(zip(features["strand"], features["biotype"], strict=True)) == {"+": "protein_coding", "-": "tRNA"}


@pytest.mark.parametrize("style", STYLES)
def test_canonical_gff3_keeps_everything_and_is_indexed(style, tmp_path):
    features = read(STYLES[style], tmp_path)
    output = tmp_path / "annotation.gff3.gz"
    write_gff3(features, {"c": 1000}, output)
    pd.testing.assert_frame_equal(read_annotation(output), features)
    with pysam.TabixFile(str(output)) as table:
        assert {row.split("\t")[2] for row in table.fetch("c", 400, 401)} == {"gene", "ncRNA", "exon"}
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "annotation.gff3.gz",
        f"{output.name}.tbi",
        "annotation.txt",
    ]


@pytest.mark.parametrize("change", ["gzip", "crlf", "fasta", "bom", "latin-1", "blocks"])
def test_the_wrapping_of_a_file_does_not_matter(change, tmp_path, monkeypatch):
    text = STYLES["ensembl"].removeprefix("\n")
    path = tmp_path / "annotation"
    data = {
        "gzip": gzip.compress(text[:300].encode()) + gzip.compress(text[300:].encode()),  # as bgzip: several members
        "crlf": text.replace("\n", "\r\n").encode(),
        "fasta": (text + "##FASTA\n>c\nACGT\nCDS\n").encode(),
        "bom": b"\xef\xbb\xbf" + text.encode(),
        "latin-1": text.replace("rank=1", "note=gène").encode("latin-1"),
        "blocks": text.rstrip("\n").encode(),
    }[change]
    if change == "blocks":
        monkeypatch.setattr(gff, "BLOCK_BYTES", 100)
    path.write_bytes(data)
    pd.testing.assert_frame_equal(read_features(path), read(text, tmp_path))


def test_names_with_reserved_characters_survive(tmp_path):
    text = """
c|1.2	x	gene	1	9	.	+	.	ID=g%3B1;Name=a%2Cb%25
c|1.2	x	mRNA	1	9	.	+	.	ID=t%3D1;Parent=g%3B1
c|1.2	x	CDS	1	9	.	+	0	ID=x;Parent=t%3D1
"""
    features = read(text, tmp_path)
    assert features.loc[0, ["contig", "transcript", "gene", "gene_name"]].tolist() == ["c|1.2", "t=1", "g;1", "a,b%"]
    write_gff3(features, {"c|1.2": 9}, tmp_path / "a.gff3.gz")
    pd.testing.assert_frame_equal(read_annotation(tmp_path / "a.gff3.gz"), features)


def test_a_semicolon_between_quotes_belongs_to_the_name(tmp_path):
    text = """
c	x	exon	1	9	.	+	.	gene_id "g;1"; transcript_id "t;1"; gene_name "a b";
c	x	exon	21	29	.	+	.	transcript_id "t;2"; gene_id "g;2" ;gene_name ""; exon_number 1
c	x	exon	41	49	.	+	.	gene_id g3; transcript_id "t3
"""
    features = read(text, tmp_path)
    assert features["transcript"].tolist() == ["t3", "t;1", "t;2"]
    assert features["gene"].tolist() == ["g3", "g;1", "g;2"]
    assert features["gene_name"].tolist() == ["g3", "a b", "g;2"]


def test_exons_with_several_parents_belong_to_each_but_not_to_proteins(tmp_path):
    text = """
c	x	gene	1	90	.	+	.	ID=G
c	x	mRNA	1	90	.	+	.	ID=T1;Parent=G
c	x	mRNA	1	60	.	+	.	ID=T2;Parent=G
c	x	protein	1	90	.	+	.	ID=T1-Protein;Derives_from=T1
c	x	exon	1	30	.	+	.	Parent=T1,T2
c	x	exon	51	60	.	+	.	Parent=T2
c	x	exon	51	90	.	+	.	Parent=T1
c	x	CDS	1	30	.	+	0	Parent=T1,T1-Protein
"""
    features = read(text, tmp_path)
    assert intervals(features, transcript="T1") == {(0, 30), (50, 90)}
    assert intervals(features, transcript="T2") == {(0, 30), (50, 60)}
    assert set(features["transcript"]) == {"T1", "T2"} and set(features["gene"]) == {"G"}


def test_bacterial_cds_are_their_own_transcripts(tmp_path):
    """Two products of one gene (dnaX) stay apart; Prodigal and Prokka give CDS rows alone; pseudogenes do not code."""
    text = """
c	x	gene	1	90	.	+	.	ID=gene-dnaX;Name=dnaX;gene_biotype=protein_coding
c	x	CDS	1	90	.	+	0	ID=cds-long;Parent=gene-dnaX
c	x	CDS	1	60	.	+	0	ID=cds-short;Parent=gene-dnaX
c	x	CDS	60	70	.	+	0	ID=cds-short;Parent=gene-dnaX;exception=ribosomal slippage
c	x	CDS	101	160	.	-	0	ID=1_3;partial=00;start_type=ATG
c	x	gene	201	260	.	-	.	ID=gene-p;gene_biotype=pseudogene;pseudo=true
c	x	CDS	201	260	.	-	0	ID=cds-p;Parent=gene-p;pseudo=true
"""
    features = read(text, tmp_path)
    assert intervals(features, transcript="long", feature="CDS") == {(0, 90)}
    assert intervals(features, transcript="short", feature="CDS") == {(0, 60), (59, 70)}
    assert intervals(features, transcript="1_3") == {(100, 160)}
    assert set(features.loc[features["transcript"].isin(["long", "short"]), "gene"]) == {"dnaX"}
    assert features.loc[features["gene"] == "p", ["feature", "biotype"]].to_numpy().tolist() == [["exon", "pseudogene"]]


def test_utrs_without_a_transcript_belong_to_the_cds_that_they_touch(tmp_path):
    text = """
##gff-version 3
c	RefSeq	five_prime_UTR	1	20	.	+	.	ID=id-c:1..20;gbkey=5'UTR
c	RefSeq	gene	21	200	.	+	.	ID=gene-G1;gene=G1
c	RefSeq	CDS	21	100	.	+	0	ID=cds-P1;Parent=gene-G1;exception=ribosomal slippage;protein_id=P1
c	RefSeq	CDS	100	200	.	+	0	ID=cds-P1;Parent=gene-G1;exception=ribosomal slippage;protein_id=P1
c	RefSeq	CDS	21	110	.	+	0	ID=cds-P2;Parent=gene-G1;protein_id=P2
c	RefSeq	three_prime_UTR	201	230	.	+	.	ID=id-c:201..230;gbkey=3'UTR
c	RefSeq	three_prime_UTR	301	330	.	+	.	ID=id-c:301..330;gbkey=3'UTR
"""  # as of a coronavirus
    features = read(text, tmp_path)
    assert set(features["gene"]) == {"G1", "id-c:301..330"}
    assert intervals(features, transcript="P1", feature="exon") == {(0, 230)}
    assert intervals(features, transcript="P1", feature="CDS") == {(20, 100), (99, 200)}
    assert intervals(features, transcript="P2", feature="exon") == {(20, 110)}


def test_proteins_of_one_gene_that_lie_apart_are_transcripts_of_their_own(tmp_path):
    """Late genes of adenoviruses, by NCBI; the segments of one protein stay together even where each has its own ID."""
    text = """
c	x	gene	1	90	.	+	.	ID=gene-L1
c	x	CDS	1	9	.	+	0	ID=cds-A;Parent=gene-L1;protein_id=A
c	x	CDS	21	29	.	+	0	ID=cds-A;Parent=gene-L1;protein_id=A
c	x	CDS	31	60	.	+	0	ID=cds-B;Parent=gene-L1;protein_id=B
c	x	gene	101	190	.	+	.	ID=gene-M
c	x	CDS	101	109	.	+	0	ID=cds-C.1;Parent=gene-M;protein_id=C
c	x	CDS	121	129	.	+	0	ID=cds-C.2;Parent=gene-M;protein_id=C
"""
    features = read(text, tmp_path)
    assert intervals(features, transcript="A") == {(0, 9), (20, 29)}
    assert intervals(features, transcript="B") == {(30, 60)}
    assert features.groupby("gene")["transcript"].nunique().to_dict() == {"L1": 2, "M": 1}


def test_pseudogenes_and_genes_of_rna_without_parts_are_exons_and_other_genes_are_counted(tmp_path, caplog):
    """NCBI and SGD give many pseudogenes as one row; of a gene of a protein nothing is known without its CDS."""
    text = """
c	x	gene	1	60	.	+	.	ID=gene-A;gene_biotype=protein_coding
c	x	CDS	1	60	.	+	0	ID=cds-A;Parent=gene-A
c	x	pseudogene	101	160	.	-	.	ID=gene-B;gene_biotype=pseudogene;pseudo=true
c	x	ncRNA_gene	201	260	.	+	.	ID=gene-C
c	x	gene	301	360	.	+	.	ID=gene-D;gene_biotype=protein_coding
c	x	pseudogene	401	460	.	+	.	ID=gene-E
c	x	pseudogenic_transcript	401	460	.	+	.	ID=E1;Parent=gene-E
c	x	pseudogenic_exon	401	430	.	+	.	Parent=E1
c	x	gene	501	560	.	+	.	locus_tag=F;pseudogene=unknown
c	x	gene	601	660	.	+	.	locus_tag=G
c	x	CDS	601	660	.	+	0	locus_tag=G
"""
    with caplog.at_level("INFO"):
        features = read(text, tmp_path)
    exons = features[features["feature"] == "exon"].sort_values("start")
    assert exons["gene"].tolist() == ["A", "B", "C", "E", "F", "G"]
    assert exons["biotype"].tolist()[1:3] == ["pseudogene", "ncRNA_gene"] and exons["end"].tolist()[3] == 430
    assert "4 genes have neither transcript nor CDS: 3 pseudogenes and genes of RNA are taken for exons" in caplog.text


@pytest.mark.parametrize("utr", ["5'-UTR", "5'UTR", "5UTR", "five_prime_UTR"])
def test_exons_of_utrs_are_exons_whatever_the_utrs_are_called(utr, tmp_path):
    rows = [("transcript", 101, 400), (utr, 101, 150), (utr, 201, 220), ("CDS", 221, 400)]
    attributes = 'transcript_id "T1"; gene_id "G1";'
    text = "".join(f"c\tx\t{kind}\t{start}\t{end}\t.\t+\t.\t{attributes}\n" for kind, start, end in rows)
    assert intervals(read(text, tmp_path), feature="exon") == {(100, 150), (200, 400)}


def test_a_stop_codon_beside_the_cds_is_added_even_when_an_intron_splits_it(tmp_path):
    text = """
c	x	exon	1	40	.	-	.	gene_id "G"; transcript_id "T";
c	x	exon	61	100	.	-	.	gene_id "G"; transcript_id "T";
c	x	CDS	62	91	.	-	0	gene_id "G"; transcript_id "T";
c	x	stop_codon	61	61	.	-	0	gene_id "G"; transcript_id "T";
c	x	stop_codon	39	40	.	-	2	gene_id "G"; transcript_id "T";
"""
    cds = read(text, tmp_path).query("feature == 'CDS'")
    assert cds[["start", "end", "phase"]].to_numpy().tolist() == [[38, 40, 2], [60, 91, 0]]


CIRCLE = """
##gff-version 3
c	x	region	1	100	.	+	.	ID=c;Is_circular=true
c	x	gene	81	{end}	.	{strand}	.	ID=gene-G
c	x	CDS	81	{end}	.	{strand}	{phase}	ID=cds-G;Parent=gene-G
"""


@pytest.mark.parametrize(("strand", "rows"), [("+", [[80, 100, 1], [0, 31, 2]]), ("-", [[80, 100, 0], [0, 31, 1]])])
def test_a_cds_across_the_origin_of_a_circle_is_two_segments_in_frame(strand, rows, tmp_path):
    """Of 51 bases, phase 1: on the plus strand 19 bases after the skipped one leave a base, so the rest has phase 2."""
    text = CIRCLE.format(end=131, strand=strand, phase=1)
    features = read(text, tmp_path, contigs={"c": 100})
    assert features.loc[features["feature"] == "CDS", ["start", "end", "phase"]].to_numpy().tolist() == rows
    write_gff3(features, {"c": 100}, tmp_path / "a.gff3.gz")
    pd.testing.assert_frame_equal(read_annotation(tmp_path / "a.gff3.gz"), features)
    pieces = text.replace("81\t131\t.", "81\t100\t.") + text.splitlines()[-1].replace("81\t131", "1\t31").replace(
        "\t1\tID", "\t.\tID"
    )
    if strand == "+":  # the same CDS as two rows, as mitochondrial annotations have it
        again = read(pieces, tmp_path, contigs={"c": 100}).query("feature == 'CDS'")
        assert again[["start", "end", "phase"]].to_numpy().tolist() == rows


@pytest.mark.parametrize(("strand", "phases"), [("+", [0, 1]), ("-", [1, 0])])
@pytest.mark.parametrize("behind", [0, 3])
def test_an_intron_across_the_origin_of_a_circle_is_one_when_read_again(strand, phases, behind, tmp_path):
    """Two segments of 8 bases, the second at the origin or behind it: none of them tells that the gene goes round."""
    rows = [("mRNA", 81, 108 + behind, "ID"), ("CDS", 81, 88, "Parent"), ("CDS", 101 + behind, 108 + behind, "Parent")]
    text = CIRCLE.partition("c\tx\tgene")[0]
    text += "".join(f"c\tx\t{kind}\t{start}\t{end}\t.\t{strand}\t.\t{key}=T\n" for kind, start, end, key in rows)
    features = read(text, tmp_path, contigs={"c": 100})
    cds = features.loc[features["feature"] == "CDS", ["start", "end", "phase"]]
    assert cds.to_numpy().tolist() == [[80, 88, phases[0]], [behind, behind + 8, phases[1]]]
    write_gff3(features, {"c": 100}, tmp_path / "a.gff3.gz")
    pd.testing.assert_frame_equal(read_annotation(tmp_path / "a.gff3.gz"), features)


@pytest.mark.parametrize("rows", ["81\t131\t.\t+\t0", "81\t100\t.\t+\t0 1\t31\t.\t+\t1"])
def test_a_contig_that_the_genome_sheet_calls_a_circle_is_one(rows, make_genome, tmp_path):
    """GTF cannot say it, and not all GFF3 do."""
    (tmp_path / "genes.gff3").write_text("".join(f"c\tx\tCDS\t{row}\tID=G\n" for row in rows.split(" ")))
    genome = make_genome({"c": "ACGT" * 25}, circular="^c$")
    canonicalise(tmp_path / "genes.gff3", genome.path, tmp_path / "a.gff3.gz", {})
    cds = read_annotation(tmp_path / "a.gff3.gz").query("feature == 'CDS'")
    assert cds[["start", "end", "phase"]].to_numpy().tolist() == [[80, 100, 0], [0, 31, 1]]


@pytest.mark.parametrize(
    ("contig", "code", "told"), [("c", 1, True), ("c", 11, False), ("chrM", 1, False), ("Pltd", 1, False)]
)
def test_another_genetic_code_that_the_annotation_states_is_told_of(contig, code, told, make_genome, tmp_path, caplog):
    """Of a bacterium by NCBI; what organelles have is no word on the other contigs."""
    (tmp_path / "genes.gff3").write_text(f"{contig}\tx\tCDS\t1\t9\t.\t+\t0\tID=a;transl_table=11\n")
    genome = make_genome({contig: "GTGACATAA" * 9})
    canonicalise(tmp_path / "genes.gff3", genome.path, tmp_path / "a.gff3.gz", {}, code)
    assert ("read by genetic code 11 (transl_table)" in caplog.text) == told


def test_a_circle_that_only_the_annotation_knows_is_told_of(make_genome, tmp_path, caplog):
    (tmp_path / "genes.gff3").write_text(CIRCLE.format(end=99, strand="+", phase=0))
    for circular, told in (("^c$", False), ("", True)):
        genome = make_genome({"c": "ACGT" * 25}, name=f"genome{circular}", circular=circular)
        caplog.clear()
        canonicalise(tmp_path / "genes.gff3", genome.path, tmp_path / "a.gff3.gz", {})
        assert ("by this file c is a circle" in caplog.text) == told


ACROSS = [(80, 100, "G"), (0, 31, "G")]


@pytest.mark.parametrize(
    ("near", "found"),
    [
        ((0, 5), ACROSS),
        ((99, 100), ACROSS),
        ((45, 46), [(40, 69, "long")]),
        ((52, 53), [(50, 59, "inner"), (40, 69, "long")]),
        ((75, 76), []),
    ],
)
def test_genes_that_reach_into_a_part_are_drawn_whole_and_one_across_the_origin_at_both_ends(near, found, tmp_path):
    text = CIRCLE.format(end=131, strand="+", phase=0)
    for name, start, end in (("long", 41, 49), ("long", 61, 69), ("inner", 51, 59)):
        text += f"c\tx\tCDS\t{start}\t{end}\t.\t+\t0\tID={name}\n"
    write_gff3(read(text, tmp_path, contigs={"c": 100}), {"c": 100}, tmp_path / "a.gff3.gz")
    genes = drawn(features_within(tmp_path / "a.gff3.gz", [("c", *near)]), {"c": 100})
    assert [(start, end, name) for _, start, end, name, *_ in genes] == found


def test_features_past_the_end_of_a_line_are_refused(tmp_path):
    text = CIRCLE.format(end=131, strand="+", phase=0).replace("Is_circular=true", "genome=chromosome")
    with pytest.raises(InputError, match=r"CDS of G at c:81-131|exon of G at c:81-131"):
        read(text, tmp_path, contigs={"c": 100})


def test_contigs_take_the_names_of_the_genome_and_foreign_ones_are_dropped(tmp_path, caplog):
    text = "chrI\tx\tCDS\t1\t9\t.\t+\t0\tID=a\nplasmid\tx\tCDS\t1\t9\t.\t+\t0\tID=b\nII\tx\tCDS\t1\t9\t.\t+\t0\tID=c\n"
    names = ContigNames(["two", "I"], {"II": "two"})
    with caplog.at_level("INFO"):
        features = read(text, tmp_path, names=names, contigs={"two": 100, "I": 100})
    assert features["contig"].drop_duplicates().tolist() == ["two", "I"]
    assert "1 rows on 1 contigs that the genome lacks" in caplog.text and "plasmid" in caplog.text
    with pytest.raises(InputError, match=r"none of its 3 contigs is a contig of the genome.*set contig_aliases"):
        read(text, tmp_path, names=ContigNames(["scaffold_1"], {}))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<!DOCTYPE html>\n<html>\n", "line 1: an HTML page"),
        ("##gff-version 3\nc x CDS 1 9 . + 0 ID=a\n", "line 2: .*1 tab-separated columns instead of 9"),
        ("c\t100\t300\tG1\t0\t+\n", "line 1: .*6 tab-separated columns .* convert .*BED"),
        ("c\tx\tCDS\t1\t9\t.\t+\t0\tID=a\nc\tx\tCDS\tone\t9\t.\t+\t0\tID=a\n", "line 2: start 'one' and end '9'"),
        ("#\nc\tx\tCDS\t1\t9 \t.\t+\t0\tID=a\n", "line 2: start '1' and end '9 '"),
        ("c\tx\tCDS\t9\t1\t.\t+\t0\tID=a\n", "line 1: start '9' and end '1'"),
        ("c\tx\tCDS\t1\t¹0\t.\t+\t0\tID=a\n", "line 1: start '1' and end '¹0'"),
        (f"c\tx\tCDS\t1\t{'9' * 5000}\t.\t+\t0\tID=a\n", "line 1: start '1' and end '9"),
        ("c\tx\tCDS\t0\t1\t.\t+\t0\tID=a\n", "line 1: start '0'"),
        ("c\tx\tSNP\t1\t1\t.\t+\t.\tID=a\n", "has no gene, transcript, exon or CDS row"),
        ("", "has no gene, transcript, exon or CDS row"),
        ("c\tx\tgene\t1\t9\t.\t+\t.\tID=a\n", "leave the annotation of this genome empty"),
    ],
)
def test_what_is_no_annotation_is_refused_with_its_place(text, message, tmp_path):
    with pytest.raises(InputError, match=message):
        read(text, tmp_path)


def test_contigs_that_go_by_other_names_in_an_annotation_are_told(tmp_path, caplog):
    text = "".join(f"{name}\tx\texon\t1\t9\t.\t+\t.\tParent=t_{name}\n" for name in ("LG1", "LG2"))
    read(text, tmp_path, names=ContigNames(["LG1", "two"], {}), contigs={"LG1": 100, "two": 100})
    assert "lacks are left out: LG2; without any row are two; if these are the same contigs, set" in caplog.text
    assert caplog.records[-1].levelname == "WARNING"


def test_truncated_gzip_and_missing_files_are_named(tmp_path):
    whole = gzip.compress(STYLES["ncbi"].encode() * 50)
    (tmp_path / "cut.gff.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"cut\.gff\.gz is a damaged or cut-off gzip file"):
        read_features(tmp_path / "cut.gff.gz")
    with pytest.raises(InputError, match="does not exist"):
        read_features(tmp_path / "none.gff")


@settings(max_examples=40, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=6),
    phase=st.integers(0, 2),
    strand=st.sampled_from("+-"),
    stated=st.booleans(),
)
def test_phases_say_how_many_bases_finish_the_codon(tmp_path_factory, lengths, phase, strand, stated):
    """Read base by base in the direction of translation, each segment's phase is where the next codon begins."""
    order = list(range(len(lengths)))[:: 1 if strand == "+" else -1]
    starts = np.cumsum([1, *[length + 20 for length in lengths]])
    given_phases = {order[0]: phase} if stated else {}
    lines = [
        f"c\tx\tCDS\t{starts[n]}\t{starts[n] + length - 1}\t.\t{strand}\t{given_phases.get(n, '.')}\tID=a"
        for n, length in enumerate(lengths)
    ]
    features = read("\n".join(lines) + "\n", tmp_path_factory.mktemp("phases")).query("feature == 'CDS'")
    codon_position = (-phase if stated else 0) % 3  # of the first base, counted 0, 1, 2
    for n in order:
        assert features["phase"].iloc[n] == -codon_position % 3
        codon_position = (codon_position + lengths[n]) % 3


def test_a_frameshift_that_the_file_states_is_kept_and_a_senseless_phase_column_is_not(tmp_path):
    genes = ["c\tx\tCDS\t{0}01\t{0}10\t.\t+\t0\tID=g{0}\nc\tx\tCDS\t{0}51\t{0}60\t.\t+\t{1}\tID=g{0}\n"]
    sound = "".join(genes[0].format(n, 2 if n < 9 else 1) for n in range(1, 10))
    phases = read(sound, tmp_path).query("feature == 'CDS' and phase != 0")["phase"].tolist()
    assert phases == [2] * 8 + [1]
    senseless = "".join(genes[0].format(n, 0) for n in range(1, 10))
    assert read(senseless, tmp_path).query("feature == 'CDS'")["phase"].tolist() == [0, 2] * 9


def test_phases_that_were_counted_along_the_plus_strand_say_nothing_of_genes_on_the_minus_strand(tmp_path):
    """Three exons of 10 bases, whose phases on either strand begin with 0 at its own end."""
    exons = [(1, 10, 0), (31, 40, 2), (61, 70, 1)]
    text = "".join(
        f"c\tx\tCDS\t{100 * gene + start}\t{100 * gene + end}\t.\t{strand}\t{phase}\tID=g{gene}\n"
        for gene, strand in enumerate("++++++--")
        for start, end, phase in exons
    )
    features = read(text, tmp_path).query("feature == 'CDS'")
    assert features.query("strand == '+'")["phase"].tolist() == [0, 2, 1] * 6
    assert features.query("strand == '-'")["phase"].tolist() == [1, 2, 0] * 2


def test_the_summary_counts_genes_that_do_not_fit_the_genome(make_genome, tmp_path):
    genome = make_genome({"c": "ATGAAATAA" + "CCCAAATAA" + "ATGAATAA"})
    text = "".join(f"c\tx\tCDS\t{a}\t{b}\t.\t+\t0\tID={a}\n" for a, b in [(1, 9), (10, 18), (19, 26)])
    assert summarise(read(text, tmp_path), genome) == {
        "genes": 3,
        "transcripts": 3,
        "coding_transcripts": 3,
        "cds_not_multiple_of_3": 1,
        "without_start_codon": 1,
        "without_stop_codon": 1,
        "with_stop_inside": 0,
    }


@pytest.mark.parametrize("shift, warned", [(0, False), (1, True)])
def test_genes_of_another_assembly_are_warned_of(shift, warned, make_genome, tmp_path, caplog):
    genome = make_genome({"c": "ATGAAATAA" * 4})
    rows = (f"c\tx\tCDS\t{at + shift}\t{at + shift + 8}\t.\t+\t0\tID={at}\n" for at in (1, 10, 19))
    (tmp_path / "a.gff").write_text("".join(rows))
    canonicalise(tmp_path / "a.gff", genome.path, tmp_path / "a.gff3.gz", {})
    assert ("a.gff: of its 3 coding transcripts most begin with no start codon" in caplog.text) == warned


def test_genes_of_organelles_that_are_read_by_the_standard_code_are_warned_of(make_genome, tmp_path, caplog):
    organelles = ["chrM", "MT", "mitochondrion_genome", "Pt", "ChrC"]
    names = [*organelles, "chrMT1", "C", "Platanus"]
    genome = make_genome(dict.fromkeys([*names, "Mito"], "ATGAAATAA"))
    rows = "".join(f"{name}\tx\tCDS\t1\t9\t.\t+\t0\tID={name}\n" for name in names)
    (tmp_path / "a.gff").write_text(rows + "Mito\tx\texon\t1\t9\t.\t+\t.\tID=rrna\n")
    for code in (1, 2):
        canonicalise(tmp_path / "a.gff", genome.path, tmp_path / "a.gff3.gz", {}, genetic_code=code)
    told = [record.message for record in caplog.records if "standard code" in record.message]
    assert len(told) == 1 and f"coding sequence on {', '.join(organelles)} is read by" in told[0]


@pytest.mark.parametrize("code, warned", [(1, True), (4, False), (11, True)])
def test_genes_of_another_genetic_code_are_warned_of(code, warned, make_genome, tmp_path, caplog):
    genome = make_genome({"c": "ATGTGATAA" + "ATGAAATAA" + "ATGTGATGATAG"})
    rows = (f"c\tx\tCDS\t{a}\t{b}\t.\t+\t0\tID={a};transl_table=4\n" for a, b in [(1, 9), (10, 18), (19, 30)])
    (tmp_path / "a.gff").write_text("".join(rows))
    canonicalise(tmp_path / "a.gff", genome.path, tmp_path / "a.gff3.gz", {}, code)
    assert (f"of its 3 coding transcripts 2 have a stop codon inside by genetic_code {code}" in caplog.text) == warned


@pytest.mark.skipif(not shutil.which("bcftools"), reason="bcftools is not installed")
def test_bcftools_csq_reads_the_canonical_form(make_genome, tmp_path):
    genome = make_genome({"c": "A" * 20 + "ATGAAATAA" + "A" * 20})
    (tmp_path / "a.gff").write_text("c\tx\tCDS\t21\t29\t.\t+\t0\tID=a\n")
    canonicalise(tmp_path / "a.gff", genome.path, tmp_path / "a.gff3.gz", {})
    header = "##fileformat=VCFv4.2\n##contig=<ID=c,length=49>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    (tmp_path / "a.vcf").write_text(header + "c\t24\t.\tA\tT\t.\t.\t.\n")
    command = ["bcftools", "csq", "-f", str(genome.path), "-g", str(tmp_path / "a.gff3.gz"), str(tmp_path / "a.vcf")]
    assert "BCSQ=stop_gained|a|a|protein_coding" in subprocess.run(command, capture_output=True, text=True).stdout


def test_real_yeast_genes_begin_with_a_start_and_end_with_a_stop(shared_data, tmp_path, make_genome):
    folder = shared_data / "yeast"
    with gzip.open(folder / "sacCer3.fa.gz", "rt") as handle:
        records = dict(record.split("\n", 1) for record in handle.read().split(">")[1:])
    genome = make_genome({name: sequence.replace("\n", "") for name, sequence in records.items()})
    counts = summarise(read_features(folder / "sacCer3.gff3.gz", None, genome.contigs), genome)
    assert counts["coding_transcripts"] > 5900
    assert counts["cds_not_multiple_of_3"] == counts["without_start_codon"] == counts["without_stop_codon"] == 0


def test_human_mitochondrion_has_13_proteins_of_which_6_lack_a_complete_stop(shared_data, make_genome):
    """The stops of ND1, ND2, CO3, ND3, ND4 and CYB are completed by polyadenylation (Anderson et al. 1981)."""
    sequence = "".join((shared_data / "human_mito" / "chrM.fa").read_text().split("\n")[1:])
    genome = make_genome({"chrM": sequence})
    features = read_features(shared_data / "human_mito" / "chrM.gff3", None, genome.contigs)
    counts = summarise(features, genome, genetic_code=2)
    assert counts["coding_transcripts"] == 13 and counts["without_start_codon"] == 0
    assert counts["without_stop_codon"] == 6
    assert features.loc[features["gene_name"] == "MT-ND6", "strand"].eq("-").all()
