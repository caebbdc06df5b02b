"""What a filter is: its options, the measures it takes of a text, and the decision they lead to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

Measures = dict[str, Any]


class Filter(BaseModel, ABC):
    """A filter's fields are its options in a recipe; `measure` runs where a hostile text may kill it."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    measures: ClassVar[Mapping[str, type]]
    """Name and type (str, int, float or bool) of everything `measure` returns; each value may be None."""

    time_limit: ClassVar[float] = 60.0
    """Seconds that one text may take before its worker is killed."""

    @abstractmethod
    def measure(self, text: str) -> Measures:
        """Measure one text. Runs in a child process that can hang or die without harm."""

    @abstractmethod
    def decide(self, measures: Measures) -> str | None:
        """Return the reason to drop a text with these measures, or None to keep it."""

    @classmethod
    def versions(cls) -> dict[str, str]:
        """Return the versions of everything that decides a measure, for the run's identity."""
        return {}
