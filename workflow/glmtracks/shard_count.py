"""Into how many jobs scoring is cut, and what their files are called."""

import math
from pathlib import Path

FEWEST, MOST = 4, 9999
BASES_PER_BYTE = {True: 3.3, False: 1.0}  # of FASTA files, gzipped or not


def count_shards(fasta: str, settings: dict) -> int:
    """How many shards a genome gets so that each takes about `settings["minutes"]`.

    The size of the FASTA file as the genome sheet names it decides, for it is the same before the first run and after;
    a number that grew once a file is fetched would give shards that are finished other names.

    Args:
        fasta: path of the FASTA; of what is no file here, such as a URL, the size is not known.
        settings: minutes of a shard, and bases_per_second of the slowest model.
    """
    path = Path(fasta)
    if not path.is_file():
        return FEWEST
    bases = path.stat().st_size * BASES_PER_BYTE[path.suffix in (".gz", ".bgz", ".bgzf")]
    wanted = math.ceil(bases / (settings["bases_per_second"] * 60 * settings["minutes"]))
    return min(max(wanted, FEWEST), MOST)


def shard_names(count: int) -> list[str]:
    """Names of the files of `count` shards, in order; they hold the count, so shards of different cuts never mix.

    >>> shard_names(2)
    ['0001-of-0002', '0002-of-0002']
    """
    return [f"{number:04d}-of-{count:04d}" for number in range(1, count + 1)]
