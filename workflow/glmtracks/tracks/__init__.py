"""Base-resolution scores of a genome as a Parquet dataset, one file per contig: made from shards, read by region."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise
from operator import itemgetter
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.special import logsumexp
from tqdm import tqdm

from glmtracks.errors import InputError
from glmtracks.files import atomic_folder
from glmtracks.parquet import checked
from glmtracks.track_names import BIGWIG_TRACKS, CALIBRATED_TRACKS, LLR_COLUMNS, TRACKS
from glmtracks.tracks.calibration import Calibration
from glmtracks.tracks.contig_scores import ContigScores
from glmtracks.tracks.dataset import SUMMARY, contig_path, contigs, decoded, metadata, open_contig, unknown_contig
from glmtracks.tracks.derived import DERIVED
from glmtracks.tracks.shards import SCORES_SCHEMA, RowGroups, ScoresWriter

__all__ = [
    "BIGWIG_TRACKS",
    "LLR_COLUMNS",
    "SCORES_SCHEMA",
    "TRACKS",
    "ScoresWriter",
    "contigs",
    "log_probs",
    "metadata",
    "open_contig",
    "read",
    "read_sizes",
    "write_dataset",
]


def write_dataset(shards: Sequence[str | Path], contigs: dict[str, int], destination: str | Path) -> None:
    """Join shards into a dataset folder `contig=<url-quoted name>/part-0.parquet`, one row group in memory at a time.

    The files have the columns of a shard but contig. What made the scores, and the contigs with their lengths, stand
    in the key-value metadata of `_common_metadata`.

    Args:
        shards: files of `ScoresWriter` in genome order.
        contigs: name -> length in genome order; contigs without any shard are left out of the dataset.
        destination: the folder, replaced as a whole.

    Raises:
        InputError: a base of a contig that occurs in the shards is missing, twice or out of order; or the shards do
            not all come from the same model, genome and settings.
    """
    shared = _shared_metadata(shards)
    schema = SCORES_SCHEMA.remove(SCORES_SCHEMA.get_field_index("contig")).with_metadata(shared)
    order = {contig: index for index, contig in enumerate(contigs)}
    written: dict[str, int] = {}
    with (
        atomic_folder(destination) as folder,
        tqdm(desc="joining shards", unit=" bases", unit_scale=True, disable=None) as progress,
    ):
        for contig, runs in groupby(_runs(shards), key=itemgetter(0)):
            if contig not in order:
                raise InputError(
                    f"a shard of {destination} has scores for {contig}, which is not a contig of the genome"
                )
            if written and order[contig] <= order[next(reversed(written))]:
                raise InputError(f"{contig} comes out of genome order or twice among the shards of {destination}")
            path = contig_path(folder, contig)
            path.parent.mkdir()
            written[contig] = 0
            with RowGroups(path, schema) as groups:
                for _, shard, table in runs:
                    _check_consecutive(shard, contig, table, written[contig])
                    written[contig] += table.num_rows
                    progress.update(table.num_rows)
                    groups.write(table)
            if written[contig] != contigs[contig]:
                raise InputError(
                    f"the shards of {destination} score {written[contig]:,} bases of {contig}, whose length is "
                    f"{contigs[contig]:,}; score the genome again"
                )
        pq.write_metadata(schema.with_metadata({**shared, "contigs": json.dumps(written)}), folder / SUMMARY)


def _shared_metadata(shards: Iterable[str | Path]) -> dict[str, str]:
    """Metadata of all shards, which must agree."""
    first, shared = None, {}
    for shard in shards:
        with checked(shard, "shard of scores") as file:
            found = decoded(file.schema_arrow.metadata)
        if first is None:
            first, shared = shard, found
        different = sorted(key for key in shared.keys() | found.keys() if shared.get(key) != found.get(key))
        if different:
            key = different[0]
            raise InputError(
                f"{first} and {shard} do not belong together: {key} is {shared.get(key)} in the first and "
                f"{found.get(key)} in the second; delete the older one and run again"
            )
    if first is None:
        raise InputError("there are no shards to join; check that the genome has contigs to score")
    return shared


def _runs(shards: Iterable[str | Path]) -> Iterator[tuple[str, str | Path, pa.Table]]:
    """Yield (contig, shard, rows without the contig column) for every stretch of one contig in one row group."""
    for shard in shards:
        for table in _row_groups(shard):
            contigs = table["contig"].combine_chunks()
            codes = contigs.indices.to_numpy()
            edges = np.flatnonzero(np.diff(codes)) + 1
            for begin, end in pairwise([0, *edges, len(codes)]):
                yield contigs[int(begin)].as_py(), shard, table.slice(begin, end - begin).drop_columns("contig")


def _row_groups(shard: str | Path) -> Iterator[pa.Table]:
    """The row groups of a shard, which must be as they were written."""
    with checked(shard, "shard of scores") as file:
        if not file.schema_arrow.equals(SCORES_SCHEMA):
            raise InputError(f"{shard} has other columns than a shard of scores; delete it and run again")
        for group in range(file.num_row_groups):
            yield file.read_row_group(group)


def _check_consecutive(shard: str | Path, contig: str, table: pa.Table, expected: int) -> None:
    """Raise InputError unless `start` counts up from `expected`."""
    start = table["start"].to_numpy()
    wrong = start != np.arange(expected, expected + len(start))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise InputError(
            f"{shard} continues {contig} at 0-based position {start[row]:,} where {expected + row:,} is due, so bases "
            f"would be missing or scored twice; delete the shards and run again"
        )


def read_sizes(path: str | Path) -> dict[str, int]:
    """Name -> length in bases of a genome's contigs, in genome order, from a chrom.sizes file (two columns, tabs)."""
    table = pd.read_csv(
        path, sep="\t", names=["contig", "length"], dtype={"contig": str}, keep_default_na=False, quoting=3
    )
    return dict(zip(table["contig"], table["length"].astype(int).tolist(), strict=True))


def read(
    dataset: str | Path, region: str | tuple[str, int, int] | None = None, columns: Sequence[str] | str | None = None
) -> pd.DataFrame:
    """Scores of a region, a contig or a whole dataset.

    >>> read("results/tracks/yeast/one_pass/scores", "chrI:1000-2000", columns=["llr_A"])  # doctest: +SKIP

    Args:
        dataset: folder of `write_dataset`.
        region: "chrI:1000-2000" (1-based, inclusive), "chrI", ("chrI", 999, 2000) (0-based, half-open), or None for
            all; what reaches past the end of the contig is cut.
        columns: one or more of ref, the stored tracks (llr_A … llr_T, entropy) and those computed from them
            (llr_min, llr_mean, logo_A … logo_T, and, where the scores are calibrated, llr_corrected_A …
            llr_corrected_T, phred_A … phred_T; see `glmtracks.tracks.derived` and `glmtracks.tracks.calibration`); None
            for ref and the stored tracks.

    Returns:
        contig (categorical), start (int64, 0-based), then the columns: ref categorical, the others float32 and NaN
        where the reference base is undefined.

    Raises:
        InputError: not a dataset, an unknown contig or column, an impossible region, or a column of a calibration
            that is not there or belongs to other scores.
    """
    sizes = contigs(dataset)
    regions = [(name, 0, size) for name, size in sizes.items()] if region is None else [_parse(dataset, region, sizes)]
    asked = ("ref", *TRACKS) if columns is None else [columns] if isinstance(columns, str) else columns
    wanted = ["start", *(column for column in asked if column not in ("contig", "start"))]
    calibration = calibration_for(dataset, wanted)
    tables = [ContigScores(dataset, name, wanted, calibration).rows(start, end) for name, start, end in regions]
    order = {name: code for code, name in enumerate(sizes)}
    codes = np.repeat([order[name] for name, _, _ in regions], [table.num_rows for table in tables])
    frame = pa.concat_tables(tables).unify_dictionaries().to_pandas(split_blocks=True, self_destruct=True)
    frame.insert(0, "contig", pd.Categorical.from_codes(codes, categories=list(sizes)))
    return frame


def calibration_for(dataset: str | Path, columns: Sequence[str]) -> Calibration | None:
    """The calibration beside a dataset if one of the columns needs it.

    Raises InputError for a column that no dataset has, and where the calibration is missing or of other scores.
    """
    known = (*SCORES_SCHEMA.names, *DERIVED)
    if unknown := [column for column in columns if column not in known]:
        raise InputError(f"{unknown[0]} is not a column of {dataset}; it has {', '.join(known)}")
    return Calibration.of(dataset) if set(columns) & set(CALIBRATED_TRACKS) else None


def _parse(dataset: str | Path, region: str | tuple[str, int, int], sizes: dict[str, int]) -> tuple[str, int, int]:
    """Contig, start, end (0-based, half-open, within the contig) of a region as `read` takes it."""
    if isinstance(region, tuple):
        contig, start, end = region
    elif region in sizes:  # names such as HLA-A*01:01 hold colons themselves
        contig, start, end = region, 0, sizes[region]
    else:
        contig, _, interval = region.rpartition(":")
        found = re.fullmatch(r"([\d,]*\d)-([\d,]*\d)", interval)
        if contig in sizes and not found:
            raise InputError(f"{region} is no region; write it as {contig}:1000-2000")
        if not found:
            raise unknown_contig(dataset, region, sizes)
        first, end = (int(number.replace(",", "")) for number in found.groups())
        start = first - 1
    if contig not in sizes:
        raise unknown_contig(dataset, contig, sizes)
    least = 1 if isinstance(region, str) else 0  # bases; a program may ask for none
    if not 0 <= start <= min(end, sizes[contig]) - least:
        raise InputError(f"{region} is not an interval of {contig}, which has {sizes[contig]:,} bases")
    return contig, start, min(end, sizes[contig])


def log_probs(frame: pd.DataFrame) -> np.ndarray:
    """Natural-log probabilities of A, C, G, T, float64 (n, 4), from the four llr columns; NaN where these are null."""
    llr = frame[list(LLR_COLUMNS)].to_numpy(dtype=np.float64)
    return llr - logsumexp(llr, axis=1, keepdims=True)
