"""Does a solution end with its answer, and is that the source's? Compared as sets of values with their units."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import ClassVar

from builder.checks import sameness
from builder.checks.agreement import agree, any_of, is_union
from builder.checks.base import PairCheck
from builder.checks.last_line import final_answer
from builder.checks.polarity import polar
from builder.checks.stated import options, stated_answers
from builder.checks.unstated import MOST_ENDS, by_working
from builder.checks.values import Value, values
from builder.checks.worked import Worked, worked
from builder.errors import FilterUnavailable
from builder.filters.base import Measures, Workplace

_PACKAGES = ("math-verify", "Pint")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_MOST_STATED = 20
_WRONG = re.compile(
    r"(?i)\b(?:wrong|incorrect(?:ly)?|mistakes?|mistaken(?:ly)?|errors?|erroneous(?:ly)?|instead of|rather than"
    r"|tempting|is not|isn't|not correct|cannot be|can't be|does not|fails?)\b"
)
_DISPUTE = re.compile(
    r"(?i)(?:^|[.!?:>]\s{1,9}|\n)\W{0,5}(?:(?:no|wrong|edit|sorry|careful)\b[,:.!]"  # not "Go Premium: no ads"
    r"|(?:no way|nope|incorrect|not quite|actually|correction)\b[,:.! ])"
    r"|\b(?:that(?:'s| is)|this is|you are|you're|answer is|is) (?:wrong|incorrect|mistaken|not (?:right"
    r"|correct))\b|\bisn't (?:right|correct)\b|\byou(?:'ve| have)? (?:forgot|missed|overlooked|mis\w+)"
    r"|\b(?:yikes|oops|whoops)\b"
    r"|\b(?:a|the|your|made an?) (?:mistake|error)\b|\bshould (?:be|have been)\b"
)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")
_QUANTITY = re.compile(r"[-−$€£]?\d[\d,./]*(?: ?%|°| [a-z]+)?")
_COMES_TO = re.compile(r"(?:=|≈|\b(?:is|be|are|get|got|gives?|to|so|reach)\b)\s*")
_RESULT_END = re.compile(r"[.!?;:](?=\s|\Z)|,\s")


class FinalAnswer(PairCheck):
    """Refuses a text without a last line `#### answer`, or with another answer than its source states.

    Of several in a source any will do, as will several of them together. An answer that can't be compared with the
    source's passes (`agrees` is null), and so does one whose text says that the source's is wrong (`corrects`).

    `required: false` lets pass what has no such line where the source states no answer, such as a proof, or where
    the last sentence comes to what it states.
    `numbers_in_source` refuses an answer with a number that the source does not have.
    """

    cpu_limit: ClassVar[float] = 5.0

    required: bool = True
    numbers_in_source: bool = False

    measures: ClassVar[Mapping[str, type]] = {
        "answer": str,
        "stated": str,
        "agrees": bool,
        "corrects": bool,
        "in_source": bool,
    }

    def identity(self) -> dict[str, str]:
        """Return the versions of what compares."""
        return _versions()

    def workplace(self) -> Workplace:
        """Return our own interpreter.

        Raises:
            FilterUnavailable: math-verify or pint is not installed.
        """
        _versions()
        return super().workplace()

    def prepare(self) -> None:
        """Load the grammar of LaTeX and the units."""
        sameness.prepare()

    def compare(self, before: str, after: str) -> Measures:
        """Return the answer, the one that the source states, and whether they agree: None where nobody can say."""
        answer = final_answer(after)
        stated = list(dict.fromkeys(stated_answers(before)))[-_MOST_STATED:]
        if answer:
            one, agrees, corrects = _verdict(before, after, answer, stated)
        else:
            one, corrects = next(reversed(stated), None), False
            agrees = _concludes(after, stated) if answer is None and stated else None
        numbers = set(_NUMBER.findall(answer or ""))
        return {
            "answer": answer,
            "stated": one,
            "agrees": agrees,
            "corrects": corrects,
            "in_source": None if not answer else bool(numbers) and numbers <= set(_NUMBER.findall(before)),
        }

    def decide(self, measures: Measures) -> str | None:
        """Say what is wrong with the answer."""
        if not measures["answer"]:
            is_missed = measures["stated"] is not None and not measures["agrees"]
            is_needed = self.required or is_missed or measures["answer"] == ""
            return "no_final_answer" if is_needed else None
        if measures["agrees"] is False and not measures["corrects"]:
            return "another_answer"
        return "answer_not_in_source" if self.numbers_in_source and not measures["in_source"] else None


def _verdict(page: str, solution: str, answer: str, stated: Sequence[str]) -> tuple[str | None, bool | None, bool]:
    """Return what a page states or comes to, whether an answer agrees with it, and whether it corrects it."""
    letters, found = options(page), worked(page)
    one, agrees = _by_statement(stated, answer, letters)
    if agrees is not True and next(stated_answers(page, is_sure=True), None) is None:
        one, agrees = by_working(page, found, solution, answer, letters)
    if agrees is False and any(_is_called_wrong(said, solution) for said in stated):
        return one, agrees, True
    is_open = agrees is False and (
        _is_disputed(page, answer)
        or _is_named(page, answer)
        or (bool(stated) and _is_of_another_part(found, answer))
    )
    return one, None if is_open else agrees, False


def _concludes(text: str, stated: Sequence[str]) -> bool:
    """Whether the last sentence of a text that marks no answer comes to one that its source states."""
    sentence = _SENTENCE_END.split(text.strip())[-1]
    results = [sentence[match.end() :] for match in _COMES_TO.finditer(sentence)]
    numbers = list(_QUANTITY.finditer(sentence))
    results += [numbers[-1][0]] if numbers else []
    return any(
        agree(one, other) is True
        for said in stated
        for one in values(said)
        for result in results
        for other in values(_RESULT_END.split(result, maxsplit=1)[0])
    )


def _by_statement(
    stated: Sequence[str], answer: str, letters: Mapping[str, str]
) -> tuple[str | None, bool | None]:
    """Return the stated answer that agrees, else the last, and whether one does."""
    given = [_with_options(reading, letters) for reading in values(polar(answer))]
    readings = {said: [_with_options(reading, letters) for reading in values(polar(said))] for said in stated}
    found = {said: any_of(agree(one, other) for one in read for other in given) for said, read in readings.items()}
    for said, verdict in reversed(found.items()):
        if verdict is True:
            return said, True
    if len(stated) > 1 and any(is_union(list(readings.values()), reading) for reading in given):
        return ", ".join(stated), True
    return next(reversed(stated), None), None if not stated or None in found.values() else False


def _with_options(answer: Sequence[Value], letters: Mapping[str, str]) -> list[Value]:
    """Return an answer in which the letter of an option has the value that the page gives it."""
    found = []
    for value in answer:
        letter = value.letter or value.math.upper()
        said = letters.get(letter, "") if letter == value.letter + value.math.upper() and not value.words else ""
        read = values(said)[0] if said else []
        found.append(replace(read[0], letter=letter) if len(read) == 1 else value)
    return found


def _is_called_wrong(stated: str, text: str) -> bool:
    """Whether a solution says of the page's answer that it is wrong, in a sentence that has its number."""
    numbers = set(_NUMBER.findall(stated))
    sentences = re.split(r"(?<=[.!?])\s+|\n", text)
    return bool(numbers) and any(
        numbers <= set(_NUMBER.findall(sentence)) and _WRONG.search(sentence) for sentence in sentences
    )


def _is_disputed(page: str, answer: str) -> bool:
    """Whether a page says that something in it is wrong, and has this answer as the result of something."""
    said = (one for one in _DISPUTE.finditer(page) if not page[: one.start() + 1].rstrip().endswith("?"))
    if (disputed := next(said, None)) is None:
        return False  # "Is 91 prime? No." disputes nothing
    given, likely = values(answer), worked(page[disputed.start() :]).ends[-MOST_ENDS:]
    return any(agree(one, other) is not False for said in likely for one in values(said) for other in given)


def _is_of_another_part(found: Worked, answer: str) -> bool:
    """Whether a page with several problems comes to this answer at the end of one of them."""
    if len(found.together) < 2:
        return False
    given = values(answer)
    together = [", ".join(said) for said in found.together if len(said) > 1]
    return any(
        agree(one, other) is True for said in (*found.ends, *together) for one in values(said) for other in given
    )


def _is_named(page: str, answer: str) -> bool:
    """Whether the sentence that a page states as its answer has the word that this is: a square has 4 sides."""
    is_word = answer.isalpha() and len(answer) > 2 and answer.lower() not in ("yes", "true", "false")
    return is_word and bool(re.search(rf"(?i)\bans(?:wer)?\b(?=[^\n]*\d)[^\n]*[ ]{answer}\b", page))


def _versions() -> dict[str, str]:
    try:
        return {package: version(package) for package in _PACKAGES}
    except PackageNotFoundError as error:
        raise FilterUnavailable(
            "comparing final answers needs packages that are not installed",
            where="check 'final_answer'",
            remedy="pip install 'swallow-builder[math]'",
        ) from error
