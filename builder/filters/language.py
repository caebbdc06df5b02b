"""Comments and strings in English or Japanese alone: SwallowCode's experiment 4 (not adopted by the paper)."""

from __future__ import annotations

import io
import re
import token
import tokenize
from collections.abc import Iterator, Mapping
from typing import ClassVar

from builder.filters.base import Measures, TextFilter

_ALLOWED = re.compile(r"[\u0020-\u007E\u3000-\u30FF\u4E00-\u9FFF\uFF66-\uFF9F\s]*")
_OPENING = {getattr(token, name) for name in ("FSTRING_START", "TSTRING_START") if hasattr(token, name)}
_CLOSING = {getattr(token, name) for name in ("FSTRING_END", "TSTRING_END") if hasattr(token, name)}


class Language(TextFilter):
    """Drops Python whose comments and strings hold other characters than ASCII, kana, kanji and white space."""

    measures: ClassVar[Mapping[str, type]] = {"pieces": int, "foreign": int, "line": int}

    def keeps(self, versions: Mapping[str, str]) -> str:
        """Return which characters are let through."""
        return "Python whose comments and strings hold ASCII, kana, kanji and white space alone"

    def measure(self, text: str) -> Measures:
        """Count comments and strings, those with other characters, and say the line of the first such one."""
        pieces, foreign = 0, list[int]()
        try:
            for line, piece in _pieces(text):
                pieces += 1
                if _ALLOWED.fullmatch(piece) is None:
                    foreign.append(line)
        except Exception:  # noqa: BLE001 - 3.12's tokenizer raises UnicodeDecodeError and SystemError, too
            return dict.fromkeys(self.measures)
        return {"pieces": pieces, "foreign": len(foreign), "line": min(foreign, default=None)}

    def decide(self, measures: Measures) -> str | None:
        """Drop what has foreign pieces, and what can't be tokenized."""
        if measures["pieces"] is None:
            return "not_tokenizable"
        return "foreign_text" if measures["foreign"] else None


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """Yield line and source of each comment and string; an f-string is one piece on every version of Python."""
    # Python ends a line at a carriage return as well, and 3.12's tokenizer fails on one that it finds in a line.
    lines = io.StringIO(text, newline=None).readlines()
    open_at: list[tuple[int, int]] = []
    for found in tokenize.generate_tokens(iter(lines).__next__):
        if found.type in _OPENING:
            open_at.append(found.start)
        elif found.type in _CLOSING:
            start = open_at.pop()
            if not open_at:
                yield start[0], _between(lines, start, found.end)
        elif found.type in (token.STRING, tokenize.COMMENT) and not open_at:
            yield found.start[0], found.string


def _between(lines: list[str], start: tuple[int, int], end: tuple[int, int]) -> str:
    covered = lines[start[0] - 1 : end[0]]
    covered[-1] = covered[-1][: end[1]]
    covered[0] = covered[0][start[1] :]
    return "".join(covered)
