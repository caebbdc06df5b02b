"""Rows of JSON lines: one object a line. A line that is none is a row that can't be read; the others go on."""

from __future__ import annotations

import gzip
import io
import json
import re
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, cast

import orjson

_ENDINGS = (".jsonl", ".ndjson", ".json", ".jsonl.gz", ".ndjson.gz", ".json.gz")
_MANY_DIGITS = re.compile(rb"[0-9]{19}")  # of a whole number with more bits than 64 orjson makes a fraction
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
        """Whether the files are named as such, and the first line that there is holds an object."""
        if not all(name.lower().endswith(_ENDINGS) for name in names):
            return False
        for name in names:
            with self._lines(name) as lines:
                first = next((line for line in lines if line.strip()), None)
            if first is not None:
                return _row(first) is not None
        return True

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
        row = orjson.loads(line) if _MANY_DIGITS.search(line) is None else _by_python(line)
    except orjson.JSONDecodeError:  # to it NaN and half a surrogate pair are errors
        row = _by_python(line)
    return row if isinstance(row, dict) else None


def _by_python(line: bytes) -> Any:  # noqa: ANN401 - whatever it holds
    try:
        return json.loads(line.decode("utf-8-sig", "surrogateescape"))
    except (ValueError, RecursionError):
        return None
