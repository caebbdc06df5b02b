"""The value that a page gives behind `the answer is`: where it ends, and whether it is one."""

from __future__ import annotations

import re

from builder.checks.answer_marks import LONGEST
from builder.checks.notation import spelled
from builder.checks.sentences import counted, of_clauses
from builder.checks.values import is_date

_ROMAN = re.compile(r"(?i)\(?i[.)]\s+[^\n]{1,40}?\s\(?ii[.)]\s")
_LETTERS = re.compile(r"(?:both )?(\(?[A-H]\)?(?:(?:, ?| and |, and | ?& ?)\(?[A-H]\)?)+)")
_WORKED = re.compile(r"\A[-+*/×÷·().,\d\s$]*\d[-+*/×÷·().,\d\s]*=\s*(?=[-$]?\d)")  # of 644 + 865 = 1509 times
_COMES_TO = re.compile(
    r"(?=[^=\n]{0,150}(?<![\\A-Za-z])[A-Za-z]{3,12}\b)(?![^=\n]{0,150}\b(?:because|since)\b)"
    r"[^=\n\\]{0,150}\d ?=(?:[^=\n\\]{1,60}=){0,4} ?"
    r"(?P<value>[$€£]? ?-?\d[\d,.]*(?:/\d+)?(?:[ °%$][^\d\n.;:!?=,]{0,40})?)[.!]?\s*"
)
_VERB = re.compile(r"(?i)\b(?:is|are|was|were|has|have|had|will|can|does|did|do|so|because|than|if|when)\b")
_END = re.compile(
    r"(?i)(?:(?<!\d)!|\?)(?=\s|$)|;(?=\s|$)(?!\s*(?:[a-z]\s*=|\(?[a-z]\)))"
    r"|(?<!\bapprox)(?<!\bsq)(?<!\bcu)(?<!\b[MD]r)(?<!\bMrs)(?<!\b[ap])(?<![ap]\.m)\.(?=\s|$|[*_])"
    r"|\s[-–—](?=\s+[A-Za-z])|\s\((?=(?!i{1,3}\)|iv\))[a-z]{2}|[a-z] ?[≠=<>]"
    r"|[≈~])"
    r"|,?\s(?:because|since|as|so|when|where|if|which|but|for|hence|therefore|thus|that|i(?=['’ ][a-z])|we"
    r"|you|after|from|than"
    r"|by(?! \d)|using|per the|only if"
    r"|given|assuming|(?:right|correct|thanks?|hope))\b"
    r"|\sand (?=(?:the|so|then|we|i|it|that|you|this|not)\b)|\s[:;]-?[)D](?=\s|$)"
    r"|,(?=\s*(?:not|and (?:the|so|then|we|i)|then|we|i|the|it|he|she|is|in|right|don't|with)\b)|\s\.{2,}"
)
_NOT_STATED = re.compile(
    r"(?i)(?:not|n't|never|wrong|incorrect|right|correct|in|on|at|here|below|above|given|given by|as follows?"
    r"|the same|this|that|it|what|how|why|hidden"
    r"|obvious|simple|easy|unique|clear|unknown|found|posted|attached|up|accepted|marked|really|supposed|also|too"
    r"|(?:a|an|the|your"
    r"|my)(?=\s(?! ?=))|his|their|same|left|easiest|no longer|of|to|only|we|let|i|use|first|since|because|by|for"
    r"|if|when|see|you|they|he|she)\b"
)
_ENUMERATED = re.compile(r"\(?\d{1,2}[.)]\s+[A-Z]")
_ABOUT_PAGE = re.compile(r"(?i)\b(?:ago|upvotes?|votes?|views?|off|correct|wrong|comments?|replies|reputation)\b")
_BEGINS = re.compile(
    r"(?i)(?:(?:approximately|approx\.?|about|roughly|around|exactly|just|only|simply|actually|obviously|clearly"
    r"|surely|definitely|indeed|probably|certainly|therefore|thus|still|now|then|option"
    r"|choice|≈|~|=|:|the(?= \d)|on(?= (?:mon|tues|wed|thu|fri|sat|sun)\w*day)|at(?= \d)"
    r"|odds of(?= \d)|all(?= [a-z] ?[<>≤≥])"
    r"|(?:the )?(?:vertex|cent(?:er|re)|(?:mid)?point|focus|(?:ordered )?pair|coordinates)(?: is| are)?(?= \$?\()"
    r"|in(?= \d+ [a-z]))\s*)*"
)
_VALUE = re.compile(
    r"(?i)[-+−–±(\[{$€£¥₹\\√π∞½¼¾|.]|\d|[a-zα-ω](?![a-z])|(?:sin|cos|tan|ln|log|sqrt|pi|exp)(?![a-z])"
    r"|(?:jan|feb|mar|apr"
    r"|may|june?|july?|aug|sep|oct|nov|dec)[a-z]*\.? \d|[a-z_\d'/]{1,12}(?:\([a-z\d, ]*\))? ?[=≈<>≤≥∈]"
)
_WORDED = re.compile(
    r"(?:[A-Z][A-Za-z]+|yes|no|true|false|none|infinity|infinite|zero|undefined|[a-z]+(?:ly|ent|ing|es)?)"
)
_FORMULA = re.compile(
    r"(?:\$\$?([^$\n]+)\$\$?(?!\d)|\\[\[(]([^\n]+?)\\[\])])(\s*(?:[a-zA-Z°%]{1,8}(?:/[a-z]{1,8})?[\d²³]?\b"
    r"|[a-z°%,]+\s|°|%)?)"
)
_NO_UNIT = re.compile(
    r"(?i)(?:is|so|as|by|for|if|in|i|we|and|or|because|since|which|when|that|the|but|where|with|you)\b|\Z"
)
_WITH_MORE = re.compile(  # 6 boxes with 12 pens each
    r"\A([$€£]?\d[\d,./]*(?: [a-z]+){0,2}) (?:with|at|containing|for|within|costing|weighing) (?=[^=]*\d).*\Z"
)
_LONGEST_DATE = 40
_SO = re.compile(r"(?i),?\s(?:so|hence|thus|therefore)")


def value_of(said: str, *, may_be_words: bool, is_marked: bool) -> str | None:
    """Return the value that a page gives behind "the answer is", None where it goes on with a sentence.

    Args:
        said: The rest of the line.
        may_be_words: A result in prose is a number; an answer may be Tuesday.
        is_marked: It stands behind a colon: `Answer: isosceles` states words, "the answer is simple" none.
    """
    said = _prepared(said)
    if re.match(r"\(?1[.)]\s+\S+\s+\(?2[.)]\s", said):
        return re.sub(r"\s*\(?\b\d[.)]\s+", ", ", f" {said}").strip(", ")[:LONGEST]
    if _ENUMERATED.match(said):
        return None
    if is_marked and (worked := _COMES_TO.fullmatch(said)) is not None:
        return re.split(r" and | ?\w*&", worked["value"], maxsplit=1)[0].rstrip(
            " .!"
        )  # Answer: she pays 4*5 = $20
    if (option := re.match(r"\(?[A-H][.):] (?=\S)", said)) is not None:
        value = value_of(said[option.end() :], may_be_words=may_be_words, is_marked=is_marked)
        return option[0] + value if value is not None else f"({option[0].strip('(.): ')})"
    if is_marked and (found := of_clauses(said)) is not None:
        return found
    if len(said) < _LONGEST_DATE and re.search(r"\d", said) and is_date(said):
        return said
    formula = _FORMULA.match(said)
    if formula is not None and not re.match(r"\s*(?:and|or|,|;)\s*\\?[$(]", said[formula.start(3) :]):
        unit = formula[3].strip(" ,")
        unit = "" if _NO_UNIT.match(unit) else unit
        return f"{formula[1] or formula[2]} {unit}".strip()
    end = _END.search(said)
    if end is not None and end[0] == "?":
        return None
    value = _balanced((said[: end.start()] if end is not None else said).strip().strip("*_ ").rstrip(","))
    if (
        end is not None
        and re.search(r"\d", value)
        and _SO.fullmatch(end[0])
        and re.search(r"\d", said[end.end() :])
    ):
        return value_of(said[end.end() :], may_be_words=False, is_marked=False)  # Answer: 2x = 6, so x = 3
    value, rough = _without_lead(value, is_marked=is_marked)
    is_of_page = _ABOUT_PAGE.search(value) or (end and re.fullmatch(r"(?i)\s(?:correct|right)", end[0]))
    if not value or _NOT_STATED.match(value) or is_of_page:
        return counted(said) if is_marked and value and not is_of_page else None
    if (letters := _LETTERS.fullmatch(value)) is not None:
        return letters[1]
    if _VERB.search(value) and re.search(r"\d[^\d.,/][^\n]*\d", said):
        return None  # Answer: 10 times their medals is 39*10 = 390
    value = _WORKED.sub("", value)
    if re.fullmatch(
        r"\(?[A-Ha-h]\)?|\(?[A-Ha-h]\)?[.):]?\s+.{1,80}|\(?[A-Ha-h][.):].{1,80}", value
    ) and not re.match("[aA] ", value):
        return value[:LONGEST]
    return _judged(value, said, end, rough, may_be_words=may_be_words, is_marked=is_marked)


def _prepared(said: str) -> str:
    """Return the rest of a line with letters of options bare, rupees as a sign, and parts i) as (i)."""
    said = re.sub(r"['\"‘’“”]([A-H])['\"‘’“”]", r"\1", said)
    said = re.sub(r"\bRs\.? ?(?=\d)", "₹", said.strip().lstrip("*_>: \t"))
    if _ROMAN.match(said):
        said = re.sub(r"(?i)(?<!\w)\(?(i{1,3}|iv)[.)]\s+", lambda match: f"({match[1].lower()}) ", said)
    return said


def _without_lead(value: str, *, is_marked: bool) -> tuple[str, str]:
    """Return a value without `about`, `on Monday` and the like, and a sign that it is rough, if it is."""
    lead = _BEGINS.match(value)
    rough = "≈ " if lead and re.search(r"(?i)app|about|rough|around|[≈~]", lead[0]) else ""
    value = spelled(value[lead.end() :] if lead else value)
    if is_marked and re.fullmatch(r"(?i)(?:the|an?) [a-z]+(?: [a-z]+)?", value):
        value = value.partition(" ")[2]
    value = re.sub(r"\A([A-H]),\s+(?=\S)(?![A-H]\b)", r"(\1) ", value)
    value = re.sub(r"(?i)(?<=[\dm.]) on [a-z]{3,6}day\Z", "", value)
    value = _WITH_MORE.sub(r"\1", value)
    return value, rough


def _judged(
    value: str, said: str, end: re.Match[str] | None, rough: str, *, may_be_words: bool, is_marked: bool
) -> str | None:
    """Return what is cut out of a line if it is a value: a number, a formula, or words where these may be."""
    if _VALUE.match(value) and not re.search(r"(?<!\d)!\Z", value):
        value = re.split(r",\s+(?!(?:and|or|inf\w*)\b)(?=[a-z]{2,}\b(?! ?[=(]| -?\d))", value, maxsplit=1)[0]
        words = re.findall(r"(?<!\\)\b[A-Za-z]{3,}", value)
        return (
            rough + value[:LONGEST]
            if len(words) <= 4 and re.search(r"\d|\\[a-z]|[√π∞=^()*/+]|\A[a-zA-Z]\Z", value)
            else None
        )
    if is_marked and (found := counted(said)) is not None:
        return found
    if end is not None and end[0].strip().lower() == "by":
        return None  # Best Answer - Chosen by Voters
    words = value.split()
    if (
        not may_be_words
        or len(words) > (3 if is_marked else 1)
        or not all(_WORDED.fullmatch(word.strip(",'\"")) for word in words)
    ):
        return None
    return value if is_marked or words[0][0].isupper() or words[0] in ("yes", "no", "true", "false") else None


def _balanced(value: str) -> str:
    """Return a value without a bracket at its end that was opened before it."""
    while value and value[-1] in ")]" and value.count(value[-1]) > value.count("(" if value[-1] == ")" else "["):
        if set("([") & set(value):
            break  # [0, 1)
        value = value[:-1].rstrip()
    return value


def stated_value(said: str) -> str | None:
    """Return the number or formula that a text begins with, None where it goes on with a sentence."""
    return value_of(said, may_be_words=False, is_marked=False)
