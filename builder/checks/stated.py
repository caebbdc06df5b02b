"""Where a page states answers: in words, boxes, keys and options."""

from __future__ import annotations

import re
from collections.abc import Iterator

from builder.checks.answer_marks import LINE, LONGEST, boxes, looks_like_value
from builder.checks.stated_value import value_of

_SAID = re.compile(
    r"(?i)(?:(?P<colon>(?:(?:\A|(?<=\n))[#*_ \t]*output|\b(?:answers?|ans))\b(?:[ \t]+(?:key|sheet|list))?"
    r"[ \t]*(?:\(?[a-z0-9]{1,2}\))?[ \t]*[*_]*[ \t]*"
    r"(?:\.?[:=–]|[-—](?=[ \t])|(?<=ans)\)(?=[ \t])|(?<=ans)\.(?=[ \t]*(?:Rs\.? ?\d|[-−$€£₹√\d(\\]|[a-z] ?=)))"
    r"[-*_:>]*[ \t]*\n{0,2}"
    r"|(?:\A|(?<=\n))[#*_ \t]*(?:final |correct )?answer[*_: \t]*\n{1,2})"
    r"|\b(?P<prose>(?:answers?|ans|result|solutions?|(?:correct|right) (?:option|choice))\b"
    r"(?: set)?(?: to [^.:;\n]{1,60}?| for [^.:;\n]{1,60}?| of [^.:;\n]{1,60}?| here)?[ \t*_]*"
    r"(?:\b(?:is|are|was|would be|will be|should be|must be|(?:comes? (?:out )?|turns out )to(?: be)?|equals)\b|:"
    r"|=)[:*_ \t]*"
    r"(?:\n{1,2}[ \t]*(?=\$\$|\\\[))?)"
    r"|\b(?P<got>(?:gets?|got|gives?|obtain|yields?|have|reach|for) (?:the|an|our|a) (?:final )?answer"
    r" (?:of |as )?))"
    r"(?=(?P<rest>[^\n]{1,200}))"
)
_LOOSE = re.compile(r"(?i)result|solutions?(?! set\b).*[=:]\W*\Z")  # which a page has on the way, too
_WITHIN = re.compile(r"\w[\s*_]*\Z")  # the acid in solution: 3 liters
_ASKS = re.compile(r"(?i)\b(?:find|determine|give|solve|what|which|how many|number of|all)\b")
_NUMBERED_KEY = re.compile(r"(?:(?<![\w.])\d{1,2}[.)]?[ -]?\(?[A-H]\)?(?:[,;\s]+|\Z|(?=\.))){3,}")
_DASH = re.compile(r"[-–—]\s*\Z")
_REVERSED = re.compile(
    r"(?<![\w.,/=+*^-])(-?\d+(?:[.,/]\d+)*(?: ?[A-Za-z°%/²³$]{1,12})?)\$? is (?:the|your|our|my) (?:final "
    r"|correct )?answer\b"
)
# Ans (c) · Answer B · Key: (D), each alone up to the end of its line
_OPTION_ALONE = re.compile(
    r"(?m)\b(?i:ans(?:wer)?s?|key|OA|official answer|(?:correct|right)(?: option| choice"
    r"| answer)?)\b[ \t]*[.:*_-]*[ \t]*"
    r"(?:\((?P<bracketed>[A-Ha-h])\)|(?P<half>[A-Ha-h])\)|(?P<plain>[A-H]))[*_ \t]*\.?[ \t]*$"
)
_KEY = re.compile(
    r"(?im)^[^\w\n]*answers?(?: key| sheet)?[^\w\n]*\n{1,3}"
    r"((?:[ \t]*\(?(?:\d{1,2}|[a-h])[.):][ \t]+[^\n]{1,40}(?:\n|\Z)){2,20})"
)
_ITEM = re.compile(r"(?m)^[ \t]*\(?(?:\d{1,2}|[a-hA-H])[.):][ \t]+([^\n]+)$")
_ASKED = re.compile(r"(?m)^Q[:.][^\n]*\n+A[:.][ \t]+([^\n]{1,60}?)[ \t]*$")
_OPTION_IS = re.compile(
    r"(?:\b(?:[Oo]ption|[Cc]hoice|[Aa]nswer)[ \t]*\(?(?P<one>[A-Ha-h])\)?|(?<!\w)\(?(?P<other>[A-H])\)?)"
    r"(?:[ \t]+is[ \t]+(?:the[ \t]+)?(?:correct|right|answer)|[ \t]*(?:✓|✔|←|\(correct\)))"
)
_MARK = re.compile(r"(?<![\w\\$^_{])(?:\\text(?:bf|it|rm)?\s*\{\s*)?\(?([A-Ha-h])(?:\)|[.:](?=\s))\s*\}?[\s~]*")


def stated_answers(text: str, *, is_sure: bool = False) -> Iterator[str]:
    """Yield the answers that a page states, as it writes them; if asked for, only those that it calls answers."""
    lines = list(LINE.finditer(text))
    for match in lines:
        if (len(lines) == 1 or match.end() >= len(text.rstrip())) and looks_like_value(match[1] or ""):
            yield match[1].strip()[:LONGEST]
    for begin, end in boxes(text):
        yield text[begin:end].strip()[:LONGEST]
    for match in _OPTION_ALONE.finditer(text):
        yield f"({(match['bracketed'] or match['half'] or match['plain']).upper()})"
    for match in _SAID.finditer(text):
        is_answer = match["colon"] is not None or not _LOOSE.match(" ".join((match["prose"] or "").split()))
        if (is_sure and not is_answer) or (not is_answer and _ASKS.search(_line_before(text, match.start()))):
            continue
        if not is_answer and match[0].rstrip().endswith(":") and _WITHIN.search(_line_before(text, match.start())):
            continue
        is_answer = is_answer and not (match["prose"] or "").lower().startswith(("correct", "right"))
        is_marked = match["colon"] is not None and not _DASH.search(match["colon"])
        value = value_of(match["rest"], may_be_words=is_answer, is_marked=is_marked)
        is_number_of_option = re.search(r"(?i)option|choice", match[0]) and re.fullmatch(r"\d", value or "")
        is_key = _NUMBERED_KEY.match(match["rest"].strip())
        if (
            value is not None
            and not is_key
            and "\\boxed" not in value
            and not is_number_of_option
            and not _is_first(text, match)
        ):
            formula = re.fullmatch(r"\$+([^$]+)\$+", value)
            yield formula[1].strip() if formula is not None else value
    if len(asked := list(_ASKED.finditer(text))) == 1 and looks_like_value(asked[0][1]):
        yield asked[0][1].strip()
    yield from _from_numbered_key(text)
    for key in _KEY.finditer(text):
        items = [item[1].strip() for item in _ITEM.finditer(key[1])]
        yield from items if all(looks_like_value(item) for item in items) else ()
    yield from (match[1] for match in _REVERSED.finditer(text))
    for match in _OPTION_IS.finditer(text):
        yield f"({(match['one'] or match['other']).upper()})"


def _line_before(text: str, place: int) -> str:
    return text[text.rfind("\n", 0, place) + 1 : place]


def _from_numbered_key(text: str) -> Iterator[str]:
    """Yield the letter that a key such as `1 B, 2 D, 3 A` has for each problem that the page numbers."""
    for key in _NUMBERED_KEY.finditer(text):
        letters = dict(re.findall(r"(\d{1,2})[.)]?[ -]?\(?([A-H])", key[0]))
        asked = [
            number for number in re.findall(r"(?m)^\W*(\d{1,2})[.)]\s", text[: key.start()]) if number in letters
        ]
        yield from (f"({letters[number]})" for number in asked)


def _is_first(text: str, said: re.Match[str]) -> bool:
    """Whether what is said begins a list over several lines: a key, which is read as one."""
    following = text[said.end() :].partition("\n")[2].lstrip()
    return bool(
        re.match(r"\(?(?:1|a)[.):]\s", said["rest"].lstrip()) and re.match(r"\(?(?:2|b)[.):]\s", following)
    )


def options(text: str) -> dict[str, str]:
    """Return what a page's options (A), (B), … say, by letter in upper case; none where they are not in order."""
    marks = list(_MARK.finditer(text))
    bracketed = [mark for mark in marks if re.search(r"\([A-Ha-h]\)", mark[0])]
    return _in_order(text, bracketed) or _in_order(text, marks)


def _in_order(text: str, marks: list[re.Match[str]]) -> dict[str, str]:
    """Return what stands behind marks (A), (B), … in that order."""
    found = dict[str, str]()
    for place, mark in enumerate(marks):
        letter = mark[1].upper()
        if letter != "ABCDEFGH"[len(found) : len(found) + 1]:
            if letter != "A" or len(found) > 1:
                continue
            found.clear()
        end = marks[place + 1].start() if place + 1 < len(marks) else len(text)
        said = text[mark.end() : end].strip().partition("\n")[0].strip(" $,;&\\")
        found[letter] = re.sub(r"(?:\\(?:qquad|quad|hspace\{[^{}]*\}|\\)|\s)+$", "", said)[:LONGEST]
    return found if len(found) > 1 else {}
