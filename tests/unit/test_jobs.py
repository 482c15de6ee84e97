"""A job leaves a log; a person's mistake is one sentence there, a bug keeps its traceback."""

import errno
import logging
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from glmtracks.errors import InputError
from glmtracks.files import atomic, atomic_folder, from_the_future, ignores_case, unwritable
from glmtracks.jobs import STOPPED, job


def test_messages_go_to_the_terminal_and_to_the_log_but_progress_bars_do_not(tmp_path, capsys):
    with job(str(tmp_path / "log")):
        logging.getLogger("x").info("a message")
        sys.stderr.write("\r 50 %\r100 %\nof another process\r\n")
    assert (tmp_path / "log").read_text() == "a message\n\nof another process\n"
    assert "a message\n\r 50 %\r100 %\n" in capsys.readouterr().err


def test_a_mistake_in_the_input_is_one_sentence(tmp_path, capsys):
    with pytest.raises(SystemExit) as exit, job(str(tmp_path / "log")):
        raise InputError("genome.fa has no contig")
    assert exit.value.code == 1
    assert capsys.readouterr().err == "glmtracks: genome.fa has no contig\n" == (tmp_path / "log").read_text()


@pytest.mark.parametrize("error", [MemoryError("12 GiB"), RuntimeError("CPU: can't allocate memory:\n12 GiB")])
def test_too_little_memory_is_one_sentence(tmp_path, capsys, error):
    with pytest.raises(SystemExit), job(str(tmp_path / "log")):
        raise error
    assert re.fullmatch(r"glmtracks: memory did not suffice \(.*12 GiB\); make smaller .*\n", capsys.readouterr().err)


def test_a_bug_keeps_its_traceback(tmp_path):
    with pytest.raises(SystemExit), job(str(tmp_path / "log")):
        raise ZeroDivisionError
    assert "Traceback" in (tmp_path / "log").read_text()


def test_a_job_that_is_asked_to_end_says_so_fails_and_leaves_nothing_half_written(tmp_path, capsys):
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as exit, job(str(tmp_path / "log")), atomic(tmp_path / "result") as temporary:
        temporary.write_text("half")
        os.kill(os.getpid(), signal.SIGTERM)
        pytest.fail("the signal was not heard")
    assert exit.value.code == STOPPED
    assert capsys.readouterr().err.startswith("glmtracks: the job was asked to end (SIGTERM")
    assert [path.name for path in tmp_path.iterdir()] == ["log"]
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_job_whose_snakemake_was_killed_ends_and_leaves_nothing(tmp_path):
    script = f"""
import time
from glmtracks.files import atomic
from glmtracks.jobs import job
with job("{tmp_path}/log"), atomic("{tmp_path}/result") as temporary:
    print("begun", flush=True)
    time.sleep(60)
    temporary.touch()
"""
    starter = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {script!r}])"
    with subprocess.Popen([sys.executable, "-c", starter], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout.readline() == "begun\n"
        parent.kill()
        assert not parent.stdout.read()  # to its end, which is that of the job
    assert [path.name for path in tmp_path.iterdir()] == ["log"]
    assert "its Snakemake was killed" in (tmp_path / "log").read_text()


def test_messages_after_a_job_go_where_they_went_before(tmp_path, capsys):
    before, level = logging.getLogger().handlers[:], logging.getLogger().level
    with job(str(tmp_path / "log")):
        pass
    assert logging.getLogger().handlers == before and logging.getLogger().level == level
    logging.getLogger("x").warning("later")
    assert "later" not in (tmp_path / "log").read_text() and "Logging error" not in capsys.readouterr().err


@pytest.mark.parametrize("writer", [atomic, atomic_folder])
def test_what_fails_leaves_nothing_and_what_stood_there_stays(tmp_path, writer):
    with writer(tmp_path / "result") as temporary:
        target = temporary if writer is atomic else temporary / "part"
        target.write_text("old")
    with pytest.raises(ZeroDivisionError), writer(tmp_path / "result") as temporary:
        (temporary if writer is atomic else temporary / "part").write_text("new")
        raise ZeroDivisionError
    assert [path.name for path in tmp_path.iterdir()] == ["result"]
    assert "old" in [path.read_text() for path in (tmp_path, *tmp_path.rglob("*")) if path.is_file()]


@pytest.mark.parametrize("writer", [atomic, atomic_folder])
def test_what_a_job_that_was_killed_outright_left_goes_with_the_next_attempt(tmp_path, writer):
    for name in (".result.abcd_123", ".result.bw.abcd_123", ".result.long.name.1", ".other.abcd_123"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "result").write_text("half")
    with writer(tmp_path / "result") as temporary:
        temporary.touch() if writer is atomic else None
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"result", ".result.bw.abcd_123", ".result.long.name.1", ".other.abcd_123"}


@pytest.mark.parametrize("writer", [atomic, atomic_folder])
def test_of_two_jobs_that_write_the_same_neither_takes_away_what_the_other_has_begun(tmp_path, writer):
    def write(temporary, text):
        (temporary if writer is atomic else temporary / "part").write_text(text)

    with writer(tmp_path / "result") as first:
        write(first, "first")
        with writer(tmp_path / "result") as second:
            write(second, "second")
        write(first, "first, to its end")
    assert [path.name for path in tmp_path.iterdir()] == ["result"]
    assert [path.read_text() for path in tmp_path.rglob("*") if path.is_file()] == ["first, to its end"]


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.EPERM])
def test_a_folder_that_may_not_be_written_to_is_one_sentence(tmp_path, capsys, number):
    with pytest.raises(SystemExit) as exit, job(str(tmp_path / "log")), atomic(tmp_path / "result"):
        raise OSError(number, os.strerror(number), str(tmp_path / "result"))
    assert exit.value.code == 1
    said = (tmp_path / "log").read_text()
    assert said.startswith(f"glmtracks: {tmp_path}/result: ") and said.count("\n") == 1 and "--directory" in said
    assert [path.name for path in tmp_path.iterdir()] == ["log"]


def test_whether_a_file_system_ignores_case_is_tried_where_results_will_be(tmp_path, monkeypatch):
    assert not ignores_case(tmp_path / "not" / "there")
    monkeypatch.setattr(Path, "exists", lambda path: path.name.lower() in map(str.lower, os.listdir(path.parent)))
    assert ignores_case(tmp_path / "not" / "there")
    assert not list(tmp_path.iterdir())


def test_where_nothing_can_be_written_is_said(tmp_path, monkeypatch):
    assert unwritable(tmp_path) is unwritable(tmp_path / "not" / "there") is None
    (tmp_path / "file").write_text("")
    assert unwritable(tmp_path / "file" / "results").endswith(
        f"{tmp_path}/file is no folder; choose another place with snakemake --directory"
    )
    monkeypatch.setattr(os, "access", lambda *_: False)  # as on a read-only file system
    assert "is read-only, or not yours to write to" in unwritable(tmp_path / "results")


def test_files_from_the_future_are_said_with_the_way_out(tmp_path):
    late = tmp_path / "results" / "a b" / "late"
    late.parent.mkdir(parents=True)
    late.write_text("")
    (tmp_path / "results" / "link").symlink_to(tmp_path / "nowhere")
    assert from_the_future([tmp_path / "results", tmp_path / "absent"]) is None
    os.utime(late, (time.time() + 30, time.time() + 30))  # clocks of a cluster differ a little
    assert from_the_future([tmp_path / "results"]) is None
    os.utime(late, (4e9, 4e9))
    said = from_the_future([tmp_path / "results"])
    assert f"{late} was last changed in the future" in said and "-exec touch {} +; snakemake --touch" in said
    assert f"touch '{late}'; snakemake --touch" in from_the_future([late])
