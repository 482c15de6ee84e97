"""One of several processes that train a model together: torchrun … -m glmtracks.training JOB.json

With `--while-stdin-is-open` they end at once when the process that started them, which holds the other end, is gone.
"""

import argparse
import inspect
import json
import logging
import os
import sys
import threading
from pathlib import Path

from glmtracks.errors import InputError
from glmtracks.training import run


def _read_job(path: Path) -> dict:
    """The arguments of `run`; raises InputError where the file holds no JSON, or not those."""
    try:
        job = json.loads(path.read_text(encoding="utf-8"))
        inspect.signature(run).bind(**job)
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path} does not hold the arguments of glmtracks.training.run as JSON ({error})") from None
    return job


def _end_with_stdin() -> None:
    os.read(sys.stdin.fileno(), 1)  # returns at the end of the file; nothing is ever written
    os._exit(1)


parser = argparse.ArgumentParser(prog="python -m glmtracks.training", description=__doc__)
parser.add_argument("job", type=Path, help="arguments of glmtracks.training.run as JSON")
parser.add_argument("--while-stdin-is-open", action="store_true")
options = parser.parse_args()
if options.while_stdin_is_open:
    threading.Thread(target=_end_with_stdin, daemon=True).start()
logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
try:
    run(**_read_job(options.job))
except InputError as error:
    sys.exit(f"glmtracks: {error}")
