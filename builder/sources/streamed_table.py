"""Files of other formats than Parquet, row by row: JSON lines, and what `datasets` streams.

Such files say neither how many rows they hold nor of which types, so they are read through once to see; a run
records both. A shard that begins where the last one ended goes on in the same stream; a run that is taken up again
reads anew only the file that it stopped in.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import pyarrow as pa

from builder.errors import SourceError
from builder.hub_access import passes
from builder.sources.base import Shard
from builder.sources.columns import Cells, Columns, Malformed
from builder.sources.compressed import damage_told, decompressed
from builder.sources.encodings import not_utf8, reads_encodings
from builder.sources.features import Features
from builder.sources.hub_files import HubFiles
from builder.sources.inferred import MIXED, NULL, Kind, arrow_type, fitting, widened

Row = Mapping[str, Any]

log = logging.getLogger(__name__)


class StreamedTable:
    """Some files, in order.

    Args:
        names: The files by their names within the source.
        rows: Gives a file's rows from one on; None for one that can't be read.
        where: Says where a file is, for a user.
        recorded: What `facts` returned to an earlier build.
        features: The columns with names of classes, by a dataset's card.
    """

    def __init__(
        self,
        names: Sequence[str],
        rows: Callable[[str, int], Iterator[Row | None]],
        where: Callable[[str], str],
        recorded: Mapping[str, Any] | None,
        features: Features | None = None,
    ) -> None:
        """Take note of the files; nothing is read yet."""
        self.features: Features = features or {}
        self._names, self._rows, self.where, self._recorded = list(names), rows, where, recorded
        self._place: tuple[str, int] | None = None
        self._stream: Iterator[Row | None] = iter(())

    @cached_property
    def _seen(self) -> tuple[dict[str, int], dict[str, Kind]]:
        """How many rows each file holds, and the columns' types, that hold every row's cells."""
        recorded = self._recorded or {}
        if "columns" in recorded:
            return dict(recorded["rows_of_files"]), dict(recorded["columns"])
        log.warning("counting the rows of %d file(s) that are no Parquet: this reads them once", len(self._names))
        counts: dict[str, int] = {}
        kinds: dict[str, Kind] = {}
        for name in self._names:
            counts[name] = 0
            for row in self._rows(name, 0):
                counts[name] += 1
                for column, cell in (row or {}).items():
                    kinds[column] = self._widened(column, kinds.get(column, NULL), cell, name, counts[name] - 1)
        return counts, kinds

    def _widened(self, column: str, kind: Kind, cell: Any, name: str, row: int) -> Kind:  # noqa: ANN401 - any cell
        try:
            column.encode()
            wider = widened(kind, cell)
        except (TypeError, UnicodeEncodeError) as error:
            raise SourceError(
                f"column {column!r} holds in row {row} what no table does ({error})",
                where=self.where(name),
                remedy="choose another dataset or config, or convert the files to Parquet (`kind: parquet`)",
            ) from error
        if wider == MIXED and kind not in (MIXED, NULL):
            log.warning(
                "column %r is kept as text: row %d of %s does not fit the type of those before (%s); what is no"
                " text is written as JSON", column, row, self.where(name), arrow_type(kind),
            )  # fmt: skip
        return wider

    def facts(self) -> dict[str, Any]:
        """Return what reading the files through has shown, as plain data that a run records."""
        counts, kinds = self._seen
        if self._recorded is not None and "columns" not in self._recorded:
            return {"rows_of_files": counts}  # recorded by a version that did not look at the types
        return {"rows_of_files": counts, "columns": kinds}

    @property
    def rows(self) -> int:
        """How many rows the files hold together."""
        return sum(self._seen[0].values())

    @cached_property
    def schemas(self) -> dict[str, pa.Schema]:
        """The files' schema."""
        schema = pa.schema([(name, arrow_type(kind)) for name, kind in self._seen[1].items()])
        return dict.fromkeys(self._names, schema)

    @cached_property
    def columns(self) -> Columns:
        """The files' columns."""
        return Columns(self.schemas, self.where)

    def shards(self, shard_rows: int) -> list[Shard]:
        """Return ranges of `shard_rows` rows."""
        return [
            Shard(name, start, min(start + shard_rows, rows))
            for name, rows in self._seen[0].items()
            for start in range(0, rows, shard_rows)
        ]

    def read(self, shard: Shard, columns: Sequence[str]) -> Iterator[Cells]:
        """Yield a shard's rows."""
        if self._place != (shard.file, shard.start):
            self._stream = self._rows(shard.file, shard.start)
        self._place = None
        fits = {column: fitting(self._seen[1].get(column, NULL)) for column in columns}
        for number in range(shard.start, shard.stop):
            row = next(self._stream)
            try:
                cells = {column: fit((row or {}).get(column)) for column, fit in fits.items()}
            except (TypeError, ValueError, AttributeError) as error:
                raise SourceError(
                    f"row {number} is another than when its file was read through ({error})",
                    where=self.where(shard.file),
                    remedy="build into a new directory with --run DIR",
                ) from error
            yield Malformed(cells) if row is None else cells
        self._place = (shard.file, shard.stop)


class DatasetsRows:
    """The rows of one split of a dataset on the Hub, as a `datasets` builder streams them, file by file."""

    def __init__(
        self,
        builder: Any,  # noqa: ANN401 - datasets has no types
        split: str,
        names: Sequence[str],
        files: HubFiles,
    ) -> None:
        """Read nothing yet."""
        self._builder, self._split, self._names, self._files = builder, split, list(names), files

    def _open(self, number: int) -> Any:  # noqa: ANN401 - datasets has no types
        stream = self._builder.as_streaming_dataset(self._split)
        if self._builder.info.features is not None:
            stream = stream.decode(False)  # pictures as they are stored
        return stream.shard(num_shards=len(self._names), index=number) if len(self._names) > 1 else stream

    def rows(self, name: str, start: int) -> Iterator[Row]:
        """Yield a file's rows; a stream that breaks is opened again behind the last row that it gave."""
        number = self._names.index(name)
        stream: Iterator[Row] | None = None
        at = start

        def following() -> Row | None:
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
                row = self._files.ask(following, name)
            if row is None:
                return
            at += 1
            yield row

    def _unreadable(self, name: str, at: int, error: Exception) -> SourceError:
        cause = error.__cause__ or error
        if isinstance(cause, UnicodeError):
            with damage_told(self._files.where(name)), self._files.open(name) as content:
                may_be_named = reads_encodings(self._builder)
                return not_utf8(decompressed(content, name), self._files.where(name), may_be_named=may_be_named)
        return SourceError(
            f"it can't be read as {type(self._builder).__bases__[0].__name__} from row {at} on"
            f" ({type(cause).__name__}: {str(cause).partition(chr(10))[0][:200]})",
            where=self._files.where(name),
            remedy="choose another config or revision, or convert the files to Parquet (`kind: parquet`)",
        )
