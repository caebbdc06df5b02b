"""From a model's answer to the new text, by the format that the prompt declares.

Nothing is guessed: the text is taken where exactly one part of the answer can be it, whatever stands around it.
Else the attempt fails with a reason that says what was found.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from builder.rewriting import thoughts
from builder.rewriting.fences import Block, blocks, candidates, outside, within_strings
from builder.rewriting.headings import Heading, grade, headings, section_end
from builder.rewriting.prompts import AnswerFormat
from builder.text import without_bom

_FENCED_TEXT = re.compile(
    r"(`{3,}|~{3,})[ \t]*(?:(?:(markdown|md)|text|txt|plaintext|plain|(?:la)?tex)[ \t]*)?\r?\n(.*)\n\1[ \t]*",
    re.S | re.I,
)
_QUOTED_TEXT = re.compile(r'"""[ \t]*\r?\n((?:(?!""").)*)\r?\n"""|"([^"]{80,})"', re.S)
_FENCE_LINE = re.compile(r"^[ \t]*(`{3,}|~{3,})[ \t]*([^`\s]?)", re.M)


class Unparsable(Exception):
    """The answer has not the declared form; the argument is the reason that goes into the table."""


class Parsed(NamedTuple):
    """The new text and, where the format has one, the model's own grade of the old."""

    text: str
    grade: float | None = None


class _Taken(NamedTuple):
    """What was taken from a text, and where it stands in it."""

    parsed: Parsed
    start: int
    end: int
    language: str


def parse(
    answer: str, declared: AnswerFormat, *, prefill: str = "", may_end_open: bool = False, source: str = ""
) -> Parsed:
    """Read an answer.

    Args:
        answer: What the model wrote, with the prefill or without it.
        declared: The prompt's answer format.
        prefill: The beginning of the answer that was sent with the request.
        may_end_open: The prompt stops at a fence, so that the last block has no closing one.
        source: The text that was to be rewritten: marks of thoughts that it holds may be the answer's own.

    Raises:
        Unparsable: With the reason: `empty_answer`, `unclosed_thought`, `no_section`, `several_sections`,
            `no_code_block`, `several_code_blocks`, `unclosed_code_block`.
    """
    whole = _whole(prefill, without_bom(answer))
    marks = [mark for mark in thoughts.closing_marks(whole, source) if not thoughts.is_prose(whole, mark, source)]
    if declared.format == "text":
        taken = _text(_behind(whole, marks[-1], prefill, source) if marks else _unopened(whole, source))
        if thoughts.stray_opening(taken, len(taken), source):
            raise Unparsable("unclosed_thought")
        return Parsed(_unfenced(taken, source))
    return _structured(whole, marks, declared, prefill, source, may_end_open)


def _structured(
    whole: str, marks: list[thoughts.Mark], declared: AnswerFormat, prefill: str, source: str, may_end_open: bool
) -> Parsed:
    """Read what stands behind the last mark of a thought, or behind an earlier one if the later are code."""
    texts = [_behind(whole, mark, prefill, source) for mark in reversed(marks)]
    if not thoughts.is_opened(whole, source):
        texts.append(thoughts.unwrapped(whole, source))
    found: list[_Taken] = []
    failures = ["unclosed_thought"] if not texts else []
    for text in texts:
        if marks and thoughts.is_opened(text, source):
            failures.append("unclosed_thought")
            continue
        try:
            taken = _taken(text, declared, may_end_open, source)
        except Unparsable as error:
            failures.append("unclosed_thought" if thoughts.stray_opening(text, len(text), source) else str(error))
            continue
        if thoughts.stray_opening(text, taken.start, source):
            failures.append("unclosed_thought")
        elif not marks or all(
            _is_in_code(text, taken, mark, source) or thoughts.is_prose(text, mark, source)
            for mark in thoughts.closing_marks(text, source)
        ):
            found.append(taken)
        else:
            failures.append("unclosed_thought")
    if not found:
        raise Unparsable(failures[0])
    # Behind a mark that code quotes, a fence that it quotes, too, looks like a block's: one without a language.
    return next((taken for taken in found if taken.language), found[0]).parsed


def _is_in_code(text: str, taken: _Taken, mark: thoughts.Mark, source: str) -> bool:
    if not (taken.start <= mark.start and mark.end <= taken.end):
        return False
    code = text[taken.start : taken.end]
    return mark.said in source or within_strings(code, mark.start - taken.start, mark.end - taken.start)


def _behind(whole: str, mark: thoughts.Mark, prefill: str, source: str) -> str:
    """Return the answer behind a thought; if the thought came after the prefill, the answer goes on from that."""
    rest = thoughts.unwrapped(thoughts.without_asides(whole[mark.end :], source), source)
    begun = _visible(prefill).strip()
    if begun and mark.start >= len(prefill) and rest.strip() and not rest.lstrip().startswith(begun):
        return _visible(prefill) + rest.lstrip("\n")
    return rest


def _visible(prefill: str) -> str:
    """Return what of a prefill is answer: not the thought that it opens, or closes to have none."""
    marks = thoughts.closing_marks(prefill)
    if marks:
        return thoughts.unwrapped(prefill[marks[-1].end :], "")
    return "" if thoughts.is_opened(prefill) else prefill


def _unopened(whole: str, source: str) -> str:
    if thoughts.is_opened(whole, source) or thoughts.is_headed(whole, source):
        raise Unparsable("unclosed_thought")
    return thoughts.unwrapped(whole, source)


def _whole(prefill: str, answer: str) -> str:
    """Return prefill and answer as one text: llama.cpp repeats the prefill in its answer, TGI does not."""
    return answer if answer.startswith(prefill) else prefill + answer


def _text(text: str) -> str:
    if not (text := without_bom(text.strip()).strip()):
        raise Unparsable("empty_answer")
    return text


def _unfenced(text: str, source: str) -> str:
    """Return a text that stands whole in one fenced block, or in quotes, without them, unless its source does."""
    if (quoted := _QUOTED_TEXT.fullmatch(text)) and not source.lstrip().startswith('"'):
        return _text(quoted.group(1) or quoted.group(2))
    fenced = _FENCED_TEXT.fullmatch(text)
    if fenced is None or source.lstrip().startswith(fenced.group(1)):
        return text
    mark, is_markdown, inner = fenced.groups()
    is_open = False
    for fence, info in _FENCE_LINE.findall(inner):
        if not fence.startswith(mark):
            continue
        if is_open if info else not (is_open or is_markdown):
            return text  # the first block ends here
        is_open = not is_open
    return text if is_open else _text(inner)


def _taken(text: str, declared: AnswerFormat, may_end_open: bool, source: str) -> _Taken:
    _text(text)
    found = list(blocks(text, may_end_open=may_end_open))
    if declared.format == "code":
        return _code(text, found, source)
    return _section(text, found, declared, may_end_open, source)


def _code(text: str, found: list[Block], source: str) -> _Taken:
    """Take the one block that can be the code."""
    if not found:
        raise Unparsable("no_code_block")
    # Behind whole blocks a lone fence is a slip.
    held = candidates([block for block in found if block.is_closed or not block.is_blank(text)], text)
    if not held:
        raise Unparsable("empty_answer" if any(block.is_closed for block in found) else "unclosed_code_block")
    if any(not block.is_closed for block in held):
        raise Unparsable("unclosed_code_block")
    if len(held) > 1:  # one of which may be the source, shown beside the new code
        words = source.split()
        held = [block for block in held if block.content(text).split() != words] or held
        if len({block.content(text) for block in held}) > 1:
            raise Unparsable("several_code_blocks")
    block = held[0]
    return _Taken(Parsed(without_bom(block.content(text))), block.begin, block.end, block.language)


# --- sections ---


def _section(text: str, found: list[Block], declared: AnswerFormat, may_end_open: bool, source: str) -> _Taken:
    name, failure, is_hidden = declared.text or "", "no_section", False
    parts = list(outside(found, 0, len(text)))
    named = list(headings(text, name, parts))
    if not named and (first := next(headings(text, name, [(0, len(text))]), None)):
        # By a fence too many, or because it is a comment in code.
        found, is_hidden = list(blocks(text, first.named, may_end_open=may_end_open)), True
        parts = list(outside(found, 0, len(text)))
        named = list(headings(text, name, outside(found, first.start, len(text))))
    for tier in (_best(named), named):
        taken, reasons = [], []
        for heading in tier:
            end = section_end(text, heading, found)
            try:
                own = [block for block in found if heading.named <= block.start < end]
                taken.append(_code(text, own, source))
            except Unparsable as error:
                reasons.append(str(error))
        if any(one.parsed.text != taken[0].parsed.text for one in taken[1:]):
            raise Unparsable("several_sections")
        if taken:
            said = _grade(text, parts, declared, taken[0].start)
            return _Taken(Parsed(taken[0].parsed.text, said), *taken[0][1:])
        # Of headings without a block, one with something like it tells more.
        failure = next((reason for reason in reasons if reason != "no_code_block"), (reasons or [failure])[0])
    raise Unparsable("no_section" if is_hidden else failure)


def _best(named: list[Heading]) -> list[Heading]:
    """Return the headings that look most like one: the name alone, marked as a heading."""
    return (
        named
        if len(named) < 2
        else (
            [heading for heading in named if heading.is_exact and heading.level <= 7]
            or [heading for heading in named if heading.is_exact]
            or named
        )
    )


def _grade(text: str, parts: list[tuple[int, int]], declared: AnswerFormat, code: int) -> float | None:
    """Return the grade beside its heading, of several the first's before the code; null where they differ."""
    if declared.grade is None:
        return None
    named = list(headings(text, declared.grade, parts, with_value=True))
    named = [heading for heading in named if heading.start < code] or named
    said = {grade(text, heading, *declared.grade_range) for heading in _best(named)} - {None}
    return said.pop() if len(said) == 1 else None
