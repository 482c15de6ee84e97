"""The one exception for input that a person can mend."""


class InputError(Exception):
    """Something in a file, sheet or setting is wrong.

    The message is one sentence that names the file, the row or record, the value and the way out. Scripts print it
    without a traceback and exit with status 1 (see `glmtracks.jobs`).
    """
