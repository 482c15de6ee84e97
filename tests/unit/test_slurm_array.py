"""Jobs of an array of Slurm get what they ask for, and find their own commands in what the plugin hands over."""

import base64
import json
import subprocess
import sys
import zlib
from dataclasses import dataclass

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


def test_the_plugin_takes_over_jobs_as_expected():
    slurm = pytest.importorskip("snakemake_executor_plugin_slurm")
    assert callable(slurm.Executor.run_jobs)
