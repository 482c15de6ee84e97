"""Scores of haplotypes against a slow reference: each sequence written out by hand, the model asked base by base."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from published_checkpoints import adopt_layout
from scipy.special import log_softmax

from glmtracks.arrays import Sequences
from glmtracks.genome import UNKNOWN, complement, encode
from glmtracks.models.registry import load
from glmtracks.scoring.runner import Runner
from glmtracks.scoring.strategies import choose
from glmtracks.scoring.tiles import tile_contigs
from glmtracks.training import build
from glmtracks.variants.haplotypes import (
    Changes,
    Span,
    embedding_distances,
    influences,
    length_class,
    likelihood_ratios,
    pairs,
    window_length,
)
from glmtracks.variants.lookups import TILE, cover, model_lookup, sparse_log_probs

PARAMETERS = {"order": 3, "prior": 1.0, "width": 8, "layers": 2, "kernel": 3, "max_dilation": 2, "seed": 0}
LENGTH = 240


def runner_of(kind: str, strands: int = 0, strategy: str = "auto") -> Runner:
    """A small model with random weights, masks alone where it needs them."""
    model = build(kind, PARAMETERS)
    if kind == "markov":
        model.counts.copy_(torch.from_numpy(np.random.default_rng(1).integers(0, 50, len(model.counts))))
    asked = choose(model, "masked" if kind == "masked" else strategy, strands)
    return Runner.start(model, window=64, batch=2, precision="float32", device="cpu", threads=1, strategy=asked)


def published_runner(name: str, folder: Path, context: int, window: int = 64) -> Runner:
    """A published layout with random weights and windows of at most `context` bases, whose ends all predictions see."""
    model = load(adopt_layout(name, folder, parameters={"context": context}))
    return Runner.start(model, window=window, batch=2, precision="float32", device="cpu", threads=1)


@pytest.fixture(params=["markov", "one_pass", "masked", "causal", "causal on one strand"])
def runner(request) -> Runner:
    kind, _, one = request.param.partition(" ")
    return runner_of(kind, strands=1 if one else 0)


@pytest.fixture
def sequence() -> str:
    return "".join(np.random.default_rng(0).choice(list("ACGT"), LENGTH))


def changes_of(contig: str, *changes: tuple[int, str, str]) -> Changes:
    """Changes from (0-based position, REF, ALT)."""
    before, after = (Sequences.of(pa.array([c[n] for c in changes])) for n in (1, 2))
    coded = (s._replace(symbols=encode(s.symbols)) for s in (before, after))
    return Changes(contig, np.array([c[0] for c in changes]), *coded)


def asked_base_by_base(runner: Runner, sequence: str) -> np.ndarray:
    """log P of every base of a sequence as it stands, (strands, bases); a masked model hides one base at a time."""
    codes, model = encode(sequence), runner.model
    strands = [codes, complement(codes[::-1])][: runner.strategy.strands]
    answers = []
    for strand in (torch.from_numpy(s[None].copy()) for s in strands):
        with torch.inference_mode():
            if model.objective == "masked":
                alone = torch.eye(len(codes), dtype=torch.bool)
                answer = model.log_probs(strand.repeat(len(codes), 1), hidden=alone)[alone].numpy()
            else:
                answer = model.log_probs(strand)[0].numpy()
        answers.append(answer)
    if len(answers) == 2:
        answers[1] = answers[1][::-1, ::-1]
        if model.objective != "causal":  # the mean of two distributions is one; of two likelihoods it is not
            answers = [log_softmax(sum(answers) / 2, axis=1)]
    picked = [np.take_along_axis(answer, np.minimum(codes, 3)[:, None], axis=1)[:, 0] for answer in answers]
    return np.where(codes < 4, picked, 0)


def slow(runner: Runner, sequence: str, position: int, ref: str, alt: str) -> tuple[float, float]:
    """The difference of two whole sequences, and the same without the cost of length (bases of `flank` around)."""
    changed = sequence[:position] + alt + sequence[position + len(ref) :]
    before, after = (asked_base_by_base(runner, s).mean(axis=0).sum() for s in (sequence, changed))
    reach = runner.model.receptive_field
    around = slice(max(position - reach, 0), position + len(ref) + reach)
    known = np.array([base in "ACGT" for base in sequence[around]])
    surprise = asked_base_by_base(runner, sequence).mean(axis=0)[around][known].mean()
    return after - before, after - before - (len(alt) - len(ref)) * surprise


CHANGES = [
    (100, "", "ACG"), (100, "", "T"), (0, "", "GG"), (LENGTH, "", "CA"), (120, "{3}", ""), (0, "{2}", ""),
    (LENGTH - 4, "{4}", ""), (60, "{2}", "other"), (80, "{5}", "A"), (81, "{1}", "CCGTTAC"), (30, "", "ACGT" * 30),
    (50, "{90}", ""), (3, "{1}", "other"),
]  # fmt: skip


def concrete(sequence: str, position: int, ref: str, alt: str) -> tuple[int, str, str]:
    """A change with its REF taken from the sequence; `other` = each base exchanged for another."""
    ref = sequence[position : position + int(ref[1:-1])] if ref else ""
    return position, ref, "".join("ACGT"[("ACGT".index(b) + 1) % 4] for b in ref) if alt == "other" else alt


def test_the_sum_over_flanks_is_the_difference_of_whole_sequences(make_genome, sequence, runner):
    genome = make_genome({"a": sequence})
    changes = [concrete(sequence, *change) for change in CHANGES]
    found = np.stack(likelihood_ratios(runner, genome, changes_of("a", *changes)), axis=1)
    expected = [slow(runner, sequence, *change) for change in changes]
    np.testing.assert_allclose(found, expected, atol=2e-4)


def test_undefined_bases_around_count_nothing(make_genome, sequence, runner):
    sequence = sequence[:95] + "N" + sequence[96:104] + "NNR" + sequence[107:]
    genome = make_genome({"a": sequence})
    change = (100, sequence[100:102], "TTA" if sequence[100:102] != "TT" else "CCA")
    found = likelihood_ratios(runner, genome, changes_of("a", change))
    np.testing.assert_allclose(np.ravel(found), slow(runner, sequence, *change), atol=2e-4)


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.data())
def test_any_change_of_any_place(make_genome, tmp_path, data):
    seed = data.draw(st.integers(0, 999))
    sequence = "".join(np.random.default_rng(seed).choice(list("ACGTN"), 90, p=[0.24, 0.24, 0.24, 0.24, 0.04]))
    position = data.draw(st.integers(0, 90))
    width = data.draw(st.integers(0, min(6, 90 - position)))
    change = (position, sequence[position : position + width], data.draw(st.text("ACGT", max_size=6)))
    if "N" in change[1]:
        return
    genome = make_genome({"a": sequence}, name=f"genome{len(list(tmp_path.iterdir()))}")
    runner = runner_of("one_pass")
    found = likelihood_ratios(runner, genome, changes_of("a", change))[0]
    np.testing.assert_allclose(found, slow(runner, sequence, *change)[0], atol=2e-4)


def test_the_other_strand_tells_the_same(make_genome, sequence, runner):
    if runner.strategy.strands == 1 and not runner.model.equivariant:
        pytest.skip("asked on one strand, and not equivariant")
    mirrored = sequence[::-1].translate(str.maketrans("ACGT", "TGCA"))
    there, back = make_genome({"a": sequence}, "there"), make_genome({"a": mirrored}, "back")
    changes = [concrete(sequence, *change) for change in CHANGES]
    mirror = [
        (LENGTH - position - len(ref), *(s[::-1].translate(str.maketrans("ACGT", "TGCA")) for s in (ref, alt)))
        for position, ref, alt in changes
    ]
    for ask in (likelihood_ratios, lambda *a: influences(*a, 20)):
        found, other = (ask(runner, g, changes_of("a", *c)) for g, c in ((there, changes), (back, mirror)))
        np.testing.assert_allclose(found, other, atol=2e-4)


def test_a_circle_has_no_ends(make_genome, sequence, runner):
    turned = sequence[100:] + sequence[:100]
    there, back = (make_genome({"a": s}, n, circular="a") for n, s in (("there", sequence), ("turned", turned)))
    changes = [(2, sequence[2:4], ""), (120, "", "ACG"), (238, sequence[238:240], "A")]
    moved = [((position - 100) % LENGTH, ref, alt) for position, ref, alt in changes]
    found, other = (likelihood_ratios(runner, g, changes_of("a", *c)) for g, c in ((there, changes), (back, moved)))
    np.testing.assert_allclose(found, other, atol=2e-4)


@pytest.mark.parametrize("name", ["nucleotide_transformer", None])
def test_a_haplotype_of_a_small_circle_holds_no_base_twice(name, make_genome, tmp_path):
    runner = published_runner(name, tmp_path, 60) if name else runner_of("one_pass")
    for size in range(50, 90, 3):
        genome = make_genome(
            {"a": "".join(np.random.default_rng(size).choice(list("ACGT"), size))}, str(size), circular="a"
        )
        changes = changes_of(
            "a", *((size // 2, genome.sequence("a", size // 2, size // 2 + n), "") for n in (1, 9, 20))
        )
        for some in pairs(runner, genome, changes, 20):
            known = (some.alternative != UNKNOWN).sum(axis=1)
            assert name is None or (known <= size - some.before).all()
            assert ((some.reference != UNKNOWN).sum(axis=1) <= size).all()


def test_where_an_indel_in_a_repeat_is_written_does_not_matter(make_genome, sequence, runner):
    sequence = sequence[:100] + "CAGCAGCAGCAG" + sequence[112:]
    genome = make_genome({"a": sequence})
    found, _ = likelihood_ratios(
        runner, genome, changes_of("a", (100, "CAG", ""), (103, "CAG", ""), (104, "AGC", ""), (109, "CAG", ""))
    )
    np.testing.assert_allclose(found, found[0], atol=1e-4)


def test_the_normalised_ratio_of_equal_lengths_is_the_ratio(make_genome, sequence, runner):
    change = concrete(sequence, 60, "{4}", "other")
    ratio, normalised = likelihood_ratios(runner, make_genome({"a": sequence}), changes_of("a", change))
    np.testing.assert_allclose(ratio, normalised, atol=1e-9)


def test_how_alleles_are_put_together_does_not_change_a_bit(make_genome, sequence, runner):
    genome = make_genome({"a": sequence})
    changes = changes_of("a", *(concrete(sequence, *change) for change in CHANGES))
    together = np.stack(likelihood_ratios(runner, genome, changes))
    alone = [likelihood_ratios(runner, genome, changes.take(np.array([n]))) for n in range(len(CHANGES))]
    np.testing.assert_array_equal(together, np.concatenate(alone, axis=1))


def test_a_model_with_a_longest_window_gets_no_longer_one(make_genome, sequence):
    runner = runner_of("one_pass")
    type(runner.model).context, asked = 60, []
    try:
        ask = runner.ask
        runner.ask = lambda codes, margin=0: asked.append(codes.shape[1]) or ask(codes, margin)
        changes = changes_of("a", *(concrete(sequence, *change) for change in CHANGES[:10]))
        ratio, _ = likelihood_ratios(runner, make_genome({"a": sequence}), changes)
    finally:
        type(runner.model).context = None
    assert np.isfinite(ratio).all() and max(asked) <= 60
    exact, _ = likelihood_ratios(runner_of("one_pass"), make_genome({"a": sequence}, "again"), changes)
    assert np.corrcoef(ratio, exact)[0, 1] > 0.9


@pytest.mark.parametrize("name", ["nucleotide_transformer", "dnabert2", "caduceus_ps"])
def test_what_else_is_scored_does_not_matter_where_windows_are_short(name, make_genome, sequence, tmp_path):
    runner, genome = published_runner(name, tmp_path, 60), make_genome({"a": sequence})
    chosen = [(100, "{1}", "other"), (60, "{2}", "other"), (100, "", "ACG"), (120, "{9}", ""), (150, "{30}", "")]
    changes = changes_of("a", *(concrete(sequence, *change) for change in chosen))
    asked = [likelihood_ratios, lambda *a: [influences(*a, 20)], lambda *a: embedding_distances(*a, 20)]
    for ask in asked:
        together = np.stack(ask(runner, genome, changes))
        alone = [ask(runner, genome, changes.take(np.array([n]))) for n in range(len(chosen))]
        np.testing.assert_allclose(together, np.concatenate(alone, axis=1), atol=1e-5)
        assert np.isfinite(together).all() and (np.abs(together[:, :4]) > 1e-4).all()


def slow_odds(runner: Runner, sequence: str) -> np.ndarray:
    p = np.exp(runner.ask(encode(sequence)[None])[0].astype(float))
    return np.log(p / (1 - p))


@pytest.mark.parametrize("change", [(100, "{1}", "other"), (100, "", "ACG"), (120, "{3}", ""), (1, "{2}", "T")])
def test_influence_and_distance_against_hand_made_haplotypes(make_genome, sequence, runner, change):
    position, ref, alt = concrete(sequence, *change)
    changed = sequence[:position] + alt + sequence[position + len(ref) :]
    near = 15
    left = np.arange(max(position - near, 0), position)
    right = np.arange(near)
    columns = [np.concatenate([left, position + len(allele) + right]) for allele in (ref, alt)]
    genome, changes = make_genome({"a": sequence}), changes_of("a", (position, ref, alt))
    before, after = (slow_odds(runner, s)[c] for s, c in zip((sequence, changed), columns, strict=True))
    np.testing.assert_allclose(
        influences(runner, genome, changes, near), np.abs(after - before).mean(), rtol=1e-3, atol=1e-5
    )
    if runner.model.kind == "markov":
        return
    before, after = (
        runner.states(encode(s)[None])[0][c].mean(axis=0) for s, c in zip((sequence, changed), columns, strict=True)
    )
    cosine = 1 - before @ after / np.linalg.norm(before) / np.linalg.norm(after)
    found = embedding_distances(runner, genome, changes, near)
    np.testing.assert_allclose(np.ravel(found), [np.linalg.norm(after - before), cosine], rtol=1e-3, atol=1e-5)


def test_a_change_that_changes_nothing_has_no_influence(make_genome, sequence):
    changes = changes_of("a", (100, sequence[100], sequence[100]))
    runner, genome = runner_of("one_pass"), make_genome({"a": sequence})
    assert influences(runner, genome, changes, 20) == 0
    assert np.ravel(embedding_distances(runner, genome, changes, 20)).tolist() == pytest.approx([0, 0], abs=1e-9)
    assert np.ravel(likelihood_ratios(runner, genome, changes)).tolist() == [0, 0]


@pytest.mark.parametrize("circular", ["", "a"])
@pytest.mark.parametrize("count", [1, 7, 900])
def test_sparse_positions_get_the_predictions_of_the_whole_contig(make_genome, runner, count, circular):
    rng = np.random.default_rng(count)
    genome = make_genome({"a": "".join(rng.choice(list("ACGTN"), 3000))}, circular=circular)
    positions = np.sort(rng.choice(3000, count, replace=False))
    whole = np.concatenate([rows for _, rows in runner.log_probs(genome, tile_contigs(genome.contigs, runner.window))])
    found = sparse_log_probs(runner, genome, "a", positions)
    np.testing.assert_allclose(found, whole[positions], atol=1e-5)
    shuffled = rng.permutation(positions)
    again = sparse_log_probs(runner, genome, "a", shuffled)
    np.testing.assert_array_equal(again[np.argsort(shuffled)], found)


@pytest.mark.parametrize(
    "name, context, circular",
    [("dnabert2", 700, ""), ("caduceus_ps", 700, ""), ("caduceus_ps", 700, "a"), ("hyenadna", 32, "a")],
)
def test_a_model_that_sees_beyond_the_margins_is_asked_as_for_the_whole_contig(
    name, context, circular, make_genome, tmp_path
):
    rng, runner = np.random.default_rng(0), published_runner(name, tmp_path, context, window=1024)
    genome = make_genome({"a": "".join(rng.choice(list("ACGTN"), 1300))}, circular=circular)
    assert runner.model.receptive_field > runner.margin
    positions = np.concatenate([rng.choice(1200, 5, replace=False), [1299, 0]])
    whole = np.concatenate([rows for _, rows in runner.log_probs(genome, tile_contigs(genome.contigs, runner.window))])
    for asked in (positions, positions[:1], positions[5:]):
        np.testing.assert_allclose(sparse_log_probs(runner, genome, "a", asked), whole[asked], atol=1e-5)
    assert sparse_log_probs(runner, genome, "a", positions[:0]).shape == (0, 4)


@pytest.mark.parametrize("name, context", [("hyenadna", 32), ("splicebert", 28)])
@pytest.mark.parametrize("beyond", [1, 0.5, 0])  # the margin, of what a base of the first tile sees
def test_no_base_of_a_circle_is_predicted_from_its_own_copy(name, context, beyond, make_genome, tmp_path):
    runner = published_runner(name, tmp_path, context, window=1024)
    length = runner.margin + int(beyond * runner.window) + 1
    bases = np.random.default_rng(0).choice(list("ACGT"), length)
    for place in (0, length // 2, length - 1):
        found = []
        for base in "AC":
            bases[place] = base
            genome = make_genome({"a": "".join(bases)}, f"{place}{base}", circular="a")
            tiles = tile_contigs(genome.contigs, runner.window)
            found.append(np.concatenate([rows for _, rows in runner.log_probs(genome, tiles)])[place])
        np.testing.assert_allclose(*found, atol=1e-5)
        alone = sparse_log_probs(runner, genome, "a", np.array([place]))
        np.testing.assert_allclose(alone[0], found[-1], atol=1e-5)


def test_an_empty_question_starts_no_model(make_genome):
    none = np.zeros(0, np.int64)
    lookup = model_lookup(lambda: pytest.fail("started"), make_genome({"a": "ACGT"}))
    assert [len(values) for values in lookup("a", none, none, none)] == [0, 0]


@given(
    st.lists(st.integers(0, 400), min_size=1, unique=True).map(sorted),
    st.integers(0, 3000),
    st.sampled_from([1, 5, 32]),
)
def test_windows_cover_the_tiles_that_are_needed(tiles, gap, per_window):
    tiles = np.array(tiles)
    begins, lengths = cover(tiles, TILE, per_window * TILE, gap)
    window = np.searchsorted(begins, tiles * TILE, side="right") - 1
    assert (begins[window] <= tiles * TILE).all() and ((tiles + 1) * TILE <= (begins + lengths)[window]).all()
    assert lengths.max() <= per_window * TILE and set(window) == set(range(len(begins)))


@given(st.integers(1, 100_000))
def test_window_lengths_are_few_and_hardly_longer(bases):
    length = window_length(bases)
    assert bases <= length <= max(bases * 17 / 16 + 1, bases + 63)


def test_length_classes_are_few_and_hardly_longer():
    classes = [length_class(bases) for bases in range(5001)]
    assert all(bases <= length <= bases * 5 / 4 for bases, length in enumerate(classes))
    assert classes == sorted(classes) and len(set(classes)) < 50


def test_parts_of_a_window_shrink_until_it_fits():
    runner = runner_of("one_pass")
    assert Span.of(runner, 500, 10) == (runner.margin, 500)
    short = SimpleNamespace(model=SimpleNamespace(context=200), margin=100)  # 95 bases on each side of 10
    assert Span.of(short, 20, 10) == (75, 20)  # a short flank leaves the rest to the context
    assert Span.of(short, 500, 10) == (48, 47)
