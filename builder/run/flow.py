"""The flow: a document is a coroutine that walks the stages and stops at the first that drops it.

There is no barrier anywhere: a document enters a stage the moment the stage before lets it go, and the next
shard's documents start while the last shard's stragglers finish. What bounds memory is the window: how many
documents may be on their way at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

import anyio
import pyarrow as pa

from builder.document import Document, Verdict
from builder.errors import LedgerUnbalanced
from builder.rewriting.rewriter import Ask
from builder.run.directory import Run, RunShard
from builder.run.journal import Journals, ShardJournal
from builder.run.table import read_shard, shard_facts, write_shard

_READ_AHEAD = 64


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
    """A shard in work: its finished documents, by their place."""

    shard: RunShard
    journal: ShardJournal
    documents: list[Document | None]
    left: int = field(default=0)


class Flow:
    """Builds shards: reads their documents, lets them walk, writes each shard when its last one is through."""

    def __init__(
        self,
        run: Run,
        steps: Sequence[Step],
        schema: pa.Schema,
        journals: Journals,
        *,
        window: int,
        on_document: Callable[[Document], None],
    ) -> None:
        """Set up for the steps up to the run's last wanted stage.

        Args:
            run: The run to build into.
            steps: The stages to walk.
            schema: The table's schema.
            journals: Where generations come from.
            window: How many documents may be on their way at once.
            on_document: Told of each document that is through.
        """
        self._run, self._steps, self._schema, self._journals = run, steps, schema, journals
        self._window = asyncio.Semaphore(window)
        self._on_document = on_document

    async def build(self, shards: Sequence[RunShard]) -> None:
        """Build the shards. The first error ends all of them; what was journalled is safe."""
        async with anyio.create_task_group() as group:
            for shard in shards:
                opened = _OpenShard(
                    shard, self._journals.open(shard.index), [None] * shard.range.rows, shard.range.rows
                )
                place = 0
                async for document in _ahead(islice(self._documents(shard), shard.range.rows + 1)):
                    if place == shard.range.rows:
                        place += 1
                        break
                    await self._window.acquire()
                    group.start_soon(self._one, opened, place, document)
                    place += 1
                if place != shard.range.rows:
                    raise LedgerUnbalanced(
                        f"the source listed {shard.range.rows} documents and gave {place}",
                        where=f"shard {shard.index}",
                        remedy="the source changed while it was read: build into a new directory with --run DIR",
                    )

    def _documents(self, shard: RunShard) -> Iterator[Document]:
        """Yield a shard's documents, as far as they got before: from the table, else from the source."""
        path = self._run.shard_path(shard.index)
        facts = shard_facts(path)
        if facts is None:
            return shard.source.read(shard.range)
        same = {**facts["range"], "stop": 0} == {**shard.facts, "stop": 0}
        if not same:
            return shard.source.read(shard.range)
        # A run with another --limit: the shard is the same but for where it is cut.
        before = islice(read_shard(path, self._run.stages), shard.range.rows)
        rest = islice(shard.source.read(shard.range), facts["range"]["stop"] - shard.range.start, None)
        return chain(before, rest)

    async def _one(self, opened: _OpenShard, place: int, document: Document) -> None:
        try:
            done = await walk(document, self._steps, opened.journal.ask)
        finally:
            self._window.release()
        opened.documents[place] = done
        opened.left -= 1
        self._on_document(done)
        if opened.left == 0:
            await self._finish(opened)

    async def _finish(self, opened: _OpenShard) -> None:
        index = opened.shard.index
        facts = {"range": opened.shard.facts, "until": self._steps[-1].name}
        await asyncio.to_thread(write_shard, self._run.shard_path(index), opened.documents, self._schema, facts)
        self._journals.discard(index)


async def _ahead(documents: Iterator[Document]) -> AsyncIterator[Document]:
    """Yield from a blocking iterator, a handful at a time, read in a thread."""
    while batch := await asyncio.to_thread(lambda: list(islice(documents, _READ_AHEAD))):
        for document in batch:
            yield document
