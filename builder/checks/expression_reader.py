"""Reads an expression in LaTeX as what works it out: sums of products of powers, with functions and letters."""

from __future__ import annotations

import cmath
import math
import re
from collections.abc import Callable, Mapping

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
_TIMES = frozenset(("*", "\\cdot", "\\times"))
_OPENS = {"(": ")", "[": "]", "{": "}"}
_DEEPEST = 40
_LARGEST_FACTORIAL = 170


class UnreadableError(ValueError):
    """A text is no expression, or none that is known here."""


class Reader:
    """Reads one expression: sums of products of powers. `letters` are those that it has met."""

    def __init__(self, text: str, *, is_tight: bool) -> None:
        self._symbols = [next(filter(None, match.groups())) for match in _TOKEN.finditer(text.strip())]
        self._place, self._depth, self._is_tight = 0, 0, is_tight
        self.letters = set[str]()

    def whole(self) -> Worked:
        """Read all of it."""
        found = self._sum()
        if self._next():
            raise UnreadableError
        return found

    def _next(self) -> str:
        return self._symbols[self._place] if self._place < len(self._symbols) else ""

    def _take(self, *expected: str) -> str:
        symbol = self._next()
        if not symbol or (expected and symbol not in expected):
            raise UnreadableError
        self._place += 1
        return symbol

    def _sum(self) -> Worked:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise UnreadableError
        sign = self._take() if self._next() in ("+", "-") else "+"
        found = self._product()
        total = found if sign == "+" else lambda values: -found(values)
        while self._next() in ("+", "-"):
            sign = self._take()
            total = added(total, self._signed(self._product), 1 if sign == "+" else -1)
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
        raise UnreadableError

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
        raise UnreadableError

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
        if power is not None and name in _INVERSE and worked_out(power, {}) == -1:
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


def added(one: Worked, other: Worked, sign: int) -> Worked:
    """Return a sum, or with a sign of -1 a difference."""
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


def worked_out(worked: Worked, values: Mapping[str, complex]) -> complex | None:
    """Return what an expression comes to at a point, None where it comes to nothing."""
    try:
        value = worked(values)
    except (ArithmeticError, ValueError):
        return None
    return value if cmath.isfinite(value) else None
