"""What marks an answer: a line `####`, a box; and whether a heading's words are a value."""

from __future__ import annotations

import re
from collections.abc import Iterator

from builder.checks.notation import normal

LONGEST = 200  # characters of an answer
LINE = re.compile(r"^[ \t>]*####(?!#)[ \t]*(\S[^\n]*)?$", re.M)
_BOXED = re.compile(r"\\(?:boxed|fbox)\s*\{")
_HEADING = re.compile(
    r"(?i)\W*(?:(?:step|part|case|question|problem|example|exercise|method|option|chapter|section|note|remark"
    r"|theorem|lemma"
    r"|claim|definition|task|q)s?\b[\s.:]*(?:\d+|[a-z]|[ivx]+)?|(?:proof|solution|answer|final answer|explanation"
    r"|conclusion"
    r"|summary|verification|check|discussion|result|hint|given|q\.?\s?e\.?\s?d|n/?a|none given|unknown"
    r"|see (?:the )?(?:\w+ )?(?:above|below)"
    r"|end)s?)"
    r"(?: (?:by|of|for|complete|using)\b[^\n]*)?\W*"
)


def looks_like_value(text: str) -> bool:
    """Whether a heading's words are a value, and no title: `18`, `$\\frac12$`, `12 m`, `(C)`."""
    clean = normal(text)
    if re.match(r"\d{1,2}[.)]\s", clean) or is_heading(text):
        return False
    return bool(re.fullmatch(r"\(?[A-H]\)?|(?i:yes|no|true|false)", clean)) or (
        bool(re.match(r"[-+(\[{]*(?:\d|\\[a-z{]|[a-z](?: ?[-=+*/^]|\Z))", clean))
        and len(re.findall(r"(?<!\\)\b[A-Za-z]{3,}", clean)) <= 2
    )


def is_heading(text: str) -> bool:
    """Whether words behind `####` are a title, or nothing, and no answer."""
    return not re.search(r"\w|[∞∅√πθ]", text) or bool(_HEADING.fullmatch(text)) or text.rstrip().endswith(":")


def boxes(text: str) -> Iterator[tuple[int, int]]:
    """Yield where the contents of boxes begin and end."""
    for match in _BOXED.finditer(text):
        depth, begin = 1, match.end()
        for place in range(begin, min(len(text), begin + 4 * LONGEST)):
            depth += {"{": 1, "}": -1}.get(text[place], 0)
            if depth == 0:
                yield begin, place
                break
