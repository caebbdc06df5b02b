"""What a page's working comes to, where no keyword says so: last right-hand sides, and sentences that conclude.

`tan = 5/12, cot = 12/5 = 2.4` comes to 2.4, "220 - 35 = 185 committees" to 185, "The trip took 90 minutes." to 90
minutes. What is given, asked, guessed or tried on the way is no result. Each pattern takes linear time.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from builder.checks.clauses import Clause, clauses
from builder.checks.mathematics import is_same_math
from builder.checks.notation import normal
from builder.checks.problems import Sentence, is_guess, parts

_ASIDE = re.compile(r"(?i)^\W*(?:hint|tip|note|remember|recall|check|verify|verification|proof)\b")
_GIVEN = re.compile(
    r"(?i)^\W*(?:let|use|using|given|with|where|suppose|assume|if|set|put|plug|substitute|note|recall"
    r"|remember|hint|try"
    r"|since|because|for|when|check|verify|formula|consider|start|compare|see|step \d+ of)\b"
)
_SINCE = re.compile(r"^\W*(?:Since|Because|As|For)\b[^,=]{1,80},\s")
_SO = re.compile(r"(?i)\W*(?:So|Thus|Hence|Therefore|Consequently)\b")
_ROUNDED = re.compile(r"(?i)\bround(?:ed|s|ing)?\b")
_SUBJECT = re.compile(
    r"(?:So |Thus |Hence |Therefore )?(?:[A-Z][a-z]+|I'm|I am|[Tt]he [a-z]+|[Hh]is [a-z]+"
    r"|[Hh]er [a-z]+)(?: [a-z]+){0,3} (?:is|are|has|gets|was|will be) |I['’]m "
)
_TELLS_TO = re.compile(
    r"(?i)^\W*(?:so|now|then|just|and|finally|next|you|we)\b[^.=\d]{0,50}\b(?:divide|multiply|subtract|add|halve|double"
    r"|square|plug|solve|simplify|take|finish|substitute|factor|use)\b[^=\d]*\Z"
)
_SUBSTITUTED = re.compile(  # let u = 3^x, but not let x = the number of pens
    r"(?i)\b(?:let|set|put|with|where|substitut\w+) ([a-z]) ?= ?(?=[^,.;\n]{0,30}[a-z(^])"
    r"(?![^,.;\n]{0,40}[a-z]{3})"
)
_LONGEST, _MOST_LOOSE = 50_000, 6
_Found = Sequence[tuple[Sentence, list[Clause]]]


@dataclass(frozen=True, slots=True)
class Worked:
    """What a page's working comes to.

    Attributes:
        ends: What each part of the page ends in, any of which may be the answer, the last one last.
        loose: Those of them that are numbers of what is not understood.
        together: For each part the values of its last sentences, some of which together may be the answer.
    """

    ends: Sequence[str] = ()
    loose: frozenset[str] = frozenset()
    together: Sequence[Sequence[str]] = ()


def worked(page: str) -> Worked:
    """Return what the working of a page comes to; no ends where it has none that is understood."""
    found = [[(one, results) for one in part if (results := _found(one))] for part in parts(page[:_LONGEST])]
    ends, loose, together = list[str](), set[str](), list[list[str]]()
    is_sure = any(not is_guess(one.text) for part in found for one, _ in part)
    puts = {match[1] for match in _SUBSTITUTED.finditer(page[:_LONGEST])}
    for part in found:
        sure = _without_substitutes(_without_guesses(part) if is_sure else part, puts)
        if sure:
            ends += _ends(sure)
            loose.update(one.text for _, results in sure for one in results if one.is_loose)
            last = [one for _, results in sure[-1:] for one in results]
            is_loose = all(one.is_loose for one in last) and len(last) <= _MOST_LOOSE
            kept = [one for _, results in sure[-4:] for one in results if not one.is_loose]
            together.append([one.text for one in [*kept, *(last if is_loose else ())]])
    ends += [one.replace(" dozen", "") for one in ends if " dozen" in one]
    return Worked(list(dict.fromkeys(ends)), frozenset(loose), together)


def is_unfinished(page: str) -> bool:
    """Whether the last sentence of a page's working tells what to do, and not what comes of it."""
    said = [one for part in parts(page[:_LONGEST]) for one in part if not one.is_before_question]
    while said and not (re.search(r"\d", said[-1].text) or _TELLS_TO.search(said[-1].text)):
        said.pop()
    return bool(said) and _TELLS_TO.search(said[-1].text) is not None and "=" not in said[-1].text


def _found(sentence: Sentence) -> list[Clause]:
    """Return what the clauses of a sentence come to, nothing of one that asks or gives."""
    if sentence.is_before_question or _ASIDE.match(sentence.text):
        return []
    text = _SINCE.sub("", sentence.text)
    found = list(clauses(text))
    if len(found) > 1 and found[-1].is_named:
        return found[-1:]
    is_given = _GIVEN.match(text) is not None
    return [one for one in found if not (is_given and one.is_plain and not one.is_marked)]


def _without_guesses(found: _Found) -> _Found:
    """Leave out what somebody only thought."""
    return [(one, results) for one, results in found if not is_guess(one.text)]


def _without_substitutes(found: _Found, puts: Collection[str]) -> _Found:
    """Leave out what an unknown is that was only put for another, once something else has a value."""
    if not puts or not found or found[-1][1][-1].label in puts:
        return found
    kept = [(one, [result for result in results if result.label not in puts]) for one, results in found]
    return [(one, results) for one, results in kept if results]


def _ends(found: _Found) -> Iterator[str]:
    """Yield what a part of a page may come to; nothing where nothing of it is understood.

    That is what is concluded in a paragraph, worked out last, and said last. The numbers of what follows and is
    not understood may be the result, too.
    """
    firm = [(one, kept) for one, results in found if (kept := _firm(results, is_last=one is found[-1][0]))]
    if firm:
        flat = [result for _, results in found for result in results]
        yield from (one.text for one in flat[flat.index(firm[-1][1][-1]) + 1 :] if one.is_loose or one.sides)
        yield from _firm_ends(firm)


def _firm(results: Sequence[Clause], *, is_last: bool) -> list[Clause]:
    """Return what is understood; of equations with letters on both sides those that simplify something."""
    return [
        one
        for one in results
        if not one.is_loose and (one.sides is None or (is_last and is_same_math(*map(normal, one.sides)) is True))
    ]


def _firm_ends(found: _Found) -> Iterator[str]:
    marked = {one.paragraph: results for one, results in found if any(result.is_marked for result in results)}
    strong = [(one, results) for one, results in found if any(result.is_worked for result in results)][-1:]
    last, said = found[-1]
    if _concludes(last, said, strong):
        marked[last.paragraph] = [one for one in said if one.is_marked]
        strong = []
    for results in marked.values():
        yield from [one.text for one in results if one.is_marked][-1:]
    for _, results in strong:
        yield from _last(results)
    yield from _last(said)


def _concludes(last: Sentence, said: Sequence[Clause], strong: _Found) -> bool:
    """Whether the last sentence says in words what the unknown above it, or the number to be rounded, means."""
    if not strong or strong[0][0] is last or last.paragraph - strong[0][0].paragraph > 1 or said[-1].is_worked:
        return False
    unknown = strong[0][1][-1]
    if said[-1].is_marked and (_SO.match(last.text) or not re.search(r"[\d\\π√∞]", said[-1].text)):
        return True
    return bool(_ROUNDED.search(last.text)) or (
        bool(re.fullmatch(r"[a-z]", unknown.label)) and bool(_SUBJECT.match(last.text))
    )


def _last(results: Sequence[Clause]) -> Iterator[str]:
    """Yield the last result of a sentence, those named like it, and all of these together."""
    last = results[-1]
    beside = [
        one for one in results if one.label and one.is_plain == last.is_plain and one.is_marked == last.is_marked
    ]
    labels = {one.label for one in beside}
    if last in beside and len(beside) > 1:
        is_in_order = all(len(one) == 1 for one in labels)
        yield ", ".join(sorted(one.text for one in beside) if is_in_order else (one.text for one in beside))
        yield from (one.text for one in beside if len(labels) == len(beside))
    if last not in beside or len(labels) == len(beside):
        yield last.text
