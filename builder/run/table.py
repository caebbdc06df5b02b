"""The run's table: one Parquet file a shard, one row for every input document, in source order.

A row holds all that a document went through, so a document can be made from it again: a run that stopped
after some stage goes on from its rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import zip_longest
from pathlib import Path
from typing import Any, cast

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from builder.cells import plain
from builder.document import Document, latest
from builder.errors import LedgerUnbalanced, SourceError
from builder.files import replacing, storage
from builder.filters import FILTERS
from builder.loaded_recipe import LoadedRecipe
from builder.recipe_parts import FilterStage
from builder.rewriting.rewriter import REWRITTEN

_ARROW = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}

TEXT = "text"
"""The column of the text as it was read."""

_GENERATED = {"answer": str, "finish_reason": str, "prompt_tokens": int, "completion_tokens": int}
_ROWS_AT_ONCE = 64
_GROUP_ROWS = 1024
_GROUP_CHARACTERS = 2**28  # 1 GiB at most: Arrow has 2 GiB of a column's text in one piece
_ANSWER = {"key": str, "seed": int, "max_tokens": int, "failure": str, "error": str, **_GENERATED}


def _struct(fields: Mapping[str, type]) -> list[pa.Field[Any]]:
    return [pa.field(name, _ARROW[kind]) for name, kind in fields.items()]


def schema_of(loaded: LoadedRecipe) -> pa.Schema:
    """Return the table's schema: id, text, source, one struct a stage, verdict."""
    source: dict[str, pa.DataType] = {}
    for described in loaded.recipe.sources:
        for column, kind in described.columns().items():
            if source.setdefault(column, kind) != kind:
                raise SourceError(
                    f"column {column!r} is {kind} in one source and {source[column]} in another",
                    remedy="leave it out of `keep`, or make the types equal",
                )
    columns = [
        pa.field("id", pa.string()),
        pa.field("text", pa.string()),
        pa.field("source", pa.struct([pa.field(name, kind) for name, kind in source.items()])),
    ]
    for stage in loaded.recipe.stages:
        if isinstance(stage, FilterStage):
            fields = _struct(FILTERS[stage.filter].measures)
        else:
            fields = _struct(REWRITTEN)
            if checks := loaded.checks[stage.name]:  # Parquet has no struct without fields
                figures = {name: pa.struct(_struct(check.measures)) for name, check in checks.items()}
                fields.append(pa.field("checks", pa.struct(list(figures.items()))))
            fields.append(pa.field("answers", pa.list_(pa.struct(_struct(_ANSWER)))))
        columns.append(pa.field(stage.name, pa.struct(fields)))
    columns.append(pa.field("verdict", pa.struct(_struct({"stage": str, "reason": str}))))
    return pa.schema(columns)


def to_row(document: Document) -> dict[str, Any]:
    """Return a document as a row."""
    dropped = document.dropped
    return {
        "id": document.id,
        "text": document.text,
        "source": document.source,
        **document.records,
        "verdict": None if dropped is None else {"stage": dropped[0], "reason": dropped[1]},
    }


def from_row(row: dict[str, Any], stages: Sequence[str]) -> Document:
    """Return the document that a row was made of."""
    records = {stage: row[stage] for stage in stages if row[stage] is not None}
    verdict = row["verdict"]
    return Document(
        id=row["id"],
        text=row["text"],
        source=row["source"],
        current=latest(row["text"], records),
        records=records,
        dropped=None if verdict is None else (verdict["stage"], verdict["reason"]),
    )


def stages_with_text(schema: pa.Schema, stages: Sequence[str]) -> list[str]:
    """Return the stages whose records may hold a new text: rewriters, and filters that measure `text`."""
    return [stage for stage in stages if schema.field(stage).type.get_field_index("text") >= 0]


def stage_of(path: str) -> str:
    """Return the stage that `STAGE.MEASURE` is a measure of."""
    return path.partition(".")[0]


def at(table: pa.Table, path: str) -> Any:  # noqa: ANN401 - an array, chunked or not
    """Return the column of a table at `text` or `STAGE.MEASURE`, which may be within another."""
    column, *fields = path.split(".")
    return pc.struct_field(table[column], fields) if fields else table[column]


def type_at(schema: pa.Schema, path: str) -> pa.DataType | None:
    """Return the type of what `at` returns, None where there is no such column."""
    kind: Any = pa.struct(list(schema))
    for name in path.split("."):
        if not pa.types.is_struct(kind) or kind.get_field_index(name) < 0:
            return None
        kind = kind.field(name).type
    return cast("pa.DataType", kind)


def write_shard(
    path: Path,
    documents: Sequence[Document | None],
    schema: pa.Schema,
    facts: Mapping[str, Any],
    replacing: Callable[[Path], AbstractContextManager[Path]] = replacing,
) -> None:
    """Write a shard's rows in one step, with `facts` (plain data) in the file's metadata.

    `replacing` is what puts a file into its place.

    Raises:
        LedgerUnbalanced: A document is missing, or two have one id.
        StorageError: The disk refuses.
    """
    rows = [to_row(document) for document in documents if document is not None]
    if len(rows) != len(documents) or len({row["id"] for row in rows}) != len(rows):
        raise LedgerUnbalanced(
            f"{len(documents)} documents in, {len(rows)} rows with {len({row['id'] for row in rows})} ids out",
            where=str(path),
            remedy="report this as a bug",
        )
    schema = schema.with_metadata({"builder": orjson.dumps(facts).decode()})
    with storage(path), replacing(path) as temporary, _writer(temporary, schema) as writer:
        for group in _groups(rows):
            # In one piece: its bytes don't depend on how it was put together.
            writer.write_table(_table(group, schema).combine_chunks(), row_group_size=_GROUP_ROWS)


def _writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    # Nearly all are texts, no two alike: looking for a dictionary, and for the least, takes a third more.
    return pq.ParquetWriter(path, schema, compression="zstd", use_dictionary=False, write_statistics=False)


def _groups(rows: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Yield the rows of each row group, one group at least; of none Arrow needs a column in two pieces."""
    group: list[dict[str, Any]] = []
    characters = 0
    for row in rows:
        more = _characters(row)
        if group and (len(group) == _GROUP_ROWS or characters + more > _GROUP_CHARACTERS):
            yield group
            group, characters = [], 0
        group.append(row)
        characters += more
    yield group


def _characters(cell: Any) -> int:  # noqa: ANN401 - a row, or what is in it
    """Return how many characters and bytes a row holds."""
    if isinstance(cell, str | bytes):
        return len(cell)
    if isinstance(cell, dict):
        cell = cell.values()
    elif not isinstance(cell, list):
        return 0
    return sum(map(_characters, cell))


def _table(rows: Sequence[dict[str, Any]], schema: pa.Schema) -> pa.Table:
    # Python's lock is held for a whole conversion, and the event loop waits for it meanwhile.
    starts = range(0, len(rows), _ROWS_AT_ONCE)
    batches = [pa.RecordBatch.from_pylist(rows[start : start + _ROWS_AT_ONCE], schema=schema) for start in starts]
    return pa.Table.from_batches(batches, schema=schema)


def is_same(one: Iterable[Document], other: Iterable[Document | None], schema: pa.Schema) -> bool:
    """Whether documents make equal rows."""
    ours, theirs = (_groups([to_row(each) for each in documents if each]) for documents in (one, other))
    none: list[dict[str, Any]] = []
    pairs = zip_longest(ours, theirs, fillvalue=none)
    return all(_table(our, schema).equals(_table(their, schema)) for our, their in pairs)


def row_groups(path: Path, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Yield some columns of a shard, a row group at a time: a nested column of a whole shard may be too large."""
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            yield file.read_row_group(group, columns=list(columns), use_threads=False)
        if not file.num_row_groups:
            yield file.read(columns=list(columns), use_threads=False)


def read_shard(path: Path, stages: Sequence[str]) -> Iterator[Document]:
    """Yield the documents of a finished or half-finished shard."""
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=_ROWS_AT_ONCE):
            for row in plain(batch).to_pylist():
                yield from_row(row, stages)


def read_rows(path: Path, stages: Sequence[str], rows: Sequence[int]) -> Iterator[Document]:
    """Yield the documents in these rows, which ascend, of a shard; row groups without any are not read."""
    with pq.ParquetFile(path) as file:
        first = 0
        for group in range(file.num_row_groups):
            last = first + file.metadata.row_group(group).num_rows
            if here := [number - first for number in rows if first <= number < last]:
                for batch in file.read_row_group(group).take(here).to_batches():
                    for row in plain(batch).to_pylist():
                        yield from_row(row, stages)
            first = last


__all__ = [
    "TEXT",
    "at",
    "from_row",
    "is_same",
    "read_rows",
    "read_shard",
    "row_groups",
    "schema_of",
    "stage_of",
    "stages_with_text",
    "to_row",
    "type_at",
    "write_shard",
]
