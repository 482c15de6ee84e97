"""The loader gives the bases of the genome, losses weigh them as the recipe says, and training learns reproducibly."""

import multiprocessing
from pathlib import Path
from types import SimpleNamespace

import lightning
import numpy as np
import pandas as pd
import pybigtools
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lightning.pytorch.callbacks import Callback
from torch.optim import Muon
from training_world import RECIPE, make_corpus

from glmtracks.errors import InputError
from glmtracks.genome import Genome
from glmtracks.models.base import reverse_complement
from glmtracks.schemas import fill_defaults, schema
from glmtracks.training import _metrics, _sharing, build, logs, train_model
from glmtracks.training.batches import Batches, training_loader, validation_loader
from glmtracks.training.loop import Trainee, _validated_at_once, fit
from glmtracks.training.losses import BaseWeights, base_losses, region_weights
from glmtracks.training.optimiser import PreciseMuon, make_optimiser
from glmtracks.training.packed import REGIONS, PackedCorpus, Windows
from glmtracks.training.packed import reverse_complement as turn
from glmtracks.training.schedule import peak_share
from glmtracks.training.validation import WINDOWS, summarise, tally, validate
from glmtracks.windows.corpus import Corpus, CorpusGenome

CPG = "A" + "CG" * 5 + "TTAGCCA"


@pytest.fixture
def corpus(make_genome) -> Corpus:
    return make_corpus(make_genome)


def test_windows_are_the_bases_of_the_genome_with_their_repeat_status_and_region(corpus):
    packed = PackedCorpus(corpus, species=("two",))
    windows = packed.cut(np.array([0, 3, len(packed.windows) - 1]), np.array([7, 0, 0]))
    first, second = corpus.genomes
    assert (windows.codes[0].numpy() == first.genome.codes("a", 7, 107)).all()
    assert (windows.codes[1].numpy() == first.genome.codes("a", 300, 400)).all()
    assert (windows.codes[2].numpy() == second.genome.codes("b", 100, 200)).all()
    assert windows.repeat[0].nonzero().squeeze().tolist() == list(range(43, 53))
    assert not windows.repeat[1:].any()
    names = [[REGIONS[number] for number in row] for row in windows.region.tolist()]
    assert names == [["CDS"] * 33 + ["intron"] * 67, ["intron"] * 100, ["not annotated"] * 100]
    assert windows.species.tolist() == [0, 0, 1]


def test_a_contig_is_packed_piece_by_piece(corpus, monkeypatch):
    whole, asked, codes = PackedCorpus(corpus).fingerprint(), [], Genome.codes
    monkeypatch.setattr("glmtracks.training.packed.CHUNK", 70)
    monkeypatch.setattr(Genome, "codes", lambda self, contig, *span: asked.append(span) or codes(self, contig, *span))
    assert PackedCorpus(corpus).fingerprint() == whole
    assert max(end - start for start, end in asked) == 70


def test_a_short_window_is_filled_up_with_unknown_bases(corpus):
    corpus.genomes[0].windows.loc[0, "end"] = 60
    codes = PackedCorpus(corpus).cut(np.array([0])).codes
    assert (codes[0, :60] < 4).all() and (codes[0, 60:] == 4).all()


def test_a_window_of_a_circular_contig_goes_on_at_its_start(corpus):
    member = corpus.genomes[0]
    Path(f"{member.genome.path}.circular").write_text("a\n")
    member.windows.loc[0, ["start", "end"]] = 2550, 2650
    windows = PackedCorpus(corpus).cut(np.array([0]))
    assert (
        windows.codes[0].numpy() == np.r_[member.genome.codes("a", 2550, 2600), member.genome.codes("a", 0, 50)]
    ).all()
    assert [REGIONS[number] for number in windows.region[0, 49:51]] == ["intron", "CDS"]


def test_a_genome_that_has_no_window_leaves_those_of_the_others_as_they_are(corpus):
    alone = PackedCorpus(Corpus(corpus.genomes[:1]))
    corpus.genomes[1].windows = corpus.genomes[1].windows.head(0)
    packed = PackedCorpus(corpus, species=("one", "two"))
    assert len(packed.windows) == len(alone.windows)
    assert torch.equal(Batches(packed, batch=8, seed=1)[0].packed, Batches(alone, batch=8, seed=1)[0].packed)


def test_batches_are_a_function_of_seed_and_step_and_come_from_both_strands(corpus):
    packed = PackedCorpus(corpus)
    first, again, other = (Batches(packed, batch=64, seed=seed)[4].codes for seed in (3, 3, 4))
    assert torch.equal(first, again) and not torch.equal(first, other)
    batches = Batches(packed, batch=64, seed=3)
    assert not torch.equal(batches[3].noise, batches[4].noise)
    places = torch.from_numpy(corpus.genomes[0].genome.codes("a", 0, 2600)).unfold(0, 100, 1)
    forward = [(places == window).all(1).any().item() for window in first]
    backward = [(places == window).all(1).any().item() for window in reverse_complement(first)]
    assert all(f or b for f, b in zip(forward, backward, strict=True))
    assert 10 < sum(forward) < 54


def test_the_other_strand_tells_the_same_of_every_base():
    windows = as_windows("ACGTN", region="CDS")
    windows.packed[0, 0] += 8  # the first lies in a repeat
    windows = Windows(*(torch.cat([tensor, tensor]) for tensor in windows))
    windows = windows._replace(evidence=torch.tensor([[1, 2, 3, 4, 5]] * 2, dtype=torch.uint8))
    turned = turn(windows, torch.tensor([True, False]))
    assert turned.codes.tolist() == [[4, 0, 1, 2, 3], [0, 1, 2, 3, 4]]
    assert turned.repeat.tolist() == [[False] * 4 + [True], [True] + [False] * 4]
    assert turned.evidence.tolist() == [[5, 4, 3, 2, 1], [1, 2, 3, 4, 5]]
    assert torch.equal(turned.region, windows.region)


def test_windows_are_seen_as_often_as_the_repetitions_of_their_genome_say(corpus):
    corpus.genomes[1].repetitions = 3
    packed, seen = PackedCorpus(corpus), []
    packed.cut = lambda rows, *_: seen.extend(rows) or PackedCorpus.cut(packed, rows)
    batches = Batches(packed, batch=12, seed=0)
    for step in range(8):
        batches[step]
    assert np.bincount(seen, minlength=52).tolist() == [1] * 24 + [0] * 2 + [3] * 24 + [0] * 2


def test_every_window_is_seen_once_before_any_is_seen_again(corpus):
    for member in corpus.genomes:
        member.windows["slack_right"] = 0
    packed = PackedCorpus(corpus)
    seen = []
    packed.cut = lambda rows, *_: seen.extend(rows) or PackedCorpus.cut(packed, rows)
    batches = Batches(packed, batch=12, seed=0)
    for step in range(8):
        batches[step]
    assert sorted(seen[:48]) == sorted(seen[48:]) == packed.rows("train").tolist()
    assert seen[:48] != seen[48:]


@pytest.mark.filterwarnings("ignore:.*pin_memory")  # there is no GPU here
def test_a_corpus_with_another_base_flag_or_window_has_another_fingerprint(corpus):
    packed = PackedCorpus(corpus)
    found = [packed.fingerprint(), PackedCorpus(corpus).fingerprint()]
    packed.windows.loc[0, "slack_right"] += 1
    found.append(packed.fingerprint())
    packed.bases[5] ^= 8  # whether it lies in a repeat
    found.append(packed.fingerprint())
    for value in (0, 1):
        packed.evidence = np.full(5, value, dtype=np.uint8)
        found.append(packed.fingerprint())
    assert found[0] == found[1] and len(set(found)) == 5


def test_windows_are_moved_as_far_as_their_slack_and_no_farther(corpus):
    for member in corpus.genomes:
        member.windows = member.windows.assign(slack_left=1, slack_right=2)
    packed, moved = PackedCorpus(corpus), []
    packed.cut = lambda rows, shift, _: moved.extend(shift.tolist()) or PackedCorpus.cut(packed, rows)
    Batches(packed, batch=64, seed=0)[0]
    assert set(moved) == {-1, 0, 1, 2}


@pytest.mark.parametrize(("most", "rows"), [(48, range(48)), (3, [0, 23, 47]), (1, [0])])
def test_windows_to_validate_on_are_evenly_spaced_and_a_few_at_a_time(corpus, most, rows):
    packed, cut = PackedCorpus(corpus), []
    packed.cut = lambda rows, **_: cut.append(rows.tolist()) or PackedCorpus.cut(packed, rows)
    assert len(list(validation_loader(packed, "train", most, at_once=20))) == len(cut)
    assert np.concatenate(cut).tolist() == packed.rows("train")[list(rows)].tolist() and max(map(len, cut)) <= 20
    assert not list(validation_loader(packed, "test", most, at_once=20))


@pytest.mark.filterwarnings("ignore:'pin_memory' argument:UserWarning")  # where there is no GPU
def test_batches_beside_a_gpu_are_cut_ahead_whatever_way_python_starts_processes(corpus):
    batches, usual = Batches(PackedCorpus(corpus), batch=8, seed=1), multiprocessing.get_start_method(allow_none=True)
    multiprocessing.set_start_method("forkserver", force=True)  # as by default since Python 3.14
    try:
        ahead = list(training_loader(batches, 0, 2, cuda=True))
    finally:
        multiprocessing.set_start_method(usual, force=True)
    assert all(torch.equal(windows.codes, batches[step].codes) for step, windows in enumerate(ahead))
    assert len(ahead) == 2


@pytest.mark.parametrize("ranks", [2, 4])
def test_processes_share_a_batch(corpus, ranks):
    packed = PackedCorpus(corpus)
    whole = Batches(packed, batch=8, seed=1)[3]
    parts = [Batches(packed, batch=8, seed=1, rank=rank, ranks=ranks)[3] for rank in range(ranks)]
    for together, tensor in zip(zip(*parts, strict=True), whole, strict=True):
        assert torch.equal(torch.stack(together, dim=1).flatten(0, 1), tensor)
    with pytest.raises(InputError, match="cannot be divided among"):
        Batches(packed, batch=9, seed=1, ranks=ranks)


@pytest.mark.parametrize("gpus, processes", [(0, 1), (1, 1), (3, 2), (4, 4), (5, 4), (100, 32)])
def test_there_are_as_many_processes_as_gpus_that_can_share_a_batch(gpus, processes):
    assert _sharing(32, gpus) == processes


def test_more_processes_than_gpus_are_one_sentence(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(InputError, match="processes = 2 need a GPU each, and there is 1 here; change processes"):
        train_model(parameters={"processes": 2, "batch": 8, "steps": 1})


def test_unknown_bases_cost_nothing():
    codes = torch.tensor([[0, 4, 3]], dtype=torch.uint8)
    loss, defined = base_losses(torch.full((1, 3, 4), np.log(0.25)), codes)
    assert loss[0].tolist() == pytest.approx([np.log(4), 0, np.log(4)])
    assert defined.tolist() == [[True, False, True]]


@given(st.floats(0, 0.9), st.integers(0, 100))
def test_smoothed_labels_are_the_cross_entropy_with_the_smoothed_distribution(smoothing, seed):
    generator = torch.Generator().manual_seed(seed)
    log_probs = torch.randn(1, 7, 4, generator=generator, dtype=torch.float64).log_softmax(-1)
    codes = torch.randint(0, 4, (1, 7), generator=generator, dtype=torch.uint8)
    expected = torch.nn.functional.cross_entropy(
        log_probs[0], codes[0].long(), label_smoothing=smoothing, reduction="none"
    )
    torch.testing.assert_close(base_losses(log_probs, codes, smoothing)[0][0], expected)


def as_windows(text: str, repeat: bool = False, region: str = "not annotated", evidence: int = 255) -> Windows:
    codes = torch.tensor([["ACGTN".index(base) for base in text]], dtype=torch.uint8)
    packed = codes + 8 * repeat + 16 * REGIONS.index(region)
    return Windows(
        packed, torch.full_like(codes, evidence), torch.zeros(1, dtype=torch.int64), torch.zeros(codes.shape)
    )


def test_the_weight_of_a_base_is_the_product_of_what_the_recipe_says():
    weigh = BaseWeights(RECIPE | {"cpg_weight": 0.5, "region_weights": "CDS:2, intron: 0.25", "repeat_weight": 0.1})
    assert weigh(as_windows("ACGTN"))[0].tolist() == [1, 0.5, 0.5, 1, 0]
    assert weigh(as_windows("GCA", repeat=True, region="CDS"))[0].tolist() == pytest.approx([0.2, 0.2, 0.2])
    assert weigh(as_windows("GCA", region="intron", evidence=0))[0].tolist() == pytest.approx([0.025] * 3)


@given(st.text("ACGTN", min_size=1, max_size=40))
def test_cpg_weights_are_the_same_on_both_strands(text):
    weigh = BaseWeights(RECIPE | {"cpg_weight": 0.5})
    other = text[::-1].translate(str.maketrans("ACGTN", "TGCAN"))
    assert torch.equal(weigh(as_windows(text)).flip(1), weigh(as_windows(other)))
    expected = [0.5 if "CG" in (text[max(i - 1, 0) : i + 1], text[i : i + 2]) else 1 for i in range(len(text))]
    assert weigh(as_windows(text))[0].tolist() == [0 if b == "N" else w for b, w in zip(text, expected, strict=True)]


@pytest.mark.parametrize(
    "text, complaint",
    [
        ("exon:2", "not a region class"),
        ("CDS", "no number"),
        ("CDS:-1", "negative"),
        ("CDS:1e38", "above 1,000,000"),
        ("CDS:2,CDS:3", "two weights"),
    ],
)
def test_wrong_region_weights_are_one_sentence(text, complaint):
    with pytest.raises(InputError, match=complaint):
        region_weights(text)


def test_functional_evidence_comes_from_a_bigwig(corpus, tmp_path):
    track = tmp_path / "evidence.bw"
    pybigtools.open(str(track), "w").write({"a": 2600}, iter([("a", 0, 50, 0.4), ("a", 60, 2600, 1.0)]))
    corpus.genomes[0].evidence = track
    packed = PackedCorpus(corpus)
    windows = packed.cut(np.array([0, len(packed.windows) // 2]))
    assert windows.evidence[0].tolist() == [102] * 50 + [0] * 10 + [255] * 40  # no value counts as none
    assert (windows.evidence[1] == 255).all()  # the other genome has no track
    pybigtools.open(str(track), "w").write({"a": 2600}, iter([("a", 0, 50, 3.5)]))
    with pytest.raises(InputError, match=r"a has the value 3\.5"):
        PackedCorpus(corpus)
    pybigtools.open(str(track), "w").write({"a": 2000}, iter([("a", 0, 50, 0.5)]))
    with pytest.raises(InputError, match="a has 2000 bases, but a of"):
        PackedCorpus(corpus)
    track.write_bytes(track.read_bytes()[:300])
    with pytest.raises(InputError, match=r"evidence\.bw is no bigWig, or damaged"):
        PackedCorpus(corpus)


def test_functional_evidence_finds_contigs_by_their_aliases_and_goes_round_circles(make_genome, tmp_path):
    genome, track = make_genome({"a": CPG * 10, "b": CPG}, "ring", circular="^a$"), tmp_path / "evidence.bw"
    windows = pd.DataFrame({"contig": ["a"], "start": [150], "end": [190], "slack_left": 0, "slack_right": 0})
    windows = windows.assign(split="train", kind="other")
    none = pd.DataFrame({"contig": [], "start": [], "end": []})
    member = CorpusGenome("ring", genome, none, none, windows, evidence=track)
    pybigtools.open(str(track), "w").write({"x": 180}, iter([("x", 0, 5, 1.0), ("x", 160, 180, 0.2)]))
    with pytest.raises(InputError, match=r"no contig of .* is in the genome"):
        PackedCorpus(Corpus([member]))
    member.aliases = {"x": "a"}
    found = PackedCorpus(Corpus([member])).cut(np.array([0])).evidence[0].tolist()
    assert found == [0] * 10 + [51] * 20 + [255] * 5 + [0] * 5


def test_losses_are_tallied_by_region_and_repeat():
    windows = as_windows("ACGTN", region="CDS")
    windows.packed[0, 1] += 8
    asked = torch.tensor([[True, True, True, False, True]])
    log_probs = torch.log(torch.tensor([0.1, 0.2, 0.3, 0.4])).expand(1, 5, 4)
    metrics = summarise(tally(windows, log_probs, asked), "x")
    assert metrics == pytest.approx(
        {
            "x_nats_per_base": -np.log([0.1, 0.2, 0.3]).mean(),
            "x_nats_per_base_outside_repeats": -np.log([0.1, 0.3]).mean(),
            "x_nats_per_base_in_repeats": -np.log(0.2),
            "x_nats_per_base_CDS": -np.log([0.1, 0.2, 0.3]).mean(),
        }
    )


@pytest.mark.parametrize("kind", ["one_pass", "causal", "masked"])
def test_training_learns_and_two_runs_give_the_same_weights(kind, corpus, tmp_path):
    recipe = fill_defaults(RECIPE | {"steps": 120 if kind == "masked" else 40}, schema(f"parameters/{kind}"))
    models = [build(kind, recipe | {"kernel": 3}, ("one", "two")) for _ in range(2)]
    histories = [model.fit(corpus, recipe, tmp_path / str(n)) for n, model in enumerate(models)]
    for one, other in zip(models[0].parameters(), models[1].parameters(), strict=True):
        assert torch.equal(one, other)
    pd.testing.assert_frame_equal(*histories)
    assert histories[0]["step"].iloc[-1] == recipe["steps"]
    assert {"train_nats_per_base", "validation_nats_per_base"} <= set(histories[0])
    metrics = validate(models[0], PackedCorpus(corpus), "validation")
    assert metrics["validation_nats_per_base"] < 0.8 < np.log(4)
    assert metrics["validation_bases"] == 400
    assert list((tmp_path / "0" / "logs" / "tensorboard").rglob("events*"))


def test_windows_are_validated_as_those_of_their_species(corpus):
    model, asked = build("one_pass", RECIPE, ("one", "two")), []
    usual = model.inner_log_probs
    model.inner_log_probs = lambda codes, margin, species: asked.append(species) or usual(codes, margin, species)
    validate(model, PackedCorpus(corpus, species=("one", "two")), "validation")
    assert torch.cat(asked).tolist() == [1, 1, 2, 2]


def test_dropout_adamw_and_smoothing_train_too(corpus, tmp_path):
    recipe = RECIPE | {"dropout": 0.2, "label_smoothing": 0.1, "optimiser": "adamw", "average": 0.0, "steps": 20}
    model = build("one_pass", recipe)
    model.fit(corpus, recipe, tmp_path)
    assert validate(model, PackedCorpus(corpus), "validation")["validation_nats_per_base"] < 1.38


@pytest.mark.parametrize("optimiser", ["adamw", "muon"])
def test_matrices_decay_and_norms_and_biases_do_not(optimiser):
    model = build("one_pass", RECIPE)
    made = make_optimiser(model, RECIPE | {"optimiser": optimiser, "weight_decay": 0.5}, "32-true")
    names = {id(weights): name for name, weights in model.named_parameters()}
    found = [(names[id(p)], group["weight_decay"]) for group in made.param_groups for p in group["params"]]
    assert sorted(found) == sorted((name, 0.5 * (p.ndim > 1)) for name, p in model.named_parameters())
    if optimiser == "muon":
        inner = {names[id(p)] for group in made.parts[0].param_groups for p in group["params"]}
        matrices = {name for name, p in model.named_parameters() if p.ndim > 1}
        assert inner == {name for name in matrices if name.split(".")[0] not in ("embedding", "head")} < matrices


def test_muon_in_float32_takes_the_steps_of_pytorchs(monkeypatch):
    monkeypatch.setattr(torch.Tensor, "bfloat16", torch.Tensor.clone)  # PyTorch's rounds the gradients to it
    matrices = [torch.randn(shape, generator=torch.Generator().manual_seed(1)) for shape in ((8, 24), (24, 8), (8, 8))]
    found = []
    for muon in (Muon, PreciseMuon):
        weights = [torch.nn.Parameter(matrix.clone()) for matrix in [*matrices, matrices[0]]]
        optimiser = muon(weights, lr=0.02, weight_decay=0.1)
        for step in range(3):
            for weight in weights[:-1]:  # the last is not used
                weight.grad = weight.detach() ** 2 + step
            optimiser.step()
        found.append(weights)
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-6)
    assert torch.equal(found[1][-1], matrices[0]) and not torch.equal(found[1][0], matrices[0])


@pytest.mark.parametrize("schedule", ["cooldown", "cosine"])
@given(steps=st.integers(1, 10_000), warmup=st.floats(0, 1))
@settings(max_examples=30, deadline=None)
def test_learning_rates_rise_once_and_fall_to_nothing(schedule, steps, warmup):
    recipe = RECIPE | {"schedule": schedule, "steps": steps, "warmup": warmup}
    shares = np.array([peak_share(step, recipe) for step in range(steps + 1)])
    top = shares.argmax()
    assert shares.min() >= 0 and shares.max() <= 1 and shares[-1] < 1e-12
    assert (np.diff(shares[: top + 1]) >= 0).all() and (np.diff(shares[top:]) <= 0).all()


@pytest.mark.parametrize(
    ("schedule", "shares"),
    [("cooldown", [0.1, 0.5, 1, 1, 1, 0.5, 1 / 6]), ("cosine", [0.1, 0.5, 0.976, 0.933, 0.655, 0.206, 0.024])],
)
def test_learning_rates_stay_until_the_cooldown_or_fall_along_a_cosine(schedule, shares):
    recipe = RECIPE | {"schedule": schedule, "steps": 100, "warmup": 0.1}
    found = [peak_share(step, recipe) for step in (0, 4, 10, 17, 40, 70, 90)]
    assert found == pytest.approx(shares, abs=1e-2)


def test_no_steps_leave_the_model_as_it_was(corpus, tmp_path):
    model, same = (build("one_pass", RECIPE) for _ in range(2))
    assert model.fit(corpus, RECIPE | {"steps": 0}, tmp_path).empty
    for one, other in zip(model.parameters(), same.parameters(), strict=True):
        assert torch.equal(one, other)


def test_an_untrained_model_is_judged_with_all_its_channels(corpus):
    packed = PackedCorpus(corpus)
    models = [build("one_pass", RECIPE | {"dropout": dropout}) for dropout in (0.0, 0.5)]
    whole, dropping = (_metrics(model, packed, RECIPE, WINDOWS) for model in models)
    assert whole == dropping


def test_a_corpus_without_training_windows_is_one_sentence(corpus, tmp_path):
    for member in corpus.genomes:
        member.windows["split"] = "test"
    with pytest.raises(InputError, match="no training window"):
        build("one_pass", RECIPE).fit(corpus, RECIPE, tmp_path)


@pytest.mark.parametrize("recipe", [{"repeat_weight": 0}, {"region_weights": "CDS:0,intron:0"}])
def test_a_corpus_of_which_no_base_counts_is_one_sentence(recipe, corpus, tmp_path):
    for member in corpus.genomes:
        if "repeat_weight" in recipe:
            member.repeats = pd.DataFrame({"contig": ["a"], "start": [0], "end": [2600]})
    with pytest.raises(InputError, match="all bases of the training windows weigh 0"):
        build("one_pass", RECIPE).fit(corpus, RECIPE | recipe, tmp_path)


def test_weights_of_classes_that_no_genome_has_are_told_of(corpus, tmp_path, caplog):
    recipe = RECIPE | {"steps": 1, "region_weights": "CDS:2,splice_donor:30,5UTR:1"}
    build("one_pass", recipe).fit(corpus, recipe, tmp_path)
    assert "region_weights change nothing for splice_donor: no genome of the corpus has such bases" in caplog.text


def test_a_step_costs_what_was_asked_alone_and_hides_few_species(corpus):
    windows = Batches(PackedCorpus(corpus), batch=64, seed=0)[0]
    windows, told = windows._replace(species=torch.ones_like(windows.species)), []

    def training_log_probs(codes, species, noise):
        """Of the bases that were asked for an even guess, of the others a costly one."""
        told.append(species)
        asked = noise < 0.15
        return torch.where(asked[..., None], np.log(0.25), -50.0).expand(*codes.shape, 4), asked

    module = Trainee(torch.nn.Identity(), RECIPE, "", "32-true")
    module.model.training_log_probs, module.log = training_log_probs, lambda *args, **kwargs: None
    module._trainer = SimpleNamespace(world_size=1, global_step=0, global_rank=0)
    assert module.training_step(windows, 0).item() == pytest.approx(np.log(4), rel=1e-4)
    assert 0.7 < told[0].float().mean() < 1  # 0 = unknown


def test_a_step_of_which_no_base_counts_has_no_loss(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(logs, "LOG_EVERY", 1)
    for member in corpus.genomes:
        member.windows["slack_right"] = 0  # so that the coding bases of each genome lie in its first window
    recipe = RECIPE | {"steps": 6, "region_weights": "CDS:1e-9,intron:0"}  # all 48 windows in batches of 8
    losses = build("one_pass", recipe).fit(corpus, recipe, tmp_path)["train_nats_per_base"]
    assert losses.count() in (1, 2) and (losses.dropna() > 0.5).all()


def test_without_a_validation_window_training_says_so_and_keeps_its_last_weights(corpus, tmp_path, caplog):
    for member in corpus.genomes:
        member.windows = member.windows[member.windows["split"] == "train"]
    recipe = RECIPE | {"steps": 10, "patience": 1}
    history = build("one_pass", recipe).fit(corpus, recipe, tmp_path)
    assert history["step"].tolist() == [10] and "there is no validation window: all steps" in caplog.text


@pytest.mark.parametrize("bases, rows", [(256, 200), (512, 200), (8192, 12), (1_000_000, 1)])
def test_a_gpu_validates_no_more_bases_at_once_where_windows_are_longer(bases, rows):
    assert _validated_at_once("cuda", bases) == rows


def test_training_stops_early_and_keeps_its_best_weights(corpus, tmp_path):
    recipe = RECIPE | {"steps": 400, "validations": 100, "patience": 2, "learning_rate": 0.3, "muon_rate": 0.3}
    model = build("one_pass", recipe)
    history = model.fit(corpus, recipe, tmp_path)
    assert history["step"].iloc[-1] < 400
    best = history["validation_nats_per_base_outside_repeats"].min()
    kept = validate(model, PackedCorpus(corpus), "validation")["validation_nats_per_base_outside_repeats"]
    assert kept == pytest.approx(best, abs=1e-4)


@pytest.mark.parametrize("rates", [{"learning_rate": 1e20, "muon_rate": 1e20}, {"weight_decay": 1e20, "steps": 2}])
def test_a_training_that_diverged_is_one_sentence(rates, corpus, tmp_path):
    recipe = RECIPE | {"steps": 10, "warmup": 0, **rates}  # those of the decay are numbers, but huge
    with pytest.raises(InputError, match=r"training diverged: after . steps the weights, or what they predict"):
        build("one_pass", recipe).fit(corpus, recipe, tmp_path)


class _Diverging(Callback):
    """Makes a weight no number at a step."""

    def on_train_batch_start(self, trainer: lightning.Trainer, module: lightning.LightningModule, *_) -> None:
        if trainer.global_step == 15:
            module.model.head.bias.data.fill_(torch.nan)


def test_a_training_that_diverges_after_a_good_validation_keeps_its_weights_and_says_so(corpus, tmp_path, caplog):
    model = build("one_pass", RECIPE)
    history = fit(model, corpus, RECIPE, tmp_path, [_Diverging()])
    assert history["step"].iloc[-1] == 20 and model.head.bias.isfinite().all()
    assert "training diverged and ended at step 20" in caplog.text


@settings(max_examples=20)
@given(st.integers(0, 1000))
def test_masks_hide_exchange_and_leave_bases_as_in_bert(seed):
    rng = np.random.default_rng(seed)
    model = build("masked", RECIPE)
    shown = []
    model.log_probs = lambda symbols, species: shown.append(symbols) or torch.zeros(*symbols.shape, 4)
    codes = torch.from_numpy(rng.integers(0, 5, (8, 4000)).astype(np.uint8))
    _, asked = model.training_log_probs(
        codes, torch.zeros(8), torch.from_numpy(rng.random((8, 4000), dtype=np.float32))
    )
    symbols = shown[0]
    assert torch.equal(symbols[~asked], codes[~asked]) and not asked[codes == 4].any()
    assert asked[codes < 4].float().mean().item() == pytest.approx(0.15, abs=0.02)
    assert (symbols[asked] == 5).float().mean().item() == pytest.approx(0.8, abs=0.05)
    assert (symbols[asked] == codes[asked]).float().mean().item() == pytest.approx(0.125, abs=0.04)
