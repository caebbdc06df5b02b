"""Whether an answer gives to its names what its page gives to others of them: Ann 5 and Bob 7, where Ann has 7."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

_PART = re.compile(r"(?i)\s*(?:[;&]|,(?!\d{3}(?!\d))|\b(?:and|or|while)\b)\s*(?![^()]{0,40}\))")
_CLAUSE = re.compile(
    r"(?i)\s*(?:[;|]|:\s(?=[^:\n]*=)|,(?!\d{3}(?!\d))|\b(?:and|while|with|but)\b)\s*(?![^()]{0,40}\))"
)
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_TOKEN = re.compile(
    r"(?P<tuple>\([-−]?\d[\d./]*(?:\s*,\s*[-−]?\d[\d./]*)+\))"
    r"|(?P<number>(?:(?<![\w.)\s])|(?<=[=:(]\s)|(?<=\b(?:is|at|of)\s))[-−]?(?<![\w.])\d+(?:,\d{3})*(?:\.\d+)?(?:/\d+)?"
    r"|(?<![\w.])\d+(?:,\d{3})*(?:\.\d+)?(?:/\d+)?)"
    r"|(?P<word>(?<![\\A-Za-z])(?:[A-Za-z](?:\([A-Za-z\d, ]*(?:\([A-Za-z\d, ]*\))?\))|[A-Za-z]+))"
)
_FRACTION = re.compile(r"\\[dt]?frac\s*\{(\d+)\}\s*\{(\d+)\}")
_MARKUP = re.compile(r"\\text(?:bf|rm|it)?|\\mathrm|[$*_{}]|\\(?=[$%])")
_WORKED = re.compile(r"[\dA-Za-z)]\s*[-+*×·÷−]\s*[\d(]")
_LITTLE = frozenset(
    re.findall(
        r"\w+",
        "the of is are and or was were has have gets get to in for at on by so then its her his their be"
        " will now each per than years year old solution area total about only",
    )
)
_SAME = {"length": "long", "width": "wide", "height": "high", "tall": "high", "depth": "deep"}
_LONGEST = 20_000


@dataclass(frozen=True, slots=True)
class _Named:
    """One value of an answer, and the words that it alone has."""

    value: str
    names: frozenset[str]


def are_exchanged(page: str, answer: str) -> bool:
    """Whether what a page says last of a name of an answer is the value of another of its names."""
    if not (named := _named(answer)):
        return False
    said = dict[int, str]()
    for sentence in _SENTENCE.split(_plain(page[:_LONGEST])):
        said.update(_pairs(sentence, named))
    return any(value != named[place].value for place, value in said.items())


def _plain(text: str) -> str:
    return _MARKUP.sub("", _FRACTION.sub(r" \1/\2", text)).replace("−", "-")


def _tokens(text: str) -> Iterator[tuple[bool, str]]:
    """Yield values and the stems of words; a letter alone is a word before an equals sign."""
    for match in _TOKEN.finditer(text):
        if match["tuple"] is not None:
            yield True, re.sub(r"\s", "", match[0])
        elif match["number"] is not None:
            above, _, below = match["number"].replace(",", "").partition("/")
            yield True, f"{float(above) / (float(below or 1) or 1):.9g}"
        elif len(match["word"]) > 1 or re.match(r"\s*=", text[match.end() :]):
            yield False, _stem(match["word"].lower())


def _stem(word: str) -> str:
    word = _SAME.get(word, word)
    return re.sub(r"(?:(?<=\w\w\w)(?:e[ds]|ing|s|e))\Z", "", word)


_NO_NAMES = frozenset(map(_stem, _LITTLE))


def _named(answer: str) -> list[_Named]:
    """Return an answer's values with what each is called; none where they are not all told apart."""
    parts = [list(_tokens(part)) for part in _PART.split(_plain(answer)) if part.strip()]
    values = [next((said for is_value, said in part if is_value), "") for part in parts]
    words = [
        {said for _, said in part if said != value} - _NO_NAMES for part, value in zip(parts, values, strict=True)
    ]
    others = (set[str]().union(*words[:place], *words[place + 1 :]) for place in range(len(words)))
    own = [frozenset(said - other) for said, other in zip(words, others, strict=True)]
    is_told = len(parts) > 1 and all(values) and all(own) and len(set(values)) > 1
    return [_Named(value, names) for value, names in zip(values, own, strict=True)] if is_told else []


def _pairs(sentence: str, named: Sequence[_Named]) -> Iterator[tuple[int, str]]:
    """Yield which of the values stands beside which name in a sentence, the name by its place in the answer."""
    clauses = [_marks(clause, named) for clause in _CLAUSE.split(sentence)]
    whole = [mark for clause in clauses for mark in clause]
    if all(sum(isinstance(one, str) for one in clause) <= 1 for clause in clauses):
        pairs = [_nearest(clause) for clause in clauses if len({type(one) for one in clause}) == 2]
    elif all(type(one) is not type(other) for one, other in pairwise(whole)) and len(whole) % 2 == 0:
        pairs = [whole[place : place + 2] for place in range(0, len(whole), 2)]
    else:
        return
    for pair in pairs:
        yield (
            next(one for one in pair if isinstance(one, int)),
            next(one for one in pair if isinstance(one, str)),
        )


def _nearest(clause: Sequence[int | str]) -> list[int | str]:
    """Return the only value of a clause and the name before it, the first behind it where there is none."""
    place = next(place for place, one in enumerate(clause) if isinstance(one, str))
    return [clause[place - 1 if place else 1], clause[place]]


def _marks(clause: str, named: Sequence[_Named]) -> list[int | str]:
    """Return the names, by their places, and the values in a clause; of an equation, what it ends with."""
    first, last = clause.find("="), clause.rfind("=")
    is_open = last >= 0 and _WORKED.search(clause[last:]) is not None
    values = {one.value for one in named}
    found = list[int | str]()
    for is_end, text in ((False, clause[: first + 1]), (True, clause[last + 1 :])):
        for is_value, said in _tokens(text):
            name = next((place for place, one in enumerate(named) if said in one.names), None)
            if name is not None and found[-1:] != [name]:
                found.append(name)
            elif is_value and said in values and is_end and not is_open:
                found.append(said)
    return found
