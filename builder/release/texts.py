"""What a config's texts are: how many a model wrote, how many tokens they have. Counted as they are written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

TOKENIZER = "o200k_base"
"""The tokenizer that counts, whatever model has answered: releases can be compared, and no network is needed."""


@dataclass(slots=True)
class Texts:
    """Counts over a config.

    Attributes:
        rows: Its rows.
        written: Those whose text a model wrote; the others are as they were read.
        redacted: Of the others, those that a filter took something out of.
        tokens: Tokens of all texts, by `TOKENIZER`.
    """

    rows: int = 0
    written: int = 0
    redacted: int = 0
    tokens: int = 0

    @property
    def is_mixed(self) -> bool:
        """Whether a model wrote some of the texts, and not all."""
        return 0 < self.written < self.rows

    def add(
        self,
        texts: pa.ChunkedArray[Any],
        by_model: list[pa.ChunkedArray[Any]],
        by_filter: list[pa.ChunkedArray[Any]],
    ) -> None:
        """Count some rows.

        Args:
            texts: Their texts.
            by_model: Of each rewriting stage that they went through, the texts that it left, null where none.
            by_filter: Of each filter, the same.
        """
        written, redacted = _any(by_model, len(texts)), _any(by_filter, len(texts))
        self.rows += len(texts)
        self.written += _count(written)
        self.redacted += _count(pc.and_not(redacted, written))
        self.tokens += count_tokens(texts.to_pylist())


def count_tokens(texts: Iterable[str | None]) -> int:
    """Return how many tokens texts have; what looks like a control token is text."""
    return sum(map(_tokenizer().count, filter(None, texts)))


@cache
def _tokenizer() -> Any:  # noqa: ANN401 - it has no types
    from bpe_openai._bindings import tokenizer_for_encoding

    return tokenizer_for_encoding(TOKENIZER)


def _any(columns: list[pa.ChunkedArray[Any]], rows: int) -> Any:  # noqa: ANN401 - of arrays and chunked ones
    return pc.is_valid(pc.coalesce(*columns)) if columns else pa.repeat(pa.scalar(False), rows)


def _count(mask: Any) -> int:  # noqa: ANN401 - of arrays and chunked ones
    return int(pc.sum(mask).as_py() or 0)
