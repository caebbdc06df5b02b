"""Is a text that does not compile Python 2? Also loaded by `zygote` in a bare interpreter, so it imports nothing.

Judged by the line that `compile()` stops at: what Python 2 had and Python 3 refuses stands there.
"""

from __future__ import annotations

import re

_STATEMENT = r"(?:^|[:;])\s*"
_SIGNS = re.compile(
    "|".join(
        (
            _STATEMENT + r"print(?:\s+[^\s=.,)\]}]|[\"'`])",  # print "text", print value, print"text"
            _STATEMENT + r"exec\s+[\w\"'({]",
            _STATEMENT + r"except\s*(?:\([^)]*\)|[\w.]+)\s*,\s*[\w(][\w.,() ]*:",  # except Error, name:
            _STATEMENT + r"raise\s+[\w.\[\]]+\s*,",
            r"`[^`]+`",
            r"[\w)\]\"'}]\s*<>\s*[\w(\[\"'{-]",
            r"(?<![\w.])0[0-7]+(?![\w.])",  # 0777
            r"(?<![\w.])(?:0[xX][0-9a-fA-F]+|\d+)[lL](?!\w)",
            r"(?<!\w)[uU][rR][\"']",
            r"\bdef\s+\w+\s*\([^#]*\(|\blambda\s*[^:#]*\([^:#]*\)[^:#]*:",  # def f(a, (b, c)):
        )
    )
)
_LONGEST_LINE = 2000


def is_python2(text: str, line: int | None) -> bool:
    """Return whether the line that a compiler stopped at (from 1) holds what only Python 2 allowed."""
    if line is None:
        return False
    lines = text.split("\n")
    if not 0 < line <= len(lines) or len(lines[line - 1]) > _LONGEST_LINE:
        return False
    return _SIGNS.search(lines[line - 1]) is not None
