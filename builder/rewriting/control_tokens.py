"""Control tokens of a model, such as `<|im_end|>`: how a document that holds some is shown, and read back.

A server tokenizes a rendered chat: a document's `<|im_end|>` would end its message. So each control token of the
model that answers is shown by a placeholder, `⟦|im_end|⟧`, which the model can copy, and which is undone in its
answer. That loses nothing, whatever the text: `restore(show(text)[0]) == text`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache, cached_property
from itertools import groupby
from typing import TYPE_CHECKING, Any

from builder.rewriting.known_tokens import ORDINARY, known_tokens

if TYPE_CHECKING:
    import pyarrow as pa

_BRACKETS = ("⟦⟧", "⦃⦄", "⟬⟭", "⦗⦘", "⧘⧙")
_MARKS = "=~˭꞊"  # the first that no token holds: a text like a placeholder gets one more, and loses it again
_OUTER = {"<": ">", "[": "]", "{": "}", "(": ")"}
_DIGITS = ("⁰¹²³⁴⁵⁶⁷⁸⁹", "₀₁₂₃₄₅₆₇₈₉", "٠١٢٣٤٥٦٧٨٩")
_BEGINNING = 2  # characters of a token that a quick search looks for


class ControlTokens:
    """The control tokens of one model, and where they were found.

    Attributes:
        tokens: The tokens, sorted.
        origin: Where they are from, for people.
        is_fallback: Whether no tokenizer was to be had, so that they are those of the best-known models.
    """

    def __init__(self, tokens: Iterable[str], origin: str, *, is_fallback: bool = False) -> None:
        """Keep them; patterns are made when they are first needed."""
        self.tokens = tuple(sorted(set(filter(None, tokens))))
        self.origin, self.is_fallback = origin, is_fallback

    @classmethod
    def of_json(cls, facts: dict[str, Any]) -> ControlTokens:
        """Return what `as_json` made plain."""
        return cls(facts["tokens"], facts["origin"], is_fallback=facts["is_fallback"])

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data, as `run.json` has it."""
        return {"origin": self.origin, "is_fallback": self.is_fallback, "tokens": list(self.tokens)}

    def show(self, text: str) -> tuple[str, int]:
        """Return the text with a placeholder for every control token, and how many there were.

        What looks like a placeholder in the text gets one more mark (`=`) behind its bracket: it comes back, too.
        """
        if not self._holds_one(text) and self._open not in text:
            return text, 0
        count = 0

        def shown(found: re.Match[str]) -> str:
            nonlocal count
            if found[0][0] == self._open:
                return f"{self._open}{self._mark}{found[0][1:]}"
            count += 1
            return self._placeholders[found[0]]

        return self._to_show.sub(shown, text), count

    def restore(self, text: str) -> str:
        """Return the text with the control tokens in place of their placeholders."""
        if self._open not in text:
            return text

        def restored(found: re.Match[str]) -> str:
            return found[0].replace(self._mark, "", 1) if found["marks"] else self._restored[found["name"]]

        return self._shown.sub(restored, text)

    def held_by(self, text: str) -> frozenset[str]:
        """Return the control tokens that a text holds."""
        if not self._holds_one(text):
            return frozenset()
        return frozenset(found[0] for found in self._token.finditer(text))

    def _holds_one(self, text: str) -> bool:
        """Whether a text holds a control token: nearly none does, and telling that takes a third of the time."""
        return any(first in text and token.search(text) for first, token in self._token_by_first)

    def is_garbled(self, source: str, answer: str) -> bool:
        """Whether a restored answer has parts of placeholders: the token that one stood for would be lost.

        A model that does not copy them as they are leaves a bracket, or the name in brackets of its own.
        """
        if any(answer.count(bracket) > source.count(bracket) for bracket in self._brackets):
            return True
        before, after = (self._token.sub(" ", text) for text in (source, answer))
        names = (self._placeholders[token][1:-1] for token in self.held_by(source))
        # What is a word alone may be one of the text.
        return any(after.count(name) > before.count(name) for name in names if not name.strip("/").isidentifier())

    def counts(self, texts: pa.ChunkedArray[pa.StringScalar]) -> dict[int, int]:
        """Return how many each text of a column holds, by its place; those without are left out."""
        import pyarrow.compute as pc  # which nothing else here needs

        # Arrow's search is fast, and finds more than there are: tokens by their beginnings alone.
        suspected = enumerate(pc.match_substring_regex(texts, self._beginning).to_pylist())
        counts = {
            place: sum(1 for _ in self._token.finditer(str(texts[place]))) for place, may in suspected if may
        }
        return {place: count for place, count in counts.items() if count}

    @cached_property
    def _open(self) -> str:
        return self._brackets[0]

    @cached_property
    def _brackets(self) -> str:
        """A pair of brackets that no token holds: where one begins or ends is then never in doubt."""
        return next(pair for pair in _BRACKETS if not any(one in token for token in self.tokens for one in pair))

    @cached_property
    def _token(self) -> re.Pattern[str]:
        return re.compile(_any_of(self.tokens))

    @cached_property
    def _token_by_first(self) -> list[tuple[str, re.Pattern[str]]]:
        """A token, by its first character: one character is looked for several times as fast as one of a set."""
        by_first = groupby(self.tokens, key=lambda token: token[0])
        return [(first, re.compile(_any_of(tokens))) for first, tokens in by_first]

    @cached_property
    def _placeholders(self) -> dict[str, str]:
        """Token to placeholder."""
        found: dict[str, str] = {}
        taken = set[str]()
        for number, token in enumerate(self.tokens):
            names = _names(token, number)
            name = next(name for name in names if name not in taken and not self._token.search(name))
            taken.add(name)
            found[token] = f"{self._open}{name}{self._brackets[1]}"
        return found

    @cached_property
    def _mark(self) -> str:
        return next(mark for mark in _MARKS if not any(mark in token for token in self.tokens))

    @cached_property
    def _restored(self) -> dict[str, str]:
        """Name in a placeholder to token."""
        return {shown[1:-1]: token for token, shown in self._placeholders.items()}

    @cached_property
    def _shown(self) -> re.Pattern[str]:
        """A placeholder, or what stands for a text that looks like one."""
        return re.compile(
            f"{self._open}(?P<marks>{self._mark}*)(?P<name>{_any_of(self._restored)}){self._brackets[1]}"
        )

    @cached_property
    def _to_show(self) -> re.Pattern[str]:
        like_shown = f"{self._open}{self._mark}*{_any_of(self._restored)}{self._brackets[1]}"
        return re.compile(f"{like_shown}|{_any_of(self.tokens)}")

    @cached_property
    def _beginning(self) -> str:
        beginnings = {token[:_BEGINNING] for token in self.tokens}
        return "|".join(re.escape(beginning) for beginning in sorted(beginnings)) or "$^"


@cache
def fallback() -> ControlTokens:
    """Return the control tokens of the best-known models, for want of the model's own.

    Left out is what is as often ordinary text, such as `<s>` in `(?P<s>\\d+)`, and ends no turn.
    """
    tokens = (token for token in known_tokens() if token not in ORDINARY)
    return ControlTokens(tokens, "those of a list of the best-known models", is_fallback=True)


def _names(token: str, number: int) -> Iterator[str]:
    """Yield names for a token's placeholder, the most telling first."""
    inner = token[1:-1] if _OUTER.get(token[0]) == token[-1] else token
    if inner and inner[0] != "#":
        yield inner
    yield f"#{number}"
    for digits in _DIGITS:  # for want of others: tokens are seldom of these
        yield "".join(digits[int(digit)] for digit in str(number))


def _any_of(words: Iterable[str]) -> str:
    """Return a pattern for the longest of some words, a trie: thousands of alternatives would each be tried."""
    trie: dict[str, Any] = {}
    for word in words:
        node = trie
        for character in word:
            node = node.setdefault(character, {})
        node[""] = {}
    return f"(?:{_branches(trie)})" if trie else r"(?!)"


def _branches(node: dict[str, Any]) -> str:
    ends_here = "" in node
    branches = [_branch(first, rest) for first, rest in sorted(node.items()) if first]
    if not branches:
        return ""
    joined = "|".join(branches)
    if ends_here:
        return f"(?:{joined})?"
    return joined if len(branches) == 1 else f"(?:{joined})"


def _branch(first: str, rest: dict[str, Any]) -> str:
    """Return the pattern below one character; a chain without forks is gone along in a loop, not by recursion."""
    chain = [first]
    while len(rest) == 1 and "" not in rest:
        ((character, rest),) = rest.items()
        chain.append(character)
    return re.escape("".join(chain)) + _branches(rest)
