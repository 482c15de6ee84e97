"""The tasks on single-nucleotide variants, with models and sister genomes whose answers are known."""

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
from benchmark_world import LENGTH, make_world, noise, pick, run, write_scores

from glmtracks.annotation.regions import make_regions
from glmtracks.benchmarks import consequence, inputs, matching, outgroup, snvs
from glmtracks.genome import BASES, decode, encode


@pytest.fixture
def world(make_genome, tmp_path):
    return partial(make_world, make_genome, tmp_path)


# Consequence


def test_a_model_that_knows_the_classes_beats_all_baselines(world, tmp_path):
    given = world()
    by_class = {"stop_gained": -9.0, "missense": -5.0}

    def knows(contig, codes):
        table = snvs.snv_consequences(given.genome, given.features, contig, 0, len(codes), 1)
        scores = np.zeros((len(codes), 4))
        value = table["consequence"].astype(str).map(by_class).fillna(0)
        scores[table["start"], table["alt"]] = value
        return scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))

    items, table = run(
        "consequence", given, tmp_path, {"oracle": ("one_pass", write_scores(given.genome, tmp_path, knows))}
    )
    for name in by_class:
        row = pick(table, scorer="oracle", contrast=f"{name} vs synonymous", metric="auroc_within_stratum")
        assert row["value"] == 1 and row["verdict"] == "better" and row["headline"] == "yes"
        constant = pick(table, scorer="constant", contrast=f"{name} vs synonymous", metric="auroc_within_stratum")
        assert (constant["value"], constant["low"], constant["high"]) == (0.5, 0.5, 0.5)
    stop = items[items["contrast"] == "stop_gained vs synonymous"]
    row = pick(table, scorer="random", contrast="stop_gained vs synonymous", metric="auprc")
    assert row["base_rate"] == pytest.approx(stop["label"].mean(), rel=1e-4)
    assert row["value"] == pytest.approx(row["base_rate"], abs=0.05)
    assert row["n_positives"] + row["n_negatives"] == len(stop)


def test_consequence_items_carry_the_comparison_class_in_every_contrast(world):
    items = consequence.items(world())
    synonymous = items[items["label"] == 0].groupby("contrast").size()
    assert synonymous.nunique() == 1
    assert {"stop_gained vs synonymous", "missense vs synonymous", "intergenic vs synonymous"} <= set(synonymous.index)
    known = items["alt"].astype(str) + items["stratum"].astype(str).str[4]
    assert (known.str[0] == known.str[1]).all()


def test_a_splice_site_in_the_coding_sequence_of_another_transcript_is_as_near_as_any(world):
    given = world(contigs=1)
    whole = given.features[given.features["start"] == 600]  # exon and CDS, now from end to end of the gene
    other = whole.assign(transcript="other", end=1_800)
    features = pd.concat([given.features, other], ignore_index=True)
    regions = make_regions(given.genome, features, given.test.iloc[:0])
    assert not regions["region"].isin(["splice_donor", "splice_acceptor"]).any()
    items = consequence.items(replace(given, features=features, regions=regions))
    sites = items[items["contrast"].str.startswith("splice_donor") & (items["label"] == 1)]
    assert set(sites["start"]) == {1_200, 1_201} and (sites["baseline_distance_splice"] == 0).all()


def test_a_contig_without_genes_is_intergenic_throughout(world):
    given = world(contigs=2)
    bare = given.features[given.features["contig"] == "c0"]
    tables = {
        contig: table for contig, _, _, table in snvs.variants(inputs.Inputs(**{**vars(given), "features": bare}))
    }
    assert set(tables["c1"]["consequence"]) == {"intergenic"}
    assert tables["c1"].dtypes.equals(tables["c0"].dtypes)
    expected = snvs.snv_consequences(given.genome, bare, "c1", 0, LENGTH, 1)
    assert tables["c1"]["alt"].tolist() == expected["alt"].tolist()


def test_rates_say_nothing_within_a_stratum_and_something_between(world, tmp_path):
    given = world()
    _, table = run("consequence", given, tmp_path, {"poor": ("one_pass", write_scores(given.genome, tmp_path, noise))})
    of_rate = {"scorer": "trinucleotide", "contrast": "stop_gained vs synonymous"}
    assert pick(table, metric="auroc_within_stratum", **of_rate)["value"] == 0.5
    assert pick(table, metric="auroc", **of_rate)["value"] > 0.7
    row = pick(table, scorer="poor", contrast="stop_gained vs synonymous", metric="auroc")
    assert row["verdict"] == "worse" and row["difference_high"] < 0


def test_a_baseline_that_is_the_label_is_printed_but_is_no_bar(world, tmp_path):
    given = world()
    _, table = run("consequence", given, tmp_path, {"poor": ("one_pass", write_scores(given.genome, tmp_path, noise))})
    row = pick(table, scorer="distance_cds", contrast="intergenic vs synonymous", metric="auroc")
    assert row["value"] == 0 and "no baseline to beat" in row["status"]
    bars = table.loc[table["contrast"] == "intergenic vs synonymous", "best_baseline"].dropna()
    assert "distance_cds" not in set(bars)


def test_the_cap_keeps_rare_classes(world):
    given = world(max_items=3_000)
    items = consequence.items(given)
    assert items.drop_duplicates(["contig", "start", "alt"]).shape[0] <= 3_000
    everything = consequence.items(
        world_without_cap := inputs.Inputs(given.genome, given.regions, given.test, given.features)
    )
    assert world_without_cap.options.max_items > len(everything)
    for name in ("stop_lost vs synonymous", "start_lost vs synonymous"):
        rare = [table[(table["contrast"] == name) & (table["label"] == 1)] for table in (items, everything)]
        assert len(rare[0]) == len(rare[1])


# Outgroup


def write_sister(path, genome, seed=1):
    """The contigs of a genome with every twentieth base or so substituted; contig -> codes."""
    rng, sister = np.random.default_rng(seed), {}
    for contig in genome.contigs:
        codes = genome.codes(contig, 0, LENGTH)
        hit = rng.random(LENGTH) < 0.05
        sister[contig] = np.where(hit, (codes + rng.integers(1, 4, LENGTH)) % 4, codes)
    path.write_text("".join(f">s{contig}\n{decode(codes)}\n" for contig, codes in sister.items()))
    return sister


@pytest.fixture
def sister(world, tmp_path):
    """Inputs with an outgroup."""

    def make(**settings):
        given = world(**settings)
        write_sister(tmp_path / "sister.fa", given.genome)
        return inputs.Inputs(**{**vars(given), "outgroups": {"sister": str(tmp_path / "sister.fa")}})

    return make


@pytest.mark.parametrize("annotated", [True, False])
def test_outgroup_items_are_matched_and_what_was_matched_scores_one_half(sister, tmp_path, annotated):
    given = sister(annotated=annotated)
    items, table = run("outgroup", given, tmp_path, {"poor": ("one_pass", write_scores(given.genome, tmp_path, noise))})
    cells = ["contig", "stratum", "repeat"]
    if annotated:
        nearest = items["baseline_distance_tss"].abs()
        cells += ["consequence", np.searchsorted(outgroup.TSS_CLASSES, nearest)]
        assert nearest.min() < outgroup.TSS_CLASSES[0] and nearest.max() > outgroup.TSS_CLASSES[1]
    counts = items.groupby(cells, observed=True)["label"].agg(["sum", "size"])
    assert (2 * counts["sum"] == counts["size"]).all()
    assert counts["sum"].sum() > 300
    contrast = "substituted in sister vs matched"
    exact = [
        "constant",
        "matched_covariates",
        "trinucleotide",
        "substitution",
        "transition",
        *(["consequence_rank"] if annotated else []),
    ]
    for scorer in exact:
        assert pick(table, scorer=scorer, contrast=contrast, metric="auroc")["value"] == 0.5
    row = pick(table, scorer="poor", contrast=contrast, metric="auroc_within_stratum")
    assert row["low"] < 0.5 < row["high"] and row["score_name"] == "llr"


def test_a_model_of_the_sister_genome_tells_substituted_from_matched(sister, tmp_path):
    given = sister()
    text = (tmp_path / "sister.fa").read_text().split(">s")[1:]
    other = {name: encode(sequence) for name, sequence in (part.split() for part in text)}

    def mixture(contig, codes):
        chance = np.full((len(codes), 4), 0.05)
        chance[np.arange(len(codes)), codes] += 0.4
        chance[np.arange(len(codes)), other[contig]] += 0.4
        return np.log(chance)

    items, table = run(
        "outgroup", given, tmp_path, {"oracle": ("one_pass", write_scores(given.genome, tmp_path, mixture))}
    )
    row = pick(table, scorer="oracle", metric="auroc_within_stratum")
    assert row["value"] == 1 and row["verdict"] == "better"
    carried = np.array([BASES[other[c][s]] for c, s in zip(items["contig"], items["start"], strict=True)])
    assert ((items["alt"].astype(str) == carried) == (items["label"] == 1)).all()


def test_what_any_outgroup_carries_is_no_comparison_item(world, tmp_path, monkeypatch):
    given = world(contigs=3)
    paths = {name: tmp_path / f"{name}.fa" for name in ("near", "far")}
    sisters = {name: write_sister(path, given.genome, seed) for seed, (name, path) in enumerate(paths.items())}
    given = replace(given, outgroups={name: str(path) for name, path in paths.items()})
    items = outgroup.items(given)
    assert items.groupby("contrast", observed=True)["label"].sum().min() > 50
    assert items["baseline_distance_cds"].min() == 0 < items["baseline_distance_cds"].max()  # far away is tolerated
    for row in items.itertuples():
        carriers = {name for name, codes in sisters.items() if BASES[codes[row.contig][row.start]] == row.alt}
        assert row.contrast.split()[2] in carriers if row.label else not carriers
    monkeypatch.setattr(snvs, "test_pieces", partial(inputs.test_pieces, size=700))
    pd.testing.assert_frame_equal(outgroup.items(given), items)


def test_matching_takes_as_many_of_either_label_from_every_cell():
    rng = np.random.default_rng(0)
    cell, label = rng.integers(0, 30, 2_000), (rng.random(2_000) < 0.2).astype(np.int8)
    kept = matching.matched(cell, label, seed=0)
    for name in range(30):
        ones, zeros = (np.sum((cell == name) & (label == value)) for value in (1, 0))
        assert [np.sum(kept & (cell == name) & (label == value)) for value in (1, 0)] == [min(ones, zeros)] * 2
