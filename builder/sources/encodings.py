"""Files of text in other encodings than UTF-8: what they are in, and their bytes as UTF-8."""

from __future__ import annotations

import codecs
import io
import json
from collections.abc import Iterable
from typing import Any, BinaryIO, cast

from builder.errors import SourceError

_AT_ONCE = 2**20  # characters
_LOOKED_AT = 8 * 2**20  # bytes of a file of which its encoding is guessed
_SHOWN = 40  # characters of it
_COMMON = (
    "utf_8", "cp1252", "cp1251", "cp1250", "cp932", "gb18030", "big5", "cp949", "euc_jp", "cp1253", "cp1254",
    "cp1255", "cp1256", "koi8_r",
)  # fmt: skip
"""What files of text are in, the most common first."""

_TELLING = 2**16  # bytes of those of its lines that are more than ASCII
_MARKS = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE), (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class _AsUtf8(io.RawIOBase):
    """A file's text as UTF-8; bytes that are nothing in its encoding stay as they are."""

    def __init__(self, content: BinaryIO, encoding: str) -> None:
        self._text = io.TextIOWrapper(content, encoding, "surrogateescape", newline="\n")
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if not self._left:
            self._left = self._text.read(_AT_ONCE).encode("utf-8", "surrogateescape")
        some, self._left = self._left[: len(buffer)], self._left[len(buffer) :]
        buffer[: len(some)] = some
        return len(some)


def as_utf8(content: BinaryIO, encoding: str) -> BinaryIO:
    """Return a buffered file's content as UTF-8."""
    return io.BufferedReader(_AsUtf8(content, encoding), _AT_ONCE)


def reads_encodings(builder: Any) -> bool:  # noqa: ANN401 - datasets has no types
    """Whether a builder of `datasets` reads files by the encoding that it is configured with; some only say so."""
    from datasets.packaged_modules.csv.csv import Csv
    from datasets.packaged_modules.json.json import Json
    from datasets.packaged_modules.text.text import Text

    return isinstance(builder, Csv | Json) or (isinstance(builder, Text) and builder.config.sample_by == "line")


def of_json(content: BinaryIO) -> str:
    """Return which of the UTFs a buffered file of JSON is in: its first two characters are ASCII."""
    return json.detect_encoding(cast(io.BufferedReader, content).peek(4)[:4])


def is_utf8(content: bytes) -> bool:
    """Whether bytes are UTF-8; halves of surrogate pairs, written as if they were, count as such."""
    try:
        content.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return False
    return True


def marked(content: BinaryIO) -> str | None:
    """Return the encoding that a file's byte order mark says, None where it has none but UTF-8's."""
    start = content.read(4)
    names = ("utf-32", "utf-16")
    return next((name for name, marks in zip(names, _MARKS, strict=True) if start.startswith(marks)), None)


def looks_like(content: BinaryIO) -> tuple[str, str] | None:
    """Return the encoding that a file may be in which is not UTF-8, and a piece of its text as it reads then.

    None where it is UTF-8, or nothing speaks for any.
    """
    from charset_normalizer import CharsetMatch, from_bytes

    telling = _telling(content)
    found: Iterable[CharsetMatch] = from_bytes(telling, cp_isolation=[*_COMMON]) if telling else []

    def commonest(match: CharsetMatch) -> int:
        """Return the place of the commonest encoding in which the bytes read the same."""
        return min(_COMMON.index(one) for one in match.could_be_from_charset)

    best = min(found, key=lambda one: (one.chaos, -one.coherence, commonest(one)), default=None)
    if best is None or "utf_8" in best.could_be_from_charset:
        return None
    return _COMMON[commonest(best)].replace("_", "-"), " ".join(str(best).split())[:_SHOWN]


def _telling(content: BinaryIO) -> bytes:
    """Return those lines of a file's beginning that are more than ASCII."""
    telling, left = bytearray(), _LOOKED_AT
    for line in iter(lambda: content.readline(_TELLING), b""):
        left -= len(line)
        telling += b"" if line.isascii() else line
        if left < 0 or len(telling) > _TELLING:
            break
    return bytes(telling)


def not_utf8(content: BinaryIO, where: str, *, may_be_named: bool) -> SourceError:
    """Return what a user is told of a file that is not in the encoding that it is read by.

    Args:
        content: The file, not compressed.
        where: Where it is, for a user.
        may_be_named: Whether a recipe may say what it is in.
    """
    found = looks_like(content)
    said = f"; it may be {found[0]}, in which it reads {found[1]!r}" if found else ""
    encoding = found[0] if found else "ENCODING"
    remedy = f"convert it: `iconv -f {encoding} -t UTF-8`"
    if may_be_named:
        remedy = f"name what it is in: `source.encoding: {encoding}`, or --set source.encoding={encoding}"
    return SourceError(f"it is not in UTF-8, or not in the encoding that is set{said}", where=where, remedy=remedy)
