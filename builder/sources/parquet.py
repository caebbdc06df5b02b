"""Parquet files on disk, read row group by row group and only in the columns that are needed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from functools import cached_property
from glob import glob, has_magic
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from builder.document import Document, read_document
from builder.errors import SourceError
from builder.sources.base import Shard, Source
from builder.sources.files import decode


class ParquetSource(Source):
    """The rows of one or more Parquet files; the columns in `keep` travel along as provenance."""

    kind: Literal["parquet"]
    path: Path = Field(strict=False)
    text: str = "text"
    id: str | None = None
    keep: list[str] = Field(default_factory=list)

    @cached_property
    def _files(self) -> dict[str, pq.FileMetaData]:
        pattern = str(self.path)
        paths = sorted(glob(pattern, recursive=True)) if has_magic(pattern) else [pattern]  # noqa: PTH207 - absolute
        files = {}
        for path in paths:
            try:
                files[path] = pq.read_metadata(path)
            except (OSError, pa.ArrowInvalid) as error:
                raise SourceError(
                    f"this is not a readable Parquet file ({error})", where=path, remedy="correct `source.path`"
                ) from error
        if not any(metadata.num_rows for metadata in files.values()):
            raise SourceError(
                "no Parquet file with rows matches",
                where=pattern,
                remedy="correct `source.path`; it may be a glob",
            )
        return files

    @cached_property
    def _schema(self) -> pa.Schema:
        first, *others = (self._schema_of(path, metadata) for path, metadata in self._files.items())
        for path, other in zip(list(self._files)[1:], others, strict=True):
            for column in self.keep:
                if other.field(column).type != first.field(column).type:
                    kinds = f"{other.field(column).type} here, {first.field(column).type} in the first file"
                    raise SourceError(
                        f"column {column!r} holds {kinds}", where=path, remedy="leave it out of `keep`"
                    )
        return first

    def _schema_of(self, path: str, metadata: pq.FileMetaData) -> pa.Schema:
        schema = metadata.schema.to_arrow_schema()
        for column in self._wanted:
            if column not in schema.names:
                raise SourceError(
                    f"there is no column {column!r}; it has {', '.join(schema.names)}",
                    where=path,
                    remedy="set `source.text`, `source.id` and `source.keep` to columns of the file",
                )
        for column in [self.text] if self.id is None else [self.text, self.id]:
            if not _is_text(schema.field(column).type):
                kind = schema.field(column).type
                raise SourceError(
                    f"column {column!r} holds {kind}, not text",
                    where=path,
                    remedy="set `source.text` and `source.id` to columns of text",
                )
        return schema

    @cached_property
    def _folder(self) -> Path:
        """The folder that the pattern's wildcards begin in: below it, a file's path is its name."""
        plain = (folder for folder in self.path.parents if not has_magic(str(folder)))
        return next(plain)

    @property
    def _wanted(self) -> list[str]:
        return list(dict.fromkeys([self.text, *([self.id] if self.id else []), *self.keep]))

    def label(self) -> str:
        """Return its name, else its folder's."""
        return self.name or self.path.parent.name

    def columns(self) -> Mapping[str, pa.DataType]:
        """Return dataset, file, row and the columns kept."""
        kept = {name: self._schema.field(name).type for name in self.keep}
        return {"dataset": pa.string(), "file": pa.string(), "row": pa.int64(), **kept}

    def pin(self) -> dict[str, object]:
        """Return the number of files and rows, and a digest over the files' footers."""
        digest = hashlib.sha256()
        for path, metadata in self._files.items():
            size = Path(path).stat().st_size
            digest.update(
                f"{Path(path).relative_to(self._folder)}\0{size}\0{metadata.num_rows}\0{self._schema}\0".encode()
            )
        rows = sum(metadata.num_rows for metadata in self._files.values())
        return {"files": len(self._files), "rows": rows, "footers_sha256": digest.hexdigest()}

    def shards(self) -> list[Shard]:
        """Return runs of whole row groups, each run closed once it holds `shard_rows` rows."""
        shards = []
        for path, metadata in self._files.items():
            start = stop = 0
            for group in range(metadata.num_row_groups):
                stop += metadata.row_group(group).num_rows
                if stop - start >= self.shard_rows or group == metadata.num_row_groups - 1:
                    if stop > start:
                        shards.append(Shard(path, start, stop))
                    start = stop
        return shards

    def read(self, shard: Shard) -> Iterator[Document]:
        """Yield the rows of the shard's range, reading only the row groups that hold them."""
        wanted = self._wanted
        with pq.ParquetFile(shard.file, memory_map=True) as file:
            first = 0
            for group in range(file.metadata.num_row_groups):
                rows = file.metadata.row_group(group).num_rows
                if first < shard.stop and first + rows > shard.start:
                    yield from self._rows(file, group, first, shard, wanted)
                first += rows

    def _rows(
        self, file: pq.ParquetFile, group: int, first: int, shard: Shard, wanted: list[str]
    ) -> Iterator[Document]:
        for batch in file.iter_batches(batch_size=256, row_groups=[group], columns=wanted):
            low, high = max(shard.start - first, 0), min(shard.stop - first, batch.num_rows)
            if low < high:
                # Text columns as bytes: a file may hold what is not UTF-8, and one such row must not end the run.
                rows = _text_as_bytes(batch.slice(low, high - low)).to_pylist()
                for offset, row in enumerate(rows):
                    yield self._document(shard.file, first + low + offset, row)
            first += batch.num_rows

    def _document(self, path: str, row_number: int, row: dict[str, Any]) -> Document:
        file = Path(path).relative_to(self._folder).as_posix()
        raw = row[self.text]
        text, reason = (None, "null_text") if raw is None else decode(raw, "utf-8")
        kept = {name: _readable(row[name]) for name in self.keep}
        source = {"dataset": self.label(), "file": file, "row": row_number, **kept}
        given = _readable(row[self.id]) if self.id else None
        prefix = f"{self.name}/" if self.name else ""
        return read_document(f"{prefix}{given or f'{file}#{row_number}'}", text, source, reason)


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _text_as_bytes(batch: pa.RecordBatch) -> pa.RecordBatch:
    columns = [column.cast(_as_bytes(column.type)) for column in batch.columns]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _as_bytes(kind: pa.DataType) -> pa.DataType:
    """Return the type with bytes in place of text, at any depth of lists and structs."""
    if _is_text(kind):
        return pa.large_binary() if pa.types.is_large_string(kind) else pa.binary()
    if isinstance(kind, pa.ListType):
        return pa.list_(_as_bytes(kind.value_type))
    if isinstance(kind, pa.StructType):
        return pa.struct([pa.field(field.name, _as_bytes(field.type)) for field in kind])
    return kind


def _readable(value: Any) -> Any:  # noqa: ANN401 - a cell of any column
    if isinstance(value, list):
        return [_readable(item) for item in value]
    if isinstance(value, dict):
        return {name: _readable(item) for name, item in value.items()}
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value
