"""Where a text goes on and says nothing new: in other words, in few words, or with other numbers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from builder.checks.line_loops import CONNECTIVE, CUT, FILLERS, MARKUP, without_label
from builder.checks.loops import LITTLE, POINTS, TOKEN, Loop, is_word, runs

_RESTATED, _TOLD, _ADDED = 7, 5, 3  # sentences in a row, words that each has, and that all of them have beyond one
_SAYING_NOTHING = POINTS | MARKUP | FILLERS | CONNECTIVE | LITTLE
_WINDOW, _FEW, _FEWEST_LITTLE = 48, 10, 3  # words and numbers in a row, different ones, and those of grammar
_EXERCISES, _LINES_OF_ONE, _FEWEST_WORDS = 5, 12, 4
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_ASKS = re.compile(
    r"(?i)\?|\b(?:find|compute|calculate|determine|evaluate|solve|simplify|problem|exercise|question"
    r"|how (?:many|much))\b"
)


def of_restated(text: str) -> Iterator[Loop]:
    """Yield the sentence after which others say the same in other words, and bring next to nothing new."""
    sentences = [part for part in CUT.split(text) if part.strip()]
    told = [frozenset(TOKEN.findall(without_label(one).lower())) - _SAYING_NOTHING for one in sentences]
    for begin in range(len(told) - _RESTATED + 1):
        row = told[begin : begin + _RESTATED]
        fewest = min(sum(map(is_word, one)) for one in row)
        size = sum(map(len, row)) / _RESTATED
        if fewest >= _TOLD and len(frozenset().union(*row)) <= size + _ADDED:
            yield Loop(sentences[begin].strip(), _RESTATED)
            return


def of_few_words(text: str) -> Iterator[Loop]:
    """Yield the words, a handful, that a text has in any order for a while."""
    tokens = [one for one in TOKEN.findall(text.lower()) if one not in POINTS and one not in "*_"]
    within = Counter(tokens[: _WINDOW - 1])
    for place in range(_WINDOW - 1, len(tokens)):
        within[tokens[place]] += 1
        if len(within) <= _FEW and all(map(str.isalpha, within)) and len(LITTLE & within.keys()) >= _FEWEST_LITTLE:
            yield Loop(" ".join(sorted(within)), _WINDOW // len(within))
            return
        first = tokens[place - _WINDOW + 1]
        within[first] -= 1
        if not within[first]:
            del within[first]


def of_exercises(text: str) -> Iterator[Loop]:
    """Yield the exercise that is set over and over with other numbers."""
    lines = [without_label(line.strip()) for line in text.splitlines() if line.strip()]
    for begin, period, times in runs([_NUMBER.sub("#", line) for line in lines], _LINES_OF_ONE):
        rounds = lines[begin : begin + period * times]
        unit = " ".join(rounds[:period])
        if times >= _EXERCISES and _ASKS.search(unit) and sum(map(is_word, TOKEN.findall(unit))) >= _FEWEST_WORDS:
            yield Loop(_NUMBER.sub("#", unit), times, frozenset(_NUMBER.findall(" ".join(rounds))))
