"""Whether two answers agree: sets of values, in any order, each of which the other has to have."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from builder.checks.mathematics import is_same_math
from builder.checks.quantities import interval
from builder.checks.sameness import name, same
from builder.checks.values import Value

_INEQUALITY = re.compile(r"[<>]|\\[lg]eq")


def agree(one: Sequence[Value], other: Sequence[Value]) -> bool | None:
    """Whether two answers have the same values, in any order; None where some can't be compared."""
    if is_exchanged(one, other):
        return False
    if len(one) != len(other):
        one, other = _once(one), _once(other)
    if len(one) != len(other):
        joined = [_joined(values) for values in (one, other)]
        return True if all(joined) and is_same_math(*joined) is True else False if one and other else None
    if _are_parts(one) != _are_parts(other) and len(one) > 1:
        verdicts = [same(first, second) for first, second in zip(one, other, strict=True)]
        return None if None in verdicts and False not in verdicts else False not in verdicts
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


def _are_parts(values: Sequence[Value]) -> bool:
    """Whether values are those of (a), (b), … in this order."""
    return [value.label for value in values] == [f"#{place}" for place in range(len(values))]


def is_exchanged(one: Sequence[Value], other: Sequence[Value]) -> bool:
    """Whether answers of several values give to a name that both have what the other gives to another one."""
    named = [{name(value): value for value in values if name(value)} for values in (one, other)]
    are_all = [
        len(names) == len(list(filter(name, values))) for names, values in zip(named, (one, other), strict=True)
    ]
    both = (named[0].keys() & named[1].keys()) if len(one) > 1 and len(other) > 1 and all(are_all) else ()
    return any(same(named[0][name], named[1][name]) is False for name in both)


def is_union(stated: Sequence[Sequence[Sequence[Value]]], answer: Sequence[Value]) -> bool:
    """Whether an answer's values are those of several that a page states, each of them whole."""
    if any(is_exchanged(reading, answer) for said in stated for reading in said):
        return False
    left = list(answer)
    for said in stated:
        for reading in said:
            matched = [next((one for one in left if same(value, one)), None) for value in reading]
            if reading and None not in matched:
                left = [one for one in left if not any(one is match for match in matched)]
                break
    return not left and len(answer) > 1


def any_of(verdicts: Iterable[bool | None]) -> bool | None:
    """Return True where one is True, else None where one is None."""
    found = set(verdicts)
    return True if True in found else None if None in found else False


def _once(values: Sequence[Value]) -> Sequence[Value]:
    """Return the first of values that all say the same, such as `60° or π/3`."""
    return values[:1] if all(same(values[0], value) is True for value in values[1:]) else values


def _joined(values: Sequence[Value]) -> str:
    """Return values as a tuple, one as it is: `x = 2, y = 3` may be (2, 3)."""
    said = [value.math for value in values]
    if not all(said):
        return ""
    if len(said) > 1 and all(_INEQUALITY.search(one) for one in said):
        return r" \cup ".join(sorted(interval(one) for one in said))
    return said[0] if len(said) == 1 else f"({', '.join(said)})"
