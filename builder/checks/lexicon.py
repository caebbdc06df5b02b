"""Classes of phrases, and which of them a sentence has: one pass over its words, however many phrases there are.

A phrase is written as its words. `a/b` stands for either word, `word*` for every word that begins so (three
letters at least), `_` for any word, `.` for a full stop, comma, semicolon or exclamation mark, `^` for the
sentence's beginning. `I` is told from `i`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

_TOKEN = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*|\d+|[^\w\s]")
_KEY = 3  # letters of a stem by which it is found
START = "^"
_PAUSE = str.maketrans(",;!’", "...'")


@dataclass(slots=True)
class _Node:
    ends: set[str] = field(default_factory=set)
    words: dict[str, _Node] = field(default_factory=dict)
    stems: dict[str, list[tuple[str, _Node]]] = field(default_factory=dict)

    def child(self, word: str) -> _Node:
        if not word.endswith("*"):
            return self.words.setdefault(word, _Node())
        stem = word[:-1]
        beside = self.stems.setdefault(stem[:_KEY], [])
        for one, node in beside:
            if one == stem:
                return node
        beside.append((stem, _Node()))
        return beside[-1][1]

    def next(self, word: str) -> Iterator[_Node]:
        """Yield the nodes to which a word leads."""
        if word in self.words:
            yield self.words[word]
        for stem, node in self.stems.get(word[:_KEY], ()):
            if word.startswith(stem):
                yield node
        if "_" in self.words:
            yield self.words["_"]


def tokens(sentence: str) -> list[str]:
    """Return the beginning's mark, a sentence's words in lower case, its numbers and its marks."""
    found = _TOKEN.findall(sentence.translate(_PAUSE))
    return [START, *(one if one == "I" or one.startswith("I'") else one.lower() for one in found)]


class Lexicon:
    """Phrases by class."""

    def __init__(self, classes: Mapping[str, str]) -> None:
        """Read phrases that commas and line breaks separate."""
        self._root = _Node()
        for name, text in classes.items():
            for phrase in re.split(r"[,\n]", text):
                for words in product(*(part.split("/") for part in phrase.split())):
                    self._add(name, words)

    def _add(self, name: str, words: Sequence[str]) -> None:
        node = self._root
        for word in words:
            node = node.child(word)
        if words:
            node.ends.add(name)

    def classes(self, words: Sequence[str]) -> dict[str, list[tuple[int, int]]]:
        """Return the classes of which a sentence, as tokens, has phrases, with where each begins and ends."""
        found: dict[str, list[tuple[int, int]]] = {}
        for begin in range(len(words)):
            for name, end in _from(self._root, words, begin):
                found.setdefault(name, []).append((begin, end))
        return found


def _from(node: _Node, words: Sequence[str], place: int) -> Iterator[tuple[str, int]]:
    for name in node.ends:
        yield name, place
    if place < len(words):
        for following in node.next(words[place]):
            yield from _from(following, words, place + 1)
