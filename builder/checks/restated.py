"""Where a text goes on and says nothing new: in other words, in few words, or with other numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from builder.checks.line_loops import CONNECTIVE, CUT, FILLERS, MARKUP, without_label
from builder.checks.loops import LITTLE, POINTS, TOKEN, Loop, is_word, runs

_RESTATED, _TOLD, _LEAST, _ADDED = 6, 4, 3, 3  # sentences in a row, words of one, of each, and of all beyond one
_LENGTHS = 3  # different ones, of sentences and of what they count
_SAYING_NOTHING = POINTS | MARKUP | FILLERS | CONNECTIVE | LITTLE | {"since", "because"}
_ONE_WORD, _TIMES = 12, 5  # words of a sentence that has one word beside grammar's, and how often it is there
_GROWING, _WORDS = 5, 3  # lines, and words of the first
_STEP, _WINDOW, _FEW, _FEWEST_LITTLE = (
    8,
    48,
    10,
    3,
)  # words and numbers in a row, different ones, and those of grammar
_EXERCISES, _LINES_OF_ONE, _FEWEST_WORDS = 5, 12, 4
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_ASKS = re.compile(
    r"(?i)\?|\b(?:find|compute|calculate|determine|evaluate|solve|simplify|problem|exercise|question"
    r"|how (?:many|much))\b"
)


def of_restated(text: str) -> Iterator[Loop]:
    """Yield the sentence after which others say the same in other words, and bring next to nothing new.

    Of a single long sentence, the word that it has nothing beside: the value of the value that is the value.
    """
    sentences = [part for part in CUT.split(text) if part.strip()]
    tokens = [TOKEN.findall(without_label(one).lower()) for one in sentences]
    yield from _of_one_word(tokens)
    told = [frozenset(one) - _SAYING_NOTHING for one in tokens]
    for begin in range(len(told) - _RESTATED + 1):
        row = told[begin : begin + _RESTATED]
        size = sum(map(len, row)) / _RESTATED
        if size < _TOLD or len(frozenset().union(*row)) > size + _ADDED:
            continue
        said = sentences[begin : begin + _RESTATED]
        lengths, counts = {len(one) for one in said}, {tuple(sorted(_NUMBER.findall(one))) for one in said}
        if len(lengths) < _LENGTHS or len(counts) > _LENGTHS:
            continue  # cases of one wording
        if min(sum(map(is_word, one)) for one in row) >= _LEAST:
            yield Loop(said[0].strip(), _RESTATED)
            return


def _of_one_word(sentences: Iterable[Sequence[str]]) -> Iterator[Loop]:
    for tokens in sentences:
        if len(tokens) < _ONE_WORD or len(set(tokens)) > _ONE_WORD:
            continue
        content = [one for one in tokens if one not in LITTLE and one not in POINTS and one not in "*_"]
        if len(content) >= _TIMES and len(set(content)) == 1 and is_word(content[0]):
            yield Loop(content[0], len(content))


def of_few_words(text: str) -> Iterator[Loop]:
    """Yield the words, a handful, that a text has in any order for a while."""
    tokens = [one for one in TOKEN.findall(text.lower()) if one not in POINTS and one not in "*_"]
    for begin in range(0, len(tokens) - _WINDOW + 1, _STEP):
        within = set(tokens[begin : begin + _WINDOW])
        if len(within) <= _FEW and all(map(str.isalpha, within)) and len(LITTLE & within) >= _FEWEST_LITTLE:
            yield Loop(" ".join(sorted(within)), _WINDOW // len(within))
            return


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
