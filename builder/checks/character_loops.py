"""Where characters repeat themselves: letters, digits, brackets, pictures, blanks, scripts without spaces."""

from __future__ import annotations

import re
from collections.abc import Iterator

from builder.checks.loops import Loop, runs

_NEVER_MANY = set("!?([{)]}")
_PICTURES = re.compile("[\u2600-\u27bf\u2b50\u2b55\ufe0f\u200d\U0001f000-\U0001faff]+")
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff01-\uff60]+")
_SHORT, _LONG = 40, 120  # characters of what repeats; a sentence of a script without spaces is longer than a word
_PICTURED, _BLANK_LINES, _BLANKS = 25, 100, 400
_BESIDE, _ALONE = 100, 300  # signs of a line that has words, too, and of a rule or a row of a drawing
_BLANKS_TO_FILL_IN = 80


def of_characters(text: str) -> Iterator[Loop]:
    """Yield loops of characters, which no space need separate."""
    for begin, period, times in runs(text, _LONG if _UNSPACED.search(text) else _SHORT):
        if times * period >= _fewest(text, begin, period, times):
            yield Loop(text[begin : begin + period], times)


def _fewest(text: str, begin: int, period: int, times: int) -> float:
    """Return how many characters are too many for what repeats from a place on."""
    unit = text[begin : begin + period]
    is_unspaced = period > 1 and bool(_UNSPACED.fullmatch(unit))
    if is_unspaced and times >= 4:
        return 20
    if unit.isalnum() or is_unspaced:
        return _BESIDE if unit.isdigit() else 40 if times >= 6 else float("inf")
    if unit in _NEVER_MANY:
        return 20
    if not unit.strip():
        return _BLANK_LINES if "\n" in unit else _BLANKS
    if _PICTURES.fullmatch(unit):
        return _PICTURED
    return _fewest_signs(text, unit, begin, begin + period * times)


def _fewest_signs(text: str, unit: str, begin: int, end: int) -> float:
    if "\n" in unit or any(character.isalnum() for character in unit):
        return float("inf")
    line = text[text.rfind("\n", 0, begin) + 1 : begin] + text[end:].partition("\n")[0]
    if not any(character.isalnum() for character in line):
        return _ALONE
    return _BLANKS_TO_FILL_IN if "_" in unit else _BESIDE
