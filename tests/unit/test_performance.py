"""What make bench counts and prints: operations, models of equal size, single masks, the table and the sheet."""

import numpy as np
import pandas as pd
import pytest
import torch
from performance import __main__ as bench
from performance import callsets, efficiency, published_rates, published_spacing, quality, strategies
from performance.corpus import make_corpus
from performance.figure import draw
from performance.flops import inference_flops, training_flops
from performance.published_sizes import SIZES
from performance.published_sizes import build as build_published
from performance.table import Measured, aligned, write_table
from performance.twins import architecture, preset, recipe, size, twin
from performance.writing import measure_bigwig

from glmtracks.scoring.strategies import USUAL_SPACING, choose
from glmtracks.training import build

SHAPE = {"width": 16, "layers": 3, "kernel": 3, "max_dilation": 4}


@pytest.fixture
def corpus(make_genome, tmp_path):
    """Three chromosomes that repeat a word."""
    lengths = {"chrI": 60, "chrII": 400, "chrXVI": 700}
    genome = make_genome({contig: "ACGGTTACAGTCA" * times for contig, times in lengths.items()})
    return make_corpus({"tiny": genome.path}, tmp_path / "corpus", threads=1, purged=False)


@pytest.mark.parametrize("kind, strands", [("one_pass", 2), ("causal", 1), ("masked", 1)])  # that one pass reads
def test_operations_are_two_for_each_weight_on_each_strand_and_thrice_in_training(kind, strands):
    model = build(kind, SHAPE | {"seed": 1})
    linear = [layer for layer in model.modules() if isinstance(layer, torch.nn.Linear)]
    weights = sum(layer.weight.numel() for layer in linear)
    passes = {"one_pass": 1, "causal": 2, "masked": 2 * USUAL_SPACING}[kind]
    assert inference_flops(model) == 2 * weights * strands * passes
    # bases have no gradient, so the backward pass through the embedding takes one product, not two
    symbols = model.embedding.symbols.weight.numel()
    assert training_flops(model) == 2 * strands * (3 * weights - symbols)
    assert all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize("kind", ["masked", "causal"])
def test_twins_have_the_parameters_and_the_reach_of_the_model_of_the_preset(kind):
    shape = architecture("one_pass", preset())
    found = twin(kind, "one_pass", shape)
    for ours, theirs in zip(size(kind, found), size("one_pass", shape), strict=True):
        assert ours == pytest.approx(theirs, rel=0.05)
    assert recipe(kind, preset())["optimiser"] == "muon"
    with pytest.raises(ValueError, match="no masked model"):
        twin("masked", "one_pass", SHAPE)


def test_single_masks_are_what_the_strategy_of_single_masks_asks():
    model = build("masked", SHAPE | {"kernel": 3, "seed": 1}).eval()
    codes = torch.randint(5, (2, 60), dtype=torch.uint8)
    single = quality.single_masks(model, 5, 3)(codes)
    spacing = model.receptive_field + 1
    asked = (torch.arange(50) % spacing == 3) & (codes[:, 5:55] < 4)
    torch.testing.assert_close(single[asked], choose(model, "masked").log_probs(model, codes, 5)[asked])
    assert single[:, torch.arange(50) % spacing != 3].isnan().all()


def test_held_out_losses_are_those_of_the_validation_chromosome(corpus, monkeypatch):
    monkeypatch.setattr(quality, "ORDERS", range(1, 4))
    member = corpus.genomes[0]
    assert set(member.windows["contig"][member.windows["split"] == "train"]) == {"chrII"}
    assert set(member.windows["contig"][member.windows["split"] == "validation"]) == {"chrXVI"}
    losses = [quality.held_out_losses(chain, corpus, "float32", 1) for chain in quality.count(corpus)]
    assert all(len(loss) == 9100 and not np.isnan(loss).any() for loss in losses)
    first, second, third = (loss.mean() for loss in losses)
    assert third < second < first < np.log(4)
    model = build("masked", SHAPE | {"seed": 1})
    found = quality.held_out_losses(model, corpus, "float32", 1)
    assert (~np.isnan(found)).sum() == pytest.approx(4400, rel=0.05)


def test_training_scoring_and_loading_are_measured(corpus, monkeypatch):
    monkeypatch.setitem(efficiency.SIZE, "cpu", 256)
    model = build("one_pass", SHAPE | {"seed": 1})
    short = recipe("one_pass", {"batch": 2}) | {"precision": "float32"}
    figures = efficiency.measure_training(model, corpus, short, torch.float32, laps=2)
    figures += efficiency.measure_inference(model, corpus, torch.float32, threads=torch.get_num_threads(), tiles=1)
    assert all(figure.value > 0 for figure in figures)
    assert figures[3].value > figures[2].value  # margins are work too


def test_published_architectures_are_measured_at_published_sizes():
    millions = {}
    for name in ("gpn-brassicales", "DNA_bert_6", "SpliceBERT", "DNABERT-2-117M", "PlantCaduceus_l20"):
        with torch.device("meta"):
            millions[name] = round(sum(p.numel() for p in build_published(SIZES[name]).parameters()) / 1e6)
    assert list(millions.values()) == [66, 89, 20, 117, 21]


def test_published_architectures_are_measured(monkeypatch):
    monkeypatch.setitem(efficiency.SIZE, "cpu", 256)
    tiny = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    size = SIZES["DNABERT-2-117M"]
    found = published_rates._share("tiny", size._replace(options=size.options | tiny, batch=(2, 128)), runs=1)
    assert 0 < found.value < 1 and found.goal == "≥ 0.4" and "dnabert2" in found.note
    kmers = published_rates.measure_kmers(tiny, length=24, runs=1)
    assert kmers.value > 0 and kmers.goal == "≤ 1"


@pytest.mark.parametrize("name", published_spacing.SMALL)
def test_small_published_architectures_are_trained_and_their_spacings_compared(corpus, monkeypatch, name):
    size = published_spacing.SMALL[name]
    tiny = {"hidden_size": 8, "n_layers": 2} if name == "GPN" else {"d_model": 8, "n_layer": 1}
    size = size._replace(options=size.options | tiny | {"context": 64}, batch=(2, 32))
    monkeypatch.setattr(published_spacing, "SMALL", {name: size})
    monkeypatch.setattr(strategies, "LASTING", 0)
    speed, agreement = published_spacing.measure_published_spacing(corpus, 1, minutes=0, sample=8)
    assert speed.value > 0 and speed.goal == "≥ 15" and agreement.value >= 0.995


def test_scoring_of_call_sets_is_measured(corpus):
    model = build("one_pass", SHAPE | {"seed": 1})
    figures = callsets.measure_callsets(model, corpus, torch.float32, torch.get_num_threads(), variants=500)
    assert len(figures) == 4 and all(figure.value > 0 for figure in figures)


def test_a_model_is_trained_for_some_minutes_and_validated_on_the_way(corpus):
    short = recipe("causal", {"batch": 2}) | {"precision": "float32", "validations": 4}
    trained = quality.train("causal", SHAPE, short, corpus, minutes=0)
    minutes, losses = zip(*trained.clock.validations, strict=True)
    assert trained.steps == len(trained.clock.ends) == len(losses) == 4
    assert 0 < minutes[0] < minutes[1] < minutes[2] < minutes[3] < 1
    assert all(0 < loss < 2 for loss in losses)


def test_a_table_of_figures(tmp_path):
    figures = [Measured("one", 0.5, "≥ 0.45", "a note"), Measured("another", 1.27, "≤ 1.2"), Measured("told", 3)]
    assert aligned(figures).splitlines() == [
        "name      value  goal    met  note",
        "one      0.5000  ≥ 0.45  yes  a note",
        "another  1.2700  ≤ 1.2   no",
        "told     3.0000",
    ]
    write_table(figures, tmp_path / "folder" / "bench.tsv")
    table = pd.read_csv(tmp_path / "folder" / "bench.tsv", sep="\t")
    assert list(table) == ["name", "value", "goal", "met", "note"]
    assert table["met"].tolist()[:2] == ["yes", "no"]
    assert [Measured("x", value, "> 0").met for value in (0.0, 0.1, float("nan"))] == ["no", "yes", "no"]


def test_an_interruption_keeps_the_figures_that_were_measured(tmp_path, monkeypatch):
    def measured(options):
        yield [Measured("first", 1.0)]
        raise KeyboardInterrupt

    table = tmp_path / "bench.tsv"
    monkeypatch.setattr(bench, "_measured", measured)
    monkeypatch.setattr("sys.argv", ["bench", "--output", str(table), "--threads", str(torch.get_num_threads())])
    with pytest.raises(KeyboardInterrupt):
        bench.main()
    assert pd.read_csv(table, sep="\t")["name"].tolist() == ["first"]


def test_the_figure_has_a_curve_and_a_point_for_each_objective():
    rows = [(o, m, 1.4 - m / 100, "every base", "windows") for o in quality.OBJECTIVES for m in (1, 2, 3)]
    rows += [(o, 3, 1.3, "single mask", "chromosome") for o in quality.OBJECTIVES]
    sheet = pd.DataFrame([*rows, ("markov_12", np.nan, 1.33, "every base", "chromosome")], columns=quality.SHEET)
    axes = draw(sheet).axes[0]
    assert len(axes.get_legend_handles_labels()[1]) == 6
    assert len(axes.lines) == 7


def test_writing_is_measured_in_a_process_of_its_own():
    speed, memory, growth = measure_bigwig({"short": 1_000, "long": 2_000})
    assert speed.value > 0 and 10 < memory.value < 1000 and 0.5 < growth.value < 2 and "2 times" in growth.name
