"""Where a text goes on and says nothing new: in other words, in few words, or with other numbers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from builder.checks.line_loops import CONNECTIVE, CUT, FILLERS, MARKUP, without_label
from builder.checks.loops import LITTLE, POINTS, TOKEN, Loop, is_word, runs

_RESTATED, _TOLD, _ADDED = 6, 5, 3  # sentences in a row, words that each has, and that all of them have beyond one
_LENGTHS = 3  # different ones, of sentences and of what they count
_SAYING_NOTHING = POINTS | MARKUP | FILLERS | CONNECTIVE | LITTLE | {"since", "because"}
_ONE_WORD, _TIMES = 12, 5  # words of a sentence that has one word beside grammar's, and how often it is there
_GROWING, _WORDS = 5, 3  # lines, and words of the first
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
        if len({len(one) for one in sentences[begin : begin + _RESTATED]}) < _LENGTHS:
            continue  # cases of one wording
        if len({tuple(sorted(_NUMBER.findall(one))) for one in sentences[begin : begin + _RESTATED]}) > _LENGTHS:
            continue
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


def of_one_word(text: str) -> Iterator[Loop]:
    """Yield the word that a long sentence has nothing beside: the value of the value that is the value."""
    for sentence in CUT.split(text):
        told = [one for one in TOKEN.findall(sentence.lower()) if one not in POINTS | MARKUP]
        said = Counter(told)
        content = said.keys() - LITTLE
        if len(told) >= _ONE_WORD and len(content) == 1 and said[word := min(content)] >= _TIMES and is_word(word):
            yield Loop(word, said[word])


def of_growing_lines(lines: Iterable[str]) -> Iterator[Loop]:
    """Yield the line that the next begins with, and so on: each says the one before and a little more."""
    chain = list[str]()
    for line in (line.strip().rstrip(".") for line in lines):
        if not (chain and len(line) > len(chain[-1]) and line.startswith(chain[-1])):
            chain = []
        chain.append(line)
        if len(chain) == _GROWING and sum(map(is_word, TOKEN.findall(chain[0]))) >= _WORDS:
            yield Loop(chain[0], _GROWING)


def of_exercises(text: str) -> Iterator[Loop]:
    """Yield the exercise that is set over and over with other numbers."""
    lines = [without_label(line.strip()) for line in text.splitlines() if line.strip()]
    for begin, period, times in runs([_NUMBER.sub("#", line) for line in lines], _LINES_OF_ONE):
        rounds = lines[begin : begin + period * times]
        unit = " ".join(rounds[:period])
        if times >= _EXERCISES and _ASKS.search(unit) and sum(map(is_word, TOKEN.findall(unit))) >= _FEWEST_WORDS:
            yield Loop(_NUMBER.sub("#", unit), times, frozenset(_NUMBER.findall(" ".join(rounds))))
