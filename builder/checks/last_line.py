"""What a solution ends with: its last line `#### answer`, or its last box."""

from __future__ import annotations

import re

from builder.checks.answer_marks import LINE, LONGEST, boxes, is_heading, looks_like_value

_PREFIX = re.compile(
    r"(?i)\W*(?:the )?(?:final |correct )?(?:answer|ans|result|solution)s?\b\s*(?:is\b|are\b|:|=)+[\s*:]*"
)
_ANSWER_HEADING = re.compile(r"(?i)\W*(?:the )?(?:final |correct )?answer\W*")
_CORRECTED = re.compile(
    r"(?i)\b(?:wait|oops|correction|actually|sorry|on second thoughts?|i made (?:a|an) (?:mistake|error)"
    r"|should (?:have been|be)"
    r"|that(?:'s| is| was) (?:wrong|incorrect|not right))\b"
)
_STOPS = re.compile(
    r"(?:(?<![-+*/=<>≤≥.,:√×·÷^_])[-+/=<>≤≥,:√×·÷^_]|(?<=\s)\*|(?<![\w\\}])\$"
    r"|\\(?:frac|sqrt|sin|cos|tan|ln|log|times|cdot|left|pm)"
    r"|(?i:(?:\A|(?<=\s))(?:and|or|the|is|are|approximately|about|of|answer)))\s*\Z"
)


def is_unfinished(answer: str) -> bool:
    """Whether an answer stops before its end: `3x^2 -`, `x =`, `(2,`."""
    said = re.sub(r"\\[{}]", "", answer.strip().strip("*_` ").rstrip("."))
    if said.count("$") % 2 == 0:
        said = said.removesuffix("$").rstrip()
    if _STOPS.search(said):
        return True
    braces, others = said.count("{") - said.count("}"), sum(map(said.count, "([")) - sum(map(said.count, ")]"))
    return braces > 0 or (others > 0 and said[-1] not in ")]")


def final_answer(text: str) -> str | None:
    """Return what the last line `#### answer` holds, else the last `\\boxed{…}`.

    None: there is neither. Empty: the last line begins like an answer and holds none, as `#### Proof`; or words
    behind it take it back.
    """
    lines = list(LINE.finditer(text.rstrip()))
    behind = text[lines[-1].end() :] if lines else ""
    if lines and not re.search(r"\w", behind):
        block = _block(text, lines)
        answers = [_PREFIX.sub("", match[1] or "", count=1).strip() for match in block]
        is_none = any(map(is_heading, answers)) or is_unfinished(answers[-1])
        return "" if is_none else ", ".join(answers)[:LONGEST]
    if lines and lines[-1][1] is None and not re.search(r"\w[^\n]*\n+[^\n]*\w", behind.strip()):
        return behind.strip()[:LONGEST]
    if lines and _ANSWER_HEADING.fullmatch(lines[-1][1] or "") and looks_like_value(behind.strip()):
        return behind.strip()[:LONGEST]  # the value stands below its heading
    if lines and looks_like_value(lines[-1][1] or ""):
        return ""
    boxed = list(boxes(text))
    if not boxed or _CORRECTED.search(text, boxed[-1][1]):
        return "" if boxed else None
    paragraph = text.rfind("\n", 0, boxed[-1][0])
    return ", ".join(dict.fromkeys(text[begin:end].strip() for begin, end in boxed if begin > paragraph))[:LONGEST]


def _block(text: str, lines: list[re.Match[str]]) -> list[re.Match[str]]:
    """Return the last of the lines that begin with ####, and those directly above it."""
    first = len(lines) - 1
    while first and not text[lines[first - 1].end() : lines[first].start()].strip() and lines[first - 1][1]:
        first -= 1
    return lines[first:]
