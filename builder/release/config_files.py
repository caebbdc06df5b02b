"""A config's Parquet files, cut where their content says, so that two versions share what did not change.

The Hub stores files by chunks whose borders follow from the content. Row groups of so many rows each would move
with every row that is added; here a group ends behind a row whose id says so, and a file behind a group. Memory
holds two groups, however large the release: one is written while the next is read. Equal rows give equal bytes.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from builder.files import storage
from builder.recipe import HELD_OUT
from builder.release.rows import group_digest, key_column, text_column

_GROUP_ROWS = 4096, 32768  # at least, but for the last, and at most
_CUT_ONE_IN = 6000  # rows that end a group, once it has the least
_GROUP_BYTES = 64 * 2**20  # at most, in memory
_FILE_BYTES = 512 * 2**20  # in memory: about 128 to 256 MB of Parquet


@dataclass(frozen=True, slots=True)
class Split:
    """A written split.

    Attributes:
        name: Its name for `load_dataset`.
        files: Its files, relative to the release, in order.
        rows: Its rows.
        bytes: The size of its files.
        arrow_bytes: The size of its rows in memory.
        groups: For each file the digests of its row groups.
    """

    name: str
    files: list[str]
    rows: int
    bytes: int
    arrow_bytes: int
    groups: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Config:
    """A written config.

    Attributes:
        name: Its name for `load_dataset`.
        stage: The stage whose kept documents it holds; None for the drops and the generations.
        splits: Its splits that have rows.
        schema: Its columns.
    """

    name: str
    stage: str | None
    splits: list[Split]
    schema: pa.Schema

    @property
    def files(self) -> list[str]:
        """Its files, in order."""
        return [file for split in self.splits for file in split.files]

    @property
    def groups(self) -> dict[str, list[str]]:
        """For each of its files the digests of its row groups."""
        return {file: digests for split in self.splits for file, digests in split.groups.items()}

    @property
    def rows(self) -> int:
        """Its rows."""
        return sum(split.rows for split in self.splits)

    @property
    def bytes(self) -> int:
        """The size of its files."""
        return sum(split.bytes for split in self.splits)


def write_config(
    view: Iterator[pa.Table],
    name: str,
    stage: str | None,
    split: str,
    held_out: Collection[str],
    folder: Path,
    told: Callable[[pa.Schema], pa.Schema] = lambda schema: schema,
) -> Config:
    """Write the rows that `view` yields below `folder`.

    Args:
        view: Tables of one schema, at least one; the first column but `text` tells rows apart.
        name: The config's name.
        stage: Whose kept documents they are, None for others.
        split: The split of the rows that are not held out.
        held_out: The ids of the rows that go into the split `test`.
        folder: The release.
        told: Adds to the columns what readers should know of them.
    """
    data = folder / "data" / name
    with storage(data), duckdb.connect() as connection, ThreadPoolExecutor(1) as thread:
        data.mkdir(parents=True, exist_ok=True)
        first = next(view)  # a shard without rows for this view still has its schema
        compared = _compared(first.schema)
        schema = told(first.schema)
        names = [split, HELD_OUT] if held_out else [split]
        writers = [_Writer(thread, data, name, schema, compared, connection) for name in names]
        for table in chain((first,), view):
            if held_out:
                is_held = pa.array([id in held_out for id in table["id"].to_pylist()], pa.bool_())
                writers[1].add(table.filter(is_held))
                table = table.filter(pc.invert(is_held))
            writers[0].add(table)
        splits = [writer.close(folder) for writer in writers]
    return Config(name, stage, [written for written in splits if written.rows], schema)


def _compared(schema: pa.Schema) -> list[str]:
    """Return the columns whose least and greatest values files tell: all leaves but texts, which are long."""
    file = io.BytesIO()
    pq.write_table(schema.empty_table(), file)
    columns = pq.ParquetFile(file).schema
    leaves = [columns.column(place).path for place in range(len(columns.names))]
    return [leaf for leaf in leaves if leaf != text_column(schema.names)]


def _key(table: pa.Table) -> list[bytes]:
    return [str(value).encode() for value in table[key_column(table.column_names)].to_pylist()]


@dataclass(slots=True)
class _Writer:
    """Writes one split: rows in, groups and files out, a group at a time in a thread."""

    thread: ThreadPoolExecutor
    data: Path
    split: str
    schema: pa.Schema
    compared: list[str]
    connection: duckdb.DuckDBPyConnection
    parts: list[Path] = field(default_factory=list)
    groups: list[list[str]] = field(default_factory=list)  # of each part
    rows: int = 0
    arrow_bytes: int = 0
    _group: list[pa.Table] = field(default_factory=list)
    _group_rows: int = 0
    _file_bytes: int = 0
    _file: pq.ParquetWriter | None = None
    _writing: Future[None] | None = None

    def add(self, table: pa.Table) -> None:
        """Write rows, as far as they fill groups."""
        if not table.num_rows:
            return
        self.rows, self.arrow_bytes = self.rows + table.num_rows, self.arrow_bytes + table.nbytes
        cuts = [place for place, key in enumerate(_key(table), 1) if zlib.crc32(key) % _CUT_ONE_IN == 0]
        most = max(1, min(_GROUP_ROWS[1], _GROUP_BYTES * table.num_rows // max(1, table.nbytes)))
        start = 0
        while start < table.num_rows:
            least, last = start + _GROUP_ROWS[0] - self._group_rows, start + max(1, most - self._group_rows)
            end = min(last, next((cut for cut in cuts if cut > start and cut >= least), last))
            part = table.slice(start, end - start)
            self._group.append(part)
            self._group_rows += part.num_rows
            if end <= table.num_rows and (end == last or end in cuts):
                self._end_group()
            start += part.num_rows

    def _end_group(self) -> None:
        if not self._group_rows:  # `datasets` can't read a file with an empty row group
            return
        table = pa.concat_tables(self._group)
        digest = group_digest(self.connection, table)
        self._await_group()
        self._writing = self.thread.submit(self._write, table, digest)
        self._group, self._group_rows = [], 0

    def _await_group(self) -> None:
        if self._writing is not None:
            self._writing.result()

    def _write(self, table: pa.Table, digest: str) -> None:
        if self._file is None:
            self.parts.append(self.data / f".{self.split}-{len(self.parts):05d}")
            self.groups.append([])
            self._file = pq.ParquetWriter(
                self.parts[-1],
                self.schema,
                compression="zstd",
                use_content_defined_chunking=True,
                write_page_index=True,
                write_statistics=self.compared,
            )
        self._file.write_table(table, row_group_size=table.num_rows)
        self.groups[-1].append(digest)
        self._file_bytes += table.nbytes
        if self._file_bytes >= _FILE_BYTES:
            self._end_file()

    def _end_file(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file, self._file_bytes = None, 0

    def close(self, folder: Path) -> Split:
        """Write what is left, and name the files: how many there are is part of their names."""
        self._end_group()
        self._await_group()
        self._end_file()
        files = []
        for number, part in enumerate(self.parts):
            final = self.data / f"{self.split}-{number:05d}-of-{len(self.parts):05d}.parquet"
            part.rename(final)
            files.append(final.relative_to(folder).as_posix())
        size = sum((folder / file).stat().st_size for file in files)
        return Split(
            self.split, files, self.rows, size, self.arrow_bytes, dict(zip(files, self.groups, strict=True))
        )
