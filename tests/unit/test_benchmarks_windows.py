"""Windows of one region class: how they are cut, what a probe of them can and cannot know, and the statistics."""

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
from benchmark_world import CONTIGS, make_world, pick
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from glmtracks.annotation.regions import label_positions
from glmtracks.benchmarks import inputs, probe, states, summary, windows
from glmtracks.benchmarks.statistics import draw_weights
from glmtracks.genome import decode
from glmtracks.intervals import intersect


@pytest.fixture
def world(make_genome, tmp_path):
    return partial(make_world, make_genome, tmp_path)


def judge(given, folder, vectors):
    """The summary of models, name -> function from items to vectors, without running a network."""
    inputs.draw_items("windows", given, folder / "items.parquet")
    items = pd.read_parquet(folder / "items.parquet")
    for name, function in vectors.items():
        scored = windows.score(items, function(items), gap=0, seed=1)
        pd.concat([items[list(inputs.ITEM_COLUMNS)], scored], axis=1).to_parquet(folder / f"{name}.parquet")
    models = [{"name": name, "kind": "one_pass", "seen": "no", "hash": "a", "baseline": False} for name in vectors]
    files = [folder / f"{name}.parquet" for name in vectors]
    left_out = {"chain": "a model of the kind markov has no embeddings"}
    out = folder / "summary.tsv"
    summary.summarise("windows", "toy", folder / "items.parquet", files, models, out, 200, left_out=left_out)
    return items, pd.read_csv(out, sep="\t")


def truth(items):
    return pd.get_dummies(items["stratum"].astype(str)).to_numpy(dtype=np.float32)


def noise(items):
    return np.random.default_rng(0).normal(size=(len(items), 8)).astype(np.float32)


def test_windows_lie_in_one_class_and_do_not_overlap(world):
    given = world()
    items = windows.items(given)
    assert set(items["contrast"]) == {windows.WITH, windows.WITHOUT}
    everything = items[items["contrast"] == windows.WITH]
    assert set(everything["stratum"]) == {"CDS", "intron", "promoter", "intergenic", "repeat"}
    for row in everything.itertuples():
        assert row.end - row.start == windows.SIZE
        found = label_positions(given.regions, str(row.contig), np.arange(row.start, row.end))
        assert set(found["repeat"]) == {row.stratum == "repeat"}
        assert row.stratum == "repeat" or set(found["region"]) == {row.stratum}
    for _, here in everything.groupby("contig", observed=True):
        assert (np.diff(np.sort(here["start"])) >= windows.SIZE).all()
    pd.testing.assert_frame_equal(
        items.loc[items["contrast"] == windows.WITHOUT, ["contig", "start"]].reset_index(drop=True),
        everything.loc[everything["stratum"] != "repeat", ["contig", "start"]].reset_index(drop=True),
        check_dtype=False, check_categorical=False,
    )  # fmt: skip


def test_windows_stand_in_the_middle_of_their_stretch(world):
    given = world(contigs=1)
    test = pd.DataFrame({"contig": ["c0"], "start": [10], "end": [261]})
    found = windows.pure_windows(replace(given, test=test))
    assert list(zip(found["start"], found["end"], strict=True)) == [(35, 135), (135, 235)]


def test_windows_with_undefined_bases_are_left_out(world, make_genome, monkeypatch):
    monkeypatch.setattr(windows, "_contrast", lambda inputs, name, table: table.assign(contrast=name))
    given = world()
    everything = windows.items(given)
    row = everything.iloc[0]
    sequences = {name: decode(given.genome.codes(name, 0, size)) for name, size in given.genome.contigs.items()}
    sequence = sequences[row.contig]
    sequences[row.contig] = sequence[: row.start] + "N" + sequence[row.start + 1 :]
    found = windows.items(replace(given, genome=make_genome(sequences, "masked")))
    assert row.contrast == windows.WITH and len(found) == len(everything) - 2
    assert not ((found["contig"] == row.contig) & (found["start"] == row.start)).any()


def test_embeddings_that_are_the_class_get_all_and_noise_gets_what_chance_gets(world, tmp_path):
    _, table = judge(world(), tmp_path, {"oracle": truth, "noise": noise})
    for contrast in (windows.WITH, windows.WITHOUT):
        found = partial(pick, table, contrast=contrast)
        for metric in ("macro_f1", "mcc", "ari", "nmi"):
            row = found(scorer="oracle", metric=metric)
            assert (row["value"], row["low"], row["high"]) == pytest.approx((1, 1, 1)), metric
            assert row["verdict"] == "better" and (row["headline"] == "yes") == (metric == "macro_f1")
        for scorer, metric in (("noise", "mcc"), ("noise", "ari"), ("cnn", "mcc"), ("cnn", "ari")):  # of random bases
            row = found(scorer=scorer, metric=metric)
            assert row["low"] < 0.02 and row["high"] > -0.02
        for metric in ("mcc", "ari", "nmi"):
            assert found(scorer="constant", metric=metric)["value"] == pytest.approx(0)
        kinds = 5 if contrast == windows.WITH else 4
        assert found(scorer="constant", metric="macro_f1")["value"] < 1 / kinds
    recall = pick(table, scorer="constant", contrast=f"intergenic among {windows.WITH}", metric="recall")
    assert recall["value"] == 1 and "no baseline to beat" in recall["status"]
    assert (
        pick(table, scorer="oracle", contrast=f"intergenic among {windows.WITH}", metric="recall")["verdict"]
        == "better"
    )
    assert pick(table, scorer="chain")["status"] == "skipped: a model of the kind markov has no embeddings"


def test_no_probe_is_fitted_to_the_contig_that_it_is_asked_for(world, tmp_path):
    given = world()
    assert set(windows.items(given).groupby("contig", observed=True)["fold"].nunique()) == {1}
    shifted = {name: rank for rank, name in enumerate(given.genome.contigs)}

    def contig_only(items):  # knows each window by heart, but no class in a contig that it has not seen
        classes = pd.factorize(items["stratum"].astype(str))[0]
        vectors = np.zeros((len(items), 6 * CONTIGS), dtype=np.float32)
        vectors[np.arange(len(items)), classes + 6 * items["contig"].astype(str).map(shifted)] = 1
        return vectors

    _, table = judge(given, tmp_path, {"by_heart": contig_only})
    assert pick(table, scorer="by_heart", contrast=windows.WITH, metric="mcc")["value"] < 0.2


def test_folds_of_one_contig_are_stretches_with_a_gap(world):
    table = pd.DataFrame({"contig": "a", "start": np.arange(0, 100_000, 100), "stratum": ["x", "y"] * 500})
    table["fold"] = probe.folds(table)
    assert table["fold"].nunique() == 5 and table["fold"].is_monotonic_increasing
    here = (table["fold"] == 2).to_numpy()
    near = probe._near(table, here, 2_000)
    left = table["start"][~here & ~near]
    assert table["start"][here].min() - left[left < 50_000].max() == 2_000
    assert left[left > 50_000].min() - table["start"][here].max() == 2_000


@pytest.mark.parametrize("contigs, expected", [(2, [0, 0, 1, 1, 2, 3, 3, 4]), (3, [0, 0, 0, 1, 1, 1, 2, 2])])
def test_contigs_are_folds_where_there_are_three(contigs, expected):
    table = pd.DataFrame({"contig": np.repeat(list("abc"[:contigs]), -(-8 // contigs))[:8], "start": range(8)})
    assert probe.folds(table).tolist() == expected


def test_a_class_of_one_fold_is_left_out():
    table = pd.DataFrame({"stratum": ["x", "y"] * 20, "fold": [0, 1, 1, 1] * 10, "block": np.arange(40) // 2})
    assert set(windows._without_rare(table)["stratum"]) == {"x"}


def test_a_probe_says_how_likely_it_finds_the_class_that_an_item_has():
    class Fixed:
        classes_ = np.array(["x", "y"])

        def fit(self, vectors, classes):
            return self

        def predict_proba(self, vectors):
            return np.tile([0.75, 0.25], (len(vectors), 1))

    table = pd.DataFrame({"contig": list("aabb"), "start": 0, "stratum": list("xyyx"), "fold": [0, 0, 1, 1]})
    predicted, log_p = probe.predict(noise(table), table, probe=Fixed)
    assert predicted.tolist() == ["x"] * 4
    np.testing.assert_allclose(np.exp(log_p), [0.75, 0.25, 0.25, 0.75], rtol=1e-6)


def test_a_gap_that_leaves_nothing_to_fit_gives_no_score(world):
    table = pd.DataFrame({"contig": "a", "start": np.arange(0, 2_000, 100), "stratum": ["x", "y"] * 10})
    table["fold"] = probe.folds(table)
    predicted, log_p = probe.predict(noise(table), table, gap=1_000_000)
    assert set(predicted) == {None} and np.isnan(log_p).all()


def test_kmer_spectra_count_words_of_both_strands(make_genome):
    genome = make_genome({"a": "AAAAATTTTTGC"})
    table = pd.DataFrame({"contig": "a", "start": [0, 5, 0], "end": [5, 10, 12]})
    found = windows.kmer_spectra(genome, table)
    assert found.shape == (3, 2 + 10 + 32 + 136)
    np.testing.assert_allclose(found[0], found[1])
    np.testing.assert_allclose(found[:, :2], [[1, 0], [1, 0], [10 / 12, 2 / 12]])
    np.testing.assert_allclose(found.sum(axis=1), 4)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), kinds=st.integers(2, 5), items=st.integers(12, 60))
def test_statistics_are_those_of_scikit_learn(seed, kinds, items):
    rng = np.random.default_rng(seed)
    true, found, block = rng.integers(0, kinds, (3, items))
    true[:kinds] = found[:kinds] = np.arange(kinds)
    expected = {
        probe.macro_f1: metrics.f1_score(true, found, average="macro"),
        probe.mcc: metrics.matthews_corrcoef(true, found),
        probe.adjusted_rand: metrics.adjusted_rand_score(true, found),
        probe.normalised_mutual_information: metrics.normalized_mutual_info_score(true, found),
    }
    whole, _ = probe.tables(true, found, block, None)
    for statistic, value in expected.items():
        assert float(statistic(whole)) == pytest.approx(value, abs=1e-9)
    block = np.arange(items) % 9
    weights = draw_weights(9, 5, seed)
    _, drawn = probe.tables(true, found, block, weights)
    again = [np.repeat(np.arange(items), weights[draw][block].astype(int)) for draw in range(5)]
    for draw, rows in enumerate(again):
        here, _ = probe.tables(true[rows], found[rows], block[rows], None)
        np.testing.assert_array_equal(drawn[draw][: here.shape[0], : here.shape[1]], here)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_intersect_gives_the_bases_that_lie_in_both(seed):
    rng = np.random.default_rng(seed)

    def draw(count):
        start = rng.integers(0, 80, count)
        return pd.DataFrame(
            {"contig": rng.choice(["a", "b"], count), "start": start, "end": start + rng.integers(1, 30)}
        )

    first, second = draw(rng.integers(0, 6)).assign(name="x"), draw(rng.integers(0, 6))
    found = intersect(first, second)
    pairs = [
        (one.contig, max(one.start, two.start), min(one.end, two.end))
        for one in first.itertuples() for two in second.itertuples()
        if one.contig == two.contig and one.start < two.end and two.start < one.end
    ]  # fmt: skip
    assert list(found[["contig", "start", "end"]].itertuples(index=False, name=None)) == pairs
    assert set(found.columns) == {"contig", "start", "end", "name"}


def test_the_items_that_a_model_embeds_are_each_asked_for_once(world, tmp_path, monkeypatch):
    given = world()
    inputs.draw_items("windows", given, tmp_path / "items.parquet")
    asked = []

    def means(runner, genome, regions, layer):
        asked.append(regions)
        return np.stack([regions["start"], regions["start"] ** 2], axis=1).astype(np.float32) / 1e3

    class Model:
        receptive_field = 10

    class Runner:
        model = Model()

    monkeypatch.setattr(states, "start_runner", lambda *arguments: Runner())
    monkeypatch.setattr(states, "region_means", means)
    items = tmp_path / "items.parquet"
    states.embed_items("windows", items, "m", given.genome.path, tmp_path / "m.parquet", "plan.json", -1, {}, 1)
    assert len(asked) == 1 and not asked[0].duplicated().any()
    found = pd.read_parquet(tmp_path / "m.parquet")
    assert len(found) == len(pd.read_parquet(items)) and found["score"].notna().all()
