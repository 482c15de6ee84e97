"""The registry of tasks, blocks and samples, perplexity, and what the summary refuses to say."""

import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from benchmark_world import CONTIGS, LENGTH, make_world, noise, pick, run, write_scores

from glmtracks import benchmarks
from glmtracks.annotation.regions import make_regions
from glmtracks.benchmarks import inputs, perplexity, scores, summary
from glmtracks.errors import InputError
from glmtracks.track_names import TRACKS
from glmtracks.tracks.derived import DERIVED


@pytest.fixture
def world(make_genome, tmp_path):
    return partial(make_world, make_genome, tmp_path)


# The registry


def test_the_registry_is_imported_without_numpy():
    code = "import sys, glmtracks.benchmarks; sys.exit(any(name in sys.modules for name in ('numpy', 'pandas')))"
    library = str(Path(benchmarks.__file__).parents[2])
    assert subprocess.run([sys.executable, "-c", code], cwd=library, check=False).returncode == 0


@pytest.mark.parametrize("name", benchmarks.TASKS)
def test_every_task_has_the_six_names(name):
    module = benchmarks.task_module(name)
    assert all(callable(getattr(module, part)) for part in ("items", "score", "contrasts", "baselines_of"))
    assert set(module.READS) <= {*TRACKS, *DERIVED, scores.LOG_P}
    assert module.METRICS[0].name == benchmarks.TASKS[name].headline


def test_a_task_without_its_inputs_says_why():
    row = {"name": "toy", "annotation": "", "outgroups": []}
    assert benchmarks.missing_inputs("perplexity", row, {}) is None
    assert "annotation" in benchmarks.missing_inputs("consequence", row, {})
    assert benchmarks.missing_inputs("outgroup", {**row, "outgroups": ["other"]}, {}) is None
    assert "needs bed=FILE in the column inputs" in benchmarks.missing_inputs("elements", row, {})
    assert benchmarks.missing_inputs("elements", row, {"bed": "x.bed"}) is None
    with pytest.raises(InputError, match="'site' is not a benchmark task"):
        benchmarks.missing_inputs("site", row, {})


# Blocks and samples


def gene_table(genes):
    return pd.DataFrame(
        {"contig": "a", "start": genes, "end": [g + 10 for g in genes], "gene": [f"g{g}" for g in genes]}
    )


def test_blocks_are_contigs_then_genes_then_runs():
    many = pd.DataFrame({"contig": [f"c{n}" for n in range(8) for _ in range(3)], "start": [1, 2, 3] * 8})
    assert set(inputs.assign_blocks(many, gene_table([]))) == {f"contig:c{n}" for n in range(8)}
    one = pd.DataFrame({"contig": "a", "start": np.arange(0, 1000)})
    genes = inputs.assign_blocks(one, gene_table(list(range(0, 1000, 100))))
    assert set(genes) == {f"gene:g{n}" for n in range(0, 1000, 100)}
    assert genes[5] == "gene:g0" and genes[50] == "gene:g0" and genes[60] == "gene:g100"
    runs = inputs.assign_blocks(one, gene_table([100, 200]))
    assert list(pd.Series(runs).value_counts()) == [50] * 20


def test_more_than_500_blocks_are_joined_with_their_neighbours():
    one = pd.DataFrame({"contig": "a", "start": np.arange(100_000)})
    blocks = pd.Series(inputs.assign_blocks(one, gene_table([])))
    assert blocks.nunique() == 500
    assert (blocks != blocks.shift()).sum() == 500


def test_nearest_gene_is_found_by_distance():
    genes = gene_table([100, 200, 500])
    items = pd.DataFrame({"contig": ["a"] * 6 + ["b"], "start": [0, 105, 150, 160, 499, 900, 3]})
    assert inputs.nearest_gene(items, genes).tolist() == ["g100", "g100", "g100", "g200", "g500", "g500", ""]


def test_a_sample_keeps_rare_groups_whole_and_its_size():
    sample = inputs.Sample("kind", 1_000, seed=0)
    for piece in range(50):
        sample.add(pd.DataFrame({"kind": ["common"] * 500 + ["frequent"] * 100 + ["rare"], "piece": piece}))
    counts = sample.rows()["kind"].value_counts()
    assert counts.to_dict() == {"common": 475, "frequent": 475, "rare": 50}
    assert sample.rows().groupby("kind")["piece"].nunique()["common"] > 40


def test_a_sample_is_the_rows_of_the_lowest_keys_of_each_group_in_their_order():
    rng, sample = np.random.default_rng(3), inputs.Sample("kind", 60, seed=1)
    pieces = [pd.DataFrame({"kind": rng.choice(list("aaabc"), 40), "row": 40 * n + np.arange(40)}) for n in range(9)]
    keys = np.random.default_rng(1).random((9, 40)).ravel()
    for piece in pieces:
        sample.add(piece)
    rows = pd.concat(pieces, ignore_index=True)
    lowest = pd.Series(keys).groupby(rows["kind"]).rank() <= inputs.equal_shares(rows["kind"].value_counts(), 60)
    assert sample.rows()["row"].tolist() == rows.loc[lowest, "row"].tolist()


@pytest.mark.parametrize(
    ("counts", "total", "cap"), [([5, 5], 100, 5), ([1, 100], 11, 10), ([10, 10, 10], 9, 3), ([50], 10, 10)]
)
def test_equal_shares(counts, total, cap):
    assert inputs.equal_shares(np.array(counts), total) == cap
    assert np.minimum(counts, cap).sum() <= total


# Perplexity


def test_a_model_without_an_opinion_has_perplexity_four_and_is_right_one_time_in_four(world, tmp_path):
    given = world()
    flat = write_scores(given.genome, tmp_path, lambda contig, codes: np.full((len(codes), 4), np.log(0.25)))
    items, table = run("perplexity", given, tmp_path, {"flat": ("one_pass", flat)})
    assert len(items) == CONTIGS * LENGTH
    row = pick(table, scorer="flat", contrast="all", metric="perplexity")
    assert row["value"] == pytest.approx(4) and row["low"] == pytest.approx(4)
    assert pick(table, scorer="flat", contrast="all", metric="accuracy")["value"] == pytest.approx(0.25)
    headline = pick(table[table["headline"] == "yes"], scorer="flat")
    assert headline["metric"] == "nats_per_base"
    assert headline["difference"] == pytest.approx(0, abs=1e-6)
    assert headline["verdict"] == "undecided" and headline["n_blocks"] == CONTIGS


def test_perplexity_is_that_of_the_probabilities_and_markov_models_are_baselines(world, tmp_path):
    given = world()
    (tmp_path / "good").mkdir()
    right = np.log(np.full((4, 4), 0.1) + 0.6 * np.eye(4))
    good = write_scores(given.genome, tmp_path / "good", lambda contig, codes: right[codes])
    poor = write_scores(given.genome, tmp_path, noise)
    _, table = run("perplexity", given, tmp_path, {"poor": ("one_pass", poor), "chain": ("markov", good)})
    assert pick(table, scorer="chain", contrast="all", metric="perplexity")["value"] == pytest.approx(1 / 0.7, rel=1e-3)
    assert pick(table, scorer="chain", contrast="repeat", metric="accuracy")["value"] == 1
    headline = pick(table[table["headline"] == "yes"], scorer="poor")
    assert headline["best_baseline"] == "chain"
    assert headline["difference"] < 0 and headline["verdict"] == "worse"


def test_strata_of_perplexity_partition_the_bases(world, tmp_path):
    given = world()
    items = perplexity.items(given)
    sizes = {contrast.name: len(contrast.rows) for contrast in perplexity.contrasts(items)}
    assert sizes["all"] == len(items) == sizes["repeat"] + sizes["non-repeat"] == sizes["CpG"] + sizes["non-CpG"]
    assert sizes["CDS codon 1"] == sizes["CDS codon 2"] == sizes["CDS codon 3"] == sizes["CDS"] / 3 == CONTIGS * 300
    assert sizes["repeat"] == CONTIGS * 300


def test_large_test_splits_are_sampled_by_whole_runs(world):
    items = perplexity.items(world(max_items=7_000))
    assert len(items) == 7_000
    assert items.groupby(["contig", items["start"] // 1_000], observed=True).size().eq(1_000).all()


def test_undefined_bases_are_no_items(make_genome):
    genome = make_genome({"a": "ACGTN" * 30})
    regions = make_regions(genome, None, pd.DataFrame({"contig": [], "start": [], "end": []}))
    test = pd.DataFrame({"contig": ["a"], "start": [0], "end": [150]})
    items = perplexity.items(inputs.Inputs(genome, regions, test))
    assert len(items) == 120
    assert "".join(items["ref"]) == "ACGT" * 30


# The summary's refusals


def test_too_few_blocks_give_no_interval_and_too_few_positives_no_metric(world, tmp_path):
    given = world(contigs=1)
    dataset = write_scores(given.genome, tmp_path, noise)
    items, table = run("consequence", given, tmp_path, {"poor": ("one_pass", dataset)})
    assert items["block"].str.startswith("run:").all()
    few = table[table["contrast"] == "start_lost vs synonymous"]
    assert few["value"].isna().all() and few["status"].str.contains("fewer than 10 positives").all()
    blocks = items.loc[items["label"] == 1].groupby("contrast", observed=True)["block"].nunique()
    for name in blocks.index[blocks < 8]:
        rows = table[(table["contrast"] == name) & ~table["scorer"].str.startswith("distance")]
        assert rows["low"].isna().all() and rows["status"].str.contains("fewer than").all()


def test_items_without_a_score_are_counted_and_left_out_for_all(world, tmp_path):
    given = world()
    (tmp_path / "all").mkdir()
    whole = write_scores(given.genome, tmp_path / "all", noise)
    partial = write_scores(given.genome, tmp_path, noise, contigs=["c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7"])
    _, table = run("perplexity", given, tmp_path, {"whole": ("one_pass", whole), "partial": ("one_pass", partial)})
    rows = table[(table["contrast"] == "all") & (table["metric"] == "accuracy")].set_index("scorer")
    assert rows["n_unscored"].dropna().to_dict() == {"whole": 0, "partial": 2 * LENGTH}
    assert (rows["n_items"] == 8 * LENGTH).all() and (rows["n_blocks"] == 8).all()


def test_a_model_that_takes_the_items_of_a_contrast_away_is_named(world, tmp_path):
    given = world()
    (tmp_path / "all").mkdir()
    whole = write_scores(given.genome, tmp_path / "all", noise)
    partial = write_scores(given.genome, tmp_path, noise, contigs=["c0"])
    items, table = run("consequence", given, tmp_path, {"whole": ("one_pass", whole), "partial": ("one_pass", partial)})
    asked = items.loc[items["contrast"] == "splice_donor vs synonymous", "contig"]
    told = pick(table, contrast="splice_donor vs synonymous", scorer="whole", metric="auroc")["status"]
    left = f"partial scores {(asked == 'c0').sum():,} of {len(asked):,} items"
    assert told == f"fewer than 10 positives: no metric; {left}"


def test_bases_of_which_none_is_left_are_no_positives(world, tmp_path):
    """Two models that score no base in common, in a task without classes."""
    given, models = world(contigs=2), {}
    for name, contig in (("first", "c0"), ("second", "c1")):
        (tmp_path / name).mkdir()
        models[name] = ("one_pass", write_scores(given.genome, tmp_path / name, noise, contigs=[contig]))
    _, table = run("perplexity", given, tmp_path, models)
    row = pick(table, contrast="all", scorer="first", metric="nats_per_base")
    assert row["status"].startswith("fewer than 10 items: no metric; first scores 3,000 of 6,000 items")
    assert np.isnan(row["n_positives"]) and np.isnan(row["base_rate"])


def made_up(task, scores, **columns):
    """The summary of 400 items in 10 blocks, half of them of label 1; scores: name -> (kind, columns of its values)."""
    label = np.arange(400) % 2
    told = {"contrast": "a vs b", "label": label, "stratum": "", "block": [f"gene:g{n // 40}" for n in range(400)]}
    items = pd.DataFrame({**told, "baseline_constant": 0.0, **columns}).astype({"label": "Int8"})
    models = [summary.Scorer(name, kind, "s", pd.DataFrame(of(label)), "m") for name, (kind, of) in scores.items()]
    return summary.compare(task, items, models, draws=50, seed=0)


def test_where_no_stratum_holds_both_labels_the_status_says_that_there_is_no_metric():
    model = {"m": ("model", lambda label: {"score": label * 1.0})}
    table = made_up("consequence", model, stratum=np.where(np.arange(400) % 2, "A[C>T]G", "A[C>A]G"))
    row = pick(table, scorer="m", metric="auroc_within_stratum")
    assert np.isnan(row["value"]) and row["status"] == "too few comparable items: no metric"
    row = pick(table, scorer="m", metric="auroc")
    assert row["value"] == 1 and row["status"] == "ok"


def test_further_scores_of_a_baseline_are_no_bar_for_the_score_that_the_task_names():
    scorers = {
        "house": ("model", lambda label: {"score": label * 1.0, "log_p_ref": label * 1.0}),
        "chain": ("baseline", lambda label: {"score": label * 0.0, "log_p_ref": label * 1.0}),
    }
    table = made_up("elements", scorers, stratum=[str(n // 2) for n in range(400)])
    found = table[(table["scorer"] == "house") & (table["metric"] == "auroc")].set_index("headline")
    assert found["best_baseline_value"].to_dict() == {"yes": 0.5, "no": 1.0}
    assert found["difference"].to_dict() == {"yes": 0.5, "no": 0.0}


def test_a_loss_in_nats_is_a_loss_by_as_much_and_what_is_equal_is_undecided():
    scorers = {
        name: ("model", lambda label, lost=lost: {"score": -1 - lost - label / 10, "correct": label * 1.0})
        for name, lost in (("good", -0.1), ("poor", 0.1), ("equal", 0.0))
    }
    scorers["chain"] = ("baseline", lambda label: {"score": -1 - label / 10, "correct": label * 1.0})
    bases = {"region": "CDS", "codon_position": 1, "repeat": False, "cpg": False, "label": pd.array([None] * 400)}
    table = made_up("perplexity", scorers, **bases)
    rows = table.query("contrast == 'all' and metric == 'nats_per_base' and scorer != 'uniform'").set_index("scorer")
    assert rows["value"].to_dict() == pytest.approx({"good": 0.95, "poor": 1.15, "equal": 1.05, "chain": 1.05})
    rows = rows.drop("chain")
    assert rows["difference"].to_dict() == pytest.approx({"good": 0.1, "poor": -0.1, "equal": 0})
    assert rows["verdict"].to_dict() == {"good": "better", "poor": "worse", "equal": "undecided"}


def test_an_empty_test_split_is_said_and_not_an_error(world, tmp_path):
    given = world(contigs=1)
    empty = inputs.Inputs(**{**vars(given), "test": given.test.iloc[:0]})
    dataset = write_scores(given.genome, tmp_path, noise)
    for task in ("perplexity", "consequence"):
        _, table = run(task, empty, tmp_path, {"poor": ("one_pass", dataset)})
        assert table["status"].tolist() == ["skipped: the test split holds no item of this task"]


def test_scores_of_another_genome_or_other_items_are_refused(world, tmp_path, make_genome):
    given = world(contigs=1)
    inputs.draw_items("perplexity", given, tmp_path / "items.parquet")
    other = make_genome({"c0": "ACGT" * (LENGTH // 4)}, name="other")
    dataset = write_scores(other, tmp_path, noise)
    with pytest.raises(InputError, match="another reference base"):
        scores.score_items("perplexity", tmp_path / "items.parquet", dataset, tmp_path / "m.parquet")
    pd.read_parquet(tmp_path / "items.parquet").iloc[:5].assign(score=0.0).to_parquet(tmp_path / "m.parquet")
    with pytest.raises(InputError, match="other benchmark items"):
        files, models = [tmp_path / "m.parquet"], [{"name": "m", "kind": "one_pass", "baseline": False}]
        summary.summarise("perplexity", "toy", tmp_path / "items.parquet", files, models, tmp_path / "summary.tsv")
