"""Fenced code blocks in a model's answer, found as a reader of the code would: a fence within a string is text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

# Every pattern here takes linear time, whatever a model writes.
_LEAD = r"#{1,6}[^`~\n]*|\*\*[^`~\n]*\*\*[:：]?[ \t]*|[^`~\n]*[:：][*_ \t]*"  # a heading, or words with a colon
_BULLET = r"(?:[-*+•]|\d{1,3}[.)])[ \t]+"
_OPENING = re.compile(
    rf"[\ufeff\u200b]?([ \t\xa0]*(?:{_BULLET})?)(?:(?![ \t])(?:{_LEAD}))?(`{{3,}}|~{{3,}})([^`\n]*)$", re.M
)
_FENCE = re.compile(r"([ \t]*)(`{3,}|~{3,})([^`\n]*)$", re.M)
_INK = re.compile(r"\S")
_LANGUAGE = re.compile(r"[ \t{.]*([\w+#-]*)")
# Code on the line of its fence: a statement of Python, not attributes, a file's name or a title.
_STATEMENT = re.compile(
    r"[ \t]*(?:(?i:py(?:thon)?3?)[ \t]+)?"
    r"((?:import[ \t]+\w|from[ \t]+[\w.]+[ \t]+import\b"
    r"|(?:async[ \t]+)?def[ \t]+\w+[ \t]*\(|class[ \t]+\w+[ \t]*[(:]"
    r"|@\w|(?!title|file|name|lines|hl_|line)\w+[ \t]=[ \t]|\"\"\"|'''|#!).*)"
)

# Strings and comments of Python, and lines that are a fence. What is escaped outside of strings is passed over,
# too, or each such quote would be tried to the end of the answer.
_TOKEN = re.compile(
    r"#[^\n]*"
    r'|"""(?:\\.|[^\\])*?"""'
    r"|'''(?:\\.|[^\\])*?'''"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'(?:\\.|[^'\\\n])*'"
    r"|\\."
    r"|^([ \t]*)(`{3,}|~{3,})([^`\n]*)$",
    re.S | re.M,
)

_EXAMPLE = re.compile(
    r"\b(?:examples?|usage|outputs?|prints?|(?:to|for) (?:test|use|run|try)(?:ing)?"
    r"|(?:can be|is) (?:used|called|run)|(?:use|run|call|try) (?:it|this)"
    r"|(?:use|run|call|try) (?:the|these) (?:[\w`]+ ){0,2}"
    r"(?:class|code|decorator|functions?|method|module|program|script))\b"
    r"|^\W*(?:\w+\W+){0,2}tests?\W*$",
    re.I,
)
_OTHER = re.compile(r"^\W*or\b|\b(?:alternative(?:ly|s)?|instead|otherwise|variants?|versions?)\b", re.I)

_MOST = 100  # blocks of an answer
_LOOKS = 8  # for a closing fence among backticks, before the code is read
_ENDS = 4  # blocks for whose end all of the answer is looked through

_ASIDE = frozenset(
    """
    bash bat cmd console csv diff ini json log none output plain plaintext powershell pycon reasoning scratchpad sh
    shell shellsession stdout terminal text think thinking thoughts toml txt yaml yml zsh
    """.split()  # noqa: SIM905 - a list of them fills a screen
)
"""Languages of what stands beside code: commands, output, settings, thoughts."""
_LANGUAGES = _ASIDE | {"markdown", "md", "py", "python", "python3"}


class Block(NamedTuple):
    """A fenced block of a text.

    Attributes:
        start: Where its fence stands.
        begin: Where its content begins.
        end: Where its content ends.
        after: Where the text goes on.
        indent: What stands before its fence in place of its lines' indentation: white space, a list's mark.
        language: The first word behind its fence, in lower case.
        is_closed: Whether it has a closing fence.
    """

    start: int
    begin: int
    end: int
    after: int
    indent: str
    language: str
    is_closed: bool

    def content(self, text: str) -> str:
        """Return its lines, without the indentation of its fence if they share that."""
        body = text[self.begin : self.end]
        if self.indent:  # a block in a list, say: its lines are indented as its fence is, or only the fence is
            first = _INK.search(body)
            margin = body[body.rfind("\n", 0, first.start()) + 1 : first.start()] if first else ""
            if width := min(len(margin), len(self.indent)):
                body = re.sub(rf"^[ \t]{{1,{width}}}", "", body, flags=re.M)
        return body.strip("\n") + "\n"

    def is_blank(self, text: str) -> bool:
        """Whether it holds nothing."""
        return _INK.search(text, self.begin, self.end) is None


def blocks(text: str, start: int = 0, *, may_end_open: bool = False) -> Iterator[Block]:
    """Yield the fenced blocks from `start` on, in order.

    Args:
        text: The answer.
        start: Where to begin; at the beginning of a line, or behind a heading's name.
        may_end_open: Whether the end of the text closes the last block.
    """
    number = ends_seen = 0
    while number < _MOST and ends_seen < _ENDS and (opening := _next(text, start)):
        info = opening.group(3)
        if opening.start(2) > opening.end(1) and not _is_label(info):
            start = opening.end()  # words, then code between backticks
            continue
        language, statement = _read_info(info)
        begin = min(opening.end() + 1, len(text)) if statement is None else opening.start(3) + statement
        end, after, saw_end = _end(text, opening, opening.end() if statement is None else begin)
        ends_seen += saw_end
        closed = end is not None or (may_end_open and after == len(text))
        number += 1
        content_end = after if end is None else end
        yield Block(opening.start(2), begin, content_end, after, opening.group(1), language, closed)
        start = after


def _next(text: str, start: int) -> re.Match[str] | None:
    """Return the next line from `start` on that opens a block; only lines with a fence's mark are looked at."""
    ticks, tildes = _find(text, "```", start), _find(text, "~~~", start)
    while ticks >= 0 or tildes >= 0:
        at = ticks if tildes < 0 or 0 <= ticks < tildes else tildes
        line = text.rfind("\n", 0, at) + 1
        if line >= start and (opening := _OPENING.match(text, line)):
            return opening
        if (line_end := text.find("\n", at)) < 0:
            return None
        ticks = _find(text, "```", line_end) if 0 <= ticks < line_end else ticks
        tildes = _find(text, "~~~", line_end) if 0 <= tildes < line_end else tildes
    return None


def _find(text: str, mark: str, start: int) -> int:
    """Return where a mark stands next, -1 where nowhere.

    A search for one character is ten times as fast as one for three.
    """
    at = text.find(mark[0], start)
    return at if at < 0 else text.find(mark, at)


def _is_label(info: str) -> bool:
    return len(info.split()) <= 1


@lru_cache(maxsize=64)  # nearly all are `python`
def _read_info(info: str) -> tuple[str, int | None]:
    """Return the language that stands behind a fence, and where a statement of code begins in it, if one does."""
    if statement := _STATEMENT.fullmatch(info):
        return "python", statement.start(1)
    found = _LANGUAGE.match(info)
    language = found.group(1).lower() if found else ""
    return ("python" if language in {"py", "python3", "py3"} else language), None


def _opens(info: str) -> bool:
    """Whether what stands behind a fence within a block makes it the next block's: a language, and no sentence."""
    words = info.split()
    if len(words) == 1:  # `Done.` and `</answer>` are no languages
        return words[0][0] != "<" and words[0][-1] not in ".!?:;,"
    return bool(words) and words[0].lower() in _LANGUAGES


def _end(text: str, opening: re.Match[str], begin: int) -> tuple[int | None, int, bool]:
    """Return where the block's content ends, None where no fence closes it, and where the text goes on.

    And whether all of the text was looked at for that.
    """
    mark, margin = opening.group(2), len(opening.group(1)) + 3
    if closing := _plain_end(text, begin, mark, margin):
        return closing.start(), closing.end(), False
    deep: re.Match[str] | None = None
    for token in _TOKEN.finditer(text, begin):
        if token.group(2) is None or token.group(2)[0] != mark[0] or len(token.group(2)) < len(mark):
            continue
        if _opens(token.group(3)):  # another block begins: no language has such a line
            return (deep.start(), deep.end(), False) if deep else (None, token.start(), False)
        if len(token.group(1)) <= margin:
            return token.start(), token.end(), False
        deep = deep or token
    if deep:
        return deep.start(), deep.end(), True
    end = len(text.rstrip())
    if text.endswith(mark, begin, end):  # the last line of the code, and the fence behind it
        return end - len(mark), len(text), True
    return None, len(text), True


def _plain_end(text: str, start: int, mark: str, margin: int) -> re.Match[str] | None:
    """Return the closing fence if it is the first there is and can't be within a string, as nearly always.

    Only a string with three quotes, or a line that goes on behind a backslash, could hold it.
    """
    at = start
    for _ in range(_LOOKS):
        if (at := _find(text, mark, at)) < 0:
            return None
        begin = text.rfind("\n", start, at) + 1
        fence = _FENCE.match(text, begin) if begin else None
        if fence and fence.start(2) == at:
            is_closing = not _opens(fence.group(3)) and len(fence.group(1)) <= margin
            may_be_held = (
                text.endswith("\\\n", start, begin) or text.find('"""', at) >= 0 or text.find("'''", at) >= 0
            )
            return fence if is_closing and not may_be_held else None
        at += len(mark)
    return None


def outside(found: list[Block], start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the parts of a text, from `start` to `end`, that lie in none of its blocks."""
    for block in found:
        if block.is_closed and block.after > start:
            yield start, max(start, block.begin)
            start = block.after
    yield start, end


def candidates(found: list[Block], text: str) -> list[Block]:
    """Return those of the blocks that may be the code: neither empty, nor output, nor what to type in a shell."""
    held = [block for block in found if not block.is_blank(text)]
    if len(held) < 2:
        return held
    held = [
        block for block, before in zip(held, [None, *held], strict=False) if not _is_example(text, before, block)
    ]
    labelled = [block for block in held if block.language and block.language not in _ASIDE]
    if labelled:
        # What has no label behind one that has is its output; before it, it may be the code itself.
        codes = [block for block in held if block.language not in _ASIDE]
        return [block for block in codes if block.language or block.start < labelled[0].start]
    return [block for block in held if not block.language] or held


def _is_example(text: str, before: Block | None, block: Block) -> bool:
    """Whether the words before a block say that it shows how the one before is used, or what it prints.

    `You can use this version instead:` says that it is another answer.
    """
    if before is None:
        return False
    line = text[max(before.after, block.start - 400) : block.start].strip().rpartition("\n")[2]
    return _EXAMPLE.search(line) is not None and _OTHER.search(line) is None


def within_strings(code: str, start: int, end: int) -> bool:
    """Whether all of [start, end) of Python code lies in one string or comment."""
    for token in _TOKEN.finditer(code):
        if token.end() >= end:
            return token.start() <= start and token.group(2) is None
    return False
