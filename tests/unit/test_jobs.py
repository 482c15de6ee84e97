"""A job leaves a log; a person's mistake is one sentence there, a bug keeps its traceback."""

import logging
import os
import signal
import sys

import pytest

from glmtracks.errors import InputError
from glmtracks.files import atomic, atomic_folder
from glmtracks.jobs import STOPPED, job


def test_messages_go_to_the_terminal_and_to_the_log_but_progress_bars_do_not(tmp_path, capsys):
    with job(str(tmp_path / "log")):
        logging.getLogger("x").info("a message")
        print("\rhalf way", file=sys.stderr)
    assert (tmp_path / "log").read_text().strip() == "a message"
    assert "a message" in capsys.readouterr().err


def test_a_mistake_in_the_input_is_one_sentence(tmp_path, capsys):
    with pytest.raises(SystemExit) as exit, job(str(tmp_path / "log")):
        raise InputError("genome.fa has no contig")
    assert exit.value.code == 1
    assert capsys.readouterr().err == "glmtracks: genome.fa has no contig\n" == (tmp_path / "log").read_text()


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
