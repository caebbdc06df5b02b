"""Is the new text about as long as the old? One far shorter was summarised, one far longer rambles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from builder.checks.base import PairCheck
from builder.filters.base import Measures


class LengthRatio(PairCheck):
    """Refuses a text of less than `minimum` or more than `maximum` times its source's characters."""

    minimum: float = Field(default=0.0, ge=0)
    maximum: float | None = Field(default=None, gt=0)

    measures: ClassVar[Mapping[str, type]] = {"ratio": float}

    def compare(self, before: str, after: str) -> Measures:
        """Return characters after over characters before, white space around them left out."""
        return {"ratio": len(after.strip()) / max(1, len(before.strip()))}

    def decide(self, measures: Measures) -> str | None:
        """Say on which side it is out of bounds."""
        if measures["ratio"] < self.minimum:
            return "shorter_than_source"
        is_longer = self.maximum is not None and measures["ratio"] > self.maximum
        return "longer_than_source" if is_longer else None
