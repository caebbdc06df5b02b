"""A config's rows: what tells equal ones from others, and what became of them between two releases.

Row groups whose digests both releases have need no look. Of the others' rows only keys and digests are kept, in a
database on disk, the old ones read by ranges from where their release lies: work grows with what changed, and
memory with neither.

A digest is DuckDB's hash of a row, 64 bits: it is only ever compared with that of a row of the same id or place.
Another version of DuckDB may give others; then more rows are looked at, and the counts are the same.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from builder.errors import StorageError, VerificationFailed
from builder.files import storage_error
from builder.release.manifest import Manifest

_MEMORY = "512MB"
_READERS = 4
_WORK = ".rows"
_UNKNOWN = re.compile("halffloat|decimal256")  # types that DuckDB has not
_LENGTH = 32  # hexadecimal digits
_ROW = "(a whole row)"  # as queries name it: no source's column is called so
_DIGEST = f'hash("{_ROW}") AS digest'

Groups = Mapping[str, Sequence[str] | None]
"""For each file the digests of its row groups, None where its release has none of them: it is read whole."""


@dataclass(frozen=True, slots=True)
class RowChanges:
    """What became of a config's rows.

    Attributes:
        added: Rows whose id is new.
        removed: Rows whose id is gone.
        changed: Rows that stayed, with other values; all that stayed where the columns are others.
        rewritten: How many of the changed have another text; None where no column holds one, or not the same do.
    """

    added: int
    removed: int
    changed: int
    rewritten: int | None


@dataclass(frozen=True, slots=True)
class _Part:
    """A file's row groups that have to be looked at, None for all, and how to open it."""

    path: str
    open: Callable[[], BinaryIO]
    groups: Sequence[int] | None
    side: int  # 1 for the new release, -1 for the old


# --- digests ---


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
    return _projected(connection, rows, f'"{key}"::VARCHAR AS key, {_DIGEST}, {text} AS text')


def group_digest(connection: duckdb.DuckDBPyConnection, rows: pa.Table) -> str:
    """Return the digest of a row group: equal where its rows are, in their order."""
    digests = _projected(connection, rows, _DIGEST)["digest"].to_numpy()
    return hashlib.sha256(digests.astype("<u8").tobytes()).hexdigest()[:_LENGTH]


def _projected(connection: duckdb.DuckDBPyConnection, rows: pa.Table, wanted: str) -> pa.Table:
    for number, field in enumerate(rows.schema):
        if _UNKNOWN.search(str(field.type)):
            written = pa.array(map(str, rows.column(number).to_pylist()), pa.string())
            rows = rows.set_column(number, field.name, written)
    found: pa.Table = connection.from_arrow(rows).set_alias(_ROW).project(wanted).to_arrow_table()
    return found


# --- two releases ---


def row_changes(
    old: Manifest, content: Mapping[str, Any], groups: Groups, opened: Callable[[str], BinaryIO], staging: Path
) -> dict[str, RowChanges]:
    """Compare each config that both releases have and whose files are not the same.

    Args:
        old: The release before.
        content: What the new release's manifest says.
        groups: The digests of its files' row groups.
        opened: Opens a file of the old release by its path.
        staging: The new release's folder; also a place to work, of which nothing is left.

    Raises:
        VerificationFailed: The old release can't be read.
        HubRefused, HubUnreachable, SourceError: So says the Hub that holds it.
        StorageError: The disk is full.
    """
    found = {}
    known: Groups = {file.path: file.groups for file in old.files}
    for config in sorted(old.content["data"].keys() & content["data"].keys()):
        if old.content["data"][config] != content["data"][config]:
            theirs, ours = _of_config(config, known), _of_config(config, groups)
            same = _in_both(theirs, ours)
            parts = [
                *_parts(theirs, same, -1, opened),
                *_parts(ours, same, 1, lambda path: (staging / path).open("rb")),
            ]
            is_alike = old.content["schemas"][config] == content["schemas"][config]
            changes = _compared(parts, staging / _WORK, is_alike=is_alike)
            stayed = old.content["rows"][config] - changes.removed
            found[config] = changes if is_alike else replace(changes, changed=stayed)
    return found


def _of_config(config: str, groups: Groups) -> Groups:
    return {path: digests for path, digests in groups.items() if path.startswith(f"data/{config}/")}


def _in_both(theirs: Groups, ours: Groups) -> Counter[str]:
    """Return the digests of the row groups that both have, with how often both do."""
    before, after = (Counter(chain.from_iterable(filter(None, one.values()))) for one in (theirs, ours))
    return before & after


def _parts(files: Groups, same: Counter[str], side: int, opened: Callable[[str], BinaryIO]) -> Iterator[_Part]:
    """Yield what has to be looked at: all but the groups that both have."""
    left = same.copy()
    for path, digests in files.items():
        if digests is None:
            yield _Part(path, partial(opened, path), None, side)
            continue
        groups = []
        for number, digest in enumerate(digests):
            if left[digest]:
                left[digest] -= 1
            else:
                groups.append(number)
        if groups:
            yield _Part(path, partial(opened, path), groups, side)


def _compared(parts: Sequence[_Part], work: Path, *, is_alike: bool) -> RowChanges:
    work.mkdir()
    try:
        with duckdb.connect(str(work / "rows.duckdb")) as connection:
            connection.execute(f"SET memory_limit='{_MEMORY}'; SET threads={_READERS}")
            connection.execute("SET preserve_insertion_order=false; SET enable_progress_bar=false")
            connection.execute("CREATE TABLE told (key VARCHAR, digest UBIGINT, text UBIGINT, side TINYINT)")
            _read_all(parts, connection, is_alike=is_alike)
            added, removed, changed = _count(connection, "digest")
            has_text = is_alike and bool(connection.execute("SELECT count(text) FROM told").fetchall()[0][0])
            rewritten = _count(connection, "text")[2] if has_text else None
    except duckdb.IOException as error:
        raise storage_error(error, work) or StorageError(
            f"rows can't be compared ({error})", where=str(work), remedy="make room, then run the same command"
        ) from error
    finally:
        shutil.rmtree(work)
    return RowChanges(added, removed, changed, rewritten)


def _read_all(parts: Sequence[_Part], connection: duckdb.DuckDBPyConnection, *, is_alike: bool) -> None:
    with ThreadPoolExecutor(_READERS) as readers:
        reading = [readers.submit(_read, part, connection.cursor(), is_alike=is_alike) for part in parts]
        try:
            for one in as_completed(reading):
                one.result()
        except BaseException:
            readers.shutdown(cancel_futures=True)
            raise


def _read(part: _Part, connection: duckdb.DuckDBPyConnection, *, is_alike: bool) -> None:
    """Put key and digests of a part's rows into the database; where columns are others, the keys alone."""
    try:
        with part.open() as content, pq.ParquetFile(content, pre_buffer=True) as file:
            columns = None if is_alike else [key_column(file.schema_arrow.names)]
            for group in range(file.num_row_groups) if part.groups is None else part.groups:
                digests = row_digests(connection, file.read_row_group(group, columns=columns))
                connection.from_arrow(digests).project(f"*, {part.side} AS side").insert_into("told")
    except (OSError, pa.ArrowException) as error:
        if refused := storage_error(error):  # no file of the release is to blame
            raise refused from error
        raise VerificationFailed(
            f"it can't be read, and the changelog says which rows are new ({error})",
            where=part.path,
            remedy="`python -m builder verify` of the release before this one says what is wrong with it",
        ) from error


def _count(connection: duckdb.DuckDBPyConnection, by: str) -> tuple[int, int, int]:
    """Return how many rows were added, removed and changed; a key may have several rows, as equal answers do."""
    row = connection.execute(
        "WITH surplus AS (SELECT key, sum(side)::BIGINT AS rows FROM told"  # noqa: S608 - our names
        f"  GROUP BY key, {by} HAVING sum(side) <> 0),"
        " of_key AS (SELECT sum(greatest(rows, 0)) AS ours, sum(greatest(-rows, 0)) AS theirs FROM surplus"
        "  GROUP BY key)"
        " SELECT sum(greatest(ours - theirs, 0)), sum(greatest(theirs - ours, 0)), sum(least(ours, theirs))"
        " FROM of_key"
    ).fetchone()
    added, removed, changed = (int(count or 0) for count in row or (0, 0, 0))
    return added, removed, changed
