"""What tells equal rows from others: a digest of a row's values, and of a row group's.

DuckDB's hash of a row, 64 bits: it is only ever compared with that of a row of the same id or place. Another
version of DuckDB may give others; then more rows are looked at, and the counts are the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import duckdb
import pyarrow as pa

_LENGTH = 32  # hexadecimal digits
_ROW = "(a whole row)"  # as queries name it: no source's column is called so


def key_column(names: Sequence[str]) -> str:
    """Return the column that tells a config's rows apart: the first but `text`."""
    return next(name for name in names if name != "text")


def row_digests(connection: duckdb.DuckDBPyConnection, rows: pa.Table) -> pa.Table:
    """Return for each row, in order, `key` (string), `digest` and `text` (uint64): the digest of its text alone.

    Where no column holds a text, `text` is null.
    """
    written = next((name for name in ("text", "answer") if name in rows.column_names), None)
    text = "NULL::UBIGINT" if written is None else f"hash({written})"
    key = key_column(rows.column_names).replace('"', '""')
    wanted = f'"{key}"::VARCHAR AS key, hash("{_ROW}") AS digest, {text} AS text'
    found: pa.Table = connection.from_arrow(rows).set_alias(_ROW).project(wanted).to_arrow_table()
    return found


def group_digest(connection: duckdb.DuckDBPyConnection, rows: pa.Table) -> str:
    """Return the digest of a row group: equal where its rows are, in their order."""
    digests = row_digests(connection, rows)["digest"].to_numpy()
    return hashlib.sha256(digests.astype("<u8").tobytes()).hexdigest()[:_LENGTH]
