"""What a reasoning model thinks before its answer, where the server leaves it in the text.

Servers cut thoughts off when they are told which marks the model uses (`--reasoning-parser`); else they come
along, and often without the opening mark, which the chat template has written. So the closing marks count.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# Every pattern here takes linear time, whatever a model writes.
_WORD = r"(?:[a-z0-9]{1,16}[:_|])?(?:think(?:ing)?|thoughts?|reasoning)(?:[:_][a-z]{1,24})?"
"""With what families put before and behind it: `seed:think`, `longcat_think`, `think_fast`, `ifm|think`."""
_PIPED = r"(?:think(?:ing)?|thought|reasoning)"
_ANSWER = r"answer|response|output|solution|conclusion|final_answer"

_OPENING = re.compile(
    rf"<{_WORD}>|\[(?:THINK|THOUGHT|REASONING)\]|◁think▷"
    rf"|<\|(?:(?:begin|start)_of_{_PIPED}|(?:begin|start)_{_PIPED}|{_PIPED}(?:[_:](?:start|begin))?|inner_prefix)\|>"
    r"|<\|open\|>think<\|sep\|>"  # Kimi K3
    r"|<\|channel>(?:thought)?"  # Gemma 4
    r"|<\|channel\|>\s{0,8}(?:analysis|commentary)\b[^<\n]{0,64}<\|message\|>"  # harmony
    r"|<\|content_thinking\|>"
    r"|<\|im_start\|>think\b"  # s1
    r"|\[unused16\]",  # Pangu
    re.I,
)
_CLOSING = re.compile(
    rf"</{_WORD}>|\[/(?:THINK|THOUGHT|REASONING)\]|◁/think▷"
    rf"|<\|(?:end_of_{_PIPED}|end_{_PIPED}|/{_PIPED}|{_PIPED}[_:]end|inner_suffix)\|>"
    r"|<\|close\|>think<\|sep\|>"
    r"|<channel\|>"
    r"|<\|channel\|>\s{0,8}final\b[^<\n]{0,64}(?:<\|constrain\|>[^<\n]{0,32})?<\|message\|>"
    r"|<\|start\|>assistant *to=user<\|message\|>"
    r"|<\|begin\|>assistant<\|content\|>"  # Solar
    r"|<\|content_text\|>"
    r"|<\|im_start\|>(?:answer|assistant)\b"
    r"|\[unused17\]",
    re.I,
)
_SPOKEN = (
    (re.compile(r"Here(?:'s| is) my thought process:"), re.compile(r"Here(?:'s| is) my response:")),  # Granite
    (re.compile(r"Here are my reasoning steps:"), re.compile(r"\[BEGIN FINAL RESPONSE\]")),  # Apriel
    (re.compile(r"## Thinking\n"), re.compile(r"## Final Response\n")),  # HuatuoGPT
    (re.compile(r"(?:analysis|commentary)\b[^<\n]{0,64}<\|message\|>"), _CLOSING),  # harmony
    (re.compile(r"to=self<\|message\|>"), re.compile(r"to=user<\|message\|>")),
    (re.compile(r"analysis(?=[A-Z])"), re.compile(r"assistantfinal")),  # harmony without its special tokens
    (
        re.compile(r"thought\r?\n"),
        re.compile(r"(?!)"),
    ),  # Gemma 4 without them: nothing tells where the thought ends
)
"""Marks that are words: they count where the text begins with the first of a pair."""
_IN_ALL = ("</", "[/", "◁/", "|>", "[unused17]")
_OPENS_WITH_WORDS = re.compile(r"\s*(?:Here|analysis|## Thinking)")
_WRAPPING = re.compile(
    rf"\s*(?:<(?:{_ANSWER})>|<\|(?:START_RESPONSE|begin_of_solution)\|>|<\|open\|>response<\|sep\|>"
    r"|\[BEGIN FINAL RESPONSE\])",
    re.I,
)
_ENDINGS = (
    *(f"</{name}>" for name in _ANSWER.split("|")),
    *(f"<|{name}|>" for name in ("return", "end", "eom", "eot", "END_RESPONSE", "end_of_solution", "end_message")),
    "<|close|>response<|sep|>", "<|close|>message<|sep|>", "[END FINAL RESPONSE]", "<turn|>",
)  # fmt: skip
_TRIED = 8  # marks from either end: an answer of marks alone would take quadratic time


@dataclass(frozen=True, slots=True)
class Mark:
    """A closing mark: where it stands in the text, and where an answer behind it would begin."""

    start: int
    end: int
    begin: int
    said: str


def is_opened(text: str) -> bool:
    """Whether a text begins with a thought."""
    begin = _begin(text)
    return _OPENING.match(text, begin) is not None or any(pair[0].match(text, begin) for pair in _SPOKEN)


def _begin(text: str) -> int:
    begin = len(text) - len(text.lstrip())
    return begin + len("<|start|>assistant") if text.startswith("<|start|>assistant", begin) else begin


def closing_marks(text: str) -> list[Mark]:
    """Return the marks that may end a thought, in order; not those that the text quotes."""
    if not any(part in text for part in _IN_ALL) and not _OPENS_WITH_WORDS.match(text):
        return []  # as nearly all answers have none, and a search for every mark takes longer
    begin = _begin(text)
    spoken = next((closing for opening, closing in _SPOKEN if opening.match(text, begin)), None)
    found = [match for match in (spoken or _CLOSING).finditer(text) if not _is_quoted(text, match)]
    if spoken is not None and not found:
        found = [match for match in _CLOSING.finditer(text) if not _is_quoted(text, match)]
    if len(found) > 2 * _TRIED:
        found = found[:_TRIED] + found[-_TRIED:]
    marks = []
    for match in found:
        wrapping = _WRAPPING.match(text, match.end())
        marks.append(Mark(match.start(), match.end(), wrapping.end() if wrapping else match.end(), match.group()))
    return marks


def stray_opening(text: str, end: int, source: str) -> bool:
    """Whether a thought begins before `end` at the beginning of a line, that the source has not."""
    for found in _OPENING.finditer(text, 0, end):
        begins_line = not text[max(0, found.start() - 80) : found.start()].rpartition("\n")[2].strip()
        if begins_line and found.group() not in source and not _is_quoted(text, found):
            return True
    return False


def without_ending(text: str) -> str:
    """Return an answer that stood behind a thought without the marks that end it."""
    text = text.rstrip()
    while ending := next((ending for ending in _ENDINGS if text.endswith(ending)), None):
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
    opened: list[int] = []
    for place, opens in sorted(places):
        if opens:
            opened.append(place)
        elif opened:
            opened.pop()
    return bool(opened) and bool(text[: opened[-1]].strip())


def _is_quoted(text: str, match: re.Match[str]) -> bool:
    """Whether a mark stands in a string or between backticks on its own line, and so is spoken of, not made."""
    before = text[max(0, match.start() - 400) : match.start()].rpartition("\n")[2]
    behind = text[match.end() : match.end() + 400].partition("\n")[0]
    if before[-1:] == behind[:1] and before[-1:] in ("'", '"', "`"):
        return True
    return len(before) < 400 and any(before.count(quote) % 2 == 1 and quote in behind for quote in ('"', "`"))
