"""What a value is on a page: a result that the page ends with, one on the way, something else, or nothing at all.

A second reading of a page's working, beside `worked`: it takes no sentence apart, but looks for the value wherever
it may be, and at what stands before and behind it. A solution is refused only where both find its answer wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from itertools import pairwise

from builder.checks.agreement import same
from builder.checks.forms import form
from builder.checks.notation import normal, numerals, readings
from builder.checks.problems import is_guess, parts
from builder.checks.units import unit
from builder.checks.values import Value, value

_CUT = re.compile(
    r"(?P<relation>\\approx|≈|=>|->|[→⟹⇒=✓]|\\(?:to|rightarrow|Rightarrow|implies|therefore)(?![A-Za-z]))"
    r"|(?P<stop>[:;!?|]|\.(?=\s|\Z)|,(?!\d{3}(?!\d)))"
    r"|(?P<word>(?<![\\A-Za-z{])[A-Za-z]{2,}(?:['-][A-Za-z]+)*(?![A-Za-z(}]))"
)
_TELLS = re.compile(
    "is|are|was|were|be|equals?|gives?|gets?|got|ha[sd]|have|ma[dk]es?|so|thus|therefore|hence|to|reach|that's|it's|they're"
    "|costs?|takes?|took|left|remains?|only|answer|result|output|means|leaves|and|or|than|yields|becomes|just|about"
    "|approximately|roughly|needs?|total|mean|median|mode|range"
)
_ANEW = re.compile(
    r"(?i)^\W*(?:follow[- ]?up|bonus|extra|extension|challenge|also|for (?:a|an|the)\b|similarly|note|now you|try"
    r"|next|question|part|exercise|example|problem|what if|remark|check|verif|alternativ|another)"
)
_OPERATOR = re.compile(r"[-+*/^!√]|\\(?:frac|sqrt|times|cdot|div)|\d ?\(")
_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?")
_LABELLED = re.compile(r"(?i)\(?([a-h])[.)]\s")
_DATA = re.compile(r":(?:\s*[-\d.]+\s*,){3,}")  # 7, 9, 4, 7, 10 are given
_SHORT = 3  # words of a line that says results alone: centre (3, -2), radius 5
_LONGEST, _LONGEST_SENTENCE = 30_000, 400


class Standing(IntEnum):
    """What a value is on a page, the least first."""

    ABSENT = 0
    STEP = 1
    RESULT = 2
    END = 3


@dataclass(frozen=True, slots=True)
class _Piece:
    """A piece of mathematics between words, relations and punctuation.

    Attributes:
        value: It, with its unit.
        is_result: Whether what stands before it says that something comes to it.
        is_compound: Whether something is worked out in it.
        part: The problem of the page that it is in.
        label: The part of a problem that it is in, as `Value.label` has it: `#0` behind (a).
        sentence: Its sentence.
    """

    value: Value
    is_result: bool
    is_compound: bool
    part: int = 0
    label: str = ""
    sentence: int = 0


class Standings:
    """What values are on one page."""

    def __init__(self, page: str) -> None:
        self._pieces = list(_pieces(page))
        self._spelled = {float(one) for one in numerals(page)}

    def of(self, sought: Value, *, is_alone: bool) -> Standing:
        """Return the most that a value is on the page; one that is not alone may be one of several results."""
        is_labelled = sought.label[:1] == "#" and any(piece.label for piece in self._pieces)
        found = [
            place
            for place, piece in enumerate(self._pieces)
            if (not is_labelled or piece.label == sought.label)
            and same(piece.value, replace(sought, label="")) is True
        ]
        if not found or self._has_other_unit(sought, found):
            is_spelled = bool(_NUMBER.fullmatch(sought.math)) and float(sought.math) in self._spelled
            return Standing.STEP if is_spelled or found or self._is_within(sought) else Standing.ABSENT
        results = [place for place in found if self._pieces[place].is_result]
        if not results:
            return Standing.STEP
        is_end = any(self._is_end(place, is_alone=is_alone) for place in results)
        return Standing.END if is_end else Standing.RESULT

    def ends_with(self, kind: str) -> bool:
        """Whether the last piece of the page is a result of a kind."""
        last = self._pieces[-1] if kind and self._pieces else None
        return last is not None and last.is_result and _kind(last.value) == kind

    def _has_other_unit(self, sought: Value, found: Sequence[int]) -> bool:
        """Whether the page has the number with another unit, and nowhere with this one."""
        units = {self._pieces[place].value.unit for place in found} - {None}
        bare = replace(sought, unit=None)
        others = (piece for piece in self._pieces if piece.value.unit is not None)
        return sought.unit is not None and not units and any(same(one.value, bare) is True for one in others)

    def _is_within(self, sought: Value) -> bool:
        return any(
            piece.is_compound and sought.math in _NUMBER.findall(piece.value.math) for piece in self._pieces
        )

    def _is_end(self, place: int, *, is_alone: bool) -> bool:
        """Whether no other result follows in the same problem, and nothing is made of this one."""
        piece = self._pieces[place]
        later = [one for one in self._pieces[place + 1 :] if one.part == piece.part]
        is_used = any(one.is_compound and piece.value.math in _NUMBER.findall(one.value.math) for one in later)
        follows = any(
            one.is_result
            and (is_alone or one.sentence > piece.sentence)
            and same(one.value, piece.value) is not True
            for one in later
        )
        return not is_used and not follows


def _pieces(page: str) -> Iterator[_Piece]:
    number, sentence = 0, 0
    for part in parts(page[:_LONGEST]):
        is_solved, paragraph = False, -1
        labelled = _LABELLED.match(part[0].text) if part else None
        label = f"#{'abcdefgh'.index(labelled[1].lower())}" if labelled is not None else ""
        for one in part:
            is_anew = "?" in one.text or (one.paragraph != paragraph and bool(_ANEW.match(one.text)))
            if is_solved and is_anew:
                number, is_solved = number + 1, False
            paragraph, sentence = one.paragraph, sentence + 1
            for piece in [] if is_guess(one.text) else _of_sentence(one.text):
                is_result = piece.is_result and not one.is_before_question
                is_solved = is_solved or is_result
                yield replace(piece, part=number, label=label, sentence=sentence, is_result=is_result)
        number += 1


def _of_sentence(sentence: str) -> Iterator[_Piece]:
    text = normal(_DATA.sub(" ", sentence[:_LONGEST_SENTENCE]))
    is_short = len(re.findall(r"(?<!\\\\)[A-Za-z]{2,}", text)) <= _SHORT
    cuts = [None, *(cut for cut in _CUT.finditer(text) if not _is_within_brackets(text, cut)), None]
    was_result = False
    for before, after in pairwise(cuts):
        begin, end = before.end() if before else 0, after.start() if after else len(text)
        said = _stripped(text[begin:end])
        if not said or not re.search(r"\d|\\pi|\\infty|[a-z]", said):
            continue
        is_compound = bool(_OPERATOR.search(said.lstrip("-")))
        is_result = (is_short or _tells(before, is_compound=is_compound)) and not _goes_on(after)
        is_listed = before is not None and before[0] == "," and not was_result
        was_result = is_result and not is_listed
        word = f" {after['word']}" if after is not None and after["word"] and unit(after["word"]) else ""
        for one in value(readings(said + word)[0]):
            yield _Piece(one, was_result, is_compound)


def _goes_on(after: re.Match[str] | None) -> bool:
    """Whether something is made of a piece at once: 80 → 40 → 20, or 2 * 3 = 6."""
    return after is not None and after["relation"] is not None and after[0] not in ("≈", "\\approx", "✓")


def _is_within_brackets(text: str, cut: re.Match[str]) -> bool:
    """Whether a comma stands within brackets that hold a tuple: (3, -2)."""
    if cut[0] != ",":
        return False
    begin = max(text.rfind("(", 0, cut.start()), text.rfind("[", 0, cut.start()))
    end = re.search(r"[)\]]", text[cut.end() :])
    inner = text[begin + 1 : cut.end() + end.start()] if begin >= 0 and end is not None else ""
    return re.fullmatch(r"[^()\[\]]{1,40}", inner) is not None and not re.search(r"[A-Za-z]{2}", inner)


def _tells(before: re.Match[str] | None, *, is_compound: bool) -> bool:
    """Whether what stands before a piece says that something comes to it."""
    if before is None or before["stop"]:
        return (before is not None and before[0] == ":") or not is_compound
    return before["word"] is None or _TELLS.fullmatch(before["word"].lower()) is not None


def _stripped(said: str) -> str:
    """Return a piece without spaces and brackets that are not closed in it."""
    said = said.strip(" *_$&")
    while said and (said[0] in ")]}" or (said[0] in "([{" and said.count(said[0]) > said.count(_CLOSES[said[0]]))):
        said = said[1:].strip()
    while said and (
        said[-1] in "([{" or (said[-1] in ")]}" and said.count(said[-1]) > said.count(_OPENS[said[-1]]))
    ):
        said = said[:-1].strip()
    return said


_CLOSES = {"(": ")", "[": "]", "{": "}"}
_OPENS = {by: of for of, by in _CLOSES.items()}


def are_results(page: str, answer: Sequence[Value]) -> bool:
    """Whether a page may end with all values of an answer: each is a result, and one that nothing is made of."""
    standings = Standings(page)
    found = [standings.of(one, is_alone=len(answer) == 1) for one in answer]
    return bool(found) and min(found) >= Standing.RESULT and max(found) == Standing.END


def is_foreign(page: str, answer: Sequence[Value]) -> bool:
    """Whether a page has none of an answer's values, while it ends with others of their kind."""
    standings = Standings(page)
    kinds = {_kind(one) for one in answer}
    return (
        len(kinds) == 1
        and all(standings.of(one, is_alone=False) is Standing.ABSENT for one in answer)
        and standings.ends_with(kinds.pop())
    )


def _kind(one: Value) -> str:
    """Return what a value is, empty where it may be of any kind."""
    read = form(one.math) if one.math else None
    if read is None or (read.kind == "expression" and read.value is not None and not read.value.letters):
        return ""
    return read.kind
