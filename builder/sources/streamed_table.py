"""Files of other formats than Parquet, streamed by `datasets`: JSON lines above all.

Such files don't say how many rows they hold, so they are read through once to count; a run records the counts.
A shard that begins where the last one ended goes on in the same stream; a run that is taken up again reads
anew only the file that it stopped in.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import pyarrow as pa

from builder.errors import SourceError
from builder.sources.base import Shard
from builder.sources.columns import Columns
from builder.sources.hub_files import HubFiles, passes, patiently
from builder.sources.parquet_table import Cells

_ROWS_FOR_SCHEMA = 1000

log = logging.getLogger(__name__)


class StreamedTable:
    """One split of a dataset on the Hub, read through a `datasets` builder, file by file."""

    def __init__(
        self,
        builder: Any,  # noqa: ANN401 - datasets has no types
        split: str,
        names: Sequence[str],
        files: HubFiles,
        counted: Mapping[str, int] | None,
    ) -> None:
        """Take note of the files; nothing is read yet. `counted` are the rows of each, from an earlier build."""
        self._builder, self._split, self._names, self._files = builder, split, list(names), files
        self._counted = counted
        self._place: tuple[str, int] | None = None
        self._stream: Iterator[Cells] = iter(())

    def where(self, name: str) -> str:
        """Say where a file is."""
        return self._files.where(name)

    @cached_property
    def rows_of_files(self) -> dict[str, int]:
        """How many rows each file holds."""
        if self._counted is not None:
            return dict(self._counted)
        log.warning("counting the rows of %d files that are no Parquet: this reads them once", len(self._names))
        return {name: sum(1 for _ in self._rows_from(name, 0)) for name in self._names}

    @property
    def rows(self) -> int:
        """How many rows the files hold together."""
        return sum(self.rows_of_files.values())

    @cached_property
    def schemas(self) -> dict[str, pa.Schema]:
        """The files' schema: what the dataset declares, else what its first rows show."""
        declared = self._builder.info.features
        if declared is not None:
            schema = declared.arrow_schema
        else:
            first = patiently(lambda: list(self._open(0).take(_ROWS_FOR_SCHEMA)), self.where(self._names[0]), None)
            schema = pa.Table.from_pylist(first).schema
        return dict.fromkeys(self._names, schema)

    @cached_property
    def columns(self) -> Columns:
        """The files' columns."""
        return Columns(self.schemas, self.where)

    def shards(self, shard_rows: int) -> list[Shard]:
        """Return ranges of `shard_rows` rows."""
        return [
            Shard(name, start, min(start + shard_rows, rows))
            for name, rows in self.rows_of_files.items()
            for start in range(0, rows, shard_rows)
        ]

    def read(self, shard: Shard, columns: Sequence[str]) -> Iterator[Cells]:
        """Yield a shard's rows."""
        if self._place != (shard.file, shard.start):
            self._stream = self._rows_from(shard.file, shard.start)
        self._place = None
        for _ in range(shard.rows):
            row = next(self._stream)
            yield {column: _as_bytes(row.get(column)) for column in columns}
        self._place = (shard.file, shard.stop)

    def _open(self, number: int) -> Any:  # noqa: ANN401 - datasets has no types
        stream = self._builder.as_streaming_dataset(self._split)
        return stream.shard(num_shards=len(self._names), index=number) if len(self._names) > 1 else stream

    def _rows_from(self, name: str, start: int) -> Iterator[Cells]:
        """Yield a file's rows; a stream that breaks is opened again behind the last row that it gave."""
        number = self._names.index(name)
        stream: Iterator[Cells] | None = None
        at = start

        def following() -> Cells | None:
            nonlocal stream
            if stream is None:
                stream = iter(self._open(number).skip(at))
            try:
                return next(stream, None)
            except Exception:
                stream = None
                raise

        while True:
            try:
                row = following()
            except Exception as error:
                if not passes(error):
                    raise self._unreadable(name, at, error) from error
                row = patiently(following, self.where(name), None, self._files.stopped)
            if row is None:
                return
            at += 1
            yield row

    def _unreadable(self, name: str, at: int, error: Exception) -> SourceError:
        cause = error.__cause__ or error
        return SourceError(
            f"it can't be read as {type(self._builder).__name__} from row {at} on"
            f" ({type(cause).__name__}: {str(cause).partition(chr(10))[0][:200]})",
            where=self.where(name),
            remedy="choose another config or revision, or convert the files to Parquet (`kind: parquet`)",
        )


def _as_bytes(cell: Any) -> Any:  # noqa: ANN401 - a cell of any column
    return cell.encode("utf-8", "surrogatepass") if isinstance(cell, str) else cell
