"""Sites of genes: found on the right strand, each base once, and scored as chance, truth and noise must be."""

from functools import partial

import numpy as np
import pytest
from benchmark_world import CONTIGS, LENGTH, make_world, noise, pick, run, write_scores

from glmtracks.benchmarks import sites

PLANTED = {600: "ATG", 1200: "GT", 1498: "AG", 1797: "TAA"}  # of a gene on the plus strand
COMPLEMENT = str.maketrans("ACGT", "TGCA")


def plant(number, sequence):
    """The sequence of contig number `number` with a start, a donor, an acceptor and a stop where its gene has them."""
    letters = list(sequence)
    for start, bases in PLANTED.items():
        if number % 2:  # the gene is on the minus strand, from 1800 down to 600
            end = {600: 1800, 1200: 1500, 1498: 1202, 1797: 603}[start]
            letters[end - len(bases) : end] = bases[::-1].translate(COMPLEMENT)
        else:
            letters[start : start + len(bases)] = bases
    return "".join(letters)


@pytest.fixture
def world(make_genome, tmp_path):
    def planted(contigs):
        return make_genome({name: plant(int(name[1:]), sequence) for name, sequence in contigs.items()})

    return partial(make_world, planted, tmp_path)


def test_every_site_is_read_on_the_strand_of_its_gene(world):
    items = sites.items(world())
    assert not items.duplicated(["contig", "start"]).any()
    expected = {"donor": ("GT", "AC"), "acceptor": ("AG", "CT"), "start": ("ATG", "CAT"), "stop": ("TAA", "TTA")}
    for kind, texts in expected.items():
        rows = items[items["contrast"] == kind]
        for contig, here in rows.groupby("contig", observed=True):
            assert "".join(here["ref"]) == texts[int(contig[1:]) % 2], (kind, contig)
        assert rows["contig"].nunique() == CONTIGS
    counts = items["contrast"].value_counts()
    assert counts["codon 1"] == counts["codon 2"] == counts["codon 3"] == CONTIGS * (300 - 2)
    first = items[(items["contrast"] == "codon 1") & (items["contig"] == "c0")]
    assert set(first["start"] % 3) == {0}
    first = items[(items["contrast"] == "codon 1") & (items["contig"] == "c1")]
    assert set(first["start"] % 3) == {2}  # the CDS ends at 1800, and begins there


def test_a_cds_that_does_not_begin_or_end_as_it_should_has_codons_but_no_start_or_stop(make_genome, tmp_path):
    def unplanted(contigs):
        return make_genome(dict.fromkeys(contigs, "C" * LENGTH))

    items = sites.items(make_world(unplanted, tmp_path, contigs=1))
    assert items["contrast"].value_counts().to_dict() == {
        "codon 1": 300, "codon 2": 300, "codon 3": 300, "donor": 2, "acceptor": 2,
    }  # fmt: skip


def test_truth_is_always_right_and_no_opinion_one_time_in_four(world, tmp_path):
    given = world()
    for name in ("truth", "flat", "chain"):
        (tmp_path / name).mkdir()
    right = np.log(np.full((4, 4), 0.01) + 0.96 * np.eye(4))
    truth = write_scores(given.genome, tmp_path / "truth", lambda contig, codes: right[codes])
    flat = write_scores(given.genome, tmp_path / "flat", lambda contig, codes: np.full((len(codes), 4), np.log(0.25)))
    chain = write_scores(given.genome, tmp_path / "chain", noise)
    models = {"truth": ("one_pass", truth), "flat": ("one_pass", flat), "chain": ("markov", chain)}
    _, table = run("sites", given, tmp_path, models)
    told = table[table["headline"] == "yes"]
    assert set(told["metric"]) == {"accuracy"} and list(dict.fromkeys(told["contrast"])) == list(sites.KINDS)
    for kind in sites.KINDS:
        row = pick(told, scorer="truth", contrast=kind)
        assert row["value"] == row["low"] == row["high"] == 1 and row["verdict"] == "better"
        assert pick(told, scorer="flat", contrast=kind)["value"] == 0.25
        for metric, value in (("perplexity", 1 / 0.97), ("median_perplexity", 1 / 0.97)):
            assert pick(table, scorer="truth", contrast=kind, metric=metric)["value"] == pytest.approx(value, rel=2e-3)
        assert pick(told, scorer="truth", contrast=kind)["best_baseline"] in {"chain", "uniform"}
    noisy = pick(told, scorer="chain", contrast="codon 2")
    assert noisy["low"] < 0.25 < noisy["high"]


def test_rare_sites_are_kept_whole_when_items_are_sampled(world):
    counts = sites.items(world(max_items=400))["contrast"].value_counts()
    assert counts["donor"] == counts["acceptor"] == 2 * CONTIGS and counts["start"] == counts["stop"] == 3 * CONTIGS
    assert counts.sum() <= 400
