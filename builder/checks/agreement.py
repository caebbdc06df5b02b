"""Are two answers the same? As sets of values, by math-verify and pint; None where that can't be said.

https://github.com/huggingface/Math-Verify: 1/2 is 0.5 and \\frac12, (0, 2) is 0 < x < 2.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache, lru_cache
from typing import Any

from builder.checks.expressions import is_word, number
from builder.checks.forms import form, same_form
from builder.checks.units import converted, is_pure_number
from builder.checks.values import Value

_DECIMAL = re.compile(r"-?\d+\.(\d+)(?:\s*\\(?:times|cdot) ?10\^\{-?\d+\})?")
_INEQUALITY = re.compile(r"[<>]|\\[lg]eq")
_ONE_SIDED = re.compile(r"[a-z] ?(<|>|\\leq|\\geq) ?([^<>=a-z]+)")
_ALMOST = 1e-9
_COSTLY = re.compile(
    r"[)\]}] ?\^\{?\d{2}|\\(?:sum|prod|int|binom)(?![A-Za-z])[^=]*\d{4}|\d{30}|(?:\\frac\s*\{\s*){6}|\({6}"
)
_ARGUMENT = re.compile(r"(\\(?:sin|cos|tan|cot|sec|csc|ln|log) ?)([A-Za-z])(?![A-Za-z])")  # t would be tonnes
_ABSOLUTE = re.compile(r"\\ln ?\|([^|]+)\|")
_MOST_QUOTIENTS = 8
_LARGEST_EXPONENT = 2000  # 9^{9^9} has 370 million digits: math-verify would try


def agree(one: Sequence[Value], other: Sequence[Value]) -> bool | None:
    """Whether two answers have the same values, in any order; None where some can't be compared."""
    if is_exchanged(one, other):
        return False
    if len(one) != len(other):
        one, other = _once(one), _once(other)
    if len(one) != len(other):
        joined = [_joined(values) for values in (one, other)]
        return True if all(joined) and is_same_math(*joined) is True else False if one and other else None
    left, unsure = list(other), False
    for value in one:
        verdicts = [same(value, candidate) for candidate in left]
        if True in verdicts:
            del left[verdicts.index(True)]
        elif None in verdicts:
            unsure = True
        else:
            return False
    counted = [frozenset[str]().union(*(value.words for value in values)) for values in (one, other)]
    if unsure and len(one) > 1 and counted[0] == counted[1]:
        return False  # 4 boys and 6 girls, and 6 boys and 4 girls
    return None if unsure else True


def is_exchanged(one: Sequence[Value], other: Sequence[Value]) -> bool:
    """Whether answers of several values give to a name that both have what the other gives to another one."""
    named = [{_name(value): value for value in values if _name(value)} for values in (one, other)]
    are_all = [
        len(names) == len(list(filter(_name, values))) for names, values in zip(named, (one, other), strict=True)
    ]
    both = (named[0].keys() & named[1].keys()) if len(one) > 1 and len(other) > 1 and all(are_all) else ()
    return any(same(named[0][name], named[1][name]) is False for name in both)


def _name(value: Value) -> str:
    return re.sub(r"\W|\b(?:is|has|gets)\b", "", value.label).lower()


def _once(values: Sequence[Value]) -> Sequence[Value]:
    """Return the first of values that all say the same, such as `60° or π/3`."""
    return values[:1] if all(same(values[0], value) is True for value in values[1:]) else values


def same(one: Value, other: Value) -> bool | None:
    """Whether two values are the same; None where that can't be said."""
    if one.label[:1] == other.label[:1] == "#" and one.label != other.label:
        return False  # part (a) and part (b)
    if one.label[:1] == other.label[:1] == "\\" and _name(one) != _name(other):
        return False  # cos A and tan A
    names = [value.label.split()[0] for value in (one, other) if value.label.istitle() and len(value.label) > 1]
    if len(names) == 2 and names[0] != names[1]:
        return False  # Mary 13 and John 15, and Mary 15 and John 13
    if one.letter and other.letter and (one.letter != other.letter or not (one.math and other.math)):
        return one.letter == other.letter
    letter, plain = (one, other) if one.letter else (other, one)
    if letter.letter and not letter.math and re.fullmatch("[a-h]", plain.math) and not plain.letter:
        return letter.letter.lower() == plain.math  # (d), where a page has "ans: c"
    if (one.minute is None) != (other.minute is None):
        clock, other = (one, other) if one.minute is not None else (other, one)
        if clock.half and ":" in other.math:
            return False  # 12:15 pm and 11:75, while 12:16 may be 3:4
        if other.unit is not None and clock.minute is not None and (value := _number(other.math)) is not None:
            minutes = converted(value, other.unit, "minute")
            return minutes is not None and abs(clock.minute - minutes) < _ALMOST * 1000
    if one.minute is not None and other.minute is not None:
        return one.minute == other.minute or (
            not (one.half and other.half) and (one.minute - other.minute) % 720 == 0
        )
    if one.label and other.label and len(one.label) == len(other.label) == 1 and one.label != other.label:
        return False
    if one.math and other.math:
        return _same_quantity(one, other)
    if one.words and other.words and not one.math and not other.math:
        return _same_words(one.words, other.words)
    number, worded = (one, other) if one.math else (other, one)
    if number.math and worded.words and not worded.math:
        if worded.words & {"exist", "infinity"} and number.math == "0":
            return False
        if "real" in worded.words and "except" not in worded.words and "\\infty" in number.math:
            return number.math.replace(" ", "") == "(-\\infty,\\infty)"
        if number.math == "\\emptyset":
            return "no" in worded.words
        is_none = (
            bool(worded.words & {"no", "not", "infinity"})
            and number.math
            not in (
                "0",
                "\\emptyset",
                "\\infty",
            )
        ) or (bool(worded.words & {"diverge"}) and number.math[-1].isdigit())
        # A page may say in words what an answer has in figures; the answer of a page with a figure has to have it.
        return False if is_none or (number is one and number.math[-1].isdigit()) else None
    return None  # an option's letter where the other gives its value


def prepare() -> None:
    """Load the grammar of LaTeX and the units."""
    same(Value("1", "meter"), Value("2", "kilometer"))
    _read("1")


def _same_quantity(one: Value, other: Value) -> bool | None:
    is_rough = one.is_rough or other.is_rough
    if ("=" in one.math) != ("=" in other.math):
        one, other = _as_equation(one), _as_equation(other)
    if one.unit is not None and other.unit is not None and one.unit != other.unit:
        value = _number(one.math)
        number = None if value is None else converted(value, one.unit, other.unit)
        target = _number(other.math)
        if number is None or target is None:
            return None if value is None or target is None else False
        return _is_close(number, target, _digits(other.math), is_rough) or _is_rounded(
            converted(target, other.unit, one.unit), one.math, is_rough
        )
    found = _is_same_number(one.math, other.math, is_rough)
    if found is not True and (one.unit is None) != (other.unit is None):
        pure, plain = (one, other) if one.unit is not None else (other, one)
        if pure.unit is not None and is_pure_number(pure.unit):
            value, target = _number(pure.math), _number(plain.math)
            number = None if value is None else converted(value, pure.unit, "dimensionless")
            if number is not None and target is not None:
                back = converted(target, "dimensionless", pure.unit)
                return _is_close(number, target, _digits(plain.math), is_rough) or _is_rounded(
                    back, pure.math, is_rough
                )
    counted = [{value.unit} if value.unit else value.words for value in (one, other)]
    # 12 people and 12 students are the same perhaps, and 12 apples and 12 pears are not.
    return None if found and all(counted) and not counted[0] & counted[1] else found


def _as_equation(value: Value) -> Value:
    """Return `2x + 1`, the value of y, as the equation that it was: the other answer is one."""
    has_letters = value.label.isalpha() and re.search("[A-Za-z]", value.math)
    return replace(value, math=f"{value.label} = {value.math}") if has_letters and "=" not in value.math else value


def _is_same_number(one: str, other: str, is_rough: bool) -> bool | None:
    if _ONE_SIDED.fullmatch(one) and other[:1] in "[(":
        one = _interval(one)
    elif _ONE_SIDED.fullmatch(other) and one[:1] in "[(":
        other = _interval(other)
    if one.replace(" ", "") == other.replace(" ", ""):
        return True
    values = _plain(one), _plain(other)
    found = False if None not in values and values[0] != values[1] else is_same_math(one, other)
    if found is True:
        return True
    values = _number(one), _number(other)
    if None in values:
        return found
    return _is_rounded(values[0], other, is_rough) or _is_rounded(values[1], one, is_rough)


def _plain(text: str) -> float | None:
    """Return a number in digits, None of any other text: no need to read a formula."""
    try:
        return float(text)
    except ValueError:
        return None


def _is_rounded(value: float | None, to: str, is_rough: bool) -> bool:
    """Whether a decimal of three digits or more is a value rounded to as many decimals as it has."""
    target = _number(to)
    return value is not None and target is not None and _is_close(value, target, _digits(to), is_rough)


def _is_close(value: float, target: float, digits: tuple[int, float], is_rough: bool) -> bool:
    scale = max(abs(value), abs(target))
    if not math.isfinite(scale):
        return value == target
    if abs(value - target) <= _ALMOST * scale:
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
    number = _number(text)
    plain = float(text.strip().partition("\\")[0].strip() or 0)
    scale = 1.0 if not plain or number is None else number / plain
    return len(re.sub(r"\D", "", text.partition("\\")[0]).lstrip("0")), abs(10.0 ** -len(match[1]) * scale)


def _same_words(one: frozenset[str], other: frozenset[str]) -> bool | None:
    if one <= other or other <= one:
        shared, more = sorted((one, other), key=len)
        return "not" not in more - shared and "no" not in more - shared
    if (len(one) <= 2 and len(other) <= 2) or one & other:
        return False
    return None


def _joined(values: Sequence[Value]) -> str:
    """Return values as a tuple, one as it is: `x = 2, y = 3` may be (2, 3)."""
    said = [value.math for value in values]
    if not all(said):
        return ""
    if len(said) > 1 and all(_INEQUALITY.search(one) for one in said):
        return r" \cup ".join(sorted(_interval(one) for one in said))
    return said[0] if len(said) == 1 else f"({', '.join(said)})"


def _interval(inequality: str) -> str:
    """Return `x > 2` as the interval that it is; anything else as it is."""
    match = _ONE_SIDED.fullmatch(inequality)
    if match is None:
        return inequality
    is_closed = match[1] in (r"\leq", r"\geq")
    if match[1] in (">", r"\geq"):
        return f"{'[' if is_closed else '('}{match[2]}, \\infty)"
    return f"(-\\infty, {match[2]}{']' if is_closed else ')'}"


@lru_cache(1024)
def is_same_math(one: str, other: str) -> bool | None:
    """Whether two pieces of mathematics are the same; None where one can't be read.

    What only math-verify reads may be found the same, never another: it reads words as products of letters.
    """
    if is_huge(one) or is_huge(other):
        return False
    if (found := form(one)) is not None and (target := form(other)) is not None:
        return same_form(found, target)
    if any(is_word(text) or _COSTLY.search(text) or text.count("/") > _MOST_QUOTIENTS for text in (one, other)):
        return None  # (x + 1)^{999}, which math-verify would expand
    gold, target_ = _read(one), _read(other)
    if not gold or not target_:
        return None
    verify = _math_verify()[1]
    # It takes an inequality for an interval in one direction alone.
    is_same = any(verify(*pair, timeout_seconds=None) for pair in ((gold, target_), (target_, gold)))
    return True if is_same else None


@lru_cache(1024)
def _number(text: str) -> float | None:
    """Return the number that a text is, None where it is none."""
    try:
        return float(text)
    except ValueError:
        return number(text)


@lru_cache(256)
def _read(text: str) -> list[Any]:
    text = _ARGUMENT.sub(r"\1(\2)", _ABSOLUTE.sub(r"\\ln(\1)", text))
    # A worker has limits of its own; math-verify's would take its timers.
    found: list[Any] = _math_verify()[0](f"\\boxed{{{text}}}", parsing_timeout=None)
    return found


def is_huge(text: str) -> bool:
    """Whether a text has a power, a factorial or the like that would take all memory to work out."""
    exponents = [int(match[1][:9]) for match in re.finditer(r"\^\s*\{?\s*-?(\d+)", text)]
    nested = len(re.findall(r"\^\s*\{?\s*-?[\dA-Za-z]+\s*\^", text))
    counted = [int(match[1][:9]) for match in re.finditer(r"(\d+)\s*!", text)]
    return nested > 0 or any(one > _LARGEST_EXPONENT for one in [*exponents, *counted]) or "!!" in text


@cache
def _math_verify() -> tuple[Any, Any]:
    logging.getLogger("math_verify").setLevel(logging.ERROR)  # which warns of each call without its timers
    from math_verify import parse, verify

    return parse, verify
