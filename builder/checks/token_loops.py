"""Where code repeats itself within an expression or header: nests, chains of attributes, prefixes, names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from builder.checks.loops import Loop, is_nest, runs

_TOKEN = re.compile(
    r"(?:[rRbBfFuU]{0,2})(?:\"\"\"(?:[^\\]|\\.)*?\"\"\"|'''(?:[^\\]|\\.)*?'''|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*')"
    r"|\#[^\n]*|\w+|[^\w\s]",
    re.S,
)
_SAME_NAME = re.compile(r"(?<![A-Za-z\d])([A-Za-z]{2,24})(?:_\1){3,}|([A-Z][a-z]{2,24})\2{3,}")
_SAME_DIGIT = re.compile(r"(\w)\1{99,}")
_PERIOD = 12
_PREFIXES = frozenset(("not", "-", "~", "await", "lambda", ":"))
_BLOCKS = frozenset(("if", "for", "while", "with", "try", "class", "def", "async"))
_COMPARED = frozenset(("=", "==", "!", "<", ">", "is", "in", "|"))
_FEWEST_CONDITIONS = 4  # one within the other


def of_tokens(code: str) -> Iterator[Loop]:
    """Yield what repeats itself in a way that no value and no table does."""
    tokens = [token for token in _TOKEN.findall(code) if token[0] != "#"]
    for begin, period, times in runs(tokens, _PERIOD):
        unit = tokens[begin : begin + period]
        if times >= _FEWEST_CONDITIONS and times >= _most(unit):
            yield Loop(" ".join(unit), times)
    for number in tokens:
        if number[0].isdigit() and (same := _SAME_DIGIT.search(number)) is not None:
            yield Loop(same[1], len(same[0]))
    for name in dict.fromkeys(token for token in tokens if token.isidentifier() and len(token) > 7):
        if (same := _SAME_NAME.search(name)) is not None:
            yield Loop(same[1] or same[2], len(same[0]) // len(same[1] or same[2]))


def _most(unit: Sequence[str]) -> float:
    """Return how many of a unit in a row are too many."""
    said = set(unit)
    has_name = any(token.isidentifier() for token in unit)
    if is_nest(unit):
        return 10 if has_name else 20
    if said <= _PREFIXES - {":", "lambda"} or said == {"lambda", ":"}:
        return 6
    if not has_name:
        return float("inf")
    if len(unit) % 2 == 0 and (set(unit[::2]) == {"."} or set(unit[1::2]) == {"."}):
        return 7
    if {"if", "else"} <= said:
        return 6
    if unit.count(":") == 1 and len(unit) > 1 and _is_header(unit):
        return _FEWEST_CONDITIONS if "if" in said else 6
    return (
        5
        if len(unit) in (2, 4) and (set(unit[::2]) <= _COMPARED or set(unit[1::2]) <= _COMPARED)
        else float("inf")
    )


def _is_header(unit: Sequence[str]) -> bool:
    """Whether a unit is a block's first line and nothing else: each repetition lies in the one before."""
    colon = list(unit).index(":")
    turned = [*unit[colon + 1 :], *unit[: colon + 1]]
    return turned[0] in _BLOCKS and not is_nest(turned)
