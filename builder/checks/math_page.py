"""A page of mathematics as its answer is looked for: what it states, what its options say, what its working comes to."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property

from builder.checks.attempts import without_denied
from builder.checks.standing import Standings
from builder.checks.stated import options, stated_answers
from builder.checks.worked import Worked, worked

_CONTINUED = re.compile(r"[ \t]*\n[ \t&]*(?=(?:=|≈|\\approx)[ &\d])"
    r"|(?<=\w\w[ \t][a-z]{3}|\w[ \t][a-z]{4})[ \t]*\n(?=\d[\d.,]* [a-z]{2,} [a-z]{2,}[^=\n]*$)", re.M)  # a line of working that begins with =
_BRACES = re.compile(r"\{\{\{([^{}\n]*)\}\}\}")  # around formulas, on some forums
_BULLET = re.compile(r"(?m)^[ \t]*[-*•][ \t]+(?=[A-Za-z*_]{2}|\\\(|\$)")
_CHECK = re.compile(  # a check of the result, up to the end of its paragraph
    r"(?im)^\W*(?:check(?:ing)?|verif(?:y|ication|ying))(?: (?:your |the |our )?(?:answers?|solutions?|work|results?))?\W*\n"
    r"(?:[^\n]*\S[^\n]*(?:\n|\Z))+"
)
_FURNITURE = re.compile(
    r"(?im)^[^\n=]*(?:copyright|©|\(c\) (?:19|20)\d\d|all rights reserved|last (?:edited|updated|modified)|page \d+ of \d+)"
    r"[^\n=]*$"
)
_STYLE = re.compile(
    r"\\(?:sf|purple|red|blue|green|orange|pink|large|Large|LARGE|huge|bold|cancel|displaystyle)(?![A-Za-z])|\\[:;!]"
)
_NESTED = re.compile(r"(?<!\\)\{\s*\{([^{}]*)\}\s*\}")
_MIXED = re.compile(r"(?<![\d.])(\d+) and ([1-9]/[1-9]\d?)(?![\d/])")
_MOST_STATED = 20


class Page:
    """A page, each reading of which is made once, and only if somebody asks for it.

    Attributes:
        text: Its text, but for what is denied in it.
    """

    def __init__(self, text: str) -> None:
        text = _NESTED.sub(r"{\1}", _NESTED.sub(r"{\1}", _STYLE.sub(" ", _BRACES.sub(r"\1", text))))
        plain = _CHECK.sub("", _FURNITURE.sub("", _MIXED.sub(r"\1 \2", _BULLET.sub("", text))))
        self.text = _CONTINUED.sub(" ", without_denied(plain))

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
