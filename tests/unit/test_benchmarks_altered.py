"""Elements against shuffles of themselves, which models are asked about afresh, in the surroundings of the element."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch
from benchmark_world import LENGTH, make_world, pick

from glmtracks import tracks
from glmtracks.benchmarks import altered, elements, inputs, scores, summary
from glmtracks.genome import UNKNOWN, decode
from glmtracks.models import registry
from glmtracks.scoring.runner import Runner
from glmtracks.scoring.strategies import choose
from glmtracks.scoring.tiles import tile_contigs
from glmtracks.training import build

PARAMETERS = {"order": 3, "prior": 1.0, "width": 8, "layers": 2, "kernel": 3, "max_dilation": 2, "seed": 0}
SETTINGS = {"window": 64, "batch": 2, "device": "cpu", "species": ""}
SHUFFLED = "element vs dinucleotide shuffle"
MOTIF = "TTGACATATAATGCGC"


def chain(order: int, sequences: list[str]) -> torch.nn.Module:
    """A Markov chain counted on the forward strand of some sequences."""
    model = build("markov", {**PARAMETERS, "order": order})
    counts = np.zeros(4 ** (order + 1), dtype=np.int64)
    for sequence in sequences:
        for place in range(len(sequence) - order):
            word = sequence[place : place + order + 1]
            counts[sum("ACGT".index(base) * 4 ** (order - n) for n, base in enumerate(word))] += 1
    model.counts.copy_(torch.from_numpy(counts))
    return model


def runner_of(model, window=64) -> Runner:
    strategy = choose(model, "masked" if model.objective == "masked" else "auto")
    asked = {"batch": 2, "precision": "float32", "device": "cpu", "threads": 1}
    return Runner.start(model, window=window, strategy=strategy, **asked)


def write_dataset(runner, genome, folder):
    """The scores of a genome, as the workflow writes them."""
    folder.mkdir()
    shards = []
    for contig, length in genome.contigs.items():
        shards.append(folder / f"{contig}.parquet")
        with tracks.ScoresWriter(shards[-1], {"model": "m"}) as writer:
            for tile, log_probs in runner.log_probs(genome, tile_contigs({contig: length}, runner.window)):
                writer.write(contig, tile.start, genome.codes(*tile), log_probs)
    tracks.write_dataset(shards, genome.contigs, folder / "scores")
    return folder / "scores"


@pytest.fixture
def world(make_genome, tmp_path):
    """Inputs of random contigs into which a motif is written 60 times; the elements are its places."""
    given = make_world(make_genome, tmp_path)
    rng, contigs, rows = np.random.default_rng(3), {}, []
    for contig in given.genome.contigs:
        letters = list(given.genome.sequence(contig, 0, LENGTH))
        for start in rng.choice(np.arange(0, 540, 60), 6, replace=False):
            sequence = MOTIF * 2
            letters[start : start + len(sequence)] = sequence
            rows.append(f"{contig}\t{start}\t{start + len(sequence)}")
        contigs[contig] = "".join(letters)
    (tmp_path / "elements.bed").write_text("\n".join(rows) + "\n")
    genome = make_genome(contigs, "planted")
    return replace(given, genome=genome, files={"bed": str(tmp_path / "elements.bed")})


def judge(given, folder, models, make_plan):
    """Items and summary of models, name -> model, through the files that the workflow makes."""
    inputs.draw_items("elements", given, folder / "items.parquet")
    for name, model in models.items():
        home = folder / "models" / name
        home.mkdir(parents=True)
        registry.save(model, home)
        dataset = write_dataset(runner_of(model), given.genome, folder / name)
        altered.score_altered_items(
            "elements",
            folder / "items.parquet",
            dataset,
            home,
            given.genome.path,
            folder / f"{name}.parquet",
            plan=make_plan(home),
            settings=SETTINGS,
            threads=1,
        )
    told = [{"name": name, "kind": "one_pass", "seen": "no", "hash": "a", "baseline": False} for name in models]
    files = [folder / f"{name}.parquet" for name in models]
    summary.summarise("elements", "toy", folder / "items.parquet", files, told, folder / "summary.tsv", draws=200)
    return pd.read_parquet(folder / "items.parquet"), pd.read_csv(folder / "summary.tsv", sep="\t")


def test_a_chain_of_first_order_and_every_baseline_of_composition_is_at_exactly_one_half(world, tmp_path, make_plan):
    """Not nearly: the dinucleotides are the same, so are all sums over them, and what is equal ties."""
    models = {"pairs": chain(1, [world.genome.sequence("c0", 0, LENGTH)]), "words": chain(4, [MOTIF * 2] * 50)}
    items, table = judge(world, tmp_path, models, make_plan)
    shuffled = items[items["contrast"] == SHUFFLED]
    assert len(shuffled) == 120 and (shuffled.groupby("stratum", observed=True)["label"].sum() == 1).all()
    table = table[table["contrast"] == SHUFFLED]
    for metric in ("auroc", "paired_accuracy"):
        for score_name in ("constraint", "mean log P(ref)"):
            row = pick(table, scorer="pairs", metric=metric, score_name=score_name)
            assert (row["value"], row["low"], row["high"]) == (0.5, 0.5, 0.5)
        for scorer in ("constant", "gc", "cpg", "repeat_fraction", "distance_tss", "matched_covariates"):
            row = pick(table, scorer=scorer, metric=metric)
            assert (row["value"], row["low"], row["high"]) == (0.5, 0.5, 0.5), scorer
        words = pick(table, scorer="words", metric=metric, score_name="mean log P(ref)")
        assert words["value"] > 0.95 and words["low"] > 0.9
    row = pick(table, scorer="words", metric="auroc", score_name="constraint")
    assert row["verdict"] == "better" and row["headline"] == "yes"
    row = pick(table, scorer="random", metric="auroc")
    assert row["low"] < 0.5 < row["high"]


def test_shuffles_keep_dinucleotides_and_are_the_same_by_seed(world):
    items = elements.items(world)
    shuffled = items[items["contrast"] == SHUFFLED].sort_values(["stratum", "label"])
    for before, after in zip(shuffled["sequence"][1::2], shuffled["sequence"][::2], strict=True):
        assert before == MOTIF * 2 != after
        assert Counter(pairwise(before)) == Counter(pairwise(after))
    assert items["sequence"].equals(elements.items(world)["sequence"])
    assert not items["sequence"].equals(elements.items(replace(world, seed=9))["sequence"])


def test_no_more_elements_are_shuffled_than_wanted(world):
    fewer = replace(world, options=replace(world.options, shuffles=7))
    assert (elements.items(fewer)["contrast"] == SHUFFLED).sum() == 14
    none = replace(world, options=replace(world.options, shuffles=0))
    assert set(elements.items(none)["contrast"]) == {"element vs matched"}


@pytest.mark.parametrize("kind", ["markov", "one_pass", "masked", "causal"])
@pytest.mark.parametrize("circular", ["", "."])
def test_a_sequence_put_into_the_genome_is_scored_as_a_genome_that_has_it(make_genome, tmp_path, kind, circular):
    """Items at the ends of contigs, longer than the model's windows (64 bases), and of 1 base among them."""
    rng = np.random.default_rng(1)
    contigs = {name: decode(rng.integers(0, 4, size)) for name, size in (("a", 500), ("b", 230), ("c", 40))}
    places = [
        ("a", 0, 20),
        ("a", 100, 101),
        ("a", 150, 150 + 64),
        ("a", 300, 500),
        ("b", 3, 203),
        ("b", 220, 230),
        ("c", 30, 38),
    ]
    genome = make_genome(contigs, circular=circular)
    table = pd.DataFrame(places, columns=["contig", "start", "end"]).assign(ref=None)
    table["sequence"] = [decode(rng.integers(0, 4, end - start)) for _, start, end in places]
    model = chain(3, list(contigs.values())) if kind == "markov" else build(kind, PARAMETERS)
    runner = runner_of(model)
    columns = ["entropy", scores.LOG_P]
    found = altered.ask_items(runner, genome, table, columns)
    for number, row in enumerate(table.itertuples()):
        text = contigs[row.contig]
        written = {**contigs, row.contig: text[: row.start] + row.sequence + text[row.end :]}
        other = make_genome(written, f"written{number}", circular=circular)
        dataset = write_dataset(runner, other, tmp_path / f"scores{number}")
        expected = scores.read_means(dataset, table.iloc[[number]], columns)
        np.testing.assert_allclose(found[[number]], expected, atol=1e-3)  # scores are stored with three decimals
    itself = table.assign(sequence=[genome.sequence(*place) for place in places])
    dataset = write_dataset(runner, genome, tmp_path / "scores")
    expected = scores.read_means(dataset, itself, columns)
    np.testing.assert_allclose(altered.ask_items(runner, genome, itself, columns), expected, atol=1e-3)


def test_bases_that_are_not_known_do_not_count():
    log_probs = np.log(np.full((1, 2, 4), 0.25, np.float32))
    found = altered._values(log_probs, np.array([[2, UNKNOWN]]), ["entropy", scores.LOG_P])
    np.testing.assert_allclose(found, [[[2, np.log(0.25)], [np.nan] * 2]], rtol=1e-6)


def test_items_on_contigs_without_scores_are_not_asked(world, tmp_path, make_plan):
    """A model may be told to score some contigs only; its items elsewhere have no score, shuffled or not."""
    inputs.draw_items("elements", world, tmp_path / "items.parquet")
    home = tmp_path / "m"
    home.mkdir()
    registry.save(chain(2, [MOTIF]), home)
    runner = runner_of(registry.load(home))
    shard = tmp_path / "c0.parquet"
    with tracks.ScoresWriter(shard, {"model": "m"}) as writer:
        for tile, log_probs in runner.log_probs(world.genome, tile_contigs({"c0": LENGTH}, 64)):
            writer.write("c0", tile.start, world.genome.codes(*tile), log_probs)
    tracks.write_dataset([shard], world.genome.contigs, tmp_path / "scores")
    altered.score_altered_items(
        "elements", tmp_path / "items.parquet", tmp_path / "scores", home, world.genome.path, tmp_path / "o.parquet",
        plan=make_plan(home), settings=SETTINGS, threads=1,
    )  # fmt: skip
    found = pd.read_parquet(tmp_path / "o.parquet")
    assert (found["score"].notna() == (found["contig"] == "c0")).all()
    assert set(found.loc[found["contig"] == "c0", "contrast"]) == {"element vs matched", SHUFFLED}
