"""The flow: a document is a coroutine that walks the stages and stops at the first that drops it.

There is no barrier anywhere: a document enters a stage the moment the stage before lets it go, and the next
shard's documents start while the last shard's stragglers finish. What bounds memory is the window (how many
documents may be on their way at once), how far ahead of it is read, how many documents wait for their shard's
stragglers, and how many shards wait for the disk.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

import anyio
import pyarrow as pa
from anyio.abc import TaskGroup

from builder.document import READ, Document, Verdict
from builder.draining import Drain, Draining
from builder.rewriting.generation import Generation
from builder.rewriting.rewriter import Ask, Request
from builder.run.answers.index import AnswerIndex
from builder.run.answers.rows import lost_in
from builder.run.answers.store import AnswerStore, ShardAnswers
from builder.run.ask_again import settle
from builder.run.excluded import hide_rows, withheld_rows
from builder.run.funnel import count_documents
from builder.run.job import ShardDone
from builder.run.ledger import Entry
from builder.run.plan import Task
from builder.run.read_ahead import ReadAhead
from builder.run.reading import Reader, Reading
from builder.run.table import is_same, read_shard, write_shard
from builder.run.unanswered import unanswered

_UNWRITTEN = 8  # shards that are through and not in the table: while there are so many, no other is begun
_HELD = 16_384  # documents not yet in the table: with so many, or as many windows as follow, no shard is begun
_HELD_WINDOWS = 16  # beyond two, for large ones: a straggler that takes as much longer than others idles no server


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
class _OpenShard:
    """A shard in work: its documents by their place, None for those still on their way.

    Attributes:
        number: Its place in the order in which shards were begun.
    """

    reading: Reading
    answers: ShardAnswers
    number: int
    documents: list[Document | None] = field(default_factory=list)
    excluded: list[int] = field(default_factory=list)
    under_way: int = 0
    is_read: bool = False

    async def ask(self, request: Request) -> Generation:
        """Have a request of one of its documents answered; where requests wait, older shards' come first."""
        return await self.answers.ask(replace(request, shard=self.number))


class Flow:
    """Builds shards: reads their documents, lets them walk, writes each shard when its last one is through."""

    def __init__(
        self,
        reader: Reader,
        steps: Sequence[Step],
        schema: pa.Schema,
        store: AnswerStore,
        index: AnswerIndex | None,
        *,
        window: int,
        on_document: Callable[[Document, Collection[str]], None],
        on_shard: Callable[[ShardDone], None],
        on_read: Callable[[], None] = lambda: None,
        drain: Drain | None = None,
    ) -> None:
        """Set up for the stages up to the run's last wanted one.

        Args:
            reader: Gives the documents, of the run to build into, for the last stage of this build.
            steps: The stages up to it that judge a document by itself.
            schema: The table's schema.
            store: Where answers come from.
            index: Given each shard that is in the table; None where nothing is rewritten.
            window: How many documents may be on their way at once.
            on_document: Told of each document that is through, and at which stages an earlier build judged it.
            on_shard: Told of each shard that is in the table.
            on_read: Called when all documents are on their way.
            drain: When it is on, documents end where they are, but for those that a server answers.
        """
        self._drain = drain or Drain()
        self._reader, self._run, self._steps = reader, reader.run, steps
        self._schema, self._store, self._index = schema, store, index
        self._window, self._size = asyncio.Semaphore(window), window
        self._given: asyncio.Queue[tuple[_OpenShard, int, Document] | None] = asyncio.Queue()
        self._walkers = self._idle = 0
        self._open = self._held = self._unwritten = self._begun = 0
        self._written = asyncio.Condition()
        # One thread: what several keep of the memory that each has needed is lost to the others.
        self._thread = ThreadPoolExecutor(1, "shards")
        self._on_document, self._on_shard, self._on_read = on_document, on_shard, on_read

    def widen(self, more: int) -> None:
        """Let so many more documents be on their way at once: servers have joined."""
        self._size += more
        for _ in range(more):
            self._window.release()

    async def build(self, tasks: Iterable[Task], again: Iterable[int] = ()) -> None:
        """Build what is not yet in the table, or as far as what is answered lets it. An error ends all of it.

        Args:
            tasks: What to build.
            again: Shards that are done but for requests without an answer, which are asked again when all others
                have been: servers that are paid for have work first.

        Raises:
            BuilderError: Any of them; answers in the log are safe.
        """
        readings = chain(self._reader.unfinished(tasks), self._reader.asked_again(again))

        def interrupt() -> None:
            for source in {id(shard.source): shard.source for shard in self._reader.shards}.values():
                source.stop_reading()

        with self._thread:
            await self._build(ReadAhead(readings, _characters, interrupt))

    async def _build(self, ahead: ReadAhead[tuple[Reading, Document | None]]) -> None:
        async with ahead as read, anyio.create_task_group() as walkers:
            with contextlib.suppress(Draining), self._drain.abandonable():
                await self._give_out(read, walkers)
            if self._drain.is_on:
                read.stop()
            self._on_read()
            for _ in range(self._walkers):
                self._given.put_nowait(None)

    async def _give_out(self, read: ReadAhead[tuple[Reading, Document | None]], walkers: TaskGroup) -> None:
        """Give the documents that are read to walkers, as many of these as there is work for."""
        opened: _OpenShard | None = None
        async for reading, document in read:
            if opened is None or opened.reading is not reading:
                async with self._written:  # a slow disk or server makes the run slow, not its memory large
                    await self._written.wait_for(self._has_room)
                opened = _OpenShard(reading, self._store.for_shard(), self._begun)
                self._open, self._begun = self._open + 1, self._begun + 1
            if document is None:
                opened.is_read = True
                if opened.under_way == 0:
                    with anyio.CancelScope(shield=True):  # what is through is written, though nothing more begins
                        await self._finish(opened)
                continue
            await self._window.acquire()
            opened.documents.append(None)
            opened.under_way += 1
            self._held += 1
            self._given.put_nowait((opened, len(opened.documents) - 1, document))
            if self._given.qsize() > self._idle:
                self._walkers, self._idle = self._walkers + 1, self._idle + 1
                walkers.start_soon(self._walk_each)

    def _has_room(self) -> bool:
        """Whether another shard may be begun: those that are open need no other to be through."""
        is_full = self._held >= max(_HELD, _HELD_WINDOWS * self._size)
        return self._unwritten < _UNWRITTEN and not (is_full and self._open >= 2)

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
            self._drain.check()
            done = document if is_excluded else await walk(document, self._steps, opened.ask)
        except Draining:
            return  # its shard stays unfinished
        finally:
            self._window.release()
        if is_excluded:
            opened.excluded.append(place)
        opened.documents[place] = done
        opened.under_way -= 1
        self._on_document(done, self._judged_before(opened.reading, place, document))
        if opened.is_read and opened.under_way == 0:
            await self._finish(opened)

    def _judged_before(self, reading: Reading, place: int, document: Document) -> Collection[str]:
        """Return the stages, reading among them, at which an earlier build judged a document that was read so."""
        if reading.asked_again is not None:  # all of it: there was a verdict at every stage that it reached
            return READ, *self._run.stages
        return (READ, *document.records) if place < reading.known else document.records

    def _is_through(self, document: Document) -> bool:
        """Whether a document has come to its end, or been through every stage that it has to."""
        stages = [(step.name, step.applies_to) for step in self._steps]
        stages += [(duplicates.stage.name, duplicates.stage.applies_to) for duplicates in self._reader.comparing]
        return document.dropped is not None or all(
            name in document.records or not applies_to(document.source) for name, applies_to in stages
        )

    async def _finish(self, opened: _OpenShard) -> None:
        reading = opened.reading
        path = self._run.shard_path(reading.shard.index)
        self._unwritten += 1
        loop = asyncio.get_running_loop()
        entry = await loop.run_in_executor(self._thread, self._write, opened, path)
        await loop.run_in_executor(self._thread, settle, self._run, path)
        await opened.answers.in_table()
        self._on_shard(ShardDone(reading.shard.index, entry))
        async with self._written:
            self._unwritten -= 1
            self._open -= 1
            self._held -= len(opened.documents)
            self._written.notify_all()

    def _write(self, opened: _OpenShard, path: Path) -> Entry | None:
        """Put a shard into the table, in a thread; return what is new to the ledger."""
        reading, documents = opened.reading, opened.documents
        facts = {
            "range": reading.shard.facts,
            "until": self._reader.until,
            "decided": self._run.decided,
            "documents": len(documents),
            "is_cut": reading.is_cut,
            "passed_over": dict(sorted(reading.passed_over.items())),
        }
        if reading.asked_again is not None:
            if is_same(reading.asked_again.values(), documents, self._schema):
                return None
            asked = dict(zip(reading.asked_again, documents, strict=True))
            documents = [asked.get(row, one) for row, one in enumerate(read_shard(path, self._run.stages))]
            facts = {**(self._run.ledger.facts(path) or {}), "until": self._reader.until}
        elif rows := withheld_rows(documents, opened.excluded, self._is_through):
            facts["withheld"] = rows
        self._reader.log.salvage(lost_in(path, self._run.rewriters, documents))
        facts["unanswered"] = unanswered(filter(None, documents))
        write_shard(path, documents, self._schema, facts, self._run.fence.replacing)
        entry = Entry(facts, count_documents(documents, self._run.facts["recipe"]["stages"]))
        self._run.ledger.note(path, entry)
        if opened.excluded:
            hide_rows(self._run, path, sorted(opened.excluded), {})
        if self._index is not None:
            self._run.fence.check()
            self._index.add(path)
        return entry


def _characters(read: tuple[Reading, Document | None]) -> int:
    document = read[1]
    return 0 if document is None else len(document.text or "") + len(document.current)
