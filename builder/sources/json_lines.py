"""Rows of JSON lines: one object a line. A line that is none is a row that can't be read; the others go on."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, cast

import orjson

_ENDINGS = (".jsonl", ".ndjson", ".json", ".jsonl.gz", ".ndjson.gz", ".json.gz")
_AT_ONCE = 4 * 2**20  # bytes that are read together

Row = dict[str, Any]


class JsonLines:
    """The rows of some files.

    Args:
        open: Gives a file's content.
    """

    def __init__(self, open: Callable[[str], BinaryIO]) -> None:
        """Read nothing yet."""
        self._open = open

    def can_read(self, names: list[str]) -> bool:
        """Whether the files are named as such, and the first one begins with an object on a line of its own."""
        if not all(name.lower().endswith(_ENDINGS) for name in names):
            return False
        with self._lines(names[0]) as lines:
            first = next((line for line in lines if line.strip()), None)
        return first is not None and _row(first) is not None

    def rows(self, name: str, start: int) -> Iterator[Row | None]:
        """Yield a file's rows from `start` on, None for a line that is no object. Empty lines are no rows."""
        with self._lines(name) as lines:
            number = 0
            for line in lines:
                if not line.strip():
                    continue
                if number >= start:
                    yield _row(line)
                number += 1

    def _lines(self, name: str) -> BinaryIO:
        raw = self._open(name)
        buffered = io.BufferedReader(cast(io.RawIOBase, raw), _AT_ONCE)
        return cast(BinaryIO, gzip.GzipFile(fileobj=buffered)) if name.lower().endswith(".gz") else buffered


def _row(line: bytes) -> Row | None:
    try:
        row = orjson.loads(line)
    except (
        orjson.JSONDecodeError
    ):  # of NaN, whole numbers of any size and half a surrogate pair it wants to know nothing
        try:
            row = json.loads(line.decode("utf-8-sig", "surrogateescape"))
        except (ValueError, RecursionError):
            return None
    return row if isinstance(row, dict) else None
