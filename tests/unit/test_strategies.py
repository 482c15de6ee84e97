"""Every strategy against a slow reference that asks about one base at a time."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from glmtracks.errors import InputError
from glmtracks.models.base import reverse_complement
from glmtracks.scoring.strategies import Strategy, choose
from glmtracks.training import build

SHAPE = {"order": 2, "prior": 1.0, "width": 8, "layers": 3, "kernel": 3, "max_dilation": 4}


def make(kind: str, seed: int = 0):
    return build(kind, SHAPE | {"seed": seed}).double().eval()


def random_codes(seed: int, length: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 5, (2, length)).astype(np.uint8))


@torch.inference_mode()
def one_at_a_time(model, codes: torch.Tensor, spacing: int) -> torch.Tensor:
    """Mean over strands of the logits at each base, from a pass of its own that hides it and every `spacing`-th."""
    result = torch.empty(*codes.shape, 4, dtype=torch.float64)
    length = codes.shape[1]
    for position in range(length):
        hidden = torch.zeros_like(codes, dtype=torch.bool)
        hidden[:, [p for p in range(length) if (p - position) % spacing == 0]] = True
        there = model.log_probs(codes, hidden=hidden)[:, position]
        back = model.log_probs(reverse_complement(codes), hidden=hidden.flip(1))[:, length - 1 - position].flip(-1)
        result[:, position] = ((there + back) / 2).log_softmax(-1)
    return result


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 100), st.integers(1, 60), st.sampled_from(["masked", 2, 3, 8, 100]), st.integers(0, 5))
def test_masks_of_every_spacing_are_those_of_a_pass_for_each_base(seed, length, spacing, margin):
    model, codes = make("masked", seed), random_codes(seed, length + 2 * margin)
    strategy = choose(model, "masked") if spacing == "masked" else choose(model, "strided", spacing=spacing)
    with torch.inference_mode():
        found = strategy.log_probs(model, codes, margin)
    expected = one_at_a_time(model, codes, 1000 if spacing == "masked" else spacing)
    torch.testing.assert_close(found.double(), expected[:, margin : margin + length], rtol=0, atol=1e-6)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 100), st.integers(1, 60), st.sampled_from([1, 2, 7, 100]), st.integers(0, 5), st.floats(0, 1))
@torch.inference_mode()
def test_wanted_bases_take_only_the_passes_that_hide_them(seed, length, spacing, margin, share):
    model, codes = make("masked", seed), random_codes(seed, length + 2 * margin)
    strategy = choose(model, "strided", spacing=spacing)
    wanted = torch.rand(2, length, generator=torch.Generator().manual_seed(seed)) < share
    whole, asked, plain = strategy.log_probs(model, codes, margin), [], model.log_probs
    model.log_probs = lambda codes, *rest, hidden: asked.append(hidden) or plain(codes, *rest, hidden=hidden)
    found = strategy.log_probs(model, codes, margin, wanted=wanted)
    torch.testing.assert_close(found[wanted], whole[wanted], rtol=0, atol=1e-6)
    assert {len(hidden) for hidden in asked} <= {2}  # passes of one shape
    turns = [{place % spacing for place in row.nonzero().flatten().tolist()} for row in (*wanted, *wanted.flip(1))]
    assert sum(int(hidden.any(1).sum()) for hidden in asked) == sum(map(len, turns))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 100), st.integers(0, 30), st.sampled_from([2, 5, 7, 100]), st.integers(0, 9))
@torch.inference_mode()
def test_places_far_apart_are_asked_in_one_pass_as_if_each_were_alone(seed, first, spacing, more):
    model = make("masked", seed)
    places = torch.arange(first, 60, 2 * model.receptive_field + 2 + more)
    codes = random_codes(seed, 60)
    found = choose(model, "strided", spacing=spacing).answers(model, codes, places, spacing)
    expected = one_at_a_time(model, codes, spacing)
    torch.testing.assert_close(found.double(), expected[:, places], rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", ["one_pass", "causal", "markov"])
@torch.inference_mode()
def test_one_pass_answers_for_every_base_at_once(kind):
    model, codes = make(kind), random_codes(1, 40)
    one, both = (choose(model, strands=strands).log_probs(model, codes, 3) for strands in (1, 2))
    there, back = model.log_probs(codes), model.log_probs(reverse_complement(codes)).flip(1, 2)
    torch.testing.assert_close(one, there[:, 3:37])
    torch.testing.assert_close(both, ((there + back) / 2).log_softmax(-1)[:, 3:37])
    if model.equivariant:
        torch.testing.assert_close(one, both, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "kind, name, strands",
    [("one_pass", "one_pass", 1), ("masked", "strided", 2), ("causal", "causal", 2), ("markov", "causal", 1)],
)
def test_a_model_chooses_for_itself_unless_it_is_told(kind, name, strands):
    usual = choose(make(kind))
    assert (usual.name, usual.strands) == (name, strands)
    assert choose(make(kind), strands=1).strands == 1


def test_a_strategy_that_does_not_fit_is_one_sentence():
    with pytest.raises(
        InputError, match="kind causal cannot be asked by the strategy masked; its training fits causal"
    ):
        choose(make("causal"), "masked")


def test_passes_are_counted():
    model = make("masked")
    assert choose(model, "masked").passes(model, 512) == 2 * (model.receptive_field + 1)
    assert Strategy("strided", 1, 16).passes(model, 512) == 16
    assert choose(make("one_pass")).passes(make("one_pass"), 512) == 1
