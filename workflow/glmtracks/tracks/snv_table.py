"""All SNVs of a genome as a text table that tools of the command line read: bgzip, with a tabix index.

Columns and their names are those of CADD's files (https://cadd.gs.washington.edu/download), so that programs which
annotate with these take ours. `RawScore` is the llr, though: a low one means an unlikely change, while CADD's is high
for a deleterious one. `PHRED` points the same way in both.
"""

import logging
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from tqdm import tqdm

from glmtracks import __version__
from glmtracks.files import atomic
from glmtracks.genome import BASES
from glmtracks.gzipped import write_bgzip
from glmtracks.tabix import write_index
from glmtracks.track_names import LLR_COLUMNS
from glmtracks.tracks.calibration import Calibration, to_steps
from glmtracks.tracks.contig_scores import ContigScores
from glmtracks.tracks.dataset import contigs, metadata
from glmtracks.tracks.shards import DECIMALS

logger = logging.getLogger(__name__)

HEADER = "#Chrom\tPos\tRef\tAlt\tRawScore\tPHRED\n"
_CHANGES = pa.array([f"\t{ref}\t{alt}\t" for ref in BASES for alt in BASES])


def write_snvs(dataset: str | Path, destination: str | Path) -> None:
    """Write every SNV of a dataset, one row group in memory at a time.

    Rows are in genome order, then by alternative; Pos is 1-based. Bases without a score have no rows.

    Args:
        dataset: folder of `glmtracks.tracks.write_dataset`, with its calibration beside it.
        destination: the bgzip file, named .tsv.gz; its index is written to `destination`.tbi.

    Raises:
        InputError: not a dataset, or it has no calibration of its own.
    """
    calibration, lengths = Calibration.of(dataset), contigs(dataset)
    low, counts = calibration.counts["llr"]
    steps = np.arange(low, low + len(counts))
    endings = _endings(steps, calibration)
    said = " ".join(f"{key}={value}" for key, value in metadata(dataset).items())
    with atomic(destination) as text, atomic(f"{destination}.tbi") as index:
        with (
            write_bgzip(text) as handle,
            tqdm(total=sum(lengths.values()), desc="SNVs", unit=" bases", unit_scale=True, disable=None) as bar,
        ):
            handle.write(f"## glmtracks {__version__} {said}\n{HEADER}".encode())
            for contig in lengths:
                reader = ContigScores(dataset, contig, LLR_COLUMNS)
                for start, table in reader:
                    llr = np.column_stack([table[column].to_numpy() for column in LLR_COLUMNS])
                    codes = reader.codes(start, start + len(llr))
                    row, alt = np.nonzero(~np.isnan(llr) & (codes[:, None] != np.arange(len(BASES))))
                    lines = pc.binary_join_element_wise(
                        f"{contig}\t",
                        pc.cast(pa.array(start + 1 + row), pa.string()),
                        _CHANGES.take(pa.array(codes[row] * len(BASES) + alt)),
                        endings.take(pa.array(to_steps(llr[row, alt]) - low)),
                        "",
                    )
                    handle.write(_text(lines))
                    bar.update(len(llr))
        write_index(text, index, seq_col=0, start_col=1, end_col=1, meta_char="#")
    logger.info(f"{destination}: {counts.sum():,} SNVs")


def _endings(steps: np.ndarray, calibration: Calibration) -> pa.Array:
    """The end of the line of a SNV for each llr, which are few beside the SNVs: RawScore, tab, PHRED, newline."""
    llr = steps / 10**DECIMALS
    phred = calibration.phred(llr.astype(np.float32))
    return pa.array(
        [f"{a:.{DECIMALS}f}\t{b:.{DECIMALS}f}\n" for a, b in zip(llr.tolist(), phred.tolist(), strict=True)]
    )


def _text(lines: pa.Array) -> bytes:
    """The strings of an array, end to end; a copy, since pysam takes nothing else."""
    if not len(lines):
        return b""
    _, offsets, data = lines.buffers()
    ends = np.frombuffer(offsets, np.int32)[[lines.offset, lines.offset + len(lines)]]
    return data.slice(int(ends[0]), int(ends[1] - ends[0])).to_pybytes()
