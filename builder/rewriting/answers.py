"""From a model's answer to the new text, by the format that the prompt declares.

Nothing is guessed: an answer that does not have the declared form is a failed attempt with its reason.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from builder.rewriting.prompts import AnswerFormat

# Every pattern here takes linear time, whatever a model writes.
_HEADING = re.compile(r"^#{1,6}[ \t]*([A-Za-z][A-Za-z \t]*):(.*)$", re.M)
_FENCE = re.compile(r"^([ \t]*)(`{3,}|~{3,})([^`\n]*)$", re.M)
_QUOTE = re.compile("['\"]")
_NOT_NEWLINE = re.compile(r"[^\n]")
_NUMBER = re.compile(r"\s*\**(\d+(?:\.\d+)?)")

# Strings and comments of Python: a fence inside one of them is text, not the end of the block.
# What is escaped outside of them is passed over too, or each such quote would be tried to the end of the answer.
_QUOTED = re.compile(
    r"#[^\n]*"
    r'|"""(?:\\.|[^\\])*?"""'
    r"|'''(?:\\.|[^\\])*?'''"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'(?:\\.|[^'\\\n])*'"
    r"|\\.",
    re.S,
)


class Unparsable(Exception):
    """The answer has not the declared form; the argument is the reason that goes into the table."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """The new text and, where the format has one, the model's own grade of the old."""

    text: str
    grade: float | None = None


def parse(answer: str, declared: AnswerFormat, *, may_end_open: bool = False) -> Parsed:
    """Read an answer.

    Args:
        answer: What the model wrote, its prefill included.
        declared: The prompt's answer format.
        may_end_open: The prompt stops at a fence, so that the last block has no closing one.

    Raises:
        Unparsable: With the reason: `empty_answer`, `no_section`, `no_code_block`, `unclosed_code_block`.
    """
    if not answer.strip():
        raise Unparsable("empty_answer")
    if declared.format == "text":
        return Parsed(answer.strip())
    if declared.format == "code":
        return Parsed(_code_block(answer, may_end_open))
    return _sections(answer, declared, may_end_open)


def _sections(answer: str, declared: AnswerFormat, may_end_open: bool) -> Parsed:
    text, named = (declared.text or "").casefold(), (declared.grade or declared.text or "").casefold()
    found: dict[str, re.Match[str]] = {}
    for heading in _HEADING.finditer(answer):
        found.setdefault(_name(heading), heading)
        if text in found and named in found:
            break  # what follows is the new text, most of the answer
    if text not in found:
        raise Unparsable("no_section")
    graded = found.get(named) if declared.grade else None
    number = _NUMBER.match(answer, graded.start(2)) if graded else None
    grade = float(number.group(1)) if number else None
    # The block runs to its own end, not to the next heading: code may hold lines that look like headings.
    return Parsed(_code_block(answer[found[text].end() :], may_end_open), grade)


def _name(heading: re.Match[str]) -> str:
    return heading.group(1).rstrip().casefold()


def _code_block(text: str, may_end_open: bool) -> str:
    opening = _FENCE.search(text)
    if opening is None:
        raise Unparsable("no_code_block")
    body = text[opening.end() + 1 :]
    end = _end_of_block(body, opening)
    if end is None and not may_end_open:
        raise Unparsable("unclosed_code_block")
    body = body[:end]
    if not body.strip():
        raise Unparsable("empty_answer")
    if indent := opening.group(1):  # a block in a list, say: its lines are indented as its fence is
        body = re.sub(rf"^[ \t]{{1,{len(indent)}}}", "", body, flags=re.M)
    return body.strip("\n") + "\n"


def _end_of_block(body: str, opening: re.Match[str]) -> int | None:
    """Return where the block's closing fence begins, None where it has none."""
    at = min((found for mark in ("```", "~~~") if (found := body.find(mark)) >= 0), default=None)
    if at is None:
        return None
    first = _FENCE.match(body, body.rfind("\n", 0, at) + 1)
    if first and _closes(first, opening) and not _QUOTE.search(body, at):
        return first.start()  # as nearly always: with no quote behind it, it can't be within a string
    fences = _FENCE.finditer(_QUOTED.sub(_blank, body))
    return next((fence.start() for fence in fences if _closes(fence, opening)), None)


def _closes(fence: re.Match[str], opening: re.Match[str]) -> bool:
    same = fence.group(2)[0] == opening.group(2)[0] and len(fence.group(2)) >= len(opening.group(2))
    return same and not fence.group(3).strip() and len(fence.group(1)) <= len(opening.group(1))


def _blank(quoted: re.Match[str]) -> str:
    return _NOT_NEWLINE.sub(" ", quoted.group())
