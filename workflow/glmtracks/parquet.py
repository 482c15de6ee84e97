"""Reading Parquet files by numbers of rows rather than by row groups."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from glmtracks.errors import InputError

AT_ONCE = 1 << 25  # bytes of rows that are held where their number is free: 65,536 rows with alleles of 500 bases
_ROWS = 1 << 16  # read at once, none beyond a row group: the rows of the next one may be long
WITH_CHECKSUMS = {"write_page_checksum": True}  # for ParquetWriter; `checked` looks at them


@contextmanager
def explained(path: str | Path, what: str, result: str | Path | None = None) -> Iterator[None]:
    """Turn what pyarrow says of a file that is cut off, damaged or no Parquet into InputError; `what` it should be.

    `result` is the folder that is made anew as a whole, where the file is a part of one.
    """
    try:
        yield
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"{path} is damaged or cut off, no readable {what} ({reason}); delete {result or 'it'} and run again"
        ) from error


@contextmanager
def checked(path: str | Path, what: str, result: str | Path | None = None) -> Iterator[pq.ParquetFile]:
    """A Parquet file whose pages are compared with their checksums (CRC-32) as they are read in the block.

    Raises:
        InputError: the file is cut off, damaged, or no Parquet; see `explained`.
    """
    with explained(path, what, result), pq.ParquetFile(path, page_checksum_verification=True) as file:
        yield file


def read_footer(path: str | Path, what: str, result: str | Path | None = None) -> pq.FileMetaData:
    """How many rows of which columns a file has. Raises InputError if it has no footer; see `explained`."""
    with explained(path, what, result):
        return pq.read_metadata(path)


def read_frame(path: str | Path, columns: list[str] | None = None) -> pd.DataFrame:
    """A table, or some of its columns, compared with its checksums. Raises InputError if it is damaged."""
    with checked(path, "table") as file:
        return file.read(columns=columns, use_pandas_metadata=True).to_pandas()


class CheckedFile(pq.ParquetFile):
    """A Parquet file that stays open, and whose pages are compared with their checksums as row groups are read.

    Raises InputError, when it is opened and from its methods, where the file is damaged; see `explained`.
    """

    def __init__(self, path: str | Path, what: str, result: str | Path | None = None, **options):
        self._said = (path, what, result)
        with explained(*self._said):
            super().__init__(path, page_checksum_verification=True, **options)

    def read_row_group(self, *arguments, **options) -> pa.Table:
        """See pyarrow."""
        with explained(*self._said):
            return super().read_row_group(*arguments, **options)

    def read_row_groups(self, *arguments, **options) -> pa.Table:
        """See pyarrow."""
        with explained(*self._said):
            return super().read_row_groups(*arguments, **options)


def own_dictionaries(table: pa.Table) -> pa.Table:
    """With dictionaries of what occurs alone, so that the bytes do not depend on how the rows were read."""
    texts = [column.cast(field.type.value_type if pa.types.is_dictionary(field.type) else field.type)
             for column, field in zip(table.columns, table.schema, strict=True)]  # fmt: skip
    plain = pa.table(texts, names=table.column_names).combine_chunks()
    return plain.cast(table.schema)


class Rows:
    """The rows of Parquet files, one file after the other, taken a number at a time.

    `result` is the folder that they are a part of, if it is made as a whole; see `explained`.
    """

    def __init__(self, paths: list[Path], columns: list[str] | None = None, result: str | Path | None = None):
        self.paths, self._columns, self._result = list(paths), columns, result
        self._batches = self._read()
        self._pending: list[pa.Table] = []
        self._ready = self._bytes = 0

    def _read(self) -> Iterator[pa.Table]:
        for path in self.paths:
            with checked(path, "table", self._result) as file:
                for group in range(file.num_row_groups):
                    for batch in file.iter_batches(_ROWS, row_groups=[group], columns=self._columns):
                        yield pa.Table.from_batches([batch])

    def take(self, count: int, most: float = math.inf) -> pa.Table:
        """The next `count` rows, fewer at the end and where they have more than about `most` bytes, but then one."""
        while self._ready < count and (self._bytes < most or not self._ready):
            if (batch := next(self._batches, None)) is None:
                break
            self._pending.append(batch)
            self._ready += batch.num_rows
            self._bytes += batch.nbytes
        table = pa.concat_tables(self._pending) if self._pending else None
        if table is None:
            return _empty(self.paths[0], self._columns)
        self._pending = [table.slice(count)]
        self._ready, self._bytes = self._pending[0].num_rows, self._pending[0].nbytes
        return table.slice(0, count)

    def groups(self, about: int) -> Iterator[pa.Table]:
        """All rows, in tables of whole groups (column `group`) that have `about` rows or, where one is larger, more.

        They have fewer where they have `AT_ONCE` bytes.
        """
        held = self.take(about, AT_ONCE)
        while held.num_rows:
            more = self.take(about, AT_ONCE)
            if not more.num_rows:
                yield held
                return
            both = pa.concat_tables([held, more])
            border = int(pc.sum(pc.less(both["group"], both["group"][-1])).as_py())
            if border:
                yield both.slice(0, border)
            held = both.slice(border)


def _empty(path: Path, columns: list[str] | None) -> pa.Table:
    table = pq.read_schema(path).empty_table()
    return table.select(columns) if columns else table
