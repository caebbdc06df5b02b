"""What looks like a page's line and is an answer's own: problems on likes and views, counts that they come to.

`Likes on Monday: 112` is no page's in a text whose sentences speak of likes, and a date is none behind "The third
Tuesday is:".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import cached_property

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_WORD = re.compile(r"[^\W\d_]{3,}|[▲▼⬆⬇★☆⭐👍👎♥❤]")
_STEM = 4  # letters: "like" and "likes", "reply" and "replies"
_QUOTES = ('"', "“", "„", "«", "‘")
_LEAST = 5  # words of a sentence
_PROBLEM = 10  # words of one that asks for something
_ASKS = re.compile(
    r"(?i)\b(?:how \w+|what (?:is|are|was|were|will|percent\w*|fraction"
    r"|number|does)|which|find|calculate|compute|determine|show|prove)\b[^?]*[?.]"
)
_TO_READERS = re.compile(
    r"(?i)(?:\A|[.!?] +)(?:sign|log|join|subscribe|register|create|click|follow|share|download|get|try|unlock"
    r"|like|see"
    r"|view|ask|start|please|don['’]t|visit|watch|read|upgrade|become)\b|\b(?:our|us|we['’]re|we use)\b"
)
_PARTS = re.compile(r"\n|[|·•]|\s{2,}|[.?!]\s")
_FORMULA = re.compile(r"\$[^$]*[=+<>\\^][^$]*\$|\w = \S")


def is_problem(line: str) -> bool:
    """Whether a line asks for a quantity, or has a formula, and does not call upon a page's readers."""
    words = len(line.split())
    if _TO_READERS.search(line):
        return False
    asks = words >= _PROBLEM and _NUMBER.search(line) and _ASKS.search(line)
    return bool(asks) or (words >= _LEAST and _FORMULA.search(line) is not None)


class Subject:
    """What the sentences of an answer speak of."""

    def __init__(self, lines: Sequence[str], source: str) -> None:
        """Keep the lines of an answer, and the source that it was made from; few answers need them read."""
        self._lines, self._text = lines, source

    @cached_property
    def _source(self) -> set[str]:
        return {_bare(part) for part in _PARTS.split(self._text)}

    @cached_property
    def _final(self) -> str:
        return _bare(next((line for line in reversed(self._lines) if line.startswith("####")), ""))

    @cached_property
    def _sentences(self) -> list[str]:
        return [line for line in self._lines if len(line.split()) >= _LEAST]

    @cached_property
    def _numbers(self) -> Counter[str]:
        return Counter(number for line in self._lines for number in set(_NUMBER.findall(line)))

    def shares(self, number: int) -> bool:
        """Whether another line has a word of a line's, too."""
        stems = _stems(self._lines[number])
        return any(stems & _stems(line) for other, line in enumerate(self._lines) if other != number)

    def has_number(self, number: int) -> bool:
        """Whether a line stands among others without a blank line, or has a number that another line has, too."""
        if self._lines[number].startswith("#"):
            return False
        beside = [line for line in self._lines[max(0, number - 1) : number + 2] if line.strip()]
        return len(beside) > 1 or self.has_numbers(number)

    def has_numbers(self, number: int) -> bool:
        """Whether a line has numbers, all of which other lines have, too."""
        found = set(_NUMBER.findall(self._lines[number]))
        return bool(found) and all(self._numbers[one] > 1 for one in found)

    def is_own(self, number: int, said: str) -> bool:
        """Whether a line that says what a part of the page's frame does shares something with the others."""
        return self.has_numbers(number) or self.shares(number) or self.has(number, said)

    def has(self, number: int, said: str) -> bool:
        """Whether a count, rating or date, the line of that number without its markup, is this answer's own."""
        own = self._lines[number]
        is_sources = _bare(said) in self._source
        is_known = all(self._numbers[one] > 1 for one in set(_NUMBER.findall(own)))
        if is_sources and not is_known:
            return False
        if re.search(r"\d", own) and _bare(said) in self._final:
            return True
        below = next((line for line in self._lines[number + 1 :] if line.strip()), "")
        if said.endswith(":") and below.lstrip("> *")[:1] in _QUOTES:
            return True
        stems = _stems(said)
        if any(stems & _stems(line) for line in self._sentences if line is not own):
            return True
        above = next((line for line in reversed(self._lines[:number]) if line.strip() and not _is_datum(line)), "")
        is_open = above.rstrip()[-1:].isalpha() and not above.startswith("#")
        return (is_open or above.rstrip().endswith(":")) and len(above.split()) >= _LEAST and not is_sources


def _is_datum(line: str) -> bool:
    """Whether a line is short and has a number, as those of a list have."""
    return len(line.split()) < _LEAST and _NUMBER.search(line) is not None


def _bare(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


def _stems(text: str) -> set[str]:
    return {word[:_STEM] for word in _WORD.findall(text.lower())}
