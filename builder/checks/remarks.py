"""Sentences that speak of the rewrite, its source or its reader, known by what they are made of.

No phrase is decisive: each class of phrases has a weight, and a sentence with enough of them is none about
mathematics or code. "I removed the menus" has three classes, "remove the outer brackets" a light one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from builder.checks import remark_words
from builder.checks.lexicon import tokens
from builder.checks.spoken import Spoken

_OF_PAGE, _OF_CODE = 1.75, 2.25  # what is enough in the middle of a text
_LESS_AT_ENDS = {False: 0.25, True: 0.5}
_SENTENCE = re.compile(r"(?<=[.!?])[\"”’)*_]*\s+(?=[\"“(*_]*[A-Z\d#`'])|\n")
_QUOTED = re.compile(r"[\"“][^\"“”\n]{1,300}[\"”]|‘[^‘’\n]{1,200}’|`[^`\n]{1,200}`")
_MARKS = re.compile(r"^[ \t]*#+", re.M)  # of comments, in the midst of their sentences
_PART = re.compile(r"[:;—–(]\s")
_OPEN = re.compile(r"[\"“][^\"“”\n]*$")
_OF_NUMBERS = 0.75  # what a number takes from its sentence, which is about the subject then
_FREE_OF_IT = frozenset({"page_says", "help", "model", "second_thought"})  # of which numbers take nothing
_TALKER = re.compile(r"[\W_]*([A-Z][\w .]{0,20}):[*_]*\s")
_NO_TALKER = frozenset(
    (
        "note",
        "answer",
        "solution",
        "question",
        "problem",
        "hint",
        "explanation",
        "example",
        "step",
        "proof",
        "a",
        "q",
    )
)
_LONGEST = 400  # characters of a sentence that are looked at


def sentences(text: str) -> Iterator[str]:
    """Yield the sentences of a text, each of which ends with its line at the latest."""
    for line in text.splitlines():
        for sentence in _SENTENCE.split(_QUOTED.sub(" … ", line)):
            if bare := sentence.strip():
                yield bare


def weight(sentence: str, source: str, *, is_code: bool) -> float:
    """Return what the classes of phrases in a sentence weigh; a word belongs to one phrase, the heaviest."""
    words = tokens(_OPEN.sub("", sentence[:_LONGEST]))
    lexicon = remark_words.CODE if is_code else remark_words.PAGE
    weights = remark_words.CODE_WEIGHTS if is_code else remark_words.PAGE_WEIGHTS
    spans = lexicon.classes(words)
    taken: set[int] = set()
    has_numbers = not is_code and any(word.isdigit() for word in words[2:])
    found = -_OF_NUMBERS if has_numbers and _FREE_OF_IT.isdisjoint(spans) else 0.0
    found += sum(weights[name] for name in spans if weights[name] < 0)
    if is_code:  # a list of what good style is
        found += 0.5 * (min(3, max(1, len(spans.get("craft", ())))) - 1)
    if "original" in spans:
        spans.pop("was", None)  # "the original", twice
    for name in sorted(spans, key=lambda one: -weights[one]):
        for begin, end in spans[name]:
            is_own = name in remark_words.OWN and " ".join(words[begin:end]) in source
            if not is_own and taken.isdisjoint(range(begin, end)):
                taken.update(range(max(begin, 1), end))
                found += weights[name]
                break
    return found


def remark(said: Spoken, source: str) -> str | None:
    """Return the first sentence that speaks of the rewrite, its source or its reader.

    Args:
        said: What an answer says in words.
        source: The source in lower case. What stands there word for word is the source's.
    """
    found = [sentence for passage in said.passages for sentence in sentences(_untold(passage, source))]
    plain = " ".join((_MARKS.sub(" ", source) if said.is_code else source).split())
    ends = {*found[:2], *found[-3:]}
    if said.is_code:
        ends = {sentence for passage in said.ends for sentence in sentences(passage)}
    for sentence in found:
        enough = (_OF_CODE if said.is_code else _OF_PAGE) - (
            _LESS_AT_ENDS[said.is_code] if sentence in ends else 0
        )
        if weight(sentence, source, is_code=said.is_code) >= enough and not _is_the_sources(sentence, plain):
            return sentence
    return None


def _untold(text: str, source: str) -> str:
    """Leave out the lines of those who talk in the source, too, where there are two: `Pupil: Thank you!`."""
    lines = text.splitlines()
    names = [match[1].casefold() if (match := _TALKER.match(line[:80])) else "" for line in lines]
    told = {name for name in names if name and name not in _NO_TALKER and f"{name}:" in source}
    return "\n".join(line for line, name in zip(lines, names, strict=True) if len(told) < 2 or name not in told)


def _is_the_sources(sentence: str, plain: str) -> bool:
    """Whether a sentence, or its longest part, stands in the source."""
    part = max(_PART.split(sentence), key=len)
    return any(" ".join(one.casefold().split()).strip(" .!?:*_") in plain for one in (sentence, part))
