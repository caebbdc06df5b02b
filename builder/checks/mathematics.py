"""Whether two pieces of mathematics are the same: by their forms, or by math-verify where none is known here."""

from __future__ import annotations

import logging
import re
from functools import cache, lru_cache
from typing import Any

from builder.checks.expressions import is_word, number
from builder.checks.forms import form, same_form

_COSTLY = re.compile(
    r"[)\]}] ?\^\{?\d{2}|\\(?:sum|prod|int|binom)(?![A-Za-z])[^=]*\d{4}|\d{30}|(?:\\frac\s*\{\s*){6}|\({6}"
)
_SIMPLIFIED = re.compile(r"(?=.*=)(?=.*\\(?:sin|cos|tan|cot|sec|csc|log|ln|exp))|.{120}")  # which takes it minutes
_UNREAD = re.compile(r"\\[lc]?dots|\.\.\.|…|\d_")  # math-verify leaves dots out, and 52_8 is its 528
_ARGUMENT = re.compile(r"(\\(?:sin|cos|tan|cot|sec|csc|ln|log) ?)([A-Za-z])(?![A-Za-z])")  # t would be tonnes
_ABSOLUTE = re.compile(r"\\ln ?\|([^|]+)\|")
_MOST_QUOTIENTS = 8
_LARGEST_EXPONENT = 2000  # 9^{9^9} has 370 million digits: math-verify would try


@lru_cache(1024)
def is_same_math(one: str, other: str) -> bool | None:
    """Whether two pieces of mathematics are the same; None where one can't be read.

    What only math-verify reads may be found the same, never another: it reads words as products of letters.
    """
    if is_huge(one) or is_huge(other):
        return False
    if (found := form(one)) is not None and (target := form(other)) is not None:
        return same_form(found, target)
    if any(
        is_word(text)
        or _UNREAD.search(text)
        or _SIMPLIFIED.match(text)
        or _COSTLY.search(text)
        or text.count("/") > _MOST_QUOTIENTS
        for text in (one, other)
    ):
        return None  # (x + 1)^{999}, which math-verify would expand
    gold, target_ = _read(one), _read(other)
    if not gold or not target_:
        return None
    verify = _math_verify()[1]
    # It takes an inequality for an interval in one direction alone.
    is_same = any(verify(*pair, timeout_seconds=None) for pair in ((gold, target_), (target_, gold)))
    return True if is_same else None


@lru_cache(1024)
def number_of(text: str) -> float | None:
    """Return the number that a text is, None where it is none."""
    try:
        return float(text.replace("_", "?"))  # 52_8 is no 528
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


def prepare() -> None:
    """Load math-verify and its grammar of LaTeX."""
    _read("1")
