"""The tasks on variants of a file, with labels, frequencies and models whose answers are known."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from benchmark_world import LENGTH, make_world, noise, pick, run, write_scores
from hypothesis import given
from hypothesis import strategies as st

from glmtracks.annotation import read_features
from glmtracks.annotation.regions import make_regions
from glmtracks.benchmarks import allele_frequency, clinvar, inputs, labelled, statistics
from glmtracks.errors import InputError
from glmtracks.genome import BASES, Genome, decode, normalise
from glmtracks.genome.contigs import ContigNames
from glmtracks.variants import snv_records

ONE_STAR = "criteria_provided,_single_submitter"


@pytest.fixture
def world(make_genome, tmp_path):
    return make_world(make_genome, tmp_path)


def write(path, fields, records):
    """A VCF; records: contig, start (0-based), REF, ALT, INFO."""
    header = "".join(f'##INFO=<ID={name},Number=A,Type={kind},Description="x">\n' for name, kind in fields.items())
    lines = [f"{contig}\t{start + 1}\t.\t{ref}\t{alt}\t.\tPASS\t{info}" for contig, start, ref, alt, info in records]
    columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
    path.write_text("##fileformat=VCFv4.2\n" + header + "\n".join([columns, *lines]) + "\n")
    return str(path)


def random_snvs(genome, number, seed=0):
    """contig, start, REF, ALT of different sites of a genome, sorted."""
    rng = np.random.default_rng(seed)
    sites = sorted(rng.choice(len(genome.contigs) * LENGTH, number, replace=False))
    for site in sites:
        contig, start = f"c{site // LENGTH}", int(site % LENGTH)
        ref = int(genome.codes(contig, start, start + 1)[0])
        yield contig, start, BASES[ref], BASES[(ref + rng.integers(1, 4)) % 4]


CLINVAR = {"CLNSIG": "String", "CLNREVSTAT": "String"}
COUNTS = {"AC": "Integer", "AN": "Integer"}


def with_clinvar(world, folder, says, number=2_000):
    """Inputs with a ClinVar file in which says(contig, start, ref, alt, generator) gives the label."""
    rng = np.random.default_rng(1)
    records = [
        (*snv, f"CLNSIG={'Pathogenic' if says(*snv, rng) else 'Benign'};CLNREVSTAT={ONE_STAR}")
        for snv in random_snvs(world.genome, number)
    ]
    return replace(world, files={"clinvar": write(folder / "clinvar.vcf", CLINVAR, records)})


def test_the_label_scores_1_and_a_constant_one_half(world, tmp_path):
    """A model that knows the labels, one without an opinion, and one that says nothing at all."""
    given_ = with_clinvar(world, tmp_path, lambda contig, start, ref, alt, rng: rng.random() < 0.2)
    labels = {
        (row.contig, row.start): (row.alt, row.label)
        for row in clinvar.read_clinvar(
            given_.files["clinvar"], world.genome, ContigNames(world.genome.contigs)
        ).itertuples()
    }

    def knows(contig, codes):
        log_probs = np.zeros((len(codes), 4))
        for start in range(len(codes)):
            if (contig, start) in labels:
                alt, label = labels[contig, start]
                log_probs[start, alt] = -5 * label
        return log_probs - np.log(np.exp(log_probs).sum(axis=1, keepdims=True))

    def uniform(contig, codes):
        return np.full((len(codes), 4), -np.log(4))

    models = {
        "knows": ("one_pass", write_scores(world.genome, tmp_path / "a", knows)),
        "noise": ("one_pass", write_scores(world.genome, tmp_path / "b", noise)),
        "same": ("one_pass", write_scores(world.genome, tmp_path / "c", uniform)),
    }
    items, table = run("clinvar", given_, tmp_path, models)
    assert {"all P/LP vs B/LB", "missense P/LP vs B/LB"} <= set(table["contrast"])
    for contrast in ("all P/LP vs B/LB", "missense P/LP vs B/LB"):
        for metric in ("auroc", "auroc_within_stratum"):
            row = pick(table, scorer="knows", contrast=contrast, metric=metric, score_name="-llr")
            assert row["value"] == 1 and row["verdict"] == "better"
            for name, score_name in (("same", "-llr"), ("constant", "constant")):
                row = pick(table, scorer=name, contrast=contrast, metric=metric, score_name=score_name)
                assert (row["value"], row["low"], row["high"]) == (0.5, 0.5, 0.5)
        row = pick(table, scorer="noise", contrast=contrast, metric="auroc", score_name="-llr")
        assert row["value"] == pytest.approx(0.5, abs=0.1) and row["verdict"] != "better"
    assert (
        pick(table, scorer="knows", contrast="all P/LP vs B/LB", metric="auroc", score_name="-llr")["headline"] == "yes"
    )
    further = table[(table["scorer"] == "knows") & (table["score_name"] != "-llr")]
    assert set(further["score_name"]) == {"-llr_corrected"} and set(further["headline"]) == {"no"}
    assert len(items[items["contrast"] == labelled.NEUTRAL]) > 100


def test_a_planted_mutation_rate_is_removed_within_strata(world, tmp_path):
    """Labels follow the substitution alone, as where recurrent mutation is taken for tolerance."""
    rate = dict(zip([a + b for a in BASES for b in BASES], np.linspace(0.02, 0.9, 16), strict=True))
    given_ = with_clinvar(world, tmp_path, lambda contig, start, ref, alt, rng: rng.random() < rate[ref + alt], 6_000)

    def knows_rates(contig, codes):
        score = np.array([[-5 * rate[a + b] * (a != b) for b in BASES] for a in BASES])[np.minimum(codes, 3)]
        return score - np.log(np.exp(score).sum(axis=1, keepdims=True))

    models = {"artefact": ("one_pass", write_scores(world.genome, tmp_path, knows_rates))}
    _, table = run("clinvar", given_, tmp_path, models)
    wanted = {"scorer": "artefact", "contrast": "all P/LP vs B/LB"}
    assert pick(table, metric="auroc", score_name="-llr", **wanted)["value"] > 0.7
    assert pick(table, metric="auroc_within_stratum", score_name="-llr", **wanted)["value"] == pytest.approx(
        0.5, abs=1e-3
    )
    assert pick(table, metric="auroc", score_name="-llr_corrected", **wanted)["value"] == pytest.approx(0.5, abs=0.03)


def test_what_is_frequent_is_not_pathogenic_and_what_is_common_is_compared(world, tmp_path, caplog):
    given_ = with_clinvar(world, tmp_path, lambda contig, start, ref, alt, rng: start % 5 == 0, 1_000)
    snvs = list(random_snvs(world.genome, 1_000))
    pathogenic = [snv for snv in snvs if snv[1] % 5 == 0]
    records = [(*snv, "AC=20;AN=100") for snv in pathogenic[:7]]
    records += [(*snv, "AC=4;AN=100") for snv in pathogenic[7:9]]
    records += [(*snv, "AC=1;AN=100") for snv in pathogenic[:3]]  # in a second record; the higher frequency counts
    benign = [snv for snv in snvs if snv[1] % 5]
    records += [(*snv, "AC=40;AN=100") for snv in benign[:5]]
    known = {snv[:2] for snv in snvs}
    common = [snv for snv in random_snvs(world.genome, 300, seed=5) if snv[:2] not in known]
    records += [(*snv, "AC=30;AN=100") for snv in common] + [(*snv, "AC=31;AN=100") for snv in common]
    known |= {snv[:2] for snv in common}
    records += [(*snv, "AC=1;AN=4") for snv in random_snvs(world.genome, 100, seed=6) if snv[:2] not in known]
    given_.files["population"] = write(tmp_path / "population.vcf", COUNTS, sorted(records))
    with caplog.at_level("INFO"):
        table = clinvar.items(given_)
    assert f"7 of {len(pathogenic)} pathogenic variants are more frequent than 0.05" in caplog.text
    counts = table.groupby(["contrast", "label"]).size()
    assert counts["all P/LP vs B/LB", 1] == len(pathogenic) - 7 == counts["all P/LP vs common", 1]
    assert counts["all P/LP vs B/LB", 0] == 1_000 - len(pathogenic)
    assert counts["all P/LP vs common", 0] == len(common) + 5


def test_without_annotation_classes_are_those_of_clinvar(make_genome, tmp_path):
    bare = make_world(make_genome, tmp_path, annotated=False)
    records = [
        (*snv, f"CLNSIG={['Benign', 'Pathogenic'][n % 2]};CLNREVSTAT={ONE_STAR};MC=SO:0001583|missense_variant")
        for n, snv in enumerate(random_snvs(bare.genome, 100))
    ]
    path = write(tmp_path / "clinvar.vcf", {**CLINVAR, "MC": "String"}, records)
    table = clinvar.items(replace(bare, files={"clinvar": path}))
    assert set(table["contrast"]) == {"all P/LP vs B/LB", "missense P/LP vs B/LB"}
    assert "baseline_consequence_rank" not in table


def test_without_annotation_the_most_severe_term_of_clinvar_counts_not_the_first(make_genome, tmp_path):
    """ClinVar sorts the terms of MC by their numbers."""
    bare = make_world(make_genome, tmp_path, annotated=False)
    several = (
        "SO:0001627|intron_variant,SO:0001819|synonymous_variant",
        "SO:0001583|missense_variant,SO:0001587|nonsense",
        "SO:0001619|non-coding_transcript_variant,SO:0001623|5_prime_UTR_variant",
        "SO:0001624|3_prime_UTR_variant,SO:1|unheard_of",
        "SO:1|unheard_of",
    )
    records = [
        (*snv, f"CLNSIG={['Benign', 'Pathogenic'][n % 2]};CLNREVSTAT={ONE_STAR};MC={several[n % len(several)]}")
        for n, snv in enumerate(random_snvs(bare.genome, 100))
    ]
    path = write(tmp_path / "clinvar.vcf", {**CLINVAR, "MC": "String"}, records)
    found = set(clinvar.items(replace(bare, files={"clinvar": path}))["contrast"])
    assert found == {f"{name} P/LP vs B/LB" for name in ("all", "synonymous", "stop_gained", "5UTR", "3UTR")}


def test_intervals_of_scorers_without_an_idea_hold_one_half_at_the_nominal_rate():
    rng = np.random.default_rng(0)
    block = np.repeat(np.arange(40), 25)
    held = 0
    for seed in range(200):
        label = (rng.random(1_000) < np.repeat(rng.uniform(0.02, 0.4, 40), 25)).astype(int)
        weights = statistics.draw_weights(40, 300, seed)
        low, high = statistics.auroc(rng.permutation(1_000), label, block, weights).interval()
        held += low <= 0.5 <= high
    assert 0.9 <= held / 200 <= 0.99


# Odds ratio


def test_the_odds_ratio_is_that_of_the_table_with_haldanes_halves():
    score = np.arange(1_000)
    label = np.isin(score, [*range(985, 1_000), *range(40)]).astype(int)
    found = statistics.odds_ratio(score, label, np.zeros(1_000, dtype=int), 0.02)
    a, b, c, d = 15.5, 5.5, 40.5, 940.5  # labels 1 and 0 among the 20 highest, and among the rest
    assert found.value == pytest.approx(a * d / (b * c))


def test_a_tail_of_ten_items_and_a_half_holds_half_of_the_eleventh():
    label = np.arange(105) >= 94  # the 11 highest
    found = statistics.odds_ratio(np.arange(105), label, np.zeros(105, dtype=int), 0.1)
    assert found.value == pytest.approx(11 * 94.5 / (0.5 * 1))


def test_odds_ratios_of_draws_are_those_of_the_blocks_drawn():
    rng = np.random.default_rng(1)
    label, block = rng.integers(0, 2, 400), np.arange(400) // 40
    score, weights = rng.integers(0, 400, 400) + 100 * label, statistics.draw_weights(10, 5, 0)
    found = statistics.odds_ratio(score, label, block, 0.1, weights)
    high = score > np.sort(score)[-41]
    assert high.sum() == 40  # no tie at the threshold
    for value, times in zip(found.draws, weights[:, block], strict=True):
        a, b, c, d = (times[(high == top) & (label == one)].sum() + 0.5 for top in (True, False) for one in (1, 0))
        assert value == pytest.approx(a * d / (b * c))


@given(st.integers(30, 300), st.integers(0, 10**6))
def test_ties_at_the_threshold_count_in_part(ones, seed):
    rng = np.random.default_rng(seed)
    label = (rng.permutation(1_000) < ones).astype(int)
    constant = statistics.odds_ratio(np.zeros(1_000), label, np.zeros(1_000, dtype=int), 0.1)
    a, b = 0.1 * ones, 0.1 * (1_000 - ones)
    assert constant.value == pytest.approx((a + 0.5) * (9 * b + 0.5) / ((b + 0.5) * (9 * a + 0.5)))
    assert 0.8 < constant.value < 1.25


def test_a_tail_of_few_items_has_no_odds_ratio_and_draws_surround_the_value():
    rng = np.random.default_rng(0)
    label = (rng.random(2_000) < 0.3).astype(int)
    score, block = rng.normal(size=2_000) + label, np.arange(2_000) // 100
    assert np.isnan(statistics.odds_ratio(score, label, block, 0.001).value)
    found = statistics.odds_ratio(score, label, block, 0.1, statistics.draw_weights(20, 500, 0))
    low, high = found.interval()
    assert 1 < low < found.value < high


# Allele frequency


def with_population(world, folder, count, number=6_000, total=100):
    """Inputs with a call set in which count(contig, start, ref, alt, generator) gives AC of AN = `total`."""
    rng = np.random.default_rng(1)
    records = [(*snv, f"AC={count(*snv, rng)};AN={total}") for snv in random_snvs(world.genome, number)]
    return replace(world, files={"population": write(folder / "population.vcf", COUNTS, records)})


def anything(contig, start, ref, alt, rng):
    return rng.choice([0, 1, 1, 1, 4, 30, 80, 99, 100])


@pytest.mark.parametrize("ploidy, warned", [(1, False), (2, True)])
def test_lines_in_which_every_allele_is_counted_twice_are_warned_of(ploidy, warned, world, tmp_path, caplog):
    population = with_population(world, tmp_path, lambda *snv: ploidy * snv[-1].choice([1, 1, 2, 3, 30]), 1_000)
    allele_frequency.items(population)
    assert ("have an odd number, as in inbred lines that are called as diploids" in caplog.text) == warned


def test_folding_turns_sites_whose_reference_is_the_minor_allele(world, tmp_path):
    table = allele_frequency.items(with_population(world, tmp_path, anything))
    table = table[table["contrast"] == "rare vs common"]
    assert set(np.round(table["maf"], 3)) == {0.01, 0.2, 0.3}
    assert (table["label"] == (table["maf"] < 0.02)).all()
    turned = table["flipped"].to_numpy(dtype=bool)
    assert (turned == (table["af"] > 0.5)).all() and turned.any()
    change = table["ref"].astype(str) + ">" + table["alt"].astype(str)
    change = np.where(turned, change.str[::-1], change)
    assert (change == table["stratum"].astype(str).str[:3]).all()


def test_of_three_alleles_the_minor_ones_are_changes_from_the_major_one():
    """REF, ALT and ALT at one site of 100 called alleles."""

    def told(*counts, deleted=0):
        table = pd.DataFrame({"contig": "c0", "start": 5, "ref": 0, "alt": range(1, 1 + len(counts)), "ac": counts})
        found = allele_frequency.fold(table.assign(an=100, deleted=deleted), common=0.05)
        return list(zip(found["alt"], found["flipped"], np.round(100 * found["maf"]), found["bin"], strict=True))

    assert told(90, 1) == [(1, True, 9, "common")]  # REF has 9 copies, and the second ALT is no change from REF
    assert told(98, 1) == [(1, True, 1, "rare")]
    assert told(99, 1) == []  # nobody has REF
    assert told(30, 1) == [(1, False, 30, "common"), (2, False, 1, "rare")]
    assert told(5) == [(1, False, 5, "common")] and told(4) == [(1, False, 4, "MAF 1-5 %")]
    assert told(60, deleted=39) == [(1, True, 1, "rare")]
    assert told(5, deleted=60) == []  # most lack the base
    assert told(50) == [(1, False, 50, "common")]  # REF is the major allele of two that are as frequent


def test_a_variant_in_two_records_is_one_item(world, tmp_path, monkeypatch):
    """As where the call sets of exomes and of genomes were joined: what more alleles were called for counts."""
    monkeypatch.setattr(snv_records, "BATCH", 300)
    snvs = list(random_snvs(world.genome, 600))
    exomes = [(*snv, f"AC={[40, 1][number % 2]};AN=100") for number, snv in enumerate(snvs)]
    genomes = [(*snv, f"AC={[1, 40][number % 2]};AN=80") for number, snv in enumerate(snvs)]
    both = sorted(exomes + genomes) + genomes  # side by side, and far apart
    tables = []
    for name, records in (("exomes", exomes), ("both", both)):
        path = write(tmp_path / f"{name}.vcf", COUNTS, records)
        tables.append(allele_frequency.items(replace(world, files={"population": path})))
    pd.testing.assert_frame_equal(*tables)


@pytest.mark.parametrize("number, counts", [(400, True), (60, False)])
def test_a_contig_of_fewer_copies_is_called_as_well_as_others(world, tmp_path, number, counts, monkeypatch):
    """As the human Y, of which a quarter as many are called; of few SNVs, that may be all that did not work."""
    monkeypatch.setattr(snv_records, "BATCH", 200)  # so that of the ends of contigs all were called in few
    rng = np.random.default_rng(0)
    snvs = list(random_snvs(world.genome, 6_000))
    fewer = [(*snv, f"AC={rng.choice([1, 5])};AN=25") for snv in snvs if snv[0] == "c0"][:number]
    others = [(*snv, f"AC={rng.choice([1, 20])};AN={[100, 40][snv[1] > 1_500]}") for snv in snvs if snv[0] != "c0"]
    path = write(tmp_path / "population.vcf", COUNTS, fewer + others)
    table = allele_frequency.items(replace(world, files={"population": path}))
    table = table[table["contrast"] == "rare vs common"]
    few = table["contig"].astype(str) == "c0"
    assert few.any() == counts
    assert set(np.round(table.loc[~few, "maf"], 3)) == {0.01, 0.2}  # none of those with AN = 40


def test_a_turned_item_scores_the_change_from_major_to_minor_allele():
    items = pd.DataFrame({"contrast": "x", "ref": ["A", "A"], "alt": ["G", "G"], "flipped": [False, True]})
    llr = np.array([[0, -1, -2, -3]] * 2, dtype=np.float32)
    assert allele_frequency.score(items, llr)["score"].tolist() == [2, -2]

    class Expects:
        """A calibration that knows one change, in the context that the major allele stands in."""

        def corrected(self, llr, context, alt):
            known = {("CCACC", "G"): -1.5, ("CCGCC", "A"): 0.5}
            return llr - [known[decode(around), BASES[new]] for around, new in zip(context, alt, strict=True)]

    items["context"] = "CCACC"
    assert allele_frequency.score(items, llr, Expects())["score_corrected"].tolist() == [0.5, -1.5]


@pytest.mark.parametrize("correction", ["synonymous", "pentanucleotide", "none"])
def test_neutral_sites_stand_among_the_items_where_they_correct(world, correction):
    given_ = replace(world, options=inputs.Options(correction=correction))
    assert (len(labelled.neutral(given_)) > 1_000) == (correction == "synonymous")
    table = labelled.with_contexts(pd.DataFrame({"contig": "c0", "start": [0, 1_000]}), given_)
    assert table["context"].tolist() == [decode(world.genome.codes("c0", start - 2, start + 3)) for start in (0, 1_000)]


def test_a_panel_of_few_samples_has_singletons_that_are_no_common_alleles(world, tmp_path):
    given_ = with_population(world, tmp_path, lambda *snv: snv[-1].integers(0, 8), total=7)
    table = allele_frequency.items(given_)
    rare = table[(table["contrast"] == "rare vs common") & (table["label"] == 1)]
    assert set(np.round(7 * rare["maf"])) == {1} and set(np.round(7 * rare["af"])) == {1, 6}
    assert set(np.round(7 * table.loc[table["label"] == 0, "maf"])) == {2, 3}


@pytest.mark.parametrize(("counts", "missing"), [((3, 40), "positives"), ((1, 3), "negatives")])
def test_what_a_call_set_lacks_is_said_where_the_result_is_read(counts, missing, world, tmp_path):
    """A panel of common variants alone has no rare alleles; one of few variants may have no common ones."""
    given_ = with_population(world, tmp_path, lambda *snv: snv[-1].choice(counts), 300)
    models = {"noise": ("one_pass", write_scores(world.genome, tmp_path, noise))}
    _, table = run("allele_frequency", given_, tmp_path, models)
    row = pick(table, headline="yes", scorer="noise")
    assert (row["contrast"], row["status"]) == ("rare vs common", f"fewer than 10 {missing}: no metric")


def test_selection_is_found_within_types_and_a_mutation_rate_is_not(world, tmp_path):
    """Rarity follows the type of substitution and, within it, the position in the codon."""

    def count(contig, start, ref, alt, rng):
        transition = {ref, alt} in ({"A", "G"}, {"C", "T"})
        return 1 if rng.random() < 0.3 + 0.4 * (not transition) + 0.25 * (start % 3 == 0) else 40

    given_ = with_population(world, tmp_path, count, 9_000)

    def of_type(contig, codes):
        score = np.array([[0 if (a - b) % 2 == 0 else -3 for b in range(4)] for a in range(4)])[np.minimum(codes, 3)]
        return score - np.log(np.exp(score.astype(float)).sum(axis=1, keepdims=True))

    def of_codon(contig, codes):
        score = np.where(np.arange(len(codes))[:, None] % 3 == 0, -3.0, 0.0) * (np.arange(4) != codes[:, None])
        return score - np.log(np.exp(score).sum(axis=1, keepdims=True))

    models = {
        "mutation": ("one_pass", write_scores(world.genome, tmp_path / "a", of_type)),
        "selection": ("one_pass", write_scores(world.genome, tmp_path / "b", of_codon)),
    }
    _, table = run("allele_frequency", given_, tmp_path, models)
    plain = {"contrast": "rare vs common", "score_name": "-llr"}
    even = {**plain, "contrast": "rare vs common, matched"}
    assert pick(table, scorer="mutation", metric="auroc", **plain)["value"] > 0.6
    assert pick(table, scorer="mutation", metric="auroc_within_stratum", **plain)["value"] == 0.5
    assert pick(table, scorer="mutation", metric="auroc", **even)["value"] == 0.5
    assert pick(table, scorer="substitution", metric="auroc", contrast="rare vs common, matched")["value"] == 0.5
    assert "odds_ratio_0.1%" not in set(table["metric"])  # a tail of fewer than 10 items
    row = pick(table, scorer="selection", metric="auroc_within_stratum", **plain)
    assert row["value"] > 0.55 and row["verdict"] == "better" and row["headline"] == "yes"
    assert pick(table, scorer="selection", metric="odds_ratio_10%", **even)["value"] > 1.5
    assert pick(table, scorer="constant", metric="odds_ratio_10%", contrast="rare vs common, matched")["value"] == 1
    matched = pick(table, scorer="selection", metric="auroc", **even)
    assert matched["n_positives"] == matched["n_negatives"]


def test_absent_alleles_stand_at_callable_sites_and_in_no_record(world, tmp_path):
    given_ = with_population(world, tmp_path, anything, 3_000)
    (tmp_path / "callable.bed").write_text("c3\t100\t400\nc3\t300\t500\n")
    given_.files["callable"] = str(tmp_path / "callable.bed")
    table = allele_frequency.items(given_)
    absent = table[(table["contrast"] == "absent vs common") & (table["label"] == 1)]
    assert set(absent["contig"]) == {"c3"} and absent["start"].between(100, 499).all()
    change = absent["ref"].astype(str) + ">" + absent["alt"].astype(str)  # from REF, which all have
    assert (change == absent["stratum"].astype(str).str[:3]).all() and not absent["flipped"].any()
    known = {(contig, start, alt) for contig, start, _, alt in random_snvs(world.genome, 3_000)}
    found = set(zip(absent["contig"], absent["start"], absent["alt"].astype(str), strict=True))
    assert len(found) == len(absent) and not found & known
    assert len(found) == 3 * 400 - sum(contig == "c3" and 100 <= start < 500 for contig, start, _ in known)


def test_frequencies_without_counts_are_refused(world, tmp_path):
    records = [(*snv, "AF=0.1") for snv in random_snvs(world.genome, 20)]
    path = write(tmp_path / "population.vcf", {"AF": "Float"}, records)
    complaint = r"no allele counts for 20 of its SNVs.*AC and AN, which .* adds where there are genotypes"
    with pytest.raises(InputError, match=complaint):
        allele_frequency.items(replace(world, files={"population": path}))


@pytest.mark.parametrize("lacking", ["AC=3", "AN=100"])
def test_a_record_that_lacks_one_of_its_counts_is_not_lost_in_silence(lacking, world, tmp_path):
    snvs = random_snvs(world.genome, 20)
    records = [(*snv, lacking if number == 7 else "AC=3;AN=100") for number, snv in enumerate(snvs)]
    path = write(tmp_path / "population.vcf", COUNTS, records)
    with pytest.raises(InputError, match="no allele counts for 1 of its SNVs"):
        allele_frequency.items(replace(world, files={"population": path}))


# Real data


@pytest.fixture(scope="module")
def mitochondrion(shared_data, tmp_path_factory):
    """Inputs of rCRS with the genetic code of vertebrate mitochondria; all of it is held out."""
    folder, data = tmp_path_factory.mktemp("mito"), shared_data / "human_mito"
    outputs = {"sizes_out": folder / "sizes", "provenance_out": folder / "provenance"}
    normalise(data / "chrM.fa", folder / "g.fa.gz", circular="chrM", **outputs)
    genome = Genome(folder / "g.fa.gz")
    features = read_features(data / "chrM.gff3", ContigNames(genome.contigs), genome.contigs)
    regions = make_regions(genome, features, pd.DataFrame(columns=["contig", "start", "end"]), promoter=0)
    test = pd.DataFrame({"contig": ["chrM"], "start": [0], "end": [genome.contigs["chrM"]]})
    files = {
        "clinvar": str(data / "clinvar_chrMT.vcf.gz"),
        "population": str(data / "gnomad.genomes.v3.1.sites.chrM.vcf.bgz"),
        "phylop": str(data / "chrM.phyloP100way.wigFix"),
    }
    return inputs.Inputs(genome, regions, test, features, files=files, genetic_code=2)


def test_phylop_on_the_mitochondrion(mitochondrion, tmp_path):
    """The known AUROCs of phyloP100way prove that labels, consequences and stars are handled rightly."""
    items, table = run("clinvar", mitochondrion, tmp_path, {})
    known = {"missense": (0.857, 42, 939), "tRNA": (0.839, 66, 315)}
    for name, (value, positives, negatives) in known.items():
        row = pick(table, scorer="phylop", metric="auroc", contrast=f"{name} P/LP vs B/LB")
        assert round(row["value"], 3) == value
        assert (row["n_positives"], row["n_negatives"], row["block_kind"]) == (positives, negatives, "gene")
        assert row["low"] < value < row["high"] and row["high"] - row["low"] < 0.2
    # Two benign changes of ATA, the first codon of ND1 and ND5, are start_lost here; as missense they make it 941.
    every = items[items["contrast"] == "all P/LP vs B/LB"]
    first_codons = (every["effect"] == "start_lost") & every["start"].isin([3307, 12337]) & (every["alt"] == "C")
    missense = every[(every["effect"] == "missense") | first_codons]
    assert missense["label"].value_counts().to_dict() == {0: 941, 1: 42}
    score, label = missense["baseline_phylop"].to_numpy(), missense["label"].to_numpy(dtype=int)
    assert round(statistics.auroc(score, label, np.zeros(len(label), dtype=int)).value, 3) == 0.857


def test_where_genes_overlap_the_most_severe_consequence_counts(mitochondrion):
    """ATP8 and ATP6 share 46 bases: m.8570T>C takes the stop codon of one and is missense in the other."""
    table = pd.DataFrame({"contig": "chrM", "start": [8569, 8527, 8526, 8529, 4328], "alt": [1, 1, 2, 2, 0]})
    found = labelled.with_consequences(table, mitochondrion)["effect"].tolist()
    assert found == ["stop_lost", "start_lost", "synonymous", "missense", "tRNA"]


def test_gnomad_on_the_mitochondrion(mitochondrion, tmp_path):
    """Rare against common is a matter of substitution type there: within types nothing of it is left."""
    items, table = run("allele_frequency", mitochondrion, tmp_path, {})
    rare = items[items["contrast"] == "rare vs common"]
    assert (rare["maf"][rare["label"] == 0] >= 0.05).all()
    assert (np.round(rare["maf"][rare["label"] == 1] * 56_434) == 1).all()
    assert rare["flipped"].sum() == ((rare["af"] > 0.5) & (rare["label"] == 0)).sum() > 0
    transition = pick(table, scorer="transition", metric="auroc", contrast="rare vs common")
    within = pick(table, scorer="transition", metric="auroc_within_stratum", contrast="rare vs common")
    assert transition["value"] > 0.6 and within["value"] == 0.5


def test_strains_of_yeast(shared_data, tmp_path):
    """Counts of a panel of seven strains agree with an independent reader; common alleles are less often missense."""
    outputs = {"sizes_out": tmp_path / "sizes", "provenance_out": tmp_path / "provenance"}
    normalise(shared_data / "yeast/sacCer3.fa.gz", tmp_path / "g.fa.gz", include="^(chr)?I$", **outputs)
    genome = Genome(tmp_path / "g.fa.gz")
    (contig,) = genome.contigs
    features = read_features(shared_data / "yeast/sacCer3.gff3.gz", ContigNames(genome.contigs), genome.contigs)
    regions = make_regions(genome, features, pd.DataFrame(columns=["contig", "start", "end"]))
    test = pd.DataFrame({"contig": [contig], "start": [20_000], "end": [200_000]})
    path = shared_data / "yeast/strains7.sites.vcf.gz"
    table = allele_frequency.items(inputs.Inputs(genome, regions, test, features, files={"population": str(path)}))
    table = table[table["contrast"] == "rare vs common"]

    records = pd.read_csv(path, sep="\t", comment="#", header=None, usecols=[0, 1, 7], names=["c", "p", "info"])
    records = records[(records["c"] == "I") & (records["p"] > 20_000) & (records["p"] <= 200_000)]
    counts = records["info"].str.extract(r"AC=(\d+);AN=(\d+)").astype(int)
    others = counts[0].groupby(records["p"]).transform("sum") - counts[0]
    minor = np.where(2 * counts[0] > counts[1], counts[1] - counts[0] - others, counts[0])
    minor = minor[(counts[1] >= 3.5) & (2 * others <= counts[1])]
    copies = minor[minor > 0].tolist()
    assert table["label"].sum() == copies.count(1) > 1_000
    assert (1 - table["label"]).sum() == len(copies) - copies.count(1) > 500
    missense = (table["effect"] == "missense").groupby(table["label"]).mean()
    assert missense[1] > missense[0]
