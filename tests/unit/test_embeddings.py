"""Embeddings of windows and of intervals are the means that a model run on the whole contig gives."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from glmtracks.errors import InputError
from glmtracks.genome import ContigNames
from glmtracks.models.registry import load, save
from glmtracks.scoring import embeddings
from glmtracks.scoring.embeddings import embed_genome, embed_regions
from glmtracks.training import build

SETTINGS = {"contigs": "", "window": 64, "batch": 3, "precision": "float32", "device": "cpu", "species": "yeast"}
SMALL = {"width": 16, "layers": 3, "kernel": 3, "max_dilation": 4, "seed": 0}
LENGTHS = {"chrI": 722, "chrII": 1, "chrIII": 64, "chrIV": 90, "chrM": 333}
FLOAT16 = {"atol": 2e-3, "rtol": 2e-3}


@pytest.fixture
def genome(make_genome):
    rng = np.random.default_rng(0)
    contigs = {name: "".join(rng.choice(list("ACGT"), length)) for name, length in LENGTHS.items()}
    contigs["chrI"] = "NN" + contigs["chrI"][:400] + "NRYN" * 5 + contigs["chrI"][422:]
    return make_genome(contigs)


@pytest.fixture(params=["one_pass", "masked", "causal"])
def folder(request, tmp_path, make_plan):
    save(build(request.param, SMALL), tmp_path / "model")
    make_plan(tmp_path / "model").rename(tmp_path / "model" / "plan.json")
    return tmp_path / "model"


def given_to_both(folder: Path, genome, out: Path, changes: dict) -> dict:
    return {
        "model_folder": folder,
        "fasta": genome.path,
        "provenance": genome.path.parent / "provenance.json",
        "plan": folder / "plan.json",
        "destination": out,
        "layer": -1,
        "settings": SETTINGS | {key: changes.pop(key) for key in ("window", "batch") if key in changes},
        "threads": 1,
    }


def windows(folder, genome, tmp_path, **changes) -> pd.DataFrame:
    shared = given_to_both(folder, genome, tmp_path / "windows.parquet", changes)
    embed_genome(**shared | {"contigs": "", "size": 100, "step": 70} | changes)
    return pq.read_table(tmp_path / "windows.parquet").to_pandas()


def regions(folder, genome, tmp_path, bed: str, **changes) -> pd.DataFrame:
    (tmp_path / "regions.bed").write_text(bed)
    shared = given_to_both(folder, genome, tmp_path / "regions.parquet", changes)
    names = ContigNames(genome.contigs, {"two": "chrII"})
    embed_regions(**shared | {"bed": tmp_path / "regions.bed", "names": names} | changes)
    return pq.read_table(tmp_path / "regions.parquet").to_pandas()


def whole_contigs(folder, genome, layer: int = -1) -> dict[str, np.ndarray]:
    model = load(folder)
    codes = {name: torch.from_numpy(genome.codes(name, 0, length)) for name, length in genome.contigs.items()}
    return {name: model.embeddings(codes[name][None], layer)[0].detach().numpy() for name in codes}


def check(table: pd.DataFrame, states: dict[str, np.ndarray]) -> None:
    for row in table.itertuples():
        np.testing.assert_allclose(row.embedding, states[row.contig][row.start : row.end].mean(axis=0), **FLOAT16)


@pytest.mark.parametrize(("size", "step"), [(100, 70), (5, 1), (300, 64), (64, 64), (7, 200), (1000, 10)])
def test_windows_of_any_size_and_step_are_means_of_the_whole_contig(folder, genome, tmp_path, size, step):
    table = windows(folder, genome, tmp_path, size=size, step=step)
    for contig, length in genome.contigs.items():
        rows = table[table["contig"] == contig]
        assert rows["start"].tolist() == list(range(0, max(length - size, 0) + 1, step))
        assert (rows["end"] == np.minimum(rows["start"] + size, length)).all()
    assert table["contig"].drop_duplicates().tolist() == list(genome.contigs)
    check(table, whole_contigs(folder, genome))


@pytest.mark.parametrize("layer", [0, 1, 2, 3, -1, -4])
def test_every_layer(folder, genome, tmp_path, layer):
    check(windows(folder, genome, tmp_path, layer=layer), whole_contigs(folder, genome, layer))
    metadata = pq.read_schema(tmp_path / "windows.parquet").metadata
    assert metadata[b"layer"] == str(layer % 4).encode() and b"model_sha256" in metadata


@pytest.mark.parametrize("changes", [{"window": 301}, {"batch": 1}, {"window": 4096, "batch": 2}])
def test_tiles_and_batches_do_not_matter(folder, genome, tmp_path, changes):
    bed = "chrI\t0\t722\nchrM\t100\t333\nchrI\t60\t70\n"
    for make in (windows, lambda *args, **more: regions(*args, bed, **more)):
        one, other = make(folder, genome, tmp_path), make(folder, genome, tmp_path, **changes)
        assert one.drop(columns="embedding").equals(other.drop(columns="embedding"))
        np.testing.assert_allclose(np.stack(one["embedding"]), np.stack(other["embedding"]), **FLOAT16)


def test_embeddings_are_lists_of_float16_of_one_length(folder, genome, tmp_path):
    windows(folder, genome, tmp_path)
    assert pq.read_schema(tmp_path / "windows.parquet").field("embedding").type == pa.list_(pa.float16(), 16)


@pytest.mark.parametrize("make", [windows, lambda *args: regions(*args, "chrI\t0\t722\n")])
def test_embeddings_beyond_float16_are_refused(folder, genome, tmp_path, monkeypatch, make):
    monkeypatch.setattr(
        embeddings.Runner, "inner_states", lambda self, codes, layer: self.model.embeddings(codes) * 1e9
    )
    with pytest.raises(InputError, match=r"float16 holds no more than 65,504; choose another layer"):
        make(folder, genome, tmp_path)
    assert not list(tmp_path.glob("*.parquet"))


def test_regions_keep_the_order_and_names_of_the_file(folder, genome, tmp_path, monkeypatch):
    monkeypatch.setattr(embeddings, "REGIONS", 3)  # so that the file is walked in several parts
    bed = "track name=x\nM\t3\t300\tlong\ntwo\t0\t1\talias\nchrI\t100\t101\tone base\nchrI\t0\t722\n"
    bed += "chrI\t63\t65\tborder\t9\t+\nchrM\t3\t300\ttwice\nchrIII\t0\t64\ttile\n"
    table = regions(folder, genome, tmp_path, bed)
    assert list(table) == ["contig", "start", "end", "name", "embedding"]
    assert table["name"].tolist() == ["long", "alias", "one base", "", "border", "twice", "tile"]
    assert table["contig"].tolist() == ["chrM", "chrII", "chrI", "chrI", "chrI", "chrM", "chrIII"]
    check(table, whole_contigs(folder, genome))
    assert "name" not in regions(folder, genome, tmp_path, "chrI\t5\t9\n")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
def test_names_of_regions_keep_their_letters(genome, tmp_path, encoding):
    bed = tmp_path / "regions.bed"
    bed.write_bytes("chrI\t0\t5\tgène\n".encode(encoding))
    assert embeddings._regions(genome, bed, ContigNames(genome.contigs)).values.tolist() == [["chrI", 0, 5, "gène"]]


@pytest.mark.parametrize(
    ("bed", "message"),
    [
        ("chrI\t0\t5\nchrX\t0\t5\n", r"regions.bed, line 2: chrX is not a contig .* leave the row out"),
        ("chrI\t0\t723\n", r"line 1: end 723 lies past the end of chrI \(722 bases\)"),
        ("chrI\t0\t5\nchrI\t7\t7\n", r"line 2: chrI 7 7 has no base to embed"),
        ("# nothing\n", r"no line has contig TAB start TAB end|has no interval"),
        ("chrI\t9\t5\n", r"line 1: 'chrI 9 5' is not an interval"),
        (f"chrI\t0\t{10**19}\n", r"line 1: 'chrI 0 10000000000000000000' is not an interval"),
    ],
)
def test_impossible_regions_are_one_sentence(folder, genome, tmp_path, bed, message):
    with pytest.raises(InputError, match=message):
        regions(folder, genome, tmp_path, bed)
    assert not (tmp_path / "regions.parquet").exists()


def test_a_layer_that_is_not_there_leaves_nothing(folder, genome, tmp_path):
    with pytest.raises(InputError, match=r"has the layers 0 \(the bases alone\) to 3, or -4 to -1"):
        windows(folder, genome, tmp_path, layer=4)
    assert not (tmp_path / "windows.parquet").exists()


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(1, 40), st.integers(1, 5))
def test_sums_are_those_of_each_interval_alone(data, length, channels):
    states = np.random.default_rng(length).normal(size=(length, channels)).astype(np.float32)
    edges = st.tuples(st.integers(-5, length + 5), st.integers(-5, length + 5)).map(sorted)
    first, last = np.array(data.draw(st.lists(edges, min_size=1, max_size=9))).T
    expected = [states[max(a, 0) : max(b, 0)].sum(axis=0) for a, b in zip(first, last, strict=True)]
    np.testing.assert_allclose(embeddings._sums(states, first, last), expected, atol=1e-5)
