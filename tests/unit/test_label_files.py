"""Files as people have them: compressed in another way, with other line ends and names, cut off, empty, one-sided."""

import gzip

import numpy as np
import pandas as pd
import pybigtools
import pysam
import pytest
from benchmark_world import make_world, noise, run, write_scores

from glmtracks.bed import read_bed_of
from glmtracks.benchmarks import elements
from glmtracks.errors import InputError
from glmtracks.evidence.clinvar import read_clinvar
from glmtracks.evidence.conservation import conservation
from glmtracks.evidence.population import read_population
from glmtracks.genome.contigs import ContigNames

BASES = "ACGTACGTAC"
ONE_STAR = "criteria_provided,_single_submitter"
CLINVAR_HEADER = """##fileformat=VCFv4.1
##fileDate=2026-10-05
##source=ClinVar
##reference=GRCh38
##ID=<Description="ClinVar Variation ID">
##INFO=<ID=AF_EXAC,Number=1,Type=Float,Description="allele frequencies from ExAC">
##INFO=<ID=ALLELEID,Number=1,Type=Integer,Description="the ClinVar Allele ID">
##INFO=<ID=CLNREVSTAT,Number=.,Type=String,Description="ClinVar review status of germline classification">
##INFO=<ID=CLNSIG,Number=.,Type=String,Description="Aggregate germline classification for this single variant">
##INFO=<ID=GENEINFO,Number=1,Type=String,Description="Gene(s) for the variant">
##INFO=<ID=MC,Number=.,Type=String,Description="comma separated list of molecular consequence">
##INFO=<ID=ONC,Number=.,Type=String,Description="Aggregate oncogenicity classification for this single variant">
##INFO=<ID=ORIGIN,Number=.,Type=String,Description="Allele origin">
#CHROM	POS	ID	REF	ALT	QUAL	FILTER	INFO
"""
# The header of gnomAD's sites, as far as frequencies are concerned, and one record, of each release.
GNOMAD_3 = """##fileformat=VCFv4.2
##hailversion=0.2.61-3c86d3ba497a
##FILTER=<ID=AC0,Description="Allele count is zero after filtering out low-confidence genotypes (GQ < 20; DP < 10)">
##FILTER=<ID=AS_VQSR,Description="Failed VQSR filtering thresholds">
##INFO=<ID=AC,Number=A,Type=Integer,Description="Alternate allele count">
##INFO=<ID=AN,Number=1,Type=Integer,Description="Total number of alleles">
##INFO=<ID=AF,Number=A,Type=Float,Description="Alternate allele frequency">
##INFO=<ID=popmax,Number=A,Type=String,Description="Population with the maximum allele frequency">
##INFO=<ID=faf95,Number=A,Type=Float,Description="Filtering allele frequency (using Poisson 95% CI)">
##INFO=<ID=AC_raw,Number=A,Type=Integer,Description="Alternate allele count, before filtering">
##contig=<ID=chr1,length=1000>
#CHROM	POS	ID	REF	ALT	QUAL	FILTER	INFO
chr1	1	rs1	A	C	43094	PASS	AC=3;AN=151876;AF=1.97530e-05;popmax=afr;faf95=5.2e-06;AC_raw=4
chr1	2	rs2	C	T	2105	AC0;AS_VQSR	AC=0;AN=148000;AF=0.00000e+00;AC_raw=1
"""
GNOMAD_4 = GNOMAD_3.replace("popmax", "grpmax").replace("ID=faf95,", "ID=fafmax_faf95_max,").replace(
    ";faf95=", ";fafmax_faf95_max="
)  # fmt: skip
GENOTYPES = """##fileformat=VCFv4.2
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Read depth">
##contig=<ID=chr1,length=1000>
#CHROM	POS	ID	REF	ALT	QUAL	FILTER	INFO	FORMAT	S1	S2
"""
THOUSAND_GENOMES = """##fileformat=VCFv4.1
##reference=ftp://ftp.1000genomes.ebi.ac.uk//vol1/ftp/technical/reference/phase2_reference_assembly_sequence/hs37d5.fa.gz
##INFO=<ID=AC,Number=A,Type=Integer,Description="Total number of alternate alleles in called genotypes">
##INFO=<ID=AF,Number=A,Type=Float,Description="Estimated allele frequency in the range (0,1)">
##INFO=<ID=NS,Number=1,Type=Integer,Description="Number of samples with data">
##INFO=<ID=AN,Number=1,Type=Integer,Description="Total number of alleles in called genotypes">
##INFO=<ID=EAS_AF,Number=A,Type=Float,Description="Allele frequency in the EAS populations">
##INFO=<ID=AA,Number=1,Type=String,Description="Ancestral Allele">
##INFO=<ID=VT,Number=.,Type=String,Description="indicates what type of variant the line represents">
#CHROM	POS	ID	REF	ALT	QUAL	FILTER	INFO
1	1	rs1	A	C,G	100	PASS	AC=41,7;AF=0.0081869,0.00139776;AN=5008;NS=2504;EAS_AF=0,0;AA=A|||;VT=SNP;MULTI_ALLELIC
1	2	rs2	CGT	C	100	PASS	AC=3;AF=0.0006;AN=5008;NS=2504;VT=INDEL
"""


@pytest.fixture
def toy(make_genome):
    return make_genome({"chr1": BASES * 100, "chrM": "GATCACAGGTCT"})


def clinvar_text(contig="1", significance="Pathogenic"):
    rows = [
        f"{contig}\t{n + 1}\t{1000 + n}\t{BASES[n % 10]}\t{BASES[(n + 1) % 10]}\t.\t.\t"
        f"ALLELEID={n};CLNREVSTAT={ONE_STAR};CLNSIG={significance};GENEINFO=G:1;MC=SO:0001583|missense_variant;ORIGIN=1"
        for n in range(0, 900, 3)
    ]
    return CLINVAR_HEADER + "\n".join(rows) + "\n"


def write(folder, name, text, how):
    """A text as a file of a kind."""
    path = folder / name
    if how == "CRLF":
        path.write_bytes(text.replace("\n", "\r\n").encode())
    elif how == "gzip":
        path.write_bytes(gzip.compress(text.encode()))
    elif how == "gzip of CRLF":
        path.write_bytes(gzip.compress(text.replace("\n", "\r\n").encode()))
    elif how == "bgzip":
        (folder / "plain").write_text(text)
        pysam.tabix_compress(str(folder / "plain"), str(path))
    else:
        path.write_text(text)
    return path


def frequencies(path, genome):
    return pd.concat(read_population(path, genome, ContigNames(genome.contigs)), ignore_index=True)


HOW = pytest.mark.parametrize("how", ["plain", "CRLF", "gzip", "gzip of CRLF", "bgzip"])


@HOW
@pytest.mark.parametrize("contig", ["1", "chr1"])
def test_clinvar_is_the_same_however_it_is_packed_and_whatever_its_contigs_are_called(toy, tmp_path, how, contig):
    names = ContigNames(toy.contigs)
    expected = read_clinvar(write(tmp_path, "expected.vcf", clinvar_text(), "plain"), toy, names)
    found = read_clinvar(write(tmp_path, "c.vcf.gz", clinvar_text(contig), how), toy, names)
    pd.testing.assert_frame_equal(found, expected)
    assert len(found) == 300 and set(found["stars"]) == {1}
    assert set(found["molecular_consequence"]) == {"missense_variant"} and set(found["gene"]) == {"G"}


@HOW
@pytest.mark.parametrize("text", [GNOMAD_3, GNOMAD_4], ids=["gnomAD 3.1", "gnomAD 4.1"])
def test_gnomad_gives_counts_filters_and_the_filtering_frequency(toy, tmp_path, how, text):
    table = frequencies(write(tmp_path, "g.vcf.bgz", text, how), toy)
    assert table[["ac", "an"]].values.tolist() == [[3, 151876], [0, 148000]]
    assert table["af"].tolist() == [3 / 151876, 0] and table["passed"].tolist() == [True, False]
    assert table["faf95"][0] == pytest.approx(5.2e-6) and np.isnan(table["faf95"][1])


@HOW
def test_1000_genomes_gives_a_count_for_each_allele_and_indels_are_passed_over(toy, tmp_path, how):
    table = frequencies(write(tmp_path, "k.vcf.gz", THOUSAND_GENOMES, how), toy)
    assert table[["contig", "start", "ac", "an"]].values.tolist() == [["chr1", 0, 41, 5008], ["chr1", 0, 7, 5008]]


def test_records_without_genotypes_have_no_frequency_though_others_have(toy, tmp_path):
    records = "chr1\t1\t.\tA\tC\t.\tPASS\t.\tGT\t0/1\t0/0\nchr1\t2\t.\tC\tT\t.\tPASS\t.\tDP\t3\t4\n"
    table = frequencies(write(tmp_path, "g.vcf", GENOTYPES + records, "plain"), toy)
    assert table[["ac", "an", "af"]].fillna(-1).values.tolist() == [[1, 4, 0.25], [0, 0, -1]]


def test_of_samples_without_any_genotype_the_frequency_of_info_is_taken(toy, tmp_path):
    header = '##INFO=<ID=AF,Number=A,Type=Float,Description="Frequency">\n' + GENOTYPES.split("\n", 1)[1]
    record = "chr1\t1\t.\tA\tC\t.\tPASS\tAF=0.25\tDP\t3\t4\n"
    path = write(tmp_path, "g.vcf", "##fileformat=VCFv4.2\n" + header + record, "plain")
    assert frequencies(path, toy)["af"].tolist() == [0.25]


def test_another_assembly_is_refused_and_never_lifted_over(make_genome, tmp_path):
    """The header tells the length of the contig; without it, REF differs from the genome."""
    shifted = make_genome({"chr1": "G" + BASES * 100})
    with pytest.raises(InputError, match=r"chr1.*1000.*1001"):
        frequencies(write(tmp_path, "g.vcf", GNOMAD_3, "plain"), shifted)
    with pytest.raises(InputError, match="REF"):
        read_clinvar(write(tmp_path, "c.vcf", clinvar_text(), "plain"), shifted, ContigNames(shifted.contigs))


@pytest.mark.parametrize("share", [0.002, 0.5, 0.999])
@pytest.mark.parametrize("how", ["gzip", "bgzip"])
def test_a_file_that_was_not_fetched_whole_is_refused(toy, tmp_path, how, share):
    path = write(tmp_path, "c.vcf.gz", clinvar_text(), how)
    whole = path.read_bytes()
    path.write_bytes(whole[: max(int(len(whole) * share), 30)])
    with pytest.raises(InputError, match="fetch it again"):
        read_clinvar(path, toy, ContigNames(toy.contigs))
    with pytest.raises(InputError, match="fetch it again"):
        frequencies(path, toy)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(gzip.compress(b""), id="empty gzip"),
        pytest.param(b"<html>404</html>", id="page"),
        pytest.param(clinvar_text()[-5000:].encode(), id="no header"),
    ],
)
def test_what_is_no_vcf_is_refused_in_a_sentence(toy, tmp_path, content):
    (tmp_path / "c.vcf").write_bytes(content)
    with pytest.raises(InputError, match=r"c\.vcf is not a VCF that can be read"):
        read_clinvar(tmp_path / "c.vcf", toy, ContigNames(toy.contigs))


def test_a_header_without_records_is_no_variant_and_no_error(toy, tmp_path):
    path = write(tmp_path, "c.vcf", CLINVAR_HEADER, "plain")
    assert read_clinvar(path, toy, ContigNames(toy.contigs)).empty


@pytest.mark.parametrize(("significance", "missing"), [("Pathogenic", "negatives"), ("Benign", "positives")])
def test_labels_of_one_kind_alone_have_no_metric_and_say_why(make_genome, tmp_path, significance, missing):
    given = make_world(make_genome, tmp_path)
    rows = []
    for contig in given.genome.contigs:
        for start in range(0, 500, 10):
            ref = given.genome.sequence(contig, start, start + 1)
            alt = BASES[BASES.index(ref) + 1]
            rows.append(f"{contig}\t{start + 1}\t.\t{ref}\t{alt}\t.\t.\tCLNSIG={significance};CLNREVSTAT={ONE_STAR}")
    given.files["clinvar"] = str(write(tmp_path, "c.vcf", CLINVAR_HEADER + "\n".join(rows) + "\n", "plain"))
    models = {"poor": ("one_pass", write_scores(given.genome, tmp_path, noise))}
    _, table = run("clinvar", given, tmp_path, models)
    told = table[table["contrast"] == "all P/LP vs B/LB"]
    assert len(told) and told["value"].isna().all()
    assert told["status"].str.contains(f"fewer than 10 {missing}: no metric").all()


# BED and wigFix

SCREEN = "".join(
    f"{{contig}}\t{start}\t{start + 30}\tEH38E{start}\t0\t.\t{start}\t{start + 30}\t{colour}\n"
    for start, colour in zip(range(0, 900, 30), ["255,0,0", "255,167,0", "0,176,240"] * 10, strict=True)
)
NARROW_PEAK = "".join(
    f"{{contig}}\t{start}\t{start + 40}\tPeak_{start}\t{start % 7}00\t.\t{start / 7:.5f}\t5.1\t-1\t{start % 40}\n"
    for start in range(0, 900, 30)
)


@HOW
@pytest.mark.parametrize("contig", ["1", "chr1"])
@pytest.mark.parametrize(
    ("text", "classes"),
    [(SCREEN, {"PLS", "pELS", "CTCF-only"}), (NARROW_PEAK, {"element"})],
    ids=["SCREEN, nine columns", "narrowPeak"],
)
def test_elements_of_encode_keep_their_classes_however_they_are_packed(toy, tmp_path, how, contig, text, classes):
    path = write(tmp_path, "e.bed.gz", "track name=x\n" + text.format(contig=contig), how)
    rows = read_bed_of(toy, path, ContigNames(toy.contigs), elements.CLASS_COLUMNS)
    assert len(rows) == 30 and set(rows["contig"]) == {"chr1"} and rows["start"].tolist() == list(range(0, 900, 30))
    assert set(elements.class_names(rows)) == classes


def test_an_empty_bed_gives_no_items_and_a_cut_one_is_refused(make_genome, tmp_path):
    given = make_world(make_genome, tmp_path)
    path = tmp_path / "e.bed"
    path.write_text("")
    given.files["bed"] = str(path)
    assert elements.items(given).empty
    path.write_bytes(gzip.compress(SCREEN.format(contig="c0").encode())[:-20])
    with pytest.raises(InputError, match="damaged or cut-off gzip"):
        elements.items(given)


def test_a_column_that_the_first_interval_lacks_is_read_of_those_that_have_it(toy, tmp_path):
    path = write(tmp_path, "x.bed", "chr1\t1\t5\nchr1\t7\t9\tenhancer\textra\n", "plain")
    rows = read_bed_of(toy, path, ContigNames(toy.contigs), {"name": 3, "class": 5})
    assert rows["name"].tolist() == ["", "enhancer"] and rows["class"].tolist() == ["", ""]


@HOW
@pytest.mark.parametrize("contig", ["1", "chr1"])
def test_wigfix_is_the_same_however_it_is_packed(toy, tmp_path, how, contig):
    values = [round(0.1 * n - 2, 3) for n in range(40)]
    text = f"fixedStep chrom={contig} start=11 step=1\n" + "".join(f"{value:.3f}\n" for value in values)
    positions = pd.DataFrame({"contig": "chr1", "start": [9, 10, 49, 50]})
    path = write(tmp_path, "c.wigFix.gz", text, "gzip" if how == "bgzip" else how)
    found = conservation(path, toy, ContigNames(toy.contigs), positions)
    np.testing.assert_allclose(found, [np.nan, values[0], values[-1], np.nan], rtol=1e-6)


def test_a_track_that_was_not_fetched_whole_is_refused(toy, tmp_path):
    wigfix, bigwig = tmp_path / "c.wigFix.gz", tmp_path / "c.bw"
    write(tmp_path, wigfix.name, "fixedStep chrom=chr1 start=11 step=1\n" + "0.5\n" * 40, "gzip")
    pybigtools.open(str(bigwig), "w").write(toy.contigs, iter([("chr1", 10, 50, 0.5)]))
    for path, said in ((wigfix, "cut-off gzip"), (bigwig, "no bigWig, or damaged")):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with pytest.raises(InputError, match=said):
            conservation(path, toy, ContigNames(toy.contigs), pd.DataFrame({"contig": "chr1", "start": [10]}))


def test_a_bit_that_turned_in_a_bigwig_is_one_sentence(toy, tmp_path):
    """In a block of values pybigtools panics."""
    path = tmp_path / "c.bw"
    pybigtools.open(str(path), "w").write(toy.contigs, (("chr1", n, n + 1, n % 7.0) for n in range(1000)))
    content = bytearray(path.read_bytes())
    block = int.from_bytes(content[16:24], "little") + 8  # where the data begin, after the count of their blocks
    content[block + 20] ^= 16
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"c\.bw is no bigWig, or damaged"):
        conservation(path, toy, ContigNames(toy.contigs), pd.DataFrame({"contig": "chr1", "start": [10]}))


def test_a_test_part_without_labelled_variants_is_said_and_not_an_error(make_genome, tmp_path):
    given = make_world(make_genome, tmp_path)
    given.files["clinvar"] = str(write(tmp_path, "c.vcf", CLINVAR_HEADER, "plain"))
    models = {"poor": ("one_pass", write_scores(given.genome, tmp_path, noise))}
    _, table = run("clinvar", given, tmp_path, models)
    assert table["status"].tolist() == ["skipped: the test split holds no item of this task"]
