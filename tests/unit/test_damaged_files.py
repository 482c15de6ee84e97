"""A byte that flips in a finished file is noticed when the file is read, by its checksums, and said with its name."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from glmtracks import tracks
from glmtracks.annotation.regions import read_regions
from glmtracks.errors import InputError
from glmtracks.evidence.alignment import align
from glmtracks.genome import Genome
from glmtracks.parquet import WITH_CHECKSUMS, read_frame
from glmtracks.variants.lookups import dataset_lookup
from glmtracks.windows.corpus import Corpus

LENGTH = 5000


def flips(path: Path, count: int = 25) -> list[bytes]:
    """The file with one byte changed, at places of its first nine tenths: what follows is a footer."""
    data, rng = path.read_bytes(), np.random.default_rng(0)
    spoiled = []
    for at in rng.integers(4, len(data) * 9 // 10, count):
        spoiled.append(data[:at] + bytes([data[at] ^ 0x20]) + data[at + 1 :])
    return spoiled


def all_noticed(path: Path, read: Callable[[], object], same: Callable[[object, object], bool]) -> int:
    """How many damaged versions were refused; the others must read as before."""
    good, refused = read(), 0
    original = path.read_bytes()
    for data in [*flips(path), original[: len(original) // 2]]:
        path.write_bytes(data)
        try:
            assert same(read(), good)  # a byte that is of no consequence, as in a page's statistics
        except InputError as error:
            assert str(path) in str(error) and "\n" not in str(error)
            refused += 1
    return refused


@pytest.fixture
def scores(tmp_path) -> Path:
    rng = np.random.default_rng(1)
    with tracks.ScoresWriter(tmp_path / "shard", {"model": "random"}) as writer:
        codes = rng.integers(0, 4, LENGTH).astype(np.uint8)
        writer.write("c", 0, codes, np.log(rng.dirichlet(np.ones(4), LENGTH)))
    tracks.write_dataset([tmp_path / "shard"], {"c": LENGTH}, tmp_path / "scores")
    return tmp_path / "scores"


def test_a_dataset_of_scores(scores):
    part = tracks.contig_path(scores, "c")
    assert all_noticed(part, lambda: tracks.read(scores), pd.DataFrame.equals) > 20


@pytest.mark.parametrize("keep", [100, 0.5])  # bytes, or a share: without a footer; with one, but of damaged pages
def test_of_a_damaged_dataset_the_folder_is_to_be_deleted_which_a_run_makes_anew(scores, keep):
    part = tracks.contig_path(scores, "c")
    data = part.read_bytes()
    part.write_bytes(data[:keep] if keep > 1 else bytes(len(data) // 2) + data[len(data) // 2 :])
    with pytest.raises(InputError, match=f"delete {scores} and run again$"):
        tracks.read(scores)


def test_scores_that_are_looked_up(scores):
    part, places = tracks.contig_path(scores, "c"), np.arange(LENGTH)
    codes = np.zeros(LENGTH, dtype=np.uint8)

    def read() -> np.ndarray:
        return np.stack(dataset_lookup(scores)("c", places, codes, codes + 1))

    assert all_noticed(part, read, lambda one, other: np.array_equal(one, other, equal_nan=True)) > 15


def test_a_genome(make_genome):
    genome = make_genome({"c": "".join(np.random.default_rng(2).choice(list("ACGT"), LENGTH))})
    assert all_noticed(genome.path, lambda: Genome(genome.path).sequence("c", 0, LENGTH), str.__eq__) > 20


@pytest.mark.parametrize("damaged", ["genome", "sister"])
def test_genomes_that_are_aligned(make_genome, damaged):
    """minimap2 takes the block for the end of the file, behind which no contig would be aligned."""
    contigs = {name: "".join(np.random.default_rng(n).choice(list("ACGT"), 70_000)) for n, name in enumerate("ab")}
    paths = {name: make_genome(contigs, name).path for name in ("genome", "sister")}
    paths[damaged].write_bytes(flips(paths[damaged], 1)[0])
    with pytest.raises(InputError, match=f"{damaged}/genome.fa.gz is damaged or cut off where a stands"):
        align(Genome(paths["genome"]), paths["sister"], ["b"])


@pytest.mark.parametrize("read", [read_frame, read_regions])
def test_tables(tmp_path, read):
    path = tmp_path / "table.parquet"
    frame = pd.DataFrame({"start": np.random.default_rng(3).integers(0, 1 << 30, 3000), "name": ["a", "b", "c"] * 1000})
    frame.to_parquet(path, index=False, **WITH_CHECKSUMS)
    assert all_noticed(path, lambda: read(path), pd.DataFrame.equals) > 20


def test_windows(tmp_path, make_genome):
    genome = make_genome({"c": "ACGT" * 100})
    split, windows, repeats = (tmp_path / name for name in ("split.tsv", "windows.parquet", "repeats.bed"))
    split.write_text("genome\tcontig\tstart\tend\tpart\ng\tc\t0\t400\ttrain\n")
    repeats.write_text("")
    windows.write_bytes(b"PAR1 but no more")
    with pytest.raises(InputError, match=r"windows\.parquet is damaged or cut off"):
        Corpus.read(["g"], [genome.path], [repeats], split, windows)


def test_weights(tmp_path):
    pytest.importorskip("torch")
    from glmtracks.models.registry import load, save
    from glmtracks.training import build

    save(build("markov", {"order": 2, "prior": 1.0, "seed": 0}), tmp_path / "model")
    weights = tmp_path / "model/model.safetensors"
    for data in flips(weights, 10):
        weights.write_bytes(data)
        with pytest.raises(InputError, match=r"model"):
            load(tmp_path / "model")
