"""Arrays of Slurm, each job by itself.

Snakemake's plugin for Slurm (2.8.0) treats every job of an array as if it were the first, in two ways, and forgets
some of what it is given:

- It asks for what the first asks for. A job that is tried again with more memory, or one of a larger model, would get
  the memory of a smaller one that became ready at the same moment. So only jobs that ask for the same are handed over
  together.
- It lets the others run under a Snakemake that was started for the first: that runs the right command, but then waits
  for the output of the first job and fails without it, however well its own job went
  (github.com/snakemake/snakemake-executor-plugin-slurm/issues/447). So that Snakemake is replaced by the command.
- It puts off what it is given of a rule while more jobs of the rule are ready. Those that a limit holds back (--jobs,
  --resources gpu=…, --max-jobs-per-timespan) wait for the former to end, which are never handed to Slurm, since
  Snakemake gives a job once: the run hangs. So it is told that no more are ready.
"""

import base64
import json
import os
import sys
import zlib
from collections.abc import Iterable, Mapping, Sequence

OPTION = "--slurm-jobstep-array-execs="  # its value: base64 of JSON, number of the job -> its command, by zlib, in hex


def hand_over_alike(executor: type) -> None:
    """Let the executor of the plugin, a class, hand over jobs that ask for the same at a time, and all at once."""
    sys.modules[executor.__module__].pending_jobs_for_rule = lambda dag, rule: 0
    take_over = executor.run_jobs

    def run_jobs(self, jobs: Iterable) -> None:
        for some in alike(jobs):
            take_over(self, some)

    executor.run_jobs = run_jobs


def alike(jobs: Iterable) -> list[list]:
    """The jobs in lists, each of those that ask for the same resources."""
    lists: dict[frozenset, list] = {}
    for job in jobs:
        asked = frozenset((name, str(value)) for name, value in job.resources.items())
        lists.setdefault(asked, []).append(job)
    return list(lists.values())


def own_command(arguments: Sequence[str], environment: Mapping[str, str]) -> str | None:
    """The shell command of the job of an array that this process was started for.

    None where there is no array, and for the first job, whose Snakemake is its own.

    Args:
        arguments: of this process.
        environment: of this process; Slurm tells the number of the job there.
    """
    given = next((word.removeprefix(OPTION) for word in arguments if word.startswith(OPTION)), "")
    number = environment.get("SLURM_ARRAY_TASK_ID")
    if not given or number is None:
        return None
    command = json.loads(base64.b64decode(given)).get(number)
    return zlib.decompress(bytes.fromhex(command)).decode() if command else None


def become(command: str) -> None:
    """Go on as a shell command, in the same process, so that the signals of Slurm reach it."""
    os.execv("/bin/sh", ["sh", "-c", command])
