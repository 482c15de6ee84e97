"""Transcripts in pieces, genes at several places under one ID, and which of them begin with a start codon."""

import pandas as pd
import pytest
from annotation_texts import read

from glmtracks.annotation import read_annotation, write_gff3


def test_trans_spliced_transcripts_are_one_per_strand(tmp_path):
    text = """
c	x	gene	1	300	.	?	.	ID=gene-rps12;exception=trans-splicing;part=1
c	x	CDS	201	220	.	-	0	ID=cds-rps12;Parent=gene-rps12;exception=trans-splicing;part=1
c	x	CDS	1	40	.	+	1	ID=cds-rps12;Parent=gene-rps12;exception=trans-splicing;part=2
"""
    features = read(text, tmp_path).query("feature == 'CDS'")
    assert set(zip(features["transcript"], features["strand"], features["phase"], strict=True)) == {
        ("rps12", "-", 0),
        ("rps12:2", "+", 1),
    }


NAD5 = """
c	x	gene	401	480	.	-	.	ID=gene-nad5;exception=trans-splicing;part={0}
c	x	gene	701	720	.	-	.	ID=gene-nad5;exception=trans-splicing;part={1}
c	x	gene	501	600	.	-	.	ID=gene-nad5;exception=trans-splicing;part={2}
c	x	CDS	461	480	.	-	0	ID=cds-nad5;Parent=gene-nad5;exception=trans-splicing
c	x	CDS	401	431	.	-	1	ID=cds-nad5;Parent=gene-nad5;exception=trans-splicing
c	x	CDS	701	720	.	-	0	ID=cds-nad5;Parent=gene-nad5;exception=trans-splicing
c	x	CDS	571	600	.	-	1	ID=cds-nad5;Parent=gene-nad5;exception=trans-splicing
c	x	CDS	501	520	.	-	1	ID=cds-nad5;Parent=gene-nad5;exception=trans-splicing
"""


@pytest.mark.parametrize("parts", ["1 2 3", "1/3 2/3 3/3", "9 10 11", "sorted", None])
def test_pieces_of_a_trans_spliced_gene_on_one_strand_are_apart_and_only_the_first_begins(parts, tmp_path, caplog):
    """The arrangement of nad5 in mitochondria of plants; without rows of the gene only going back ends a piece."""
    lines = NAD5.format(*(parts or "1 2 3").replace("sorted", "1 2 3").split()).strip().split("\n")
    lines = lines if parts else lines[3:]
    lines = sorted(lines, key=lambda line: int(line.split("\t")[3])) if parts == "sorted" else lines
    features = read("\n".join(lines), tmp_path, contigs={"c": 1000})
    pieces = {frozenset(zip(cds["start"], cds["phase"], strict=True)) for cds in _coding(features)}
    first, *others = [{(460, 0), (400, 1)}, {(700, 0)}, {(570, 1), (500, 1)}]
    assert pieces == set(map(frozenset, [first, *others] if parts else [first, set.union(*others)]))
    assert [set(cds["start"]) for cds in _coding(features[features["begins"]])] == [{460, 400}]
    assert set(features["gene"]) == {"nad5"} and not caplog.records
    write_gff3(features, {"c": 1000}, tmp_path / "a.gff3.gz")
    pd.testing.assert_frame_equal(read_annotation(tmp_path / "a.gff3.gz"), features)


def _coding(features):
    return [cds for _, cds in features[features["feature"] == "CDS"].groupby("transcript")]


@pytest.mark.parametrize("strand", ["?", "-"])
def test_the_row_of_a_trans_spliced_transcript_is_no_exon(strand, tmp_path):
    """NCBI gives it no strand, or that of one of its pieces."""
    text = f"""
c	x	mRNA	1	220	.	{strand}	.	ID=T;exception=trans-splicing
c	x	exon	201	220	.	+	.	Parent=T;exception=trans-splicing
c	x	exon	1	40	.	+	.	Parent=T;exception=trans-splicing
c	x	CDS	201	218	.	+	0	ID=P;Parent=T;exception=trans-splicing
c	x	CDS	7	40	.	+	0	ID=P;Parent=T;exception=trans-splicing
"""
    features = read(text, tmp_path)
    assert features[["start", "end", "transcript", "begins"]].to_numpy().tolist() == [
        [200, 220, "T", True],
        [200, 218, "T", True],
        [0, 40, "T:2", False],
        [6, 40, "T:2", False],
    ]


COPIES = {
    "genes": """
c	x	gene	1	60	.	+	.	ID=trnM
c	x	tRNA	1	60	.	+	.	ID=trnM-t;Parent=trnM
c	x	exon	1	60	.	+	.	Parent=trnM-t
c	x	gene	501	560	.	+	.	ID=trnM
c	x	tRNA	501	560	.	+	.	ID=trnM-t;Parent=trnM
c	x	exon	501	560	.	+	.	Parent=trnM-t
""",
    "transcripts": """
c	x	mRNA	1	60	.	+	.	ID=T
c	x	CDS	1	20	.	+	0	Parent=T
c	x	CDS	41	60	.	+	1	Parent=T
c	x	mRNA	501	560	.	+	.	ID=T
c	x	CDS	501	560	.	+	0	Parent=T
""",
    "gtf": """
c	x	gene	1	60	.	+	.	gene_id "G";
c	x	transcript	1	60	.	+	.	gene_id "G"; transcript_id "T";
c	x	exon	1	60	.	+	.	gene_id "G"; transcript_id "T";
c	x	gene	501	560	.	+	.	gene_id "G";
c	x	transcript	501	560	.	+	.	gene_id "G"; transcript_id "T";
c	x	exon	501	560	.	+	.	gene_id "G"; transcript_id "T";
""",
}


@pytest.mark.parametrize("style", COPIES)
def test_what_shares_an_id_at_two_places_is_two_transcripts_and_told(style, tmp_path, caplog):
    features = read(COPIES[style], tmp_path)
    spans = features.groupby("transcript").agg(start=("start", "min"), end=("end", "max"))
    assert spans.to_numpy().tolist() == [[0, 60], [500, 560]]
    assert "1 IDs of transcripts stand for several places of a contig" in caplog.text


def test_rows_of_one_id_are_one_gene_where_they_meet_at_the_origin_or_the_file_joins_them(tmp_path, caplog):
    text = """
c	x	region	1	100	.	+	.	ID=c;Is_circular=true
c	x	gene	81	100	.	+	.	ID=G
c	x	gene	1	31	.	+	.	ID=G
c	x	CDS	81	100	.	+	0	ID=P;Parent=G
c	x	CDS	1	31	.	+	1	ID=P;Parent=G
c	x	mRNA	41	50	.	+	.	ID=T
c	x	mRNA	66	75	.	+	.	ID=T
c	x	CDS	41	50	.	+	0	Parent=T
c	x	CDS	66	75	.	+	2	Parent=T
d	x	gene	1	10	.	+	.	ID=H;part=1
d	x	gene	31	40	.	+	.	ID=H;part=2
d	x	CDS	1	10	.	+	0	ID=Q;Parent=H
d	x	CDS	31	40	.	+	2	ID=Q;Parent=H
d	x	gene	51	60	.	+	.	ID=I
d	x	gene	81	90	.	+	.	ID=I
d	x	mRNA	51	90	.	+	.	ID=U;Parent=I
d	x	exon	51	60	.	+	.	Parent=U
d	x	exon	81	90	.	+	.	Parent=U
"""
    features = read(text, tmp_path, contigs={"c": 100, "d": 100}, circles=["c"])
    assert set(features["transcript"]) == {"G", "T", "H", "U"} and not caplog.records


@pytest.mark.parametrize(
    ("row", "begins"),
    [
        ("CDS	1	30	.	+	0	ID=P;Parent=T;partial=true;start_range=.,1", False),
        ("CDS	1	30	.	-	0	ID=P;Parent=T;partial=true;start_range=.,1", True),
        ("CDS	1	30	.	-	0	ID=P;Parent=T;partial=true;end_range=30,.", False),
        ("CDS	1	30	.	+	0	ID=P;Parent=T;partial=true;end_range=30,.", True),
        ("mRNA	1	30	.	+	.	ID=T;partial=true;start_range=.,1", True),
        ("mRNA	1	30	.	+	.	ID=T;tag=basic,mRNA_start_NF,cds_start_NF", False),
        ('CDS	1	30	.	+	0	gene_id "G"; transcript_id "T"; tag "basic"; tag "cds_start_NF";', False),
    ],
)
def test_a_cds_of_which_the_start_is_not_known_does_not_begin(row, begins, tmp_path):
    """Most transcripts of yeast in RefSeq are partial, for they end with the CDS, which is complete."""
    strand = row.split("\t")[4]
    rest = [] if "gene_id" in row else [f"c	x	CDS	31	60	.	{strand}	0	ID=P;Parent=T"]
    features = read("\n".join([f"c\tx\t{row}", *rest]), tmp_path)
    assert (features["begins"] == begins).all()
    write_gff3(features, {"c": 100}, tmp_path / "a.gff3.gz")
    pd.testing.assert_frame_equal(read_annotation(tmp_path / "a.gff3.gz"), features)


def test_a_gene_on_two_contigs_is_two_genes_of_one_name(tmp_path):
    """Pseudo-autosomal genes bear one identifier on X and Y in some releases; identifiers in GFF3 must be unique."""
    row = '{0}\tx\texon\t1\t9\t.\t+\t.\tgene_id "G"; transcript_id "T"; gene_name "SHOX";\n'
    features = read(row.format("X") + row.format("Y"), tmp_path)
    assert features["gene"].tolist() == ["G", "G:2"] and features["transcript"].tolist() == ["T", "T:2"]
    assert set(features["gene_name"]) == {"SHOX"}


def test_loci_of_the_same_name_are_apart_where_they_have_gene_rows(tmp_path):
    text = """
c	x	gene	1	60	.	+	.	gene=trnL
c	x	tRNA	1	60	.	+	.	gene=trnL
c	x	gene	501	560	.	+	.	gene=trnL
c	x	tRNA	501	560	.	+	.	gene=trnL
"""
    features = read(text, tmp_path)
    assert features["transcript"].nunique() == 2 and set(features["gene"]) == {"trnL"}
