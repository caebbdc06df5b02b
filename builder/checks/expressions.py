r"""Expressions in LaTeX, read in order to be worked out at points: `\frac{x}{7} + \frac27` is `(x + 2)/7`.

Two expressions are the same where they have the same value at each of some points. That takes microseconds where a
symbolic comparison takes tens of milliseconds, and it is sure in both directions.
"""

from __future__ import annotations

import cmath
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

Worked = Callable[[Mapping[str, complex]], complex]
"""Works an expression out, given the values of its letters."""

_TOKEN = re.compile(
    r"\s*(?:(\d+(?:\.\d+)?)|(\\[A-Za-z]+)|((?:[A-Za-z]|[α-ωΑ-Ω])(?:_(?:\{\w{1,8}\}|\w))?'*)|(\\\||.))", re.S
)
_GREEK = re.compile(
    "(?:var)?(?:alpha|beta|gamma|delta|epsilon|zeta|eta|theta|kappa|lambda|mu|nu|xi|rho|sigma|tau|phi|chi|psi|omega)"
    "|Delta|Gamma|Lambda|Omega|Phi|Psi|Sigma|Theta"
)
_FUNCTIONS: Mapping[str, Callable[[complex], complex]] = {
    "sin": cmath.sin, "cos": cmath.cos, "tan": cmath.tan, "cot": lambda x: 1 / cmath.tan(x),
    "sec": lambda x: 1 / cmath.cos(x), "csc": lambda x: 1 / cmath.sin(x), "arcsin": cmath.asin,
    "arccos": cmath.acos, "arctan": cmath.atan, "sinh": cmath.sinh, "cosh": cmath.cosh, "tanh": cmath.tanh,
    "ln": cmath.log, "log": cmath.log10, "exp": cmath.exp,
}  # fmt: skip
_INVERSE = {"sin": "arcsin", "cos": "arccos", "tan": "arctan"}
_WORDS = re.compile(  # letters side by side that are a word, and no product
    r"(?<![\\A-Za-z])(?:(?!(?:[abc]{3}|[xyz]{3}|[pqr]{3})(?![A-Za-z]))[A-Za-z]{3,}"
    r"|(?:is|of|or|in|at|to|if|by|as|an|we|so|no|on|it|be|cm|mm|km|kg|ml|ft|mi)(?![A-Za-z]))"
)
_TIMES = frozenset(("*", "\\cdot", "\\times"))
_OPENS = {"(": ")", "[": "]", "{": "}"}
_LONGEST = 240
_DEEPEST = 40
_LARGEST_FACTORIAL = 170
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
        return [_worked_out(one, values) for one in self.readings]


class _UnreadableError(ValueError):
    """A text is no expression, or none that is known here."""


@lru_cache(1024)
def expression(text: str) -> Expression | None:
    """Return what a text in LaTeX says, None where it is not known to say anything, or too long."""
    if len(text) > _LONGEST or is_word(text):
        return None
    found = list[Worked]()
    letters = frozenset[str]()
    for is_tight in (False, True) if "/" in text else (False,):
        try:
            reader = _Reader(text, is_tight=is_tight)
            found.append(reader.whole())
            letters = frozenset(reader.letters)
        except _UnreadableError:
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
    readings = tuple(_added(first, second, -1) for first in one.readings for second in other.readings)
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


def _worked_out(worked: Worked, values: Mapping[str, complex]) -> complex | None:
    try:
        value = worked(values)
    except (ArithmeticError, ValueError):
        return None
    return value if cmath.isfinite(value) else None


class _Reader:
    """Reads one expression: sums of products of powers. `letters` are those that it has met."""

    def __init__(self, text: str, *, is_tight: bool) -> None:
        self._symbols = [next(filter(None, match.groups())) for match in _TOKEN.finditer(text.strip())]
        self._place, self._depth, self._is_tight = 0, 0, is_tight
        self.letters = set[str]()

    def whole(self) -> Worked:
        """Read all of it."""
        found = self._sum()
        if self._next():
            raise _UnreadableError
        return found

    def _next(self) -> str:
        return self._symbols[self._place] if self._place < len(self._symbols) else ""

    def _take(self, *expected: str) -> str:
        symbol = self._next()
        if not symbol or (expected and symbol not in expected):
            raise _UnreadableError
        self._place += 1
        return symbol

    def _sum(self) -> Worked:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _UnreadableError
        sign = self._take() if self._next() in ("+", "-") else "+"
        found = self._product()
        total = found if sign == "+" else lambda values: -found(values)
        while self._next() in ("+", "-"):
            sign = self._take()
            total = _added(total, self._signed(self._product), 1 if sign == "+" else -1)
        self._depth -= 1
        return total

    def _product(self) -> Worked:
        total = self._factor()
        while symbol := self._next():
            if symbol in _TIMES:
                self._take()
                total = _multiplied(total, self._signed(self._factor))
            elif symbol == "/":
                self._take()
                total = _divided(total, self._signed(self._divisor))
            elif self._begins_factor(symbol):
                total = _multiplied(total, self._factor())
            else:
                break
        return total

    def _signed(self, read: Callable[[], Worked]) -> Worked:
        if self._next() != "-":
            return read()
        self._take()
        found = read()
        return lambda values: -found(values)

    def _divisor(self) -> Worked:
        """Read what stands behind a slash: `2x` of `1/2x`, or only the 2 of it."""
        total = self._factor()
        while self._is_tight and self._begins_factor(self._next()) and self._next() not in ("(", "["):
            total = _multiplied(total, self._factor())
        return total

    @staticmethod
    def _begins_factor(symbol: str) -> bool:
        return (
            bool(symbol)
            and (symbol[0].isalnum() or symbol in ("(", "[", "{") or symbol[0] == "\\")
            and (symbol not in _TIMES and symbol not in ("\\}", "\\right"))
        )

    def _factor(self) -> Worked:
        base = self._atom()
        while self._next() in ("^", "!"):
            base = _factorial(base) if self._take() == "!" else _raised(base, self._exponent())
        return base

    def _exponent(self) -> Worked:
        if self._next() == "{":
            return self._in_braces()
        return self._signed(self._atom)

    def _in_braces(self) -> Worked:
        self._take("{")
        found = self._sum()
        self._take("}")
        return found

    def _atom(self) -> Worked:
        symbol = self._take()
        if symbol[0].isdigit():
            return self._number(symbol)
        if symbol in _OPENS:
            found = self._sum()
            self._take(_OPENS[symbol])
            return found
        if symbol == "|":
            found = self._sum()
            self._take("|")
            return lambda values: complex(abs(found(values)))
        if symbol[0] == "\\":
            return self._command(symbol[1:])
        if symbol[0].isalpha():
            return self._letter(symbol)
        raise _UnreadableError

    def _number(self, symbol: str) -> Worked:
        value = complex(float(symbol))
        following = self._symbols[self._place : self._place + 7]
        is_mixed = "." not in symbol and re.fullmatch(r"\\frac\{\d+\}\{\d+\}", "".join(following))
        if is_mixed:
            self._place += 7
            value += float(following[2]) / (float(following[5]) or math.nan)
        return lambda _: value

    def _letter(self, symbol: str) -> Worked:
        if symbol == "e":
            return lambda _: complex(math.e)
        self.letters.add(symbol)
        return lambda values: values[symbol]

    def _command(self, name: str) -> Worked:
        if name == "pi":
            return lambda _: complex(math.pi)
        if name == "frac":
            above = self._argument()
            return _divided(above, self._argument())
        if name == "sqrt":
            return self._root()
        if name in _FUNCTIONS:
            return self._function(name)
        if _GREEK.fullmatch(name):
            return self._letter(f"\\{name}")
        raise _UnreadableError

    def _argument(self) -> Worked:
        """Read what a command is given: in braces, or one digit or letter."""
        if self._next() == "{":
            return self._in_braces()
        symbol = self._next()
        if len(symbol) > 1 and symbol.isdigit():
            self._symbols[self._place : self._place + 1] = list(symbol)
        return self._atom()

    def _root(self) -> Worked:
        degree: Worked = lambda _: complex(2)  # noqa: E731 - one of two
        if self._next() == "[":
            self._take()
            degree = self._sum()
            self._take("]")
        return _raised(self._argument(), lambda values: 1 / degree(values))

    def _function(self, name: str) -> Worked:
        base: Worked | None = None
        power: Worked | None = None
        while self._next() in ("^", "_"):
            if self._take() == "^":
                power = self._exponent()
            else:
                base = self._argument()
        if power is not None and name in _INVERSE and _worked_out(power, {}) == -1:
            name, power = _INVERSE[name], None
        inner, apply = self._operand(), _FUNCTIONS[name]
        called: Worked = lambda values: apply(inner(values))  # noqa: E731
        if base is not None:
            divisor = base
            called = lambda values: cmath.log(inner(values)) / cmath.log(divisor(values))  # noqa: E731
        return called if power is None else _raised(called, power)

    def _operand(self) -> Worked:
        """Read what a function without brackets is of: `2x` of `\\sin 2x \\cos x`."""
        is_bracketed = self._next() in ("(", "[", "{", "|")
        found = self._signed(self._factor)
        while not is_bracketed and (symbol := self._next()) and self._begins_factor(symbol):
            if symbol[0] == "(" or symbol.removeprefix("\\") in _FUNCTIONS:
                break
            found = _multiplied(found, self._factor())
        if not is_bracketed and self._is_tight and self._next() == "/":  # sin pi/6
            self._take()
            found = _divided(found, self._factor())
        return found


def _added(one: Worked, other: Worked, sign: int) -> Worked:
    return lambda values: one(values) + sign * other(values)


def _multiplied(one: Worked, other: Worked) -> Worked:
    return lambda values: one(values) * other(values)


def _divided(one: Worked, other: Worked) -> Worked:
    return lambda values: one(values) / other(values)


def _raised(base: Worked, exponent: Worked) -> Worked:
    def worked(values: Mapping[str, complex]) -> complex:
        power, value = exponent(values), base(values)
        is_odd_root = not value.imag and value.real < 0 and power and abs((1 / power).real % 2 - 1) < 1e-9
        if is_odd_root and not power.imag and abs(power.real) < 1:
            return -((-value) ** power)  # the real one: the cube root of -8 is -2
        return value**power

    return worked


def _factorial(base: Worked) -> Worked:
    def worked(values: Mapping[str, complex]) -> complex:
        value = base(values)
        if value.imag or abs(value.real) > _LARGEST_FACTORIAL:
            raise OverflowError
        return complex(math.gamma(value.real + 1))

    return worked
