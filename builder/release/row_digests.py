"""What tells equal rows from others: a digest of a row's values, and of a row group's.

DuckDB's hash of a row, 64 bits: it is only ever compared with that of a row of the same id or place. Another
version of DuckDB may give others; then more rows are looked at, and the counts are the same.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import duckdb
import pyarrow as pa

_UNKNOWN = re.compile("halffloat|decimal256")  # types that DuckDB has not
_LENGTH = 32  # hexadecimal digits
_ROW = "(a whole row)"  # as queries name it: no source's column is called so
_DIGEST = f'hash("{_ROW}") AS digest'


def key_column(names: Sequence[str]) -> str:
    """Return the column that tells a config's rows apart: the first but `text`."""
    return next(name for name in names if name != "text")


def text_column(names: Sequence[str]) -> str | None:
    """Return the column of a config that holds what somebody wrote, None where there is none."""
    return next((name for name in ("text", "answer") if name in names), None)


def row_digests(connection: duckdb.DuckDBPyConnection, rows: pa.Table) -> pa.Table:
    """Return for each row, in order, `key` (string), `digest` and `text` (uint64): the digest of its text alone.

    Where no column holds a text, `text` is null.
    """
    written = text_column(rows.column_names)
    text = "NULL::UBIGINT" if written is None else f"hash({written})"
    key = key_column(rows.column_names).replace('"', '""')
    return _told(connection, rows, f'"{key}"::VARCHAR AS key, {_DIGEST}, {text} AS text')


def group_digest(connection: duckdb.DuckDBPyConnection, rows: pa.Table) -> str:
    """Return the digest of a row group: equal where its rows are, in their order."""
    digests = _told(connection, rows, _DIGEST)["digest"].to_numpy()
    return hashlib.sha256(digests.astype("<u8").tobytes()).hexdigest()[:_LENGTH]


def _told(connection: duckdb.DuckDBPyConnection, rows: pa.Table, wanted: str) -> pa.Table:
    for place, field in enumerate(rows.schema):
        if _UNKNOWN.search(str(field.type)):
            written = pa.array(map(str, rows.column(place).to_pylist()), pa.string())
            rows = rows.set_column(place, field.name, written)
    found: pa.Table = connection.from_arrow(rows).set_alias(_ROW).project(wanted).to_arrow_table()
    return found
