"""Is a text made from its source? Its numbers and content words are the source's, or follow from them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from typing import ClassVar

from pydantic import Field

from builder.checks.base import PairCheck
from builder.checks.given_numbers import COUNTER, SMALL, TRIVIAL, has_other_data, keeps, numbers, read
from builder.checks.ordinary_words import FUNCTION, TAUGHT
from builder.checks.page_words import STRONG
from builder.filters.base import Measures

_WORD = re.compile(r"[^\W\d_]+")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_COMMAND = re.compile(r"\\[A-Za-z]+")
_NAMED = re.compile(
    r"\\(?=(?:arc)?(?:sin|cos|tan|cot|sec|csc|log|exp|lim|max|min|gcd|lcm|det|sup|inf|dim|ker)(?![a-z]))"
)
_WITHOUT_SPACES = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]{2,}")
_STEM = 5  # letters by which the forms of a word are one, in most languages that are written with letters
_FEWEST_NUMBERS, _FEWEST_WORDS = 4, 3  # of fewer, a share says nothing
_KEPT = 0.5  # of a terse source, which an explanation is longer than
_MOSTLY = 0.8  # of a source, to which comments add numbers
_HARDLY = 0.2  # of a source, so that one new word may tell
_FAR, _MANY_WORDS = 0.4, 6  # by which the share of new words is above that of the source's that are kept
_NEARLY = 0.85  # of the most new words, for a text that keeps hardly anything
_MOST_NAMED = 10
_OPERAND = r"(?:(?<![A-Za-z])[A-Za-z](?![A-Za-z])|(?<![A-Za-z\d.])\d+(?:\.\d+)?)"
_FORMULA = re.compile(rf"{_OPERAND}(?:\s?(?:[-+*/^=]|\*\*)\s?{_OPERAND})+")
_STEP = re.compile(rf"(?=({_OPERAND}[-+*/^=]+{_OPERAND}))")
_SIGNS = str.maketrans({**dict.fromkeys("${}"), **dict.fromkeys("·×⋅", "*"), "−": "-", "–": "-", "÷": "/",
                        **dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹", (f"^{digit}" for digit in range(10)), strict=True))})  # fmt: skip
_TIMES = re.compile(r"\\(?:cdot|times)(?![A-Za-z])")
_DEFINED = re.compile(r"^[ \t]*(?:async[ \t]+)?(?:def|class)[ \t]+(\w+)", re.M)
_ANY_PROGRAM = frozenset(
    ("main", "solve", "solver", "run", "test", "process", "compute", "calc", "foo", "bar", "app")
)
_CODE = frozenset(
    ("class", "def", "init", "retur", "appen", "pop", "self", "super", "impor", "none", "true", "false", "print")
)  # by their stems, what any class has
_PAGE = STRONG | frozenset(
    """
    asked modified viewed views answered edited votes vote comments comment ago years stack exchange menu share
    posted reply replies joined jun jul aug sep oct nov dec jan feb mar apr click here related questions home
    """.split()  # noqa: SIM905 - one word a line would be long
)  # what a page says of itself, which a rewrite does not keep
_UNNAMED = 3  # different steps of formulas, with a number each, that are the same whatever the letter
_LETTER = re.compile(r"[A-Za-z]")
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
        "other_data": bool,
        "new": str,
    }

    def compare(self, before: str, after: str) -> Measures:
        """Count different numbers and words of the new text, and return which shares of them are new, and some.

        `kept` is the share of the source's numbers and words, or of its formulas, or of the functions that it
        defines, that the new text has; `elsewhere` the share of its words in paragraphs about something else;
        a text with most of its source's numbers, and few others, keeps enough. `other_data` says whether the
        numbers of the problem that it states are others.
        """
        kept = max(_kept(before, after), _kept_formulas(before, after), _kept_names(before, after))
        many, new_numbers = numbers(before, after)
        source, text = _stems(before), _words(after)
        new_words = [word for stem, word in text.items() if stem not in source]
        return {
            "numbers": many,
            "new_numbers": len(new_numbers) / max(1, many),
            "words": len(text),
            "new_words": len(new_words) / max(1, len(text)),
            "kept": max(kept, _MOSTLY) if keeps(before, after) else kept,
            "elsewhere": _elsewhere(before, source, after),
            "other_data": _DEFINED.search(after) is None and has_other_data(before, after),
            "new": ", ".join([*new_words, *(f"{number:g}" for number in new_numbers)][:_MOST_NAMED]) or None,
        }

    def decide(self, measures: Measures) -> str | None:
        """Say of which too many are new."""
        if self._is_other(measures) or measures["elsewhere"] > _OTHER_SHARE:
            return "words_not_in_source"
        if measures["other_data"]:
            return "numbers_not_in_source"
        has_others = measures["numbers"] >= _FEWEST_NUMBERS and measures["new_numbers"] > self.most_numbers
        return "numbers_not_in_source" if has_others and measures["kept"] < _MOSTLY else None

    def _is_other(self, measures: Measures) -> bool:
        """Whether a text has too many new words, the more of its source's the more of them."""
        words, new, kept = measures["words"], measures["new_words"], measures["kept"]
        if (
            words >= (1 if new == 1 and kept < _HARDLY else _FEWEST_WORDS)
            and new > self.most_words
            and kept <= _KEPT
        ):
            return True
        clearly = new - kept >= _FAR and words >= _MANY_WORDS
        nearly = kept < _HARDLY - _BIT and new > _NEARLY * self.most_words
        return bool(clearly or (nearly and words >= _FEWEST_WORDS))


def _words(text: str) -> dict[str, str]:
    """Return a text's content words by their stems; all but grammar's where it has hardly any."""
    said = {stem: word for stem, word in _stems(text).items() if word not in FUNCTION}
    content = {stem: word for stem, word in said.items() if word not in TAUGHT}
    return content if len(content) >= _FEWEST_WORDS else said


def _kept(before: str, after: str) -> float:
    words = {stem for stem, word in _words(before).items() if word not in _PAGE}
    source = {*(words or _words(before)), *(number for number in read(before) if number > TRIVIAL)}
    text = {*_stems(_NAMED.sub("", after)), *read(after)}
    defined = _methods(before)
    if len(defined) > 1 and not defined & _methods(after):
        source -= _CODE  # another class of the same language
    return len(source & text) / max(1, len(source))


def _methods(text: str) -> set[str]:
    return {name for name in _DEFINED.findall(text) if not name.startswith("__")}


def _kept_formulas(before: str, after: str) -> float:
    """Return the share of the source's steps of formulas, such as 7^100 and c*0, that a text has."""
    source, text = _steps(before), _steps(after)
    share = len(source & text) / len(source) + _BIT if source else 0.0
    renamed, others = _renamed(source), _renamed(text)
    return max(share, len(renamed & others) / len(renamed)) if len(renamed) >= _UNNAMED else share


def _renamed(steps: Set[str]) -> set[str]:
    """Return the steps with a number in them, every letter as if it were the same."""
    return {_LETTER.sub("x", step) for step in steps if re.search(r"\d", step)}


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
    known, all_, others = set(read(before)), 0, 0
    for paragraph in _PARAGRAPH.split(after):
        words = [stem for stem, word in _stems(paragraph).items() if word not in FUNCTION and word not in TAUGHT]
        numbers = [number for number in read(COUNTER.sub("", paragraph)) if number > TRIVIAL]
        new = sum(word not in source for word in words)
        is_other = new >= max(_OTHER_WORDS, _OTHER * len(words)) and numbers
        shared = sum(number in known for number in numbers if number > SMALL)
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
