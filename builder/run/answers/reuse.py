"""Answers of another run or of a release: what was paid for and this run would ask for again, by the same key.

An index on disk, made once, leads from a request's key to the row that holds the answer. Rows are read a group at
a time; runs over one source ask in the order they lie in. What a run has journalled and not yet in its table is
copied into the index, for a journal goes when its shard is done. The index is made and read without locks, which
not every network file system has.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path

import orjson

from builder.files import database, replacing, storage
from builder.rewriting.generation import Generation
from builder.run.answers.sources import Place, PlacedAnswers, Source

_COLUMNS = "key BLOB PRIMARY KEY, file TEXT, row_group INT, row INT, stage INT, number INT, generation BLOB"
_INSERT = "INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?)"


class EarlierAnswers:
    """The answers of one run or release. `get` may be called from any thread."""

    def __init__(self, source: Source, into: Path, say: Callable[[str], None]) -> None:
        """Make the index of `source` below the directory `into`, if it isn't there.

        Raises:
            StorageError: The disk refuses.
        """
        self._source = source
        self._placed = PlacedAnswers(source)
        self._lock = threading.Lock()
        index = into.resolve() / "reuse" / f"{_named(source)}.sqlite"
        if not index.is_file():
            say(f"{source.path}: indexing its answers")
            self._make(index)
            for outdated in index.parent.glob(f"{index.stem.partition('-')[0]}-*.sqlite"):
                if outdated != index:
                    outdated.unlink()
        self._index = index
        with self._disk():
            self._connection = sqlite3.connect(f"{index.as_uri()}?immutable=1", uri=True, check_same_thread=False)

    def close(self) -> None:
        """Let go of the index."""
        self._connection.close()

    def may_have(self, key: str) -> bool:
        """Whether `get` is worth its time: of another run, where nearly all is looked for, always."""
        return True

    def get(self, key: str) -> Generation | None:
        """Return the generation with this key, None where there is none."""
        with self._lock, self._disk():
            found = self._connection.execute(
                "SELECT file, row_group, row, stage, number, generation FROM answers WHERE key = ?",
                (bytes.fromhex(key),),
            ).fetchone()
        if found is None:
            return None
        *place, journalled = found
        return Generation(**orjson.loads(journalled)) if journalled else self._placed.get(Place(*place), key)

    def _disk(self) -> AbstractContextManager[None]:
        return database(
            self._index,
            f"the index of {self._source.path} can't be read",
            "remove it, then run the same command: it is made anew",
        )

    def _make(self, index: Path) -> None:
        refused = database(
            index, f"the index of {self._source.path} can't be made", "make room, then run the same command"
        )
        with storage(index), refused, replacing(index) as temporary:
            temporary.unlink(missing_ok=True)  # of a process that was killed
            with (
                contextlib.closing(sqlite3.connect(f"{temporary.as_uri()}?nolock=1", uri=True)) as connection,
                connection,
            ):
                connection.execute("PRAGMA journal_mode = OFF")
                connection.execute(f"CREATE TABLE answers ({_COLUMNS}) WITHOUT ROWID")
                connection.executemany(_INSERT, self._all())

    def _all(self) -> Iterator[tuple[object, ...]]:
        # First what may go: a shard that is done meanwhile is then found in the table.
        for key, generation in self._source.journalled():
            yield bytes.fromhex(key), None, None, None, None, None, orjson.dumps(asdict(generation))
        for key, place in self._source.places():
            yield bytes.fromhex(key), *place, None


def _named(source: Source) -> str:
    """Return the index's name: of which source, and in which state that is."""
    described = []
    for path in source.files():
        with contextlib.suppress(FileNotFoundError):  # a journal goes while one looks
            described.append((path.name, path.stat().st_size, path.stat().st_mtime_ns))
    parts = (str(source.path.resolve()).encode(), orjson.dumps(described))
    return "-".join(hashlib.sha256(part).hexdigest()[:16] for part in parts)
