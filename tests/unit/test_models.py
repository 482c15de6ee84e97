"""What the mathematics of the models promises, on random weights and random sequence."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from glmtracks.errors import InputError
from glmtracks.models import layers
from glmtracks.models.base import GenomicLanguageModel, log_softmax, reverse_complement
from glmtracks.models.registry import KINDS, model_class
from glmtracks.scoring.strategies import choose
from glmtracks.training import build

SIZES = st.fixed_dictionaries(
    {
        "width": st.sampled_from([8, 16]),
        "layers": st.integers(1, 4),
        "kernel": st.integers(2, 3),
        "max_dilation": st.sampled_from([1, 2, 4]),
        "seed": st.integers(0, 1000),
    }
)


TRAINABLE = [kind for kind, facts in KINDS.items() if not facts.published]
SMALL = {"order": 3, "prior": 1.0, "width": 8, "layers": 2, "kernel": 3, "max_dilation": 2, "seed": 0}


def random_codes(seed: int, length: int, unknown: float = 0.0) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 4, (1, length))
    codes[rng.random((1, length)) < unknown] = 4
    return torch.from_numpy(codes.astype(np.uint8))


def make(kind: str, sizes: dict, species: tuple[str, ...] = ()):
    """A random model in double precision."""
    extra = {"kernel": 3} if kind == "masked" else {}
    return build(kind, sizes | extra, species).double().eval()


@torch.inference_mode()
def ask(model, codes: torch.Tensor, species: torch.Tensor | None = None) -> torch.Tensor:
    """Log-probabilities of every base, from single masks where the model is masked, on as many strands as are usual."""
    exact = "masked" if model.objective == "masked" else "auto"
    return choose(model, exact, strands=1 if model.kind == "causal" else 0).log_probs(model, codes, species=species)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(["one_pass", "masked"]), SIZES, st.integers(1, 60), st.data())
def test_a_prediction_never_sees_its_own_base(kind, sizes, length, data):
    model, codes = make(kind, sizes), random_codes(sizes["seed"], length, 0.1)
    position = data.draw(st.integers(0, length - 1))
    codes[0, position] %= 4
    before = ask(model, codes)[0, position]
    for base in range(4 if kind == "masked" else 5):  # an unknown base cannot be masked
        changed = codes.clone()
        changed[0, position] = base
        assert torch.equal(ask(model, changed)[0, position], before)


@settings(max_examples=25, deadline=None)
@given(SIZES, st.integers(1, 60), st.data())
def test_a_causal_prediction_sees_neither_its_own_base_nor_a_later_one(sizes, length, data):
    model, codes = make("causal", sizes), random_codes(sizes["seed"], length, 0.1)
    position = data.draw(st.integers(0, length - 1))
    changed = codes.clone()
    changed[0, position:] = random_codes(sizes["seed"] + 1, length - position)
    before, after = (ask(model, c)[0, : position + 1] for c in (codes, changed))
    assert torch.equal(before, after)


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(["one_pass", "masked", "causal"]), SIZES)
def test_a_prediction_reads_every_other_base_of_its_receptive_field_and_none_beyond(kind, sizes):
    model = make(kind, sizes)
    field = model.receptive_field
    codes = random_codes(sizes["seed"], 2 * field + 9)
    middle = field + 4
    before = ask(model, codes)[0, middle]
    influences = torch.zeros(codes.shape[1], dtype=torch.bool)
    for position in range(codes.shape[1]):
        for step in (1, 2, 3):  # one substitution may leave the prediction as it is by chance
            changed = codes.clone()
            changed[0, position] = (changed[0, position] + step) % 4
            influences[position] |= not torch.equal(ask(model, changed)[0, middle], before)
    reach = (influences.nonzero().squeeze(1) - middle).abs()
    assert reach.max() == field
    assert not influences[middle]
    if kind == "masked" or sizes["kernel"] == 3 or sizes["max_dilation"] == 1:  # without holes between the taps
        assert influences.sum() == field * (1 if kind == "causal" else 2)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(["one_pass", "masked"]), SIZES, st.integers(1, 80))
def test_reverse_complement_equivariance_is_exact(kind, sizes, length):
    model, codes = make(kind, sizes), random_codes(sizes["seed"], length, 0.1)
    there = ask(model, codes)
    back = ask(model, reverse_complement(codes)).flip(1).flip(2)
    assert torch.equal(there, back)


@given(st.lists(st.floats(-60, 60, width=32), min_size=4, max_size=4))
def test_log_probabilities_are_those_of_torch(logits):
    given = torch.tensor(logits)
    torch.testing.assert_close(log_softmax(given), given.log_softmax(-1), rtol=1e-6, atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(SIZES, st.integers(1, 80))
def test_a_base_and_its_complement_have_the_same_one_pass_embedding_at_every_layer(sizes, length):
    model, codes = make("one_pass", sizes), random_codes(sizes["seed"], length, 0.1)
    for layer in range(model.layers + 1):
        there, back = model.embeddings(codes, layer), model.embeddings(reverse_complement(codes), layer).flip(1)
        assert torch.equal(there, back)


@settings(max_examples=20, deadline=None)
@given(SIZES, st.integers(1, 40), st.data())
def test_a_one_pass_embedding_does_not_know_its_own_base_at_any_layer(sizes, length, data):
    model, codes = make("one_pass", sizes), random_codes(sizes["seed"], length, 0.1)
    position, layer = data.draw(st.integers(0, length - 1)), data.draw(st.integers(0, model.layers))
    changed = codes.clone()
    changed[0, position] = (changed[0, position] + 1) % 5
    before, after = (model.embeddings(c, layer)[0, position] for c in (codes, changed))
    assert torch.equal(before, after)


@pytest.mark.parametrize("kind", ["one_pass", "masked", "causal"])
def test_layers_count_from_the_bases_or_from_the_end(kind):
    model, codes = make(kind, SMALL | {"layers": 3}), random_codes(0, 30, 0.1)
    assert model.layers == 3
    for layer in range(4):
        assert torch.equal(model.embeddings(codes, layer), model.embeddings(codes, layer - 4))
    assert torch.equal(model.embeddings(codes), model.embeddings(codes, 3))
    assert not torch.equal(model.embeddings(codes, 2), model.embeddings(codes, 3))
    for layer in (4, -5):
        with pytest.raises(InputError, match=rf"embeddings.layer: .* 0 .* to 3, or -4 to -1 .*; {layer} is none"):
            model.embeddings(codes, layer)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(["one_pass", "masked", "causal"]), SIZES, st.integers(1, 60), st.booleans())
def test_states_are_the_same_with_gradients_and_without(kind, sizes, length, species):
    model = make(kind, sizes, ("yeast",) if species else ())
    with torch.no_grad():  # weights of norms are 1 in the beginning
        for parameter in model.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    codes = torch.cat([random_codes(seed, length, 0.2) for seed in (1, 2)])
    slow = [model.embeddings(codes, layer) for layer in range(model.layers + 1)]
    with torch.inference_mode():
        quick = [model.embeddings(codes, layer) for layer in range(model.layers + 1)]
    for there, here in zip(slow, quick, strict=True):
        torch.testing.assert_close(here, there.detach(), rtol=1e-6, atol=1e-6)


@torch.no_grad()
def test_channels_are_dropped_without_gradients_too_until_a_model_is_told_to_evaluate():
    model, codes = build("one_pass", SMALL | {"dropout": 0.5}), random_codes(0, 50)
    assert not torch.equal(model.embeddings(codes), model.embeddings(codes))
    assert torch.equal(model.eval().embeddings(codes), model.embeddings(codes))


@pytest.mark.parametrize("kind", ["masked", "causal"])
def test_layer_0_depends_on_the_base_alone(kind):
    model, codes = make(kind, SMALL), random_codes(0, 50, 0.1)
    states = model.embeddings(codes, 0)[0]
    for base in range(5):
        alike = states[codes[0] == base]
        assert torch.equal(alike, alike[:1].expand_as(alike))
    assert not states[codes[0] == 4].any()  # unknown bases are zero


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(["one_pass", "masked", "causal"]), SIZES, st.integers(0, 40))
def test_unknown_bases_outside_are_the_same_as_the_end_of_the_window(kind, sizes, padding):
    model, codes = make(kind, sizes), random_codes(sizes["seed"], 30)
    unknown = torch.full((1, padding), 4, dtype=torch.uint8)
    padded = ask(model, torch.cat([unknown, codes, unknown], dim=1))[:, padding : padding + 30]
    torch.testing.assert_close(padded, ask(model, codes), rtol=0, atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(["one_pass", "masked", "causal"]), SIZES, st.integers(0, 30))
def test_the_place_of_a_window_does_not_matter_to_what_is_a_receptive_field_inside(kind, sizes, shift):
    model = make(kind, sizes)
    field, codes = model.receptive_field, random_codes(sizes["seed"], 140)
    whole, part = ask(model, codes), ask(model, codes[:, shift:])
    torch.testing.assert_close(whole[:, shift + field :], part[:, field:], rtol=0, atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(["one_pass", "causal", "masked"]), SIZES, st.integers(0, 30), st.integers(0, 20))
@torch.inference_mode()
def test_what_stands_in_the_margins_is_read_as_far_as_it_matters(kind, sizes, length, margin):
    model, codes = make(kind, sizes), random_codes(sizes["seed"], length + 2 * margin, 0.1)
    expected = model.log_probs(codes)[:, margin : length + margin]
    torch.testing.assert_close(model.inner_log_probs(codes, margin), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("kind", ["one_pass", "masked", "causal"])
def test_a_species_is_told_apart_and_a_stranger_is_read_as_unknown(kind):
    model = build(kind, SMALL, ("yeast", "fly"))
    torch.nn.init.normal_(model.embedding.species.weight)
    codes = random_codes(0, 30)
    answers = {}
    for name in ("yeast", "fly", "worm"):
        model.read_as(name)
        answers[name] = ask(model, codes)
    assert not torch.equal(answers["yeast"], answers["fly"])
    assert torch.equal(answers["worm"], ask(model, codes, torch.tensor([0])))
    both = ask(model, codes.repeat(2, 1), torch.tensor([1, 2]))
    torch.testing.assert_close(both, torch.cat([answers["yeast"], answers["fly"]]))


@pytest.mark.parametrize("kind", TRAINABLE)
def test_every_kind_gives_normalised_distributions(kind):
    model = build(kind, SMALL)
    log_probs = ask(model, random_codes(0, 40, 0.3))
    assert log_probs.shape == (1, 40, 4)
    torch.testing.assert_close(log_probs.exp().sum(-1), torch.ones(1, 40))


@settings(max_examples=20, deadline=None)
@given(
    st.integers(0, 4), st.floats(0.1, 10), st.lists(st.text("ACGTN", min_size=1, max_size=60), min_size=1, max_size=3)
)
def test_markov_equals_a_plain_count(order, prior, sequences):
    """Ten lines: count words of every length on both strands, and recurse on the definition."""
    counts: dict[str, int] = {}
    for sequence in sequences:
        for strand in (sequence, sequence[::-1].translate(str.maketrans("ACGTN", "TGCAN"))):
            for start in range(len(strand) - order):
                word = strand[start : start + order + 1]
                if "N" not in word:
                    for cut in range(order + 1):  # lower orders are marginals
                        counts[word[cut:]] = counts.get(word[cut:], 0) + 1

    def probability(context: str, base: str) -> float:
        lower = probability(context[1:], base) if context else 0.25
        seen = sum(counts.get(context + other, 0) for other in "ACGT")
        return (counts.get(context + base, 0) + prior * lower) / (seen + prior)

    assume(counts)
    model = build("markov", {"order": order, "prior": prior, "seed": 0})
    model.fit(FakeCorpus(sequences), {}, Path("unused"))
    text = sequences[0]
    log_probs = ask(model, torch.tensor([["ACGTN".index(base) for base in text]], dtype=torch.uint8))[0]
    for position in range(len(text)):
        context = text[max(position - order, 0) : position].rpartition("N")[2]
        expected = [np.log(probability(context, base)) for base in "ACGT"]
        np.testing.assert_allclose(log_probs[position].numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize("sequences", [[], ["ACG", "ACGNNACG"]])
def test_a_chain_without_a_base_to_count_is_refused(sequences):
    with pytest.raises(InputError, match="no 4 defined bases in a row to count; leave contigs for training"):
        build("markov", {"order": 3, "prior": 4, "seed": 0}).fit(FakeCorpus(sequences), {}, Path("unused"))


class FakeCorpus:
    """A corpus of strings."""

    def __init__(self, sequences: list[str]):
        self.sequences = sequences

    def stretches(self, part, overlap, repeats):
        for sequence in self.sequences:
            yield None, "", 0, np.array(["ACGTN".index(base) for base in sequence], dtype=np.uint8)


def test_the_registry_knows_whether_a_kind_embeds_and_what_it_is_trained_for():
    for kind, facts in KINDS.items():
        own = model_class(kind).embeddings is not GenomicLanguageModel.embeddings
        assert (own, model_class(kind).objective) == (facts.embeds, facts.objective)


@pytest.mark.parametrize("share", [0.0, 0.05, 0.3, 0.999])
def test_dropout_keeps_what_it_should_and_the_mean(share):
    torch.manual_seed(0)
    x = torch.ones(7, 1001, 33, dtype=torch.float64, requires_grad=True)  # no multiple of the eight bytes of a word
    y = layers.drop_out(x, share)
    y.sum().backward()
    assert torch.equal(x.grad, y.detach())  # each is scaled, or gone, in both directions
    kept, scale = y > 0, y.detach().max()
    chance = 1 / scale.item()
    assert abs(chance - (1 - share)) <= 1 / 256
    spread = (chance * (1 - chance) / kept.numel()) ** 0.5
    assert abs(kept.double().mean().item() - chance) <= 5 * spread
    columns = kept.double().flatten()[: kept.numel() // 8 * 8].view(-1, 8).mean(0)  # each byte of a word alike
    assert (columns - chance).abs().max() <= 5 * spread * 8**0.5


def test_without_a_compiler_the_layers_run_as_they_are_written(monkeypatch, caplog):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CC", raising=False)
    layers._compiled_block.cache_clear()
    assert layers._compiled_block() is layers._block and "no C compiler" in caplog.text
    layers._compiled_block.cache_clear()
