"""Ids that are unique over a run: of documents that a source gives one id the later ones get `~2`, `~3` and so on.

Which are later follows from the sources' order alone, not from the shards. What was given is known by 64 bits of
its digest, in an index on disk with the shard and row that got it: memory stays flat, no source is read twice, and
a shard that is read again gets the ids that it had. The index follows from the table: shards that it lacks are
added. That an id is new, as most are, is told by a bitmap in memory.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace

import numpy as np
import orjson
import pyarrow.parquet as pq

from builder.document import Document
from builder.files import database
from builder.run.directory import Run
from builder.run.layout import number_of

INDEX = "ids.sqlite"
_BITS = 2**28  # 32 MB; with 40 million ids, one new id in seven is looked for on disk
_NEXT = 2**16  # ids of which it is remembered how often they came
_SCHEMA = """
PRAGMA synchronous = NORMAL;
PRAGMA cache_size = -16384;
CREATE TABLE IF NOT EXISTS given (hash INTEGER PRIMARY KEY, shard INT, row INT);
CREATE TABLE IF NOT EXISTS shards (number INTEGER PRIMARY KEY);
"""
# One statement for many: Python's lock is let go for each, and has to be got back from a busy event loop.
_ADD = """
INSERT OR IGNORE INTO given
SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]') FROM json_each(?)
"""
_AT_ONCE = 2**16  # ids that are added together


class UniqueIds:
    """The ids that a run's documents have been given; used by one thread, which reads shards in their order."""

    def __init__(self, run: Run) -> None:
        """Open nothing yet."""
        self._run = run
        self._path = run.path.resolve() / INDEX
        self._opened: sqlite3.Connection | None = None
        self._bits = np.zeros(0, np.uint8)
        self._new: dict[int, tuple[int, int]] = {}  # not yet in the index
        self._read: list[int] = []  # shards all of whose ids are in the index or among those
        self._lacking: deque[int] = deque()  # shards of the table whose ids are not
        self._next: dict[str, int] = {}
        self._last = -1

    def __enter__(self) -> UniqueIds:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Keep what was given, unless an error ends the build, and let go of the index."""
        if self._opened is not None:
            try:
                if kind is None:  # of a full disk the first that is refused is told
                    self._add()
            finally:
                self._opened.close()

    def unique(self, shard: int, documents: Iterable[Document]) -> Iterator[Document]:
        """Yield all of a shard's documents, as the source gives them, under ids that no document before them has.

        Raises:
            StorageError: The disk refuses, or the index is spoilt.
        """
        self._prepare(shard)
        for row, document in enumerate(documents):
            id, hash = self._free(document.id, shard, row)
            self._note(hash, shard, row)
            yield document if id == document.id else replace(document, id=id)
        self._read.append(shard)

    def _free(self, id: str, shard: int, row: int) -> tuple[str, int]:
        """Return the id, or the first of `id~2`, `id~3` … that no other document was given, and its hash."""
        number, free = self._next.get(id, 1), id
        while True:
            free = id if number == 1 else f"{id}~{number}"
            hash = _hash(free)
            if self._place(hash) in (None, (shard, row)):
                break
            number += 1
        if number > 1:
            if len(self._next) >= _NEXT:
                self._next.clear()
            self._next[id] = number + 1
        return free, hash

    def _place(self, hash: int) -> tuple[int, int] | None:
        if (new := self._new.get(hash)) is not None:
            return new
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
            self._open()
        while self._lacking and self._lacking[0] < shard:
            number = self._lacking.popleft()
            ids = pq.read_table(self._run.shard_path(number), columns=["id"])["id"].to_pylist()
            for row, id in enumerate(ids):
                self._note(_hash(str(id)), number, row)
            self._read.append(number)

    def _note(self, hash: int, shard: int, row: int) -> None:
        self._new.setdefault(hash, (shard, row))
        if len(self._new) >= _AT_ONCE:
            self._add()

    def _add(self) -> None:
        self._run.fence.check()
        with self._disk(), self._database:
            rows = sorted((hash, *place) for hash, place in self._new.items())
            self._database.execute(_ADD, (orjson.dumps(rows).decode(),))
            self._database.executemany("INSERT OR IGNORE INTO shards VALUES (?)", [(one,) for one in self._read])
        self._mark(list(self._new))
        self._new, self._read = {}, []

    def _open(self) -> None:
        if self._opened is not None:
            return
        self._bits = np.zeros(_BITS // 8, np.uint8)
        # One process builds a run: no locks, which not every network file system has.
        address = f"{self._path.as_uri()}?nolock=1"
        opened = sqlite3.connect(address, uri=True, check_same_thread=False)
        try:
            opened.executescript(_SCHEMA)
            given = opened.execute("SELECT hash FROM given")
            while hashes := given.fetchmany(100_000):
                self._mark([hash for (hash,) in hashes])
            known = {number for (number,) in opened.execute("SELECT number FROM shards")}
        except BaseException:
            opened.close()
            raise
        self._opened = opened
        there = map(number_of, self._run.shard_paths())
        self._lacking = deque(number for number in there if number not in known)

    @property
    def _database(self) -> sqlite3.Connection:
        if self._opened is None:
            raise RuntimeError("the index is not open")
        return self._opened

    def _mark(self, hashes: list[int]) -> None:
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
