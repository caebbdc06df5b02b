"""The flow: a document is a coroutine that walks the stages and stops at the first that drops it.

There is no barrier anywhere: a document enters a stage the moment the stage before lets it go, and the next
shard's documents start while the last shard's stragglers finish. What bounds memory is the window (how many
documents may be on their way at once), how far ahead of it is read, and how many shards wait for the disk.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any

import anyio
import pyarrow as pa

from builder.document import Document, Verdict
from builder.errors import LedgerUnbalanced
from builder.exclusions import is_withheld, withheld
from builder.rewriting.rewriter import Ask
from builder.run.answered import Answered
from builder.run.directory import Run, RunShard, shard_facts
from builder.run.duplicates import Duplicates
from builder.run.excluded import hide_rows, withheld_rows
from builder.run.exclusion_rows import has_readmitted
from builder.run.journal import Journals, ShardJournal, put_back
from builder.run.read_ahead import ReadAhead
from builder.run.table import is_same, read_shard, write_shard
from builder.run.unanswered import Retry, unanswered
from builder.run.unique_ids import UniqueIds

_UNWRITTEN = 8  # shards that are through and not in the table: while there are so many, no other is begun


@dataclass(frozen=True, slots=True)
class Step:
    """A stage at work: a filter and a rewriter are the same kind of thing here, given a document, a verdict."""

    name: str
    applies_to: Callable[[Mapping[str, Any]], bool]
    verdict: Callable[[Document, Ask], Awaitable[Verdict]]


async def walk(document: Document, steps: Sequence[Step], ask: Ask) -> Document:
    """Take one document its whole way: through every step it has not been through, until one drops it."""
    for step in steps:
        if document.dropped is not None:
            break
        if step.name in document.records or not step.applies_to(document.source):
            continue
        document = document.after(step.name, await step.verdict(document, ask))
    return document


@dataclass(slots=True)
class _Reading:
    """A shard being read.

    Attributes:
        shard: The shard.
        passed_over: What the source does not give, by reason.
        is_cut: Whether `limit` ends it early.
        asked_again: Of a shard that is in the table and lacks answers, the documents that are asked for again as
            they are there, by row; None where all of the shard is built.
    """

    shard: RunShard
    passed_over: Counter[str] = field(default_factory=Counter)
    is_cut: bool = False
    asked_again: dict[int, Document] | None = None


@dataclass(slots=True)
class _OpenShard:
    """A shard in work: its documents by their place, None for those still on their way."""

    reading: _Reading
    journal: ShardJournal
    documents: list[Document | None] = field(default_factory=list)
    excluded: list[int] = field(default_factory=list)
    under_way: int = 0
    is_read: bool = False


class Flow:
    """Builds shards: reads their documents, lets them walk, writes each shard when its last one is through."""

    def __init__(
        self,
        run: Run,
        until: str,
        steps: Sequence[Step],
        comparing: Sequence[Duplicates],
        schema: pa.Schema,
        journals: Journals,
        answered: Answered | None,
        retry: Retry,
        ids: UniqueIds,
        *,
        window: int,
        on_document: Callable[[Document, bool], None],
        on_shard: Callable[[RunShard], None],
        on_read: Callable[[], None] = lambda: None,
    ) -> None:
        """Set up for the stages up to the run's last wanted one.

        Args:
            run: The run to build into.
            until: The last stage of this build.
            steps: The stages up to it that judge a document by itself.
            comparing: What the others, which compare documents, have decided.
            schema: The table's schema.
            journals: Where generations come from.
            answered: Told of each shard that is in the table; None where nothing is rewritten.
            retry: Which requests without an answer are asked again.
            ids: The ids that documents have been given.
            window: How many documents may be on their way at once.
            on_document: Told of each document that is through, and whether it was in the table and asked again.
            on_shard: Told of each shard that is in the table.
            on_read: Called when all documents are on their way.
        """
        self._run, self._until, self._steps, self._comparing = run, until, steps, comparing
        self._schema, self._journals, self._answered, self._retry = schema, journals, answered, retry
        self._ids, self._window = ids, asyncio.Semaphore(window)
        self._given: asyncio.Queue[tuple[_OpenShard, int, Document] | None] = asyncio.Queue()
        self._walkers = self._idle = 0
        self._unwritten, self._written = 0, asyncio.Condition()
        # One thread: what several keep of the memory that each has needed is lost to the others.
        self._thread = ThreadPoolExecutor(1, "shards")
        self._on_document, self._on_shard, self._on_read = on_document, on_shard, on_read

    def widen(self, more: int) -> None:
        """Let so many more documents be on their way at once: servers have joined."""
        for _ in range(more):
            self._window.release()

    async def build(self, shards: Sequence[RunShard], limit: int | None, again: Sequence[RunShard] = ()) -> None:
        """Build what is not yet in the table, up to `limit` documents. The first error ends all of it.

        Args:
            shards: The shards to build, those that are done among them.
            limit: Documents to take.
            again: Those that are done but for requests without an answer, which are asked again when all others
                have been: servers that are paid for have work first.

        Raises:
            BuilderError: Any of them; what was journalled is safe.
        """
        readings = chain(self._readings(shards, limit), self._asked_again(again))

        def interrupt() -> None:
            for source in {id(shard.source): shard.source for shard in shards}.values():
                source.stop_reading()

        with self._thread:
            await self._build(ReadAhead(readings, _characters, interrupt))

    async def _build(self, ahead: ReadAhead[tuple[_Reading, Document | None]]) -> None:
        async with ahead as read, anyio.create_task_group() as walkers:
            opened: _OpenShard | None = None
            async for reading, document in read:
                if opened is None or opened.reading is not reading:
                    async with self._written:  # a slow disk makes the run slow, not its memory large
                        await self._written.wait_for(lambda: self._unwritten < _UNWRITTEN)
                    opened = _OpenShard(reading, await self._journals.open(reading.shard.index))
                if document is None:
                    opened.is_read = True
                    if opened.under_way == 0:
                        await self._finish(opened)
                    continue
                await self._window.acquire()
                opened.documents.append(None)
                opened.under_way += 1
                self._given.put_nowait((opened, len(opened.documents) - 1, document))
                if self._given.qsize() > self._idle:
                    self._walkers, self._idle = self._walkers + 1, self._idle + 1
                    walkers.start_soon(self._walk_each)
            self._on_read()
            for _ in range(self._walkers):
                self._given.put_nowait(None)

    def _readings(
        self, shards: Sequence[RunShard], limit: int | None
    ) -> Iterator[tuple[_Reading, Document | None]]:
        """Yield the documents of the shards that are not done, and None behind a shard's last, in a thread."""
        left = limit
        for shard in shards:
            if left == 0:
                return
            count = self._run.finished(shard, self._until, left)
            if count is None:
                reading, count = _Reading(shard), 0
                for document in islice(self._documents(reading, left), left):
                    count += 1
                    yield reading, document
                reading.is_cut = count == left
                self._check(shard, count, reading.is_cut)
                yield reading, None
            left = None if left is None else left - count

    def _asked_again(self, shards: Sequence[RunShard]) -> Iterator[tuple[_Reading, Document | None]]:
        """Yield the documents whose requests are asked again, and None behind a shard's last, in a thread."""
        for shard in shards:
            asked_again: dict[int, Document] = {}
            reading = _Reading(shard, asked_again=asked_again)
            path = self._run.shard_path(shard.index)
            for row, document in self._retry.rows(path):
                asked_again[row] = document
                yield reading, self._retry.before_failure(document, path)
            yield reading, None

    @staticmethod
    def _check(shard: RunShard, count: int, is_cut: bool) -> None:
        if shard.source.a_row_is_a_document and count != shard.range.rows and not is_cut:
            raise LedgerUnbalanced(
                f"the source listed {shard.range.rows} documents and gave {count}",
                where=f"shard {shard.index}",
                remedy="the source changed while it was read: build into a new directory with --run DIR",
            )

    def _documents(self, reading: _Reading, left: int | None) -> Iterator[Document]:
        """Yield a shard's documents, as far as they got before and with what comparing them has decided."""
        documents = self._as_they_were(reading, left)
        for duplicates in self._comparing:
            documents = duplicates.judge(reading.shard.index, documents)
        return documents

    def _as_they_were(self, reading: _Reading, left: int | None) -> Iterator[Document]:
        """Yield a shard's documents, of which `left` are wanted, from the table, else from the source."""
        shard = reading.shard
        facts = self._run.facts_of(shard)
        if facts is None:
            return self._from_source(shard, reading.passed_over)
        path = self._run.shard_path(shard.index)
        if left is not None and facts["documents"] > left:
            put_back(path, self._run.rewriters, self._run.journal_of(path))
        before: Iterator[Document] = (
            self._retry.before_failure(document, path) for document in read_shard(path, self._run.stages)
        )
        unread = facts.get("withheld", {}).get("unread", [])
        if unread and has_readmitted(path, {"unread": unread}, self._run.exclusions):
            before = self._readmitted(before, shard)
        if not facts["is_cut"]:
            reading.passed_over.update(facts["passed_over"])
            return before
        # A build with a smaller --limit ended in this shard: the rest comes from the source.
        rest = islice(self._from_source(shard, reading.passed_over), facts["documents"], None)
        return chain(before, rest)

    def _from_source(self, shard: RunShard, passed_over: Counter[str]) -> Iterator[Document]:
        """Yield a shard's documents from the source, of those that are excluded only that they are there."""
        documents = shard.source.read(shard.range, passed_over)
        if shard.source.may_repeat_ids:
            documents = self._ids.unique(shard.index, documents)
        for document in documents:
            yield withheld(document) if self._run.exclusions.holds(document) else document

    def _readmitted(self, before: Iterator[Document], shard: RunShard) -> Iterator[Document]:
        """Yield a shard's documents, anew from the source where nothing was kept of one: it may be had again."""
        fresh = self._from_source(shard, Counter())
        for document, read in zip(before, fresh, strict=False):
            yield read if is_withheld(document) else document

    async def _walk_each(self) -> None:
        """Take documents their way, one after the other: a task for each costs a tenth of all that it needs."""
        while (given := await self._given.get()) is not None:
            self._idle -= 1
            await self._one(*given)
            given = None  # or one that waits would keep its last shard in memory
            self._idle += 1

    async def _one(self, opened: _OpenShard, place: int, document: Document) -> None:
        is_excluded = self._run.exclusions.holds(document)
        try:
            done = document if is_excluded else await walk(document, self._steps, opened.journal.ask)
        finally:
            self._window.release()
        if is_excluded:
            opened.excluded.append(place)
        opened.documents[place] = done
        opened.under_way -= 1
        self._on_document(done, opened.reading.asked_again is not None)
        if opened.is_read and opened.under_way == 0:
            await self._finish(opened)

    def _is_through(self, document: Document) -> bool:
        """Whether a document has come to its end, or been through every stage that it has to."""
        stages = [(step.name, step.applies_to) for step in self._steps]
        stages += [(duplicates.stage.name, duplicates.stage.applies_to) for duplicates in self._comparing]
        return document.dropped is not None or all(
            name in document.records or not applies_to(document.source) for name, applies_to in stages
        )

    async def _finish(self, opened: _OpenShard) -> None:
        reading, index = opened.reading, opened.reading.shard.index
        path = self._run.shard_path(index)
        self._unwritten += 1
        await asyncio.get_running_loop().run_in_executor(self._thread, self._write, opened, path)
        async with self._written:
            self._unwritten -= 1
            self._written.notify_all()
        self._journals.discard(index, is_through=self._run.is_through(path))
        self._on_shard(reading.shard)

    def _write(self, opened: _OpenShard, path: Path) -> None:
        """Put a shard into the table, in a thread."""
        reading, documents = opened.reading, opened.documents
        facts = {
            "range": reading.shard.facts,
            "until": self._until,
            "decided": self._run.decided,
            "documents": len(documents),
            "is_cut": reading.is_cut,
            "passed_over": dict(sorted(reading.passed_over.items())),
        }
        if reading.asked_again is not None:
            if is_same(reading.asked_again.values(), documents, self._schema):
                return
            asked = dict(zip(reading.asked_again, documents, strict=True))
            documents = [asked.get(row, one) for row, one in enumerate(read_shard(path, self._run.stages))]
            facts = {**(shard_facts(path) or {}), "until": self._until}
        elif rows := withheld_rows(documents, opened.excluded, self._is_through):
            facts["withheld"] = rows
        facts["unanswered"] = unanswered(filter(None, documents))
        write_shard(path, documents, self._schema, facts)
        if opened.excluded:
            hide_rows(self._run, path, sorted(opened.excluded), {})
        if self._answered is not None:
            self._answered.add(path)


def _characters(read: tuple[_Reading, Document | None]) -> int:
    document = read[1]
    return 0 if document is None else len(document.text or "") + len(document.current)
