"""Jobs of an array of Slurm get what they ask for, and find their own commands in what the plugin hands over."""

import base64
import json
import logging
import subprocess
import sys
import zlib
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from glmtracks.slurm_array import OPTION, hand_over_alike, own_command

COMMANDS = {"2": "echo 'two' && exit 3", "3": "echo three"}


def _option(commands):
    packed = {number: zlib.compress(command.encode(), level=9).hex() for number, command in commands.items()}
    return OPTION + base64.b64encode(json.dumps(packed).encode()).decode()


@pytest.mark.parametrize(("number", "command"), [("1", None), *COMMANDS.items()])
def test_each_job_but_the_first_has_its_own_command(number, command):
    assert own_command(["snakemake", _option(COMMANDS), "-j1"], {"SLURM_ARRAY_TASK_ID": number}) == command


def test_there_is_none_without_an_array():
    assert own_command(["snakemake", "-j1"], {"SLURM_ARRAY_TASK_ID": "2"}) is None  # that command itself, in the end
    assert own_command(["snakemake", _option(COMMANDS)], {}) is None


def test_it_is_what_the_plugin_would_have_run():
    jobstep = pytest.importorskip("snakemake_executor_plugin_slurm_jobstep")
    packed = _option(COMMANDS).removeprefix(OPTION)
    assert jobstep._decompress_array_task_call(packed, 3) == own_command(
        [OPTION + packed], {"SLURM_ARRAY_TASK_ID": "3"}
    )


def test_a_process_becomes_its_command():
    code = "from glmtracks.slurm_array import become; become('echo as $0; exit 3')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (3, "as sh\n")


@dataclass
class Job:
    name: str
    resources: dict
    rule: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(name="score_shard"))

    def is_group(self):
        return False


def test_only_jobs_that_ask_for_the_same_are_handed_over_together():
    handed_over = []

    class Executor:
        def run_jobs(self, jobs):
            handed_over.append([job.name for job in jobs])

    hand_over_alike(Executor)
    small, large = {"mem_mb": 1000, "tmpdir": "<TBD>"}, {"mem_mb": 2000, "tmpdir": "<TBD>"}
    jobs = [Job("first", small), Job("again", large), Job("second", dict(small)), Job("longer", small | {"runtime": 9})]
    Executor().run_jobs(jobs)
    assert handed_over == [["first", "second"], ["again"], ["longer"]]


@pytest.fixture
def executor(monkeypatch):
    """The executor of the plugin with the changes, as if it were started: notes in `submitted` what goes to Slurm."""
    slurm = pytest.importorskip("snakemake_executor_plugin_slurm")
    monkeypatch.setattr(slurm, "pending_jobs_for_rule", slurm.pending_jobs_for_rule)  # put back in the end

    class Executor(slurm.Executor):
        __module__ = slurm.__name__

        def __init__(self):
            self.submitted = []
            self.array_jobs, self.max_array_size, self._main_event_loop = {"score_shard"}, 1000, None
            self.logger = logging.getLogger("test")

        def _submit_job(self, job):
            self.submitted.append([job.name])

        def _submit_array_jobs(self, jobs):
            self.submitted.append([job.name for job in jobs])

    hand_over_alike(Executor)
    return Executor()


@pytest.mark.parametrize("given", [1, 2, 5])
def test_what_a_limit_lets_through_is_handed_over_though_more_is_ready(executor, given):
    jobs = [Job(f"shard {number}", {"mem_mb": 1000}) for number in range(5)]
    executor.workflow = SimpleNamespace(dag=SimpleNamespace(ready_jobs=jobs[given:]))
    executor.run_jobs(jobs[:given])
    assert executor.submitted == [[job.name for job in jobs[:given]]]
