r"""Expressions in LaTeX, read in order to be worked out at points: `\frac{x}{7} + \frac27` is `(x + 2)/7`.

Two expressions are the same where they have the same value at each of some points. That takes microseconds where a
symbolic comparison takes tens of milliseconds, and it is sure in both directions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from builder.checks.expression_reader import Reader, UnreadableError, Worked, added, worked_out

_WORDS = re.compile(  # letters side by side that are a word, and no product
    r"(?<![\\A-Za-z])(?:(?!(?:[abc]{3}|[xyz]{3}|[pqr]{3})(?![A-Za-z]))[A-Za-z]{3,}"
    r"|(?:is|of|or|in|at|to|if|by|as|an|we|so|no|on|it|be|cm|mm|km|kg|ml|ft|mi)(?![A-Za-z]))"
)
_LONGEST = 240
_LEAST_NOISE, _MOST_NOISE = 1e-18, 1e-14
_POINTS = ((0.7390851332, 0.317), (1.2020569032, 0.731), (0.5772156649, 1.093))
"""For each point the value of a letter, and by how much that of the next one differs from it."""


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression that can be worked out.

    Attributes:
        readings: Its readings: more than one where it does not say what a quotient ends with, as `1/2x`.
        letters: What it depends on.
    """

    readings: tuple[Worked, ...]
    letters: frozenset[str]

    def at(self, values: Mapping[str, complex]) -> list[complex | None]:
        """Return what each reading comes to at a point, None where it comes to nothing."""
        return [worked_out(one, values) for one in self.readings]


@lru_cache(1024)
def expression(text: str) -> Expression | None:
    """Return what a text in LaTeX says, None where it is not known to say anything, or too long."""
    if len(text) > _LONGEST or is_word(text):
        return None
    found = list[Worked]()
    letters = frozenset[str]()
    for is_tight in (False, True) if "/" in text else (False,):
        try:
            reader = Reader(text, is_tight=is_tight)
            found.append(reader.whole())
            letters = frozenset(reader.letters)
        except UnreadableError:
            return None
    return Expression(tuple(found), letters)


def is_word(text: str) -> bool:
    """Whether a text has a word, and so is no mathematics alone."""
    return _WORDS.search(text) is not None


def number(text: str) -> float | None:
    """Return the real number that a text is, None where it is none."""
    read = expression(text)
    value = read.at({})[0] if read is not None and not read.letters else None
    return value.real if value is not None and abs(value.imag) <= 1e-12 * abs(value) else None


def same_values(one: Expression, other: Expression) -> bool | None:
    """Whether two expressions have the same value wherever they have one; None where that can't be said.

    Letters that only one of them has may be constants that it names otherwise: then nothing can be said.
    """
    if _are_equal(one, other, {}):
        return True
    mine, others = sorted(one.letters - other.letters), sorted(other.letters - one.letters)
    if mine and len(mine) == len(others) <= 2:
        for turned in (others, others[::-1]):
            if _are_equal(one, other, dict(zip(turned, mine, strict=True))):
                return None
    return False if _has_values(one) and _has_values(other) else None


def same_up_to_factor(one: Expression, other: Expression, *, is_positive: bool) -> bool | None:
    """Whether one expression is the other times a number, a positive one if asked for: `2x - 2` and `1 - x`."""
    if one.letters != other.letters or not one.letters:
        return False
    for first, second in ((a, b) for a in range(len(one.readings)) for b in range(len(other.readings))):
        ratios = list[complex]()
        for values in map(_point, range(len(_POINTS)), [sorted(one.letters)] * len(_POINTS)):
            a, b = one.at(values)[first], other.at(values)[second]
            if a is None or b is None or not b:
                return None
            ratios.append(a / b)
        is_same = all(_is_close(ratio, ratios[0]) for ratio in ratios) and abs(ratios[0].imag) < 1e-9
        if is_same and ratios[0] and (ratios[0].real > 0 or not is_positive):
            return True
    return False


def minus(one: Expression, other: Expression) -> Expression:
    """Return the difference of two expressions."""
    readings = tuple(added(first, second, -1) for first in one.readings for second in other.readings)
    return Expression(readings, one.letters | other.letters)


def _are_equal(one: Expression, other: Expression, renamed: Mapping[str, str]) -> bool:
    letters = sorted(one.letters | other.letters)
    open_ = {(a, b) for a in range(len(one.readings)) for b in range(len(other.readings))}
    compared = 0
    for place in range(len(_POINTS)):
        values = _point(place, letters)
        firsts, seconds = one.at(values), other.at({**values, **{to: values[by] for to, by in renamed.items()}})
        known = {(a, b) for a, b in open_ if firsts[a] is not None and seconds[b] is not None}
        compared += bool(known)
        open_ -= {(a, b) for a, b in known if not _is_close(firsts[a] or 0, seconds[b] or 0)}
    return bool(open_) and compared > 0


def _has_values(one: Expression) -> bool:
    return any(None not in one.at(_point(place, sorted(one.letters))) for place in range(len(_POINTS)))


def _point(place: int, letters: list[str]) -> dict[str, complex]:
    first, step = _POINTS[place]
    return {letter: complex(first + step * turn) for turn, letter in enumerate(letters)}


def _is_close(one: complex, other: complex) -> bool:
    least, most = sorted((abs(one), abs(other)))
    is_noise = not least and _LEAST_NOISE < most < _MOST_NOISE  # sin(pi), as floats have it, and 0
    return is_noise or abs(one - other) <= 1e-11 * most
