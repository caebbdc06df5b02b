"""A gate: a run in which too much fails stops, before more is paid for."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence

from builder.document import Document
from builder.errors import GateTripped

WINDOW = 500
"""Documents of a stage that a gate looks back on; a run of fewer has none."""


class FailureGate:
    """Watches rewriting stages: what share of the last documents failed at each, with all their attempts."""

    def __init__(self, stages: Sequence[str], most: float, where: str) -> None:
        """Watch `stages`; `most` is the share of failures, 0 … 1, that may be; `where` names the run."""
        self._last: dict[str, deque[str | None]] = {stage: deque(maxlen=WINDOW) for stage in stages}
        self._failed: Counter[str] = Counter()
        self._most, self._where = most, where

    def document(self, document: Document) -> None:
        """Count a document that is through.

        Raises:
            GateTripped: Of the last `WINDOW` documents of a stage more than the allowed share failed.
        """
        for stage, last in self._last.items():
            record = document.records.get(stage)
            if record is None:
                continue
            if len(last) == WINDOW and last[0] is not None:
                self._failed[stage] -= 1
            last.append(record["failure"])
            self._failed[stage] += record["failure"] is not None
            if len(last) == WINDOW and self._failed[stage] > self._most * WINDOW:
                self._trip(stage)

    def _trip(self, stage: str) -> None:
        reasons = Counter(reason for reason in self._last[stage] if reason is not None)
        said = ", ".join(f"{reason} {count}" for reason, count in reasons.most_common(4))
        raise GateTripped(
            f"{self._failed[stage]} of the last {WINDOW} documents failed at stage {stage}: {said}",
            where=self._where,
            remedy="look at the answers (the column `answers` of the run's table); mend the servers and run the"
            " same command, which goes on and keeps every answer, or mend the prompt in a new run;"
            " --max-failures 1 lets all of them fail",
        )
