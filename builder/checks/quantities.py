"""Whether two numbers with units are the same, rounded or not."""

from __future__ import annotations

import math
import re
from dataclasses import replace

from builder.checks.mathematics import is_same_math, number_of
from builder.checks.units import converted, is_pure_number
from builder.checks.values import Value

_DECIMAL = re.compile(r"-?\d+\.(\d+)(?:\s*\\(?:times|cdot) ?10\^\{-?\d+\})?")
_ONE_SIDED = re.compile(r"[a-z] ?(<|>|\\leq|\\geq) ?([^<>=a-z]+)")
_BASED = re.compile(r"([\dA-F]{1,64})_\{?(\d{1,2})\}?")
_DIGITS = re.compile(r"[\dA-F]{1,64}")
_LARGEST_BASE = 16
_SMALL_MONEY = {"cents", "pence"}
ALMOST = 1e-9


def same_quantity(one: Value, other: Value) -> bool | None:
    """Whether two numbers, formulas or quantities are the same; None where that can't be said."""
    is_rough = one.is_rough or other.is_rough
    if ("=" in one.math) != ("=" in other.math):
        one, other = _as_equation(one), _as_equation(other)
    if one.unit is not None and other.unit is not None and one.unit != other.unit:
        return _same_converted(one, other, is_rough=is_rough)
    found = _is_same_number(one.math, other.math, is_rough)
    if found is not True and (one.unit is None) != (other.unit is None):
        pure, plain = (one, other) if one.unit is not None else (other, one)
        found = _same_pure(pure, plain, is_rough=is_rough) if is_pure_number(pure.unit or "") else found
    if found is not True and _SMALL_MONEY & {one.unit, other.unit} and None in (one.unit, other.unit):
        found = _in_large_money(one, other) or found
    counted = [{value.unit} if value.unit else value.words for value in (one, other)]
    # 12 people and 12 students are the same perhaps, and 12 apples and 12 pears are not.
    return None if found and all(counted) and not counted[0] & counted[1] else found


def _in_large_money(one: Value, other: Value) -> bool:
    """Whether an amount in cents is a number of dollars: -40 cents and -0.40."""
    small, plain = (one, other) if one.unit is not None else (other, one)
    large = replace(plain, unit="dollar" if small.unit == "cents" else "sterling")
    return _same_converted(small, large, is_rough=False) is True


def _same_converted(one: Value, other: Value, *, is_rough: bool) -> bool | None:
    """Whether quantities with two units are the same: 2.5 km and 2500 m."""
    value, target = number_of(one.math), number_of(other.math)
    if value is None or target is None or one.unit is None or other.unit is None:
        return None
    there = converted(value, one.unit, other.unit)
    return there is not None and (
        _is_close(there, target, _digits(other.math), is_rough)
        or _is_rounded(converted(target, other.unit, one.unit), one.math, is_rough)
    )


def _same_pure(pure: Value, plain: Value, *, is_rough: bool) -> bool:
    """Whether a share or an angle is a number without a unit: 50% and 1/2."""
    value, target = number_of(pure.math), number_of(plain.math)
    there = None if value is None else converted(value, pure.unit or "", "dimensionless")
    if there is None or target is None:
        return False
    back = converted(target, "dimensionless", pure.unit or "")
    return _is_close(there, target, _digits(plain.math), is_rough) or _is_rounded(back, pure.math, is_rough)


def _as_equation(value: Value) -> Value:
    """Return `2x + 1`, the value of y, as the equation that it was: the other answer is one."""
    has_letters = value.label.isalpha() and re.search("[A-Za-z]", value.math)
    return replace(value, math=f"{value.label} = {value.math}") if has_letters and "=" not in value.math else value


def _is_same_number(one: str, other: str, is_rough: bool) -> bool | None:
    if _ONE_SIDED.fullmatch(one) and other[:1] in "[(":
        one = interval(one)
    elif _ONE_SIDED.fullmatch(other) and one[:1] in "[(":
        other = interval(other)
    if one.replace(" ", "") == other.replace(" ", ""):
        return True
    if (found := _is_same_in_base(one, other)) is not None:
        return found
    values = _plain(one), _plain(other)
    found = False if None not in values and values[0] != values[1] else is_same_math(one, other)
    if found is True:
        return True
    values = number_of(one), number_of(other)
    if None in values:
        return found
    return _is_rounded(values[0], other, is_rough) or _is_rounded(values[1], one, is_rough)


def _is_same_in_base(one: str, other: str) -> bool | None:
    """Whether digits to a base are the same number or the same digits as others; None where none has a base."""
    based = [_BASED.fullmatch(text.replace(" ", "")) for text in (one, other)]
    if not any(based):
        return None
    digits = [match[1] if match is not None else text for match, text in zip(based, (one, other), strict=True)]
    bases = [int(match[2]) if match is not None else 10 for match in based]
    if not all(2 <= base <= _LARGEST_BASE for base in bases) or not all(map(_DIGITS.fullmatch, digits)):
        return None
    try:
        is_same = int(digits[0], bases[0]) == int(digits[1], bases[1])
    except ValueError:
        return None  # 9_8 is no number
    return is_same or (not all(based) and digits[0] == digits[1])


def _plain(text: str) -> float | None:
    """Return a number in digits, None of any other text: no need to read a formula."""
    try:
        return float(text.replace("_", "?"))  # 52_8 is no 528
    except ValueError:
        return None


def _is_rounded(value: float | None, to: str, is_rough: bool) -> bool:
    """Whether a decimal of three digits or more is a value rounded to as many decimals as it has."""
    target = number_of(to)
    return value is not None and target is not None and _is_close(value, target, _digits(to), is_rough)


def _is_close(value: float, target: float, digits: tuple[int, float], is_rough: bool) -> bool:
    scale = max(abs(value), abs(target))
    if not math.isfinite(scale) or value * target < 0:
        return value == target
    if abs(value - target) <= ALMOST * scale:
        return True
    if is_rough and abs(value - target) <= 0.01 * scale:
        return True
    many, step = digits
    if many < 3 or abs(value / step - round(value / step)) < 1e-6:
        return False  # of as many decimals as the other: nobody rounded it
    excess = (abs(value) - abs(target)) / step
    # Rounded, or cut off, or worked out with 3.14 for pi, which is off by a part in two thousand.
    return -0.5001 <= excess < 1 or abs(value - target) <= min(step, 0.0006 * scale)


def _digits(text: str) -> tuple[int, float]:
    """Return the digits of a decimal, and what one in its last place is worth; no digits where it is none."""
    match = _DECIMAL.fullmatch(text.strip())
    if match is None:
        return 0, 0.0
    number = number_of(text)
    plain = float(text.strip().partition("\\")[0].strip() or 0)
    scale = 1.0 if not plain or number is None else number / plain
    return len(re.sub(r"\D", "", text.partition("\\")[0]).lstrip("0")), abs(10.0 ** -len(match[1]) * scale)


def interval(inequality: str) -> str:
    """Return `x > 2` as the interval that it is; anything else as it is."""
    match = _ONE_SIDED.fullmatch(inequality)
    if match is None:
        return inequality
    is_closed = match[1] in (r"\leq", r"\geq")
    if match[1] in (">", r"\geq"):
        return f"{'[' if is_closed else '('}{match[2]}, \\infty)"
    return f"(-\\infty, {match[2]}{']' if is_closed else ')'}"
