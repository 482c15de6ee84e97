"""Scores do not depend on how a genome is cut into shards, tiles and batches, and both strands agree."""

import re

import numpy as np
import pandas as pd
import psutil
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from glmtracks.errors import InputError
from glmtracks.models.one_pass import OnePass
from glmtracks.models.registry import load, save
from glmtracks.scoring.genome_scores import score_shard
from glmtracks.scoring.runner import start_runner
from glmtracks.scoring.strategies import choose
from glmtracks.scoring.tiles import Tile, list_contigs, shard_tiles, tile_contigs
from glmtracks.training import build
from glmtracks.variants.lookups import model_lookup

SETTINGS = {"contigs": "", "window": 64, "batch": 3, "precision": "float32", "device": "cpu", "species": "yeast"}
COLUMNS = ["llr_A", "llr_C", "llr_G", "llr_T", "entropy"]


@pytest.fixture
def genome(make_genome):
    rng = np.random.default_rng(0)
    contigs = {
        f"contig.{n}|x": "".join(rng.choice(list("ACGT"), length)) for n, length in enumerate([700, 1, 64, 90, 333])
    }
    contigs["contig.0|x"] = "NN" + contigs["contig.0|x"][:400] + "NRYN" * 5 + contigs["contig.0|x"][400:]
    return make_genome(contigs)


@pytest.fixture(params=["markov", "one_pass", "masked", "causal"])
def folder(request, tmp_path, make_plan):
    parameters = {
        "order": 4,
        "prior": 1.0,
        "width": 16,
        "layers": 3,
        "kernel": 3,
        "max_dilation": 4,
        "seed": 0,
    }
    model = build(request.param, parameters)
    if request.param == "markov":
        model.counts.copy_(torch.from_numpy(np.random.default_rng(1).integers(0, 50, len(model.counts))))
    return stored(model, tmp_path / "model", make_plan)


def stored(model, folder, make_plan, **plan):
    """The folder of a model, with the plan of scoring with it beside the weights."""
    save(model, folder)
    make_plan(folder, **plan).rename(folder / "plan.json")
    return folder


def score(folder, genome, out, shards: int, split=None, **changes) -> pd.DataFrame:
    frames = []
    for number in range(1, shards + 1):
        path = out / f"{number:04d}.parquet"
        score_shard(
            model_folder=folder,
            fasta=genome.path,
            provenance=genome.path.parent / "provenance.json",
            plan=folder / "plan.json",
            shard=f"{number:04d}-of-{shards:04d}",
            destination=path,
            settings=SETTINGS | changes,
            threads=1,
            split=split,
        )
        frames.append(pq.read_table(path).to_pandas().astype({"contig": str, "ref": str}))
    return pd.concat(frames, ignore_index=True)


def test_every_base_is_scored_once_and_only_defined_bases_have_values(folder, genome, tmp_path):
    scores = score(folder, genome, tmp_path, shards=1)
    expected = [(name, position) for name, length in genome.contigs.items() for position in range(length)]
    assert list(zip(scores["contig"].astype(str), scores["start"], strict=True)) == expected
    defined = scores["ref"].isin(list("ACGT"))
    assert scores.loc[defined, COLUMNS].notna().all(axis=None)
    assert scores.loc[~defined, COLUMNS].isna().all(axis=None)


def test_only_windows_with_some_of_the_test_part_have_scores_where_no_others_are_wanted(folder, genome, tmp_path):
    contig = max(genome.contigs, key=genome.contigs.get)
    middle, window = genome.contigs[contig] // 2, SETTINGS["window"]
    split = tmp_path / "split.tsv"
    rows = [(contig, 0, middle, "train"), (contig, middle, middle + 2, "test")]
    pd.DataFrame(rows, columns=["contig", "start", "end", "split"]).to_csv(split, sep="\t", index=False)
    whole, part = (score(folder, genome, tmp_path, shards=3, split=wanted) for wanted in (None, split))
    tile = whole["start"] // window
    read = (whole["contig"] == contig) & tile.between(middle // window, (middle + 1) // window)
    assert 0 < read.sum() < len(whole)
    pd.testing.assert_frame_equal(part[read], whole[read])
    assert part.loc[~read, COLUMNS].isna().all(axis=None)
    pd.testing.assert_frame_equal(part[["contig", "start", "ref"]], whole[["contig", "start", "ref"]])


@pytest.mark.parametrize("shards, batch", [(3, 3), (7, 3), (50, 3), (1, 1)])
def test_shards_and_batches_do_not_matter(folder, genome, tmp_path, shards, batch):
    whole = score(folder, genome, tmp_path, shards=1)
    cut = score(folder, genome, tmp_path, shards=shards, batch=batch)
    if batch == SETTINGS["batch"]:
        pd.testing.assert_frame_equal(cut, whole)  # to the last bit
    else:
        np.testing.assert_allclose(cut[COLUMNS], whole[COLUMNS], atol=1.1e-3)


def test_tiles_do_not_matter(folder, genome, tmp_path):
    one, other = (score(folder, genome, tmp_path, shards=1, window=window) for window in (64, 301))
    np.testing.assert_allclose(one[COLUMNS], other[COLUMNS], atol=1.1e-3)  # one unit of the third decimal


def test_the_scores_are_those_of_the_model_on_the_whole_contig(folder, genome, tmp_path):
    scores, model = score(folder, genome, tmp_path, shards=2), load(folder)
    exact = choose(model, "masked" if model.objective == "masked" else "auto")
    for contig, length in genome.contigs.items():
        codes = genome.codes(contig, 0, length)
        log_probs = exact.log_probs(model, torch.from_numpy(codes)[None])[0].detach().numpy()
        rows = scores[scores["contig"] == contig]
        defined = codes < 4
        expected = log_probs - np.take_along_axis(log_probs, np.where(defined, codes, 0)[:, None].astype(int), axis=1)
        np.testing.assert_allclose(rows.loc[defined, COLUMNS[:4]], expected[defined], atol=6e-4)


@pytest.mark.parametrize(
    "kind, plan",
    [
        ("one_pass", {}),
        ("masked", {}),
        ("masked", {"strategy": "strided", "spacing": 8}),
        ("causal", {}),
        ("markov", {"strands": 2}),
    ],
)
def test_the_reverse_complement_of_a_genome_gives_the_complement_of_the_scores(
    kind, plan, make_genome, make_plan, tmp_path
):
    rng = np.random.default_rng(2)
    sequence = "".join(rng.choice(list("ACGTN"), 1001, p=[0.24, 0.24, 0.24, 0.24, 0.04]))  # 8 does not divide 1,000
    mirror = sequence[::-1].translate(str.maketrans("ACGTN", "TGCAN"))
    shape = {"order": 3, "prior": 1.0, "width": 16, "layers": 4, "kernel": 3, "max_dilation": 8, "seed": 3}
    folder = stored(build(kind, shape), tmp_path / "model", make_plan, **plan)
    there = score(folder, make_genome({"a": sequence}, "there"), tmp_path, shards=1)
    back = score(folder, make_genome({"a": mirror}, "back"), tmp_path, shards=1)[::-1]
    complement = ["llr_T", "llr_G", "llr_C", "llr_A", "entropy"]
    np.testing.assert_allclose(there[COLUMNS], back[complement].to_numpy(), atol=1.1e-3)


@pytest.mark.parametrize("length, turn", [(1000, 64), (1000, 333), (65, 64), (130, 1)])
def test_turning_a_circle_turns_its_scores(make_genome, folder, tmp_path, length, turn):
    sequence = "".join(np.random.default_rng(length).choice(list("ACGT"), length))
    turned = sequence[turn:] + sequence[:turn]
    genomes = [make_genome({"a": s}, name, circular="a") for name, s in (("there", sequence), ("turned", turned))]
    there, back = (score(folder, genome, tmp_path, shards=2)[COLUMNS].to_numpy() for genome in genomes)
    np.testing.assert_allclose(np.roll(there, -turn, axis=0), back, atol=1.1e-3)  # one unit of the third decimal
    linear = score(folder, make_genome({"a": sequence}, "linear"), tmp_path, shards=1)[COLUMNS].to_numpy()
    assert not np.allclose(there[:8], linear[:8], atol=2e-3)


def test_a_circle_that_a_margin_goes_round_is_read_as_a_line(make_genome, folder, tmp_path):
    """So that no base is predicted from its own copy."""
    sequence = {"a": "".join(np.random.default_rng(0).choice(list("ACGT"), 64))}
    circle, line = (make_genome(sequence, f"circular{pattern}", circular=pattern) for pattern in ("a", ""))
    pd.testing.assert_frame_equal(*(score(folder, genome, tmp_path, shards=1) for genome in (circle, line)))


def test_scoring_single_variants_afresh_gives_the_scores_of_the_genome(folder, genome, tmp_path):
    scores = score(folder, genome, tmp_path, shards=1)
    rows = (
        scores[(scores["contig"] == "contig.0|x") & scores["entropy"].notna()]
        .sample(40, random_state=0)
        .sort_values("start")
    )
    reference = rows["ref"].astype(str).map("ACGT".index).to_numpy()
    alternative = (reference + 1) % 4
    lookup = model_lookup(lambda: start_runner(folder, SETTINGS, 1, folder / "plan.json"), genome)
    llr, entropy = lookup("contig.0|x", rows["start"].to_numpy(), reference, alternative)
    expected = rows[COLUMNS[:4]].to_numpy()[np.arange(len(rows)), alternative]
    np.testing.assert_allclose(llr, expected, atol=1.1e-3)  # one unit of the third decimal
    np.testing.assert_allclose(entropy, rows["entropy"], atol=1.1e-3)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 500), min_size=1, max_size=8), st.integers(1, 100), st.integers(1, 12))
def test_tiles_and_shards_cover_each_base_once(lengths, window, count):
    contigs = {str(n): length for n, length in enumerate(lengths)}
    tiles = tile_contigs(contigs, window)
    assert sum(tile.end - tile.start for tile in tiles) == sum(lengths)
    assert [tile for n in range(count) for tile in shard_tiles(tiles, n + 1, count)] == tiles
    assert all(tile.start % window == 0 for tile in tiles)
    read = np.cumsum([sum(t.end - t.start for t in shard_tiles(tiles, n + 1, count)) for n in range(count)])
    fair = np.arange(1, count + 1) * sum(lengths) / count
    assert (np.abs(read - fair) <= window / 2).all()  # each shard ends at the border of tiles that is nearest


def test_a_pattern_that_matches_no_contig_is_one_sentence(folder, genome, tmp_path):
    with pytest.raises(InputError, match=r"scores.contigs or contigs of the model: no contig .* matches 'chrX'"):
        score(folder, genome, tmp_path, shards=1, contigs="chrX")


def test_contigs_are_listed_for_each_use_and_model(genome, tmp_path):
    first, *_ = contigs = genome.contigs
    alone = f"^{re.escape(first)}$"
    patterns = {"scores": {"a": "", "b": alone}, "embeddings": {"b": alone}}
    list_contigs(genome.path, patterns, tmp_path / "contigs.tsv")
    table = pd.read_csv(tmp_path / "contigs.tsv", sep="\t")
    assert list(table.columns) == ["use", "model", "contig", "bases"]
    asked = [("scores", "a", name, length) for name, length in contigs.items()]
    asked += [(use, "b", first, contigs[first]) for use in patterns]
    assert list(table.itertuples(index=False, name=None)) == asked
    with pytest.raises(InputError, match=r"embeddings\.contigs: no contig of .* matches 'chrX'; there are"):
        list_contigs(genome.path, {"embeddings": {"a": "chrX"}}, tmp_path / "none.tsv")
    assert not (tmp_path / "none.tsv").exists()


def test_tile_is_half_open():
    assert tile_contigs({"a": 5}, 3) == [Tile("a", 0, 3), Tile("a", 3, 5)]


def test_a_pass_that_does_not_fit_into_memory_is_done_again_with_half_the_windows(
    genome, tmp_path, make_plan, monkeypatch
):
    folder = stored(
        build("one_pass", {"width": 8, "layers": 2, "kernel": 3, "max_dilation": 2, "seed": 0}),
        tmp_path / "model",
        make_plan,
    )
    usual, shapes = OnePass.inner_log_probs, []

    def greedy(model, codes, margin, species=None):
        shapes.append(len(codes))
        if len(codes) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return usual(model, codes, margin, species)

    expected = score(folder, genome, tmp_path, shards=1, batch=2)
    monkeypatch.setattr(OnePass, "inner_log_probs", greedy)
    found = score(folder, genome, tmp_path, shards=1, batch=16)
    np.testing.assert_allclose(found[COLUMNS], expected[COLUMNS], atol=1.1e-3)
    assert max(shapes) > 2 and shapes.count(max(shapes)) == 1
    monkeypatch.setattr(OnePass, "inner_log_probs", lambda *_: (_ for _ in ()).throw(torch.OutOfMemoryError()))
    runner = start_runner(folder, SETTINGS | {"batch": 1}, 1, folder / "plan.json")
    with pytest.raises(InputError, match="does not fit into the memory"):  # of several short windows too
        runner.ask(np.zeros((8, 16), dtype=np.uint8))
    with pytest.raises(InputError, match=r"make scores\.window smaller than 64"):
        score(folder, genome, tmp_path, shards=1)


def test_a_genome_is_read_as_its_species_and_a_stranger_as_unknown(make_genome, tmp_path, make_plan):
    model = build("one_pass", {"width": 8, "layers": 2, "kernel": 3, "max_dilation": 2, "seed": 0}, ("yeast", "fly"))
    torch.nn.init.normal_(model.embedding.species.weight)
    folder = stored(model.eval(), tmp_path / "model", make_plan)
    genome = make_genome({"a": "".join(np.random.default_rng(0).choice(list("ACGT"), 50))})
    codes = genome.codes("a", 0, 50)
    for name, number in (("fly", 2), ("worm", 0)):
        expected = model.log_probs(torch.from_numpy(codes)[None], torch.tensor([number]))[0].detach().numpy()
        found = score(folder, genome, tmp_path, shards=1, species=name)
        np.testing.assert_allclose(found[COLUMNS[:4]], expected - expected[range(50), codes, None], atol=6e-4)


def test_no_windows_have_no_answers(folder):
    runner = start_runner(folder, SETTINGS, 1, folder / "plan.json")
    nothing = np.zeros((0, 40), dtype=np.uint8)
    assert runner.ask(nothing).shape == (0, 40, 4) and runner.ask(nothing, margin=10).shape == (0, 20, 4)


def test_memory_does_not_grow_with_the_number_of_windows(make_genome, tmp_path, make_plan):
    parameters = {"width": 128, "layers": 4, "kernel": 3, "max_dilation": 8, "seed": 0}
    folder = stored(build("one_pass", parameters), tmp_path / "model", make_plan)
    genome = make_genome({"chr1": "".join(np.random.default_rng(0).choice(list("ACGT"), 60 * 8192))})
    runner = start_runner(folder, SETTINGS | {"window": 8192, "batch": 1}, 1, folder / "plan.json")
    tiles = tile_contigs(genome.contigs, runner.window)
    process = psutil.Process()
    list(runner.log_probs(genome, tiles[:4]))
    before = process.memory_info().rss
    kept = list(runner.log_probs(genome, tiles))  # 131 kB each; a pass takes 20 MB
    assert len(kept) == 60
    assert process.memory_info().rss - before < 100e6


def test_a_model_that_never_saw_unknown_bases_gives_no_score_near_them(genome, tmp_path, make_plan, monkeypatch):
    folder = stored(
        build("one_pass", {"width": 8, "layers": 2, "kernel": 3, "max_dilation": 2, "seed": 0}),
        tmp_path / "model",
        make_plan,
    )
    everywhere = score(folder, genome, tmp_path, shards=1)
    monkeypatch.setattr(OnePass, "reads_unknown", False)
    scores, field = score(folder, genome, tmp_path, shards=2), load(folder).receptive_field
    for _, rows in scores.groupby("contig", sort=False):
        unknown = np.pad(~rows["ref"].isin(list("ACGT")).to_numpy(), field, constant_values=True)
        near = np.array([unknown[i : i + 2 * field + 1].any() for i in range(len(rows))])
        assert (rows[COLUMNS].isna().all(axis=1) == near).all()
        pd.testing.assert_frame_equal(rows[~near], everywhere.loc[rows.index[~near]])
