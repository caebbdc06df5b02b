"""The headings of an answer, however a model writes them, what stands under them, and the grade beside one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from builder.rewriting.fences import Block, outside

# Every pattern here takes linear time, whatever a model writes.
_BEFORE = re.compile(
    r"[ \t]{0,3}(?:<(?:h[1-6]|b|strong|summary)>)?(?:[^\w\"'`\n]|[\d_])*"
    r"(?:(?:step|part|section|[ivx]{1,4}(?=[.)])|[a-z](?=[.)]))(?:[^\w\"'`\n]|[\d_])*)?",
    re.I,
)
_BEHIND = re.compile(
    r"[*_ \t]*(?P<aside>[(\[][^()\[\]\n]*[)\]])?[*_ \t]*(?P<separator>[:：]|[-–—]+(?![^\s*_]))?(?P<tail>[^\n]*)"
)
_UNDERLINE = re.compile(r"\r?\n[ \t]{0,3}(={2,}|-{2,})[ \t]*\r?$", re.M)
_FENCED = re.compile(r"(?:`{3,}|~{3,})[^`\n]*")
_ANY = re.compile(r"^ {0,3}(?:(#{1,6})[ \t]*[^\s#!]|\*\*[^*\n]+\*\*:?[ \t\r]*$|__[^_\n]+__:?[ \t\r]*$)", re.M)
_MARKUP = re.compile(r"<(?:h[1-6]|b|strong|summary)>", re.I)
_BULLET = re.compile(r"[-*+•][ \t]")
_WORD = re.compile(r"\w")
_ADORNMENT = " \t\r*_`#"
_HASHES = {"#" * level + " ": level for level in range(1, 7)}
_MIRRORED = {"[": "]", "(": ")", "【": "】", "「": "」", "«": "»"}

_WORDS = 4  # before a name that is not all of its heading, such as `The Final Improved Code`
_MOST = 32  # of a name: what is under each is looked at

_BOLD, _PLAIN = 7, 8  # levels below the six that Markdown has


class Heading(NamedTuple):
    """A line that names a section.

    Attributes:
        start: Where its line begins.
        named: Where the name on it ends.
        end: Where its line ends, an underline included.
        level: 1 to 6 as in Markdown, 7 for bold lines, 8 for plain ones that end with a colon.
        is_exact: Whether it holds the name and nothing else.
        behind: What else is on its line, a remark in brackets included.
    """

    start: int
    named: int
    end: int
    level: int
    is_exact: bool
    behind: str


@lru_cache(maxsize=64)
def _named(name: str) -> re.Pattern[str]:
    name = " ".join(name.split())
    begins = re.escape("".join(sorted({name[0], name[0].lower()[:1], name[0].upper()[:1]})))
    rest = r"(?:[^\S\r\n]|[_\-‐‑–])+".join(map(re.escape, name[1:].split(" ")))
    # Begun with a set of characters it is searched for thrice as fast as with what may stand before them.
    return re.compile(rf"[{begins}](?<![^\W_].)(?i:{rest}(?![^\W_]))")


def headings(
    text: str, name: str, parts: Iterable[tuple[int, int]], *, with_value: bool = False
) -> Iterator[Heading]:
    """Yield the lines that may be a heading of that name.

    Args:
        text: The answer.
        name: The section's name.
        parts: Where in the text to look: from, to.
        with_value: Whether a value may stand behind the name, without a colon too.
    """
    last, number, named = -1, 0, _named(name)
    for part in parts:
        for found in named.finditer(text, *part):
            start = text.rfind("\n", 0, found.start()) + 1
            # A heading is short: what has a name far in is none, and looking for it on each would not be linear.
            if start == last or found.start() - start > 60:
                continue
            last = start
            if heading := _heading(text, start, found, with_value):
                number += 1
                yield heading
                if number == _MOST:
                    return


def _heading(text: str, start: int, found: re.Match[str], with_value: bool) -> Heading | None:
    before, named = text[start : found.start()], found.end()
    if before in _HASHES and (with_value or text.startswith(("\n", ":\n"), named)):  # as nearly always
        end = text.find("\n", named) % (len(text) + 1)
        return Heading(start, named, end, _HASHES[before], True, text[named:end])
    behind = _BEHIND.match(text, named)
    if behind is None:
        return None
    tail = behind.group("tail")
    prefix = _BEFORE.fullmatch(before)
    level, end = _level(text, before, behind, may_be_underlined=prefix is not None)
    is_alone = not tail.strip(_ADORNMENT) or _FENCED.match(tail.lstrip(" \t*_")) is not None
    if level == _PLAIN and prefix is not None and _is_framed(before, behind.group()):
        level, is_alone = _BOLD, True
    has_words = not is_alone and not with_value
    is_listed = _BULLET.match(before.lstrip()) is not None
    if level == _PLAIN and (prefix is None or behind.group("separator") not in (":", "：") or has_words):
        return None
    if level >= _BOLD and is_listed and not is_alone and (has_words or level == _PLAIN):
        return None  # a suggestion such as `- Improved code: shorter`
    if prefix is None and len(before.split()) > _WORDS:
        return None
    is_exact = prefix is not None and (is_alone or with_value or behind.group("separator") is not None)
    return Heading(start, named, end, level, is_exact, text[named : behind.end()])


def _is_framed(before: str, behind: str) -> bool:
    """Whether but symbols, the same before and behind, are there: `== Improved Code ==`, `[Improved Code]`."""
    before, behind = before.strip(), behind.strip(":： \t\r")
    if not before or _WORD.search(before + behind):
        return False
    return behind == "".join(_MIRRORED.get(one, one) for one in reversed(before))


def _level(text: str, before: str, behind: re.Match[str], *, may_be_underlined: bool) -> tuple[int, int]:
    """Return the level of a heading, and where it ends."""
    stripped = before.lstrip(" \t>-+•\\")  # a heading that is quoted, listed or escaped is one
    if _MARKUP.match(stripped):
        return _BOLD, behind.end()
    if hashes := min(len(stripped) - len(stripped.lstrip("#")), 6):
        return hashes, behind.end()
    underline = _UNDERLINE.match(text, behind.end())
    if underline and may_be_underlined:
        return (1 if "=" in underline.group(1) else 2), underline.end()
    is_bold = any(before.count(mark) == 1 and mark in behind.group() for mark in ("**", "__"))
    return (_BOLD if is_bold else _PLAIN), behind.end()


def section_end(text: str, heading: Heading, found: list[Block]) -> int:
    """Return where the section under a heading ends: at the next heading, other than those of its parts."""
    below = [block for block in found if block.is_closed and block.start >= heading.named]
    has_parts = False
    for part in outside(found, heading.end, len(text)):
        has_block = bool(below) and part[0] >= below[0].after
        for other in _ANY.finditer(text, *part):
            level = len(other.group(1)) if other.group(1) else _BOLD
            ends = level <= heading.level and (level != _BOLD or has_block)
            if ends or (has_block and not has_parts):
                return other.start()
            has_parts = True
    return len(text)


# --- the grade ---

_LABEL = r"(?:(?:overall|final|code|quality|total|the)\s+){0,3}(?:grade|score|rating|evaluation)(?:\s+is|\s+of)?"
_GRADE = re.compile(
    rf"(?:{_LABEL}\s*[:=–—-]?\s*)?[\[({{<\"]*(?P<grade>\d{{1,4}}(?:\.\d{{1,4}})?)(?![\w%]|[.,]\d)"
    r"(?:\s*(?P<slash>/|out\s+of|of)\s*(?P<of>\d{1,4}(?:\.0)?)(?![\w%/]|[.,]\d))?(?:\s*(?:points?|pts)\b)?[\])}>\"]*(?P<rest>.*)",
    re.I,
)
_IN_WORDS = re.compile(
    r"(?<![\w.,–-])(?P<grade>\d{1,4}(?:\.\d{1,4})?)\s*(?:/|\bout\s+of\b)\s*(?P<of>\d{1,4})(?![\w%/]|[.,]\d)(?P<rest>.*)",
    re.I,
)
_MARKS = re.compile(r"[*_`]|</?(?:b|strong|em|i)>|\\boxed(?=\{)")
_SIMPLE = re.compile(r"[:： \t*]*(?P<grade>\d{1,4}(?:\.\d{1,4})?)[ \t*]*\r?")
_LISTED = re.compile(rf"[>#][ \t>#]*|[-+•][ \t]+(?={_LABEL})", re.I)
_SYMBOLS = re.compile(r"\A[^\w\s+~≈<>.()\[\]{}\"–—-]+\s*")  # such as stars
_REMARK = re.compile(r"\s*\([^()]*\)\s*[:：]")
_SPACES = str.maketrans(dict.fromkeys("\u00a0\u2009\u202f\u3000", " "))
_PLACEHOLDER = re.compile(r"[\[<{(]?[NX][\])}>]?")  # which prompts have for the grade, and models copy
_RANGE = re.compile(r"\s*(?:-|–|—|to|or)\s*\d", re.I)
_REASON = re.compile(r"(?:because|as|since|for|overall|due|given|based|with)\b", re.I)


def grade(text: str, heading: Heading, least: float, most: float) -> float | None:
    """Return the grade beside a heading: on its own line, or alone on the next that is not blank.

    None for all else: a list's number, a count, a number out of [least, most].
    """
    behind = heading.behind.translate(_SPACES)
    if simple := _SIMPLE.fullmatch(behind):
        value = float(simple.group("grade"))
        return value if least <= value <= most else None
    said = _SYMBOLS.sub("", _MARKS.sub("", behind).strip(" \t\r:：="))
    if remark := _REMARK.match(said):  # `(1-10): 7`; where nothing follows, the grade may be in it
        said = said[remark.end() :].strip() or said
    if said and not _PLACEHOLDER.fullmatch(said):
        return _grade(said.lstrip("–— ") if not said.startswith("- ") else said[2:].lstrip(), least, most)
    line = text[heading.end : heading.end + 1000].lstrip().partition("\n")[0].translate(_SPACES)
    alone = _GRADE.fullmatch(_LISTED.sub("", _MARKS.sub("", line).strip(), count=1))
    if alone is None or alone.group("rest").strip(" .") or alone.group() == "1.":
        return None
    return _value(alone, least, most)


def _grade(said: str, least: float, most: float) -> float | None:
    found = _GRADE.match(said)
    if found is None:  # words, and the grade in them: `Mostly good, 8/10`
        found = _IN_WORDS.search(said)
    if found is None or _IN_WORDS.search(found.group("rest")) or _RANGE.match(found.group("rest")):
        return None  # none, two, or from one to another
    return _value(found, least, most)


def _value(found: re.Match[str], least: float, most: float) -> float | None:
    said, of, rest = found.group("grade", "of", "rest")
    words = rest.strip()
    # `3 functions` and `3/10 functions` count, `1. Names` begins a list; `7. Good` and `7/10 as it runs` grade.
    counts = words[:1].isalnum() and not (of is not None and _REASON.match(words))
    lists = of is None and said == "1" and rest[:1] in (".", ")") and bool(words[1:])
    if counts or lists or words[:1] in ("/", "%", "+"):
        return None
    value = float(said)
    return value if least <= value <= most and (of is None or float(of) == most) else None
