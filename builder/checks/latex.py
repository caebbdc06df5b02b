"""Is a text's LaTeX whole? What opens closes: dollars, \\( and \\[, environments, braces in formulas."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import ClassVar

from builder.checks.base import PairCheck
from builder.filters.base import Measures

# A dollar opens a formula as pandoc has it (https://pandoc.org/MANUAL.html#math): no space behind it, none before
# the dollar that closes, in the same paragraph, and no digit behind that one.
_INLINE = r"\$(?=\S)(?:[^$\\\n]|\\.|\n(?![ \t]*\n))+?(?<=\S)\$(?!\d)"
_MONEY = r"(?<=\d)\$|(?<=\d )\$|\$(?= ?[\d.])"
_SIGN = re.compile(
    r"\\(?:begin|end)\s*\{[^{}\n]{1,40}\}|\\[A-Za-z]+|\\.|\$\$"
    rf"|(?P<inline>{_INLINE})|(?P<money>{_MONEY})|\$|[{{}}]",
    re.S,
)
_CLOSES = {r"\)": r"\(", r"\]": r"\[", "}": "{"}


class Latex(PairCheck):
    """Refuses a text in which a formula, an environment or a brace within one opens and does not close.

    A dollar sign beside a digit that is no formula's is money.
    """

    measures: ClassVar[Mapping[str, type]] = {"unbalanced": str, "formulas": int}

    def compare(self, before: str, after: str) -> Measures:
        """Return the first thing that does not close, or closes what is not open, and the number of formulas."""
        del before
        formulas, open_ = 0, list[str]()
        for sign in _signs(after, 0, len(after)):
            problem = _step(sign, open_)
            if problem is not None:
                return {"unbalanced": problem[:50], "formulas": formulas}
            formulas += not open_ and sign != "}"
        return {"unbalanced": open_[0][:50] if open_ else None, "formulas": formulas}

    def decide(self, measures: Measures) -> str | None:
        """Say that something does not close."""
        return "unbalanced_latex" if measures["unbalanced"] else None


def _signs(text: str, begin: int, end: int) -> Iterator[str]:
    """Yield what opens and closes; the dollar that closes a formula within a paragraph is `/$`."""
    for match in _SIGN.finditer(text, begin, end):
        sign = match[0]
        if match["inline"] is not None:
            yield "$"
            yield from _signs(text, match.start() + 1, match.end() - 1)
            yield "/$"
        elif sign.startswith((r"\begin", r"\end")):
            yield re.sub(r"\s", "", sign)
        elif match["money"] is None and (sign[0] != "\\" or sign in (r"\(", r"\)", r"\[", r"\]")):
            yield "lone $" if sign == "$" else sign


def _step(sign: str, open_: list[str]) -> str | None:
    """Open or close with one sign; return it where it closes what is not open."""
    innermost = open_[-1] if open_ else ""
    if sign == "lone $":
        return "$"
    if sign == "$$" and innermost == "$$":
        open_.pop()
    elif sign in ("$", "$$", r"\(", r"\["):
        open_.append(sign)
    elif sign.startswith(r"\begin"):
        open_.append(r"\end" + sign.removeprefix(r"\begin"))
    elif sign == "{":
        if open_:  # else of plain text
            open_.append(sign)
    elif sign == "}" and not open_:
        return None
    elif innermost == {**_CLOSES, "/$": "$"}.get(sign, sign):
        open_.pop()
    else:
        return "$" if sign == "/$" else sign
    return None
