"""Is a text made from its source? Its numbers and content words are the source's, or follow from them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import ClassVar

from pydantic import Field

from builder.checks.base import PairCheck
from builder.checks.ordinary_words import FUNCTION, TAUGHT
from builder.filters.base import Measures

_NUMBER = re.compile(r"(?<![\w.])\d+(?:,\d{3})+(?:\.\d+)?|(?<![\d.])\d+(?:\.\d+)?|(?<![\w.])\.\d+")
_COUNTER = re.compile(r"(?m)^[ \t>*#-]*\(?\d{1,2}[.):](?=\s)|\b(?:[Ss]tep|[Pp]art|[Cc]ase|[Ll]ine) \d+")
_WORD = re.compile(r"[^\W\d_]+")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_COMMAND = re.compile(r"\\[A-Za-z]+")
_WITHOUT_SPACES = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]{2,}")
_STEM = 5  # letters by which the forms of a word are one, in most languages that are written with letters
_TRIVIAL = 2.0
_SMALL = 10.0  # whole numbers up to here are in any text, of days, of parts, of steps
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
_MOST = 300  # numbers of a text that are looked at, and known ones from which they may follow: each with each
_LONGEST = 16  # digits
_FEWEST_NUMBERS, _FEWEST_WORDS = 4, 3  # of fewer, a share says nothing
_KEPT = 0.5  # of a terse source, which an explanation is longer than
_MOSTLY = 0.8  # of a source, to which comments add numbers
_HARDLY = 0.2  # of a source, so that one new word may tell
_MOST_NAMED = 10
_FORMULA = re.compile(
    r"(?<![A-Za-z\d.])(?:[A-Za-z]|\d[\d.]*)(?:\s?(?:[-+*/^=]|\*\*)\s?(?:[A-Za-z](?![A-Za-z])|\d[\d.]*))+"
)
_STEP = re.compile(r"(?=(?<![A-Za-z\d.])((?:[A-Za-z]|\d[\d.]*)[-+*/^=]+(?:[A-Za-z]|\d[\d.]*)))")
_SIGNS = str.maketrans({**dict.fromkeys("${}"), **dict.fromkeys("·×⋅", "*"), "−": "-", "–": "-", "÷": "/",
                        **dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹", (f"^{digit}" for digit in range(10)), strict=True))})  # fmt: skip
_TIMES = re.compile(r"\\(?:cdot|times)(?![A-Za-z])")
_DEFINED = re.compile(r"^[ \t]*(?:async[ \t]+)?(?:def|class)[ \t]+(\w+)", re.M)
_ANY_PROGRAM = frozenset(
    ("main", "solve", "solver", "run", "test", "process", "compute", "calc", "foo", "bar", "app")
)
_PARAGRAPH = re.compile(r"\n[ \t]*\n")
_BIT = 0.001  # so that half of them is more than half
_FEWEST_LETTERS = 4
# Of a paragraph with numbers: so many words, so great a share of them, that it is about something else.
_OTHER_WORDS, _OTHER = 3, 0.75
_FEWEST_ELSEWHERE = 12  # words: what explaining brings is fewer
_OTHER_SHARE = 0.5  # of a text's words, in such paragraphs


class Grounded(PairCheck):
    """Refuses a text too many of whose numbers or content words its source has not.

    A number that follows from those before it in one step of arithmetic counts as the source's. Words are compared
    by their first letters, so that inflections are one; identifiers are split; words that any explanation and any
    code has don't count, unless there are no others. A text that has more than half of what its source has passes,
    and so does one with half of its formulas or of the functions that it defines; but not if most of it is
    paragraphs, with numbers, that share hardly a word or number with the source. It tells a rewrite from another
    text, not a right one from a wrong one.
    """

    most_numbers: float = Field(default=0.6, ge=0, le=1)
    most_words: float = Field(default=0.67, ge=0, le=1)

    measures: ClassVar[Mapping[str, type]] = {
        "numbers": int,
        "new_numbers": float,
        "words": int,
        "new_words": float,
        "kept": float,
        "elsewhere": float,
        "new": str,
    }

    def compare(self, before: str, after: str) -> Measures:
        """Count different numbers and words of the new text, and return which shares of them are new, and some.

        `kept` is the share of the source's numbers and words, or of its formulas, or of the functions that it
        defines, that the new text has; `elsewhere` the share of its words in paragraphs about something else.
        """
        numbers, new_numbers = _numbers(before, after)
        source, text = _stems(before), _words(after)
        new_words = [word for stem, word in text.items() if stem not in source]
        return {
            "numbers": numbers,
            "new_numbers": len(new_numbers) / max(1, numbers),
            "words": len(text),
            "new_words": len(new_words) / max(1, len(text)),
            "kept": max(_kept(before, after), _kept_formulas(before, after), _kept_names(before, after)),
            "elsewhere": _elsewhere(before, source, after),
            "new": ", ".join([*new_words, *(f"{number:g}" for number in new_numbers)][:_MOST_NAMED]) or None,
        }

    def decide(self, measures: Measures) -> str | None:
        """Say of which too many are new."""
        fewest = 1 if measures["new_words"] == 1 and measures["kept"] < _HARDLY else _FEWEST_WORDS
        is_other = measures["words"] >= fewest and measures["new_words"] > self.most_words
        if is_other and measures["kept"] <= _KEPT:
            return "words_not_in_source"
        if measures["elsewhere"] > _OTHER_SHARE:
            return "words_not_in_source"
        has_others = measures["numbers"] >= _FEWEST_NUMBERS and measures["new_numbers"] > self.most_numbers
        return "numbers_not_in_source" if has_others and measures["kept"] < _MOSTLY else None


def _numbers(before: str, after: str) -> tuple[int, list[float]]:
    """Return how many different numbers a text has, and those that follow from none before them."""
    known = {*_read(before), *_implied(before)}
    base = sorted(known)[:_MOST]
    found, new = set[float](), list[float]()
    for number in _read(_COUNTER.sub("", after)):
        if number in found or (number <= _SMALL and number.is_integer()):
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


def _read(text: str) -> Iterator[float]:
    for match in _NUMBER.finditer(text):
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


def _words(text: str) -> dict[str, str]:
    """Return a text's content words by their stems; all but grammar's where it has hardly any."""
    said = {stem: word for stem, word in _stems(text).items() if word not in FUNCTION}
    content = {stem: word for stem, word in said.items() if word not in TAUGHT}
    return content if len(content) >= _FEWEST_WORDS else said


def _kept(before: str, after: str) -> float:
    source = {*_words(before), *(number for number in _read(before) if number > _TRIVIAL)}
    text = {*_stems(after), *_read(after)}
    return len(source & text) / max(1, len(source))


def _kept_formulas(before: str, after: str) -> float:
    """Return the share of the source's steps of formulas, such as 7^100 and c*0, that a text has."""
    source = _steps(before)
    return len(source & _steps(after)) / len(source) + _BIT if source else 0.0


def _steps(text: str) -> frozenset[str]:
    text = _TIMES.sub("*", text.translate(_SIGNS))
    runs = (re.sub(r"\s", "", match[0]).replace("**", "^") for match in _FORMULA.finditer(text))
    return frozenset(step for run in runs for step in _STEP.findall(run))


def _kept_names(before: str, after: str) -> float:
    """Return the share of the source's functions and classes that a text defines; common names don't count."""
    names = {name for name in _DEFINED.findall(before) if not _ordinary(name)}
    return len(names.intersection(_DEFINED.findall(after))) / len(names) if names else 0.0


def _ordinary(name: str) -> bool:
    parts = {part.lower() for part in _WORD.findall(_HUMP.sub(" ", name))}
    return all(len(part) < _FEWEST_LETTERS or part in TAUGHT or part in FUNCTION | _ANY_PROGRAM for part in parts)


def _elsewhere(before: str, source: Mapping[str, str], after: str) -> float:
    """Return the share of a text's content words that stand in paragraphs with other words and numbers.

    `source` holds the old text's words by their stems.
    """
    if _DEFINED.search(after):
        return 0.0  # a docstring and a table of code have words and numbers of their own
    known, all_, others = set(_read(before)), 0, 0
    for paragraph in _PARAGRAPH.split(after):
        words = [stem for stem, word in _stems(paragraph).items() if word not in FUNCTION and word not in TAUGHT]
        numbers = [number for number in _read(_COUNTER.sub("", paragraph)) if number > _TRIVIAL]
        new = sum(word not in source for word in words)
        is_other = new >= max(_OTHER_WORDS, _OTHER * len(words)) and numbers
        shared = sum(number in known for number in numbers if number > _SMALL)
        all_ += len(words)
        others += len(words) if is_other and shared <= (1 - _OTHER) * len(numbers) else 0
    return others / all_ if others >= _FEWEST_ELSEWHERE else 0.0


def _stems(text: str) -> dict[str, str]:
    """Return a text's words by their stems, in lower case."""
    text = _COMMAND.sub(" ", text)
    found = dict[str, str]()
    for run in _WITHOUT_SPACES.findall(text):
        found.update((pair, pair) for pair in (run[place : place + 2] for place in range(len(run) - 1)))
    for word in _WORD.findall(_HUMP.sub(" ", _WITHOUT_SPACES.sub(" ", text))):
        said = word.lower()
        if len(said) > 2:
            found.setdefault(stem(said), said)
    return found


def stem(word: str) -> str:
    """Return what the forms of a word in lower case have in common."""
    if len(word) > 3 and word.endswith("s") and not word.endswith("ss"):
        word = word[:-1]
    return word[:_STEM]
