"""A folder of downloaded files, named by their checksums, which many runs and people may share.

A file stands there as sha256/{digest} and, the same one, as md5/{digest}. It appears whole or not at all, is never
changed, and is compared with its name whenever it is taken; so no lock is needed, and whatever is there may be deleted.
"""

import contextlib
import errno
import logging
import os
import shutil
import tempfile
from pathlib import Path

from glmtracks.download.checksums import DIGITS, Checksum, digests
from glmtracks.files import atomic

logger = logging.getLogger(__name__)


def take(cache: str | Path, wanted: Checksum, destination: Path) -> bool:
    """Put a copy of the file with this checksum at `destination`; whether the cache has it.

    No hard link, since Snakemake touches what a job has made: to every run that shared the file it would look new, and
    whatever was made of it would be made again. A file that is not what its name says is removed from the cache; one
    that cannot be read or removed, as in a cache of somebody else, is no reason to fail.
    """
    held = _place(cache, wanted)
    try:
        if wanted.algorithm not in DIGITS or not held.is_file():
            return False
        if wanted.of(held) != wanted:
            logger.warning("%s is damaged and is removed", held)
            held.unlink(missing_ok=True)
            return False
    except OSError as error:
        logger.warning("%s is left alone (%s)", held, error.strerror)
        return False
    with atomic(destination) as temporary:
        shutil.copyfile(held, temporary)
    logger.info("%s: taken from %s", destination, held)
    return True


def put(cache: str | Path, path: Path) -> None:
    """Keep a file under its checksums; a cache that cannot be written to, or is full, is no reason to fail."""
    try:
        for algorithm, digest in digests(path, *DIGITS).items():
            place = _place(cache, Checksum(algorithm, digest))
            if not place.exists():
                place.parent.mkdir(parents=True, exist_ok=True)
                _link_or_copy(path, place)
    except OSError as error:
        logger.warning("%s could not be kept in %s (%s)", path, cache, error.strerror)


def _place(cache: str | Path, checksum: Checksum) -> Path:
    return Path(cache) / checksum.algorithm / checksum.value


def _link_or_copy(source: Path, destination: Path) -> None:
    with tempfile.TemporaryDirectory(prefix=f".{destination.name}.", dir=destination.parent) as folder:
        temporary = Path(folder) / destination.name
        try:
            os.link(source, temporary)
        except OSError as error:  # another file system, one without links, or a file of somebody else
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise
            with contextlib.suppress(FileNotFoundError):
                temporary.unlink()
            shutil.copyfile(source, temporary)
        os.replace(temporary, destination)
