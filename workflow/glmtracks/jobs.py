"""What every workflow script needs around its one library call: a log, and errors a person can read."""

import logging
import os
import re
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn, TextIO

from glmtracks.errors import InputError, is_out_of_memory
from glmtracks.files import disk_full, no_room, refused

STOPPED = 128 + signal.SIGTERM  # the exit status of a job that was asked to end, as shells count it
_LOOKS = 1.0  # seconds from one look at whether the Snakemake of a job is still there to the next
_MEMORY = (
    "memory did not suffice ({}); make smaller what the job holds (width, layers and batch of a training, "
    "scores.window, scores.batch), or run it where there is more"
)
_STEP = re.compile(r"\r[^\r\n]*")  # of a progress bar


class _Tee:
    """The terminal and a log in one text stream; the log is spared the steps of progress bars."""

    def __init__(self, terminal: TextIO, log: TextIO):
        self.terminal, self.log = terminal, log

    def write(self, text: str) -> int:
        with suppress(OSError):  # a full disk must not keep its own message from the terminal
            self.log.write(_STEP.sub("", text))
        return self.terminal.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            self.log.flush()
        self.terminal.flush()

    def isatty(self) -> bool:
        return self.terminal.isatty()

    def fileno(self) -> int:
        """That of the terminal, for processes that are started."""
        return self.terminal.fileno()


@contextmanager
def job(log: str) -> Iterator[None]:
    """Run the block with standard error going to the terminal and to the file `log`.

    Messages of `logging` at level INFO and above go the same way; progress bars only to a terminal that is one. An
    `InputError` ends the process with status 1 and its sentence alone, and so do a full disk, a folder that may not be
    written to, and too little memory; SIGTERM, which a cluster sends to what it is about to kill, ends it with status
    `STOPPED` and a sentence, and so does the end of the process that started it; any other exception is a bug and keeps
    its traceback, in the log and on the terminal.
    """
    terminal = sys.stderr
    if not terminal.isatty():
        os.environ["TQDM_DISABLE"] = "1"  # read when tqdm is imported, which is inside the block
    handle = open(log, "w", encoding="utf-8")  # noqa: SIM115 - closed below, after the last message
    sys.stderr = _Tee(terminal, handle)
    try:
        with _logging_to(sys.stderr), _stopping(), _not_outliving_its_parent():
            yield
    except InputError as error:
        print(f"glmtracks: {error}", file=sys.stderr)
        sys.exit(1)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # also what pybigtools raises when it panics, which is no Exception
        if (number := no_room(error)) is not None:
            print(f"glmtracks: {disk_full(_file_of(error), number)}", file=sys.stderr)
        elif sentence := refused(error):
            print(f"glmtracks: {sentence}", file=sys.stderr)
        elif is_out_of_memory(error):
            print(f"glmtracks: {_MEMORY.format(' '.join(str(error).split()))}", file=sys.stderr)
        else:
            traceback.print_exc()
        sys.exit(1)
    finally:
        sys.stderr.flush()
        sys.stderr = terminal
        with suppress(OSError):
            handle.close()


@contextmanager
def _logging_to(stream: TextIO) -> Iterator[None]:
    """Send messages to a stream for the length of the block, and afterwards where they went before."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(message)s"))
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.handlers[:] = before
        root.setLevel(level)


@contextmanager
def _stopping() -> Iterator[None]:
    """Let SIGTERM end the block like an exception, so that what is half-written is taken away."""
    if threading.current_thread() is not threading.main_thread():  # only there may signals be handled
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *_: stop())
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _not_outliving_its_parent() -> Iterator[None]:
    """Ask this job to end where the process that started it has ended, such as a Snakemake that was killed outright.

    What it makes would count as incomplete, and the same job of the next run would write to the same files meanwhile.
    """
    parent, over = os.getppid(), threading.Event()

    def watch() -> None:
        while not over.wait(_LOOKS):
            if os.getppid() != parent:
                os.kill(os.getpid(), signal.SIGTERM)
                return

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        over.set()


def stop() -> NoReturn:
    """End a job that was asked to, by a sentence and a status that tells Snakemake to try again."""
    print(
        "glmtracks: the job was asked to end (SIGTERM: its time was over, it was cancelled, its node was needed or its "
        "Snakemake was killed); run again, what is finished is kept",
        file=sys.stderr,
    )
    sys.exit(STOPPED)


def _file_of(error: BaseException) -> str:
    """The file that an error names, or where the job runs."""
    return getattr(error, "filename", None) or os.path.join(os.getcwd(), "a file of this job")
