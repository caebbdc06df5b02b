"""Whether two values of answers are the same: by their kinds, of which one table tells how they are compared."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from builder.checks import mathematics
from builder.checks.mathematics import number_of
from builder.checks.quantities import ALMOST, same_quantity
from builder.checks.units import converted
from builder.checks.values import Value

_HALF_DAY = 720  # minutes
_UNBOUNDED = ("0", "\\emptyset", "\\infty")


def same(one: Value, other: Value) -> bool | None:
    """Whether two values are the same; None where that can't be said."""
    if _are_named_apart(one, other):
        return False
    if one.letter and other.letter and (one.letter != other.letter or not (one.math and other.math)):
        return one.letter == other.letter
    letter, plain = (one, other) if one.letter else (other, one)
    if letter.letter and not letter.math and re.fullmatch("[a-h]", plain.math) and not plain.letter:
        return letter.letter.lower() == plain.math  # (d), where a page has "ans: c"
    compare = _SAME.get((_kind(one), _kind(other)))
    return compare(one, other) if compare is not None else None  # an option's letter, and a value


def prepare() -> None:
    """Load the grammar of LaTeX and the units."""
    same(Value("1", "meter"), Value("2", "kilometer"))
    mathematics.prepare()


def name(value: Value) -> str:
    """Return what a value is of, in lower case: `mary` of Mary has 5."""
    return re.sub(r"\W|\b(?:is|has|gets)\b", "", value.label).lower()


def _are_named_apart(one: Value, other: Value) -> bool:
    """Whether two values are said of different things."""
    labels = one.label, other.label
    if labels[0][:1] == labels[1][:1] == "#":
        return labels[0] != labels[1]  # part (a) and part (b)
    if labels[0][:1] == labels[1][:1] == "\\":
        return name(one) != name(other)  # cos A and tan A
    names = [label.split()[0] for label in labels if label.istitle() and len(label) > 1]
    if len(names) == len(labels):
        return names[0] != names[1]  # Mary 13 and John 15, and Mary 15 and John 13
    return len(labels[0]) == len(labels[1]) == 1 and labels[0] != labels[1]


def _kind(value: Value) -> str:
    if value.minute is not None:
        return "time"
    return "quantity" if value.math else "words" if value.words else "letter"


def _same_times(one: Value, other: Value) -> bool:
    if one.minute is None or other.minute is None:
        return False
    is_half_open = not (one.half and other.half)
    return one.minute == other.minute or (is_half_open and (one.minute - other.minute) % _HALF_DAY == 0)


def _time_and_quantity(time: Value, other: Value) -> bool | None:
    if time.half and ":" in other.math:
        return False  # 12:15 pm and 11:75, while 12:16 may be 3:4
    value = number_of(other.math)
    if other.unit is not None and time.minute is not None and value is not None:
        minutes = converted(value, other.unit, "minute")
        return minutes is not None and abs(time.minute - minutes) < ALMOST * 1000
    return same_quantity(time, other) if time.math else None


def _same_words(one: Value, other: Value) -> bool | None:
    shared, more = sorted((one.words, other.words), key=len)
    if shared <= more:
        return "not" not in more - shared and "no" not in more - shared
    return False if len(more) <= 2 or one.words & other.words else None


def _quantity_and_words(number: Value, worded: Value) -> bool | None:
    """Compare a page's figure with words; it takes a figure to agree with it."""
    found = _words_and_quantity(worded, number)
    return False if found is None and number.math[-1].isdigit() else found


def _words_and_quantity(worded: Value, number: Value) -> bool | None:
    """Compare a page's words with a figure, which it may say in words."""
    words = worded.words
    if words & {"exist", "infinity"} and number.math == "0":
        return False
    if "real" in words and "except" not in words and "\\infty" in number.math:
        return number.math.replace(" ", "") == "(-\\infty,\\infty)"
    are_all_reals = {"real", "number"} <= words and not words & {"except", "no", "not"}
    if are_all_reals and re.search(r"[<>]|\\[lg]eq|\d", number.math):
        return False
    if number.math == "\\emptyset":
        return "no" in words
    is_none = bool(words & {"no", "not", "infinity"}) and number.math not in _UNBOUNDED
    return False if is_none or ("diverge" in words and number.math[-1].isdigit()) else None


_SAME: Mapping[tuple[str, str], Callable[[Value, Value], bool | None]] = {
    ("quantity", "quantity"): same_quantity,
    ("words", "words"): _same_words,
    ("quantity", "words"): _quantity_and_words,
    ("words", "quantity"): _words_and_quantity,
    ("time", "time"): _same_times,
    ("time", "quantity"): _time_and_quantity,
    ("quantity", "time"): lambda quantity, time: _time_and_quantity(time, quantity),
}
"""By the kinds of a page's value and of an answer's: how they are compared. Others can't be."""
