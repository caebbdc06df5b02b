"""What became of a document, as far as gates and progress need to know: plain data, which a worker sends."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from builder.document import READ, Document
from builder.exclusions import is_withheld


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a document that is through.

    Attributes:
        stages: The stages that it has been through.
        dropped: The (stage, reason) that ended its way, None where it is kept.
        judged: The stages, reading among them, whose verdict on it this build came to by itself; none where its
            removal was asked for, which tells nothing of other documents.
        failures: Of those that rewrite or measure in worker processes: why they failed on it.
        words: A server's words for such a failure, by stage.
    """

    stages: tuple[str, ...]
    dropped: tuple[str, str] | None = None
    judged: Sequence[str] = ()
    failures: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Tells what became of documents.

    Attributes:
        rewriting: The stages that rewrite.
        working: Those that measure in worker processes.
        is_replayed: Whether the answer with this key is an earlier build's.
    """

    rewriting: Collection[str]
    working: Collection[str]
    is_replayed: Callable[[str], bool] = lambda _: False

    def of(self, document: Document, earlier: Collection[str] = ()) -> Outcome:
        """Return what became of a document.

        Args:
            document: The document.
            earlier: The stages, reading among them, whose verdict on it an earlier build came to: what that build
                did not stop for, or what has been mended since.
        """
        stages = tuple(document.records)
        if is_withheld(document):
            return Outcome(stages, document.dropped)
        judged, failures, words = list[str](), dict[str, str](), dict[str, str]()
        if READ not in earlier:
            judged.append(READ)
        for stage in stages:
            if stage in earlier or (stage in self.rewriting and self._failed_before(document, stage)):
                continue
            judged.append(stage)
            if failure := self._failure(document, stage):
                failures[stage] = failure
                if stage in self.rewriting and (said := document.records[stage]["answers"][-1].get("error")):
                    words[stage] = said
        return Outcome(stages, document.dropped, judged, failures, words)

    def _failed_before(self, document: Document, stage: str) -> bool:
        """Whether an earlier build's answer failed: the servers may have been mended since."""
        record = document.records[stage]
        if not record["failure"] or not record["answers"]:
            return False
        return self.is_replayed(record["answers"][-1]["key"])

    def _failure(self, document: Document, stage: str) -> str | None:
        record = document.records[stage]
        if stage in self.rewriting:
            failure: str | None = record["failure"]
            return failure
        if stage not in self.working or document.dropped is None or document.dropped[0] != stage:
            return None
        died = all(measure is None for measure in record.values())  # its worker measured nothing
        return document.dropped[1] if died else None
