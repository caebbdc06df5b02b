"""Answers of another run: what it paid for and this run would ask for again, by the same key.

An index on disk, made once, leads from a request's key to the row of the other run's table that holds the answer.
Rows are read a group at a time; runs over one source ask in the order they lie in. What the other run has
journalled of shards that are not in its table yet is not looked at.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import orjson
import pyarrow.parquet as pq

from builder.errors import StorageError
from builder.files import replacing, storage
from builder.rewriting.servers import Generation
from builder.run.directory import Run

_GROUPS = 8  # row groups held in memory


class EarlierAnswers:
    """The answers of one run. Use as a context manager; `get` may be called from any thread."""

    def __init__(self, run: Run, into: Path, say: Callable[[str], None]) -> None:
        """Make the index of `run` below the directory `into`, if it isn't there.

        Raises:
            StorageError: The disk refuses.
        """
        self._run = run
        self._rewriters = [stage["name"] for stage in run.facts["recipe"]["stages"] if "rewrite" in stage]
        self._groups: OrderedDict[tuple[str, int], list[dict[str, Any]]] = OrderedDict()
        self._lock = threading.Lock()
        paths = run.shard_paths()
        described = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
        digest = hashlib.sha256(orjson.dumps([str(run.path.resolve()), described])).hexdigest()
        index = into / "reuse" / f"{digest[:16]}.sqlite"
        if not index.is_file():
            say(f"{run.path}: indexing the answers of {len(paths)} shards")
            self._make(index, paths)
        self._connection = sqlite3.connect(index, check_same_thread=False)

    def __enter__(self) -> EarlierAnswers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def get(self, key: str) -> Generation | None:
        """Return the generation with this key, None where the run has none."""
        with self._lock:
            found = self._connection.execute(
                "SELECT shard, row_group, row, stage, answer FROM answers WHERE key = ?", (bytes.fromhex(key),)
            ).fetchone()
            if found is None:
                return None
            shard, group, row, stage, number = found
            answer = self._group(shard, group)[row][self._rewriters[stage]]["answers"][number]
            return _generation(answer)

    def _group(self, shard: str, group: int) -> list[dict[str, Any]]:
        place = (shard, group)
        if place not in self._groups:
            file = pq.ParquetFile(self._run.path / "shards" / shard)
            columns = [f"{stage}.answers" for stage in self._rewriters]
            self._groups[place] = file.read_row_group(group, columns=columns).to_pylist()
            if len(self._groups) > _GROUPS:
                self._groups.popitem(last=False)
        self._groups.move_to_end(place)
        return self._groups[place]

    def _make(self, index: Path, paths: list[Path]) -> None:
        with storage(index), replacing(index) as temporary:
            temporary.unlink(missing_ok=True)  # of a process that was killed
            try:
                with contextlib.closing(sqlite3.connect(temporary)) as connection, connection:
                    connection.execute("PRAGMA journal_mode = OFF")
                    connection.execute(
                        "CREATE TABLE answers (key BLOB PRIMARY KEY, shard TEXT, row_group INT, row INT,"
                        " stage INT, answer INT) WITHOUT ROWID"
                    )
                    for path in paths:
                        insert = "INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?, ?, ?)"
                        connection.executemany(insert, self._keys(path))
            except sqlite3.OperationalError as error:
                raise StorageError(
                    f"the index of {self._run.path} can't be made ({error})",
                    where=str(index),
                    remedy="make room, then run the same command",
                ) from error

    def _keys(self, path: Path) -> Iterator[tuple[bytes, str, int, int, int, int]]:
        """Yield key and place of each answer in a shard."""
        file = pq.ParquetFile(path)
        told = [f"{name}.answers.list.element.{of}" for name in self._rewriters for of in ("key", "finish_reason")]
        for group in range(file.num_row_groups):
            for row, fields in enumerate(file.read_row_group(group, columns=told).to_pylist()):
                for stage, name in enumerate(self._rewriters):
                    for number, answer in enumerate((fields[name] or {"answers": ()})["answers"]):
                        if answer["finish_reason"] is not None:  # else the request failed
                            yield bytes.fromhex(answer["key"]), path.name, group, row, stage, number


def _generation(answer: dict[str, Any]) -> Generation:
    return Generation(
        answer["answer"], answer["finish_reason"], answer["prompt_tokens"], answer["completion_tokens"]
    )
