"""Jobs of an array of Slurm, each by itself.

Snakemake's plugin for Slurm (2.8.0) lets every job of an array but the first run under a Snakemake that was started for
the first: it runs the right command, but then waits for the output of the first job and fails without it, however well
its own job went (github.com/snakemake/snakemake-executor-plugin-slurm/issues/447). So that Snakemake is replaced by the
command.
"""

import base64
import json
import os
import zlib
from collections.abc import Mapping, Sequence

OPTION = "--slurm-jobstep-array-execs="  # its value: base64 of JSON, number of the job -> its command, by zlib, in hex


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
