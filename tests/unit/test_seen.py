"""What a model has seen of what it is judged by: copies are found, what is not here is never called clean."""

import json

import numpy as np
import pandas as pd
import pytest

from glmtracks import training
from glmtracks.errors import InputError
from glmtracks.intervals import tile
from glmtracks.models import registry
from glmtracks.windows.corpus import CorpusGenome
from glmtracks.windows.seen import lint_seen, look

NO_REPEATS = pd.DataFrame({"contig": pd.Series([], dtype=str), "start": [], "end": []}).astype(
    {"start": int, "end": int}
)
COMPLEMENT = str.maketrans("ACGT", "TGCA")
HELD = {"held_out": {"yeast": ["chrI"]}}


def dna(rng, length):
    return "".join(rng.choice(list("ACGT"), length))


def other_strand(sequence):
    return sequence[::-1].translate(COMPLEMENT)


@pytest.fixture
def world(make_genome, tmp_path):
    """Functions from a share of chrI, the test part, that also stands in chrII, on the other strand: the genome that is
    judged; and the files of a genome that was seen."""
    rng = np.random.default_rng(0)
    test, train = dna(rng, 6000), dna(rng, 20_000)
    (tmp_path / "repeats.bed").write_text("")

    def build(copied=0.0, name="yeast", **more):
        copy = other_strand(test[1000 : 1000 + int(copied * len(test))])
        genome = make_genome({"chrI": test, "chrII": train[:9000] + copy + train[9000:], **more}, f"{name}{copied}")
        split = tile({"chrI": len(test)}).assign(split="test")
        return CorpusGenome(name, genome, NO_REPEATS, split, pd.DataFrame()), genome.path

    build.repeats = tmp_path / "repeats.bed"
    return build


@pytest.mark.parametrize(
    ("copied", "verdict"),
    [(0, "ok"), (0.005, "ok"), (0.05, "warn"), (0.25, "fail")],
)
def test_a_planted_copy_of_the_test_part_outside_held_out_contigs_is_found(world, copied, verdict):
    judged, path = world(copied)
    found = look({"seen": ["yeast"], **HELD}, judged, {"yeast": (path, world.repeats)})
    assert found["verdict"] == verdict and found["seen"] == "held out"
    assert found["shared_share"] == pytest.approx(max(copied - 20 / 6000, 0) if copied else 0, abs=2e-3)
    assert found["aligned_share"] == pytest.approx(copied if copied > 0.01 else 0, abs=5e-3)
    assert found["bases"] == {"test": 6000, "trained": 0, "protected": 0, "asked": 6000}
    assert f"{found['shared_share']:.1%} of the 21-mers" in found["summary"]


def test_a_diverged_copy_in_another_species_is_found_by_alignment(world, make_genome):
    """One base in eight changed: few 21-mers are left."""
    judged, _ = world()
    rng = np.random.default_rng(2)
    letters = np.array(list(judged.genome.sequence("chrI", 0, 6000)))
    changed = np.flatnonzero(rng.random(6000) < 1 / 8)
    letters[changed] = np.array(list("CGTA"))[np.searchsorted(list("ACGT"), letters[changed])]
    sister = make_genome({"x": dna(rng, 3000) + "".join(letters) + dna(rng, 3000)}, "sister")
    found = look({"seen": ["sister"]}, judged, {"sister": (sister.path, world.repeats)})
    assert found["shared_share"] < 0.1 < 0.5 < found["aligned_share"]
    assert found["verdict"] == "fail" and found["seen"] == "no"


def test_what_was_trained_on_fails_without_being_read(world):
    judged, _ = world()
    missing = {"yeast": ("nowhere.fa.gz", "nowhere.bed")}
    found = look({"seen": ["yeast"]}, judged, missing)
    assert found["verdict"] == "fail" and found["seen"] == "yes"
    assert found["summary"] == "it was trained on 6,000 of the 6,000 bases of the test part"


@pytest.mark.parametrize("trained, verdict", [(50, "ok"), (500, "warn"), (700, "fail")])
def test_some_of_the_test_part_may_have_been_trained_on(make_genome, trained, verdict):
    """Of two contigs one was held out, and purged for."""
    genome = make_genome({"a": "ACGT" * 1500, "b": ("TGCA" * 200)[:trained]})
    judged = CorpusGenome("yeast", genome, NO_REPEATS, tile(genome.contigs).assign(split="test"), pd.DataFrame())
    config = {"seen": ["yeast"], "held_out": {"yeast": ["a"]}, "purged": {"yeast": 1}}
    found = look(config, judged, {"yeast": ("nowhere.fa.gz", "nowhere.bed")})
    assert found["verdict"] == verdict and found["bases"]["trained"] == trained and found["bases"]["protected"] == 6000
    assert found["summary"].startswith(f"it was trained on {trained} of the {6000 + trained:,} bases of the test")


def test_what_is_not_here_is_unknown_and_never_clean(world):
    judged, path = world()
    found = look({"seen": ["yeast", "paradoxus", "arboricola"], **HELD}, judged, {"yeast": (path, world.repeats)})
    assert found["verdict"] == "unknown" and found["absent"] == ["paradoxus", "arboricola"]
    assert found["summary"].endswith("unknown for paradoxus, arboricola, whose sequences are not here")
    leaky, path = world(0.25)
    found = look({"seen": ["yeast", "paradoxus"], **HELD}, leaky, {"yeast": (path, world.repeats)})
    assert found["verdict"] == "fail" and "unknown for paradoxus, whose sequence is not here" in found["summary"]
    for listed, told in ((["unknown"], "what it saw is unknown"), (["paradoxus", "unknown"], "what else it saw is")):
        found = look({"seen": listed}, judged, {})
        assert found["verdict"] == "unknown" and told in found["summary"]
    assert look({}, judged, {})["verdict"] == "unknown"


def test_a_model_that_saw_nothing_is_clean(world):
    found = look({"seen": ["none"]}, world()[0], {})
    assert found["verdict"] == "ok" and found["seen"] == "no" and found["summary"] == "it was trained on no genome"


def test_what_was_purged_for_held_out_contigs_is_not_held_against_the_model(world):
    """chrII holds a copy of chrI, but the training that held chrI out also purged what shares sequence with it."""
    judged, path = world(0.25)
    config = {"seen": ["yeast"], **HELD, "purged": {"yeast": 1500}}
    found = look(config, judged, {"yeast": (path, world.repeats)})
    assert found["verdict"] == "ok" and found["bases"]["protected"] == 6000
    assert "were held out of its training, and what shares sequence with them was purged" in found["summary"]
    found = look({**config, "purged": {"yeast": 0}}, judged, {"yeast": (path, world.repeats)})
    assert found["verdict"] == "fail"
    # of another genome, which that training did not know, nothing was purged
    found = look(config, _renamed(judged), {"yeast": (path, world.repeats)})
    assert found["verdict"] == "fail" and found["bases"]["protected"] == 0


def _renamed(judged):
    return CorpusGenome("isolate", judged.genome, NO_REPEATS, judged.split, judged.windows)


def test_contigs_are_judged_by_their_closest_relative_where_the_corpus_is(world, make_genome):
    judged, _ = world()
    rng = np.random.default_rng(5)
    test = judged.genome.sequence("chrI", 0, 6000)
    far, near = dna(rng, 6000) + test[:60], test[:3000] + dna(rng, 3000)
    for name, contigs, verdict in (("far", {"a": far}, "ok"), ("near", {"a": far, "b": near}, "fail")):
        other = make_genome(contigs, name)
        found = look({"seen": [name]}, judged, {name: (other.path, world.repeats)}, mode="contigs", related=0.02)
        assert found["verdict"] == verdict and found["limit"] == 0.02
        assert f"no contig of what it saw of {name} shares more than" in found["summary"]


@pytest.fixture
def job(world, tmp_path):
    """The arguments of `lint_seen` for a genome with a planted leak."""
    judged, path = world(0.25)
    judged.split.to_csv(tmp_path / "split.tsv", sep="\t", index=False)
    folder = tmp_path / "borrowed"
    folder.mkdir()
    config = {"kind": "one_pass", "architecture": {}, "sha256": "0", "seen": ["yeast"], **HELD}
    (folder / "config.json").write_text(json.dumps(config))
    return {
        "model_folder": folder, "genome": "yeast", "fasta": path, "repeats": world.repeats,
        "split": tmp_path / "split.tsv", "seen": {"yeast": (path, world.repeats)},
        "destination": tmp_path / "leakage.json",
    }  # fmt: skip


def test_a_leak_stops_the_benchmark_unless_it_is_allowed_and_then_it_is_said(job, caplog):
    settings = {"purge": "stretches", "related": 0.02, "allow_leak": False}
    with pytest.raises(InputError, match=r"borrowed on yeast: 2\d\.\d% of the 21-mers .*limit 10%.*split\.allow_leak"):
        lint_seen(**job, leakage_settings=settings)
    assert not job["destination"].exists()
    lint_seen(**job, leakage_settings={**settings, "allow_leak": True})
    found = json.loads(job["destination"].read_text())
    assert found["verdict"] == "fail" and found["allow_leak"] and found["model"] == "borrowed"
    assert "(fail)" in caplog.text


def test_the_limit_of_related_contigs_is_told_as_it_was_set(job):
    with pytest.raises(InputError, match=r"\(limit 0\.5%\)"):
        lint_seen(**job, leakage_settings={"purge": "contigs", "related": 0.005, "allow_leak": False})


def test_of_a_model_trained_here_the_training_part_is_compared_and_held_out_is_the_way_out(job, world, tmp_path):
    _, sister = world(0.25, "sister")
    config = {"kind": "one_pass", "architecture": {}, "sha256": "0", "seen": ["sister"]}
    (job["model_folder"] / "config.json").write_text(json.dumps(config))
    length = 20_000 + 1500  # of chrII, which has the planted copy
    job |= {"seen": {"sister": (sister, world.repeats)}, "trained_on": tmp_path / "corpus.tsv"}
    settings = {"purge": "stretches", "related": 0.02, "allow_leak": False}

    def trained_on(*intervals):
        rows = [("sister", "chrII", start, end, "train") for start, end in intervals]
        rows += [("sister", "chrII", 9000, 10_500, "purged")] if len(intervals) > 1 else []
        rows += [("another", "chrII", 0, length, "train")]
        table = pd.DataFrame(rows, columns=["genome", "contig", "start", "end", "split"])
        table.to_csv(job["trained_on"], sep="\t", index=False)

    trained_on((0, length))
    with pytest.raises(InputError, match=r"borrowed on yeast: .*name yeast in the column held_out of borrowed"):
        lint_seen(**job, leakage_settings=settings)
    trained_on((0, 9000), (10_500, length))  # all but the copy
    lint_seen(**job, leakage_settings=settings)
    found = json.loads(job["destination"].read_text())
    assert found["verdict"] == "ok" and found["seen"] == "no" and found["shared_share"] == 0


def test_the_sheet_says_what_a_model_saw_and_where_it_does_not_the_folder_does(tmp_path):
    (tmp_path / "config.json").write_text('{"kind": "x", "architecture": {}, "sha256": "0", "seen": ["a", "b"]}')
    assert registry.seen_by(str(tmp_path), ["unknown"]) == ["a", "b"]
    assert registry.seen_by(str(tmp_path), ["c"]) == ["c"]
    assert registry.seen_by("hub:owner/name", ["unknown"]) == ["unknown"]
    assert registry.seen_by(str(tmp_path / "nothing"), ["unknown"]) == ["unknown"]


def test_training_tells_what_it_purged_beside_what_it_trained_on():
    """A contig that went out whole is held out; stretches of others are purged."""
    rows = [("a", 0, 50, "train"), ("a", 50, 80, "purged"), ("b", 0, 90, "purged"), ("c", 0, 70, "test")]
    split = pd.DataFrame(rows, columns=["contig", "start", "end", "split"])
    assert training._purged(split) == 30
    assert training._without_training(split) == ["b", "c"]
