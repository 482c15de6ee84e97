"""What every workflow script needs around its one library call: a log, and errors a person can read."""

import logging
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from glmtracks.errors import InputError


class _Tee:
    """A text stream that writes to several others."""

    def __init__(self, *streams):
        self.streams = streams

    def write(self, text: str) -> int:
        for stream in self.streams:
            stream.write(text)
        return len(text)

    def flush(self) -> None:
        for stream in self.streams:
            stream.flush()

    def isatty(self) -> bool:
        return self.streams[0].isatty()


@contextmanager
def job(log: str) -> Iterator[None]:
    """Run the block with standard error going to the terminal and to the file `log`.

    Messages of `logging` at level INFO and above go the same way. An `InputError` ends the process with status 1 and
    its sentence alone; any other exception is a bug and keeps its traceback, in the log and on the terminal.
    """
    terminal = sys.stderr
    handle = open(log, "w")  # noqa: SIM115 - closed below, after the last message
    sys.stderr = _Tee(terminal, handle)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s", force=True)
    try:
        yield
    except InputError as error:
        print(f"glmtracks: {error}", file=sys.stderr)
        sys.exit(1)
    except Exception:
        traceback.print_exc()
        sys.exit(1)
    finally:
        sys.stderr.flush()
        sys.stderr = terminal
        handle.close()
