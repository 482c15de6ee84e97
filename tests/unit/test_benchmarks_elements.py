"""Elements against matched windows: models that know where elements lie, models that do not, and files of all kinds."""

import logging
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from benchmark_world import LENGTH, make_world, noise, run, write_scores
from benchmark_world import pick as pick_any
from hypothesis import given, settings
from hypothesis import strategies as st

from glmtracks.annotation import read_features
from glmtracks.annotation.regions import make_regions
from glmtracks.bed import read_bed
from glmtracks.benchmarks import elements, inputs, matching, scores
from glmtracks.errors import InputError
from glmtracks.genome import Genome, normalise
from glmtracks.genome.contigs import ContigNames

CODING = [(600, 1200), (1500, 1800)]  # of every contig of the world, with one intron between


@pytest.fixture
def world(make_genome, tmp_path):
    """Inputs with elements of 20 to 40 bases: 10 in each contig, outside coding sequence and outside repeats.

    Shuffles of elements, about which models are asked afresh, are those of test_benchmarks_altered.py.
    """

    def make(rows=None, **options):
        given = make_world(make_genome, tmp_path, **{"shuffles": 0, **options})
        rng = np.random.default_rng(5)
        if rows is None:
            free = np.concatenate([np.arange(0, 560, 50), np.arange(1810, 2450, 50)])
            places = rng.choice(free, (len(given.test), 10))
            rows = [
                f"{contig}\t{start}\t{start + rng.integers(20, 41)}"
                for contig, starts in zip(given.genome.contigs, places, strict=True)
                for start in starts
            ]
        (tmp_path / "elements.bed").write_text("\n".join(rows) + "\n")
        return replace(given, files={"bed": str(tmp_path / "elements.bed")})

    return make


def pick(table, **wanted):
    """A row of the table, of models that of the score which the task names."""
    return pick_any(table[table["score_name"] != "mean log P(ref)"], **wanted)


def annotated(given):
    return read_bed(given.files["bed"])


def certain(given, contig, codes, inside=0.9, outside=0.25):
    """Probability `inside` for the reference base within elements, and `outside` elsewhere."""
    right = np.full(len(codes), outside)
    for row in annotated(given).query("contig == @contig").itertuples():
        right[row.start : row.end] = inside
    chance = np.repeat((1 - right[:, None]) / 3, 4, axis=1)
    chance[np.arange(len(codes)), codes] = right
    return np.log(chance)


# What a model is told


def test_a_model_that_is_certain_inside_elements_tells_all_of_them_from_their_controls(world, tmp_path):
    given = world()
    oracle = write_scores(given.genome, tmp_path, partial(certain, given))
    items, table = run("elements", given, tmp_path, {"oracle": ("one_pass", oracle)})
    assert items["label"].sum() >= 50
    row = pick(table, scorer="oracle", metric="auroc")
    assert (row["value"], row["low"], row["high"]) == (1, 1, 1)
    assert row["verdict"] == "better" and row["headline"] == "yes" and row["score_name"] == "constraint"
    assert row["contrast"] == "element vs matched" and row["n_positives"] == row["n_negatives"]
    assert pick(table, scorer="oracle", metric="paired_accuracy")["value"] == 1
    further = pick_any(table, scorer="oracle", metric="auroc", score_name="mean log P(ref)")
    assert further["value"] == 1 and further["headline"] == "no"
    constraint = pd.read_parquet(tmp_path / "oracle.parquet").groupby("label")["score"]
    entropy = -(0.9 * np.log2(0.9) + 0.1 * np.log2(0.1 / 3))
    np.testing.assert_allclose(constraint.mean()[1], 2 - entropy, atol=1e-3)
    np.testing.assert_allclose(constraint.max()[0], 0, atol=1e-6)


def test_a_model_that_is_certain_outside_elements_loses(world, tmp_path):
    given = world()
    (tmp_path / "flat").mkdir()
    flat = write_scores(given.genome, tmp_path / "flat", partial(certain, given, inside=0.25))
    wrong = write_scores(given.genome, tmp_path, partial(certain, given, inside=0.25, outside=0.9))
    _, table = run("elements", given, tmp_path, {"wrong": ("one_pass", wrong), "flat": ("one_pass", flat)})
    for metric in ("auroc", "paired_accuracy"):
        assert pick(table, scorer="wrong", metric=metric)["value"] == 0
        assert pick(table, scorer="flat", metric=metric)["value"] == 0.5  # a tie is no win
    assert pick(table, scorer="wrong", metric="auroc")["verdict"] == "worse"


def test_without_constraint_the_interval_holds_one_half_and_so_does_what_was_matched(world, tmp_path):
    given = world()
    _, table = run("elements", given, tmp_path, {"poor": ("one_pass", write_scores(given.genome, tmp_path, noise))})
    for scorer in ("poor", "cpg", "random"):
        row = pick(table, scorer=scorer, metric="auroc")
        assert row["low"] < 0.5 < row["high"], scorer
    for scorer in ("matched_covariates", "gc", "repeat_fraction", "distance_tss"):
        assert pick(table, scorer=scorer, metric="auroc")["value"] == pytest.approx(0.5, abs=0.05)
    row = pick(table, scorer="constant", metric="auroc")
    assert (row["value"], row["low"], row["high"]) == (0.5, 0.5, 0.5)


# Controls


@pytest.mark.parametrize("with_genes", [True, False])
def test_every_control_is_like_its_element_and_touches_neither_element_nor_coding_sequence(world, with_genes):
    given = world(annotated=with_genes)
    items = elements.items(given)
    pairs = items.sort_values(["stratum", "label"], ascending=[True, False])
    assert pairs["label"].tolist() == [1, 0] * (len(pairs) // 2)
    one, zero = (pairs[pairs["label"] == label].reset_index(drop=True) for label in (1, 0))
    assert (one["contig"] == zero["contig"]).all() and len(one) >= 30
    assert (one["end"] - one["start"] == zero["end"] - zero["start"]).all()
    gc = [[_gc(given, row) for row in side.itertuples()] for side in (one, zero)]
    np.testing.assert_allclose(gc[0], gc[1], atol=0.02)
    known = {(row.contig, row.start, row.end) for row in annotated(given).itertuples()}
    assert set(one[["contig", "start", "end"]].itertuples(index=False, name=None)) <= known
    for row in zero.itertuples():
        assert all(c != row.contig or e <= row.start or s >= row.end for c, s, e in known)
    assert not zero.duplicated(["contig", "start", "end"]).any()
    if with_genes:
        assert all((items["end"] <= start).where(items["start"] < end, True).all() for start, end in CODING)


def _gc(given, row):
    return np.isin(given.genome.codes(row.contig, row.start, row.end), [1, 2]).mean()


def test_items_lie_inside_the_test_split_and_have_no_undefined_base(make_genome, tmp_path):
    rng = np.random.default_rng(0)
    bases = rng.choice(list("ACGT"), 6_000)
    bases[1_000:1_010] = "N"
    genome = make_genome({"a": "".join(bases)})
    regions = make_regions(genome, None, pd.DataFrame({"contig": [], "start": [], "end": []}))
    starts = [-10, 100, 100, 990, 1_005, 2_985, 3_500, 4_500, 5_990]  # one of them twice
    (tmp_path / "e.bed").write_text("".join(f"a\t{max(start, 0)}\t{min(start + 20, 6_000)}\n" for start in starts))
    test = pd.DataFrame({"contig": ["a", "a"], "start": [0, 4_000], "end": [3_000, 6_000]})
    options = inputs.Options(shuffles=0)
    found = elements.items(
        inputs.Inputs(genome, regions, test, files={"bed": str(tmp_path / "e.bed")}, options=options)
    )
    # the first and the last are 10 bases at the very end: widened to 20 they would reach beyond the contig
    assert found.loc[found["label"] == 1, "start"].tolist() == [100, 4_500]
    assert len(found) == 4 and ((found["end"] <= 3_000) | (found["start"] >= 4_000)).all()
    assert found["block"].str.startswith("run:").all()


def test_the_region_of_a_window_is_that_of_its_middle(world):
    given = world()
    across = pd.DataFrame({"contig": "c0", "start": [580, 590], "end": [610, 620]})  # where coding sequence begins
    described = elements._TestSplit(given, annotated(given))._described(across)
    assert described["region"].tolist() == ["promoter", "CDS"]


def test_no_control_lies_in_an_element_that_is_longer_than_its_window(make_genome, tmp_path):
    genome = make_genome({"a": "".join(np.random.default_rng(0).choice(list("ACGT"), 12_000))})
    regions = make_regions(genome, None, pd.DataFrame({"contig": [], "start": [], "end": []}))
    intervals = [(0, 6_000), *((start, start + 20) for start in range(6_000, 12_000, 300))]
    (tmp_path / "e.bed").write_text("".join(f"a\t{start}\t{end}\n" for start, end in intervals))
    test = pd.DataFrame({"contig": ["a"], "start": [0], "end": [12_000]})
    given = inputs.Inputs(genome, regions, test, files={"bed": str(tmp_path / "e.bed")})
    controls = elements.items(replace(given, options=inputs.Options(shuffles=0))).query("label == 0")
    assert len(controls) > 10 and controls["start"].min() >= 6_000


def test_every_base_of_the_intervals_may_be_drawn_and_no_other():
    intervals = pd.DataFrame({"start": [5, 20], "end": [8, 22]})
    assert set(elements._anywhere(intervals, 500, np.random.default_rng(0)).tolist()) == {5, 6, 7, 20, 21}


def test_no_more_than_max_items(world):
    items = elements.items(world(max_items=100))
    assert 50 < len(items) <= 100


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 1_000), number=st.integers(0, 12))
def test_coverage_is_what_counting_bases_gives(seed, number):
    rng = np.random.default_rng(seed)
    start = rng.integers(0, 90, number)
    intervals = pd.DataFrame({"contig": "a", "start": start, "end": start + rng.integers(1, 30, number)})
    first = rng.integers(-20, 140, 40)
    windows = pd.DataFrame({"contig": ["a"] * 39 + ["b"], "start": first, "end": first + rng.integers(1, 60, 40)})
    held = set().union(*(range(row.start, row.end) for row in intervals.itertuples()))
    expected = [len(held & set(range(row.start, row.end))) if row.contig == "a" else 0 for row in windows.itertuples()]
    assert matching.Coverage(intervals)(windows).tolist() == expected


def test_matching_by_class_takes_away_what_a_covariate_says():
    rng = np.random.default_rng(0)
    own, others = (pd.DataFrame({"x": rng.normal(shift, 1, 3_000)}) for shift in (1, 0))
    told = matching.covariate_score(own, others, ["x"], pd.DataFrame({"x": [-2.0, 0.5, 3.0]}), seed=0)
    assert told[0] < told[1] < told[2] and told[1] == pytest.approx(0, abs=0.2)


# Windows and classes


def test_no_window_is_a_control_twice_though_it_is_drawn_in_every_round():
    few = pd.DataFrame({"contrast": "x", "contig": "a", "start": [100, 200, 300]})
    few = few.assign(end=few["start"] + 20)
    pairs, _ = matching.pair_up(few.loc[[0] * 6].reset_index(drop=True), lambda rows, rng: few, ["contig"], seed=0)
    assert sorted(pairs.loc[pairs["label"] == 0, "start"]) == [100, 200, 300]


def test_windows_keep_length_and_middle_between_20_and_1000_bases():
    rows = pd.DataFrame({"contig": "a", "start": [100, 100, 50, 0, 7], "end": [350, 101, 50, 5_000, 28]})
    found = elements.windows_of(rows)
    assert found["start"].tolist() == [100, 90, 40, 2_000, 7]
    assert (found["end"] - found["start"]).tolist() == [250, 20, 20, 1_000, 21]


def test_encode_ccres_are_contrasted_by_the_class_in_the_sixth_column(world):
    kinds = ["PLS", "dELS", "dELS,CTCF-bound"]
    rows = [
        f"{contig}\t{start}\t{start + 40}\tEH38D{n}{start}\tEH38E{n}{start}\t{kinds[(n + start // 50) % 3]}"
        for n, contig in enumerate(f"c{n}" for n in range(10))
        for start in range(0, 600, 100)
    ]
    items = elements.items(world(rows))
    assert set(items["contrast"]) <= {f"{kind} vs matched" for kind in kinds} and items["contrast"].nunique() == 3
    wanted = {tuple(row.split("\t")[:2]): row.split("\t")[5] for row in rows}
    for row in items[items["label"] == 1].itertuples():
        assert row.contrast == f"{wanted[row.contig, str(row.start)]} vs matched"


@pytest.mark.parametrize(
    ("fourth", "sixth", "classes"),
    [
        (None, None, {"element"}),  # BED3
        ("gene{n}", "+", {"element"}),  # BED6 of genes
        (".", ".", {"element"}),  # narrowPeak of ENCODE
        ("peak_{n}", ".", {"element"}),  # narrowPeak of MACS2
        ("{k}", None, {"k0", "k1", "k2"}),  # chromatin states
        ("{k}", "-", {"k0", "k1", "k2"}),
        ("EH38D{n}", "{k}", {"k0", "k1", "k2"}),
    ],
)
def test_which_columns_name_classes(tmp_path, fourth, sixth, classes):
    def row(n):
        cells = [fourth or "", "0", sixth or "", "7.5", "-1", "-1", "10"] if sixth else [fourth] if fourth else []
        return "\t".join(["a", str(n), str(n + 50), *cells]).format(n=n, k=f"k{n % 3}")

    (tmp_path / "x.bed").write_text("track name=x\n" + "\n".join(map(row, range(60))) + "\n")
    rows = read_bed(tmp_path / "x.bed", elements.CLASS_COLUMNS)
    assert set(elements.class_names(rows)) == classes and len(rows) == 60


@pytest.mark.parametrize("group", [None, "PLS,CTCF-bound"])
def test_files_of_nine_columns_name_the_groups_of_encode_by_colour_and_longer_ones_by_name(tmp_path, group):
    colours = ["255,0,0", "255,167,0", "255,205,0"]
    rows = [
        "\t".join(["a", str(n), str(n + 50), f"EH38E{n}", "0", ".", str(n), str(n + 50), colours[n % 3]])
        + (f"\t{group}\tAll-data/Full-classification" if group else "")
        for n in range(60)
    ]
    (tmp_path / "x.bed").write_text("\n".join(rows) + "\n")
    found = elements.class_names(read_bed(tmp_path / "x.bed", elements.CLASS_COLUMNS))
    assert set(found) == ({group} if group else {"PLS", "pELS", "dELS"})


def test_a_narrow_peak_without_summits_names_no_class(tmp_path):
    rows = [f"a\t{n}\t{n + 50}\t.\t0\t.\t7.5\t-1\t-1\t-1" for n in range(60)]
    (tmp_path / "x.narrowPeak").write_text("\n".join(rows) + "\n")
    assert set(elements.class_names(read_bed(tmp_path / "x.narrowPeak", elements.CLASS_COLUMNS))) == {"element"}


def test_only_the_ten_commonest_classes_are_contrasted(world):
    starts = np.random.default_rng(0).permutation(560)[:52]
    names = [f"k{n}" for n in range(10)] * 5 + ["rare", "rarer"]
    rows = [
        f"c{n}\t{start}\t{start + 20}\t{name}" for n in range(10) for start, name in zip(starts, names, strict=True)
    ]
    items = elements.items(world(rows))
    assert set(items["contrast"]) == {f"k{n} vs matched" for n in range(10)}


# Files that do not fit


def test_contig_names_are_resolved_and_rows_of_other_contigs_counted(world, caplog):
    rows = [f"chrc{n}\t{start}\t{start + 30}" for n in range(8) for start in range(0, 500, 60)]
    rows += [f"one\t{start}\t{start + 30}" for start in range(0, 500, 60)] + ["scaffold\t1\t30", "scaffold\t2\t30"]
    with caplog.at_level(logging.INFO):
        items = elements.items(replace(world(rows), aliases={"one": "c9"}))
    assert "c9" in set(items["contig"]) and "c8" not in set(items["contig"]) and items["contig"].nunique() > 5
    assert "2 rows on such contigs are left out" in caplog.text
    assert "of 81 elements lie in the test split" in caplog.text


def test_a_file_of_another_genome_is_refused(world):
    given = world(["chromosome_1\t1\t30"], contigs=1)
    with pytest.raises(InputError, match=r"chromosome_1 is not a contig of .*no row of the file is on one"):
        elements.items(given)
    Path(given.files["bed"]).write_text(f"c0\t{LENGTH}\t{LENGTH + 20}\n")
    with pytest.raises(InputError, match="lies past the end of c0"):
        elements.items(given)


def test_a_task_without_its_file_says_so(make_genome, tmp_path):
    given = make_world(make_genome, tmp_path, contigs=1)
    with pytest.raises(InputError, match="elements needs bed=FILE in the column inputs"):
        inputs.draw_items("elements", given, tmp_path / "items.parquet")


def test_no_element_in_the_test_split_is_said_and_not_an_error(world, tmp_path):
    given = world(["c0\t700\t750"], contigs=2)  # coding
    _, table = run("elements", given, tmp_path, {"poor": ("one_pass", write_scores(given.genome, tmp_path, noise))})
    assert table["status"].tolist() == ["skipped: the test split holds no item of this task"]


# Reading scores


def test_means_are_those_of_the_bases_that_have_a_score(make_genome, tmp_path):
    rng = np.random.default_rng(0)
    sequence = "".join(rng.choice(list("ACGTN"), LENGTH))
    genome = make_genome({"c0": sequence, "c1": sequence[::-1], "c2": "ACGT" * 10})
    dataset = write_scores(genome, tmp_path, noise, contigs=["c0", "c1"])
    start = np.sort(rng.integers(0, LENGTH - 300, 80))
    contig, end = np.repeat(["c0", "c1"], 40), start + rng.integers(1, 300, 80)
    windows = pd.DataFrame({"contig": [*contig, "c2"], "start": [*start, 0], "end": [*end, 9], "ref": None})
    found = scores.read_means(dataset, windows, ["entropy", "llr_A"])
    everything = scores.tracks.read(dataset).astype({"entropy": float, "llr_A": float})
    for values, row in zip(found, windows.itertuples(), strict=True):
        here = everything[(everything["contig"] == row.contig) & everything["start"].between(row.start, row.end - 1)]
        np.testing.assert_allclose(values, here[["entropy", "llr_A"]].mean(), rtol=1e-6)
    assert np.isnan(found[-1]).all()


def test_the_mean_of_one_base_is_its_score_to_the_last_bit(make_genome, tmp_path):
    genome = make_genome({"c0": "ACGTN" * 200})
    dataset = write_scores(genome, tmp_path, noise)
    items = pd.DataFrame({"contig": "c0", "start": np.arange(1_000), "ref": list("ACGTN" * 200)})
    found = scores.read_means(dataset, items.assign(end=items["start"] + 1), ["llr_A", "llr_C"])
    np.testing.assert_array_equal(found, scores.tracks.read(dataset)[["llr_A", "llr_C"]].to_numpy())


# Yeast


@pytest.fixture(scope="module")
def yeast(shared_data, tmp_path_factory):
    """The two first chromosomes with genes and ChIP-exo peaks; the peaks' contigs are called chr1, chr2."""
    folder = tmp_path_factory.mktemp("yeast")
    normalise(
        shared_data / "yeast" / "sacCer3.fa.gz",
        folder / "genome.fa.gz",
        sizes_out=folder / "chrom.sizes",
        provenance_out=folder / "provenance.json",
        include="^chrII?$",
    )
    genome = Genome(folder / "genome.fa.gz")
    features = read_features(shared_data / "yeast" / "sacCer3.gff3.gz", ContigNames(genome.contigs), genome.contigs)
    regions = make_regions(genome, features, pd.DataFrame({"contig": [], "start": [], "end": []}))
    test = pd.DataFrame({"contig": list(genome.contigs), "start": 0, "end": list(genome.contigs.values())})
    bed = shared_data / "yeast" / "chip_exo_peaks.bed.gz"
    aliases = {"chr1": "chrI", "chr2": "chrII"}
    return inputs.Inputs(genome, regions, test, features, files={"bed": str(bed)}, aliases=aliases, seed=1)


def test_yeast_peaks_crowd_at_promoters_but_not_against_their_controls(yeast, caplog):
    with caplog.at_level(logging.INFO):
        items = elements.items(yeast)
    assert "172001 rows on such contigs are left out" in caplog.text  # 188,489 less the 16,488 of chr1 and chr2
    shuffled = items["contrast"] == "element vs dinucleotide shuffle"
    assert shuffled.sum() == 2_000 and items["sequence"].notna().equals(shuffled)
    items = items[~shuffled]
    assert set(items["contrast"]) == {"element vs matched"}  # 396 targets are no classes
    distance = -items.groupby("label")["baseline_distance_tss"].median()
    anywhere = np.random.default_rng(0).integers(0, 230_218, 5_000)
    starts = elements.baselines.transcription_starts(yeast.features, yeast.genome)
    anywhere = elements.baselines.distance(pd.DataFrame({"contig": "chrI", "start": anywhere}), starts, yeast.genome)
    assert distance[1] < np.median(anywhere) / 2
    assert distance[0] == pytest.approx(distance[1], rel=0.1)
    block = pd.factorize(items["block"])[0]
    found = elements.statistics.auroc(items["baseline_matched_covariates"], items["label"], block)
    assert found.value == pytest.approx(0.5, abs=0.02)
    assert items["label"].sum() > 5_000
