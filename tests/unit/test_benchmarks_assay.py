"""Assays: tables of all kinds read, proteins mapped to the genome, and ranks compared with what was measured."""

import gzip
import logging
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from benchmark_world import make_world, noise, pick, run, write_scores
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from glmtracks.annotation import read_features
from glmtracks.annotation.consequences import snv_consequences
from glmtracks.benchmarks import assay, statistics
from glmtracks.errors import InputError
from glmtracks.evidence.assays import read_assay
from glmtracks.genome import BASES, Genome, complement, normalise
from glmtracks.genome.contigs import ContigNames

CODON = {"M": "ATG", "A": "GCT", "K": "AAA", "W": "TGG", "*": "TAA"}


def write(path, text):
    path.write_text(text)
    return path


def snvs_of(genome, contig, start, end, rng):
    """Every SNV of an interval with a value: contig, pos, ref, alt, value."""
    codes = genome.codes(contig, start, end)
    rows = [
        (contig, start + offset + 1, BASES[ref], BASES[alt], rng.normal())
        for offset, ref in enumerate(codes)
        for alt in range(4)
        if alt != ref
    ]
    return pd.DataFrame(rows, columns=["chrom", "pos", "ref", "alt", "value"])


# Ranks


def test_a_scorer_that_is_the_measurement_gets_1_a_constant_exactly_0_and_noise_about_0(make_genome, tmp_path):
    given = make_world(make_genome, tmp_path, contigs=2)
    measured = snvs_of(given.genome, "c0", 100, 500, np.random.default_rng(1))
    measured.rename(columns={"value": "DMS_score"}).to_csv(tmp_path / "scan.tsv", sep="\t", index=False)
    value = measured.set_index(["pos", "alt"])["value"]

    def truth(contig, codes):
        llr = np.zeros((len(codes), 4))
        if contig == "c0":
            for (pos, alt), number in value.items():
                llr[pos - 1, BASES.index(alt)] = number
        return llr - np.log(np.exp(llr).sum(axis=1, keepdims=True))

    for name in ("truth", "flat"):
        (tmp_path / name).mkdir()
    models = {
        "truth": ("one_pass", write_scores(given.genome, tmp_path / "truth", truth)),
        "flat": ("one_pass", write_scores(given.genome, tmp_path / "flat", lambda c, s: np.full((len(s), 4), -1.386))),
        "noise": ("one_pass", write_scores(given.genome, tmp_path, noise)),
    }
    given = replace(given, files={"assay": str(tmp_path / "scan.tsv")})
    items, table = run("assay", given, tmp_path, models)
    assert len(items) == 1_200 and set(items["contrast"]) == {"scan"}
    best = pick(table, scorer="truth")
    assert best["value"] == pytest.approx(1, abs=2e-3) and best["low"] > 0.99 and best["verdict"] == "better"
    assert best["headline"] == "yes" and best["metric"] == "spearman" and best["block_kind"] == "run"
    for name in ("flat", "constant"):
        row = pick(table, scorer=name)
        assert (row["value"], row["low"], row["high"]) == (0, 0, 0)
    row = pick(table, scorer="noise")
    assert row["low"] < 0 < row["high"]


def test_an_mpra_is_ranked_by_the_size_of_the_effect_and_beside_it_by_the_effect(make_genome, tmp_path):
    given = make_world(make_genome, tmp_path, contigs=2)
    measured = snvs_of(given.genome, "c0", 1_210, 1_290, np.random.default_rng(1)).rename(
        columns={"value": "Coefficient"}
    )
    measured.assign(Element="LDLR").to_csv(tmp_path / "mpra.tsv", sep="\t", index=False)
    given = replace(given, files={"assay": str(tmp_path / "mpra.tsv")})
    models = {"noise": ("one_pass", write_scores(given.genome, tmp_path, noise))}
    items, table = run("assay", given, tmp_path, models)
    assert set(items["contrast"]) == {"LDLR", "LDLR, signed effect"}
    assert (items.loc[items["contrast"] == "LDLR", "measured"] <= 0).all()
    assert set(table.loc[table["headline"] == "yes", "contrast"]) == {"LDLR"}
    assert {"transition", "consequence_rank", "distance_tss", "gc", "random"} <= set(table["scorer"])


def test_each_assay_of_a_table_has_the_blocks_that_it_has_alone(make_genome, tmp_path):
    """Eight assays on eight contigs: whole contigs as blocks would leave each with one, and none with an interval."""
    given = make_world(make_genome, tmp_path, contigs=8)
    rng = np.random.default_rng(1)
    parts = [snvs_of(given.genome, f"c{n}", 100, 250, rng).assign(name=f"scan {n}") for n in range(8)]
    blocks = []
    for name, rows in (("all", pd.concat(parts)), ("one", parts[3])):
        rows.rename(columns={"value": "DMS_score"}).to_csv(tmp_path / f"{name}.tsv", sep="\t", index=False)
        table = assay.items(replace(given, files={"assay": str(tmp_path / f"{name}.tsv")}))
        blocks.append(table.loc[table["contrast"] == "scan 3", "block"].tolist())
    assert blocks[0] == blocks[1] == [f"run:{row // 50}" for row in range(450)]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), items=st.integers(5, 40), values=st.integers(2, 30))
@example(seed=5281, items=5, values=2)  # a draw without any item
def test_spearman_is_that_of_scipy_on_all_items_and_on_every_draw(seed, items, values):
    rng = np.random.default_rng(seed)
    score, measured = rng.integers(0, values, (2, items)).astype(float)
    score[:2], measured[:2] = [0, 1], [1, 0]
    block = np.arange(items) % 8
    weights = statistics.draw_weights(8, 4, seed)
    found = statistics.spearman(score, measured, block, weights)
    assert found.value == pytest.approx(spearmanr(score, measured).statistic)
    for draw in range(4):
        rows = np.repeat(np.arange(items), weights[draw][block].astype(int))
        constant = not len(rows) or np.ptp(score[rows]) == 0 or np.ptp(measured[rows]) == 0
        expected = 0 if constant else spearmanr(score[rows], measured[rows]).statistic
        assert found.draws[draw] == pytest.approx(expected, abs=1e-9)


def test_changes_that_were_never_seen_again_tie():
    """Their log enrichment is -inf in some tables."""
    score, measured = np.array([3.0, 1, 2, 4, 5]), np.array([-np.inf, -np.inf, 0, 1, 2])
    weights = np.ones((1, 5))
    found = statistics.spearman(score, measured, np.arange(5), weights)
    assert found.value == found.draws[0] == pytest.approx(spearmanr(score, measured).statistic)


# Tables


@pytest.mark.parametrize(
    ("header", "row", "expression"),
    [
        ("Chrom\tPos\tRef\tAlt\tBarcodes\tCoefficient\tElement", "a\t2\tC\tT\t12\t-0.5\tx", True),
        ("Chromosome,Position,Ref,Alt,Tags,Value", "chra,2,C,T,12,-0.5", True),
        ("chr,pos,ref,alt,DMS_score,DMS_id", "a,2,c,t,-0.5,x", False),
    ],
)
def test_tables_of_the_usual_headers(make_genome, tmp_path, header, row, expression):
    genome = make_genome({"a": "ACGTACGT"})
    path = write(tmp_path / "x.tsv", f"{header}\n{row}\n")
    found, is_expression = read_assay(path, genome, ContigNames(genome.contigs))
    assert found.values.tolist() == [["a", 1, 1, 3, "x", -0.5]] and is_expression is expression


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_gzip_is_told_by_how_it_begins_and_refused_where_it_is_damaged(make_genome, tmp_path, mark):
    genome, path = make_genome({"a": "ACGTACGT"}), tmp_path / "x"
    text = f"{mark}chrom\tpos\tref\talt\tvalue\n" + "a\t2\tC\tT\t-0.5\n" * 99
    whole = gzip.compress(text.encode())
    path.write_bytes(whole)
    found, _ = read_assay(path, genome, ContigNames(genome.contigs))
    assert found["measured"].tolist() == [-0.5]
    for damaged in (whole[:-9], whole[:20] + bytes(9) + whole[29:]):
        path.with_suffix(".gz").write_bytes(damaged)
        with pytest.raises(InputError, match=r"x\.gz is a damaged or cut-off gzip file"):
            read_assay(path.with_suffix(".gz"), genome, ContigNames(genome.contigs))


def test_what_is_left_out_is_counted(make_genome, tmp_path, caplog):
    genome = make_genome({"a": "ACGT" * 100 + "N" * 10})
    good = [f"a\t{n}\t{'TACG'[n % 4]}\tN\t10\t1\n".replace("N", "TACG"[(n + 1) % 4]) for n in range(1, 300)]
    bad = [
        "a\t4\tT\t-\t20\t1\n",
        "a\t4\tT\tC\t9\t1\n",
        "a\t4\tT\tC\t20\tNA\n",
        "b\t4\tT\tC\t20\t1\n",
        "a\t5\tT\tC\t20\t1\n",
        *(f"a\t{n}\tT\tC\t20\t1\n" for n in range(401, 411)),
    ]
    with gzip.open(tmp_path / "x.tsv.gz", "wt") as handle:
        handle.write("chrom\tpos\tref\talt\tbarcodes\tvalue\n" + "".join(good + bad))
    with caplog.at_level(logging.INFO):
        found, _ = read_assay(tmp_path / "x.tsv.gz", genome, ContigNames(genome.contigs))
    assert len(found) == 299
    for words in ("1 rows without a number", "1 rows with fewer than 10 barcodes", "1 rows on contigs that the genome",
                  "1 rows that change not just one base", "1 rows whose ref is not the genome's",
                  "10 rows of bases that the genome leaves undefined"):  # fmt: skip
        assert words in caplog.text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("chrom\tpos\tref\talt\n", "no column of measurements"),
        ("a\tscore\nx\t1\n", "says of no row which variant it is"),
        ("chrom\tpos\tref\talt\tscore\nz\t1\tA\tC\t1\n", "no contig of .* z for one"),
        ("chrom\tpos\tref\talt\tscore\na\t0\tA\tC\t1\n", "'0' of a is no 1-based position"),
        (
            "chrom\tpos\tref\talt\tscore\na\t1\tG\tC\t1\n",
            "ref is not the base of .* at 1 of 1 variants, the first at a:1",
        ),
        ("chrom\tpos\tref\talt\tscore\na\t1\tA\tC\t1\na\t2\tG\tC\t1\n", "at 1 of 2 variants, the first at a:2"),
        ("chrom\tpos\tref\talt\tscore\na\t1\tA\tC\t0,5\n", "no row has a number, '0,5' for one"),
        ("mutant\tmutated_sequence\tscore\nA2V\tMV\t1\n", "needs the annotation"),
        ("", "is not a table with a header"),
        ("# Accession: 1\n# Licence: CC0\na,score\n", "is not a table with a header.*; give one"),
    ],
)
def test_a_table_that_does_not_fit_is_refused_in_a_sentence(make_genome, tmp_path, text, message):
    genome = make_genome({"a": "ACGTACGT"})
    with pytest.raises(InputError, match=message):
        read_assay(write(tmp_path / "x.tsv", text), genome, ContigNames(genome.contigs))


def test_a_variant_that_was_measured_twice_has_the_mean(make_genome, tmp_path):
    genome = make_genome({"a": "ACGTACGT"})
    text = "chrom\tpos\tref\talt\tscore\telement\n" + "".join(
        f"a\t2\tC\t{row}\n" for row in ("T\t1\tx", "T\t4\tx", "T\t9\ty", "A\t7\tx")
    )
    found, _ = read_assay(write(tmp_path / "scan.tsv", text), genome, ContigNames(genome.contigs))
    assert found[["alt", "assay", "measured"]].values.tolist() == [[3, "x", 2.5], [3, "y", 9], [0, "x", 7]]


def test_of_several_columns_of_measurements_that_of_the_scan_counts_wherever_it_stands(make_genome, tmp_path):
    genome = make_genome({"a": "ACGT"})
    for header in ("score\tDMS_score", "DMS_score\tscore"):
        values = "9\t1" if header.startswith("score") else "1\t9"
        path = write(tmp_path / "x.tsv", f"chrom\tpos\tref\talt\t{header}\na\t2\tC\tG\t{values}\n")
        found, _ = read_assay(path, genome, ContigNames(genome.contigs))
        assert found["measured"].tolist() == [1.0]


def test_a_row_without_the_name_of_an_assay_is_of_the_files(make_genome, tmp_path):
    genome = make_genome({"a": "ACGTACGT"})
    text = "chrom\tpos\tref\talt\tscore\telement\na\t1\tA\tC\t1\t\na\t2\tC\tA\t1\tx\n"
    found, _ = read_assay(write(tmp_path / "scan.tsv", text), genome, ContigNames(genome.contigs))
    assert found["assay"].tolist() == ["scan", "x"]


# Proteins


@pytest.fixture(params=["+", "-"])
def gene(request, make_genome, tmp_path):
    """A gene of two exons, on either strand, that makes MAKWAK: its genome, features and protein."""
    coding = "".join(CODON[letter] for letter in "MAKWAK*")
    text = "CC" + coding[:8] + "GTAAGTTTTTTTTTTAG" + coding[8:] + "GG"
    exons = [(2, 10), (27, 40)]
    if request.param == "-":
        codes = complement(np.array([BASES.index(base) for base in text], dtype=np.uint8))[::-1]
        text, exons = "".join(BASES[code] for code in codes), [(len(text) - e, len(text) - s) for s, e in exons][::-1]
    genome = make_genome({"a": text})
    low, high = exons[0][0] + 1, exons[-1][1]
    rows = [f"a\tx\tgene\t{low}\t{high}\t.\t{request.param}\t.\tID=g"]
    rows += [f"a\tx\tmRNA\t{low}\t{high}\t.\t{request.param}\t.\tID=t;Parent=g"]
    for start, end in exons:
        rows.append(f"a\tx\texon\t{start + 1}\t{end}\t.\t{request.param}\t.\tParent=t")
        rows.append(f"a\tx\tCDS\t{start + 1}\t{end}\t.\t{request.param}\t.\tID=p;Parent=t")
    gff = write(tmp_path / "genes.gff3", "##gff-version 3\n" + "\n".join(rows) + "\n")
    return genome, read_features(gff), "MAKWAK"


def test_a_scan_of_a_protein_stands_on_the_snvs_that_make_its_changes(gene, tmp_path):
    genome, features, protein = gene
    rows = []
    for place, old in enumerate(protein):
        for new in "ACDEFGHIKLMNPQRSTVWY":
            if new != old:
                rows.append((f"{old}{place + 1}{new}", protein[:place] + new + protein[place + 1 :], len(rows)))
    table = pd.DataFrame(rows, columns=["mutant", "mutated_sequence", "DMS_score"])
    table.loc[len(table)] = ["A2V:K3R", "MVRWAK", 0]
    table.to_csv(tmp_path / "scan.csv", index=False)
    found, expression = read_assay(tmp_path / "scan.csv", genome, ContigNames(genome.contigs), features)
    assert not expression and set(found["assay"]) == {"scan"}
    known = snv_consequences(genome, features, "a", 0, genome.contigs["a"], 1)
    missense = known[known["consequence"].isin(["missense", "start_lost"])]
    assert set(found[["start", "alt"]].itertuples(index=False, name=None)) == set(
        missense[["start", "alt"]].itertuples(index=False, name=None)
    )
    assert (found["ref"].to_numpy() == genome.codes("a", 0, genome.contigs["a"])[found["start"]]).all()
    # GCT (A2) to GTT is valine; to GCA it is silent
    value = table.set_index("mutant")["DMS_score"]
    assert value["A2V"] in set(found["measured"])
    assert not {value["A2W"], value["A2K"]} & set(found["measured"])


@pytest.mark.parametrize("strand", "+-")
def test_a_protein_of_a_bacterium_may_begin_with_another_start_codon(strand, make_genome, tmp_path):
    text = "CCGTGGCTAAATGGTAACC"  # GTG GCT AAA TGG TAA: MAKW
    text = text if strand == "+" else text.translate(str.maketrans("ACGT", "TGCA"))[::-1]
    genome = make_genome({"a": text})
    features = read_features(write(tmp_path / "x.gff3", f"a\tx\tCDS\t3\t17\t.\t{strand}\t0\tID=p\n"))
    table = write(tmp_path / "x.csv", "mutant,mutated_sequence,DMS_score\nA2V,MVKW,1\nM1L,LAKW,2\n")
    found, _ = read_assay(table, genome, ContigNames(genome.contigs), features, 11)
    assert found["start"].tolist() == [6 if strand == "+" else 12] and found["measured"].tolist() == [1.0]
    with pytest.raises(InputError, match="no transcript of the genome makes the protein MAKW"):
        read_assay(table, genome, ContigNames(genome.contigs), features, 1)


def test_a_protein_is_found_in_whichever_part_of_a_large_annotation_makes_it(make_genome, tmp_path, monkeypatch):
    monkeypatch.setattr("glmtracks.annotation.codons.BATCH_BASES", 1)  # one transcript at a time
    genes = [("ATGGCTTAA", "+"), ("ATGAAATGGTAA", "+"), ("TTACCATTTCAT", "-")]  # MA, MKW and once more MKW
    text, rows = "", ""
    for number, (bases, strand) in enumerate(genes):
        rows += f"a\tx\tCDS\t{len(text) + 1}\t{len(text) + len(bases)}\t.\t{strand}\t0\tID=p{number}\n"
        text += bases
    genome, features = make_genome({"a": text}), read_features(write(tmp_path / "x.gff3", rows))
    table = write(tmp_path / "x.csv", "mutant,mutated_sequence,DMS_score\nK2E,MEW,1\n")
    found, _ = read_assay(table, genome, ContigNames(genome.contigs), features)
    assert found[["start", "ref", "alt"]].to_numpy().tolist() == [[12, 0, 2]]  # of the first transcript that makes it
    only_last = features[features["start"] >= 21].reset_index(drop=True)
    found, _ = read_assay(table, genome, ContigNames(genome.contigs), only_last)
    assert found[["start", "ref", "alt"]].to_numpy().tolist() == [[29, 3, 1]]


def test_a_change_to_the_same_amino_acid_stands_on_the_synonymous_snvs(make_genome, tmp_path):
    genome = make_genome({"a": "ATGGCTTAA"})
    features = read_features(write(tmp_path / "x.gff3", "a\tx\tCDS\t1\t9\t.\t+\t0\tID=p\n"))
    table = write(tmp_path / "x.csv", "mutant,mutated_sequence,DMS_score\nA2A,MA,1\n")
    found, _ = read_assay(table, genome, ContigNames(genome.contigs), features)
    assert found[["start", "ref", "alt"]].to_numpy().tolist() == [[5, 3, 0], [5, 3, 1], [5, 3, 2]]  # GCA, GCC, GCG


def test_a_protein_that_two_transcripts_make_in_part_is_not_of_one(make_genome, tmp_path):
    genome = make_genome({"a": "ATGGCTATGAAA"})  # MA and MK, of neither of which the stop is known
    rows = "".join(f"a\tx\tCDS\t{n}\t{n + 5}\t.\t+\t0\tID=p{n}\n" for n in (1, 7))
    features = read_features(write(tmp_path / "x.gff3", rows))
    table = write(tmp_path / "x.csv", "mutant,mutated_sequence,DMS_score\nA2V,MVMK,1\n")
    with pytest.raises(InputError, match="no transcript of the genome makes the protein MAMK"):
        read_assay(table, genome, ContigNames(genome.contigs), features)


def test_a_protein_that_the_genome_does_not_make_is_refused(gene, tmp_path):
    genome, features, _ = gene
    names = ContigNames(genome.contigs)
    for text, message in (
        ("A2V,MVKWWW,1", "no transcript of the genome makes the protein MAKWWW"),
        ("A2V,MAKWAK,1", "A2V is not what stands at 2 of its mutated_sequence"),
        ("A2V:K3R,MVRWAK,1", "no row is a single amino-acid change"),
    ):
        path = write(tmp_path / "x.csv", f"mutant,mutated_sequence,DMS_score\n{text}\n")
        with pytest.raises(InputError, match=message):
            read_assay(path, genome, names, features)


@pytest.mark.parametrize("mutant", ["X3L", f"A{10**20}V"])
def test_a_change_of_an_amino_acid_that_the_protein_has_not_is_refused(mutant, make_genome, tmp_path):
    genome = make_genome({"a": "CCATGGCTNNATGGTAACC"})  # MAXW
    features = read_features(write(tmp_path / "x.gff3", "a\tx\tCDS\t3\t17\t.\t+\t0\tID=p\n"))
    table = write(tmp_path / "x.csv", f"mutant,mutated_sequence,DMS_score\nA2V,MVXW,1\n{mutant},MALW,2\n")
    with pytest.raises(InputError, match=f"{mutant} does not start from the amino acid of the protein"):
        read_assay(table, genome, ContigNames(genome.contigs), features)


# HNF4A


def test_the_hnf4a_promoter_mpra_is_read_on_chromosome_20(shared_data, tmp_path, caplog):
    source = shared_data / "human_chr20"
    outputs = {"sizes_out": tmp_path / "sizes", "provenance_out": tmp_path / "provenance.json"}
    normalise(source / "20.fa.gz", tmp_path / "genome.fa.gz", **outputs)
    genome = Genome(tmp_path / "genome.fa.gz")
    with caplog.at_level(logging.INFO):
        found, expression = read_assay(source / "satmut_mpra_HNF4A_chr20.tsv.gz", genome, ContigNames(genome.contigs))
    assert expression and set(found["assay"]) == {"HNF4A"}
    assert "77 rows that change not just one base" in caplog.text and "46 rows with fewer than 10" in caplog.text
    assert len(found) == 854 and found["start"].between(42_984_159, 42_984_700).all()
