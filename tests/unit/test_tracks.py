"""Shards and datasets of scores: nothing lost, nothing twice, and probabilities that come back."""

import hashlib
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote

import duckdb
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax

from glmtracks import tracks
from glmtracks.errors import InputError
from glmtracks.genome import UNKNOWN
from glmtracks.tracks.shards import ROWS_PER_GROUP

MADE_BY = {"model": "markov", "genome": "tiny", "strategy": "one_pass"}


def random_scores(length: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Reference codes, a few of them undefined, and normalised log-probabilities."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 4, length).astype(np.uint8)
    codes[rng.random(length) < 0.01] = UNKNOWN
    return codes, log_softmax(rng.normal(0, 2, (length, 4)), axis=1).astype(np.float32)


def write_shard(path: Path, contig: str, start: int, codes, log_probs, metadata=MADE_BY, pieces=1) -> Path:
    cuts = np.linspace(0, len(codes), pieces + 1).astype(int)
    with tracks.ScoresWriter(path, metadata) as writer:
        for begin, end in pairwise(cuts):
            writer.write(contig, start + begin, codes[begin:end], log_probs[begin:end])
    return path


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def dataset(tmp_path: Path) -> tuple[Path, dict[str, tuple[np.ndarray, np.ndarray]]]:
    """A dataset of two contigs, the first longer than two row groups, from four shards."""
    truth = {"chr1": random_scores(150_000), "HLA-A*01:01|x.1/é": random_scores(700, seed=1)}
    shards = [
        write_shard(tmp_path / f"{i}.parquet", "chr1", begin, *(a[begin : begin + 50_000] for a in truth["chr1"]))
        for i, begin in enumerate(range(0, 150_000, 50_000))
    ]
    shards.append(write_shard(tmp_path / "3.parquet", "HLA-A*01:01|x.1/é", 0, *truth["HLA-A*01:01|x.1/é"]))
    sizes = {"chr1": 150_000, "unscored": 5, "HLA-A*01:01|x.1/é": 700}
    tracks.write_dataset(shards, sizes, tmp_path / "scores")
    return tmp_path / "scores", truth


def test_probabilities_come_back_from_llr(dataset):
    folder, truth = dataset
    frame = tracks.read(folder, "chr1")
    codes, expected = truth["chr1"]
    defined = codes != UNKNOWN
    found = tracks.log_probs(frame)
    assert np.allclose(np.exp(found[defined]).sum(axis=1), 1)
    assert np.abs(found - expected)[defined].max() < 0.0015  # three llr, each rounded to 3 decimals
    assert np.isnan(found[~defined]).all()


def test_llr_and_entropy_mean_what_they_say(tmp_path):
    log_probs = np.log([[0.25] * 4, [0.5, 0.5 - 2e-6, 1e-6, 1e-6], [0.7, 0.1, 0.1, 0.1]]).astype(np.float32)
    shard = write_shard(tmp_path / "s.parquet", "c", 0, np.array([0, 1, UNKNOWN], np.uint8), log_probs)
    frame = pq.read_table(shard).to_pandas()
    assert frame["entropy"].tolist()[:2] == [2.0, 1.0]  # four equal bases: 2 bits; two: 1 bit
    assert frame["llr_C"].iloc[1] == 0 and frame["llr_A"].iloc[1] == 0
    assert frame["llr_G"].iloc[1] == np.float32(round(np.log(1e-6 / 0.5), 3))
    assert frame["ref"].tolist() == ["A", "C", "N"]
    scores = frame[list(tracks.TRACKS)]
    assert scores.iloc[2].isna().all()
    assert not np.signbit(scores.to_numpy()[scores.to_numpy() == 0]).any()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(length=st.integers(1, 150_000), pieces=st.integers(1, 40), cut=st.floats(0, 1))
def test_files_do_not_depend_on_how_the_work_was_divided(tmp_path, length, pieces, cut):
    codes, log_probs = random_scores(length)
    whole = write_shard(tmp_path / "whole.parquet", "c", 0, codes, log_probs)
    divided = write_shard(tmp_path / "divided.parquet", "c", 0, codes, log_probs, pieces=pieces)
    assert digest(whole) == digest(divided)
    middle = int(cut * length)
    halves = [
        write_shard(tmp_path / "left.parquet", "c", 0, codes[:middle], log_probs[:middle]),
        write_shard(tmp_path / "right.parquet", "c", middle, codes[middle:], log_probs[middle:]),
    ]
    tracks.write_dataset([whole], {"c": length}, tmp_path / "one")
    tracks.write_dataset(halves, {"c": length}, tmp_path / "two")
    assert digest(tmp_path / "one/contig=c/part-0.parquet") == digest(tmp_path / "two/contig=c/part-0.parquet")


def test_row_groups_and_metadata(dataset):
    folder, _ = dataset
    file = pq.ParquetFile(folder / "contig=chr1" / "part-0.parquet").metadata
    rows = [file.row_group(i).num_rows for i in range(file.num_row_groups)]
    assert rows == [ROWS_PER_GROUP, ROWS_PER_GROUP, 150_000 - 2 * ROWS_PER_GROUP]
    statistics = file.row_group(1).column(0).statistics
    assert (statistics.min, statistics.max) == (ROWS_PER_GROUP, 2 * ROWS_PER_GROUP - 1)
    assert tracks.metadata(folder) == MADE_BY | {"rounding": "3 decimals"}
    assert tracks.contigs(folder) == {"chr1": 150_000, "HLA-A*01:01|x.1/é": 700}


@pytest.mark.parametrize(
    ("region", "start", "end"),
    [
        ("chr1:1-1", 0, 1),
        ("chr1:65,530-65,540", 65_529, 65_540),
        (("chr1", 65_536, 131_072), 65_536, 131_072),
        ("chr1:149,990-160,000", 149_989, 150_000),
        (("chr1", 5, 5), 5, 5),
        ("HLA-A*01:01|x.1/é:11-20", 10, 20),
        ("HLA-A*01:01|x.1/é", 0, 700),
    ],
)
def test_read_gives_exactly_the_region(dataset, region, start, end):
    folder, truth = dataset
    frame = tracks.read(folder, region, columns=["ref", "entropy"])
    contig = "chr1" if "chr1" in region[:4] else "HLA-A*01:01|x.1/é"
    assert list(frame.columns) == ["contig", "start", "ref", "entropy"]
    assert frame["start"].tolist() == list(range(start, end))
    assert (frame["contig"] == contig).all()
    assert "".join(frame["ref"]) == "".join("ACGTN"[code] for code in truth[contig][0][start:end])
    pd.testing.assert_frame_equal(tracks.read(folder, region, "entropy"), frame.drop(columns="ref"))


def test_read_everything_in_genome_order(dataset):
    folder, _ = dataset
    frame = tracks.read(folder)
    assert len(frame) == 150_700
    assert frame["contig"].drop_duplicates().tolist() == ["chr1", "HLA-A*01:01|x.1/é"]
    assert frame["llr_A"].dtype == np.float32


def test_duckdb_reads_the_dataset(dataset):
    folder, _ = dataset
    files = f"read_parquet('{folder}/*/*.parquet', hive_partitioning=true)"
    rows = duckdb.sql(f"select contig, count(*), count(llr_A), max(start) from {files} group by 1 order by 2")
    short, long = rows.fetchall()
    assert short[0] == "HLA-A*01:01|x.1/é" and short[1] == 700
    assert long[1] == 150_000 and long[2] < 150_000 and long[3] == 149_999


@pytest.mark.parametrize(
    ("region", "message"),
    [
        ("1:1-10", "1 is not a contig of .* did you mean chr1"),
        ("chr1:10-1", "not an interval"),
        ("chr1:0-10", "not an interval"),
        ("chr1:200000-200010", "not an interval of chr1, which has 150,000 bases"),
        ("chr1:150001-150002", "not an interval"),
        ("chr1:5-4", "not an interval"),
        ("chr1:x-y", "chr1:x-y is no region; write it as chr1:1000-2000"),
        ("chr1:5", "chr1:5 is no region"),
        ("x:y", "x:y is not a contig"),
    ],
)
def test_impossible_regions(dataset, region, message):
    with pytest.raises(InputError, match=message):
        tracks.read(dataset[0], region)


def test_other_misuse_is_explained(dataset, tmp_path):
    with pytest.raises(InputError, match="llr_U is not a column"):
        tracks.read(dataset[0], "chr1", columns=["llr_U"])
    with pytest.raises(InputError, match="is not a dataset of scores"):
        tracks.read(tmp_path, "chr1")
    with pytest.raises(InputError, match="chr2 is not a contig"):
        tracks.open_contig(dataset[0], "chr2")


def test_a_model_that_gives_no_probabilities_is_refused(tmp_path):
    codes, log_probs = random_scores(10)
    codes[:] = 0
    for bad in (np.nan, -np.inf, 5):
        broken = log_probs.copy()
        broken[7, 2] = bad
        with pytest.raises(InputError, match="no probabilities at c:108 "):
            write_shard(tmp_path / "s.parquet", "c", 100, codes, broken)
        codes_undefined = np.where(np.arange(10) == 7, UNKNOWN, codes).astype(np.uint8)
        write_shard(tmp_path / "fine.parquet", "c", 100, codes_undefined, broken)
    assert [path.name for path in tmp_path.iterdir()] == ["fine.parquet"]


@pytest.mark.parametrize(
    ("stretches", "message"),
    [
        ([("a", 0, 10)], "score 10 bases of a, whose length is 20"),
        ([("a", 0, 10), ("a", 12, 20)], "continues a at 0-based position 12 where 10 is due"),
        ([("a", 0, 12), ("a", 10, 20)], "position 10 where 12 is due"),
        ([("a", 1, 20)], "position 1 where 0 is due"),
        ([("a", 0, 20), ("b", 0, 5), ("a", 0, 20)], "a comes out of genome order or twice"),
        ([("b", 0, 5), ("a", 0, 20)], "a comes out of genome order or twice"),
        ([("x", 0, 5)], "x, which is not a contig of the genome"),
        ([], "no shards to join"),
    ],
)
def test_every_base_exactly_once(tmp_path, stretches, message):
    shards = [
        write_shard(tmp_path / f"{i}.parquet", contig, start, *random_scores(end - start))
        for i, (contig, start, end) in enumerate(stretches)
    ]
    with pytest.raises(InputError, match=message):
        tracks.write_dataset(shards, {"a": 20, "b": 5}, tmp_path / "scores")
    assert not (tmp_path / "scores").exists()


def test_shards_of_different_models_do_not_mix(tmp_path):
    old = write_shard(tmp_path / "old.parquet", "a", 0, *random_scores(10))
    new = write_shard(tmp_path / "new.parquet", "a", 10, *random_scores(10), metadata={**MADE_BY, "model": "other"})
    with pytest.raises(InputError, match=r"old\.parquet and .*new\.parquet .* model is markov .* other"):
        tracks.write_dataset([old, new], {"a": 20}, tmp_path / "scores")
    new.write_bytes(old.read_bytes()[:100])
    with pytest.raises(InputError, match=r"new\.parquet is damaged or cut off, no readable shard"):
        tracks.write_dataset([old, new], {"a": 20}, tmp_path / "scores")


def test_hundreds_of_short_contigs_in_one_shard(tmp_path):
    sizes = {f"gi|{i}|scaffold.{i}": 1 + i % 50 for i in range(400)}
    with tracks.ScoresWriter(tmp_path / "s.parquet", MADE_BY) as writer:
        for contig, size in sizes.items():
            writer.write(contig, 0, *random_scores(size))
    tracks.write_dataset([tmp_path / "s.parquet"], sizes, tmp_path / "scores")
    assert tracks.contigs(tmp_path / "scores") == sizes
    assert tracks.read(tmp_path / "scores")["contig"].value_counts(sort=False).to_dict() == sizes
    assert (tmp_path / "scores" / f"contig={quote('gi|7|scaffold.7')}").is_dir()


def test_read_sizes_keeps_names_as_they_are(tmp_path):
    (tmp_path / "chrom.sizes").write_text('1\t10\nNA\t20\n"x\t5\n')
    assert tracks.read_sizes(tmp_path / "chrom.sizes") == {"1": 10, "NA": 20, '"x': 5}


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_in_a_shard_is_found_or_changes_nothing(tmp_path, place, bit):
    whole, shard = tmp_path / "whole", tmp_path / "shard.parquet"
    if not whole.exists():
        tracks.write_dataset([write_shard(shard, "chr1", 0, *random_scores(3000))], {"chr1": 3000}, whole)
        (tmp_path / "original").write_bytes(shard.read_bytes())
    damaged = bytearray((tmp_path / "original").read_bytes())
    damaged[int(place * len(damaged))] ^= 1 << bit
    shard.write_bytes(damaged)
    try:
        tracks.write_dataset([shard], {"chr1": 3000}, tmp_path / "joined")
    except InputError as error:
        assert str(shard) in str(error) and "\n" not in str(error)
        assert "delete" in str(error) and "run again" in str(error)
    else:  # in a part that nothing is read from, such as the statistics of a column
        pd.testing.assert_frame_equal(tracks.read(whole), tracks.read(tmp_path / "joined"))


@pytest.mark.parametrize("left", [0, 3, 0.5, 0.99])
def test_a_truncated_shard_is_named(tmp_path, left):
    shard = write_shard(tmp_path / "cut.parquet", "chr1", 0, *random_scores(3000))
    content = shard.read_bytes()
    shard.write_bytes(content[: left if left > 1 else int(left * len(content))])
    with pytest.raises(InputError, match=r"cut\.parquet is damaged or cut off, .*delete it and run again"):
        tracks.write_dataset([shard], {"chr1": 3000}, tmp_path / "joined")
