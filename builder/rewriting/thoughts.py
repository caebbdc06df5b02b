"""What a reasoning model thinks before its answer, where the server leaves it in the text.

Servers cut thoughts off when they are told which marks the model uses (`--reasoning-parser`); else they come
along, and often without the opening mark, which the chat template has written. So the closing marks count.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain, islice
from typing import NamedTuple

from builder.rewriting.thought_marks import (
    ASIDE,
    ASIDES,
    BEGINS,
    CLOSING,
    ENDINGS,
    ESCAPED_CLOSING,
    ESCAPED_OPENING,
    FOLDED,
    HEADED,
    OPENING,
    SPOKEN,
    WRAPPING,
    has_escaped,
    may_close,
)

_FENCE = re.compile(r"[ \t]*`{3,}[ \t]*")
_ADORNED = re.compile(r"(\*\*|__|`)(?=[<\[◁&＜\\][^\n]{1,60}\1[ \t]*\n)")
_PLACES, _KINDS = 1000, 32  # of a source's marks that are looked at
_BESIDE = 2  # words on either side that tell one from another
_TRIED = 8  # marks from either end: an answer of marks alone would take quadratic time


class Mark(NamedTuple):
    """A closing mark, and where it stands in the text."""

    start: int
    end: int
    said: str


class _Told:
    """Marks of a source, with the words beside them: an answer that says them, too, has them from there."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._places: dict[str, set[_Beside]] = {}

    def holds(self, text: str, mark: re.Match[str]) -> bool:
        """Whether the source has a mark of the text between the same words, as far as the text has some there."""
        said = mark.group().strip()
        if said not in self._source:
            return False
        if said not in self._places:
            if len(self._places) == _KINDS:
                return False
            found = islice(re.finditer(re.escape(said), self._source), _PLACES)
            self._places[said] = {_words_beside(self._source, *one.span()) for one in found}
        before, behind = beside = _words_beside(text, *mark.span())
        if len(before) == len(behind) == _BESIDE:
            return beside in self._places[said]
        return bool(before or behind) and any(
            one[len(one) - len(before) :] == before and other[: len(behind)] == behind
            for one, other in self._places[said]
        )


_Beside = tuple[tuple[str, ...], tuple[str, ...]]


def _words_beside(text: str, start: int, end: int) -> _Beside:
    before, behind = text[max(0, start - 80) : start].split(), text[end : end + 80].split()
    return tuple(before[-_BESIDE:]), tuple(behind[:_BESIDE])


def is_opened(text: str, source: str = "") -> bool:
    """Whether a text begins with a thought, and not with words of its source that are like one's."""
    if not BEGINS.match(text):
        return False
    begin, told = _begin(text), _Told(source)
    patterns = (*OPENING, ESCAPED_OPENING, *(opening for opening, _ in (*SPOKEN, *FOLDED)))
    return any((found := pattern.match(text, begin)) and not told.holds(text, found) for pattern in patterns)


def is_headed(text: str, source: str = "") -> bool:
    """Whether a text begins with a title such as `Thinking:`, that its source has not."""
    titled = HEADED[0].match(text, _begin(text))
    if titled is None:
        return False
    title = titled["title"].casefold()
    return all(line.strip(" \t#*_:：.").casefold() != title for line in source.splitlines())


def _begin(text: str) -> int:
    """Return where a text begins, behind the asterisks or backticks of a mark that is alone on its line."""
    begin = len(text) - len(text.lstrip())
    if text.startswith("<|start|>assistant", begin):
        return begin + len("<|start|>assistant")
    adorned = _ADORNED.match(text, begin)
    return adorned.end() if adorned else begin


def closing_marks(text: str, source: str = "") -> list[Mark]:
    """Return the marks that may end a thought, in order; not those that the text quotes or has from its source."""
    begun = BEGINS.match(text) is not None
    if not begun and is_headed(text, source):
        return _headed(text) or _made(text, CLOSING, _Told(source))
    if not begun and not may_close(text):
        return []
    begin, told = _begin(text), _Told(source)
    if begun and (folded := _folded(text, begin, told)) is not None:
        return [folded, *_made(text, CLOSING, told, folded.end)]
    openings = ((opening.match(text, begin), closing) for opening, closing in SPOKEN)
    spoken = next((closing for opened, closing in openings if opened and not told.holds(text, opened)), None)
    return (_made(text, spoken, told) if spoken else []) or _made(text, CLOSING, told)


def _made(text: str, patterns: Sequence[re.Pattern[str]], told: _Told, start: int = 0) -> list[Mark]:
    """Return the closing marks of some patterns, escaped ones too, that are neither quoted nor the source's."""
    adornment = text[: start or _begin(text)].strip()[-2:] if not start else ""
    if has_escaped(text):
        patterns = (*patterns, ESCAPED_CLOSING)
    every = sorted(
        chain.from_iterable(pattern.finditer(text, start) for pattern in patterns), key=lambda match: match.start()
    )
    found = [
        match
        for match in every
        if (_is_adorned(text, match, adornment) or not _is_quoted(text, match)) and not told.holds(text, match)
    ]
    if len(found) > 2 * _TRIED:
        found = found[:_TRIED] + found[-_TRIED:]
    return [
        Mark(match.start(), match.end() + len(adornment) * _is_adorned(text, match, adornment), match.group())
        for match in found
    ]


def _is_adorned(text: str, match: re.Match[str], adornment: str) -> bool:
    """Whether a mark has the asterisks or backticks with which the first has begun."""
    return (
        bool(adornment) and text.startswith(adornment, match.end()) and text.endswith(adornment, 0, match.start())
    )


def _headed(text: str) -> list[Mark]:
    """Return where the answer begins behind a titled thought: nowhere, unless one title alone says so."""
    found = list(islice(HEADED[1].finditer(text), 2))
    return [Mark(*found[0].span(), found[0].group())] if len(found) == 1 else []


def _folded(text: str, begin: int, told: _Told) -> Mark | None:
    """Return the end of the folded thoughts that a text begins with, None where it begins with none."""
    last: Mark | None = None
    for _ in range(_TRIED):
        parts = ((opening.match(text, begin), parts) for opening, parts in FOLDED)
        opened = next(((opened, part) for opened, part in parts if opened and not told.holds(text, opened)), None)
        if opened is None or (end := _end_of(text, opened[0].end(), opened[1])) is None:
            break
        last = Mark(*end.span("closes"), end["closes"])
        begin = last.end + len(text[last.end :]) - len(text[last.end :].lstrip())
    return last


def _end_of(text: str, start: int, parts: re.Pattern[str]) -> re.Match[str] | None:
    """Return what closes a part of a text, and none of those that begin within it."""
    depth = 1
    for found in parts.finditer(text, start):
        depth += -1 if found["closes"] is not None else 1
        if not depth:
            return found
    return None


def stray_opening(text: str, end: int, source: str) -> bool:
    """Whether a thought begins before `end` at the beginning of a line, that the source has not."""
    if all(text.find(first, 0, end) < 0 for first in "<[◁＜&"):
        return False
    patterns = [*OPENING]
    if has_escaped(text):
        patterns.append(ESCAPED_OPENING)
    if end == len(text) and "<" in text:  # of a text; beside code, tags that documents have say nothing
        patterns.append(ASIDE)
    for found in chain.from_iterable(pattern.finditer(text, 0, end) for pattern in patterns):
        begins_line = not text[max(0, found.start() - 80) : found.start()].rpartition("\n")[2].strip()
        if begins_line and found.group() not in source and not _is_quoted(text, found):
            return True
    return False


def without_asides(text: str, source: str) -> str:
    """Return what follows a thought without more of it, such as `<reflection>…</reflection>`."""
    for _ in range(_TRIED):
        aside = ASIDES.match(text)
        if aside is None or f"<{aside['tag']}>" in source:
            break
        text = text[aside.end() :]
    return text


def unwrapped(text: str, source: str) -> str:
    """Return an answer without the marks that begin and end it, where the source has none of them.

    What stands behind the tag that ends it is no part of it.
    """
    opened = WRAPPING.match(text)
    if opened is None or opened.group().strip() in source:
        return _ended(text.rstrip(), source)
    text = _ended(text[opened.end() :].rstrip(), source)
    ends = list(re.finditer(rf"</{opened['tag']}>", text, re.I)) if opened["tag"] else []
    if ends and (len(ends) == 1 or ends[-1].end() == len(text)):
        return text[: ends[-1].start()].rstrip()
    return text


def _ended(text: str, source: str) -> str:
    """Return a text without the marks of a turn's end."""
    for _ in range(_TRIED):
        if not text.endswith(ENDINGS):
            break
        ending = next(ending for ending in ENDINGS if text.endswith(ending))
        if ending in source or (ending == "</s>" and "<s>" in text):
            break
        text = text.removesuffix(ending).rstrip()
    return text


def is_prose(text: str, mark: Mark, source: str) -> bool:
    """Whether a mark that the source has, too, is said in the course of a text, as a page about such marks does.

    One that ends a thought has nothing to do with the words beside it; this one stands between words, or closes
    what words of the answer precede.
    """
    if mark.said not in source:
        return False
    before = text[max(0, mark.start - 400) : mark.start]
    behind = text[mark.end : mark.end + 400].partition("\n")[0]
    if before.rpartition("\n")[2].strip() and before[-1:].isspace() and behind.strip() and not behind[0].isalnum():
        return True
    return _closes_within(text, mark)


def _closes_within(text: str, mark: Mark) -> bool:
    """Whether the opening mark that a mark closes stands behind words of the answer."""
    places = [(found.start(), True) for one in OPENING for found in one.finditer(text, 0, mark.start)]
    places += [(found.start(), False) for one in CLOSING for found in one.finditer(text, 0, mark.start)]
    opened: list[tuple[int, int]] = []  # and to where each counts
    line_end = -1
    for place, opens in [*sorted(places), (mark.start, False)]:
        while opened and opened[-1][1] < place:
            opened.pop()
        if opens:
            if line_end < place:
                line_end = text.find("\n", place) % (len(text) + 1)
            begins_line = not text[max(0, place - 80) : place].rpartition("\n")[2].strip()
            # `<think> begins it` on a line of words opens nothing on the next.
            opened.append((place, len(text) if begins_line else line_end))
        elif opened:
            last, _ = opened.pop()
            if place == mark.start:
                return bool(text[:last].strip())
    return False


def _is_quoted(text: str, match: re.Match[str]) -> bool:
    """Whether a mark stands in a string or between backticks on its own line, and so is spoken of, not made."""
    before = text[max(0, match.start() - 400) : match.start()].rpartition("\n")[2]
    behind = text[match.end() : match.end() + 400].partition("\n")[0]
    if _FENCE.fullmatch(before):  # of a draft, with the mark that ends the thought behind it
        return False
    if before[-1:] == behind[:1] and before[-1:] in ("'", '"', "`"):
        return True
    return len(before) < 400 and any(before.count(quote) % 2 == 1 and quote in behind for quote in ('"', "`"))
