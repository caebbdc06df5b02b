"""Rows of JSON: lines with an object each, or an array of objects. What is none is a row that can't be read."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, BinaryIO

import orjson

from builder.errors import SourceError
from builder.sources.compressed import ENDINGS, damage_told, decompressed
from builder.sources.encodings import as_utf8, is_utf8, not_utf8, of_json

_ENDINGS = tuple(one + compressed for one in (".jsonl", ".ndjson", ".json") for compressed in ENDINGS)
_MANY_DIGITS = re.compile(rb"[0-9]{19}")  # of a whole number with more bits than 64 orjson makes a fraction
_OF_OBJECTS = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*\[\s*(?:[{\]]|$)"
)  # how an array of objects begins, on its first line

Row = dict[str, Any]

log = logging.getLogger(__name__)


class JsonLines:
    """The rows of some files.

    Args:
        open: Gives a file's content, compressed or not.
        where: Says where a file is, for a user.
        encoding: What they are in; None for UTF-8, -16 or -32, whichever each begins as.
    """

    def __init__(
        self, open: Callable[[str], BinaryIO], where: Callable[[str], str], encoding: str | None = None
    ) -> None:
        """Read nothing yet."""
        self._open, self._where, self._encoding = open, where, encoding
        self._told = set[str]()

    def can_read(self, names: list[str]) -> bool:
        """Whether the files are named as such, and the first line that there is begins objects.

        Raises:
            SourceError: One is damaged.
        """
        if not all(name.lower().endswith(_ENDINGS) for name in names):
            return False
        for name in names:
            with damage_told(self._where(name)), self._content(name) as content:
                first = _first_line(content)
            if first:
                return _row(first) is not None or _OF_OBJECTS.match(first) is not None
        return True

    def rows(self, name: str, start: int) -> Iterator[Row | None]:
        """Yield a file's rows from `start` on, None for one that is no object. Empty lines are no rows.

        Raises:
            SourceError: The file is damaged, or begins as an array and is none.
        """
        with damage_told(self._where(name)), self._content(name) as content:
            first = _first_line(content)
            if _OF_OBJECTS.match(first):
                yield from self._array(first + content.read(), name)[start:]
                return
            lines = (line for line in _after(first, content) if line.strip())
            for number, line in enumerate(islice(lines, start, None), start):
                self._see_encoding(line, name, number)
                yield _row(line)

    def _see_encoding(self, line: bytes, name: str, number: int) -> None:
        """Say once of a file that a row of it is no UTF-8, and what it may be: its texts will be dropped."""
        if line.isascii() or name in self._told or is_utf8(line):
            return
        self._told.add(name)
        error = not_utf8(io.BytesIO(line), self._where(name), may_be_named=True)
        log.warning("row %d of %s: %s; such texts are dropped. %s", number, error.where, error.what, error.remedy)

    def _array(self, content: bytes, name: str) -> list[Row | None]:
        rows = _loaded(content)
        if not isinstance(rows, list):
            raise SourceError(
                "it begins as a JSON array and is none",
                where=self._where(name),
                remedy="upload it again whole, or as JSON lines, which one bad line does not end",
            )
        return [row if isinstance(row, dict) else None for row in rows]

    def _content(self, name: str) -> BinaryIO:
        content = decompressed(self._open(name), name)
        encoding = self._encoding or of_json(content)
        return content if encoding.startswith("utf-8") else as_utf8(content, encoding)


def _first_line(content: BinaryIO) -> bytes:
    """Return the first line that is not empty, nothing where there is none."""
    return next((line for line in content if line.strip()), b"")


def _after(first: bytes, content: BinaryIO) -> Iterator[bytes]:
    yield first
    yield from content


def _row(line: bytes) -> Row | None:
    row = _loaded(line)
    return row if isinstance(row, dict) else None


def _loaded(content: bytes) -> Any:  # noqa: ANN401 - whatever it holds
    try:
        return orjson.loads(content) if _MANY_DIGITS.search(content) is None else _by_python(content)
    except orjson.JSONDecodeError:  # to it NaN and half a surrogate pair are errors
        return _by_python(content)


def _by_python(content: bytes) -> Any:  # noqa: ANN401 - whatever it holds
    try:
        return json.loads(content.decode("utf-8-sig", "surrogateescape"))
    except (ValueError, RecursionError):
        return None
