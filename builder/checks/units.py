"""Units of measurement in answers, by pint: what is one, and what one is in another."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from tokenize import TokenError
from typing import Any

# pint reads any letter as a unit and any letter before it as a prefix: "3 a" is three years, "amps" are attometres
# per second. So single letters have to be in use in answers, and attached to their number ("5t") all but certain.
_LETTERS = frozenset("mgsNJWVAKLlhtdTΩ%°")
_ATTACHED = frozenset("mgsNJWVAKLlΩ%°")
_ALIASES = (
    (r"(?i)\bdegrees? (celsius|c|fahrenheit|f)\b|° ?([CF])\b", lambda m: _temperature(m[1] or m[2])),
    (r"(?i)\b(?:celsius|centigrade)\b", "degC"), (r"(?i)\bfahrenheit\b", "degF"), (r"(?i)\bkelvins\b", "kelvin"),
    ("%", "percent"), ("°", " degree "),
    (r"€|(?i:\b(?:euros?|eur)\b)", "euro"), (r"£|(?i:\b(?:gbp|pounds sterling)\b)", "sterling"),
    (r"¥|(?i:\byen\b)", "yen"), (r"₹|(?i:\b(?:rupees?|rs)\b\.?)", "rupee"),
    (r"(?i)\b(?:dollars?|usd|bucks?)\b", "dollar"), (r"(?i)\b(?:cents?|pennies)\b|¢", "cents"),
    (r"(?i)\bpence\b|\Ap\Z", "pence"),
    (r"(?i)\b(?:amps?|amperes?)\b", "ampere"), (r"(?i)\b(?:kmph|kmh|kph)\b", "km/h"), (r"(?i)\bsecs?\b", "second"),
    (r"(?i)\bmins?\b", "minute"), (r"(?i)\bhrs?\b", "hour"), (r"(?i)\byrs?\b", "year"), (r"(?i)\bwks?\b", "week"),
    (r"(?i)\bmtrs?\b", "meter"), (r"\b(mm|cm|km|mg|kg"
     r"|ml)s\b", r"\1"), (r"(?i)\bcc\b", "cm^3"), (r"(?i)\brevolutions?\b", "turn"),
    (r"(?i)\b(?:sq(?:uare|uared)?\b\.?) ?([a-z]+)", r"\1^2"), (r"(?i)\b(?:cu(?:bic)?\b\.?) ?([a-z]+)", r"\1^3"),
    (r"(?i)\b([a-z]+) squared\b", r"\1^2"), (r"(?i)\b([a-z]+) cubed\b", r"\1^3"),
    (r"\b(mm|cm|dm|m|km|in|ft|yd|mi)([23])\b", r"\1^\2"), (r"/s/s\b", "/s^2"),
    (r"(?i)\b(?:a|an|each|every) (hour|minute|second|day|week|month|year)\b", r"per \1"),
    (r"\\cdot|\\times", "*"), (r"[{}]", ""), (r"\^", "**"), (r"\bper\b", "/"),
)  # fmt: skip
_ALIAS = tuple((re.compile(pattern), by) for pattern, by in _ALIASES)
_UNIT = re.compile(r"[A-Za-zµΩ°%/*() -]+(?:\*\*-?\d[A-Za-zµΩ°%/*() -]*){0,6}")  # an exponent has one digit
_TOWER = re.compile(r"\*\*-?\d\s*\*\*")
_LONGEST = 60
_WORD = re.compile(r"[A-Za-zµΩ°]+")
_COUNTED = frozenset(("points", "dots", "hands", "bags", "rods", "chains", "bits", "turns", "bars", "knots"))
_WITH_PREFIX = re.compile(
    "meter|gram|liter|second|joule|newton|watt|volt|ampere|ohm|pascal|hertz|byte|mole|electron_volt|tesla|farad|henry"
    "|coulomb|calorie|weber|bar|molar|watt_hour|siemens|radian"
)
_UNREADABLE = (AttributeError, TypeError, ValueError, AssertionError, ArithmeticError, TokenError)
"""What pint raises at a text that is no unit, and at units that measure different things; its parser, too."""


@lru_cache(4096)
def unit(text: str, *, is_attached: bool = False) -> str | None:
    """Return a unit as pint writes it, None where a text is no unit of measurement.

    Args:
        text: What follows a number, in LaTeX or words.
        is_attached: No space stands between them.
    """
    said = text.strip()
    if said in _LETTERS and is_attached and said not in _ATTACHED:
        return None
    for pattern, by in _ALIAS:
        said = pattern.sub(by, said)
    said = said.strip(" .")
    words = _WORD.findall(said)
    if len(said) > _LONGEST or not words or not _UNIT.fullmatch(said) or _TOWER.search(said):
        return None
    if any((len(word) == 1 and word not in _LETTERS) or word.lower() in _COUNTED for word in words):
        return None
    return _parsed(said) or _parsed(said.lower())


def converted(value: float, unit: str, to: str) -> float | None:
    """Return a value in another unit, None where the two measure different things."""
    if unit == to:
        return value
    try:
        return float(_registry().Quantity(value, unit).to(to).magnitude)
    except _UNREADABLE:
        return None


def is_pure_number(unit: str) -> bool:
    """Whether a unit is a plain factor, as percent and degrees are."""
    return bool(_registry().parse_units(unit).dimensionless)


@lru_cache(4096)
def _parsed(text: str) -> str | None:
    registry = _registry()
    try:
        if any(_is_guessed(word) for word in _WORD.findall(text)):
            return None
        return str(registry.parse_units(text)) or None
    except _UNREADABLE:
        return None


def _is_guessed(word: str) -> bool:
    """Whether pint can only take a word apart into symbols: "pats" would be picoatmospheres."""
    found = _registry().parse_unit_name(word)
    return bool(found) and all(prefix and not _WITH_PREFIX.fullmatch(unit) for prefix, unit, _ in found)


@cache
def _registry() -> Any:  # noqa: ANN401 - pint's, which is loaded where it is needed
    import pint

    registry: Any = pint.UnitRegistry()
    for name in ("dollar", "euro", "sterling", "yen", "rupee"):
        registry.define(f"{name} = [{name}s]")
    registry.define("cents = dollar / 100")
    registry.define("pence = sterling / 100")
    return registry


def _temperature(name: str) -> str:
    return "degF" if name[0] in "fF" else "degC"
