"""How plots look: nothing lies upon anything else, and what differs looks different."""

from itertools import combinations, pairwise

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from glmtracks.plots import figures, style


@pytest.mark.parametrize("span", [(0.057, 0.098), (0.51, 4.0), (0.16, 42), (0.001, 90), (1e-4, 1e4)])
def test_the_numbers_of_a_logarithmic_axis_stand_apart(span):
    figure = Figure(figsize=(4.5, 3), layout="constrained")
    axes = figure.subplots()
    axes.plot(span, span)
    style.log_scale(axes, "x")
    figure.draw_without_rendering()
    low, high = axes.get_xlim()
    ticks = [*axes.xaxis.get_major_ticks(), *axes.xaxis.get_minor_ticks()]
    labels = sorted((t.get_loc(), t.label1.get_window_extent()) for t in ticks if low <= t.get_loc() <= high)
    assert len(labels) > 1 and all(left.x1 < right.x0 for (_, left), (_, right) in pairwise(labels))


@pytest.mark.parametrize("width", [6, 10])
@pytest.mark.parametrize("length", [4, 12, 25, 40])
def test_a_legend_keeps_within_the_picture(width, length):
    figure = Figure(figsize=(width, 5), layout="constrained")
    axes = figure.subplots()
    for number in range(12):
        axes.plot([0, 1], "o", label=f"{number:x}" * length)
    style.legend_above(figure, axes)
    figure.draw_without_rendering()
    assert figure.legends[0].get_window_extent().x1 <= figure.bbox.x1


def test_models_keep_their_colour_and_baselines_are_hollow():
    looks, hollow = style.looks(["a", "b"]), style.baseline_looks(["markov", "uniform"])
    assert looks["a"].face == looks["a"].colour != looks["b"].colour
    assert {look.face for look in hollow.values()} == {style.PAPER}


def test_no_two_of_a_dozen_models_look_alike():
    assert len(set(style.looks(list("abcdefghijkl")).values())) == 12


@pytest.mark.parametrize("count", [1, 4, 12])
def test_dots_of_many_models_do_not_lie_upon_each_other(count):
    names = list("abcdefghijkl"[:count])
    found = {"difference": 0.1, "difference_low": 0.0, "difference_high": 0.2, "value": 0.7, "metric": "auroc"}
    rows = [
        {"task": "clinvar", "contrast": contrast, "scorer": name, "best_baseline": "", **found}
        for contrast in ("missense", "all")
        for name in names
    ]
    figure = figures.differences(pd.DataFrame(rows), style.looks(names))
    figure.draw_without_rendering()
    axes = figure.axes[0]
    heights = np.sort([axes.transData.transform((0, y))[1] for bar in axes.containers for y in bar[0].get_ydata()])
    assert count == 1 or np.diff(heights).min() > 5 * figure.dpi / 72  # points that a dot is wide


@pytest.mark.parametrize("draw", [figures.llr_by_consequence, figures.llr_by_frequency])
@pytest.mark.parametrize("names", [["one"], ["gpn", "caduceus"], [f"nucleotide_transformer_{n}" for n in range(15)]])
def test_panels_of_many_models_do_not_lie_upon_each_other(draw, names):
    quantiles = {f"q{q:g}": -1 - q for q in (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)} | {"n": 30, "mean": -1}
    rows = [{"model": name, "consequence": kind, "bin": kind, **quantiles} for name in names for kind in ("CDS", "all")]
    figure = draw(pd.DataFrame(rows), style.looks(names))
    figure.draw_without_rendering()
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    boxes = [axes.get_tightbbox() for axes in figure.axes]
    assert titles == names
    assert not [1 for one, other in combinations(boxes, 2) if one.overlaps(other)]
    assert all(figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1 for box in boxes)


@pytest.mark.parametrize("count", [1, 5, 15])
def test_names_of_levels_stand_apart_and_within_the_picture(count):
    names = [f"nucleotide_transformer_{n}" for n in range(count)]
    curves = [{"model": name, "part": "train", "step": n, "nats_per_base": 1.3} for name in names for n in (1, 2)]
    levels = [{"model": name, "part": "validation", "nats_per_base": 1.28} for name in names]
    table = pd.DataFrame([*curves, *levels]).assign(smoothed=1.3)
    figure = figures.training(table, style.looks(names))
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert len(boxes) == count + 1
    assert all(lower.y1 <= upper.y0 + 1 for upper, lower in pairwise(boxes))  # a pixel of their margin
    assert all(box.y0 >= 0 and box.y1 <= figure.bbox.y1 and box.x1 <= figure.bbox.x1 for box in boxes)


@pytest.mark.parametrize("count", [1, 15])
def test_curves_of_clinvar_are_told_apart_without_colours(count):
    names = [f"transformer_{n}" for n in range(count)]
    told = {"contrast": "all", "auroc": 0.9, "n_positives": 9, "n_negatives": 9, "base_rate": 0.5, "best_baseline": ""}
    rows = [
        {"model": name, "curve": curve, "x": x, "y": x, **told}
        for name in names
        for curve in ("roc", "precision")
        for x in (0, 1)
    ]
    figure = figures.clinvar_curves(pd.DataFrame(rows), style.looks(names))
    figure.draw_without_rendering()
    axes = figure.axes[0]
    curves = [(line.get_color(), line.get_linestyle(), line._dash_pattern) for line in axes.lines[:count]]
    assert len(set(map(str, curves))) == count
    assert [text.get_text() for text in axes.texts] == [*(f"{name} 0.900" for name in names), "AUROC"]
    boxes = [text.get_window_extent() for text in axes.texts]
    assert all(upper.y0 >= lower.y1 - 1 for lower, upper in pairwise(boxes))  # a pixel of their margin
    assert boxes[-1].y1 <= axes.get_window_extent().y1
