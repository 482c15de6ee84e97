"""Plots: their tables tell what the results tell, and the pictures are the same bytes for the same table."""

import re
from inspect import getmembers, isfunction
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_world import BY_THEIR_ROWS, GENOME, row, rows_of_all_verdicts, write_model, write_scores, write_summary
from sklearn.manifold import trustworthiness

from glmtracks.annotation import write_gff3
from glmtracks.annotation.consequences import CONSEQUENCES
from glmtracks.benchmarks import statistics
from glmtracks.genome import BASES, Genome, complement, decode
from glmtracks.plots import CAPTIONS, PLOTS, caption, figures, logo_figures, make_plot, plots_of, style, tables
from glmtracks.plots.maps import in_two_dimensions
from glmtracks.tracks import write_dataset
from glmtracks.tracks.shards import ScoresWriter

BASELINE = {"markov_5": True, "untrained": True, "house": False}


def test_every_plot_has_a_table_a_figure_and_a_caption_that_says_what_would_be_bad():
    for name in PLOTS:
        assert name in dict(getmembers(tables, isfunction))
        assert name in dict(getmembers(figures, isfunction))
        assert "What would be bad" in caption(name)
    rules = "".join(path.read_text() for path in (CAPTIONS.parent / "rules").glob("*.smk"))
    of_rules = set(re.findall(r'caption="../report/(\w+).rst"', rules))
    assert {path.stem for path in CAPTIONS.glob("*.rst")} == {*PLOTS, *of_rules}


def test_a_genome_gets_the_plots_that_its_tasks_and_files_allow():
    assert plots_of([], lacks={"annotation", "training"}) == ["differences"]
    assert "llr_by_consequence" not in plots_of(["perplexity"], lacks=set())
    every = ["perplexity", "sites", "consequence", "windows", "outgroup", "clinvar", "allele_frequency"]
    assert plots_of(every, lacks=set()) == list(PLOTS)


@given(st.lists(st.floats(0.001, 1), min_size=4, max_size=4))
def test_information_is_0_bits_for_a_guess_and_2_for_certainty(weights):
    probabilities = np.array([weights]) / sum(weights)
    assert -1e-9 <= logo_figures.information(probabilities)[0] <= 2
    assert logo_figures.information(np.full((1, 4), 0.25))[0] == pytest.approx(0)
    assert logo_figures.information(np.array([[0.0, 1.0, 0.0, 0.0]]))[0] == pytest.approx(2)


def test_baselines_are_told_by_their_rows_and_by_the_summary(tmp_path):
    summary = write_summary(tmp_path / "summary.tsv", rows_of_all_verdicts())
    assert tables.which_are_baselines({"summaries": [summary]}, GENOME, BY_THEIR_ROWS) == BASELINE
    assert tables.which_are_baselines({"summaries": [summary]}, "another genome", BASELINE) == BASELINE


def test_differences_keep_losses_and_rows_without_a_number(tmp_path):
    sources = {"summaries": [write_summary(tmp_path / "summary.tsv", rows_of_all_verdicts())]}
    table = tables.differences(sources, GENOME, BASELINE)
    assert table["verdict"].tolist() == ["better", "worse", "undecided", "", "", "better"]
    text = _texts(figures.differences(table, style.looks(["house"])))
    assert "markov_5 0.600" in text
    assert "fewer than 10 positives" in text
    assert any("no interval" in words for words in text)


def test_differences_of_a_task_without_any_number_say_why(tmp_path):
    reason = "fewer than 10 positives: no metric"
    told = [reason, f"{reason}; other scores 0 of 134 items"]
    sites = zip(("donor", "acceptor"), told, strict=True)
    rows = [row("splice_decoy", f"{site} vs decoy", "house", np.nan, status=status) for site, status in sites]
    sources = {"summaries": [write_summary(tmp_path / "summary.tsv", rows)]}
    text = _texts(figures.differences(tables.differences(sources, GENOME, BASELINE), style.looks(["house"])))
    assert text.count(reason) == 2


def test_perplexity_is_shown_by_region_and_repeat_but_not_by_cpg(tmp_path):
    contrasts = ["all", "repeat", "CpG", "intergenic", "CDS", "CDS codon 3, non-repeat", "CDS, repeat, CpG"]
    rows = [row("perplexity", contrast, "house", 1.3, 0.05) for contrast in contrasts]
    table = tables.perplexity_by_region({"summaries": [write_summary(tmp_path / "s.tsv", rows)]}, GENOME, BASELINE)
    assert list(zip(table["region"], table["repeat"], strict=True)) == [
        ("all", "all"),
        ("all", "repeat"),
        ("CDS", "all"),
        ("CDS codon 3", "non-repeat"),
        ("intergenic", "all"),
    ]


def test_every_mark_of_perplexity_is_on_the_axis_and_a_bar_that_is_cut_is_told_of(tmp_path):
    def drawn(*rows):
        table = tables.perplexity_by_region({"summaries": [write_summary(tmp_path / "s.tsv", rows)]}, GENOME, BASELINE)
        figure = figures.perplexity_by_region(table, style.looks(["house"]))
        return figure.axes[0].get_xlim()[1], any("are cut" in words for words in _texts(figure))

    every = row("perplexity", "all", "house", 1.3, 0.05)
    assert drawn(every | {"low": np.nan, "high": np.nan}) == (pytest.approx(np.log(4) + 0.03), False)
    assert drawn(every | {"high": 1.9}) == (pytest.approx(1.93), False)
    assert drawn(every | {"high": 3.0}) == (2.0, True)
    assert drawn(every | {"value": 2.6, "high": 2.61}) == (pytest.approx(2.63), False)


def test_llr_by_consequence_turns_the_score_round_and_counts_the_comparison_class_once(tmp_path):
    severe, silent = np.linspace(1, 3, 101), np.linspace(-1, 1, 51)  # the score is -llr
    contrasts = {"missense vs synonymous": (severe, silent), "stop_gained vs synonymous": (severe + 2, silent)}
    sources = {"scores": [write_scores(tmp_path / f"{model}.parquet", contrasts) for model in BASELINE]}
    table = tables.llr_by_consequence(sources, GENOME, BASELINE)
    assert set(table["model"]) == {"house"}
    assert table["consequence"].tolist() == [name for name in CONSEQUENCES if name in set(table["consequence"])]
    assert table.set_index("consequence")["q0.5"].to_dict() == pytest.approx(
        {"stop_gained": -4, "missense": -2, "synonymous": 0}, abs=1e-6
    )
    assert table.set_index("consequence")["n"].to_dict() == {"stop_gained": 101, "missense": 101, "synonymous": 51}


def test_outgroup_histograms_hold_nearly_all_items_and_the_headline(tmp_path):
    rng = np.random.default_rng(1)
    contrast = "substituted in smik vs matched"
    scores = write_scores(tmp_path / "house.parquet", {contrast: (rng.normal(1, 1, 900), rng.normal(0, 1, 900))})
    sources = {"scores": [scores], "summaries": [write_summary(tmp_path / "s.tsv", rows_of_all_verdicts())]}
    table = tables.outgroup_llr(sources, GENOME, BASELINE)
    assert (table.groupby("label")["share"].sum().between(0.97, 1)).all()
    mean = (table["share"] * table["low"]).groupby(table["label"]).sum()
    assert mean[1] > mean[0]
    assert table["auroc"].unique() == pytest.approx([0.58])


def test_long_training_is_thinned_and_models_without_steps_are_levels(tmp_path):
    write_model(tmp_path / "house", steps=5000, validation=1.26)
    write_model(tmp_path / "untrained", steps=0, validation=1.42)
    names = ("house", "untrained")
    sources = {
        "training": [tmp_path / name / "training.tsv" for name in names],
        "metrics": [tmp_path / name / "metrics.json" for name in names],
    }
    table = tables.training(sources, GENOME, BASELINE)
    curve = table[table["part"] == "train"]
    assert set(curve["model"]) == {"house"}
    assert len(curve) == tables.POINTS
    assert curve["step"].is_monotonic_increasing
    levels = table[table["part"] == "validation"].set_index("model")["nats_per_base"]
    assert levels.to_dict() == {"house": 1.26, "untrained": 1.42}


def test_curve_has_no_gaps_where_a_training_was_validated_between_the_steps_that_were_logged(tmp_path):
    path = tmp_path / "training.tsv"
    path.write_text(
        "step\ttrain_nats_per_base\tvalidation_nats_per_base\n5\t\t1.4\n10\t1.3\t1.3\n15\t\t1.3\n20\t1.2\t1.2\n"
    )
    table = tables.training({"training": [path], "metrics": []}, GENOME, BASELINE)
    assert table["step"].tolist() == [10, 20]
    assert table["nats_per_base"].tolist() == table["smoothed"].tolist() == [1.3, 1.2]


@pytest.fixture
def genes(make_genome, tmp_path):
    """Ten genes, five on each strand, on a test contig, and models that know, or do not know, where they start."""
    rng = np.random.default_rng(3)
    codes = rng.integers(0, 4, 4000).astype(np.uint8)
    log_probs = np.full((4000, 4), np.log(0.25), dtype=np.float32)
    features = []
    for number in range(10):
        start, forward = 200 + 350 * number, number % 2 == 0
        places = np.arange(start, start + 3) if forward else np.arange(start + 89, start + 86, -1)
        for place, base in zip(places, "ATG", strict=True):
            code = BASES.index(base) if forward else 3 - BASES.index(base)
            codes[place] = code
            log_probs[place] = np.log([0.97 if other == code else 0.01 for other in range(4)])
        gene = {"contig": "chrI", "start": start, "end": start + 90, "strand": "+" if forward else "-"}
        gene |= {
            "transcript": f"t{number}",
            "gene": f"g{number}",
            "gene_name": "",
            "begins": True,
            "biotype": "protein_coding",
        }
        features += [gene | {"feature": "exon", "phase": -1}, gene | {"feature": "CDS", "phase": 0}]
    genome = make_genome({"chrI": decode(codes), "chrII": "ACGT" * 50})
    for model, said in (("house", log_probs), ("markov_5", np.full_like(log_probs, np.log(0.25)))):
        with ScoresWriter(tmp_path / f"{model}.parquet", {"model": model}) as writer:
            writer.write("chrI", 0, codes, said)
        write_dataset([tmp_path / f"{model}.parquet"], genome.contigs, tmp_path / model / "scores")
    write_gff3(pd.DataFrame(features), genome.contigs, tmp_path / "annotation.gff3.gz")
    pd.DataFrame({"contig": ["chrI"], "start": [0], "end": [2000], "split": ["test"]}).to_csv(
        tmp_path / "split.tsv", sep="\t", index=False
    )
    return {
        "datasets": [tmp_path / "house" / "scores", tmp_path / "markov_5" / "scores"],
        "annotation": [tmp_path / "annotation.gff3.gz"],
        "fasta": [genome.path],
        "split": [tmp_path / "split.tsv"],
        "summaries": [],
    }


def test_the_logo_shows_atg_on_both_strands_where_the_model_knows_it(genes):
    table = tables.logo_start_codons(genes, GENOME, {"markov_5": True, "house": False})
    start = table[table["position"].between(1, 3)].set_index(["source", "position"])
    for position, base in enumerate("ATG", start=1):
        assert start.loc[(tables.OBSERVED, position), base] == 1
        assert start.loc[("house", position), base] == pytest.approx(0.97, abs=1e-3)
        assert start.loc[("markov_5", position), base] == pytest.approx(0.25, abs=1e-3)
    assert table["n"].unique().tolist() == [5]  # 200, 900, 1600 and, on the minus strand, 639 and 1339
    assert table["source"].unique().tolist() == [tables.OBSERVED, "house", "markov_5"]
    assert table[list(BASES)].sum(axis=1).to_numpy() == pytest.approx(1)
    assert 0 not in set(table["position"])


def test_a_contig_without_scores_or_genes_gives_an_empty_logo(genes, tmp_path):
    split = tmp_path / "other.tsv"
    split.write_text("contig\tstart\tend\tsplit\nchrII\t0\t200\ttest\n")
    assert tables.logo_start_codons({**genes, "split": [split]}, GENOME, {"house": False}).empty
    assert tables.logo_start_codons({**genes, "datasets": []}, GENOME, {}).empty


def test_logos_count_the_sites_that_all_models_shown_have_scored(genes, tmp_path):
    """Not those on contigs that one of them leaves out, nor near an N, where some models have no score."""
    fasta = Genome(genes["fasta"][0])
    codes, even = fasta.codes("chrI", 0, 4000), np.full((4000, 4), np.log(0.25), dtype=np.float32)
    for model in ("gaps", "other"):
        with ScoresWriter(tmp_path / f"{model}.parquet", {"model": model}) as writer:
            if model == "gaps":
                writer.write("chrI", 0, codes, even, (np.arange(4000) >= 195) & (np.arange(4000) < 205))
            writer.write("chrII", 0, fasta.codes("chrII", 0, 200), even[:200])
        write_dataset([tmp_path / f"{model}.parquet"], fasta.contigs, tmp_path / model / "scores")
    gaps, other = ({**genes, "datasets": [*genes["datasets"], tmp_path / m / "scores"]} for m in ("gaps", "other"))
    table = tables.logo_start_codons(gaps, GENOME, {"house": False, "gaps": True})
    assert table["n"].unique().tolist() == [4]
    assert np.isfinite(table[list(BASES)].to_numpy()).all()
    assert tables.logo_start_codons(other, GENOME, {"house": False, "other": True}).empty


def test_logos_of_stop_codons_and_splice_sites_are_read_on_their_own_strand(genes):
    table = tables.logo_sites(genes, GENOME, {"markov_5": True, "house": False})
    assert set(table["site"]) == {"stop"}  # these genes have no intron
    assert table["n"].unique().tolist() == [6]
    fasta = Genome(genes["fasta"][0])
    stops = [fasta.codes("chrI", start + 87, start + 90) for start in (200, 900, 1600)]
    stops += [complement(fasta.codes("chrI", start, start + 3))[::-1] for start in (550, 1250, 1950)]
    observed = table[table["source"] == tables.OBSERVED].set_index("position")
    for position in (1, 2, 3):
        counts = np.bincount([stop[position - 1] for stop in stops], minlength=4) / 6
        np.testing.assert_allclose(observed.loc[position, list(BASES)].to_numpy(dtype=float), counts)


def test_what_is_written_under_logos_of_sites_stands_apart_and_within_the_picture():
    positions = [*range(-15, 0), *range(1, 16)]
    shares = {"n": 12_345} | dict.fromkeys(BASES, 0.25)
    rows = [{"site": s, "source": "m", "position": p} | shares for s in logo_figures.SITES for p in positions]
    figure = logo_figures.logo_sites(pd.DataFrame(rows), {})
    figure.draw_without_rendering()
    assert figure.get_figwidth() == 10  # as other plots, so that their texts are of one size on the page
    labels = [axes.xaxis.label.get_window_extent() for axes in figure.axes]
    assert labels[-1].x1 <= figure.bbox.x1 and all(left.x1 < right.x0 for left, right in pairwise(labels))
    for axes in figure.axes:
        numbers = [label.get_window_extent() for label in axes.get_xticklabels() if label.get_text()]
        assert numbers and all(left.x1 < right.x0 for left, right in pairwise(numbers))


def test_logos_of_introns_hold_gt_and_ag_in_their_places(make_genome, tmp_path):
    rng = np.random.default_rng(0)
    codes, rows = rng.integers(0, 4, 2_000).astype(np.uint8), []
    for number in range(10):
        low, forward = 100 + 180 * number, number % 2 == 0
        for start, pair in zip((low + 40, low + 78), ("GT", "AG") if forward else ("CT", "AC"), strict=True):
            codes[start : start + 2] = [BASES.index(base) for base in pair]
        same = {"contig": "c", "strand": "+-"[not forward], "transcript": f"t{number}", "gene": f"g{number}"}
        same |= {"gene_name": "", "begins": True, "biotype": "protein_coding", "feature": "exon", "phase": -1}
        rows += [{**same, "start": s, "end": e} for s, e in ((low, low + 40), (low + 80, low + 120))]
    genome = make_genome({"c": decode(codes)})
    write_gff3(pd.DataFrame(rows), genome.contigs, tmp_path / "genes.gff3.gz")
    with ScoresWriter(tmp_path / "m.parquet", {"model": "m"}) as writer:
        writer.write("c", 0, codes, np.full((len(codes), 4), np.log(0.25), dtype=np.float32))
    write_dataset([tmp_path / "m.parquet"], genome.contigs, tmp_path / "m" / "scores")
    (tmp_path / "split.tsv").write_text("contig\tstart\tend\tsplit\nc\t0\t2000\ttest\n")
    sources = {"datasets": [tmp_path / "m" / "scores"], "annotation": [tmp_path / "genes.gff3.gz"]}
    sources |= {"fasta": [genome.path], "split": [tmp_path / "split.tsv"], "summaries": []}
    table = tables.logo_sites(sources, GENOME, {"m": False})
    found = table[table["source"] == tables.OBSERVED].set_index(["site", "position"])
    for site, places in (("donor", {1: "G", 2: "T"}), ("acceptor", {-2: "A", -1: "G"})):
        for position, base in places.items():
            assert found.loc[(site, position), base] == 1, (site, position)
    assert set(found["n"]) == {10}


def test_probabilities_that_are_right_lie_on_the_line(make_genome, tmp_path):
    rng = np.random.default_rng(0)
    chance = rng.dirichlet([1, 1, 1, 1], 20_000)
    codes = (rng.random((20_000, 1)) > np.cumsum(chance, axis=1)).sum(axis=1).clip(max=3).astype(np.uint8)
    genome = make_genome({"c": decode(codes)})
    with ScoresWriter(tmp_path / "m.parquet", {"model": "m"}) as writer:
        writer.write("c", 0, codes, np.log(chance).astype(np.float32))
    write_dataset([tmp_path / "m.parquet"], genome.contigs, tmp_path / "m" / "scores")
    (tmp_path / "split.tsv").write_text("contig\tstart\tend\tsplit\nc\t0\t20000\ttest\n")
    sources = {"datasets": [tmp_path / "m" / "scores"], "split": [tmp_path / "split.tsv"], "summaries": []}
    table = tables.calibration(sources, GENOME, {"m": False})
    assert table["n"].sum() == 80_000 and len(table) >= 18
    assert (table["observed"] - table["predicted"]).abs().to_numpy() == pytest.approx(0, abs=0.06)
    assert table["predicted"].between(table["low"], table["high"]).all()
    table.loc[table.index[-1], ["observed", "n"]] = 0.0, 1  # a single letter of a probability near one
    drawn = figures.calibration(table, style.looks(["m"])).axes[0].lines[1].get_ydata()
    assert len(drawn) == len(table) - 1 and drawn.min() == table["observed"][:-1].min()


def _windows(tmp_path):
    """Scored items of the task windows: two classes, well apart."""
    rng = np.random.default_rng(0)
    kinds = np.repeat(["CDS", "intergenic"], 100)
    components = rng.normal(size=(200, 5)).astype(np.float32) + 5 * (kinds == "CDS")[:, None].astype(np.float32)
    table = pd.DataFrame({"contrast": "all windows", "stratum": kinds, "components": list(components)})
    (tmp_path / "windows").mkdir(exist_ok=True)
    table.to_parquet(tmp_path / "windows" / "house.parquet")
    return tmp_path / "windows" / "house.parquet"


def test_windows_that_lie_apart_lie_apart_on_the_map(tmp_path):
    sources = {"scores": [_windows(tmp_path)], "summaries": []}
    table = tables.windows_map(sources, GENOME, {"house": False})
    middle = table.groupby("class")[["x", "y"]].mean()
    spread = table.groupby("class")[["x", "y"]].std().to_numpy().max()
    assert np.linalg.norm(middle.loc["CDS"] - middle.loc["intergenic"]) > 2 * spread
    assert tables.windows_map(sources, GENOME, {"house": True}).empty


def test_neighbours_stay_neighbours_on_the_map_and_the_seed_decides_where():
    rng = np.random.default_rng(1)
    angle = rng.uniform(0, 2 * np.pi, 300)
    ring = np.pad(np.column_stack([np.cos(angle), np.sin(angle)]), ((0, 0), (0, 8))) + rng.normal(0, 0.02, (300, 10))
    place = in_two_dimensions(ring.astype(np.float32), seed=3)
    assert place.shape == (300, 2) and np.isfinite(place).all()
    assert trustworthiness(ring, place, n_neighbors=15) > 0.95  # 0.5 is a map by chance
    np.testing.assert_array_equal(place, in_two_dimensions(ring.astype(np.float32), seed=3))
    assert not np.array_equal(place, in_two_dimensions(ring.astype(np.float32), seed=4))


def _texts(figure) -> list[str]:
    """All words of a figure."""
    return [text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))]


def _sources(tmp_path) -> dict[str, list]:
    scores = {"missense vs synonymous": (np.linspace(0, 1, 40), np.linspace(-1, 0, 40))}
    write_model(tmp_path / "models" / "house", steps=50, validation=1.26)
    return {
        "summaries": [write_summary(tmp_path / "summary.tsv", rows_of_all_verdicts())],
        "scores": [write_scores(tmp_path / "scores" / "house.parquet", scores)],
        "training": [tmp_path / "models" / "house" / "training.tsv"],
        "metrics": [tmp_path / "models" / "house" / "metrics.json"],
    }


LABELLED = ("clinvar_curves", "llr_by_frequency", "frequency_by_llr", "odds_by_frequency", "odds_ratios")
MAF = {"rare": 0.0001, "MAF below 0.1 %": 0.0005, "MAF 1-5 %": 0.03}  # of the alleles of a bin; of common ones 0.2


def _labelled(tmp_path, name: str) -> dict[str, list]:
    """Scores and summaries that a plot of labelled variants is drawn from, in which the model is nearly right."""
    low, high = np.linspace(-2, 1, 40), np.linspace(0, 3, 30)
    clinvar = {"all P/LP vs B/LB": (high, low), "tRNA P/LP vs B/LB": (high[:5], low)}
    contrasts = {
        f"{name} vs common": (high + n, low) for n, name in enumerate(("MAF 1-5 %", "MAF below 0.1 %", "rare"))
    }
    contrasts["rare vs common, matched"] = (high + 2, low[:30])
    odds = {"metric": "odds_ratio_10%", "headline": "no", "n_positives": 30, "n_negatives": 40}

    def more(contrast: str, label: int) -> dict:
        maf = MAF.get(contrast.removesuffix(" vs common"), 0.0001) if label else 0.2
        return {"maf": maf, "block": [f"gene{n % 10}" for n in range(len(contrasts[contrast][1 - label]))]}

    rows = [
        row("clinvar", "all P/LP vs B/LB", "house", 0.9, 0.1, metric="auroc"),
        row("allele_frequency", "rare vs common, matched", "house", 5.0, 2.0, **odds),
        row("allele_frequency", "rare vs common, matched", "markov_5", 3.0, **odds),
        *(row("allele_frequency", f"{bin} vs common", "house", 4.0 - n, **odds) for n, bin in enumerate(MAF)),
        row("allele_frequency", "rare vs common", "gc", 1.0, **odds),
    ]
    path = tmp_path / name / "house.parquet"
    scores = write_scores(path, clinvar) if name == LABELLED[0] else write_scores(path, contrasts, more)
    return {"summaries": [write_summary(tmp_path / "labelled.tsv", rows)], "scores": [scores]}


def test_curves_of_clinvar_begin_and_end_where_they_must(tmp_path):
    table = tables.clinvar_curves(_labelled(tmp_path, "clinvar_curves"), GENOME, BASELINE)
    assert set(table["contrast"]) == {"all P/LP vs B/LB"}  # five of tRNA are too few
    roc, precision = (table[table["curve"] == curve] for curve in ("roc", "precision"))
    assert (roc["x"].iloc[0], roc["y"].iloc[0], roc["x"].iloc[-1], roc["y"].iloc[-1]) == (0, 0, 1, 1)
    area = np.trapezoid(roc["y"], roc["x"])
    score = np.concatenate([np.linspace(0, 3, 30), np.linspace(-2, 1, 40)])
    assert area == pytest.approx(statistics.auroc(score, np.arange(70) < 30, np.zeros(70, dtype=int)).value)
    assert precision["x"].iloc[-1] == 1 and precision["y"].iloc[-1] >= 30 / 70
    assert set(table["base_rate"]) == {30 / 70} and set(table["best_baseline"]) == {"markov_5"}


def test_curves_of_clinvar_are_of_the_items_that_all_models_scored_and_of_contrasts_with_a_metric(tmp_path):
    low, high = np.linspace(-2, 1, 40), np.linspace(0, 3, 30)
    names = ["all P/LP vs B/LB", "missense P/LP vs B/LB"]
    house = write_scores(tmp_path / "house.parquet", dict.fromkeys(names, (high, low)))
    partial = np.where(np.arange(40) < 15, low, np.nan)
    untrained = write_scores(tmp_path / "untrained.parquet", dict.fromkeys(names, (high, partial)))
    nothing = write_scores(tmp_path / "markov_5.parquet", dict.fromkeys(names, (high * np.nan, low * np.nan)))
    rows = [row("clinvar", name, "house", value, 0.1) for name, value in zip(names, (0.9, np.nan), strict=True)]
    sources = {"scores": [house, untrained, nothing], "summaries": [write_summary(tmp_path / "s.tsv", rows)]}
    table = tables.clinvar_curves(sources, GENOME, BASELINE)
    told = table[["model", "contrast", "n_positives", "n_negatives", "auroc"]].drop_duplicates()
    assert told.to_numpy().tolist() == [["house", names[0], 30, 15, 0.9]]


def test_scores_over_frequency_hold_the_common_alleles_once(tmp_path):
    table = tables.llr_by_frequency(_labelled(tmp_path, "llr_by_frequency"), GENOME, BASELINE)
    found = table.set_index("bin").loc[["rare", "MAF below 0.1 %", "MAF 1-5 %", "common"]]
    assert found["n"].tolist() == [30, 30, 30, 40]
    assert found["mean"].is_monotonic_increasing


def test_frequency_over_score_holds_every_allele_once_with_an_interval_over_genes(tmp_path):
    table = tables.frequency_by_llr(_labelled(tmp_path, "frequency_by_llr"), GENOME, BASELINE)
    assert len(table) == 10 and table["n"].sum() == 30 * 3 + 40 and table["llr"].is_monotonic_increasing
    expected = (30 * sum(MAF.values()) + 40 * 0.2) / 130
    assert np.average(table["mean"], weights=table["n"]) == pytest.approx(expected)
    assert (table["low"] <= table["mean"]).all() and (table["mean"] <= table["high"]).all()
    assert table["mean"].iloc[-1] > table["mean"].iloc[0]


def test_odds_over_frequency_are_those_of_models_from_the_rarest_bin_on(tmp_path):
    table = tables.odds_by_frequency(_labelled(tmp_path, "odds_by_frequency"), GENOME, BASELINE)
    assert table[["bin", "scorer", "value"]].values.tolist() == [
        ["rare", "house", 4.0],
        ["MAF below 0.1 %", "house", 3.0],
        ["MAF 1-5 %", "house", 2.0],
    ]


def test_odds_ratios_are_those_of_the_matched_contrast(tmp_path):
    table = tables.odds_ratios(_labelled(tmp_path, "odds_ratios"), GENOME, BASELINE)
    assert table[["scorer", "tail", "value"]].values.tolist() == [["house", "10%", 5.0], ["markov_5", "10%", 3.0]]


def test_a_plot_is_the_same_bytes_every_time_in_colours_that_the_page_can_turn_dark(tmp_path, genes):
    shared = {**genes, **_sources(tmp_path)}
    for name in PLOTS:
        sources = shared | _labelled(tmp_path, name) if name in LABELLED else shared
        sources = {**shared, "scores": [_windows(tmp_path)]} if name == "windows_map" else sources
        written = []
        for number in (1, 2):
            svg, tsv = tmp_path / str(number) / f"{name}.svg", tmp_path / str(number) / f"{name}.tsv"
            make_plot(name, GENOME, {"markov_5": True, "house": False}, sources, svg, tsv)
            written.append((svg.read_bytes(), tsv.read_bytes()))
            assert len(pd.read_csv(tsv, sep="\t"))
        assert written[0] == written[1]
        text = written[0][0].decode()
        assert "dc:date" not in text
        assert set(re.findall(r"#[0-9a-f]{6}\b", text)) <= set(style.VARIABLES)
        assert len(text) > 5000


@pytest.mark.parametrize("name", PLOTS)
def test_with_nothing_to_draw_the_picture_says_so(tmp_path, name):
    sources = {needed: [] for needed in PLOTS[name].reads}
    make_plot(name, GENOME, BY_THEIR_ROWS, sources, tmp_path / "plot.svg", tmp_path / "plot.tsv")
    text = " ".join(re.findall(r">([^<>]+)</text>", (tmp_path / "plot.svg").read_text()))
    assert " ".join(text.split()) == PLOTS[name].empty
    assert (tmp_path / "plot.tsv").exists()


@pytest.mark.parametrize("name", [name for name, plot in PLOTS.items() if "scores" in plot.reads])
def test_with_a_task_that_found_no_item_the_picture_says_so(tmp_path, name):
    more = {"maf": [], "block": [], "stratum": [], "components": []}
    scores = write_scores(tmp_path / "house.parquet", {"rare vs common": (np.zeros(0), np.zeros(0))}, lambda *_: more)
    sources = {needed: [] for needed in PLOTS[name].reads} | {"scores": [scores]}
    make_plot(name, GENOME, BY_THEIR_ROWS, sources, tmp_path / "plot.svg", tmp_path / "plot.tsv")
    text = " ".join(re.findall(r">([^<>]+)</text>", (tmp_path / "plot.svg").read_text()))
    assert " ".join(text.split()) == PLOTS[name].empty
