"""How fast a track becomes a bigWig file on one core, and that its length does not matter to memory."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from scipy.special import log_softmax

from glmtracks import tracks

from .corpus import SEED
from .table import Measured

TRACK = "llr_A"
SIZES = {"short": 1_000_000, "long": 6_000_000}  # bases
BLOCK = 500_000  # bases that are drawn, and repeated
JOB = r"""
import json, re, sys, time
from pathlib import Path
from glmtracks import tracks
from glmtracks.tracks.bigwig import write_bigwig
_, dataset, track, destination = sys.argv
began = time.process_time()
write_bigwig(dataset, tracks.contigs(dataset), track, destination)
seconds = time.process_time() - began
peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
print(json.dumps([seconds, int(peak[1]) / 1000]))
"""  # a process of its own, as in the workflow; getrusage would count the memory of the process that started it


def measure_bigwig(sizes: dict[str, int] = SIZES) -> list[Measured]:
    """Values per processor second and peak memory, of random scores, which hardly ever have equal neighbours."""
    with tempfile.TemporaryDirectory(prefix="glmtracks.") as folder:
        (_, low), (seconds, high) = (_write(size, Path(folder) / name) for name, size in sizes.items())
    bases = sizes["long"]
    return [
        Measured("bigWig: values per second of one core", bases / seconds, "≥ 2e6", f"{bases:,} values, {TRACK}"),
        Measured("bigWig: peak memory, MB", high, "≤ 500"),
        Measured(f"bigWig: peak memory, {bases / sizes['short']:.0f} times the bases", high / low, "≤ 1.1"),
    ]


def _write(size: int, folder: Path) -> tuple[float, float]:
    """Processor seconds and peak memory in MB of writing the track of a contig with random scores."""
    rng = np.random.default_rng(SEED)
    codes = rng.integers(0, 4, BLOCK).astype(np.uint8)
    log_probs = log_softmax(rng.normal(size=(BLOCK, 4)), axis=1).astype(np.float32)
    with tracks.ScoresWriter(folder / "shard.parquet", {}) as writer:
        for start in range(0, size, BLOCK):
            here = slice(0, size - start)
            writer.write("contig", start, codes[here], log_probs[here])
    tracks.write_dataset([folder / "shard.parquet"], {"contig": size}, folder / "scores")
    command = [sys.executable, "-c", JOB, str(folder / "scores"), TRACK, str(folder / "track.bw")]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return tuple(json.loads(done.stdout.splitlines()[-1]))
