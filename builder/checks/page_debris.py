"""Is the web page gone? Menus, cookie notices, user names, votes and times have no place in study material."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from builder.checks.base import PairCheck
from builder.filters.base import Measures

_LONGEST = 200  # characters of a line that may be a page's

_ITEM = (
    "(?:home|log ?in|log ?out|sign ?in|sign ?up|sign ?out|register|share(?: this)?|reply|report|quote|like|follow"
    "|subscribe|menu|search|next(?: page| thread)?|previous(?: page| thread)?|back to top|contact(?: us)?"
    "|about(?: us)?|terms|privacy|faq|help|tweet|print|permalink|read more|load more|advertisement"
    "|skip to (?:main )?content)"
)
_BETWEEN = r" *[|·»›>•/] *"  # a comma or a dash is prose too: "Next, multiply both sides by 2."
_WORDS = r"\w+(?: +\w+){0,5}"  # no space at either end: one that two parts could take would be tried in both
_LINES = tuple(
    re.compile(pattern, re.I)
    for pattern in (
        rf"\W*{_ITEM}(?:{_BETWEEN}{_WORDS}){{0,40}}\W*",
        r".*\b(?:all rights reserved|privacy policy|terms of (?:use|service)|terms and conditions)\b.*",
        r".*\b(?:cookie (?:policy|notice)|(?:uses?|accept|allow|our) (?:all )?cookies|value your privacy)\b.*",
        r".*(?:©|\(c\) ?(?:19|20)\d\d|copyright (?:19|20)\d\d).*",
        r"\W*(?:posted|asked|answered|edited|submitted|published|updated|last (?:edited|updated|modified))"
        r" (?:by|on|at)\b.*",
        r"\W*(?:\w+\W+){0,2}\d[\d,]* (?:views?|replies|votes?|comments|posts|upvotes|likes)"
        r"(?:\W+\d[\d,]* \w+){0,3}\W*",
        r"\W*(?:views|replies|votes|tags|joined|posts|reputation) ?: .*",
        r"\W*https?://\S+\W*",
    )
)


class PageDebris(PairCheck):
    """Refuses a text in which more than `most` lines are a web page's, not its subject's. Knows English alone."""

    most: int = Field(default=0, ge=0)

    measures: ClassVar[Mapping[str, type]] = {"lines": int, "first": str}

    def compare(self, before: str, after: str) -> Measures:
        """Count such lines of the new text, and return the first."""
        del before
        short = (line.strip() for line in after.splitlines() if len(line) <= _LONGEST)
        found = [line for line in short if any(pattern.fullmatch(line) for pattern in _LINES)]
        return {"lines": len(found), "first": found[0] if found else None}

    def decide(self, measures: Measures) -> str | None:
        """Say that there are too many."""
        return "page_debris" if measures["lines"] > self.most else None
