"""A page's mathematics in pieces, between words, relations and punctuation, each with what it is said to be."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from builder.checks.notation import normal, readings
from builder.checks.problems import is_guess, parts
from builder.checks.units import unit
from builder.checks.values import Value, value

_CUT = re.compile(
    r"(?P<relation>\\approx|≈|=>|->|[→⟹⇒=✓]|\\(?:to|rightarrow|Rightarrow|implies|therefore)(?![A-Za-z]))"
    r"|(?P<stop>[:;!?|]|\.(?=\s|\Z)|,(?!\d{3}(?!\d)))"
    r"|(?P<word>(?<![\\A-Za-z{\d])[A-Za-z]{2,}(?:['-][A-Za-z]+)*(?:/[A-Za-z]+)?(?:\^\{-?\d\})?(?![A-Za-z(}]))"
)
_TELLS_NOT = re.compile(  # what a number that is given, or used, stands behind
    "of|with|by|from|per|in|the|an?|at|every|each|for|into|over|times|minus|plus|divided|if|when|let|since|because|take"
    "|use|using|given|put|add|subtract|multiply|divide|between|on|as|first|last|next|step|number|chapter|page|than|not"
)
_ANEW = re.compile(
    r"(?i)^\W*(?:follow[- ]?up|bonus|extra|extension|challenge|also|for (?:a|an|the)\b|similarly|note|now you|try"
    r"|next|question|part|exercise|example|problem|what if|remark|check|verif|alternativ|another)"
)
_CHECKS = re.compile(r"(?i)^\W*(?:check|verif|note\b|remark\b|remember\b|tip\b)")
_OPERATOR = re.compile(r"[-+*/^!√]|\\(?:frac|sqrt|times|cdot|div)|\d ?\(")
_LABELLED = re.compile(r"(?i)\(?([a-h])[.)]\s")
_DATA = re.compile(r":(?:\s*[-\d.]+\s*,){3,}")  # 7, 9, 4, 7, 10 are given
_ORDINAL = re.compile(r"\b\d+(st|nd|rd|th) (?=[a-z])")
_GIVEN = re.compile(r"(?i)\W*(?:if|given|suppose|assume|let)\b[^,;:]*(?=[,;:])")
_WORDS = re.compile(r"(?: ?[A-Za-z]+(?:/[A-Za-z]+)?(?:\^\{-?\d\})?){1,3}")
_SO = re.compile(r"(?i)\W*(?:so|thus|hence|therefore)\b")
_SHORT = 3  # words of a line that says results alone: centre (3, -2), radius 5
_LONGEST, _LONGEST_SENTENCE = 30_000, 400


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of mathematics between words, relations and punctuation.

    Attributes:
        value: It, with its unit.
        is_result: Whether what stands before it says that something comes to it.
        is_compound: Whether something is worked out in it.
        part: The problem of the page that it is in.
        label: The part of a problem that it is in, as `Value.label` has it: `#0` behind (a).
        sentence: Its sentence.
        words: The words of its sentence before it, behind the piece before.
    """

    value: Value
    is_result: bool
    is_compound: bool
    part: int = 0
    label: str = ""
    sentence: int = 0
    words: frozenset[str] = frozenset()


def pieces(page: str, *, keeps_equations: bool = False) -> Iterator[Piece]:
    """Yield the pieces of a page in order, but for those of what is only thought, or checked.

    Args:
        page: The page.
        keeps_equations: Whether an equation is one piece.
    """
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
            is_so = _SO.match(one.text) is not None
            found = (
                []
                if is_guess(one.text) or _CHECKS.match(one.text)
                else list(_of_sentence(one.text, keeps_equations=keeps_equations))
            )
            for piece in found:
                is_told = piece.is_result or (is_so and len(found) == 1)  # Hence it is done in 6 days
                is_result = is_told and not one.is_before_question
                is_solved = is_solved or is_result
                yield replace(piece, part=number, label=label, sentence=sentence, is_result=is_result)
        number += 1


def _of_sentence(sentence: str, *, keeps_equations: bool) -> Iterator[Piece]:
    text = normal(_ORDINAL.sub(r"\1", _DATA.sub(" ", sentence[:_LONGEST_SENTENCE])))
    given = _GIVEN.match(text)
    is_short = len(re.findall(r"(?<!\\\\)[A-Za-z]{2,}", text)) <= _SHORT
    found = (cut for cut in _CUT.finditer(text) if not _is_within_brackets(text, cut))
    cuts = [None, *(cut for cut in found if not (keeps_equations and cut[0] == "=")), None]
    was_result, said_before = False, 0
    for before, after in pairwise(cuts):
        begin, end = before.end() if before else 0, after.start() if after else len(text)
        said = _stripped(text[begin:end])
        if not said or not re.search(r"\d|\\pi|\\infty|[a-z]", said):
            continue
        is_compound = bool(_OPERATOR.search(said.lstrip("-")))
        is_point = said[0] == "(" and before is not None and before[0].lower() == "at"
        is_told = is_short or is_point or "=" in said or _tells(before, is_compound=is_compound)
        is_result = is_told and not _goes_on(after) and (given is None or begin >= given.end())
        is_listed = before is not None and before[0] == "," and not was_result
        was_result = is_result and not is_listed
        word = _unit(text[end:]) if after is not None and after["word"] else ""
        words = frozenset(re.findall(r"(?<!\\\\)[a-z]{2,}", text[said_before:begin].lower()))
        said_before = end
        for one in value(readings(said + word)[0]):
            yield Piece(one, was_result, is_compound, words=words)


def _unit(text: str) -> str:
    """Return the unit that a text begins with, of up to three words: `cubic feet per second`."""
    words = _WORDS.match(text)
    said = words[0].split() if words is not None else []
    return next((f" {one}" for many in (3, 2, 1) if unit(one := " ".join(said[:many])) is not None), "")


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
    return re.fullmatch(r"[^()\[\]]{1,40}", inner) is not None and not re.search(r"(?<!\\)\b[A-Za-z]{2}", inner)


def _tells(before: re.Match[str] | None, *, is_compound: bool) -> bool:
    """Whether what stands before a piece says that something comes to it."""
    if before is None or before["stop"]:
        return (before is not None and before[0] == ":") or not is_compound
    return before["word"] is None or _TELLS_NOT.fullmatch(before["word"].lower()) is None


def _stripped(said: str) -> str:
    """Return a piece without spaces and brackets that are not closed in it."""
    said = said.strip(" *_$&")
    while said and (said[0] in ")]}" or (said[0] in "([{" and _open(said) > 0)):
        said = said[1:].strip()
    while said and (said[-1] in "([{" or (said[-1] in ")]}" and _open(said) < 0)):
        said = said[:-1].strip()
    return said


def _open(said: str) -> int:
    """Return how many more brackets open than close: a half-open interval has one of each."""
    return sum(map(said.count, "([{")) - sum(map(said.count, ")]}"))
