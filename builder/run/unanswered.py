"""What got no answer, and which of it a build asks again.

A request that failed leaves its reason in the row. Most reasons tell of a server, and one that was mended, or has
another context or configuration, may answer: the same command asks again. Where the input was blamed, only
`--retry-failed` does, or a mark at the shard (`ask_again.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builder.document import Document, Record
from builder.errors import blames_input
from builder.run.answers.rows import is_answered, unanswered_in
from builder.run.ask_again import marked
from builder.run.directory import Run


def unanswered(documents: Iterable[Document]) -> dict[str, dict[str, int]]:
    """Count the documents whose last request got no answer, by stage and reason."""
    found: dict[str, Counter[str]] = {}
    for document in documents:
        for stage, record in document.records.items():
            if reason := _reason(record):
                found.setdefault(stage, Counter())[reason] += 1
    return {stage: dict(sorted(reasons.items())) for stage, reasons in sorted(found.items())}


def _reason(record: Record) -> str | None:
    answers: Sequence[Mapping[str, Any]] = record.get("answers") or ()
    return answers[-1]["failure"] if answers and not is_answered(answers[-1]) else None


@dataclass(frozen=True, slots=True)
class Unanswered:
    """How many documents of a run lack an answer, each at the stage where it failed.

    Attributes:
        same_command: Those that the same command asks for again.
        retry_failed: Those that only `--retry-failed` does: the input was blamed.
    """

    same_command: int = 0
    retry_failed: int = 0

    def said(self) -> Iterator[str]:
        """Yield a sentence on each kind that there is."""
        if count := self.same_command:
            yield f"failed for want of a server: {count} (the same command, given servers, asks again)"
        if count := self.retry_failed:
            yield f"failed with the document to blame: {count} (--retry-failed asks again)"


def count_unanswered(run: Run, facts: Mapping[Path, Mapping[str, Any]]) -> Unanswered:
    """Count over a run's table, by the facts that its shards were written with."""
    usual, forced = (Retry.of(run, run.rewriters, is_forced=is_forced) for is_forced in (False, True))
    counts = Counter[bool]()
    for path, one in facts.items():
        found = one["unanswered"] if "unanswered" in one else run.unanswered_in(path)
        counts[False] += usual.count_in(found, path)
        counts[True] += forced.count_in(found, path)
    return Unanswered(counts[False], counts[True] - counts[False])


@dataclass(frozen=True, slots=True)
class Retry:
    """Which requests without an answer a flow asks again.

    Attributes:
        run: The run.
        stages: The rewriting stages whose requests it asks; none where there is nobody to ask.
        is_forced: Whether those for which the input was blamed are asked again, too.
        marked: The names of shards in which they are in any case (`ask_again.py`).
    """

    run: Run
    stages: Collection[str]
    is_forced: bool = False
    marked: frozenset[str] = frozenset()

    @classmethod
    def of(cls, run: Run, stages: Collection[str], *, is_forced: bool) -> Retry:
        """Return what is asked again by a build that begins now."""
        return cls(run, stages, is_forced, marked(run))

    def count(self, path: Path) -> int:
        """Return how many documents of a shard of the table are asked for again."""
        if self.run.exclusions and self.run.unanswered_in(path):
            return sum(1 for _ in self.rows(path))
        return self.count_in(self.run.unanswered_in(path), path)

    def count_in(self, found: Mapping[str, Mapping[str, int]], path: Path) -> int:
        """Return the same of a shard of which it is known what got no answer."""
        reasons = (item for stage in self.stages for item in found.get(stage, {}).items())
        return sum(count for reason, count in reasons if self._asks(reason, path))

    def rows(self, path: Path) -> Iterator[tuple[int, Document]]:
        """Yield the documents of a shard that are asked for again, with their row, as they are in the table.

        None of those that are excluded.
        """
        from builder.run.table import read_rows

        wanted = [
            row
            for row, reasons in unanswered_in(path, self.stages)
            if any(self._asks(reason, path) for reason in reasons.values())
        ]
        for row, document in zip(wanted, read_rows(path, self.run.stages, wanted), strict=True):
            if not self.run.exclusions.holds(document):
                yield row, document

    def before_failure(self, document: Document, path: Path) -> Document:
        """Return a document of a shard as it was before the first request that is asked again, if there is one."""
        for number, stage in enumerate(self.run.stages):
            reason = _reason(document.records.get(stage, {})) if stage in self.stages else None
            if reason is not None and self._asks(reason, path):
                return document.back_at(self.run.stages[:number])
        return document

    def _asks(self, reason: str, path: Path) -> bool:
        return self.is_forced or path.stem in self.marked or not blames_input(reason)
