"""Ids that are unique over a run: of documents that a source gives one id the later ones get `~2`, `~3` and so on.

Which are later follows from the sources' order alone, not from the shards. What was given is known by 64 bits of
its digest, in an index on disk with the shard and row that got it: memory stays flat, no source is read twice, and a
shard that is read again gets the ids that it had. The index follows from the table: shards that it lacks are added.
That an id is new, as most are, is told by a bitmap in memory.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace

import numpy as np
import orjson
import pyarrow.parquet as pq

from builder.document import Document
from builder.files import database
from builder.run.directory import Run

INDEX = "ids.sqlite"
_BITS = 2**28  # 32 MB; with 40 million ids, one new id in seven is looked for on disk
_NEXT = 2**16  # ids of which it is remembered how often they came
_SCHEMA = """
PRAGMA synchronous = NORMAL;
PRAGMA cache_size = -16384;
CREATE TABLE IF NOT EXISTS given (hash INTEGER PRIMARY KEY, shard INT, row INT);
CREATE TABLE IF NOT EXISTS shards (number INTEGER PRIMARY KEY);
"""
# One statement a shard: Python's lock is let go for each, and has to be got back from a busy event loop.
_ADD = """
INSERT OR IGNORE INTO given
SELECT json_extract(value, '$[0]'), ?, json_extract(value, '$[1]') FROM json_each(?)
"""


class UniqueIds:
    """The ids that a run's documents have been given; used by one thread, which reads shards in their order."""

    def __init__(self, run: Run) -> None:
        """Open nothing yet."""
        self._run = run
        self._path = run.path.resolve() / INDEX
        self._opened: sqlite3.Connection | None = None
        self._bits = np.zeros(0, np.uint8)
        self._next: dict[str, int] = {}
        self._last = -1

    def close(self) -> None:
        """Let go of the index."""
        if self._opened is not None:
            self._opened.close()

    def unique(self, shard: int, documents: Iterable[Document]) -> Iterator[Document]:
        """Yield all of a shard's documents, as the source gives them, under ids that no document before them has.

        Raises:
            StorageError: The disk refuses, or the index is spoilt.
        """
        self._prepare(shard)
        here: dict[int, int] = {}
        for row, document in enumerate(documents):
            id = self._free(document.id, shard, row, here)
            here[_hash(id)] = row
            yield document if id == document.id else replace(document, id=id)
        self._add(shard, here)

    def _free(self, id: str, shard: int, row: int, here: dict[int, int]) -> str:
        """Return the id, or the first of `id~2`, `id~3` … that no other document was given."""
        number, free = self._next.get(id, 1), id
        while True:
            free = id if number == 1 else f"{id}~{number}"
            hash = _hash(free)
            if hash not in here and self._place(hash) in (None, (shard, row)):
                break
            number += 1
        if number > 1:
            if len(self._next) >= _NEXT:
                self._next.clear()
            self._next[id] = number + 1
        return free

    def _place(self, hash: int) -> tuple[int, int] | None:
        bit = hash % _BITS
        if not self._bits[bit >> 3] >> (bit & 7) & 1:
            return None
        with self._disk():
            query = "SELECT shard, row FROM given WHERE hash = ?"
            found: tuple[int, int] | None = self._database.execute(query, (hash,)).fetchone()
        return found

    def _prepare(self, shard: int) -> None:
        """See that the ids of the shards before are known."""
        if shard <= self._last:
            self._next.clear()  # what came later does not count
        self._last = shard
        with self._disk():
            known = {number for (number,) in self._database.execute("SELECT number FROM shards")}
        for path in self._run.shard_paths():
            number = int(path.stem.rpartition("-")[2])
            if number < shard and number not in known:
                ids = pq.read_table(path, columns=["id"])["id"].to_pylist()
                self._add(number, {_hash(str(id)): row for row, id in enumerate(ids)})

    def _add(self, shard: int, rows: dict[int, int]) -> None:
        with self._disk(), self._database:
            self._database.execute(_ADD, (shard, orjson.dumps(sorted(rows.items())).decode()))
            self._database.execute("INSERT OR IGNORE INTO shards VALUES (?)", (shard,))
        self._note(list(rows))

    @property
    def _database(self) -> sqlite3.Connection:
        if self._opened is None:
            self._bits = np.zeros(_BITS // 8, np.uint8)
            # One process builds a run: no locks, which not every network file system has.
            address = f"{self._path.as_uri()}?nolock=1"
            self._opened = sqlite3.connect(address, uri=True, check_same_thread=False)
            self._opened.executescript(_SCHEMA)
            given = self._opened.execute("SELECT hash FROM given")
            while hashes := given.fetchmany(100_000):
                self._note([hash for (hash,) in hashes])
        return self._opened

    def _note(self, hashes: list[int]) -> None:
        bits = np.array(hashes, np.int64) % _BITS
        np.bitwise_or.at(self._bits, bits >> 3, np.left_shift(1, bits & 7).astype(np.uint8))

    def _disk(self) -> AbstractContextManager[None]:
        return database(
            self._path,
            "the index of ids fails",
            "make room, or remove the file if it is spoilt, then run the same command: it is made anew",
        )


def _hash(id: str) -> int:
    digest = hashlib.blake2b(id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
