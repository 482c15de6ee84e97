"""What is noted of a run, and how inputs that were exchanged since are found."""

import os
import shutil
import time

import pytest

from glmtracks.files import sha256, write_json
from glmtracks.provenance import replaced

PAST = 1_000_000_000  # seconds, long before any result


@pytest.fixture
def noted(tmp_path):
    """A genome, another of the same length, both old, and what a run on the first noted."""
    for name, bases in (("toy.fa", "ACGT"), ("other.fa", "ACGA")):
        (tmp_path / name).write_text(f">a\n{bases}\n")
        os.utime(tmp_path / name, (PAST, PAST))
    said = tmp_path / "provenance.json"
    write_json(said, {"inputs": {"toy.fa": {"sha256": sha256(tmp_path / "toy.fa")}}})
    time.sleep(0.05)  # more than the clock of a file system takes for a tick
    return said


def test_an_input_exchanged_for_an_older_file_is_said_with_the_way_out(noted):
    genome, other = noted.with_name("toy.fa"), noted.with_name("other.fa")
    inputs = {"toy.fa": str(genome)}
    assert replaced(noted, inputs) is None
    shutil.copy2(other, genome)
    assert f"touch {genome}, then run again" in replaced(noted, inputs)
    genome.touch()  # what Snakemake sees by itself
    assert replaced(noted, inputs) is None


def test_the_same_file_and_what_nothing_is_noted_of_are_no_matter(noted):
    genome = noted.with_name("toy.fa")
    copy = shutil.copy2(genome, noted.with_name("copy.fa"))
    os.replace(copy, genome)
    assert replaced(noted, {"toy.fa": str(genome), "new.fa": str(genome), "gone.fa": "gone.fa"}) is None
    noted.write_text("{")
    assert replaced(noted, {"toy.fa": str(genome)}) is None
    assert replaced(noted.with_name("absent.json"), {"toy.fa": str(genome)}) is None


def test_a_copy_that_keeps_its_time_is_compared_once(noted, monkeypatch):
    genome, compared = noted.with_name("toy.fa"), []
    monkeypatch.setattr("glmtracks.files.sha256", lambda path: compared.append(path) or sha256(path))
    os.replace(shutil.copy2(genome, noted.with_name("copy.fa")), genome)
    written = noted.stat().st_mtime_ns
    for _ in range(2):
        assert replaced(noted, {"toy.fa": str(genome)}) is None
    assert len(compared) == 1 and noted.stat().st_mtime_ns == written


def test_results_that_were_touched_since_are_kept(noted):
    shutil.copy2(noted.with_name("other.fa"), noted.with_name("toy.fa"))
    later = noted.with_name("toy.fa").stat().st_ctime + 1
    os.utime(noted, (later, later))
    assert replaced(noted, {"toy.fa": str(noted.with_name("toy.fa"))}) is None
