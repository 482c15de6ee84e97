"""The exceptions that a person can mend: wrong input, and a disk that is full."""


class InputError(Exception):
    """Something in a file, sheet or setting is wrong.

    The message is one sentence that names the file, the row or record, the value and the way out. Scripts print it
    without a traceback and exit with status 1 (see `glmtracks.jobs`).
    """


class DiskFull(InputError):
    """A file could not be written because there is no room for it, or no more of the user's quota."""
