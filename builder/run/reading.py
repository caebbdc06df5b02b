"""What a flow reads: a shard's documents from its source, or as far as they got before from the table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice

from builder.document import Document
from builder.errors import LedgerUnbalanced
from builder.exclusions import is_withheld, withheld
from builder.run.answers.log import Log
from builder.run.directory import Run, RunShard
from builder.run.duplicates import Duplicates
from builder.run.exclusion_rows import has_readmitted
from builder.run.plan import Task
from builder.run.table import read_shard
from builder.run.unanswered import Retry
from builder.run.unique_ids import UniqueIds


@dataclass(slots=True)
class Reading:
    """A shard being read.

    Attributes:
        shard: The shard.
        passed_over: What the source does not give, by reason.
        is_cut: Whether `limit` ends it early.
        asked_again: Of a shard that is in the table and lacks answers, the documents that are asked for again as
            they are there, by row; None where all of the shard is built.
        known: How many of its documents, the first ones, an earlier build has read.
    """

    shard: RunShard
    passed_over: Counter[str] = field(default_factory=Counter)
    is_cut: bool = False
    asked_again: dict[int, Document] | None = None
    known: int = 0


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads a run's documents, in a thread.

    Attributes:
        run: The run.
        shards: All of its shards.
        until: The last stage that documents are read for.
        comparing: What stages that compare documents have decided.
        retry: Which requests without an answer are asked again.
        ids: The ids that documents have been given.
        log: Where answers go that the table is about to lose.
        on_read: Told of each task that is read, with those of its shards that were not yet done.
    """

    run: Run
    shards: Sequence[RunShard]
    until: str
    comparing: Sequence[Duplicates]
    retry: Retry
    ids: UniqueIds
    log: Log
    on_read: Callable[[Task, Sequence[int]], None] = lambda task, begun: None

    def unfinished(self, tasks: Iterable[Task]) -> Iterator[tuple[Reading, Document | None]]:
        """Yield the documents of the tasks' shards, and None behind a shard's last, in a thread."""
        for task in tasks:
            for worker in task.after:
                self.log.take_up(worker)
            begun: list[int] = []
            for reading, document in self.asked_again(task.shards) if task.is_again else self._built(task):
                if document is None:
                    begun.append(reading.shard.index)
                yield reading, document
            self.on_read(task, begun)

    def _built(self, task: Task) -> Iterator[tuple[Reading, Document | None]]:
        left = task.limit
        for shard in (self.shards[number] for number in task.shards):
            if left == 0:
                break
            count = self.run.finished(shard, self.until, left)
            if count is None:
                reading, count = Reading(shard), 0
                for document in islice(self._documents(reading, left), left):
                    count += 1
                    yield reading, document
                reading.is_cut = count == left
                self._check(shard, count, reading.is_cut)
                yield reading, None
            left = None if left is None else left - count

    def asked_again(self, shards: Iterable[int]) -> Iterator[tuple[Reading, Document | None]]:
        """Yield the documents whose requests are asked again, and None behind a shard's last, in a thread."""
        for shard in (self.shards[number] for number in shards):
            asked_again: dict[int, Document] = {}
            reading = Reading(shard, asked_again=asked_again)
            path = self.run.shard_path(shard.index)
            for row, document in self.retry.rows(path):
                asked_again[row] = document
                yield reading, self.retry.before_failure(document, path)
            yield reading, None

    @staticmethod
    def _check(shard: RunShard, count: int, is_cut: bool) -> None:
        if shard.source.a_row_is_a_document and count != shard.range.rows and not is_cut:
            raise LedgerUnbalanced(
                f"the source listed {shard.range.rows} documents and gave {count}",
                where=f"shard {shard.index}",
                remedy="the source changed while it was read: build into a new directory with --run DIR",
            )

    def _documents(self, reading: Reading, left: int | None) -> Iterator[Document]:
        """Yield a shard's documents, as far as they got before and with what comparing them has decided."""
        documents = self._as_they_were(reading, left)
        for duplicates in self.comparing:
            documents = duplicates.judge(reading.shard.index, documents)
        return documents

    def _as_they_were(self, reading: Reading, left: int | None) -> Iterator[Document]:
        """Yield a shard's documents, of which `left` are wanted, from the table, else from the source."""
        shard = reading.shard
        facts = self.run.facts_of(shard)
        if facts is None:
            return self._from_source(shard, reading.passed_over)
        path, documents, passed_over = self.run.shard_path(shard.index), facts["documents"], facts["passed_over"]
        reading.known, is_less = documents, left is not None and documents > left
        before: Iterator[Document] = (
            self.retry.before_failure(document, path) for document in read_shard(path, self.run.stages)
        )
        unread = facts.get("withheld", {}).get("unread", [])
        if unread and has_readmitted(path, {"unread": unread}, self.run.exclusions):
            before = self._readmitted(before, shard)
        if is_less and passed_over:  # how much of that lies before its documents the source alone can tell
            counted = self._from_source(shard, reading.passed_over)
            return (document for document, _ in zip(before, counted, strict=False))
        if is_less or documents == left or not facts["is_cut"]:
            reading.passed_over.update(passed_over)
            return before
        # A build with a smaller --limit ended in this shard: the rest comes from the source.
        return chain(before, islice(self._from_source(shard, reading.passed_over), documents, None))

    def _from_source(self, shard: RunShard, passed_over: Counter[str]) -> Iterator[Document]:
        """Yield a shard's documents from the source, of those that are excluded only that they are there."""
        documents = shard.source.read(shard.range, passed_over)
        if shard.source.may_repeat_ids:
            documents = self.ids.unique(shard.index, documents)
        for document in documents:
            yield withheld(document) if self.run.exclusions.holds(document) else document

    def _readmitted(self, before: Iterator[Document], shard: RunShard) -> Iterator[Document]:
        """Yield a shard's documents, anew from the source where nothing was kept of one: it may be had again."""
        fresh = self._from_source(shard, Counter())
        for document, read in zip(before, fresh, strict=False):
            yield read if is_withheld(document) else document
