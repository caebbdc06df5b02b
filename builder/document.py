"""A document on its way through the stages, and what a stage says of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

Record = Mapping[str, Any]
"""One stage's struct column: a filter's measures or a rewriter's generation record."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one stage says of one document.

    Attributes:
        record: The stage's measures, as they go into the table.
        drop: Why the stage drops the document; None keeps it.
        text: The text that following stages see; None leaves it as it was.
    """

    record: Record
    drop: str | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """One source row: immutable, each stage gives a new one.

    Attributes:
        id: Unique within the source.
        text: As read; None where the source could not decode it.
        source: Provenance, a struct column of the table.
        current: The text the next stage sees: `text`, or what the last stage made of it that changed it.
        records: One record a stage it went through, by the stage's name.
        dropped: The (stage, reason) that ended its way, None while it is kept.
    """

    id: str
    text: str | None
    source: Record
    current: str
    records: Mapping[str, Record] = field(default_factory=dict)
    dropped: tuple[str, str] | None = None

    def after(self, stage: str, verdict: Verdict) -> Document:
        """Return the document as `stage`'s verdict leaves it."""
        return replace(
            self,
            records={**self.records, stage: verdict.record},
            current=self.current if verdict.text is None else verdict.text,
            dropped=None if verdict.drop is None else (stage, verdict.drop),
        )

    def judged(self, stage: str, before: Sequence[str], record: Record, drop: str | None) -> Document:
        """Return the document with another verdict of a stage that it may have been through already.

        Args:
            stage: The stage, which leaves the text as it is.
            before: The stages before it.
            record: The stage's measures.
            drop: Why the stage drops the document. What later stages said of it then goes; None keeps that.
        """
        if drop is None:
            goes_on = self.dropped is None or self.dropped[0] == stage
            return replace(
                self, records={**self.records, stage: record}, dropped=None if goes_on else self.dropped
            )
        earlier = {name: self.records[name] for name in before if name in self.records}
        return replace(self, records={**earlier, stage: record}, dropped=(stage, drop))

    def back_at(self, before: Sequence[str]) -> Document:
        """Return the document as it was when it had been through the stages `before`, which kept it."""
        records = {name: self.records[name] for name in before if name in self.records}
        return replace(self, records=records, current=latest(self.text, records), dropped=None)


def latest(text: str | None, records: Mapping[str, Record]) -> str:
    """Return the text that the stages of these records, in order, have made of the one that was read."""
    changed = [record["text"] for record in records.values() if record.get("text") is not None]
    return changed[-1] if changed else text or ""


READ = "read"
"""The stage that a document which could not be read is dropped at."""


def read_document(id: str, text: str | None, source: Record, unreadable: str | None = None) -> Document:
    """Return a fresh document; `unreadable` is the reason why `text` could not be read."""
    return Document(id, text, source, text or "", dropped=None if unreadable is None else (READ, unreadable))
