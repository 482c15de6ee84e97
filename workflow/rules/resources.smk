"""Memory and time of jobs as functions of the attempt and of the size of their input; in one place, for all rules."""

FLOOR = 1000  # MB; a job carries two Snakemake processes besides its own


def memory(base, per_input=0.0):
    """MB: `base`, plus `per_input` times the size of the input, doubled at each new attempt."""
    return lambda wildcards, input, attempt: int(max(FLOOR, base + per_input * input.size_mb) * 2 ** (attempt - 1))


def minutes(base, per_input=0.0):
    """Minutes: `base`, plus `per_input` for each MB of input, doubled at each new attempt."""
    return lambda wildcards, input, attempt: int((base + per_input * input.size_mb) * 2 ** (attempt - 1))
