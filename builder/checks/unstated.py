"""Does an answer agree with a page that states none? Its working is read twice, by sentences and by values.

Only what both find wrong is refused: a page says what comes out in more ways than anybody has thought of.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from builder.checks.agreement import agree, any_of, is_union
from builder.checks.forms import form
from builder.checks.math_page import Page
from builder.checks.polarity import as_polar, is_claim, is_polar, polar
from builder.checks.problems import parts
from builder.checks.values import values
from builder.checks.worked import Worked, is_unfinished

MOST_ENDS = 8
_MOST_WORDS = 12  # of an answer that is compared
_WORD = re.compile(r"[a-z]{2,}|\d+")
_OPTION = re.compile(r"\W*[A-Ha-h][.):]")
_DENIES = re.compile(r"(?i)\b(?:no|none|not|undefined|infinitely|diverges?|impossible)\b")
_ASKED = re.compile(
    r"(?i)[^.?!\n]*\?|[^.?!\n]*\b(?:find|compute|calculate|determine|evaluate|solve|give)\b[^.?!\n]*"
)
_LONGEST_PROBLEM = 2000
_FEWEST_WORDS = 3  # of an option that a page says in a sentence
_SAYS_NONE = re.compile(r"(?i)\bno\b|\bnot\b|undefined|infinitely")
_LITTLE = frozenset(
    re.findall(
        r"\w+",
        "the and for find what how many much are was does did has have with that this his her its from",
    )
)
_MARKED = re.compile(r"\d|\\[a-z]|[π∞√∅]")


def compared_with_working(page: Page, solution: str, answer: str) -> tuple[str | None, bool | None]:
    """Return what a page's working comes to, and whether an answer agrees with it; None where nobody can say.

    Args:
        page: A page that states no answer.
        solution: What ends with the answer.
        answer: The answer.
    """
    found = page.worked
    if len(re.findall(r"[A-Za-z]{3,}", answer)) > _MOST_WORDS:
        return None, None
    said = as_polar(answer, page.text) if any(map(is_polar, found.ends)) else answer
    one, agrees = _by_sentences(found, said)
    if agrees is None and (chosen := _chosen(page.text, answer, page.letters)) is not None:
        return one, chosen
    if _is_unread(said) or (agrees is False and is_unfinished(page.text)):
        return one, agrees or None
    given = [one for one in values(said) if one]
    standings = page.standings.for_(given[0] if given else ())
    if agrees and standings.are_narrowed(given[0] if given else ()):
        return one, False
    if agrees and all(map(standings.are_steps, given)):
        return one, False
    if agrees is None and given and all(map(standings.are_foreign, given)):
        return one, False
    if agrees is False and one is not None and _is_worded(one) and _SAYS_NONE.search(one):
        return one, False
    asked = frozenset(re.findall(r"[a-z]{3,}", _question(solution).lower())) - _LITTLE
    may_be_result = any(standings.are_results(one, asked) for one in given)
    return one, None if agrees is False and may_be_result else agrees


def _by_sentences(found: Worked, answer: str) -> tuple[str | None, bool | None]:
    """Return the end of a page's working that agrees with an answer, else the last, and whether one does."""
    ends = [one for one in found.ends if is_polar(one) == is_polar(answer)][-MOST_ENDS:]
    if _MARKED.search(answer):
        ends = [one for one in ends if not _is_worded(one) or one is ends[-1]]  # so it converges, and S = 16
    given, verdict = values(polar(answer)), list[bool | None]()
    for end in reversed(ends):
        verdict.append(any_of(agree(one, other) for one in values(polar(end)) for other in given))
        if verdict[-1]:
            return end, True
    if not _MARKED.search(answer) and not is_polar(answer) and verdict and not any(map(_is_worded, ends)):
        return ends[-1], None if not _DENIES.search(answer) else any_of(verdict)
    for together in [*found.together, [one for one in ends if one not in found.loose]]:
        readings = [values(said) for said in together]
        if any(is_union(readings, reading) for reading in given):
            return ", ".join(together), True
    return next(reversed(ends), None), None if not ends or None in verdict else False


def _question(solution: str) -> str:
    """Return the last question or task of a solution's problem."""
    asked = _ASKED.findall(solution.partition("**Solution")[0][:_LONGEST_PROBLEM])
    return asked[-1] if asked else ""


def _is_worded(said: str) -> bool:
    return bool(re.search(r"[A-Za-z]{4}", said)) and not re.search(r"\d|\\[a-z]|=", said)


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
    if is_polar(answer) or _DENIES.search(answer):
        return False
    if is_claim(answer):
        return True
    forms = [form(value.math) for reading in values(answer) for value in reading if value.math]
    return any(one is None or one.kind == "identity" for one in forms)
