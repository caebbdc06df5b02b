"""Whether an answer is its page's: by what the page states, else by what its working comes to."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from builder.checks.agreement import agree, any_of, is_union
from builder.checks.clauses import unfit
from builder.checks.math_page import Page
from builder.checks.naming import are_exchanged
from builder.checks.polarity import is_claim, is_polar, polar
from builder.checks.sameness import same
from builder.checks.standing import Standing
from builder.checks.unstated import MOST_ENDS, compared_with_working
from builder.checks.values import Value, values
from builder.checks.worked import Worked, worked

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_OPTION = re.compile(r"\(?[A-Ha-h]\)?")
_PLAIN = re.compile(r"-?(?:\d+(?:\.\d+)?|\.\d+|\\frac\{-?\d+\}\{\d+\}|\d+/\d+)%?")
_WRONG = re.compile(
    r"(?i)\b(?:wrong(?:ly)?|incorrect(?:ly)?|mistakes?|mistaken(?:ly)?|errors?|erroneous(?:ly)?|slips?|miscalculat\w*"
    r"|misprints?|typos?|instead of|rather than|tempting|not (?:correct|right))\b"
)
_DENIED = r"(?:is|are|was|does|do|did|can) ?not|isn't|aren't|doesn't|cannot|can't|fails?|and not|not"
_DISPUTE = re.compile(
    r"(?i)(?:^|[.!?:>]\s{1,9}|\n)\W{0,5}(?:(?:no|wrong|edit|sorry|careful)\b[,:.!]"  # not "Go Premium: no ads"
    r"|(?:no way|nope|incorrect|not quite|actually|correction)\b[,:.! ])"
    r"|\b(?:that(?:'s| is)|this is|you are|you're|answer is|is) (?:wrong|incorrect|mistaken|not (?:right"
    r"|correct))\b|\bisn't (?:right|correct)\b|\byou(?:'ve| have)? (?:forgot|missed|overlooked|mis\w+)"
    r"|\b(?:yikes|oops|whoops)\b"
    r"|\b(?:a|the|your|made an?) (?:mistake|error)\b|\bshould (?:be|have been)\b"
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an answer is a page's.

    Attributes:
        stated: What the page states or comes to, the answer where they agree; None where it is not known.
        agrees: Whether they agree, None where nobody can say.
        corrects: Whether the solution says that the page's answer is wrong.
    """

    stated: str | None = None
    agrees: bool | None = None
    corrects: bool = False


def judged(page: Page, solution: str, answer: str, *, by_working: bool) -> Verdict:
    """Return whether the answer that a solution ends with is its page's.

    Args:
        page: The page.
        solution: What ends with the answer.
        answer: The answer.
        by_working: Whether it is not, too, where the page states none and its working seems to come to another.
    """
    one, agrees = _by_statement(page, answer)
    if agrees is not True and (not page.is_sure or (agrees is None and all(map(_OPTION.fullmatch, page.stated)))):
        comes_to, agrees = compared_with_working(page, solution, answer)
        one = one if comes_to is None else comes_to
    is_other = agrees is not False and _is_other(page, answer)
    if agrees is not False and not is_other:
        return Verdict(one, agrees)
    if not (by_working or is_other or page.is_sure) and _may_stand(page, answer):
        return Verdict(one)
    if any(_is_called_wrong(said, solution) for said in (*page.stated, one or "")):
        return Verdict(one, False, corrects=True)
    is_open = not is_other and (
        _is_disputed(page, answer)
        or _is_named(page.text, answer)
        or (bool(page.stated) and _is_of_another_part(page.worked, answer))
    )
    return Verdict(one, None if is_open else False)


def _is_other(page: Page, answer: str) -> bool:
    """Whether an answer whose values a page may come to has a root that it rejects, or other names or units."""
    return (
        (not page.is_sure and _has_unfit(page, answer))
        or are_exchanged(page.text, answer)
        or _has_other_unit(page, answer)
    )


def _may_stand(page: Page, answer: str) -> bool:
    """Whether a page may say what an answer says: it has all of its numbers, or it is no number or list of some.

    What a page that states no answer comes to is told in more ways than can be read: of pages that nobody had
    seen, a third of the right answers were taken for others than the working's.
    """
    if is_polar(answer) or is_claim(answer):
        return False
    readings = [reading for reading in values(answer) if reading]
    if any(not all(map(_is_plain, reading)) for reading in readings):
        return not any(value.words for reading in readings for value in reading)
    return any(
        all(page.standings.of(value, is_alone=False) is not Standing.ABSENT for value in reading)
        for reading in readings
    )


def _is_plain(value: Value) -> bool:
    return _PLAIN.fullmatch(value.math.replace(" ", "")) is not None


def _has_unfit(page: Page, answer: str) -> bool:
    """Whether a page says of a value of an answer that it is no solution."""
    return any(
        same(replace(value, label=""), Value(said.replace("−", "-"))) is True
        for said in unfit(page.text)
        for reading in values(answer)
        for value in reading
    )


def _has_other_unit(page: Page, answer: str) -> bool:
    """Whether a page has every number of an answer with other units alone."""
    measured = [[value for value in reading if value.unit is not None] for reading in values(answer)]
    return all(measured) and all(any(map(page.standings.has_other_unit, reading)) for reading in measured)


def _by_statement(page: Page, answer: str) -> tuple[str | None, bool | None]:
    """Return the stated answer that agrees, else the last, and whether one does."""
    stated, letters = page.stated, page.letters
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
    sentences = (one for one in re.split(r"(?<=[.!?])\s+|\n", text) if numbers <= set(_NUMBER.findall(one)))
    said = "|".join(rf"(?<![\d.]){re.escape(one)}(?!\d|\.\d)" for one in numbers)
    denied = rf"(?i)\b(?:{_DENIED})\s(?:\w+ ){{0,3}}[\\$€£(]*(?:{said})|(?:{said})[^.\d]{{0,30}}\b(?:{_DENIED})\b"
    return bool(numbers) and any(_WRONG.search(one) or re.search(denied, one) for one in sentences)


def _is_disputed(page: Page, answer: str) -> bool:
    """Whether a page says that something in it is wrong, and has this answer as the result of something."""
    text = page.text
    said = (one for one in _DISPUTE.finditer(text) if not text[: one.start() + 1].rstrip().endswith("?"))
    if (disputed := next(said, None)) is None:
        return False  # "Is 91 prime? No." disputes nothing
    given, likely = values(answer), worked(text[disputed.start() :]).ends[-MOST_ENDS:]
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
