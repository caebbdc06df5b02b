"""What a value is on a page: a result that the page ends with, one on the way, something else, or nothing at all.

A second reading of a page's working, beside `worked`: it takes no sentence apart, but looks for the value wherever
it may be, and at what stands before and behind it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from enum import IntEnum
from functools import cached_property

from builder.checks.forms import form
from builder.checks.notation import numerals
from builder.checks.pieces import Piece, pieces
from builder.checks.sameness import same
from builder.checks.units import converted
from builder.checks.values import Value

_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?")
_TUPLE = re.compile(r"(?:\([A-Za-z, ]+\) ?= ?)?\(([^()]+(?:,[^()]+)+)\)")
_SYMBOL = re.compile(r"[A-Za-z]|\\[a-z]{2,7}")
_POWER = re.compile(r" \*\* \d+")
_ROW = re.compile(r"\\begin\{[a-z]*matrix\}([^&]*)\\end\{[a-z]*matrix\}")


class Standing(IntEnum):
    """What a value is on a page, the least first."""

    ABSENT = 0
    STEP = 1
    RESULT = 2
    END = 3


class Standings:
    """What values are on one page."""

    def __init__(self, page: str, *, of_equations: bool = False) -> None:
        self._page, self._of_equations_alone = page, of_equations
        self._pieces = list(pieces(page, keeps_equations=of_equations))
        self._spelled = {float(one) for one in numerals(page)}

    @cached_property
    def _of_equations(self) -> Standings:
        """What equations, and values with the letters that they are of, are on the page."""
        return Standings(self._page, of_equations=True)

    def for_(self, answer: Sequence[Value]) -> Standings:
        """Return where the values of an answer are to be looked for."""
        named = {one.label for one in answer if _SYMBOL.fullmatch(one.label)}
        if any("=" in one.math for one in answer):
            return self._of_equations
        if len(answer) > 1 and named and named <= {one.value.label for one in self._of_equations._pieces}:
            return self._of_equations
        return self

    def are_results(self, answer: Sequence[Value], asked: frozenset[str]) -> bool:
        """Whether a page may end with all values of an answer.

        Each is a result, and one of them is one that nothing follows, or that the question's words are said of
        rather than of what follows.

        Args:
            answer: The values.
            asked: The words of the question.
        """
        if (components := _components(answer)) and self._are_in_order(components):
            answer = components
        answer = list(dict.fromkeys(answer))
        found = [self.of(one, is_alone=len(answer) == 1) for one in answer]
        is_list = len(answer) > 1 and answer[0].label[:1] != "#"
        if not found or min(found) < Standing.RESULT or (is_list and self._leaves_out(answer)):
            return False
        return max(found) is Standing.END or (len(answer) == 1 and self._is_asked(answer[0], asked))

    def _leaves_out(self, answer: Sequence[Value]) -> bool:
        """Whether the last sentence that has a value of an answer as its result has others, too."""
        places = [place for one in answer for place in self._places(one) if self._pieces[place].is_result]
        last = self._pieces[max(places)].sentence
        labels = {one.label for one in answer if _SYMBOL.fullmatch(one.label)}
        said = [
            one
            for one in self._pieces
            if one.sentence == last and one.is_result and (not labels or one.value.label in labels)
        ]
        return len(said) > 1 and any(all(same(one.value, value) is False for value in answer) for one in said)

    def are_narrowed(self, answer: Sequence[Value]) -> bool:
        """Whether a page has the values of an answer for one letter, and then says one of them alone.

        `x = 20 or x = -120`, of which the second can't be: `so x = 20`.
        """
        labels = {one.label for one in answer}
        pieces = [one for one in self._of_equations._pieces if one.is_result and one.value.label in labels]
        if len(answer) < 2 or len(labels) > 1 or not pieces or not _SYMBOL.fullmatch(pieces[-1].value.label):
            return False
        said = dict[int, set[str]]()
        for one in pieces:
            said.setdefault(one.sentence, set()).add(one.value.math)
        last = pieces[-1].sentence
        return len(said[last]) == 1 and any(len(values) > 1 for values in said.values())

    def are_steps(self, answer: Sequence[Value]) -> bool:
        """Whether all values of an answer are results on the way, of which something else is made."""
        found = [self.of(one, is_alone=len(answer) == 1) for one in answer]
        return {*found} == {Standing.RESULT} and any(map(self._is_used, answer))

    def are_foreign(self, answer: Sequence[Value]) -> bool:
        """Whether a page has only some of an answer's values, or none and ends with others of their kind."""
        found = [self.of(one, is_alone=False) for one in answer]
        if not found or Standing.ABSENT not in found:
            return False
        kinds = {_kind(one) for one in answer}
        return max(found) >= Standing.RESULT or (
            {*found} == {Standing.ABSENT} and len(kinds) == 1 and self._ends_with(kinds.pop())
        )

    def of(self, sought: Value, *, is_alone: bool) -> Standing:
        """Return the most that a value is on the page; one that is not alone may be one of several results."""
        found = self._places(sought)
        if not found or self.has_other_unit(sought):
            is_spelled = bool(_NUMBER.fullmatch(sought.math)) and float(sought.math) in self._spelled
            return Standing.STEP if is_spelled or found or self._is_within(sought) else Standing.ABSENT
        results = [place for place in found if self._pieces[place].is_result]
        if not results:
            return Standing.STEP
        is_end = any(self._is_last(place, is_alone=is_alone) for place in results) and not self._is_used(sought)
        return Standing.END if is_end else Standing.RESULT

    def _places(self, sought: Value) -> list[int]:
        is_labelled = sought.label[:1] == "#" and any(piece.label for piece in self._pieces)
        bare = replace(sought, label="")
        named = {place for place, piece in enumerate(self._pieces) if sought.label == piece.value.label != ""}
        return [
            place
            for place, piece in enumerate(self._pieces)
            if (not is_labelled or piece.label == sought.label)
            and (not named or place in named)
            and _is_same(replace(piece.value, label=""), bare)
        ]

    def _ends_with(self, kind: str) -> bool:
        last = self._pieces[-1] if kind and self._pieces else None
        return last is not None and last.is_result and _kind(last.value) == kind

    def has_other_unit(self, sought: Value) -> bool:
        """Whether the page has the number with another unit, and nowhere with this one."""
        if sought.unit is None or {self._pieces[place].value.unit for place in self._places(sought)} - {None}:
            return False
        bare = replace(sought, unit=None)
        return any(
            piece.value.unit not in (None, sought.unit)
            and _is_alike(piece.value.unit or "", sought.unit)
            and same(piece.value, bare) is True
            for piece in self._pieces
        )

    def _is_within(self, sought: Value) -> bool:
        return any(
            piece.is_compound and sought.math in _NUMBER.findall(piece.value.math) for piece in self._pieces
        )

    def _is_last(self, place: int, *, is_alone: bool) -> bool:
        """Whether no other result follows in the same problem."""
        label = self._pieces[place].value.label
        return not any(
            one.is_result
            and (label == "" or not self._of_equations_alone or one.value.label == label)
            and (is_alone or one.sentence > self._pieces[place].sentence)
            and same(one.value, self._pieces[place].value) is not True
            for one in self._following(place)
        )

    def _is_used(self, sought: Value) -> bool:
        """Whether something is made of a result after the last time that it is said to be one."""
        places = [place for place in self._places(sought) if self._pieces[place].is_result]
        if not places:
            return False
        said = self._pieces[places[-1]].value.math.replace(" ", "")
        is_within = re.compile(rf"(?<![\d.]){re.escape(said)}(?!\d|\.\d)")
        later = (one.value.math.replace(" ", "") for one in self._pieces[places[-1] + 1 :] if one.is_compound)
        return any(one != said and is_within.search(one) for one in later)

    def _following(self, place: int) -> list[Piece]:
        return [one for one in self._pieces[place + 1 :] if one.part == self._pieces[place].part]

    def _is_asked(self, sought: Value, asked: frozenset[str]) -> bool:
        """Whether more words of the question stand before a result than before any that follows it."""
        if self._is_used(sought):
            return False
        for place in self._places(sought):
            sentence, shared = self._pieces[place].sentence, self._pieces[place].words
            later = [
                len((one.words | shared if one.sentence == sentence else one.words) & set(asked))
                for one in self._following(place)
                if one.is_result
            ]
            if self._pieces[place].is_result and len(self._pieces[place].words & set(asked)) > max(
                later, default=0
            ):
                return True
        return False

    def _are_in_order(self, answer: Sequence[Value]) -> bool:
        """Whether values are results one behind the other."""
        places = [max(self._places(one), default=-1) for one in answer]
        return -1 not in places and places == sorted(places)


def _is_same(one: Value, other: Value) -> bool:
    """Whether values are the same; what has no known form is looked at as text: a page has many such pieces."""
    if one.math and other.math and (form(one.math) is None or form(other.math) is None):
        return one.math.replace(" ", "") == other.math.replace(" ", "")
    return same(one, other) is True


def _is_alike(one: str, other: str) -> bool:
    """Whether two units measure the same, or are powers of what does: metres and square feet."""
    bases = [_POWER.sub("", unit) for unit in (one, other)]
    return converted(1.0, *bases) is not None


def _components(answer: Sequence[Value]) -> list[Value]:
    """Return the components of a single tuple or column, nothing of any other answer."""
    said = answer[0].math.strip() if len(answer) == 1 else ""
    if (found := _TUPLE.fullmatch(said)) is not None:
        return [Value(one.strip()) for one in found[1].split(",")]
    if (column := _ROW.fullmatch(said)) is not None:
        return [Value(one.strip()) for one in column[1].split("\\\\") if one.strip()]
    return []


def _kind(one: Value) -> str:
    """Return what a value is, empty where it may be of any kind."""
    read = form(one.math) if one.math else None
    if read is None or (read.kind == "expression" and read.value is not None and not read.value.letters):
        return ""
    return read.kind
