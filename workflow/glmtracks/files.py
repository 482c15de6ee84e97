"""Writing files so that nothing half-written is ever left behind, and naming them by their content."""

import errno
import fcntl
import glob
import hashlib
import itertools
import json
import os
import shlex
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from glmtracks.errors import DiskFull, InputError

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
CLOCKS_DIFFER = 120  # seconds, which those of machines that share a file system may
NOT_ALLOWED = (errno.EACCES, errno.EPERM, errno.EROFS)
_NO_ROOM_TEXTS = ("no space left on device", "quota exceeded")  # what libraries say that keep the number to themselves
_LOCK = ".lock"  # in a temporary folder, held by the job that writes there for as long as it lives, however it ends
_FULL = 64 << 10  # bytes free; below, whatever a library says of a failed write, it is for want of room


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; move it there if the block succeeds, remove it if not.

    The temporary name ends with the name of `path`, so that libraries which look at suffixes see the right one.

    Raises:
        DiskFull: the block failed for want of room, in whatever way the library that wrote says so.
    """
    path = Path(path)
    with _beside(path) as temporary:
        yield temporary
        os.replace(temporary, path)


@contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Like `atomic`, for a folder: what stood at `path` is replaced as a whole; what is put beside it goes again."""
    path = Path(path)
    with _beside(path) as temporary:
        temporary.mkdir()
        yield temporary
        with suppress(FileNotFoundError):
            os.replace(path, temporary.with_name(".before"))  # one step, where a removal takes many
        os.replace(temporary, path)


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A path of the same name in a folder beside `path` that is removed in the end."""
    with explain_full_disk(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        for left in path.parent.glob(f".{glob.escape(path.name)}.{'[a-z0-9_]' * 8}"):  # by a job killed outright
            if not _in_use(left):
                shutil.rmtree(left, ignore_errors=True)
        with (
            tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder,
            Path(folder, _LOCK).open("w") as lock,
        ):
            with suppress(OSError):  # of a file system without locks
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            try:
                yield Path(folder) / path.name
            except BaseException as error:
                if _is_for_want_of_room(error, Path(folder)):  # asked before the folder goes, which makes room
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
                raise


def _in_use(folder: Path) -> bool:
    """Whether a job that lives still writes to a temporary folder, as one of an earlier run on a cluster may."""
    try:
        with (folder / _LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # of a file system without locks, or gone by now
        return False
    return False


@contextmanager
def explain_full_disk(path: str | Path) -> Iterator[None]:
    """Turn whatever says in the block that there is no room into `DiskFull`, with the name of the file, `path`."""
    try:
        yield
    except DiskFull as error:  # of a block within this one, which counted the room while this one's file took it
        raise disk_full(path, no_room(error)) from error
    except InputError:
        raise
    except Exception as error:
        if (number := no_room(error)) is None:
            raise
        raise disk_full(path, number) from error


def no_room(error: BaseException | None) -> int | None:
    """The error number, ENOSPC or EDQUOT, of an error that is for want of room or comes of one that is; or None."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            return error.errno
        if not isinstance(error, InputError) and any(text in str(error).lower() for text in _NO_ROOM_TEXTS):
            return errno.EDQUOT if "quota" in str(error).lower() else errno.ENOSPC
        error = error.__cause__ or error.__context__
    return None


def disk_full(path: str | Path, number: int) -> DiskFull:
    """The sentence for a person, with what is free beside `path` now that nothing half-written is there any more."""
    folder = next(parent for parent in Path(path).absolute().parents if parent.exists())
    free = shutil.disk_usage(folder).free
    reason = "your disk quota is used up" if number == errno.EDQUOT else "the disk is full"
    return DiskFull(
        f"{path} could not be written: {reason} ({free / 1e6:,.1f} MB are free on the file system of {folder}); "
        "free some space, or choose another place with snakemake --directory, and run again: what is finished is kept"
    )


def refused(error: BaseException | None) -> str | None:
    """The sentence for a file or folder that may not be read or written, if an error or what it comes of is that."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in NOT_ALLOWED:
            place = error.filename or "a file of this job"
            return (
                f"{place}: {os.strerror(error.errno).lower()}; change who may read and write there, or choose another "
                "place with snakemake --directory, and run again: what is finished is kept"
            )
        error = error.__cause__ or error.__context__
    return None


def unwritable(folder: str | Path) -> str | None:
    """A sentence if nothing can be written to a folder, or to where it would be made; None if all is well."""
    path = Path(folder).absolute()
    existing = next(place for place in (path, *path.parents) if os.path.lexists(place))
    if existing.is_dir() and os.access(existing, os.W_OK | os.X_OK):
        return None
    reason = "is read-only, or not yours to write to" if existing.is_dir() else "is no folder"
    return f"nothing can be written to {folder}: {existing} {reason}; choose another place with snakemake --directory"


def ignores_case(folder: str | Path) -> bool:
    """Whether names that differ only in case are one file in a folder, or where it would be made, as on macOS."""
    path = Path(folder).absolute()
    existing = next(place for place in (path, *path.parents) if place.is_dir())
    try:
        with tempfile.NamedTemporaryFile(prefix="case", dir=existing) as file:
            return Path(file.name).with_name(Path(file.name).name.upper()).exists()
    except OSError:  # nothing can be written there, which others say
        return False


def from_the_future(paths: Iterable[str | Path]) -> str | None:
    """A sentence if a file, or one in a folder, was last changed more than `CLOCKS_DIFFER` after now; None if not.

    Snakemake would do anew what is older than it, and in the end refuse the result for being older than its input.
    """
    latest = time.time() + CLOCKS_DIFFER
    for path in map(Path, paths):
        for file in itertools.chain([path], path.rglob("*") if path.is_dir() else []):
            with suppress(OSError):  # gone by now, or a link to nowhere
                if (changed := file.stat().st_mtime) > latest:
                    when = datetime.fromtimestamp(changed).isoformat(" ", "seconds")
                    touch = f"touch {shlex.quote(str(file))}"
                    if path.is_dir():
                        touch = f"find {shlex.quote(str(path))} -newermt now -exec touch {{}} +"
                    return (
                        f"{file} was last changed in the future, at {when}, by a clock that is wrong; what is made "
                        f"from it would be refused for being older. {touch}; snakemake --touch with your options keeps "
                        "what was made from it already; then run again"
                    )
    return None


def _is_for_want_of_room(error: BaseException, folder: Path) -> bool:
    """Some libraries say only that writing failed, or panic; then the disk itself is asked."""
    if isinstance(error, (InputError, KeyboardInterrupt, SystemExit, GeneratorExit)):
        return False
    return no_room(error) is None and shutil.disk_usage(folder).free < _FULL


def sha256(path: str | Path) -> str:
    """Hexadecimal SHA-256 of a file, read in blocks."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def write_json(path: str | Path, content: dict) -> None:
    """Write `content` as indented JSON, atomically and with a final newline."""
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: str | Path) -> dict:
    """The content of a JSON file of the results; empty where there is no such file."""
    path = Path(path)
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
