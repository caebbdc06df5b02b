"""Many patterns tried at once, on lower case: three times as fast as one by one without regard to case.

What they are tried on has them in lower case, so they are made lower case, too, but for those that ask for upper.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

_ASKS_FOR_UPPER = "(?-i"
_UPPER = re.compile(r"\\.|\(\?P<\w+>|[A-Z]")

Test = Callable[[str], bool]


def fits_one(patterns: Iterable[str], *, within: Iterable[str] = ()) -> Test:
    """Return the test whether a line is all of one of some patterns, or has one of others within."""
    whole, has = _joined(patterns, is_whole=True), _joined(within, is_whole=False)
    return lambda line: has(line, low := line.lower()) or whole(line, low)


def has_one(patterns: Iterable[str], flags: int = 0) -> Test:
    """Return the test whether a text has one of some patterns, with these flags beside that for case."""
    has = _joined(patterns, is_whole=False, flags=flags)
    return lambda text: has(text, text.lower())


def _joined(patterns: Iterable[str], *, is_whole: bool, flags: int = 0) -> Callable[[str, str], bool]:
    said = list(dict.fromkeys(patterns))
    cased = [one for one in said if _ASKS_FOR_UPPER in one]
    plain = re.compile("|".join(f"(?:{_lowered(one)})" for one in said if one not in cased) or "(?!)", flags)
    others = [re.compile(one, flags | re.I) for one in cased]
    low_fits = plain.fullmatch if is_whole else plain.search
    fits = [one.fullmatch if is_whole else one.search for one in others]
    return lambda text, low: low_fits(low) is not None or any(one(text) for one in fits)


def _lowered(pattern: str) -> str:
    r"""Return a pattern in lower case, but for classes such as \W and names of groups, which are left out."""
    return _UPPER.sub(
        lambda one: "(?:" if one[0][0] == "(" else one[0] if one[0][0] == "\\" else one[0].lower(), pattern
    )
