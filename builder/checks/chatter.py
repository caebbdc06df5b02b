"""Does a model talk of its task instead of doing it? Refusals, greetings, closing words, and what it left out."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import ClassVar

from builder.checks import phrases, talk
from builder.checks.base import PairCheck
from builder.checks.edits_told import edit_told
from builder.checks.elision import left_out
from builder.checks.meta_talk import told_of_code, told_of_page
from builder.checks.patterns import has_one
from builder.checks.python_code import UNREADABLE, parsed
from builder.checks.remarks import remark
from builder.checks.remarks_abroad import AGREED_ABROAD, abroad
from builder.checks.spoken import Spoken, spoken
from builder.checks.stray_prose import is_program, stray_prose
from builder.checks.talk import changes_listed, page_handled
from builder.filters.base import Measures

_ENDS = 400  # characters at either end in which a model greets or takes its leave
_MAY_HAVE = {
    one: has_one([one.pattern], one.flags & re.M)
    for one in (phrases.CHANGES, talk.ANYWHERE, talk.OF_CODE, talk.OF_PAGE)
}
_MOST_LOOKED_UP = 200  # phrases that are looked for in the source, which takes a pass over it each


class Chatter(PairCheck):
    """Refuses what is said to whoever asked: "Here is the …", "I'm sorry, but I can't …", "# other code".

    Of Python code it reads the comments and docstrings, and compares bodies with the source's. What stands in the
    source as well is the source's. English is known, and of ten other languages what is said at either end.
    """

    measures: ClassVar[Mapping[str, type]] = {"kind": str, "phrase": str}

    def compare(self, before: str, after: str) -> Measures:
        """Return the kind of the first phrase found and the phrase, None where there is none."""
        tree, source = parsed(after), parsed(before)
        said = spoken(after, tree)
        if not said.is_code:
            tree = None
        known = before.casefold()
        for kind, match in (*_at_ends(said), *_anywhere(said)):
            if match is not None and not _is_known(match["said"].casefold(), known, is_code=said.is_code):
                return {"kind": kind, "phrase": match["said"].strip()[:100]}
        if (listed := changes_listed(said.all_)) and listed.casefold() not in known:
            return {"kind": "chatter", "phrase": listed[:100]}
        if (remarked := remark(said, known)) is not None:
            return {"kind": "chatter", "phrase": remarked[:100]}
        if tree is None:
            is_page = not is_program(before, source)
            prose = page_handled(after, known) if is_page else stray_prose(after)
            if prose is not None:
                return {"kind": "chatter", "phrase": prose[:100]}
        found = _elision(before, after, source, tree)
        if found["kind"] is not None:
            return found
        told = _told(said, before, after) if said.is_code else told_of_page(said.all_, known)
        return {"kind": told and "chatter", "phrase": told and told[:100]}

    def decide(self, measures: Measures) -> str | None:
        """Say which kind it is."""
        kind: str | None = measures["kind"]
        return kind


def _told(said: Spoken, before: str, after: str) -> str | None:
    return edit_told(said.all_, after, before) or told_of_code(said.passages, said.all_, before.casefold())


def _is_known(said: str, known: str, *, is_code: bool) -> bool:
    """Whether the source says so, too, or is a program with users of its own."""
    return said in known or (is_code and said.startswith("the user") and "user" in known)


def _at_ends(said: Spoken) -> Iterator[tuple[str, re.Match[str] | None]]:
    yield "refusal", phrases.REFUSAL.search(said.begin[:_ENDS])
    yield "chatter", phrases.OPENING.search(said.begin[:_ENDS])
    yield "chatter", phrases.AGREED.search(said.begin[:_ENDS])
    yield "chatter", phrases.CLOSING.search(said.end[-_ENDS:])
    yield "chatter", AGREED_ABROAD.match(said.begin)
    yield "chatter", abroad(said.begin[:_ENDS])
    yield "chatter", abroad(said.end[-_ENDS:])


def _anywhere(said: Spoken) -> Iterator[tuple[str, re.Match[str] | None]]:
    for pattern in (phrases.CHANGES, talk.ANYWHERE, talk.OF_CODE if said.is_code else talk.OF_PAGE):
        if not _MAY_HAVE[pattern](said.all_):
            continue
        for match in islice(pattern.finditer(said.all_), _MOST_LOOKED_UP):
            yield "chatter", match


def _elision(before: str, after: str, source: ast.Module | None, tree: ast.Module | None) -> Measures:
    try:
        found = left_out(before, after, source, tree)
    except UNREADABLE:  # nested too deep: the syntax filter's to refuse
        found = None
    return {"kind": found and "elision", "phrase": found and found[:100]}
