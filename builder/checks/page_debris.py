"""Is the web page gone? Menus, cookie notices, user names, votes and times have no place in study material."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from builder.checks.base import PairCheck
from builder.checks.foreign_lines import foreign_lines
from builder.checks.markdown import without_code
from builder.checks.page_asides import is_attached, spoken_of
from builder.checks.page_labels import is_label, is_tags
from builder.checks.page_links import link_lists
from builder.checks.page_people import written_by
from builder.checks.page_source import LONGEST, Source, counted, is_fragment, is_furniture, is_mark, joined
from builder.checks.page_subject import Subject
from builder.filters.base import Measures


class PageDebris(PairCheck):
    """Refuses a text in which more than `most` lines are a web page's, not its subject's. Knows English alone."""

    most: int = Field(default=0, ge=0)

    measures: ClassVar[Mapping[str, type]] = {"lines": int, "first": str}

    def compare(self, before: str, after: str) -> Measures:
        """Count such lines of the new text, and return the first."""
        source = Source(before)
        text = without_code(after)
        lines = text.splitlines()
        foreign = set(foreign_lines(text, source))
        others = link_lists(lines, before) | written_by(lines, source.people) | spoken_of(lines)
        tags = [line.strip() for line in after.splitlines() if is_tags(line, before.lower())]
        subject = Subject(lines, before)
        found = tags + [
            line.strip()
            for number, line in enumerate(lines)
            if len(line) <= LONGEST
            and (
                line.strip() in foreign
                or number in others
                or is_furniture(line, source)
                or is_attached(line, source.people)
                or is_label(line)
                or ((sure := joined(line, source)) and sure > subject.shares(number))
                or ((part := counted(line, source)) is not None and not subject.has(number, part))
                or (is_fragment(line, source) and not subject.is_own(number, line))
                or (is_mark(line, source) and not subject.has_number(number))
            )
        ]
        return {"lines": len(found), "first": found[0] if found else None}

    def decide(self, measures: Measures) -> str | None:
        """Say that there are too many."""
        return "page_debris" if measures["lines"] > self.most else None
