"""What an error says, without what differs from one time to the next: a run made again gives the same bytes.

Servers and proxies put request ids, addresses, times and durations into their errors. Counts stay: of tokens, of a
status, of a line.
"""

from __future__ import annotations

import re

_VARYING = {
    "address": r"\bhttps?://[^\s\"'<>)\]]+"
    r"|\(['\"][0-9a-f:.%]+['\"](?:, \d+)+\)"
    r"|\bhost \S+:\d{1,5}\b|\b(?:localhost|[\w-]+(?:\.[\w-]+)+):\d{2,5}\b|\[[0-9a-f:]{2,}\](?::\d+)?"
    r"|\b\d{1,3}(?:\.\d{1,3}){3}(?:['\"], \d+|:\d+)?\b",
    "id": r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b|\b0x[0-9a-f]{4,}\b"
    r"|\b(?:chatcmpl|cmpl|req|request|gen|trace)[-_](?=\w*\d)[\w-]{6,}|\b(?=[0-9a-f]*\d)(?=\d*[a-f])[0-9a-f]{12,}\b",
    "time": r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?"
    r"|\b(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*, \d\d? \w{3} \d{4}(?: \d\d:\d\d:\d\d(?: \w+)?)?"
    r"|\b\d\d:\d\d:\d\d(?:[.,]\d+)?\b|\b1[5-9]\d{8}(?:\.\d+|\d{3})?\b",
    "duration": r"\b\d+(?:\.\d+)? ?(?:[mµun]?s|secs?|seconds?|milliseconds?|min|minutes?|hours?)\b",
}
_ANY = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in _VARYING.items()), re.IGNORECASE)


def lasting(said: str, most: int = 300) -> str:
    """Return at most so many characters of an error's words, with `<id>`, `<time>` … in place of what varies."""
    return _ANY.sub(lambda found: f"<{found.lastgroup}>", said)[:most]
