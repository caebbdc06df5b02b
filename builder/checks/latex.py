r"""Is a text's LaTeX whole? What opens closes: dollars, \( and \[, environments, \left, braces in formulas."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from typing import ClassVar

from builder.checks.base import PairCheck
from builder.checks.markdown import without_code
from builder.filters.base import Measures

_DOLLAR = re.compile(r"\\.|\$", re.S)
_BREAK = re.compile(r"\n[ \t]*\n")
_SIGN = re.compile(
    r"\\(?:begin|end)\s*\{[^{}\n]{1,40}\}|\\(?:left|right)(?![A-Za-z])"
    r"|\\[A-Za-z]+(?:\[[^\[\]\n]{0,20}\])?\{?|\\.|\}\{|[{}]",
    re.S,
)
_OPENS = (r"\(", r"\[")
_CLOSES = {r"\)": r"\(", r"\]": r"\[", "}": "{", r"\right": r"\left"}
_DELIMITERS = frozenset({*_OPENS, *_CLOSES, *_CLOSES.values()})
_MACRO = re.compile(r"\\[A-Za-z]+\s*\{[^{}]*\}")
_TEXT = re.compile(r"\\(?:text[a-z]{0,2}|mbox|hbox)\s*\{[^{}]*\Z")
_SHORTEST = 3  # characters of a command and its brace: \d{3} is of a regular expression
_ARGUMENT = r"\arg{"
_DIGIT = re.compile(r" ?\d|\.\d")
# An amount of money: $5, $ 1.50, $10k, $___; but $5x and $10^3 begin a formula.
_AMOUNT = re.compile(
    r"\s?(?:\d[\d.,]*|\.\d+|_{2,}|[xX]{2,}\b)(?!\d*(?:[\\^_{]| ?\\[a-zA-Z]|[a-z](?![A-Za-z]| \d)(?<![kmb])))"
)
_CURRENCY = re.compile(r"(?:\b(?:US|AU|CA|NZ|HK|A|C|S|NT|R|Z|Mex|in|of|or|a|the)|\A| )\s?\Z(?<=[A-Za-z])")
_PROSE = re.compile(
    r"(?<![\\A-Za-z])(?:[A-Za-z]{2,}[,;:]? +[A-Za-z]{2,}|and|or|the|is|of|for|per|each|to|plus|costs?|more|from"
    r"|with)(?![A-Za-z])"
    r"|\s\|\s|[.!?;]\s"
)
_PATH = re.compile(r"[A-Z_]{2,}\b")  # $HOME, $PATH
_BEGIN = re.compile(
    r"[A-Za-z\\({\[|](?![A-Z_]{1,20}\b)(?![a-z]{2,})|\d|\s{0,3}[^$\n]{0,40}?(?:\\[a-zA-Z]{2,}|[\w})]\^[\w{]"
    r"|[\w})] ?[=<>] ?[\w\\-])"
)
_END = re.compile(
    r"(?:[\^_=+<>-]|\\[a-z]+ ?|\W)\(?[A-Za-z]['!)]?\Z|[})\]]\Z(?<![ (]\))|[^\s\d$] ?[=^_+*/-] ?-?\d+\Z|[a-z]\d\Z"
)

_PATTERN = re.compile(r"""(?:\\[dwsDWS](?![A-Za-z])|\[\^?(?:0-9|a-z|A-Z)|["'/]\^)\S*\Z""")  # a regular expression


class Latex(PairCheck):
    """Refuses a text in which a formula, an environment or a brace within one opens and does not close.

    Formulas are what KaTeX, MathJax and GitHub take for one, `$ x $` and $`x`$ too. Dollars in code, of money and
    of words are none of LaTeX's.
    """

    measures: ClassVar[Mapping[str, type]] = {"unbalanced": str, "formulas": int}

    def compare(self, before: str, after: str) -> Measures:
        """Return the first thing that does not close, or closes what is not open, and the number of formulas."""
        del before
        formulas, open_ = 0, list[str]()
        for sign in _signs(without_code(after)):
            problem = _step(sign, open_)
            if problem is not None:
                return {"unbalanced": problem[:50], "formulas": formulas}
            formulas += not open_ and sign != "}"
        return {"unbalanced": open_[0][:50] if open_ else None, "formulas": formulas}

    def decide(self, measures: Measures) -> str | None:
        """Say that something does not close."""
        return "unbalanced_latex" if measures["unbalanced"] else None


def _signs(text: str) -> Iterator[str]:
    """Yield what opens and closes, in order; a formula between dollars is `$`, its own signs and `/$`."""
    begin = 0
    for first, last, width in _formulas(text):
        yield from _inner(text[begin:first])
        begin = last
        yield "$" * width if width else text[first:last] + "?"
        yield from _inner(text[first + width : last - width] if width else "")
        if width:
            yield "/" + "$" * width
    yield from _inner(text[begin:])


def _inner(text: str) -> Iterator[str]:
    for match in _SIGN.finditer(text):
        sign = match[0]
        if sign.startswith((r"\begin", r"\end")) and sign.endswith("}"):
            yield re.sub(r"\s", "", sign)
        elif sign == "}{":  # the next argument of a command
            yield "}"
            yield _ARGUMENT
        elif sign in _DELIMITERS or (len(sign) > _SHORTEST and sign[-1] == "{"):
            yield sign


def _formulas(text: str) -> Iterator[tuple[int, int, int]]:
    """Yield where each formula between dollars begins and ends, and how many dollars it has at either end.

    A dollar that opens or closes a formula and has no other comes with 0; dollars of money and words don't come.
    """
    dollars = [match.start() for match in _DOLLAR.finditer(text) if match[0] == "$"]
    breaks = [match.start() for match in _BREAK.finditer(text)]
    doubles = [place for place, at in enumerate(dollars[:-1]) if dollars[place + 1] == at + 1]
    place = 0
    while place < len(dollars):
        at = dollars[place]
        if dollars[place + 1 : place + 2] == [at + 1]:
            after = bisect_right(doubles, place + 1)
            other = doubles[after] if after < len(doubles) else None
            if other is not None and (other - place) % 2 == 0:
                yield at, dollars[other] + 2, 2
                place = other + 2
                continue
            if not _AMOUNT.match(text, at + 2):
                yield at, at + 2, 0
            place += 2
            continue
        other = place + 1
        if other + 2 < len(dollars) and _TEXT.search(text[max(at, dollars[other] - 200) : dollars[other]]):
            other += 2  # \text{if $x$ is odd}
        ends = bisect_right(breaks, at)
        end = breaks[ends] if ends < len(breaks) else len(text)
        if other < len(dollars) and dollars[other] < end and _is_formula(text, at, dollars[other]):
            yield at, dollars[other] + 1, 1
            place = other + 1
            continue
        if _opens(text, at, end) or _closes(text, at) or dollars[place - 1 : place] == [at - 1]:
            yield at, at + 1, 0
        place += 1


def _is_formula(text: str, first: int, last: int) -> bool:
    """Whether what stands between two dollars of a paragraph is a formula, and not an amount and words."""
    content = text[first + 1 : last]
    tight = not content[:1].isspace() and not content[-1:].isspace()
    is_before_digit = bool(_DIGIT.match(text, last + 1))
    is_money = bool(_AMOUNT.match(text, first + 1))
    if tight and not is_money and not is_before_digit:
        return bool(content) and not (_PATH.match(content) and _PROSE.search(content))
    if not content.strip() or _PROSE.search(_MACRO.sub("", content)):
        return False
    is_behind_digit = content[0].isspace() and text[first - 1 : first].isdigit()
    if (is_before_digit and "\\" not in content) or (is_behind_digit and text[last - 1].isdigit()):
        return False  # $3 + $5, and 3$ + 5$
    whole = all(content.count(one) == content.count(other) for one, other in ("()", "[]", "{}"))
    return whole and (not is_money or tight or (content[0].isspace() and content[-1].isspace()))


def _opens(text: str, at: int, end: int) -> bool:
    """Whether a formula begins at a dollar without a partner: `$x` and `$ \\frac12`, not `$5` or `$/kg`."""
    if _AMOUNT.match(text, at + 1) or _CURRENCY.search(text[max(0, at - 4) : at]):
        return False
    return bool(_BEGIN.match(text, at + 1, end))


def _closes(text: str, at: int) -> bool:
    """Whether a formula ends at a dollar without a partner: `x$` and `}$`, not `5$` or `US$`."""
    before = text[max(0, at - 24) : at]
    return bool(_END.search(before)) and not _CURRENCY.search(before) and not _PATTERN.search(before)


def _step(sign: str, open_: list[str]) -> str | None:
    """Open or close with one sign; return it where it closes what is not open."""
    innermost = open_[-1] if open_ else ""
    if sign.endswith("?"):
        return sign[:-1]
    if sign in ("$", "$$") or sign in _OPENS:
        if innermost in _OPENS and sign in _OPENS:
            return sign
        open_.append(sign)
    elif sign.startswith(r"\begin"):
        open_.append(r"\end" + sign.removeprefix(r"\begin"))
    elif sign[-1] == "{":
        if open_ or len(sign) > 1:  # else of plain text, while \boxed{ is none
            open_.append("{")
    elif sign == r"\left":
        open_.append(sign)
    elif sign in ("}", r"\right") and not open_:
        return None
    elif innermost == {**_CLOSES, "/$": "$", "/$$": "$$"}.get(sign, sign):
        open_.pop()
    else:
        return sign.removeprefix("/")
    return None
