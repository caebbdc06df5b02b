"""Does a text repeat itself? A stretch of 100 characters or more, twice in a row (SwallowCode's reference rule).

The rule is the regular expression `(.{100,})(\\1)+` over any character, on texts of 1,000 characters or more; it
takes time that grows with the square of the text. This decides the same in about linear time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from builder.filters.base import Measures, TextFilter


class Repetition(TextFilter):
    """Drops a text of at least `min_length` characters in which `min_repeat` or more are there twice in a row."""

    min_length: int = Field(default=1000, ge=0)
    min_repeat: int = Field(default=100, ge=2)

    measures: ClassVar[Mapping[str, type]] = {"position": int, "period": int}

    def keeps(self, versions: Mapping[str, str]) -> str:
        """Return how much may be there twice in a row, in texts of which length."""
        return (
            f"what does not say {self.min_repeat:,} characters or more twice in a row; texts under"
            f" {self.min_length:,} characters are not looked at"
        )

    def measure(self, text: str) -> Measures:
        """Return where a repetition begins and how many characters repeat, None where there is none."""
        found = repetition(text, self.min_repeat) if len(text) >= self.min_length else None
        position, period = found or (None, None)
        return {"position": position, "period": period}

    def decide(self, measures: Measures) -> str | None:
        """Drop what repeats itself."""
        return None if measures["period"] is None else "repetition"


def repetition(text: str, least: int) -> tuple[int, int] | None:
    """Return (position, period) of some ww in the text with |w| >= least, None where there is none.

    A stretch w of 2s characters or more holds a whole block of s that begins at a multiple of s, and in ww that
    block comes again at the distance |w|. So for s = least/2, least, 2 least … each such block is looked for
    where |w| is between 2s and 4s, and a find is extended to both sides.
    """
    size = least // 2
    while 4 * size <= len(text) + 2:
        for begin in range(0, len(text) - 2 * size, size):
            block = text[begin : begin + size]
            end, last = begin + 5 * size - 1, None
            again = text.find(block, begin + max(2 * size, least), end)
            while again >= 0:
                first = _run_start(text, begin, again, size)
                if first is not None:
                    return first, again - begin
                # A block that overlaps itself by so much repeats within itself: see no more of its finds.
                if last is not None and size >= 4 * least and 4 * (again - last) <= size:
                    step = again - last
                    return last, step * -(-least // step)
                last, again = again, text.find(block, again + 1, end)
        size *= 2
    return None


def _run_start(text: str, one: int, other: int, size: int) -> int | None:
    """Return where ww begins if the blocks at `one` and `other` lie in one with |w| = other - one."""
    period = other - one
    left = _common(text[max(0, one - period) : one][::-1], text[max(0, other - period) : other][::-1])
    right = _common(text[one + size : one + period], text[other + size : other + period])
    return one - left if left + size + right >= period else None


def _common(one: str, other: str) -> int:
    """Return the length of the longest common beginning."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
