"""Where code only counts: statements, functions, arguments that differ in their numbers alone."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from builder.checks.loops import Loop, runs

_DIGITS = re.compile(r"\d+")
_NAME = re.compile(r"[A-Za-z_]*[A-Za-z_]\d+(?:_\w+)?")
_PERIOD = 4
NUMBERED = 70
"""Times that something differs in its numbers alone: what is unrolled or generated has up to 64."""
MAKERS, _COUNTED_MAKERS = 12, 8  # functions, classes and decorators
_COUNTED = 20  # of names that count, `x1`, `x2`, …, while nothing else changes
_BRANCHES = 10
_FEWEST = _COUNTED_MAKERS


def of_numbered(
    parts: Sequence[ast.AST], most: float = NUMBERED, dumps: Sequence[str] | None = None
) -> Iterator[Loop]:
    """Yield what differs in its numbers alone: fewer of them are too many where it only counts on.

    Args:
        parts: Statements or expressions that follow each other.
        most: Times that are too many where it does not only count.
        dumps: What `ast.dump` makes of the parts, where it is known.
    """
    if len(parts) < _FEWEST:
        return
    dumps = dumps or [ast.dump(one) for one in parts]
    for begin, period, times in runs([_DIGITS.sub("#", one) for one in dumps], _PERIOD):
        if times < _FEWEST:
            continue
        unit = parts[begin : begin + period]
        rounds = [" ".join(dumps[at : at + period]) for at in range(begin, begin + period * times, period)]
        names = _counting(rounds)
        makes = any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) for node in unit)
        least = (_COUNTED_MAKERS if makes else _COUNTED) if names else MAKERS if makes else most
        if times >= min(least, most):
            yield Loop(_DIGITS.sub("#", "\n".join(map(_shown, unit))), times, names)


def of_same_result(branches: Sequence[ast.If]) -> Iterator[Loop]:
    """Yield branches that all do the same, while their conditions count up or down."""
    if len(branches) < _BRANCHES:
        return
    said = [_DIGITS.sub("#", ast.dump(one.test)) + " ".join(map(ast.dump, one.body)) for one in branches]
    for begin, _, times in runs(said, 1):
        if times >= _BRANCHES:
            counted = [_DIGITS.findall(ast.unparse(one.test)) for one in branches[begin : begin + times]]
            steps = {int(after[-1][:9]) - int(before[-1][:9]) for before, after in pairwise(counted) if before}
            if len(steps) == 1:
                yield Loop(said[begin], times)


def _counting(rounds: Sequence[str]) -> frozenset[str]:
    """Return the names with numbers of repetitions in which nothing else changes, and these count; else none."""
    named = [_NAME.findall(one) for one in rounds]
    if len({_NAME.sub("#", one) for one in rounds}) > 1:
        return frozenset()
    columns = zip(
        *([int(number[:9]) for number in _DIGITS.findall(" ".join(names))] for names in named), strict=False
    )
    for column in columns:
        step = column[1] - column[0]
        if any(after - before != step for before, after in pairwise(column)):
            return frozenset()
    return frozenset().union(*named) - frozenset(named[0]).intersection(*named)


def _shown(node: ast.AST) -> str:
    return ast.unparse(node)
