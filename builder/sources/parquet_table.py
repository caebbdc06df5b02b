"""Parquet files, near or far, as one table: its shards, and rows from any place on.

Shards follow from the footers alone. Rows are read one row group after the other and only in the columns that
are wanted; a shard that begins where the last one ended goes on in the row group that is already there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any, BinaryIO, cast

import pyarrow as pa
import pyarrow.parquet as pq

from builder.cells import as_stored
from builder.errors import SourceError
from builder.files import storage_error
from builder.sources.base import Shard
from builder.sources.columns import Cells, Columns
from builder.sources.features import Features, agreed, in_metadata
from builder.sources.formats import as_parquet, loader_of
from builder.sources.text import POINTER_BYTES, is_pointer

_FOOTERS_AT_ONCE = 16
_BATCH_ROWS = 256
_PARQUET = b"PAR1"
_BATCH_BYTES = 32 * 2**20  # a row may be a repository with all its files


class ParquetTable:
    """Some Parquet files, in order.

    Args:
        names: The files by their names within the source.
        open: Gives a file's content, seekable.
        where: Says where a file is, for a user.
        declared: The columns with names of classes, by a dataset's card; else each file has them.
    """

    def __init__(
        self,
        names: Sequence[str],
        open: Callable[[str], BinaryIO],
        where: Callable[[str], str],
        declared: Features | None = None,
    ) -> None:
        """Take note of the files; nothing is read yet."""
        self._declared = declared
        self.names, self._open, self.where = list(names), open, where
        self._place: tuple[str, int, tuple[str, ...]] | None = None
        self._stream: Iterator[pa.RecordBatch] = iter(())
        self._rest: pa.RecordBatch | None = None  # of the batch that the last shard ended in

    @cached_property
    def footers(self) -> dict[str, pq.FileMetaData]:
        """Every file's footer.

        Raises:
            SourceError: A file is no Parquet.
        """
        with ThreadPoolExecutor(_FOOTERS_AT_ONCE) as pool:
            return dict(zip(self.names, pool.map(self._footer, self.names), strict=True))

    def _footer(self, name: str) -> pq.FileMetaData:
        try:
            with self._open(name) as file:
                return pq.read_metadata(file)
        except FileNotFoundError as error:
            raise SourceError(
                "there is no such file: it is a link to nothing, or was taken away",
                where=self.where(name),
                remedy="put the file back or remove the link, then run the same command",
            ) from error
        except (OSError, pa.ArrowInvalid) as error:
            self._refuse_other_formats(name)
            if not isinstance(error, PermissionError) and (refused := storage_error(error)):
                raise refused from error
            raise SourceError(
                f"this is not a readable Parquet file ({error})",
                where=self.where(name),
                remedy="copy or upload it again whole, or correct `source.path` or `source.dataset`",
            ) from error

    def _refuse_other_formats(self, name: str) -> None:
        with self._open(name) as file:
            start = file.read(POINTER_BYTES)
        if is_pointer(start):
            raise SourceError(
                "it is a pointer that Git LFS left in the place of the file",
                where=self.where(name),
                remedy="`git lfs pull` in the clone fetches the file itself; on the Hub, upload it again",
            )
        loader = loader_of(name)
        if loader is not None and not start.startswith(_PARQUET):
            raise SourceError(
                f"it is no Parquet, and by its name {loader}",
                where=self.where(name),
                remedy=f"convert it, and point `source.path` at that: {as_parquet(loader, self.where(name))}",
            )

    @cached_property
    def schemas(self) -> dict[str, pa.Schema]:
        """Every file's schema."""
        return {name: footer.schema.to_arrow_schema() for name, footer in self.footers.items()}

    @cached_property
    def columns(self) -> Columns:
        """The files' columns."""
        return Columns(self.schemas, self.where, self._bounds, self._is_null)

    def _is_null(self, name: str, column: str) -> bool:
        """Whether a file's column, if it is no list or struct, holds nothing, by its footer."""
        footer = self.footers[name]
        leaves = [footer.schema.column(place) for place in range(footer.num_columns)]
        place = next((place for place, leaf in enumerate(leaves) if leaf.path == column), None)
        if place is None or leaves[place].max_repetition_level or leaves[place].max_definition_level > 1:
            return False
        chunks = [footer.row_group(group).column(place) for group in range(footer.num_row_groups)]
        return all(chunk.statistics and chunk.statistics.null_count == chunk.num_values for chunk in chunks)

    @cached_property
    def features(self) -> Features:
        """The columns with names of classes."""
        if self._declared:
            return self._declared
        schemas = self.schemas
        return agreed(
            (self.where(name), schemas[name].names, in_metadata(footer.metadata))
            for name, footer in self.footers.items()
        )

    def _bounds(self, name: str, column: str) -> tuple[int, int] | None:
        """Return the least and the greatest whole number in a file's column, None where it does not say."""
        footer, found = self.footers[name], [0]
        place = next(place for place in range(footer.num_columns) if footer.schema.column(place).path == column)
        for group in range(footer.num_row_groups):
            chunk = footer.row_group(group).column(place)
            told = chunk.statistics
            if told is None or not (told.has_min_max or told.null_count == chunk.num_values):
                return None
            found += [cast(int, told.min), cast(int, told.max)] if told.has_min_max else []
        return min(found), max(found)

    @property
    def rows(self) -> int:
        """How many rows the files hold together."""
        return sum(footer.num_rows for footer in self.footers.values())

    def extremes(self, column: str) -> set[str]:
        """Return the least and greatest texts that each row group has in a column, as far as its footer tells."""
        found: set[str] = set()
        for footer in self.footers.values():
            names = [footer.schema.column(leaf) for leaf in range(footer.num_columns)]
            leaves = [number for number, leaf in enumerate(names) if leaf.name == column]
            for group in range(footer.num_row_groups if leaves else 0):
                known = footer.row_group(group).column(leaves[0]).statistics
                if known is not None and known.has_min_max:
                    found |= {str(known.min), str(known.max)}
        return found

    def shards(self, shard_rows: int) -> list[Shard]:
        """Return ranges of about `shard_rows` rows: several whole row groups, or a part of one that is larger."""
        shards = []
        for name, footer in self.footers.items():
            start = stop = 0
            for group in range(footer.num_row_groups):
                rows = footer.row_group(group).num_rows
                if start < stop and (stop - start >= shard_rows or rows > shard_rows):
                    shards.append(Shard(name, start, stop))
                    start = stop
                stop += rows
                while stop - start > shard_rows and rows > shard_rows:
                    shards.append(Shard(name, start, start + shard_rows))
                    start += shard_rows
            if start < stop:
                shards.append(Shard(name, start, stop))
        return shards

    def read(self, shard: Shard, columns: Sequence[str]) -> Iterator[Cells]:
        """Yield a shard's rows."""
        for batch in self.batches(shard, columns):
            yield from batch.to_pylist()

    def batches(self, shard: Shard, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield a shard's rows, some at a time, in columns of the types of `cells.as_stored`, text as bytes.

        A column that the shard's file lacks is null.
        """
        wanted = tuple(columns)
        if self._place != (shard.file, shard.start, wanted):
            self._stream, self._rest = self._batches_from(shard.file, shard.start, wanted), None
        self._place = None  # until this shard is through
        left = shard.rows
        while left:
            batch = next(self._stream) if self._rest is None else self._rest
            self._rest = batch.slice(left) if batch.num_rows > left else None
            batch = batch.slice(0, left)
            left -= batch.num_rows
            yield batch
        self._place = (shard.file, shard.stop, wanted)

    def _batches_from(self, name: str, start: int, columns: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
        footer = self.footers[name]
        kinds = {column: as_stored(self.columns.kind(column), texts=True) for column in columns}
        names = self.schemas[name].names
        there = [column for column in columns if column in names and not self._is_null(name, column)]
        # Offsets of 64 bits: pyarrow gives up where the texts of lists in a batch come to 2 GiB with those of 32.
        wide = pa.large_binary()
        with (
            self._open(name) as opened,
            pq.ParquetFile(opened, metadata=footer, binary_type=wide, pre_buffer=True) as file,  # type: ignore[call-arg]
        ):
            first = 0
            for group in range(footer.num_row_groups):
                rows, size = footer.row_group(group).num_rows, footer.row_group(group).total_byte_size
                if first + rows > start:
                    skip = max(start - first, 0)
                    at_once = max(min(_BATCH_ROWS, _BATCH_BYTES * rows // max(size, 1)), 1)
                    for batch in file.iter_batches(at_once, row_groups=[group], columns=there):
                        if skip < batch.num_rows:
                            yield _conformed(batch.slice(skip), kinds)
                        skip = max(skip - batch.num_rows, 0)
                first += rows


def _conformed(batch: pa.RecordBatch, kinds: Mapping[str, pa.DataType]) -> pa.RecordBatch:
    rows = batch.num_rows
    columns: list[pa.Array[Any]] = [
        batch.column(name).cast(kind) if name in batch.schema.names else pa.array([None] * rows, kind)
        for name, kind in kinds.items()
    ]
    return pa.RecordBatch.from_arrays(columns, names=list(kinds))
