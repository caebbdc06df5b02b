"""Is a text's LaTeX whole? What opens closes: dollars, \\( and \\[, environments, braces in formulas."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import ClassVar

from builder.checks.base import PairCheck
from builder.filters.base import Measures

_SIGN = re.compile(r"\\(?:begin|end)\s*\{[^{}\n]{1,40}\}|\\\\|\\[()\[\]{}$]|\\[A-Za-z]+|\$\$|\$|[{}]|\n[ \t]*\n")
_CLOSES = {r"\)": r"\(", r"\]": r"\[", "}": "{"}


class Latex(PairCheck):
    """Refuses a text in which a formula, an environment or a brace within one opens and does not close.

    A dollar sign before a digit that no other dollar sign closes in its paragraph is money.
    """

    measures: ClassVar[Mapping[str, type]] = {"unbalanced": str, "formulas": int}

    def compare(self, before: str, after: str) -> Measures:
        """Return the first thing that does not close, or closes what is not open, and the number of formulas."""
        del before
        formulas = 0
        open_: list[tuple[str, int]] = []
        for sign, place in _signs(after):
            if sign.startswith("\n"):
                if open_ and open_[0][0] == "$":  # a paragraph ends a formula between single dollars
                    if not after[open_[0][1] + 1 : open_[0][1] + 2].isdigit():
                        return _unbalanced("$", formulas)
                    open_.clear()
                continue
            problem = _step(sign, place, open_)
            if problem is not None:
                return _unbalanced(problem, formulas)
            formulas += not open_ and sign not in _CLOSES.values()
        if open_ and not (open_[0][0] == "$" and after[open_[0][1] + 1 : open_[0][1] + 2].isdigit()):
            return _unbalanced(open_[0][0], formulas)
        return {"unbalanced": None, "formulas": formulas}

    def decide(self, measures: Measures) -> str | None:
        """Say that something does not close."""
        return "unbalanced_latex" if measures["unbalanced"] else None


def _unbalanced(sign: str, formulas: int) -> Measures:
    return {"unbalanced": sign.strip()[:50], "formulas": formulas}


def _signs(text: str) -> Iterator[tuple[str, int]]:
    for match in _SIGN.finditer(text):
        sign = match[0]
        if sign[:1] != "\\" or sign[1:2] in ("(", ")", "[", "]") or sign.startswith((r"\begin", r"\end")):
            yield sign, match.start()


def _step(sign: str, place: int, open_: list[tuple[str, int]]) -> str | None:
    """Open or close with one sign; return it where it closes what is not open."""
    innermost = open_[-1][0] if open_ else ""
    if sign in ("$", "$$"):
        if innermost == sign:
            open_.pop()
        elif innermost in ("$", "$$"):
            return sign
        else:
            open_.append((sign, place))
        return None
    if sign.startswith(r"\begin"):
        open_.append((r"\end" + sign.removeprefix(r"\begin").replace(" ", ""), place))
        return None
    if sign.startswith(r"\end"):
        if innermost != sign.replace(" ", ""):
            return sign
        open_.pop()
        return None
    if sign in _CLOSES:
        if sign == "}" and not open_:
            return None  # of a set in plain text, say
        if innermost != _CLOSES[sign]:
            return sign
        open_.pop()
        return None
    if sign != "{" or open_:
        open_.append((sign, place))
    return None
