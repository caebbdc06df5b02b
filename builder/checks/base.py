"""What a check of an answer is: the new text, and often the text it was made from, measured and decided on.

Checks are filters to the worker processes: what a model wrote is as hostile as what a source holds.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from builder.document import Verdict
from builder.filters import OwnFilter, WorkerFilter
from builder.filters.base import Measures

if TYPE_CHECKING:
    from builder.filters.workers import Workers

SOURCE = "source_"
"""What the name of a measure of the old text begins with, where it stands beside the new one's."""


class PairCheck(OwnFilter):
    """Measures a new text together with the one it was made from. Its fields are its options in a prompt."""

    @abstractmethod
    def compare(self, before: str, after: str) -> Measures:
        """Measure a pair. Runs in a worker."""

    def measure(self, content: Sequence[str]) -> Measures:
        """Measure [before, after]."""
        before, after = content
        return self.compare(before, after)


@dataclass(frozen=True, slots=True)
class AnswerCheck:
    """A check as a prompt orders it: a comparison, a filter on the new text, or a filter on both.

    Attributes:
        used: What measures.
        not_below_source: The measure of a filter, a number, in which the new text must not be below the old;
            None: the filter's own decision counts.
    """

    used: WorkerFilter
    not_below_source: str | None = None

    @property
    def measures(self) -> Mapping[str, type]:
        """Name and type of the check's figures in a row."""
        measures = {name: kind for name, kind in self.used.measures.items() if name != "text"}
        if self.not_below_source is not None:
            measures[SOURCE + self.not_below_source] = float
        return measures

    async def judge(self, workers: Workers, before: str, after: str) -> Verdict:
        """Return the figures, and the reason why the answer does not pass, None where it does."""
        if isinstance(self.used, PairCheck):
            return await workers.verdict(self.used, [before, after])
        found = await workers.verdict(self.used, after)
        if self.not_below_source is None or found.record.get(self.not_below_source) is None:
            return found
        source = (await workers.verdict(self.used, before)).record[self.not_below_source]
        is_below = source is not None and found.record[self.not_below_source] < source
        figures: dict[str, Any] = {**found.record, SOURCE + self.not_below_source: source}
        return Verdict(figures, drop="below_source" if is_below else None)
