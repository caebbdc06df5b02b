"""The n-grams of a text's tokens, by which texts are compared."""

from __future__ import annotations

import re
from collections.abc import Iterator

_TOKENS = re.compile(r"\w+|[^\w\s]")


def ngrams(text: str, length: int) -> Iterator[tuple[str, ...]]:
    """Return the runs of `length` tokens, words and signs; all the tokens at once where there are fewer."""
    tokens = _TOKENS.findall(text)
    return zip(*(tokens[start:] for start in range(min(length, len(tokens)))), strict=False)
