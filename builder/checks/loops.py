"""Where a sequence repeats itself: words, lines or statements that come again, one right behind the other."""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

_LONGEST = 120  # members of a sequence that may make up what is repeated
_MARKS = (  # what a letter carries: accents, vowels of Arabic, Indian and Thai scripts
    "\u0300-\u036f\u064b-\u065f\u0900-\u0903\u093a-\u094f\u0962\u0963\u0981-\u0983\u09bc-\u09cd"
    "\u0bbe-\u0bcd\u0c3e-\u0c4d\u0e31-\u0e4e"
)
TOKEN = re.compile(rf"\\[A-Za-z]+|[^\W\d_]+(?:['’{_MARKS}]+[^\W\d_]+)*[{_MARKS}]*|\d+(?:[.,]\d+)*|[^\w\s]|_")
LITTLE = {
    "the", "a", "an", "of", "to", "in", "is", "and", "or", "that", "it", "for", "on", "with", "as", "at", "by",
    "from", "this", "be", "are", "was", "not", "if", "then", "we", "you", "which", "their", "its",
}  # fmt: skip
POINTS = set(".,;:!?。，、；：！？")
ENDS = set(".!?。！？")
_OPERATORS = set("+-*/=·×−<>≤≥&|")
_RULE = re.compile(r"[-=*_#~.+|: \t]{1,200}")  # one line of a frame, or of dots
_CELLS_OF_LINE = 3
_COLUMNS = re.compile(r"\S(?: {2,}|\t)\S")
_DOUBLED = {"had", "that"}  # which English has up to five times in a row
_EQUAL_ROWS, _EQUAL_CELLS = 25, 120  # of numbers
_COUNTED_ROWS = 16  # rows of a table, or problems that are numbered and have the next number each
_CHAINED = 10  # sentences each of which goes on from the one before: from n = 3 follows n = 4
_LAST = 20_000  # tokens
_NESTED = 10  # brackets, each in the one before
_SAID = 3  # times that a text gives its answer
_ARROWS = "to|rightarrow|Rightarrow|implies|iff|equiv|approx|le|leq|ge|geq|longrightarrow|Longrightarrow"
RELATIONS = set("=≈≡≤≥→⇒⇔⟹⟺") | {f"\\{name}" for name in _ARROWS.split("|")}
_RELATED, _RELATED_CELLS = 5, 8  # times that something is equal to itself
_CHAIN = 8  # signs and numbers of a longer round of equalities
_CELLS = set("|&\t")  # what separates the cells of a table, in Markdown and LaTeX


@dataclass(frozen=True, slots=True)
class Loop:
    """Something that is there several times in a row.

    Attributes:
        unit: What repeats.
        times: How often it is there.
        names: Of what only counts, the names that it counts: `x1`, `x2`, …
    """

    unit: str
    times: int
    names: frozenset[str] = frozenset()

    @property
    def key(self) -> frozenset[str]:
        """The same for the same loop, wherever one begins to count."""
        return frozenset(TOKEN.findall(self.unit.lower()))


def runs(sequence: Sequence[Hashable], longest: int = _LONGEST) -> Iterator[tuple[int, int, int]]:
    """Yield (position, period, times) of what repeats at least twice in a row, for periods up to `longest`.

    What repeats within a shorter period is left out. Time: `longest` passes over the sequence.
    """
    import numpy as np

    if len(set(sequence)) == len(sequence):
        return
    numbers: dict[Hashable, int] = {}
    ids = np.array([numbers.setdefault(one, len(numbers)) for one in sequence], dtype=np.int64)
    reach = np.zeros(len(ids), dtype=np.int64)  # by position: where what repeats there, in a shorter period, ends
    for period in range(1, min(longest, len(ids) // 2) + 1):
        same = np.concatenate(([False], ids[period:] == ids[:-period], [False]))
        for begin, end in np.flatnonzero(same[1:] != same[:-1]).reshape(-1, 2).tolist():
            if end - begin >= period and reach[begin] < end + period:
                reach[begin : end + period] = np.maximum(reach[begin : end + period], end + period)
                yield begin, period, (end - begin) // period + 1


def of_words(text: str) -> Iterator[Loop]:
    """Yield loops of words in prose."""
    text = text.lower()
    found = list(TOKEN.finditer(text))
    tokens = [one[0] for one in found]
    for begin, period, times in runs(tokens):
        unit = tokens[begin : begin + period]
        span = text[found[begin].start() : found[begin + period * times - 1].end()] if times >= 4 else ""
        if times >= (_fewest(unit) if any(token[-1].isalpha() for token in unit) else _fewest_signs(unit, span)):
            span = span or text[found[begin].start() : found[begin + period * times - 1].end()]
            if len(unit) < 4 and (span.count("\n") * _CELLS_OF_LINE >= times - 1 or _COLUMNS.search(span)):
                continue  # cells, or one for each line: `of_lines` knows of indentation
            yield Loop(" ".join(unit), times)
    yield from _counted(tokens)


def _counted(tokens: list[str]) -> Iterator[Loop]:
    """Yield loops in which nothing changes but numbers, which go on and on."""
    counted = ["#" if token[0].isdigit() else token for token in tokens]
    for begin, period, times in runs(counted, 60):
        unit = counted[begin : begin + period]
        words = sum(map(is_word, unit))
        if (
            times >= 6
            and words
            and any(
                times - late >= _most_counted(tokens, begin + late * period, period, times - late, words)
                for late in (0, 1)  # the first may have a number of the text before
            )
        ):
            yield Loop(" ".join(unit), times)
        if period > 20:
            continue
        most = 25 if 3 * words >= period else 40 if words > 1 else 200
        if "#" in unit and times >= most and not _CELLS & set(unit):
            columns = (tokens[begin + at : begin + period * times : period] for at in range(period))
            if any(len(set(column)) > 0.8 * len(column) for column in columns):
                yield Loop(" ".join(unit), times)


def _most_counted(tokens: list[str], begin: int, period: int, times: int, words: int) -> float:
    """Return how often repetitions may be there that are equal but for numbers, which go up by one each time."""
    firsts = list[int]()
    for at in range(begin, begin + period):
        values = tokens[at : begin + period * times : period]
        if len(set(values)) > 1:
            first = int(values[0]) if values[0].isdecimal() and len(values[0]) < 7 else None
            if first is None or values != [str(number) for number in range(first, first + times)]:
                return math.inf
            firsts.append(first)
    has_cells = bool(_CELLS & set(tokens[begin : begin + period]))
    if not firsts or (words < 8 and not has_cells):
        return math.inf
    if has_cells or len(firsts) > 2:
        return _COUNTED_ROWS
    return 6 if len(firsts) == 1 else _CHAINED if abs(firsts[0] - firsts[1]) < 2 else _COUNTED_ROWS


def is_word(token: str) -> bool:
    """Whether a token is a word, and no sign, number or name of one letter."""
    return len(token) > 1 and token[0].isalpha()


def is_nest(unit: Sequence[str]) -> bool:
    """Whether a unit opens more brackets than it closes: each repetition lies in the one before."""
    return sum((one in "([{") - (one in ")]}") for one in unit) > 0


def _fewest(unit: list[str]) -> int:
    """Return how often in a row is too often. Formulas, tables and rules may repeat far more often than prose."""
    words = sum(map(is_word, unit))
    is_related = len(unit) > 2 and bool(RELATIONS & set(unit))
    if "\\boxed" in unit:
        return _SAID
    if is_nest(unit):
        return _NESTED
    if _CELLS & set(unit):
        return _RELATED_CELLS if is_related else 60 if len(unit) <= 12 else 12
    if len(unit) > 3 and words and ENDS & set(unit):
        return 3  # a sentence
    if 2 * words < sum(token not in POINTS for token in unit):  # a formula, or words with one
        if RELATIONS & set(unit):
            return (_RELATED if len(unit) < _CHAIN else 4) if is_related else 2 * _RELATED
        return 60 if not words else 5 if "," in unit else 8
    if len(unit) == 1 and unit[0] in _DOUBLED:
        return 6
    if len(unit) == 1 or LITTLE.issuperset(unit):
        return 3 if LITTLE.issuperset(unit) else 4
    if len(unit) <= 3:
        return 5 if all(is_word(token) or token in POINTS - {":"} for token in unit) else 8
    return 4 if len(unit) < (5 if all(map(str.isalpha, unit)) else 8) else 3


def _fewest_signs(unit: list[str], span: str) -> int:
    """Return how often in a row is too often for numbers and signs: drawings and rules may go on as they like."""
    if unit.count("#") >= 4:
        return _SAID
    has_sign = any(token in _OPERATORS for token in unit)
    if unit.count(".") >= 3 and has_sign:
        return 4  # + ... + ... + ...
    if is_nest(unit):
        return _NESTED if len(unit) > 1 else 20
    if not any(token[0].isdigit() for token in unit):
        return 10**9
    if "\n" in span:
        return _EQUAL_ROWS
    if RELATIONS & set(unit):
        return 2 * _RELATED if len(unit) < 3 else _RELATED if len(unit) < _CHAIN else 4
    return _EQUAL_CELLS


def of_ending(text: str) -> Iterator[Loop]:
    """Yield the loop in which a text ends: it was cut off there. What repeats in its nature comes to an end."""
    text = text.rstrip()
    found = list(TOKEN.finditer(text))[-_LAST:]
    for begin, period, times in runs([one[0] for one in found]):
        end = begin + period * times
        if end + period > len(found):
            span = text[found[begin].start() : found[end - 1].end()]
            cells = any(one[0] in _CELLS for one in found[begin : begin + period])
            most = 24 if span.count("\n") < times - 1 else 20 if cells else 10
            if times >= most and len(span) >= 40 and not _RULE.fullmatch(span):
                yield Loop(" ".join(one[0] for one in found[begin : begin + period]), times)
