"""Where lines, sentences and paragraphs come again, whatever number or connective each begins with."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from builder.checks.loops import POINTS, RELATIONS, TOKEN, Loop, is_word, runs

_ORDINALS = frozenset(
    "first second third fourth fifth sixth seventh eighth ninth tenth next last final another".split()  # noqa: SIM905
)
# What numbers a line without a claim of its own: day 3 and game 3 are others than day 2 and game 2.
_LABEL = re.compile(
    r"^[\s>*#_(-]*(?:(?:step|problem|question|exercise|example|part|iteration|attempt|reason|method|solution|note|hint"
    r"|tip|property|check|comment|todo|fact|remark|point|item|answer|q|ex|no)\b\.?\s*[(#]?(?:\d+|[ivx]+)\b"
    r"|\(?\d+(?=[.):])|\(?(?:[ivx]{1,5}|[a-z])(?=[.)]\s))"
    r"[.):*_]*[-–—]?\s*",
    re.I,
)
CONNECTIVE = frozenset(
    "so thus therefore hence then and finally consequently again now also indeed clearly accordingly but".split()  # noqa: SIM905
)
FILLERS = frozenset("then again also now so far still just once more".split())  # noqa: SIM905
_SAME = dict.fromkeys(
    "demonstrates illustrates proves confirms verifies indicates establishes implies means".split(),  # noqa: SIM905
    "shows",
) | dict.fromkeys("verify review examine inspect confirm recheck validate".split(), "check")  # noqa: SIM905
"""Words for the same step, of which a text that says nothing new takes one after the other."""
CUT = re.compile(r"[.!?][*_)\"”']*(?:\s|$)|[。！？।]|\n")
_CLOSED = frozenset(";{}|,)>]")
_OPENED = frozenset("<|{[(")
MARKUP = frozenset("*_#|>")
_PARAGRAPH = re.compile(r"\n[ \t]*\n")
_HEAD = re.compile(r"^(?:#{1,6} [^\n]{1,40}\n|\*\*[^*\n]{1,40}\*\*:?)\s*(?=\S)")
_TWICE, _THRICE = 25, 40  # words of paragraphs
_PHRASE, _PHRASES, _MOST_OF_IT = 12, 5, 0.6  # words, times, share of a text


def without_label(line: str) -> str:
    """Return a line without the number that it begins with: of `Step 7: Add 2.` `Add 2.`"""
    found = _LABEL.match(line)
    return line[found.end() :] if found is not None and line[found.end() :].strip() else line


def of_lines(text: str) -> Iterator[Loop]:
    """Yield loops of whole lines."""
    lines = [said for line in text.splitlines() if (said := line.rstrip().removesuffix("\\\\").rstrip())]
    plain = [without_label(line) for line in lines]
    for begin, period, times in runs(plain, 30):
        unit = plain[begin : begin + period]
        is_numbered = lines[begin : begin + period] != lines[begin + period : begin + 2 * period]
        if times >= _fewest(unit, is_numbered=is_numbered):
            yield Loop("\n".join(unit), times)


def _fewest(unit: list[str], *, is_numbered: bool) -> float:
    tokens = TOKEN.findall(" ".join(unit))
    words = sum(map(is_word, tokens))
    if not is_numbered and RELATIONS & set(tokens) and not words:
        return 5 if len(unit) == 1 else 4
    if not any(token.isalpha() for token in tokens):  # a table of numbers, a drawing, or `#### 5`
        return 3 if all(line.startswith("#") for line in unit) else float("inf")
    is_data = all(line.lstrip()[:1] in _OPENED or line[-1] in _CLOSED for line in unit)
    if is_numbered:
        return 4 if words >= 3 else 7 if words and RELATIONS & set(tokens) else 12
    if is_data and len(unit) >= 3 and words >= 2:
        return 5  # a whole table
    return 12 if is_data and "####" not in unit[0] else 3 if words >= 6 else 4 if words else 6


def of_sentences(text: str) -> Iterator[Loop]:
    """Yield the sentence that is there over and over, with others in between, or with other points or ordinals."""
    plain = [said for part in CUT.split(text) if (said := _plain(part)) is not None]
    for begin, period, times in runs(plain, 3):
        if times >= (4 if period == 1 else 5):
            yield Loop(" ".join(plain[begin : begin + period]), times)
    if len(plain) < 5:
        return
    counts = Counter(plain)
    most, times = counts.most_common(1)[0]
    is_most = times >= 5 and 5 * times >= 3 * len(plain)
    is_much = times >= 6 and 20 * times >= 7 * len(plain)  # a refrain has up to half of a short poem's lines
    is_circle = times >= 3 and 20 * len(counts) < 9 * len(plain)
    if is_most or (len(plain) >= 8 and (is_much or is_circle)):
        yield Loop(most, times)


def _plain(sentence: str) -> str | None:
    """Return a sentence's words without points, label and connectives, None where it has fewer than four."""
    tokens = TOKEN.findall(without_label(sentence).lower())
    if sum(map(is_word, tokens)) < 4 and not (len(tokens) == 1 and len(tokens[0]) >= 6 and tokens[0] > "\u2e80"):
        return None
    told = [
        "nth" if one in _ORDINALS else _SAME.get(one, one)
        for one in tokens
        if one not in POINTS | MARKUP | FILLERS
    ]
    while len(told) > 1 and told[0] in CONNECTIVE:
        del told[0]
    return " ".join(told)


def of_paragraphs(text: str) -> Iterator[Loop]:
    """Yield what a text says twice, paragraph by paragraph, and long paragraphs that it has three times."""
    found = [" ".join(_HEAD.sub("", part.strip()).split()) for part in _PARAGRAPH.split(text) if part.strip()]
    for begin, period, times in runs(found, 40):
        unit = " ".join(found[begin : begin + period])
        if sum(map(is_word, TOKEN.findall(unit))) >= _TWICE:
            yield Loop(unit, times)
    for paragraph, times in Counter(found).most_common(1):
        if times >= 3 and len(paragraph.split()) >= _THRICE:
            yield Loop(paragraph, times)


def of_phrases(text: str) -> Iterator[Loop]:
    """Yield the phrase that most of a text consists of, be the order of its repetitions as it may."""
    tokens = [one for one in TOKEN.findall(text.lower()) if one not in POINTS | MARKUP]
    grams = list(zip(*(tokens[place:] for place in range(_PHRASE)), strict=False))
    counts = Counter(grams)
    covered = [False] * len(tokens)
    for place, gram in enumerate(grams):
        if counts[gram] >= _PHRASES and 2 * sum(map(is_word, gram)) >= _PHRASE:
            covered[place : place + _PHRASE] = [True] * _PHRASE
    if sum(covered) >= _MOST_OF_IT * len(tokens) and any(covered):
        gram, times = max(counts.items(), key=lambda item: item[1])
        yield Loop(" ".join(gram), times)
