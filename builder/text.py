"""Text as it comes in, wherever from: a U+FEFF before it is a mark of how it was stored, no part of it."""

from __future__ import annotations

from pathlib import Path

_BOM = "\ufeff"


def without_bom(text: str) -> str:
    """Return a text without the byte order marks at its beginning; elsewhere U+FEFF is a character."""
    return text.lstrip(_BOM)


def read_text(path: Path) -> str:
    """Return what a text file in UTF-8 holds, each line ended by a line feed.

    Raises:
        OSError: It can't be read.
        UnicodeDecodeError: It is not UTF-8.
    """
    return without_bom(path.read_text(encoding="utf-8"))
