"""The scores of one shard on disk: the Parquet file that one job writes.

A row is a base. `llr_X` is log P(X) - log P(reference), natural log, so it is 0 for the reference base itself and the
four log-probabilities can be recovered from it (`glmtracks.tracks.log_probs`). Values carry 3 decimals; where the
reference is not one of A, C, G, T all of them are null. `start` is 0-based.
"""

from contextlib import ExitStack
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from glmtracks.errors import InputError
from glmtracks.files import atomic
from glmtracks.genome import BASES, UNKNOWN
from glmtracks.parquet import WITH_CHECKSUMS
from glmtracks.track_names import TRACKS

DECIMALS = 3
ROWS_PER_GROUP = 65_536
SCORES_SCHEMA = pa.schema(
    [
        ("contig", pa.dictionary(pa.int32(), pa.string())),
        ("start", pa.int64()),
        ("ref", pa.dictionary(pa.int8(), pa.string())),
        *((track, pa.float32()) for track in TRACKS),
    ]
)


class RowGroups:
    """A Parquet file of full row groups, whatever the sizes of the tables that are written to it."""

    def __init__(self, path: Path, schema: pa.Schema):
        self._writer = pq.ParquetWriter(
            path,
            schema,
            compression="zstd",
            # Rounded scores repeat: a dictionary takes 10 bytes per base where BYTE_STREAM_SPLIT takes 15.
            use_dictionary=[name for name in schema.names if name != "start"],
            column_encoding={"start": "DELTA_BINARY_PACKED"},
            **WITH_CHECKSUMS,
        )
        self._tables: list[pa.Table] = []
        self._rows = 0

    def write(self, table: pa.Table) -> None:
        self._tables.append(table)
        self._rows += table.num_rows
        while self._rows >= ROWS_PER_GROUP:
            self._flush()

    def _flush(self) -> None:
        table = pa.concat_tables(self._tables)
        group, rest = table.slice(0, ROWS_PER_GROUP), table.slice(ROWS_PER_GROUP)
        # One chunk with one dictionary, so that the bytes do not tell how the rows arrived.
        self._writer.write_table(group.unify_dictionaries().combine_chunks(), row_group_size=ROWS_PER_GROUP)
        self._tables, self._rows = [rest], rest.num_rows

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error: type[BaseException] | None, *_) -> None:
        try:
            if error is None and self._rows:
                self._flush()
        finally:
            self._writer.close()


class ScoresWriter:
    """Write one shard; a context manager. The file appears only when the block ends without an error.

    The bytes depend on the rows and the metadata alone, not on how the rows were divided among calls of `write`.

    Args:
        path: the Parquet file to write.
        metadata: what made these scores (model, genome, their hashes, strategy, precision); `rounding` is added.
    """

    def __init__(self, path: str | Path, metadata: dict[str, str]):
        self._path = Path(path)
        self._schema = SCORES_SCHEMA.with_metadata(
            dict(sorted({**metadata, "rounding": f"{DECIMALS} decimals"}.items()))
        )

    def __enter__(self) -> Self:
        self._stack = ExitStack()
        temporary = self._stack.enter_context(atomic(self._path))
        self._groups = self._stack.enter_context(RowGroups(temporary, self._schema))
        return self

    def __exit__(self, *error) -> bool | None:
        return self._stack.__exit__(*error)

    def write(self, *bases) -> None:
        """Append the scores of consecutive bases, given as to `table`."""
        self.append(self.table(*bases))

    def append(self, table: pa.Table) -> None:
        """Append rows that `table` made, maybe in another thread; in one thread at a time."""
        self._groups.write(table)

    def table(
        self,
        contig: str,
        start: int,
        ref_codes: np.ndarray,
        log_probs: np.ndarray,
        unread: np.ndarray | None = None,
    ) -> pa.Table:
        """The rows of `n` consecutive bases.

        Args:
            contig: name of their contig.
            start: 0-based position of the first base.
            ref_codes: uint8 (n,), 0..3 for A, C, G, T and 4 where the reference is undefined.
            log_probs: float32 (n, 4), natural log, each row normalised; ignored where the reference is undefined.
            unread: bool (n,), bases that get no score although they are defined; None = none of them.

        Raises:
            InputError: the model gives no finite, normalised distribution at a defined base.
            ValueError: the shapes do not fit each other.
        """
        ref_codes, log_probs = np.asarray(ref_codes), np.asarray(log_probs, dtype=np.float32)
        if log_probs.shape != (len(ref_codes), len(BASES)):
            raise ValueError(f"log_probs has shape {log_probs.shape}, ref_codes {ref_codes.shape}")
        undefined = ref_codes == UNKNOWN if unread is None else (ref_codes == UNKNOWN) | unread
        by_base = np.ascontiguousarray(log_probs.T)  # sums along the first axis take a tenth of the time
        sound = np.abs(np.exp(by_base).sum(axis=0) - 1) < 1e-3
        sound &= np.isfinite(by_base.sum(axis=0))  # a sum is finite only where all its terms are
        if not (sound | undefined).all():
            row = int(np.argmin(sound | undefined))
            raise InputError(
                f"the model gives no probabilities at {contig}:{start + row + 1} (natural logs of A, C, G, T: "
                f"{log_probs[row].tolist()}); its weights are damaged or it overflows at this precision"
            )
        scores = score_columns(log_probs, ref_codes)
        columns = [
            pa.DictionaryArray.from_arrays(np.zeros(len(ref_codes), np.int32), pa.array([contig])),
            np.arange(start, start + len(ref_codes)),
            pa.DictionaryArray.from_arrays(ref_codes.astype(np.int8), pa.array([*BASES, "N"])),
            *(pa.array(values, mask=undefined) for values in scores.T),
        ]
        return pa.table(columns, schema=self._schema)


def score_columns(log_probs: np.ndarray, ref_codes: np.ndarray) -> np.ndarray:
    """The columns `TRACKS` of bases, float32 (n, 5): four llr in natural log, and the entropy in bits; rounded.

    `log_probs` is float32 (n, 4), `ref_codes` uint8 (n,); rows of undefined bases mean nothing.
    """
    by_base = np.ascontiguousarray(log_probs.T)  # what follows takes a quarter of the time that it takes row by row
    reference = np.where(ref_codes == UNKNOWN, 0, ref_codes).astype(np.intp)[None]
    scores = np.empty((len(TRACKS), len(ref_codes)), np.float32)
    with np.errstate(invalid="ignore"):  # of infinite values, which undefined bases may have
        np.subtract(by_base, np.take_along_axis(by_base, reference, axis=0), out=scores[:-1])
        np.divide((np.exp(by_base) * by_base).sum(axis=0), -np.float32(np.log(2)), out=scores[-1])
    np.round(scores, DECIMALS, out=scores)
    scores += np.float32(0)  # -0.0 + 0 is 0.0
    return scores.T
