"""Documents that say what another one says: equal texts, and texts alike in their n-grams of tokens.

A text's set of n-grams becomes a MinHash signature (Broder 1997): the share of places where two signatures agree
estimates the Jaccard similarity of the two sets. Bands of a signature, hashed, find the texts worth comparing
(Leskovec, Rajaraman, Ullman: Mining of Massive Datasets, section 3.4) without comparing all pairs.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from typing import ClassVar

from pydantic import Field
from rensa import RMinHash

from builder.filters.base import Filter, Measures
from builder.filters.ngrams import ngrams

_SEED = 42
_RECALL = 0.99
"""Of pairs as similar as `similarity`, the share that bands have to bring together."""


@dataclass(frozen=True, slots=True)
class Sketch:
    """What is kept of a text to compare it with all others.

    Attributes:
        sha256: Of its UTF-8 bytes.
        bands: One hash of 8 bytes a band: texts that share one are compared.
        low_bytes: The lowest byte of every signature value, of which the estimate is made (b-bit minwise hashing,
            Li and König 2010, with b = 8): a quarter of the space for next to no variance.
    """

    sha256: bytes
    bands: list[int]
    low_bytes: bytes


class NearDuplicates(Filter):
    """Keeps one document of those that are equal or whose sets of n-grams have a Jaccard of `similarity`.

    The survivor is the one with the smallest SHA-256, then id: whatever the order of shards, it is the same.
    Alike is passed on: where A is like B and B like C, one of the three stays.
    """

    similarity: float = Field(default=0.8, gt=0, le=1)
    ngram: int = Field(default=5, ge=1)
    permutations: int = Field(default=128, ge=16, le=1024)

    measures: ClassVar[Mapping[str, type]] = {"survivor": str, "similarity": float, "exact": bool, "copies": int}

    def keeps(self, versions: Mapping[str, str]) -> str:
        """Return how like two documents may be."""
        return (
            f"one of those that are equal or as similar as {self.similarity:g} (Jaccard of {self.ngram}-grams of"
            " words)"
        )

    def identity(self) -> dict[str, str]:
        """Return the version of what makes signatures."""
        return {"rensa": version("rensa")}

    def decide(self, measures: Measures) -> str | None:
        """Drop what another document stands for."""
        if measures["survivor"] is None:
            return None
        return "exact_duplicate" if measures["exact"] else "near_duplicate"

    @cached_property
    def rows(self) -> int:
        """Signature values a band: as many as still bring together `_RECALL` of the pairs at the threshold.

        With r values a band and b bands, a pair of similarity s shares a band with probability 1 - (1 - s^r)^b.
        """

        def recall(rows: int) -> float:
            missed: float = (1 - self.similarity**rows) ** (self.permutations // rows)
            return 1 - missed

        return max((rows for rows in range(1, 17) if recall(rows) >= _RECALL), default=1)

    @property
    def bands(self) -> int:
        """Bands a signature."""
        return self.permutations // self.rows

    def sketch(self, text: str) -> Sketch:
        """Return what is kept of a text."""
        signature = RMinHash(self.permutations, _SEED)
        signature.update([" ".join(gram) for gram in ngrams(text, self.ngram)] or [""])
        values = struct.pack(f"<{self.permutations}I", *signature.digest())
        width = 4 * self.rows
        bands = [
            hashlib.blake2b(values[place : place + width], digest_size=8, salt=number.to_bytes(2, "big")).digest()
            for number, place in enumerate(range(0, self.bands * width, width))
        ]
        return Sketch(
            hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest(),
            [int.from_bytes(band, "big") for band in bands],
            values[::4],
        )
