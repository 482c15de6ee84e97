"""Repeats: each method against what is known of its sequences, and one form for all results."""

import gzip
import shutil

import numpy as np
import pandas as pd
import pysam
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glmtracks.bed import read_bed
from glmtracks.errors import InputError
from glmtracks.genome import decode
from glmtracks.repeats import METHODS, find_repeats

needs_windowmasker = pytest.mark.skipif(
    shutil.which("windowmasker") is None, reason="windowmasker (package ncbi-blast+) is not installed"
)
COMPUTED = ["none", "soft", "dust", "tantan", pytest.param("windowmasker", marks=needs_windowmasker)]


def random_bases(length: int, seed: int = 0) -> str:
    return decode(np.random.default_rng(seed).integers(0, 4, length))


def intervals(repeats: pd.DataFrame) -> list[tuple]:
    return list(repeats.itertuples(index=False, name=None))


@pytest.fixture
def write_bed(tmp_path):
    def write(content: str, name: str = "given.bed"):
        path = tmp_path / name
        path.write_bytes(gzip.compress(content.encode()) if name.endswith("gz") else content.encode())
        return path

    return write


# --- what the methods find --------------------------------------------------------------------------------------------


def test_lower_case_is_the_soft_mask(make_genome, tmp_path):
    genome = make_genome({"b": "ACGTacgtnNACg", "a": "ACGT", "c": "acgt"})
    found = find_repeats(genome.path, "soft", tmp_path / "r.bed.gz")
    assert intervals(found) == [("b", 4, 9), ("b", 12, 13), ("c", 0, 4)]


@pytest.mark.parametrize("method", ["dust", "tantan"])
def test_a_microsatellite_in_random_sequence_is_found_and_little_else(make_genome, tmp_path, method):
    genome = make_genome({"c": random_bases(2000) + "CA" * 50 + random_bases(2000, seed=1)})
    found = find_repeats(genome.path, method, tmp_path / "r.bed.gz")
    microsatellite = found[(found["start"] < 2100) & (found["end"] > 2000)]
    assert len(microsatellite) == 1
    assert microsatellite["start"].item() == pytest.approx(2000, abs=10)
    assert microsatellite["end"].item() == pytest.approx(2100, abs=10)
    assert (found["end"] - found["start"]).sum() < 300


def test_tantan_finds_repeats_that_dust_is_too_short_sighted_for(make_genome, tmp_path):
    unit = random_bases(70, seed=3)
    genome = make_genome({"c": random_bases(1000, seed=4) + unit * 10 + random_bases(1000, seed=5)})
    masked = {
        method: sum(end - start for _, start, end in intervals(find_repeats(genome.path, method, tmp_path / method)))
        for method in ("dust", "tantan")
    }
    assert masked["tantan"] > 500
    assert masked["dust"] < 100


@needs_windowmasker
def test_windowmasker_finds_a_word_that_the_genome_repeats(make_genome, tmp_path):
    element = random_bases(300, seed=1)
    flanks = [(random_bases(3000, seed=n + 2), random_bases(3000, seed=n + 50)) for n in range(30)]
    contigs = {f"c|{n}.1": left + element + right for n, (left, right) in enumerate(flanks)}
    found = find_repeats(make_genome(contigs).path, "windowmasker", tmp_path / "r.bed.gz")
    inside = found["start"].clip(3000, 3300).sub(found["end"].clip(3000, 3300)).abs().sum()
    assert inside > 0.8 * 30 * 300
    assert inside > 0.5 * (found["end"] - found["start"]).sum()
    assert set(found["contig"]) == set(contigs)


def test_windowmasker_that_is_not_installed_says_how_to_get_it(tiny_genome, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"install ncbi-blast\+ or run snakemake with --sdm conda"):
        find_repeats(tiny_genome.path, "windowmasker", tmp_path / "r.bed.gz")
    assert not (tmp_path / "r.bed.gz").exists()


# --- independence of the chunks ---------------------------------------------------------------------------------------

pieces = st.one_of(
    st.builds(random_bases, st.integers(1, 300), st.integers(0, 9)),
    st.builds(lambda unit, times: unit * times, st.text("ACGT", min_size=1, max_size=30), st.integers(2, 60)),
    st.builds(lambda letter, times: letter * times, st.sampled_from("Nnacgt"), st.integers(1, 100)),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=st.lists(pieces, min_size=1, max_size=8), chunk=st.integers(1, 500))
@pytest.mark.parametrize("method", ["soft", "dust"])
def test_the_result_does_not_depend_on_the_chunks(tmp_path_factory, make_genome, method, parts, chunk):
    folder = tmp_path_factory.mktemp("chunks")
    genome = make_genome({"c": "".join(parts)}, name=folder.name)
    whole = find_repeats(genome.path, method, folder / "whole.bed.gz")
    pieces = find_repeats(genome.path, method, folder / "pieces.bed.gz", chunk=chunk)
    pd.testing.assert_frame_equal(whole, pieces)


@pytest.mark.parametrize("method", ["soft", "dust", "tantan"])
def test_real_sequence_does_not_depend_on_the_chunks(shared_data, make_genome, tmp_path, method):
    with pysam.FastxFile(str(shared_data / "yeast" / "sacCer3.fa.gz")) as records:
        record = next(records)
    # the telomere, a subtelomeric gene with an array of 135-base repeats (FLO9), and 90,000 bases more
    genome = make_genome({record.name: record.sequence[:120_000]})
    results = [find_repeats(genome.path, method, tmp_path / str(chunk), chunk=chunk) for chunk in (10**6, 9973, 40_009)]
    pd.testing.assert_frame_equal(results[0], results[1])
    pd.testing.assert_frame_equal(results[0], results[2])


# --- one form for all -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", COMPUTED)
def test_every_method_writes_sorted_disjoint_indexed_bed3(make_genome, tmp_path, method):
    sequences = {"z|1.1": random_bases(3000) + "ca" * 60 + "RYNN", "a": "acg", "m": "UUUuGGa" * 30, "n": "N" * 50}
    genome = make_genome(sequences)
    path = tmp_path / "repeats.bed.gz"
    found = find_repeats(genome.path, method, path)
    with pysam.TabixFile(str(path)) as tabix:
        rows = [tuple(row) for row in tabix.fetch(parser=pysam.asTuple())]
        assert [(contig, int(start), int(end)) for contig, start, end in rows] == intervals(found)
        for contig in set(found["contig"]):
            assert len(list(tabix.fetch(contig))) == (found["contig"] == contig).sum()
    for contig, rows in found.groupby("contig"):
        assert (rows["start"].to_numpy()[1:] > rows["end"].to_numpy()[:-1]).all()
        assert rows["start"].min() >= 0
        assert rows["end"].max() <= genome.contigs[contig]
    order = [contig for contig in genome.contigs if contig in set(found["contig"])]
    assert list(found["contig"].unique()) == order
    assert found["start"].dtype == found["end"].dtype == np.int64
    assert intervals(read_bed(path)) == intervals(found)


def test_none_is_an_empty_file(tiny_genome, tmp_path):
    assert find_repeats(tiny_genome.path, "none", tmp_path / "r.bed.gz").empty
    assert gzip.decompress((tmp_path / "r.bed.gz").read_bytes()) == b""


def test_an_unknown_method_is_refused(tiny_genome, tmp_path):
    with pytest.raises(InputError, match="choose one of none, soft, dust, tantan, windowmasker, bed"):
        find_repeats(tiny_genome.path, "repeatmasker", tmp_path / "r.bed.gz")
    assert METHODS == ("none", "soft", "dust", "tantan", "windowmasker", "bed")


def test_the_masked_fraction_is_logged(make_genome, tmp_path, caplog):
    caplog.set_level("INFO", logger="glmtracks.repeats")
    find_repeats(make_genome({"a": "acgtACGT", "b": "AAAA"}).path, "soft", tmp_path / "r.bed.gz")
    assert "a: 50.00 % repeats (4 of 8 bases)" in caplog.messages
    assert "b: 0.00 % repeats (0 of 4 bases)" in caplog.messages
    assert caplog.messages[-1] == "all contigs: 33.33 % repeats"


def test_of_many_contigs_only_the_extremes_are_logged(make_genome, tmp_path, caplog):
    contigs = {f"c{n}": "ACGT" * 10 + "acgt" * n for n in range(1, 41)}
    caplog.set_level("INFO", logger="glmtracks.repeats")
    find_repeats(make_genome(contigs).path, "soft", tmp_path / "r.bed.gz")
    messages = [record.getMessage() for record in caplog.records if record.name == "glmtracks.repeats"]
    assert [message.split(":")[0] for message in messages[1:]] == ["c1", "c40", "all contigs"]


def test_a_genome_without_lower_case_is_pointed_out(make_genome, tmp_path, caplog):
    find_repeats(make_genome({"a": "ACGT"}).path, "soft", tmp_path / "r.bed.gz")
    assert "has no lower case" in caplog.text and "all lower case" not in caplog.text
    find_repeats(make_genome({"a": "acgtnra", "b": "acgt"}, "lower").path, "soft", tmp_path / "r.bed.gz")
    assert "is all lower case, so every base counts as a repeat" in caplog.text


# --- supplied BED -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["given.bed", "given.bed.gz", "misnamed.txt"])
def test_a_supplied_bed_is_sorted_merged_and_renamed(tiny_genome, write_bed, tmp_path, name):
    rows = ["MT\t2\t5", "", 'I\t30\t40\tAlu "x\t0\t+', "chrI\t10\t20", "I\t15\t30", "x\t0\t1", "MT\t7\t7"]
    bed = write_bed("\n".join(['track name="repeats"', "#comment", *rows, ""]), name)
    found = find_repeats(tiny_genome.path, "bed", tmp_path / "r.bed.gz", bed=bed, aliases={"x": "chrI"})
    assert intervals(found) == [("chrI", 0, 1), ("chrI", 10, 40), ("chrM", 2, 5)]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("chrM\t2\t13\n", r"line 1: end 13 lies past the end of chrM \(12 bases\)"),
        ("chrM\t2\t5\nchrM\t5\t2\n", "line 2: 'chrM 5 2' is not an interval"),
        ("#\nchrM\t-1\t2\n", "line 2"),
        ("chrM\t1.5\t2\n", "line 1"),
        ("chrM\t1\t2\nchrM\t1\n", "line 2: 'chrM 1 ' is not"),
        ("chrM 1 2\n", "is not a BED: no line has contig TAB start TAB end"),
        ("<html>\n", "is not a BED"),
        ("scaffold7\t1\t2\n", r"line 1: scaffold7 is not a contig of .* set contig_aliases\); no row"),
    ],
)
def test_a_wrong_row_is_named(tiny_genome, write_bed, tmp_path, content, told):
    with pytest.raises(InputError, match=told):
        find_repeats(tiny_genome.path, "bed", tmp_path / "r.bed.gz", bed=write_bed(content))
    assert not (tmp_path / "r.bed.gz").exists()


def test_rows_of_a_larger_assembly_are_left_out_with_a_warning(tiny_genome, write_bed, tmp_path, caplog):
    bed = write_bed("scaffold7\t1\t2\nchrM\t1\t2\nscaffold8\t1\t2\n")
    found = find_repeats(tiny_genome.path, "bed", tmp_path / "r.bed.gz", bed=bed)
    assert intervals(found) == [("chrM", 1, 2)]
    assert "line 1: scaffold7 is not a contig" in caplog.text
    assert "2 rows on such contigs are left out" in caplog.text


def test_a_bed_that_is_missing_cut_or_empty(tiny_genome, write_bed, tmp_path):
    with pytest.raises(InputError, match="needs the path of a BED"):
        find_repeats(tiny_genome.path, "bed", tmp_path / "r.bed.gz")
    with pytest.raises(InputError, match=r"nowhere\.bed does not exist"):
        read_bed(tmp_path / "nowhere.bed")
    cut = write_bed("chrM\t1\t2\n" * 5000, "cut.bed.gz")
    cut.write_bytes(cut.read_bytes()[:-20])
    with pytest.raises(InputError, match="cut-off gzip"):
        read_bed(cut)
    assert read_bed(write_bed("#contig\tstart\tend\n")).empty
    assert find_repeats(tiny_genome.path, "bed", tmp_path / "r.bed.gz", bed=write_bed("")).empty


def test_repeatmasker_rows_of_human_chromosome_20(shared_data, tmp_path, make_genome):
    rows = read_bed(shared_data / "human_chr20" / "repeatmasker.chr20.bed.gz")
    # about half of the human genome derives from transposable elements (Lander et al. 2001)
    assert 0.4 < (rows["end"] - rows["start"]).sum() / 59_505_520 < 0.6
