"""Readers of labelled variants, frequencies and conservation: the vocabulary of their formats, and real files."""

import gzip

import numpy as np
import pandas as pd
import pybigtools
import pyBigWig
import pysam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glmtracks.errors import InputError
from glmtracks.evidence.clinvar import label_of, read_clinvar, stars_of
from glmtracks.evidence.conservation import conservation
from glmtracks.evidence.population import read_population
from glmtracks.genome import BASES
from glmtracks.genome.contigs import ContigNames
from glmtracks.variants import snv_records
from glmtracks.variants.snv_records import read_snvs

HEADER = "##fileformat=VCFv4.2\n"
INFO = '##INFO=<ID={},Number={},Type={},Description="x">\n'
CLINVAR = HEADER + "".join(
    INFO.format(name, ".", "String") for name in ("CLNSIG", "CLNREVSTAT", "MC", "GENEINFO", "ORIGIN")
)


@pytest.fixture
def toy(make_genome):
    return make_genome({"chr1": "ACGTACGTAC" * 10, "chrM": "GATCACAGGTCT"})


def write_vcf(path, header, records, samples=""):
    columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO" + samples
    path.write_text(header + columns + "\n" + "".join("\t".join(map(str, record)) + "\n" for record in records))
    return path


def clinvar(path, rows):
    """rows: POS, REF, ALT, CLNSIG, CLNREVSTAT, and what else INFO has."""
    records = [
        ("1", pos, ".", ref, alt, ".", ".", f"CLNSIG={significance};CLNREVSTAT={review}" + "".join(more))
        for pos, ref, alt, significance, review, *more in rows
    ]
    return write_vcf(path, CLINVAR, records)


# SNVs of any VCF


def test_snvs_are_the_alleles_that_change_one_base_whatever_is_read_at_once(make_genome, tmp_path, monkeypatch):
    """REF of up to four bases in either case, ALT that change some, none or another number of them, and symbols."""
    rng = np.random.default_rng(0)
    genome = make_genome({name: "".join(rng.choice(list("ACGTN"), 2000, p=[0.24] * 4 + [0.04])) for name in "ab"})
    records, expected = [], []
    for number in range(300):
        contig, start, width = rng.choice(list("abx")), int(rng.integers(0, 1990)), int(rng.integers(1, 5))
        ref = genome.sequence("a" if contig == "x" else contig, start, start + width)
        alts = ["".join(rng.choice(list("ACGTN")) if rng.random() < 0.4 else base for base in ref) for _ in range(2)]
        alts += rng.choice(["*", "<DEL>", ref + "A", ref[:-1] + "TT", ref], 2).tolist()
        records.append((contig, start + 1, ".", ref.lower() if number % 2 else ref, ",".join(alts), ".", ".", "."))
        for nth, alt in enumerate(alts):
            changed = [n for n in range(width) if len(alt) == width and alt[n] != ref[n]]
            if contig != "x" and len(changed) == 1 and {ref[changed[0]], alt[changed[0]]} <= set(BASES):
                bases = (BASES.index(text[changed[0]]) for text in (ref, alt))
                expected.append((contig, start + changed[0], *bases, nth))
    source = write_vcf(tmp_path / "x.vcf", HEADER, records)
    for batch in (300, 10**6):
        monkeypatch.setattr(snv_records, "BATCH", batch)
        tables = read_snvs(source, genome, ContigNames(genome.contigs), lambda record, nth: (nth,), ["nth"])
        assert list(pd.concat(tables).itertuples(index=False, name=None)) == expected
    within = pd.DataFrame({"contig": ["a", "a"], "start": [700, 100], "end": [800, 333]})
    tables = read_snvs(source, genome, ContigNames(genome.contigs), lambda record, nth: (nth,), ["nth"], within)
    there = {*range(100, 333), *range(700, 800)}
    inside = [row for row in expected if row[0] == "a" and row[1] in there]
    assert list(pd.concat(tables).itertuples(index=False, name=None)) == inside


def test_snvs_of_bases_that_a_masked_genome_hides_are_no_sign_of_another_assembly(make_genome, tmp_path, caplog):
    caplog.set_level("INFO")
    genome = make_genome({"chr1": "ACGTNNNNNN"})
    path = write_vcf(tmp_path / "x.vcf", HEADER, [("1", pos, ".", "C", "T", ".", ".", ".") for pos in (2, 5, 6)])
    tables = read_snvs(path, genome, ContigNames(genome.contigs), lambda record, nth: (), [])
    assert pd.concat(tables)["start"].tolist() == [1] and "1 SNVs read; left out: 2 undefined_base" in caplog.text
    path = write_vcf(tmp_path / "i.vcf", HEADER, [("1", 1, ".", "AC", "A", ".", ".", ".")])
    assert pd.concat(read_snvs(path, genome, ContigNames(genome.contigs), lambda record, nth: (), [])).empty
    path = write_vcf(tmp_path / "y.vcf", HEADER, [("1", pos, ".", "C", "T", ".", ".", ".") for pos in (2, 11)])
    with pytest.raises(InputError, match="at 1 of 2 SNVs, the first at chr1:11"):
        list(read_snvs(path, genome, ContigNames(genome.contigs), lambda record, nth: (), []))


# ClinVar


@pytest.mark.parametrize(
    "significance, label",
    [
        ("Pathogenic", 1),
        ("Likely_pathogenic", 1),
        ("Pathogenic/Likely_pathogenic", 1),
        ("Pathogenic/Likely_pathogenic|risk_factor", 1),
        ("Pathogenic|low_penetrance", 1),
        ("Likely_pathogenic,_low_penetrance", 1),
        ("Pathogenic/Pathogenic,_low_penetrance|other", 1),
        ("Benign", 0),
        ("Benign/Likely_benign", 0),
        ("Likely_benign|drug_response|other", 0),
        ("Pathogenic/Likely_risk_allele", None),
        ("Conflicting_interpretations_of_pathogenicity", None),
        ("Conflicting_classifications_of_pathogenicity|risk_factor", None),
        ("Uncertain_significance/Uncertain_risk_allele", None),
        ("drug_response", None),
        ("association_not_found", None),
        ("no_classification_for_the_single_variant", None),
        ("not_provided", None),
        ("", None),
    ],
)
def test_classifications_of_2017_to_now(significance, label):
    assert label_of(significance) == label


@given(st.lists(st.sampled_from(["Pathogenic", "Benign", "Uncertain_significance"]), min_size=1, max_size=4))
def test_a_classification_is_a_label_only_where_all_its_terms_agree(terms):
    label = label_of("/".join(terms))
    assert (label is not None) == (set(terms) in ({"Pathogenic"}, {"Benign"}))


@pytest.mark.parametrize(
    "status, stars",
    [
        ("practice_guideline", 4),
        ("reviewed_by_expert_panel", 3),
        ("criteria_provided,_multiple_submitters,_no_conflicts", 2),
        ("criteria_provided,_multiple_submitters", 2),
        ("criteria_provided,_single_submitter", 1),
        ("criteria_provided..single_submitter", 1),
        ("criteria_provided,_conflicting_classifications", 1),
        ("criteria_provided,_conflicting_interpretations", 1),
        ("no_assertion_criteria_provided", 0),
        ("no_classification_provided", 0),
        ("no_classifications_from_unflagged_records", 0),
    ],
)
def test_review_stars(status, stars):
    assert stars_of(status) == stars


def test_each_variant_of_clinvar_stands_once_with_its_best_review(toy, tmp_path):
    one, two = "criteria_provided,_single_submitter", "criteria_provided,_multiple_submitters,_no_conflicts"
    rows = [
        (1, "A", "C", "Pathogenic", one, ";MC=SO:0001583|missense_variant,SO:0001819|x;GENEINFO=G1:7|G2:8"),
        (1, "A", "C", "Benign", two),
        (2, "CG", "CT", "Benign", one),  # one base changed: G3T
        (4, "T", "A", "Pathogenic", one),
        (4, "T", "A", "Benign", one),  # contradicts, with as many stars
        (5, "A", "G", "Pathogenic", "no_assertion_criteria_provided"),
        (6, "C", "C", "Benign", one),
        (7, "GT", "G", "Pathogenic", one),
        (9, "A", "T", "Pathogenic", one, ";ORIGIN=2"),
        (10, "C", "T", "Pathogenic", one, ";ORIGIN=3"),
    ]
    table = read_clinvar(clinvar(tmp_path / "c.vcf", rows), toy, ContigNames(toy.contigs))
    assert table[["start", "ref", "alt", "label", "stars"]].values.tolist() == [
        [0, 0, 1, 0, 2],
        [2, 2, 3, 0, 1],
        [9, 1, 3, 1, 1],
    ]
    assert set(table["contig"]) == {"chr1"}
    every = read_clinvar(tmp_path / "c.vcf", toy, ContigNames(toy.contigs), min_stars=0)
    assert 4 in set(every["start"])
    inside = pd.DataFrame({"contig": ["chr1"], "start": [2], "end": [9]})
    assert read_clinvar(tmp_path / "c.vcf", toy, ContigNames(toy.contigs), inside)["start"].tolist() == [2]


def test_a_better_or_as_well_reviewed_record_without_label_takes_it_from_a_variant(toy, tmp_path):
    one, three = "criteria_provided,_single_submitter", "reviewed_by_expert_panel"
    rows = [
        (1, "A", "C", "Pathogenic", one),
        (1, "A", "C", "Uncertain_significance", three),
        (2, "C", "T", "Pathogenic", one),
        (2, "C", "T", "Conflicting_classifications_of_pathogenicity", one),
        (3, "G", "T", "Uncertain_significance", one),
        (3, "G", "T", "Pathogenic", three),
        (4, "T", "A", "drug_response", three),  # no statement on a Mendelian disease
        (4, "T", "A", "Benign", one),
        (5, "A", "G", "Uncertain_significance", three, ";ORIGIN=2"),
        (5, "A", "G", "Benign", one),
        (6, "C", "A", "Uncertain_significance", "no_assertion_criteria_provided"),
        (6, "C", "A", "Benign", one),
    ]
    path = clinvar(tmp_path / "c.vcf", rows)
    for stars in (0, 1):
        table = read_clinvar(path, toy, ContigNames(toy.contigs), min_stars=stars)
        assert table[["start", "label", "stars"]].values.tolist() == [[2, 1, 3], [3, 0, 1], [4, 0, 1], [5, 0, 1]]


def test_a_record_without_statement_on_the_germline_takes_no_label_from_one_without_stars(toy, tmp_path):
    rows = [
        (1, "A", "C", "drug_response", "reviewed_by_expert_panel"),
        (1, "A", "C", "Benign", "no_assertion_criteria_provided"),
    ]
    table = read_clinvar(clinvar(tmp_path / "c.vcf", rows), toy, ContigNames(toy.contigs), min_stars=0)
    assert table[["start", "label", "stars"]].values.tolist() == [[0, 0, 0]]


def test_variants_at_one_place_of_two_contigs_are_two(toy, tmp_path):
    info = "CLNSIG={};CLNREVSTAT=criteria_provided,_single_submitter"
    records = [("1", 1, ".", "A", "C", ".", ".", info.format("Benign"))]
    records.append(("MT", 1, ".", "G", "C", ".", ".", info.format("Pathogenic")))
    table = read_clinvar(write_vcf(tmp_path / "c.vcf", CLINVAR, records), toy, ContigNames(toy.contigs))
    assert table[["contig", "label"]].values.tolist() == [["chr1", 0], ["chrM", 1]]


def test_consequence_and_gene_of_clinvar(toy, tmp_path):
    rows = [(1, "A", "C", "Benign", "practice_guideline", ";MC=SO:0001583|missense_variant,SO:1|y;GENEINFO=G1:7|G2:8")]
    table = read_clinvar(clinvar(tmp_path / "c.vcf", rows), toy, ContigNames(toy.contigs))
    assert table.loc[0, ["molecular_consequence", "gene", "stars"]].tolist() == ["missense_variant,y", "G1", 4]


def test_files_that_are_not_clinvar_of_this_genome_are_refused(toy, tmp_path):
    names = ContigNames(toy.contigs)
    one = "criteria_provided,_single_submitter"
    with pytest.raises(InputError, match="before 2017"):
        read_clinvar(clinvar(tmp_path / "a.vcf", [(1, "A", "C", "5", one)]), toy, names)
    with pytest.raises(InputError, match="no CLNSIG"):
        read_clinvar(write_vcf(tmp_path / "b.vcf", HEADER, [("1", 1, ".", "A", "C", ".", ".", ".")]), toy, names)
    with pytest.raises(InputError, match=r"REF is not the base .* at 1 of 2 SNVs, the first at chr1:2"):
        read_clinvar(
            clinvar(tmp_path / "c.vcf", [(1, "A", "C", "Benign", one), (2, "T", "G", "Benign", one)]), toy, names
        )
    other = CLINVAR.replace(HEADER, HEADER + "##contig=<ID=1,length=99>\n")
    benign = f"CLNSIG=Benign;CLNREVSTAT={one}"
    with pytest.raises(InputError, match=r"gives 1 99 bases, but chr1 .* \(bcftools view -t \^1\)"):
        read_clinvar(write_vcf(tmp_path / "d.vcf", other, [("1", 1, ".", "A", "C", ".", ".", benign)]), toy, names)
    elsewhere = write_vcf(tmp_path / "g.vcf", other, [("MT", 2, ".", "A", "C", ".", ".", benign)])
    assert len(read_clinvar(elsewhere, toy, names)) == 1  # nothing lies on the contig of another length
    strange = [("7", 1, ".", "A", "C", ".", ".", f"CLNSIG=Benign;CLNREVSTAT={one}")]
    with pytest.raises(InputError, match=r"no contig of .* 7 for one"):
        read_clinvar(write_vcf(tmp_path / "e.vcf", CLINVAR, strange), toy, names)
    (tmp_path / "f.vcf").write_text("chrom\tpos\n")
    with pytest.raises(InputError, match="not a VCF"):
        read_clinvar(tmp_path / "f.vcf", toy, names)


# Population


def population(path, toy):
    return pd.concat(read_population(path, toy, ContigNames(toy.contigs)), ignore_index=True)


def test_copies_that_a_deletion_has_taken_are_counted(toy, tmp_path):
    counts = HEADER + INFO.format("AC", "A", "Integer") + INFO.format("AN", 1, "Integer")
    path = write_vcf(tmp_path / "c.vcf", counts, [("1", 1, ".", "A", "C,*,AT", ".", ".", "AC=60,30,9;AN=100")])
    assert population(path, toy)[["ac", "an", "deleted"]].values.tolist() == [[60, 100, 30]]
    genotypes = HEADER + '##FORMAT=<ID=GT,Number=1,Type=String,Description="x">\n'
    record = ("1", 1, ".", "A", "C,*", ".", ".", ".", "GT", "0|1", "1/2", "2/.")
    path = write_vcf(tmp_path / "g.vcf", genotypes, [record], "\tFORMAT\tS1\tS2\tS3")
    assert population(path, toy)[["ac", "an", "deleted"]].values.tolist() == [[2, 5, 2]]


def test_counts_of_info_go_before_a_stale_frequency(toy, tmp_path):
    header = HEADER + INFO.format("AC", "A", "Integer") + INFO.format("AN", "1", "Integer")
    header += INFO.format("AF", "A", "Float") + INFO.format("faf95", "A", "Float")
    records = [
        ("1", 1, ".", "A", "C,G,AT", ".", "PASS", "AC=1,30,4;AN=40;AF=0.5,0.5,0.1;faf95=0.01,0.6,0"),
        ("1", 2, ".", "C", "T", ".", "AC0;RF", "AC=0;AN=40;AF=0"),
        ("1", 3, ".", "G", "T", ".", ".", "AC=0;AN=0"),
    ]
    table = population(write_vcf(tmp_path / "p.vcf", header, records), toy)
    assert table["ac"].tolist() == [1, 30, 0, 0] and table["af"].tolist()[:3] == [1 / 40, 30 / 40, 0]
    assert np.isnan(table["af"][3]) and table["passed"].tolist() == [True, True, False, True]
    assert table["faf95"].tolist()[:2] == pytest.approx([0.01, 0.6], abs=1e-6) and np.isnan(table["faf95"][2])


def test_counts_are_read_though_some_records_lack_them(toy, tmp_path):
    header = HEADER + INFO.format("AC", "A", "Integer") + INFO.format("AN", "1", "Integer")
    header += INFO.format("AF", "A", "Float")
    records = [("1", 1, ".", "A", "C", ".", ".", "AF=0.5"), ("1", 2, ".", "C", "T", ".", ".", "AC=3;AN=40;AF=0.5")]
    table = population(write_vcf(tmp_path / "p.vcf", header, records), toy)
    assert table["ac"].tolist()[1:] == [3] and table["af"].tolist()[1:] == [3 / 40] and np.isnan(table["ac"][0])


def test_the_filtering_frequency_is_that_of_the_population_where_it_is_highest(toy, tmp_path):
    names = ("fafmax_faf95_max", "faf95")
    header = HEADER + INFO.format("AF", "A", "Float") + "".join(INFO.format(name, "A", "Float") for name in names)
    records = [("1", 1, ".", "A", "C", ".", ".", "AF=0.5;faf95=0.25;fafmax_faf95_max=0.5")]
    assert population(write_vcf(tmp_path / "p.vcf", header, records), toy)["faf95"].tolist() == [0.5]


def test_counts_of_the_mitochondrial_call_set(toy, tmp_path):
    fields = [("AC_hom", "Integer"), ("AC_het", "Integer"), ("AN", "Integer"), ("AF_hom", "Float")]
    header = HEADER + "".join(INFO.format(name, "1", kind) for name, kind in fields)
    records = [("MT", 2, ".", "A", "C", ".", "PASS", "AN=50;AC_hom=5;AC_het=2;AF_hom=0.1")]
    table = population(write_vcf(tmp_path / "m.vcf", header, records), toy)
    assert table[["contig", "start", "ac", "an", "af"]].values.tolist() == [["chrM", 1, 5, 50, 0.1]]


def test_genotypes_are_counted(toy, tmp_path):
    header = HEADER + '##FORMAT=<ID=GT,Number=1,Type=String,Description="x">\n'
    samples = "\tFORMAT\ta\tb\tc"
    records = [
        ("1", 1, ".", "A", "C,G", ".", ".", ".", "GT", "0/1", "1|2", "./."),
        ("1", 2, ".", "C", "T", ".", ".", ".", "GT", "0", "1", "1"),
    ]
    table = population(write_vcf(tmp_path / "g.vcf", header, records, samples), toy)
    assert table[["ac", "an"]].values.tolist() == [[2, 4], [1, 4], [2, 3]]


def test_samples_are_counted_whatever_the_encoding_of_their_names(toy, tmp_path):
    header = HEADER + '##FORMAT=<ID=GT,Number=1,Type=String,Description="x">\n'
    records = [("1", 1, ".", "A", "C", ".", ".", ".", "GT", "0/1", "1/1")]
    path = write_vcf(tmp_path / "l.vcf", header, records, "\tFORMAT\tM\xfcller\tb")
    path.write_bytes(path.read_text().encode("latin-1"))
    assert population(path, toy)[["ac", "an"]].values.tolist() == [[3, 4]]


def test_contigs_of_plink_are_as_long_as_the_last_position_says(toy, tmp_path):
    header = HEADER + "##source=PLINKv1.90\n##contig=<ID=1,length=3>\n"
    header += '##FORMAT=<ID=GT,Number=1,Type=String,Description="x">\n'
    records = [("1", 2, "rs1", "C", "T", ".", ".", "PR", "GT", "0/1", "0/0")]
    path = write_vcf(tmp_path / "p.vcf", header, records, "\tFORMAT\t0_a\t0_b")
    assert population(path, toy)[["ac", "an"]].values.tolist() == [[1, 4]]
    path.write_text(path.read_text().replace("PLINKv1.90", "PLINKv2.00"))
    with pytest.raises(InputError, match="another assembly"):
        population(path, toy)


def test_genotypes_are_counted_where_only_the_header_speaks_of_counts(toy, tmp_path):
    header = HEADER + INFO.format("AC", "A", "Integer") + INFO.format("AN", "1", "Integer")
    header += '##FORMAT=<ID=GT,Number=1,Type=String,Description="x">\n'
    records = [("1", 1, ".", "A", "C", ".", ".", ".", "GT", "0/1", "1|1")]
    table = population(write_vcf(tmp_path / "g.vcf", header, records, "\tFORMAT\ta\tb"), toy)
    assert table[["ac", "an"]].values.tolist() == [[3, 4]]


def test_a_frequency_alone_is_taken_and_nothing_is_refused(toy, tmp_path):
    header = HEADER + INFO.format("AF", "A", "Float")
    table = population(write_vcf(tmp_path / "f.vcf", header, [("1", 1, ".", "A", "C", ".", ".", "AF=0.25")]), toy)
    assert table["af"].tolist() == [0.25] and np.isnan(table["ac"][0])
    with pytest.raises(InputError, match=r"nor genotypes; give a call set that has one of these"):
        population(write_vcf(tmp_path / "n.vcf", HEADER, [("1", 1, ".", "A", "C", ".", ".", ".")]), toy)


@pytest.mark.parametrize("header", ["", INFO.format("AC", "1", "String") + INFO.format("AN", ".", "String")])
def test_counts_are_read_as_they_stand_whatever_the_header_says_of_them(toy, tmp_path, header):
    records = [("1", 1, ".", "A", "C,G", ".", ".", "AC=1,30;AN=40"), ("1", 2, ".", "C", "T", ".", ".", "AC=2;AN=.")]
    table = population(write_vcf(tmp_path / "u.vcf", HEADER + header, records), toy)
    assert table["ac"].tolist() == [1, 30, 2] and table["an"].tolist()[:2] == [40, 40] and np.isnan(table["an"][2])


# Conservation


@pytest.mark.parametrize("at_once", [1 << 20, 8, 5, 1])
def test_bigwig_and_wigfix_give_the_same_values(toy, tmp_path, monkeypatch, at_once):
    for limit in ("PIECE", "RUN"):
        monkeypatch.setattr(f"glmtracks.evidence.conservation.{limit}", at_once)
    values = np.random.default_rng(0).normal(size=40).astype(np.float32).round(3)
    track = pyBigWig.open(str(tmp_path / "c.bw"), "w")
    track.addHeader([("chr1", 100), ("chrM", 12)])
    track.addEntries("chr1", list(range(20, 60)), values=values.tolist(), span=1)
    track.close()
    text = "track type=wiggle_0\n# x\nfixedStep chrom=chr1 start=21 step=1\n"
    text += "".join(f"{value}\n" for value in values[:25]) + "fixedStep chrom=chrM start=1 step=1\n1\n"
    text += "fixedStep chrom=1 start=46 step=1\n" + "".join(f"{value}\n" for value in values[25:])
    with gzip.open(tmp_path / "c.wigFix.gz", "wt") as handle:
        handle.write(text)
    rng = np.random.default_rng(1)
    positions = pd.DataFrame({"contig": "chr1", "start": rng.permutation(100)})
    expected = np.full(100, np.nan, dtype=np.float32)
    expected[20:60] = values
    for name in ("c.bw", "c.wigFix.gz"):
        found = conservation(tmp_path / name, toy, ContigNames(toy.contigs), positions)
        np.testing.assert_array_equal(found, expected[positions["start"]])


@pytest.mark.parametrize(
    "text, complaint",
    [
        ("1.0\n", "before any line with fixedStep"),
        ("variableStep chrom=chr1\n1 2\n", "neither a value nor a fixedStep"),
        ("fixedStep chrom=chr1 start=1 step=5\n1\n", "step 1"),
        ("fixedStep chrom=chr1 start=1 step=1 span=5\n1\n", "step 1"),
        ("fixedStep chrom=chr9 start=1 step=1\n1\n", "no contig of"),
    ],
)
def test_other_wiggles_are_refused(toy, tmp_path, text, complaint):
    (tmp_path / "c.wig").write_text(text)
    positions = pd.DataFrame({"contig": ["chr1"], "start": [0]})
    with pytest.raises(InputError, match=complaint):
        conservation(tmp_path / "c.wig", toy, ContigNames(toy.contigs), positions)


def test_a_bigwig_of_another_assembly_is_refused(toy, tmp_path):
    pybigtools.open(str(tmp_path / "o.bw"), "w").write({"chr1": 99}, iter([("chr1", 0, 5, 1.0)]))
    with pytest.raises(InputError, match="99 bases"):
        conservation(tmp_path / "o.bw", toy, ContigNames(toy.contigs), pd.DataFrame({"contig": ["chr1"], "start": [0]}))


# Real files


@pytest.fixture(scope="module")
def mitochondrion(shared_data, tmp_path_factory):
    from glmtracks.genome import Genome, normalise

    folder = tmp_path_factory.mktemp("mito")
    outputs = {"sizes_out": folder / "sizes", "provenance_out": folder / "provenance"}
    normalise(shared_data / "human_mito/chrM.fa", folder / "g.fa.gz", circular="chrM", **outputs)
    return Genome(folder / "g.fa.gz")


def test_clinvar_of_the_mitochondrion(mitochondrion, shared_data, caplog):
    path = shared_data / "human_mito/clinvar_chrMT.vcf.gz"
    with caplog.at_level("INFO"):
        table = read_clinvar(path, mitochondrion, ContigNames(mitochondrion.contigs))
    assert "1 without_change" in caplog.text  # m.1438A>A, which changes nothing
    expected = [
        (record.pos - 1, record.alts[0], "athogenic" in ",".join(record.info["CLNSIG"]))
        for record in pysam.VariantFile(str(path))
        if "criteria_provided" in record.info["CLNREVSTAT"] or "reviewed_by_expert_panel" in record.info["CLNREVSTAT"]
        if ",".join(record.info["CLNSIG"]) not in ("Uncertain_significance", "drug_response", "not_provided")
        if not ",".join(record.info["CLNSIG"]).startswith("Conflicting") and record.ref != record.alts[0]
    ]
    found = zip(table["start"], [BASES[code] for code in table["alt"]], table["label"] == 1, strict=True)
    assert sorted(found) == sorted(expected) and len(expected) > 1_400


def test_gnomad_of_the_mitochondrion(mitochondrion, shared_data):
    path = shared_data / "human_mito/gnomad.genomes.v3.1.sites.chrM.vcf.bgz"
    table = pd.concat(read_population(path, mitochondrion, ContigNames(mitochondrion.contigs)))
    records = [r for r in pysam.VariantFile(str(path)) if len(r.ref) == len(r.alts[0]) == 1]
    assert len(table) == len(records)
    assert table["ac"].tolist() == [record.info["AC_hom"] for record in records]
    assert table["passed"].tolist() == [list(record.filter) == ["PASS"] for record in records]
    np.testing.assert_allclose(table["af"], [record.info["AF_hom"] for record in records], rtol=1e-4)


def test_1000_genomes_and_clinvar_of_chromosome_20(shared_data, tmp_path):
    from glmtracks.genome import Genome, normalise

    outputs = {"sizes_out": tmp_path / "sizes", "provenance_out": tmp_path / "provenance"}
    normalise(shared_data / "human_chr20/20.fa.gz", tmp_path / "g.fa.gz", **outputs)
    genome = Genome(tmp_path / "g.fa.gz")
    names = ContigNames(genome.contigs)
    path = shared_data / "human_chr20/1000G_phase3_chr20_1-4Mb.sites.vcf.gz"
    table = pd.concat(read_population(path, genome, names))
    assert (table["ac"] == 1).sum() > 1_000 and table["af"].between(0, 1).all()
    assert table["start"].between(1_000_000, 4_000_000).all()
    labels = read_clinvar(shared_data / "human_chr20/clinvar_20160910_chr20.vcf.gz", genome, names)
    assert {0, 1} == set(labels["label"]) and set(labels["stars"]) <= {1, 2, 3, 4}


def test_yeast_strains(shared_data, tmp_path):
    from glmtracks.genome import Genome, normalise

    outputs = {"sizes_out": tmp_path / "sizes", "provenance_out": tmp_path / "provenance"}
    normalise(shared_data / "yeast/sacCer3.fa.gz", tmp_path / "g.fa.gz", include="^(chr)?I$", **outputs)
    genome = Genome(tmp_path / "g.fa.gz")
    path = shared_data / "yeast/strains7.sites.vcf.gz"
    table = pd.concat(read_population(path, genome, ContigNames(genome.contigs)))
    assert set(table["contig"]) == set(genome.contigs) and (table["an"] <= 7).all() and len(table) > 1_000
