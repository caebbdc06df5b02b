"""What a run was answered in shards that are done: a document equal to one of theirs is not paid for again.

An index on disk leads from a request's key to the row that holds the answer. It follows from the table: a shard
that it lacks, after a kill say, is indexed when the next build begins. That a request is new, as most are, is told
by a bitmap in memory.
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import orjson

from builder.files import database
from builder.rewriting.generation import Generation
from builder.run.answers.sources import OfRun, Place, PlacedAnswers
from builder.run.directory import Run

_BITS = 2**28  # 32 MB; with 48 million answers, one new request in six is looked for on disk
_SCHEMA = """
PRAGMA synchronous = NORMAL;
PRAGMA cache_size = -16384;
CREATE TABLE IF NOT EXISTS answers
    (key INTEGER PRIMARY KEY, file TEXT, row_group INT, row INT, stage INT, number INT);
CREATE TABLE IF NOT EXISTS shards (file TEXT PRIMARY KEY, bytes INT, modified INT) WITHOUT ROWID;
"""
# One statement a shard: Python's lock is let go for each, and has to be got back from a busy event loop.
_ADD = """
INSERT OR REPLACE INTO answers
SELECT json_extract(value, '$[0]'), ?, json_extract(value, '$[1]'), json_extract(value, '$[2]'),
    json_extract(value, '$[3]'), json_extract(value, '$[4]') FROM json_each(?)
"""


class Answered:
    """The answers in a run's table. `add` and `get` may be called from any thread."""

    def __init__(self, run: Run) -> None:
        """Open the index, and index what it lacks.

        Raises:
            StorageError: The disk refuses, or the index is spoilt.
        """
        self._source = OfRun(run)
        self._placed = PlacedAnswers(self._source)
        self._index = run.path.resolve() / "answered.sqlite"
        self._bits = np.zeros(_BITS // 8, np.uint8)
        self._lock = threading.Lock()
        with self._disk():
            # One process builds a run: no locks, which not every network file system has.
            self._connection = sqlite3.connect(
                f"{self._index.as_uri()}?nolock=1", uri=True, check_same_thread=False
            )
            self._connection.executescript(_SCHEMA)
            answers = self._connection.execute("SELECT key FROM answers")
            while keys := answers.fetchmany(100_000):
                self._note([key for (key,) in keys])
        for shard in run.shard_paths():
            self.add(shard)

    def close(self) -> None:
        """Let go of the index."""
        self._connection.close()

    def may_have(self, key: str) -> bool:
        """Whether `get` is worth its time: False for nearly every key that it does not know."""
        bit = _number(key) % _BITS
        return bool(self._bits[bit >> 3] >> (bit & 7) & 1)

    def get(self, key: str) -> Generation | None:
        """Return the generation with this key, None where there is none."""
        with self._lock, self._disk():
            query = "SELECT file, row_group, row, stage, number FROM answers WHERE key = ?"
            found = self._connection.execute(query, (_number(key),)).fetchone()
        return None if found is None else self._placed.get(Place(*found), key)

    def add(self, shard: Path) -> None:
        """Index a shard of the table, unless it is."""
        about = shard.stat()
        state = (shard.name, about.st_size, about.st_mtime_ns)
        with self._lock, self._disk(), self._connection:
            query = "SELECT 1 FROM shards WHERE (file, bytes, modified) = (?, ?, ?)"
            if self._connection.execute(query, state).fetchone():
                return
            self._placed.forget(shard.name)
            rows = sorted((_number(key), *place[1:]) for key, place in self._source.places_in(shard))
            self._connection.execute(_ADD, (shard.name, orjson.dumps(rows).decode()))
            self._connection.execute("INSERT OR REPLACE INTO shards VALUES (?, ?, ?)", state)
            self._note([key for key, *_ in rows])

    def _note(self, keys: list[int]) -> None:
        bits = np.array(keys, np.int64) % _BITS
        np.bitwise_or.at(self._bits, bits >> 3, np.left_shift(1, bits & 7).astype(np.uint8))

    def _disk(self) -> AbstractContextManager[None]:
        return database(
            self._index,
            "the index of answers fails",
            "make room, or remove the file if it is spoilt, then run the same command: it is made anew",
        )


def _number(key: str) -> int:
    """Return the key's first 64 bits, by which the index knows it; the row holds all of it."""
    return int.from_bytes(bytes.fromhex(key[:16]), "big", signed=True)
