"""The loader gives the bases of the genome, and training lowers the loss and is reproducible."""

import numpy as np
import pandas as pd
import pytest
import torch

from glmtracks.corpus import Corpus, CorpusGenome
from glmtracks.errors import InputError
from glmtracks.models.base import reverse_complement
from glmtracks.training import PackedCorpus, WindowBatches, base_losses, build, validate

SMALL = {
    "width": 16, "layers": 3, "kernel": 3, "max_dilation": 4, "steps": 30, "batch": 8, "learning_rate": 0.01,
    "warmup": 0.1, "weight_decay": 0.01, "repeat_weight": 0.1, "seed": 5,
}  # fmt: skip


@pytest.fixture
def corpus(make_genome):
    """Two genomes that repeat a word of 13 bases, so that there is something to learn."""
    members = []
    for name in ("one", "two"):
        genome = make_genome({"a": "ACGGTTACAGTCA" * 200, "b": "ACGGTTACAGTCA" * 20}, name)
        starts = np.arange(0, 2400, 100)
        windows = pd.DataFrame(
            {
                "contig": "a",
                "start": starts,
                "end": starts + 100,
                "split": "train",
                "kind": "other",
                "slack_left": 0,
                "slack_right": 50,
            }
        )
        validation = windows.head(2).assign(contig="b", split="validation", slack_right=0)
        repeats = pd.DataFrame({"contig": ["a"], "start": [50], "end": [60]})
        members.append(
            CorpusGenome(name, genome, repeats, pd.DataFrame(), pd.concat([windows, validation], ignore_index=True))
        )
    return Corpus(members)


def test_windows_are_the_bases_of_the_genome_with_their_repeat_status(corpus):
    packed = PackedCorpus(corpus)
    rows = np.array([0, 3, len(packed.windows) - 1])
    codes, repeat = packed.cut(rows, np.array([7, 0, 0]))
    first, second = corpus.genomes
    assert (codes[0].numpy() == first.genome.codes("a", 7, 107)).all()
    assert (codes[1].numpy() == first.genome.codes("a", 300, 400)).all()
    assert (codes[2].numpy() == second.genome.codes("b", 100, 200)).all()
    assert repeat[0].nonzero().squeeze().tolist() == list(range(43, 53))
    assert not repeat[1:].any()


def test_a_short_window_is_filled_up_with_unknown_bases(corpus):
    corpus.genomes[0].windows.loc[0, "end"] = 60
    codes, _ = PackedCorpus(corpus).cut(np.array([0]), np.array([0]))
    assert (codes[0, :60] < 4).all() and (codes[0, 60:] == 4).all()


def test_batches_are_reproducible_and_come_from_both_strands(corpus):
    packed = PackedCorpus(corpus)
    first, again = (next(iter(WindowBatches(packed, 64, seed=3))) for _ in range(2))
    assert torch.equal(first[0], again[0])
    genome = torch.from_numpy(corpus.genomes[0].genome.codes("a", 0, 2600))
    places = genome.unfold(0, 100, 1)
    forward = [(places == window).all(1).any().item() for window in first[0]]
    backward = [(places == window).all(1).any().item() for window in reverse_complement(first[0])]
    assert all(f or b for f, b in zip(forward, backward, strict=True))
    assert 10 < sum(forward) < 54


def test_unknown_bases_cost_nothing():
    codes = torch.tensor([[0, 4, 3]], dtype=torch.uint8)
    loss, defined = base_losses(torch.full((1, 3, 4), np.log(0.25)), codes)
    assert loss[0].tolist() == pytest.approx([np.log(4), 0, np.log(4)])
    assert defined.tolist() == [[True, False, True]]


def test_training_learns_and_two_runs_give_the_same_weights(corpus):
    models = [build("one_pass", SMALL) for _ in range(2)]
    histories = [model.fit(corpus, SMALL) for model in models]
    for one, other in zip(models[0].parameters(), models[1].parameters(), strict=True):
        assert torch.equal(one, other)
    assert histories[0] == histories[1]
    assert len(histories[0]) == SMALL["steps"]
    metrics = validate(models[0], PackedCorpus(corpus), "validation")
    assert metrics["validation_nats_per_base"] < 0.7 < np.log(4)
    assert metrics["validation_bases"] == 400


def test_no_steps_leave_the_model_as_it_was(corpus):
    model, same = (build("one_pass", SMALL) for _ in range(2))
    assert model.fit(corpus, SMALL | {"steps": 0}) == []
    for one, other in zip(model.parameters(), same.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_corpus_without_training_windows_is_one_sentence(corpus):
    for member in corpus.genomes:
        member.windows["split"] = "test"
    with pytest.raises(InputError, match="no training window"):
        build("one_pass", SMALL).fit(corpus, SMALL)
