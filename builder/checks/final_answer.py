"""Does a solution end with its answer, and is that the source's? Compared as sets of values with their units."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import ClassVar

from builder.checks import agreement
from builder.checks.base import PairCheck
from builder.checks.forms import form
from builder.checks.problems import parts
from builder.checks.standing import are_results, is_foreign
from builder.checks.stated import final_answer, options, stated_answers
from builder.checks.values import Value, values
from builder.checks.worked import is_unfinished, worked
from builder.errors import FilterUnavailable
from builder.filters.base import Measures, Workplace

_PACKAGES = ("math-verify", "Pint")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_MOST_STATED = 20
_MOST_ENDS = 8
_WORD = re.compile(r"[a-z]{2,}|\d+")
_OPTION = re.compile(r"\W*[A-Ha-h][.):]")
_FEWEST_WORDS = 3  # of an option that a page says in a sentence
_DENIES = re.compile(r"(?i)\b(?:no|none|not|undefined|infinitely|diverges?|impossible)\b")
_MOST_WORDS = 12  # of an answer that is compared with a page's working
_POLAR = re.compile(
    r"(?i)\W*(?:(?:(?:the|this|that) )?(?:statement|claim|assertion|it|this|that)(?: is|:) )?(yes|no|true|false)\b"
    r"(?=\W*(?:\Z|[,.;:!–—-]))"
)
_CLAIM = re.compile(r"(?i)\b(?:is|are|has|have)\b(?=[^\d=]*\Z)")
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
_RESULT = re.compile(r"(?:=|≈|\b(?:is|be|are|get|got|gives?|to|so)\b)\s*([^\n=]{1,60})")
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
        agreement.prepare()

    def compare(self, before: str, after: str) -> Measures:
        """Return the answer, the one that the source states, and whether they agree: None where nobody can say."""
        answer, letters = final_answer(after), options(before)
        stated = list(dict.fromkeys(stated_answers(before)))[-_MOST_STATED:]
        is_sure = next(stated_answers(before, is_sure=True), None) is not None
        one, agrees = _agreement(stated, answer, letters) if answer else (next(reversed(stated), None), None)
        if answer is None and stated:
            agrees = _concludes(after, stated)
        if (
            answer
            and not is_sure
            and agrees is not True
            and len(re.findall(r"[A-Za-z]{3,}", answer)) <= _MOST_WORDS
        ):
            one, agrees = _worked_agreement(before, answer)
            agrees = _chosen(before, answer, letters) if agrees is None else agrees
            if agrees is False and (_is_unread(answer) or is_unfinished(before)):
                agrees = None
            elif (
                agrees is None
                and not _is_unread(answer)
                and all(is_foreign(before, one) for one in values(answer))
            ):
                agrees = False
        corrects = answer is not None and agrees is False and any(_is_called_wrong(said, after) for said in stated)
        is_open = answer and (
            _is_disputed(before, answer)
            or _is_named(before, answer)
            or (bool(stated) and _is_of_another_part(before, answer))
        )
        if agrees is False and not corrects and is_open:
            agrees = None
        if answer and not is_sure and agrees is False and _may_be_result(before, answer):
            agrees = None
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


def _concludes(text: str, stated: Sequence[str]) -> bool:
    """Whether the last sentence of a text that marks no answer comes to one that its source states."""
    sentence = _SENTENCE_END.split(text.strip())[-1]
    results = [sentence[match.end() :] for match in _COMES_TO.finditer(sentence)]
    numbers = list(_QUANTITY.finditer(sentence))
    results += [numbers[-1][0]] if numbers else []
    return any(
        agreement.agree(one, other) is True
        for said in stated
        for one in values(said)
        for result in results
        for other in values(_RESULT_END.split(result, maxsplit=1)[0])
    )


def _agreement(stated: Sequence[str], answer: str, letters: Mapping[str, str]) -> tuple[str | None, bool | None]:
    """Return the stated answer that agrees, else the last, and whether one does."""
    given = [_with_options(reading, letters) for reading in values(_polar(answer))]
    readings = {said: [_with_options(reading, letters) for reading in values(_polar(said))] for said in stated}
    found = {
        said: _any(agreement.agree(one, other) for one in read for other in given)
        for said, read in readings.items()
    }
    for said, verdict in reversed(found.items()):
        if verdict is True:
            return said, True
    if len(stated) > 1 and any(_is_union(list(readings.values()), reading) for reading in given):
        return ", ".join(stated), True
    return next(reversed(stated), None), None if not stated or None in found.values() else False


def _worked_agreement(page: str, answer: str) -> tuple[str | None, bool | None]:
    """Return the end of a page's working that agrees with an answer, else the last, and whether one does."""
    found = worked(page)
    ends = [one for one in found.ends if bool(_POLAR.match(one)) == bool(_POLAR.match(answer))][-_MOST_ENDS:]
    given, verdict = values(_polar(answer)), list[bool | None]()
    for end in reversed(ends):
        verdict.append(_any(agreement.agree(one, other) for one in values(_polar(end)) for other in given))
        if verdict[-1]:
            return end, True
    if not re.search(r"\d|\\[a-z]|[π∞√∅]", answer) and verdict and not any(map(_is_worded, ends)):
        return ends[-1], None if not _DENIES.search(answer) else _any(verdict)
    for together in [*found.together, ends]:
        readings = [values(said) for said in together]
        if any(_is_union(readings, reading) for reading in given):
            return ", ".join(together), True
    return next(reversed(ends), None), None if not ends or None in verdict else False


def _is_worded(said: str) -> bool:
    return bool(re.search(r"[A-Za-z]{4}", said)) and not re.search(r"\d|\\[a-z]|=", said)


def _polar(said: str) -> str:
    """Return the yes or no that an answer begins with, else all of it: `No, it is not prime`."""
    match = _POLAR.match(said)
    return match[1] if match is not None else said


def _chosen(page: str, answer: str, letters: Mapping[str, str]) -> bool | None:
    """Whether a page says in a sentence what the option with an answer's letter says; None where it says none."""
    letter = next((value.letter or value.math for reading in values(answer) for value in reading), "")
    said = {by: " ".join(_WORD.findall(text.lower())) for by, text in letters.items()}
    if len(said.get(letter, "").split()) < _FEWEST_WORDS:
        return None
    sentences = [one.text for part in parts(page) for one in part if not _OPTION.match(one.text)]
    plain = [" ".join(_WORD.findall(one.lower())) for one in sentences]
    long = {by: text for by, text in said.items() if len(text.split()) >= _FEWEST_WORDS}
    chosen = [by for by, text in long.items() if any(map(_ends(text), plain))]
    return letter == chosen[0] if len(chosen) == 1 else None


def _ends(text: str) -> Callable[[str], bool]:
    return lambda sentence: f" {sentence}".endswith(f" {text}")


def _is_unread(answer: str) -> bool:
    """Whether an answer has words that nobody compares: the square root of 2 is irrational."""
    if _POLAR.match(answer) or _DENIES.search(answer):
        return False
    if _CLAIM.search(answer):
        return True
    return any(value.math and form(value.math) is None for reading in values(answer) for value in reading)


def _any(verdicts: Iterable[bool | None]) -> bool | None:
    """Return True where one is True, else None where one is None."""
    found = set(verdicts)
    return True if True in found else None if None in found else False


def _is_union(stated: Sequence[Sequence[Sequence[Value]]], answer: Sequence[Value]) -> bool:
    """Whether an answer's values are those of several that a page states, each of them whole."""
    if any(agreement.is_exchanged(reading, answer) for said in stated for reading in said):
        return False
    left = list(answer)
    for said in stated:
        for reading in said:
            matched = [next((one for one in left if agreement.same(value, one)), None) for value in reading]
            if reading and None not in matched:
                left = [one for one in left if not any(one is match for match in matched)]
                break
    return not left and len(answer) > 1


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
    disputed = _DISPUTE.search(page)
    if disputed is None:
        return False
    given, likely = values(answer), worked(page[disputed.start() :]).ends[-_MOST_ENDS:]
    return any(
        agreement.agree(one, other) is not False for said in likely for one in values(said) for other in given
    )


def _is_of_another_part(page: str, answer: str) -> bool:
    """Whether a page with several problems comes to this answer at the end of one of them."""
    found = worked(page)
    if len(found.together) < 2:
        return False
    given = values(answer)
    together = [", ".join(said) for said in found.together if len(said) > 1]
    return any(
        agreement.agree(one, other) is True
        for said in (*found.ends, *together)
        for one in values(said)
        for other in given
    )


def _may_be_result(page: str, answer: str) -> bool:
    return any(are_results(page, one) and not _has_exchanged(page, one) for one in values(answer))


def _has_exchanged(page: str, answer: Sequence[Value]) -> bool:
    """Whether an answer gives to each of its names what every problem of the page that has them gives another."""
    names = {value.label: value for value in answer if value.label and value.label[0] != "#"}
    verdicts = list[bool]()
    for said in worked(page).together:
        known = {value.label: value for one in said for value in values(one)[0]}
        if len(names) > 1 and names.keys() <= known.keys():
            verdicts.append(all(agreement.same(value, known[name]) is False for name, value in names.items()))
    return bool(verdicts) and all(verdicts)


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
