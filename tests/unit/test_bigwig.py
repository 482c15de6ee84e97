"""bigWig files, read back by another library."""

import io
import struct
from pathlib import Path

import numpy as np
import pybigtools
import pyBigWig
import pytest
from scipy.special import log_softmax

from glmtracks import tracks
from glmtracks.errors import InputError
from glmtracks.genome import UNKNOWN
from glmtracks.tracks import bigwig
from glmtracks.tracks.bigwig import write_bigwig
from glmtracks.tracks.calibrate import calibrate
from glmtracks.tracks.neutral import Neutral
from glmtracks.tracks.zooms import _leaves

SIZES = {"chr2": 70_000, "all_N": 30, "chr1|x.1": 500, "unscored": 10}


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    with tracks.ScoresWriter(tmp_path / "s.parquet", {"model": "random"}) as writer:
        for contig, size in list(SIZES.items())[:3]:
            codes = rng.integers(0, 5, size).astype(np.uint8)
            codes[:5] = 0  # a run of one base: llr_A is 0 along it
            codes[5:9] = UNKNOWN
            if contig == "all_N":
                codes[:] = UNKNOWN
            writer.write(contig, 0, codes, log_softmax(rng.normal(0, 2, (size, 4)), axis=1))
    tracks.write_dataset([tmp_path / "s.parquet"], SIZES, tmp_path / "scores")
    return tmp_path / "scores"


@pytest.mark.parametrize("track", (*tracks.BIGWIG_TRACKS, "llr_corrected_C", "phred_T"))
def test_bigwig_and_parquet_agree_at_every_base(dataset, tmp_path, track):
    neutral = Neutral("all bases", {"chr2": (np.array([0]), np.array([70_000]))})
    calibrate(dataset, neutral, dataset.parent / "calibration")
    write_bigwig(dataset, SIZES, track, tmp_path / "x.bw")
    with pyBigWig.open(str(tmp_path / "x.bw")) as file:
        for contig in ("chr2", "chr1|x.1"):
            expected = tracks.read(dataset, contig, [track])[track].to_numpy()
            found = np.array(file.values(contig, 0, SIZES[contig]), dtype=np.float32)
            assert np.array_equal(found, expected, equal_nan=True)
        assert list(file.chroms()) == ["chr2", "chr1|x.1"]  # contigs without a score do not occur
        assert file.header()["nBasesCovered"] == int(tracks.read(dataset, None, [track])[track].notna().sum())


def test_equal_neighbours_share_an_interval_and_undefined_bases_have_none(dataset, tmp_path):
    write_bigwig(dataset, SIZES, "llr_A", tmp_path / "x.bw")
    with pyBigWig.open(str(tmp_path / "x.bw")) as file:
        assert file.intervals("chr2", 0, 9) == ((0, 5, 0.0),)


def test_same_input_same_bytes(dataset, tmp_path):
    for name in ("a.bw", "b.bw"):
        write_bigwig(dataset, SIZES, "entropy", tmp_path / name)
    assert (tmp_path / "a.bw").read_bytes() == (tmp_path / "b.bw").read_bytes()


def test_no_score_at_all_is_said_and_leaves_nothing(tmp_path):
    with tracks.ScoresWriter(tmp_path / "s.parquet", {}) as writer:
        writer.write("c", 0, np.full(10, UNKNOWN, np.uint8), np.zeros((10, 4)))
    tracks.write_dataset([tmp_path / "s.parquet"], {"c": 10}, tmp_path / "scores")
    with pytest.raises(InputError, match=r"no base of .* has a score"):
        write_bigwig(tmp_path / "scores", {"c": 10}, "llr_A", tmp_path / "out" / "x.bw")
    assert list((tmp_path / "out").iterdir()) == []


def test_another_genome_and_another_track_are_refused(dataset, tmp_path):
    with pytest.raises(InputError, match="chr2 is not in this one, or not as long"):
        write_bigwig(dataset, {**SIZES, "chr2": 70_001}, "llr_A", tmp_path / "x.bw")
    with pytest.raises(InputError, match="llr_U is not a track"):
        write_bigwig(dataset, SIZES, "llr_U", tmp_path / "x.bw")


def test_what_goes_wrong_inside_the_library_is_not_lost(dataset, tmp_path, monkeypatch):
    """pybigtools returns normally after an error."""

    def fail(*_):
        raise OSError("disk")

    monkeypatch.setattr(bigwig._Intervals, "_merged", fail)
    with pytest.raises(OSError, match="disk"):
        write_bigwig(dataset, SIZES, "llr_A", tmp_path / "x.bw")
    monkeypatch.setattr(
        bigwig._Intervals, "_merged", lambda self, *_: setattr(self, "bases", 5) or [("chr2", 9, 8, 0.0)]
    )
    with pytest.raises(OSError, match="not written in full"):
        write_bigwig(dataset, SIZES, "llr_A", tmp_path / "x.bw")
    assert not (tmp_path / "x.bw").exists()


def test_summaries_say_nothing_of_gaps(tmp_path):
    """What browsers show from afar: pybigtools fills gaps with the value of the base after them."""
    rng, sizes = np.random.default_rng(1), {"all_N": 400, "a": 150_000, "b": 70_000, "c": 20_000}
    with tracks.ScoresWriter(tmp_path / "s.parquet", {}) as writer:
        for contig, size in sizes.items():
            codes = rng.integers(0, 4, size).astype(np.uint8)
            for start in range(0, size, 501 if contig == "c" else 9_000):
                codes[start : start + rng.integers(1, 7_000 if contig == "a" else 400)] = UNKNOWN
            writer.write(contig, 0, codes, log_softmax(rng.normal(0, 2, (size, 4)), axis=1))
    tracks.write_dataset([tmp_path / "s.parquet"], sizes, tmp_path / "scores")
    write_bigwig(tmp_path / "scores", sizes, "llr_min", tmp_path / "x.bw")
    file = pybigtools.open(str(tmp_path / "x.bw"))
    values = {contig: tracks.read(tmp_path / "scores", contig, "llr_min")["llr_min"].to_numpy() for contig in sizes}
    assert file.zooms()
    for level in file.zooms():
        for contig in ("a", "b", "c"):
            records = list(file.zoom_records(level, contig))
            for start, end, summary in records:
                here = values[contig][start:end][~np.isnan(values[contig][start:end])].astype(np.float64)
                found = [summary[key] for key in ("bases_covered", "min_val", "max_val", "sum", "sum_squares")]
                assert found == pytest.approx(
                    [len(here), here.min(), here.max(), here.sum(), (here**2).sum()], abs=0.05
                )
            assert sum(summary["bases_covered"] for *_, summary in records) == np.count_nonzero(
                ~np.isnan(values[contig])
            )
    with pyBigWig.open(str(tmp_path / "x.bw")) as other:
        assert other.stats("a", type="mean") == pytest.approx([np.nanmean(values["a"].astype(np.float64))], rel=1e-4)


def test_blocks_of_summaries_are_found_through_the_inner_nodes_of_their_index():
    """More than 256 blocks have such nodes: those of a genome of tens of megabases."""
    blocks = [(1000 * n, 10 + n) for n in range(5)]
    leaves = [
        struct.pack("<BBH", 1, 0, len(some)) + b"".join(struct.pack("<4I2Q", *range(4), *b) for b in some)
        for some in (blocks[:2], blocks[2:])
    ]
    nodes = 7, 100, 500, 700  # the root, another inner node and two leaves
    file = io.BytesIO(bytes(1000))
    for place, children in ((nodes[0], nodes[1:3]), (nodes[1], nodes[3:])):
        file.seek(place)
        file.write(struct.pack("<BBH", 0, 0, len(children)))
        file.write(b"".join(struct.pack("<4IQ", *range(4), child) for child in children))
    for place, leaf in zip((nodes[3], nodes[2]), leaves, strict=True):
        file.seek(place)
        file.write(leaf)
    found = list(_leaves(file, nodes[0]))
    assert [block for _, *block in found] == [list(block) for block in blocks]
    assert [struct.unpack_from("<2Q", file.getvalue(), entry + 16) for entry, *_ in found] == blocks


def test_summaries_hold_the_lowest_and_highest_of_their_own_bases(tmp_path):
    """A record that ends with a gap takes the base after it for its own in pybigtools."""
    rng, sizes = np.random.default_rng(0), {"a": 70_000, "all_N": 7, "b": 30_000}
    with tracks.ScoresWriter(tmp_path / "s.parquet", {}) as writer:
        for contig, size in sizes.items():
            codes = rng.integers(0, 4, size).astype(np.uint8)
            codes[rng.random(size) < (0.2 if contig != "all_N" else 1)] = UNKNOWN
            writer.write(contig, 0, codes, log_softmax(rng.normal(0, 2, (size, 4)), axis=1))
    tracks.write_dataset([tmp_path / "s.parquet"], sizes, tmp_path / "scores")
    write_bigwig(tmp_path / "scores", sizes, "entropy", tmp_path / "x.bw")
    file = pybigtools.open(str(tmp_path / "x.bw"))
    for contig in ("a", "b"):
        values = tracks.read(tmp_path / "scores", contig, "entropy")["entropy"].to_numpy()
        for start, end, summary in file.zoom_records(file.zooms()[0], contig):
            here = values[start:end]
            assert (summary["min_val"], summary["max_val"]) == (np.nanmin(here), np.nanmax(here))
