"""Whether an answer gives to its names what its page gives to others of them: Ann 5 and Bob 7, where Ann has 7."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

_PART = re.compile(r"(?i)\s*(?:[;&]|,(?!\d{3}(?!\d))|\b(?:and|or|while)\b)\s*")
_CLAUSE = re.compile(r"(?i)\s*(?:[;|]|,(?!\d{3}(?!\d))|\b(?:and|while|with|but)\b)\s*")
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_TOKEN = re.compile(r"(?P<number>(?<![\w.])\d+(?:,\d{3})*(?:\.\d+)?(?:/\d+)?)|(?P<word>(?<![\\A-Za-z])[A-Za-z]+)")
_FRACTION = re.compile(r"\\[dt]?frac\s*\{(\d+)\}\s*\{(\d+)\}")
_MARKUP = re.compile(r"\\text(?:bf|rm|it)?|\\mathrm|[$*_{}]|\\(?=[$%])")
_WORKED = re.compile(r"[\dA-Za-z)]\s*[-+*/×·÷−]\s*[\d(]")
_LITTLE = frozenset(
    "the of is are and or was were has have gets get to in for at on by so then its her his their be will"
    " now each per than years year old solution area total about only".split()
)
_LONGEST = 20_000
_Tokens = Sequence[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class _Named:
    """One value of an answer, and the words that it alone has."""

    number: float
    names: frozenset[str]


def are_exchanged(page: str, answer: str) -> bool:
    """Whether the last sentence of a page that has names and values of an answer gives them to each other's."""
    if not (named := _named(answer)):
        return False
    for said in reversed(_SENTENCE.split(_plain(page[:_LONGEST]))):
        if pairs := list(_pairs(said, named)):
            return all(name != value for name, value in pairs)
    return False


def _plain(text: str) -> str:
    return _MARKUP.sub("", _FRACTION.sub(r" \1/\2", text))


def _tokens(text: str) -> Iterator[tuple[float | None, str]]:
    """Yield numbers and the stems of words; a letter alone is a word before an equals sign."""
    for match in _TOKEN.finditer(text):
        if match["number"] is not None:
            above, _, below = match["number"].replace(",", "").partition("/")
            yield float(above) / (float(below or 1) or 1), match["number"]
        elif len(match["word"]) > 1 or re.match(r"\s*=", text[match.end() :]):
            yield None, _stem(match["word"].lower())


def _stem(word: str) -> str:
    return re.sub(r"(?:(?<=\w\w\w)(?:e[ds]|ing|s|e))\Z", "", word)


def _named(answer: str) -> list[_Named]:
    """Return an answer's values with what each is called; none where they are not all told apart."""
    parts = [list(_tokens(part)) for part in _PART.split(_plain(answer)) if part.strip()]
    values = [next((number for number, _ in part if number is not None), None) for part in parts]
    words = [{said for _, said in part} - {_stem(one) for one in _LITTLE} for part in parts]
    found = list[_Named]()
    for place, value in enumerate(values):
        others = set[str]().union(*(said for other, said in enumerate(words) if other != place))
        own = {one for one in words[place] - others if not _is(one, value)}
        if value is None or not own:
            return []
        found.append(_Named(value, frozenset(own)))
    return found if len({one.number for one in found}) == len(found) > 1 else []


def _is(said: str, value: float | None) -> bool:
    return said[0].isdigit() and "/" not in said and float(said.replace(",", "")) == value


def _pairs(sentence: str, named: Sequence[_Named]) -> Iterator[tuple[int, int]]:
    """Yield which name stands beside which value in a sentence, both by their place in the answer."""
    clauses = [_marks(clause, named) for clause in _CLAUSE.split(sentence)]
    whole = [mark for clause in clauses for mark in clause]
    if all(len(clause) in (0, 2) and len({kind for kind, _ in clause}) == len(clause) for clause in clauses):
        pairs = [clause for clause in clauses if clause]
    elif all(one[0] != other[0] for one, other in pairwise(whole)) and len(whole) % 2 == 0:
        pairs = [whole[place : place + 2] for place in range(0, len(whole), 2)]
    else:
        return
    for pair in pairs:
        places = dict(pair)
        yield places["name"], places["value"]


def _marks(clause: str, named: Sequence[_Named]) -> list[tuple[str, int]]:
    """Return the names and values in a clause, in order; of an equation, the value is what it ends with."""
    last = clause.rfind("=")
    is_open = last >= 0 and _WORKED.search(clause[last:]) is not None
    found = list[tuple[str, int]]()
    for begin, text in ((0, clause[: last + 1]), (last + 1, clause[last + 1 :])):
        for number, said in _tokens(text):
            for place, one in enumerate(named):
                if said in one.names and ("name", place) not in found:
                    found.append(("name", place))
                elif number == one.number and begin == last + 1 and not is_open:
                    found.append(("value", place))
    return found
