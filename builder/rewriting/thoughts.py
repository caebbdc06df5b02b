"""What a reasoning model thinks before its answer, where the server leaves it in the text.

Servers cut thoughts off when they are told which marks the model uses (`--reasoning-parser`); else they come
along, and often without the opening mark, which the chat template has written. So the closing marks count.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import NamedTuple

# Every pattern here takes linear time, whatever a model writes.
_WORD = r"(?:[a-z0-9]{1,16}[:_|])?(?:think(?:ing)?|thoughts?|reasoning)(?:[:_][a-z]{1,24})?"
"""With what families put before and behind it: `seed:think`, `longcat_think`, `think_fast`, `ifm|think`."""
_PIPED = r"(?:think(?:ing)?|thought|reasoning)"
_ANSWER = r"answer|response|output|solution|conclusion|final_answer"

_OPENING = re.compile(
    rf"<{_WORD}(?:\s[^<>\n]{{0,80}})?>|\[(?:THINK|THOUGHT|REASONING)\]|◁think▷"
    rf"|<\|(?:(?:begin|start)_of_{_PIPED}|(?:begin|start)_{_PIPED}|{_PIPED}(?:[_:](?:start|begin))?|inner_prefix)\|>"
    r"|<\|open\|>think<\|sep\|>"  # Kimi K3
    r"|<\|channel>(?:thought)?"  # Gemma 4
    # harmony; sometimes with another channel than the two that it has for this
    r"|<\|channel\|>(?!\s{0,8}final\b)[^<\n]{0,64}(?:<\|constrain\|>[^<\n]{0,32})?<\|message\|>"
    r"|<\|content_thinking\|>"
    r"|<\|im_start\|>think\b"  # s1
    r"|\[unused16\]",  # Pangu
    re.I,
)
_CLOSING = re.compile(
    rf"</{_WORD}\s{{0,4}}>|\[/(?:THINK|THOUGHT|REASONING)\]|◁/think▷"
    rf"|<\|(?:end_of_{_PIPED}|end_{_PIPED}|/{_PIPED}|{_PIPED}[_:]end|inner_suffix)\|>"
    r"|<\|close\|>think<\|sep\|>"
    r"|<channel\|>"
    r"|<\|channel\|>\s{0,8}final\b[^<\n]{0,64}(?:<\|constrain\|>[^<\n]{0,32})?<\|message\|>"
    r"|<\|start\|>assistant *to=user<\|message\|>"
    r"|<\|begin\|>assistant<\|content\|>"  # Solar
    r"|<\|content_text\|>"
    r"|<\|im_start\|>answer\b"  # s1
    r"|\[unused17\]",
    re.I,
)
_SPOKEN = (
    (re.compile(r"Here(?:'s| is) my thought process:"), re.compile(r"Here(?:'s| is) my response:")),  # Granite
    (re.compile(r"Here are my reasoning steps:"), re.compile(r"\[BEGIN FINAL RESPONSE\]")),  # Apriel
    (re.compile(r"## Thinking\n"), re.compile(r"## Final Response\n")),  # HuatuoGPT
    (re.compile(r"(?:analysis|commentary)\b[^<\n]{0,64}<\|message\|>"), _CLOSING),  # harmony
    (re.compile(r"to=self<\|message\|>"), re.compile(r"to=user<\|message\|>")),
    # harmony without its special tokens
    (re.compile(r"(?:assistant)?(?:analysis|commentary)(?=\s?[A-Z])"), re.compile(r"assistantfinal")),
    (
        re.compile(r"thought\r?\n"),
        re.compile(r"(?!)"),
    ),  # Gemma 4 without them: nothing tells where the thought ends
)
"""Marks that are words: they count where the text begins with the first of a pair."""
_BEGINS = re.compile(r"\s*(?:[<\[◁]|Here|assistant|analysis|commentary|## Thinking|to=self|thought)", re.I)
"""How all opening marks begin."""
_SLASH = re.compile(r"/(?<=[<\[◁]/)")
"""How all closing marks with a slash begin. Begun with one character it is searched for thrice as fast as `</`."""
_FENCE = re.compile(r"[ \t]*`{3,}[ \t]*")
_WRAPPING = re.compile(
    rf"\s*(?:<(?:{_ANSWER})>|<\|(?:START_RESPONSE|begin_of_solution)\|>|<\|open\|>response<\|sep\|>"
    r"|\[BEGIN FINAL RESPONSE\])",
    re.I,
)
_ENDINGS = (
    *(f"</{name}>" for name in _ANSWER.split("|")), "<|END_RESPONSE|>", "<|end_of_solution|>",
    "<|close|>response<|sep|>", "<|close|>message<|sep|>", "[END FINAL RESPONSE]",
    # Of turns: some servers leave them, or don't know that one is their model's.
    "<|return|>", "<|end|>", "<|eom|>", "<|eot|>", "<|eot_id|>", "<|im_end|>", "<|im_sep|>", "<|endoftext|>",
    "<|end_of_text|>", "<|endofturn|>", "<|end_of_turn|>", "<|END_OF_TURN_TOKEN|>", "<|end_of_msg|>",
    "<|end_message|>", "<|assistant_end|>", "<turn|>", "<end_of_turn>", "<｜end▁of▁sentence｜>", "[|endofturn|]",
    "[e~[", "<eos>", "</s>",
)  # fmt: skip
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
    if not _BEGINS.match(text):
        return False
    begin, told = _begin(text), _Told(source)
    patterns = (_OPENING, *(opening for opening, _ in _SPOKEN))
    return any((found := pattern.match(text, begin)) and not told.holds(text, found) for pattern in patterns)


def _begin(text: str) -> int:
    begin = len(text) - len(text.lstrip())
    return begin + len("<|start|>assistant") if text.startswith("<|start|>assistant", begin) else begin


def closing_marks(text: str, source: str = "") -> list[Mark]:
    """Return the marks that may end a thought, in order; not those that the text quotes or has from its source."""
    if not _may_close(text) and not _BEGINS.match(text):
        return []
    begin, told = _begin(text), _Told(source)
    begun = ((opening.match(text, begin), closing) for opening, closing in _SPOKEN)
    spoken = next((closing for opened, closing in begun if opened and not told.holds(text, opened)), None)

    def made(pattern: re.Pattern[str]) -> list[re.Match[str]]:
        found = pattern.finditer(text)
        return [match for match in found if not _is_quoted(text, match) and not told.holds(text, match)]

    found = made(spoken or _CLOSING)
    if spoken is not None and not found:
        found = made(_CLOSING)
    if len(found) > 2 * _TRIED:
        found = found[:_TRIED] + found[-_TRIED:]
    return [Mark(*match.span(), match.group()) for match in found]


def _may_close(text: str) -> bool:
    """Whether a text has what every closing mark has; nearly none has, and a search for every mark takes longer.

    A search for one character is ten times as fast as one for two, and finds none in most texts.
    """
    if "/" in text and _SLASH.search(text):
        return True
    return ("|" in text and "|>" in text) or "[unused17]" in text


def stray_opening(text: str, end: int, source: str) -> bool:
    """Whether a thought begins before `end` at the beginning of a line, that the source has not."""
    if all(text.find(first, 0, end) < 0 for first in "<[◁"):
        return False
    for found in _OPENING.finditer(text, 0, end):
        begins_line = not text[max(0, found.start() - 80) : found.start()].rpartition("\n")[2].strip()
        if begins_line and found.group() not in source and not _is_quoted(text, found):
            return True
    return False


def is_wrapped(text: str, source: str) -> bool:
    """Whether an answer stands between marks, `<answer>` and `</answer>` say, that are not of its source."""
    opened = _WRAPPING.match(text)
    return opened is not None and opened.group().strip() not in source


def unwrapped(text: str, source: str) -> str:
    """Return an answer without the marks that begin and end it, where the source has none of them."""
    opened = _WRAPPING.match(text) if is_wrapped(text, source) else None
    text = text[opened.end() if opened else 0 :].rstrip()
    for _ in range(_TRIED):
        if not text.endswith(_ENDINGS):
            break
        ending = next(ending for ending in _ENDINGS if text.endswith(ending))
        is_markup = ending.startswith("</") and not opened
        if ending in source or (is_markup and (ending != "</s>" or "<s>" in text)):
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
    places = [(found.start(), True) for found in _OPENING.finditer(text, 0, mark.start)]
    places += [(found.start(), False) for found in _CLOSING.finditer(text, 0, mark.start)]
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
