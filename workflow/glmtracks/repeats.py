"""Where a genome is repetitive: one sorted, merged, indexed BED, whichever method found it."""

import logging
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pysam
from tqdm import tqdm

from glmtracks import files
from glmtracks.bed import read_bed_of
from glmtracks.errors import InputError
from glmtracks.genome import Genome, decode
from glmtracks.genome.contigs import ContigNames
from glmtracks.intervals import merge
from glmtracks.tabix import write_index

logger = logging.getLogger(__name__)

METHODS = ("none", "soft", "dust", "tantan", "windowmasker", "bed")
CHUNK = 2_000_000
# Bases seen on either side of a chunk. A perfect interval of SDUST is at most 64 bases long and depends on nothing
# outside it (Morgulis et al. 2006); tantan looks back 100 bases and forgets its state within a few hundred.
OVERLAP = 10_000
MOST_CONTIGS_LOGGED = 20


def find_repeats(
    genome_fasta: str | Path,
    method: str,
    destination: str | Path,
    *,
    bed: str | Path | None = None,
    aliases: Mapping[str, str] | None = None,
    chunk: int = CHUNK,
) -> pd.DataFrame:
    """Write the repeats of a genome as bgzip BED3 with a tabix index beside it (.tbi); log the fraction they make up.

    Args:
        genome_fasta: a genome as `glmtracks.genome.normalise` writes it.
        method: "none" (an empty file), "soft" (lower case of the FASTA), "dust" (low complexity, SDUST), "tantan"
            (tandem repeats), "windowmasker" (frequent words, BLAST+) or "bed" (those given).
        destination: path of the BED, ending in .gz.
        bed: for "bed", the path of a BED, plain or gzip. Rows on contigs the genome lacks are left out with a warning,
            because the genome may be a part of an assembly.
        aliases: for "bed", other names of contigs.
        chunk: bases looked at in one piece by soft, dust and tantan; the result does not depend on it.

    Returns:
        The intervals written: contig, start, end (int64, 0-based half-open), disjoint and not even touching, in the
        order of the genome.

    Raises:
        InputError: unknown method, no BED or a wrong one, windowmasker is not installed or fails.
    """
    genome = Genome(genome_fasta)
    if method == "bed":
        found = _supplied(genome, bed, ContigNames(genome.contigs, aliases))
    elif method == "windowmasker":
        found = _windowmasker(genome, Path(destination).parent)
    elif method == "none":
        found = pd.DataFrame({"contig": [], "start": [], "end": []})
    elif method in _FINDERS:
        found = _scan(genome, _FINDERS[method], chunk)
    else:
        raise InputError(f"repeats method {method!r} is unknown; choose one of {', '.join(METHODS)}.")
    repeats = _merge(found, genome)
    _write(repeats, destination)
    _log_fractions(repeats, genome)
    if method == "soft" and repeats.empty:
        logger.warning("%s has no lower case, so no base counts as a repeat; choose another method", genome.path)
    if method == "soft" and (repeats["end"] - repeats["start"]).sum() == genome.size:
        logger.warning("%s is all lower case, so every base counts as a repeat; choose another method", genome.path)
    return repeats


def _lower_case(genome: Genome, contig: str, start: int, end: int) -> np.ndarray:
    letters = np.frombuffer(genome.sequence(contig, start, end).encode("ascii"), dtype=np.uint8)
    edges = np.diff((letters >= ord("a")).astype(np.int8), prepend=0, append=0)
    return np.stack([np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)], axis=1)


def _dust(genome: Genome, contig: str, start: int, end: int) -> np.ndarray:
    import pydustmasker

    if end - start < 4:  # less than two words of three bases cannot repeat, and the library refuses them
        return np.empty((0, 2), dtype=np.int64)
    return np.array(pydustmasker.DustMasker(decode(genome.codes(contig, start, end))).intervals, dtype=np.int64)


def _tantan(genome: Genome, contig: str, start: int, end: int) -> np.ndarray:
    import pydustmasker

    return np.array(pydustmasker.TantanMasker(decode(genome.codes(contig, start, end))).intervals, dtype=np.int64)


# each: genome, contig, start, end -> intervals relative to start, shape (n, 2)
_FINDERS: dict[str, Callable[[Genome, str, int, int], np.ndarray]] = {
    "soft": _lower_case,
    "dust": _dust,
    "tantan": _tantan,
}


def _scan(genome: Genome, find: Callable[[Genome, str, int, int], np.ndarray], chunk: int) -> pd.DataFrame:
    """What `find` finds in every chunk of every contig, seen with its surroundings and clipped to the chunk."""
    contigs, intervals = [], []
    with tqdm(total=genome.size, unit="base", unit_scale=True, desc="repeats", disable=None) as bar:
        for number, (contig, length) in enumerate(genome.contigs.items()):
            for start in range(0, length, chunk):
                end = min(start + chunk, length)
                first, last = max(start - OVERLAP, 0), min(end + OVERLAP, length)
                found = (find(genome, contig, first, last).reshape(-1, 2) + first).clip(start, end)
                intervals.append(found[found[:, 0] < found[:, 1]])
                contigs.append(np.full(len(intervals[-1]), number))
                bar.update(end - start)
    starts, ends = np.concatenate(intervals).T
    return _frame(genome, np.concatenate(contigs), starts, ends)


def _frame(genome: Genome, numbers: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> pd.DataFrame:
    contigs = np.array(list(genome.contigs), dtype=object)[numbers]
    return pd.DataFrame({"contig": contigs, "start": starts, "end": ends})


def _windowmasker(genome: Genome, folder: Path) -> pd.DataFrame:
    if shutil.which("windowmasker") is None:
        raise InputError("windowmasker is not on PATH; install ncbi-blast+ or run snakemake with --sdm conda.")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".windowmasker.", dir=folder) as name:
        fasta, counts, masked = (Path(name) / part for part in ("genome.fa", "counts", "masked"))
        _write_numbered(genome, fasta)
        for stage in (["-mk_counts", "-out", counts], ["-ustat", counts, "-outfmt", "interval", "-out", masked]):
            run = subprocess.run(["windowmasker", "-in", fasta, *stage], capture_output=True, text=True, check=False)
            if run.returncode:
                last = run.stderr.strip().splitlines()[-1:]
                raise InputError(f"windowmasker failed on {genome.path} ({''.join(last)}); choose another method.")
        # ">number" for a contig, then "first - last" (0-based, inclusive) for each interval
        rows = pd.read_csv(masked, sep=" ", names=["first", "dash", "last"], dtype={"first": str})
    header = rows["first"].str.startswith(">")
    numbers = rows["first"].where(header).ffill()[~header].str.slice(1).astype(np.int64)
    firsts, lasts = (rows.loc[~header, column].astype(np.int64).to_numpy() for column in ("first", "last"))
    return _frame(genome, numbers.to_numpy(), firsts, lasts + 1)


def _write_numbered(genome: Genome, path: Path) -> None:
    """Plain FASTA of A, C, G, T and N, the contigs numbered: tools read their own meaning into names."""
    with path.open("w") as handle:
        for number, (contig, length) in enumerate(genome.contigs.items()):
            handle.write(f">{number}\n")
            for start in range(0, length, CHUNK):
                handle.write(decode(genome.codes(contig, start, min(start + CHUNK, length))) + "\n")


def _supplied(genome: Genome, bed: str | Path | None, names: ContigNames) -> pd.DataFrame:
    if not bed:
        raise InputError("repeats method bed needs the path of a BED; give it or choose another method.")
    return read_bed_of(genome, bed, names)


def _merge(found: pd.DataFrame, genome: Genome) -> pd.DataFrame:
    found = found[found["start"] < found["end"]].astype({"start": np.int64, "end": np.int64})
    order = pd.CategoricalDtype(list(genome.contigs), ordered=True)
    found = merge(found).astype({"contig": order}).sort_values(["contig", "start"], ignore_index=True)
    return found.astype({"contig": str})


def _write(repeats: pd.DataFrame, destination: str | Path) -> None:
    with files.atomic(destination) as bed, files.atomic(f"{destination}.tbi") as index:
        plain = bed.with_name("plain.bed")
        repeats.to_csv(plain, sep="\t", header=False, index=False)
        pysam.tabix_compress(str(plain), str(bed))
        write_index(bed, index, preset="bed")


def _log_fractions(repeats: pd.DataFrame, genome: Genome) -> None:
    masked = (repeats["end"] - repeats["start"]).groupby(repeats["contig"]).sum()
    sizes = pd.Series(genome.contigs)
    masked = masked.reindex(sizes.index, fill_value=0)
    fractions = masked / sizes
    shown = fractions
    if len(sizes) > MOST_CONTIGS_LOGGED:
        shown = fractions[[fractions.idxmin(), fractions.idxmax()]]
        logger.info("repeats of %d contigs, the least and the most repetitive:", len(sizes))
    for contig, fraction in shown.items():
        logger.info("%s: %.2f %% repeats (%d of %d bases)", contig, 100 * fraction, masked[contig], sizes[contig])
    logger.info("all contigs: %.2f %% repeats", 100 * masked.sum() / sizes.sum())
