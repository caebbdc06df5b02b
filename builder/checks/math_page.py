"""A page of mathematics, read once: what it states, what its options say, what its working comes to."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property

from builder.checks.attempts import without_denied
from builder.checks.standing import Standings
from builder.checks.stated import options, stated_answers
from builder.checks.worked import Worked, worked

_STYLE = (
    r"\\(?:sf|purple|red|blue|green|orange|pink|large|Large|LARGE|huge|bold|cancel|displaystyle)(?![A-Za-z])"
    r"|\\[:;!]"
)
_FURNITURE = (
    r"(?im)^[^\n=]*(?:copyright|©|\(c\) (?:19|20)\d\d|all rights reserved|last (?:edited|updated|modified)"
    r"|page \d+ of \d+)[^\n=]*$"
)
_CHECK = (  # of the result, up to the end of its paragraph
    r"(?im)^[^\w\n]{0,9}(?:check(?:ing)?|verif(?:y|ication|ying))"
    r"(?: (?:your |the |our )?(?:answers?|solutions?|work|results?))?[^\w\n]{0,9}\n(?:[^\n]*\S[^\n]*(?:\n|\Z))+"
)
_NESTED = (r"(?<!\\)\{\s*\{([^{}]*)\}\s*\}", r"{\1}")
_CLEANED = tuple(
    (re.compile(pattern), by)
    for pattern, by in (
        (r"\{\{\{([^{}\n]*)\}\}\}", r"\1"),  # around formulas, on some forums
        (_STYLE, " "),
        _NESTED,
        _NESTED,
        (r"(?m)^[ \t]*[-*•][ \t]+(?=[A-Za-z*_]{2}|\\\(|\$)", ""),  # of a list
        (r"(?<![\d.])(\d+) and ([1-9]/[1-9]\d?)(?![\d/])", r"\1 \2"),
        (r"(?<=[$€£₹])(\d{1,3}) (\d{3})(?: (\d{3}))?(?!\d)", r"\1\2\3"),
        (_FURNITURE, ""),
        (_CHECK, ""),
    )
)
_CONTINUED = re.compile(  # a line that goes on with the one before: = 12, or in the midst of a sentence
    r"(?m)[ \t]{0,9}\n[ \t&]{0,9}(?=(?:=|≈|\\approx)[ &\d])"
    r"|(?<=\w\w[ \t][a-z]{3}|\w[ \t][a-z]{4})[ \t]{0,9}\n(?=\d[\d.,]* [a-z]{2,} [a-z]{2,}[^=\n]*$)"
)
_MOST_STATED = 20


class Page:
    """A page, each reading of which is made once, and only if somebody asks for it.

    Attributes:
        text: Its text, but for what is denied in it, checks, and what surrounds it.
    """

    def __init__(self, text: str) -> None:
        for pattern, by in _CLEANED:
            text = pattern.sub(by, text)
        self.text = _CONTINUED.sub(" ", without_denied(text))

    @cached_property
    def stated(self) -> Sequence[str]:
        """The answers that it states, the last one last."""
        return list(dict.fromkeys(stated_answers(self.text)))[-_MOST_STATED:]

    @cached_property
    def is_sure(self) -> bool:
        """Whether it calls one of them its answer."""
        return next(stated_answers(self.text, is_sure=True), None) is not None

    @cached_property
    def letters(self) -> Mapping[str, str]:
        """What its options say, by letter."""
        return options(self.text)

    @cached_property
    def worked(self) -> Worked:
        """What its working comes to."""
        return worked(self.text)

    @cached_property
    def standings(self) -> Standings:
        """What values are on it."""
        return Standings(self.text)
