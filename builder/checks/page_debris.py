"""Is the web page gone? Menus, cookie notices, user names, votes and times have no place in study material."""

from __future__ import annotations

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import ClassVar

from pydantic import Field

from builder.checks.base import PairCheck
from builder.checks.markdown import without_code
from builder.checks.page_lines import ITEMS, LINES, LONE, TITLES
from builder.checks.page_segments import is_pages, is_spoken, speakers
from builder.filters.base import Measures

_LONGEST = 200  # characters of a line that may be a page's

_LINK = re.compile(r"!?\[([^\[\]\n]*)\]\([^()\s]*\)")
_MARKUP = re.compile(r"\A[\s>*_•·◦▪|#-]+|[\s*_|]+\Z")
_TITLE = re.compile(r"\s*(?:#{1,6} |\*\*[^*]+\*\*:?\s*\Z)")
_PROMPT = re.compile(r"\s*(?:>>>|\.\.\.) ")
_ROW = re.compile(r"\s*\|.*\|\s*")


class PageDebris(PairCheck):
    """Refuses a text in which more than `most` lines are a web page's, not its subject's. Knows English alone."""

    most: int = Field(default=0, ge=0)

    measures: ClassVar[Mapping[str, type]] = {"lines": int, "first": str}

    def compare(self, before: str, after: str) -> Measures:
        """Count such lines of the new text, and return the first."""
        talk = speakers(before)
        lines = (line for line in without_code(after).splitlines() if len(line) <= _LONGEST)
        found = [line.strip() for line in lines if _is_debris(line, talk)]
        return {"lines": len(found), "first": found[0] if found else None}

    def decide(self, measures: Measures) -> str | None:
        """Say that there are too many."""
        return "page_debris" if measures["lines"] > self.most else None


def _is_debris(line: str, talk: AbstractSet[str]) -> bool:
    said = _MARKUP.sub("", _LINK.sub(r"\1", line))
    if not said or _PROMPT.match(line) or (_ROW.fullmatch(line) and not ITEMS.search(line)):
        return False
    if _TITLE.match(line):
        return any(pattern.fullmatch(said) for pattern in TITLES)
    if said.partition(":")[0] in talk or is_spoken(said):
        return True
    return bool(LONE.fullmatch(said)) or is_pages(said) or any(pattern.fullmatch(said) for pattern in LINES)
