"""Answers are read where they lie, a row group at a time: they are asked for in about that order.

Any number of threads may, at once: to read a group takes milliseconds, most of them without Python's lock.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import pyarrow as pa

from builder.rewriting.generation import Generation
from builder.run.answers.rows import generation_of

_GROUPS = 8  # row groups held in memory

Row = Mapping[str, Any]


class Location(NamedTuple):
    """Where an answer lies: in which file and row, and there as which stage's which answer."""

    file: str
    group: int
    row: int
    stage: int = 0
    number: int = 0


class HasRows(Protocol):
    """What answers are read from."""

    def rows(self, location: Location) -> pa.Table | None:
        """Return a location's row group, of its columns those that `answer` needs; None where it is gone."""

    def answer(self, row: Row, location: Location) -> Row | None:
        """Return the answer at a location in a row, None where it is not there."""


@dataclass(slots=True)
class _Group:
    """A row group in memory, once somebody has read it: others who want it meanwhile wait for the lock."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    is_read: bool = False
    rows: pa.Table | None = None


class RowGroups:
    """The row groups that answers were read from last."""

    def __init__(self, source: HasRows) -> None:
        """Read nothing yet."""
        self._source = source
        self._lock = threading.Lock()
        self._groups: OrderedDict[tuple[str, int, int], _Group] = OrderedDict()

    def get(self, location: Location, key: str) -> Generation | None:
        """Return the generation with this key, None where the file was made anew since it was there."""
        group = self._group(location)
        with group.lock:
            if not group.is_read:
                group.rows, group.is_read = self._source.rows(location), True
        if group.rows is None or location.row >= group.rows.num_rows:
            return None
        # One row becomes Python's objects: all would be most of the time, with Python's lock held.
        answer = self._source.answer(group.rows.slice(location.row, 1).to_pylist()[0], location)
        return generation_of(answer) if answer is not None and answer["key"] == key else None

    def forget(self, file: str) -> None:
        """Read this file anew: it was written again."""
        with self._lock:
            for known in [known for known in self._groups if known[0] == file]:
                del self._groups[known]

    def _group(self, location: Location) -> _Group:
        known = (location.file, location.group, location.stage)
        with self._lock:
            group = self._groups.setdefault(known, _Group())
            self._groups.move_to_end(known)
            if len(self._groups) > _GROUPS:
                self._groups.popitem(last=False)
        return group
