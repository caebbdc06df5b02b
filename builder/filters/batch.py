"""Several texts through one filter at once: handing one over to a worker takes longer than measuring it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib import import_module
from typing import Any, ClassVar

from builder.filters.base import Measures, OwnFilter, TextFilter


class Batch(OwnFilter):
    """Measures a batch of texts; only what the filter refuses comes back."""

    cpu_limit: ClassVar[float] = 120.0
    measures: ClassVar[Mapping[str, type]] = {}

    module: str
    kind: str
    options: dict[str, Any]

    @classmethod
    def of(cls, used: TextFilter) -> Batch:
        """Return what measures batches for a filter."""
        kind = type(used)
        return cls(module=kind.__module__, kind=kind.__name__, options=used.model_dump())

    @cached_property
    def _used(self) -> TextFilter:
        used: TextFilter = getattr(import_module(self.module), self.kind).model_validate(self.options)
        return used

    def prepare(self) -> None:
        """Load what the filter needs."""
        self._used.prepare()

    def measure(self, content: Sequence[str]) -> Measures:
        """Return `refused`: the position of each text that the filter refuses, and why."""
        reasons = (self._used.decide(self._used.measure(text)) for text in content)
        return {"refused": [[number, reason] for number, reason in enumerate(reasons) if reason is not None]}

    def decide(self, measures: Measures) -> str | None:
        """Keep them: they are only looked at."""
        return None
