"""Numbers of a text and its source: which of them follow from the source's, and whether its data are the source's.

Nearly any number of two digits is a sum or product of two of a page's, so that what follows proves little. What a
problem says before anything is worked out has to be on the page as it is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet

from builder.checks.notation import numerals

_NUMBER = re.compile(r"(?<![\w.])\d+(?:,\d{3})+(?:\.\d+)?|(?<![\d.])\d+(?:\.\d+)?|(?<![\w.])\.\d+")
COUNTER = re.compile(r"(?m)^[ \t>*#-]*\(?\d{1,2}[.):](?=\s)|\b(?:[Ss]tep|[Pp]art|[Cc]ase|[Ll]ine) \d+")
TRIVIAL = 2.0
SMALL = 10.0  # whole numbers up to here are in any text, of days, of parts, of steps
# Every reader brings these: months, hours, minutes, days, degrees, and powers of ten.
_GIVEN = frozenset(
    (*map(float, range(1, 11)), 12.0, 24.0, 52.0, 60.0, 90.0, 100.0, 180.0, 360.0, 365.0, 1000.0, 3600.0)
)
_RATIO = re.compile(r"(?<![\d./])(\d{1,6})(?: ?/ ?|\}\{)(\d{1,6})(?![\d./])")
_PERCENT = re.compile(r"(?<![\d.])(\d{1,4}(?:\.\d{1,4})?) ?\\?(?:%|percent)")
_SAID = {
    word: float(number)
    for number, words in (
        (0.5, "half"), (1 / 3, "third thirds"), (0.25, "quarter quarters"), (2, "twice double"),
        (3, "thrice triple three"),
        (12, "dozen dozens twelve"), (11, "eleven"), (13, "thirteen"), (14, "fourteen"), (15, "fifteen"),
        (16, "sixteen"),
        (17, "seventeen"), (18, "eighteen"), (19, "nineteen"), (20, "twenty"), (30, "thirty"), (40, "forty"),
        (50, "fifty"),
        (60, "sixty"), (70, "seventy"), (80, "eighty"), (90, "ninety"), (100, "hundred"), (1000, "thousand"),
        (1e6, "million"),
    )
    for word in words.split()
}  # fmt: skip
_EVERYWHERE = frozenset((0.0, 1.0, 2.0))
_MOST = 300  # numbers of a text that are looked at, and known ones from which they may follow: each with each
_LONGEST = 16  # digits
_WORD = re.compile(r"[^\W\d_]+")
_GROUPED = re.compile(  # 1 250 000, 1.250,50 and 2,5
    r"(?<![\d.,])(?:\d{1,3}(?:(?:[ \u00a0\u202f'.]|\{,\})\d{3})+(?:,\d+)?(?![\d.,]*\d)|\d+,\d+(?![\d,]))"
)
_STATEMENT_END = re.compile(r"(?i)=|≈|\b(?:solution|equals|plus|minus|times|gives|because)\b")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s")
_STATEMENT = 2  # sentences, in which most problems give their data
_ASKS = re.compile(
    r"(?i)\?|\b(?:find|compute|calculate|determine|evaluate|solve|simplify|how (?:many|much|far|long|old)|what"
    r"|prove|show that)\b"
)
_PARAGRAPH = re.compile(r"\n[ \t]*\n")
_FRACTION = re.compile(r"\\[dtc]?frac\s*(\d)(?=\s*(\d)|[{\\a-z])")  # one half is \frac12, not 12
_FEWEST_DATA, _FEWEST_OTHERS = 3, 4  # numbers of which the share that is common says something, and much
_MOSTLY_KEPT = 0.6
_COMMON = 0.35  # of the one's and of the other's numbers
_INVENTED, _INVENTED_SHARE = 2, 0.4  # numbers of a problem's statement that its page has not
_PRECISION = 0.004
_MEASURED_ANEW = 0.5  # of a source's numbers
# Miles, inches, feet, yards, pounds, ounces, gallons, km/h, and their inverses; minutes, thousandths, hundredths.
_FACTORS = tuple(
    factor
    for one in (1.609, 2.54, 0.3048, 0.9144, 0.4536, 28.35, 3.785, 3.6, 60.0, 3600.0, 1000.0, 100.0)
    for factor in (one, 1 / one)
)


def numbers(before: str, after: str) -> tuple[int, list[float]]:
    """Return how many different numbers a text has, and those that follow from none before them."""
    known = {*read(before), *_implied(before)}
    base = sorted(known)[:_MOST]
    found, new = set[float](), list[float]()
    for number in read(COUNTER.sub("", after)):
        if number in found or (number <= SMALL and number.is_integer()):
            continue
        found.add(number)
        if number not in known and number not in _GIVEN and not _follows(number, known, base):
            new.append(number)
        elif len(base) < _MOST:
            known.update((number, number / 100))
            base.append(number)
        if len(found) == _MOST:
            break
    return len(found), new


def read(text: str) -> Iterator[float]:
    """Yield the numbers of a text, as they come."""
    for match in _NUMBER.finditer(_FRACTION.sub(r" \1/", text)):
        if len(match[0]) < _LONGEST:
            yield round(float(match[0].replace(",", "")), 6)


def _implied(text: str) -> Iterator[float]:
    """Yield the numbers that a text states in words, as fractions and as percentages, and what these leave."""
    said = {word for word in _WORD.findall(text.lower()) if word in _SAID}
    yield from (round(_SAID[word], 6) for word in said)
    for one, other in _RATIO.findall(text):
        if int(other):
            yield from (round(int(one) / int(other), 6), round(1 - int(one) / int(other), 6))
    for percent in _PERCENT.findall(text):
        share = float(percent) / 100
        yield from (
            round(share, 6),
            round(1 - share, 6),
            round(1 + share, 6),
            100 - float(percent),
            100 + float(percent),
        )


def _follows(number: float, known: AbstractSet[float], base: Sequence[float]) -> bool:
    """Whether a number is made of one of the base and another known one in one step, or is a square or a root."""
    for one in base:
        others = (
            round(number - one, 6), round(one - number, 6), round(number + one, 6),
            round(number / one, 6), round(number * one, 6), round(one / number, 6) if number else one,
        ) if one else ()  # fmt: skip
        if any(other in known or other in _GIVEN for other in others):
            return True
    return round(number * number, 6) in known or round(math.sqrt(number), 6) in known


def has_other_data(before: str, after: str) -> bool:
    """Whether hardly a number of a text is its source's, or a problem that it states has others.

    Numbers in other units count as the source's.
    """
    stated = set(read(before)) - _EVERYWHERE
    known = stated | _known(before)
    found = set(read(COUNTER.sub("", after))) - _EVERYWHERE
    if len(stated) < _FEWEST_DATA - 1 or _is_converted(stated, found):
        return False
    if len(stated) >= _FEWEST_DATA and len(found) >= _FEWEST_DATA:
        common = max(len(stated & found) / len(stated), len(found & known) / len(found))
        if common < _COMMON:
            return True
    return _is_invented(known, after)


def _known(text: str) -> set[float]:
    """Return the numbers that a text has in words, in other spellings, as shares and percentages."""
    found = {*_implied(text), *map(float, numerals(text)), *_EVERYWHERE}
    found.update(read(_GROUPED.sub(_ungrouped, text)))
    plain = {*read(text), *found}
    return plain | {round(one / 100, 6) for one in plain} | {round(one * 100, 6) for one in plain}


def _ungrouped(number: re.Match[str]) -> str:
    """Return `1.250,50` as 1250.50."""
    return re.sub(r"[^\d,]|\{,\}", "", number[0]).replace(",", ".", 1)


def _is_invented(known: AbstractSet[float], text: str) -> bool:
    """Whether a text states a problem whose data are neither known nor results from before."""
    seen = set(known)
    for place, paragraph in enumerate(_PARAGRAPH.split(text)):
        plain = COUNTER.sub("", paragraph)
        end = _STATEMENT_END.search(plain)
        said = " ".join(_SENTENCE_END.split(plain[: end.start()] if end is not None else plain)[:_STATEMENT])
        data = list(dict.fromkeys(read(said)))
        new = [one for one in data if one not in seen]
        if (place == 0 or _ASKS.search(said)) and len(new) >= max(_INVENTED, _INVENTED_SHARE * len(data)):
            return True
        seen.update(read(plain))
    return False


def _is_converted(stated: AbstractSet[float], found: AbstractSet[float]) -> bool:
    """Whether a text has its source's numbers in other units: each times the same."""
    least = max(2, _MEASURED_ANEW * len(stated))
    return any(
        sum(any(abs(two / one / factor - 1) < _PRECISION for two in found) for one in stated if one) >= least
        for factor in _FACTORS
    )


def keeps(before: str, after: str) -> bool:
    """Whether a text has most of its source's numbers, and few others: it says the same in other words."""
    found = {*read(COUNTER.sub("", after)), *map(float, numerals(after))} - _EVERYWHERE
    sources = before, _GROUPED.sub(_ungrouped, before)
    return any(_keeps(set(read(text)) - _EVERYWHERE, found) for text in sources)


def _keeps(stated: AbstractSet[float], found: AbstractSet[float]) -> bool:
    common = stated & found
    return (
        len(stated) >= (_FEWEST_DATA if common == stated else _FEWEST_OTHERS)
        and len(common) >= _MOSTLY_KEPT * len(stated)
        and 2 * len(common) >= len(found)
        and sum(one > SMALL for one in common) >= 2
    )
