"""Where lists, tables and steps start over, or stand still: `2, 3, 5, 2, 3, 5, …`, one row again, `x_9 = 1.5`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

from builder.checks.loops import Loop, runs

_NUMBER = r"-?\d+(?:\.\d+)?"
_IN_A_LINE = re.compile(rf"{_NUMBER}(?:[ \t,;|+&]{{1,9}}{_NUMBER}){{11,}}")
_BY_LINES = re.compile(rf"(?m)(?:^[ \t]*[-*•]?[ \t]{{0,9}}{_NUMBER}[,.]?[ \t]*\n){{11,}}")
_CIRCLE = 3  # different numbers
_ROUNDS = 7
_ORDERED = ((6, 4), (4, 5))  # so many numbers that go up, so often: residues and digits don't for long
_ROWS = 5  # equal rows under others, or rounds of up to as many rows
_TELLING = re.compile(r"[2-9]|\d\d")  # matrices of zeros and ones have equal rows
_INDEX = re.compile(r"_\{?(\d{1,4})\}?|(\d{1,4})")
_STILL, _STILL_SHORT = 8, 12  # lines that only count on, of a number of four digits or more, and of others
_LONG_NUMBER = re.compile(r"\d(?:[.,]?\d){3}")
_SHORTEST = 3


def of_lists(text: str) -> Iterator[Loop]:
    """Yield lists of numbers that start over, rows of a table that stay the same, lines whose value does."""
    for found in (*_IN_A_LINE.finditer(text), *_BY_LINES.finditer(text)):
        yield from _of_numbers(re.findall(_NUMBER, re.sub(r"(?m)^[ \t]*-[ \t]", "", found[0])))
    lines = [line.strip().removesuffix("\\\\").strip() for line in text.splitlines() if line.strip()]
    yield from _of_rows(lines)
    yield from _of_still(lines)


def _of_numbers(numbers: Sequence[str]) -> Iterator[Loop]:
    for begin, period, times in runs(numbers, 40):
        unit = numbers[begin : begin + period]
        if len(set(unit)) < _CIRCLE:
            continue
        least = min(map(float, unit))
        turned = next(at for at, one in enumerate(unit) if float(one) == least)
        values = [float(one) for one in (*unit[turned:], *unit[:turned])]
        is_ordered = all(one < other for one, other in pairwise(values))
        starts_over = any(period >= many and times >= often for many, often in _ORDERED)
        if times >= _ROUNDS or (is_ordered and starts_over):
            yield Loop(" ".join(unit), times)


def _of_rows(lines: Sequence[str]) -> Iterator[Loop]:
    """Yield the row that is there again and again, below others of the same table."""
    for is_row, block in groupby(lines, lambda line: line.count("|") >= _SHORTEST or "&" in line):
        rows = list(block)
        if not is_row or len(set(rows)) < _SHORTEST:
            continue
        for begin, period, times in runs(rows, _ROWS):
            unit = "\n".join(rows[begin : begin + period])
            if times >= _ROWS and _TELLING.search(unit):
                yield Loop(unit, times)


def _of_still(lines: Sequence[str]) -> Iterator[Loop]:
    """Yield what lines say that are equal but for the number that they have first, which counts on."""
    indices = [_INDEX.search(line) for line in lines]
    masked = [
        line if index is None else f"{line[: index.start()]}#{line[index.end() :]}"
        for line, index in zip(lines, indices, strict=True)
    ]
    for said, group in groupby(zip(masked, indices, strict=True), key=lambda one: one[0]):
        counted = [int(index[1] or index[2]) for _, index in group if index is not None]
        most = _STILL if _LONG_NUMBER.search(said) else _STILL_SHORT
        counts = all(after == before + 1 for before, after in pairwise(counted))
        if len(counted) >= most and counts and re.search(r"[=≈|:].*\d", said):
            yield Loop(said, len(counted))
