"""Where a text only counts on and on, and where it only doubts what it has: `4, 8, 12, …, 2000, …`, `Wait, …`.

Whoever needs a hundred numbers writes the first few and the last.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby

from builder.checks.line_loops import CUT
from builder.checks.loops import Loop

_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_IN_A_LINE = re.compile(
    r"(?<![\d.])\d+(?:\.\d+)?(?:[ \t,;]{1,9}\d+(?:\.\d+)?){47,}(?P<open>[ \t,;]*(?:\.{3}|…|\Z))?"
)
_FULL, _OPEN, _LINES = 110, 48, 48  # numbers: 1 to 100 may be listed; of a list that trails off; and lines
_DOUBT = re.compile(
    r"(?i)\W*(?:but )?(?P<said>wait|hmm+|alternatively|actually"
    r"|let me (?:re-?)?(?:check|verify|try|think|calculate|do)|let['’]s (?:re-?"
    r"|double[- ])?(?:check|verify|try))\b"
)
_ANSWER = re.compile(
    r"(?i)\b(?:answer|result|solution)\b(?: \w+){0,4}? ?(?:is|=|:)[\s*$]*(?:\\boxed\{)?(?P<said>-?\d[\d./]*)"
)
_ANSWERS = 5
_DOUBTS = 4
_MOST = 10**15


def of_counting(text: str) -> Iterator[Loop]:
    """Yield lists of numbers, lines and rows of a table in which all numbers go on by equal steps."""
    for found in _IN_A_LINE.finditer(text):
        numbers = _NUMBER.findall(found[0])
        if len(numbers) >= (_FULL if found["open"] is None else _OPEN) and _is_even(numbers):
            yield Loop(found[0][:100], len(numbers), frozenset(numbers))
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for _, group in groupby(lines, lambda line: _NUMBER.sub("#", line)):
        rows = [_NUMBER.findall(line) for line in group]
        if len(rows) >= (_LINES if len(rows[0]) > 1 else _FULL) and all(map(_is_even, zip(*rows, strict=False))):
            yield Loop(" ".join(rows[0]), len(rows), frozenset(number for row in rows for number in row))


def _is_even(numbers: Sequence[str]) -> bool:
    """Whether numbers go on by equal steps, or stay; what is rounded may be off by a last digit."""
    values = [float(number) for number in numbers]
    step = (values[-1] - values[0]) / (len(values) - 1)
    return all(abs(value - values[0] - step * place) < 0.06 for place, value in enumerate(values))


def of_counted_values(node: ast.AST) -> Iterator[Loop]:
    """Yield lists and keys that only count, as `range` does."""
    parts = (
        node.elts
        if isinstance(node, ast.List | ast.Tuple | ast.Set)
        else node.keys
        if isinstance(node, ast.Dict)
        else []
    )
    values = [one.value for one in parts if isinstance(one, ast.Constant)]
    numbers = [str(value) for value in values if type(value) is int and abs(value) < _MOST]
    if len(numbers) == len(parts) >= _FULL and numbers[0] != numbers[-1] and _is_even(numbers):
        yield Loop(" ".join(numbers[:10]), len(numbers), frozenset(numbers))


def of_doubts(text: str) -> Iterator[Loop]:
    """Yield the word with which a text begins again and again to check what it has, and the answer it repeats."""
    doubts = Counter(
        found["said"].lower() for part in CUT.split(text) if (found := _DOUBT.match(part)) is not None
    )
    answers = Counter(found["said"].lower().rstrip(".") for found in _ANSWER.finditer(text))
    for word, times in doubts.most_common(1):
        if times >= _DOUBTS:
            yield Loop(word, times)
    for answer, times in answers.most_common(1):
        if times >= _ANSWERS and 2 * times >= answers.total():
            yield Loop(f"the answer is {answer}", times)
