"""Is the web page gone? Menus, cookie notices, user names, votes and times have no place in study material."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from pydantic import Field

from builder.checks.base import PairCheck
from builder.checks.foreign_lines import foreign_lines
from builder.checks.markdown import without_code
from builder.checks.page_lines import COUNTS, ITEMS, LINES, LONE, TITLES
from builder.checks.page_segments import is_pages, is_spoken, speakers
from builder.checks.page_subject import Subject, is_problem
from builder.checks.page_words import is_of_web_words
from builder.filters.base import Measures

_LONGEST = 200  # characters of a line that may be a page's

_LINK = re.compile(r"!?\[([^\[\]\n]*)\]\([^()\s]*\)")
_MARKUP = re.compile(r"\A[\s>*_•·◦▪|#-]+|[\s*_|]+\Z")
_TITLE = re.compile(r"\s*(?:#{1,6} |\*\*[^*]+\*\*:?\s*\Z)")
_ANSWER = re.compile(r"#### .*\d")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*|[▲▼⬆⬇★☆⭐👍👎♥❤]")
_PROMPT = re.compile(r"\s*(?:>>>|\.\.\.) ")
_ROW = re.compile(r"\s*\|.*\|\s*")


class PageDebris(PairCheck):
    """Refuses a text in which more than `most` lines are a web page's, not its subject's. Knows English alone."""

    most: int = Field(default=0, ge=0)

    measures: ClassVar[Mapping[str, type]] = {"lines": int, "first": str}

    def compare(self, before: str, after: str) -> Measures:
        """Count such lines of the new text, and return the first."""
        page = _Page.read(before)
        text = without_code(after)
        foreign = set(foreign_lines(text, before))
        lines = text.splitlines()
        subject = Subject(lines, before)
        found = [
            line.strip()
            for number, line in enumerate(lines)
            if len(line) <= _LONGEST
            and (line.strip() in foreign or _is_debris(line, page) or _counts(line, number, page, subject))
        ]
        return {"lines": len(found), "first": found[0] if found else None}

    def decide(self, measures: Measures) -> str | None:
        """Say that there are too many."""
        return "page_debris" if measures["lines"] > self.most else None


@dataclass(frozen=True, slots=True)
class _Page:
    """What the source says of lines that may be its own.

    Attributes:
        lines: Its lines, without markup, in lower case.
        numbers: Its numbers, and its stars, hearts and arrows.
        talkers: Names of those who talk in it, in lower case.
    """

    lines: frozenset[str]
    numbers: frozenset[str]
    talkers: frozenset[str]

    @classmethod
    def read(cls, page: str) -> _Page:
        lines = frozenset(_plain(line).lower() for line in page.splitlines() if len(line) <= _LONGEST)
        return cls(lines, frozenset(_NUMBER.findall(page)), speakers(page))

    def has_numbers(self, line: str) -> bool:
        """Whether the numbers of a line are the page's; of no page, any may be."""
        return not self.lines or self.numbers.issuperset(_NUMBER.findall(line))


def _plain(line: str) -> str:
    return _MARKUP.sub("", _LINK.sub(r"\1", line))


def _is_debris(line: str, page: _Page) -> bool:
    said = _plain(line)
    if not said or _is_exempt(line):
        return False
    if _TITLE.match(line):
        return any(pattern.fullmatch(said) for pattern in TITLES)
    if said.partition(":")[0] in page.talkers or is_spoken(said) or LONE.fullmatch(said):
        return True
    is_of_page = said.lower() in page.lines
    if not is_of_page and is_problem(said):
        return False
    return any(pattern.fullmatch(said) for pattern in LINES) or is_of_web_words(said, is_of_page=is_of_page)


def _counts(line: str, number: int, page: _Page, subject: Subject) -> bool:
    """Whether a line is the page's counts, ratings and dates, and not this text's own."""
    said = _plain(line)
    if not said or _is_exempt(line) or not page.has_numbers(said):
        return False
    is_pages_own = not _TITLE.match(line) and is_pages(said, is_of_page=said.lower() in page.lines)
    is_count = any(pattern.fullmatch(said) for pattern in COUNTS)
    return (is_pages_own or is_count) and not subject.has(number, said)


def _is_exempt(line: str) -> bool:
    """Whether a line is one of a session, of a table, or the answer that a solution ends with."""
    is_row = _ROW.fullmatch(line) is not None and not ITEMS.search(line)
    return is_row or bool(_PROMPT.match(line) or _ANSWER.match(line))
