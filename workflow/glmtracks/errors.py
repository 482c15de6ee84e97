"""The exceptions that a person can mend: wrong input, a disk that is full, and too little memory."""


class InputError(Exception):
    """Something in a file, sheet or setting is wrong.

    The message is one sentence that names the file, the row or record, the value and the way out. Scripts print it
    without a traceback and exit with status 1 (see `glmtracks.jobs`).
    """


class DiskFull(InputError):
    """A file could not be written because there is no room for it, or no more of the user's quota."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error is for want of memory, of the machine or of a GPU; PyTorch, which may be absent, has its own."""
    own = type(error).__name__ == "OutOfMemoryError" or "can't allocate memory" in str(error)
    return isinstance(error, MemoryError) or own
