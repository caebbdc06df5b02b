"""A worker: does the tasks of a job, in one process with an event loop. It is the same under every engine."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Sequence
from contextlib import AsyncExitStack, closing
from types import TracebackType
from typing import TYPE_CHECKING

import anyio

from builder.document import Document
from builder.draining import Drain
from builder.filters.workers import Workers
from builder.run.answering import Answering
from builder.run.answers.index import AnswerIndex
from builder.run.answers.log import Log
from builder.run.answers.reuse import ReusedAnswers
from builder.run.answers.sources import RunAnswers, open_source
from builder.run.answers.store import AnswerStore, Known
from builder.run.flow import Flow
from builder.run.job import Job, Listener, Pulse, Said, TaskRead, Through
from builder.run.plan import Task
from builder.run.progress_file import GENERATIONS, read_own, write_own
from builder.run.reading import Reader
from builder.run.steps import outcomes_of, step_of
from builder.run.table import schema_of
from builder.run.unique_ids import UniqueIds

if TYPE_CHECKING:
    from builder.rewriting.pool import ServerPool

_PROGRESS_SECONDS = 2.0


class Worker:
    """A worker on a job. Use as a context manager, which holds what takes long to open."""

    def __init__(self, job: Job, listen: Listener, drain: Drain) -> None:
        """Open nothing yet.

        Args:
            job: The job.
            listen: Called with each event.
            drain: Has it begin nothing more.
        """
        self._pool: ServerPool | None = None
        self._job, self._listen, self._drain = job, listen, drain
        self._answering = Answering(job.loaded, job.run, job.options, self._say, drain)

    @property
    def servers(self) -> list[str]:
        """The roots of the servers that it asks, or has requests at; from any thread."""
        members = self._pool.members if self._pool is not None else ()
        return [member.server.url for member in members if member.in_flight or not member.is_leaving]

    def _say(self, text: str) -> None:
        self._listen(Said(text))

    def __enter__(self) -> Worker:
        """Open the answers of this run and of others, and what sources need.

        Raises:
            BuilderError: Another run or a release is none, or the disk refuses.
        """
        job = self._job
        apart = job.run.layout.apart(job.worker)
        with contextlib.ExitStack() as opened:
            reused = job.options.reuse if job.rewrites else ()
            self._reused = [
                opened.enter_context(closing(ReusedAnswers(open_source(path), apart, self._say)))
                for path in reused
            ]
            for source in job.loaded.recipe.sources:
                opened.enter_context(source.working(apart / job.run.layout.fetched.name))
            self._index: AnswerIndex | None = None
            if job.rewrites:
                index = AnswerIndex(RunAnswers(job.run), job.run.layout.answers, job.run.fence)
                self._index = opened.enter_context(closing(index))
            self._opened = opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.__exit__(kind, error, trace)

    async def work(self, tasks: Iterable[Task], again: Iterable[int]) -> None:
        """Do tasks, then ask again in the shards with these numbers.

        Both are taken from in a thread, as there is room for more: they may wait for the next.

        Raises:
            BuilderError: Any of them; what was answered until then is in the log.
        """
        job, run = self._job, self._job.run
        async with AsyncExitStack() as stack:
            workers = await stack.enter_async_context(Workers(job.options.workers, self._say))
            pool = await stack.enter_async_context(self._answering.servers(job.generator, job.stages))
            self._pool = pool
            log, known = Log(run.log, run.fence), list[Known](self._reused)
            if self._index is not None:
                await anyio.to_thread.run_sync(log.replay, self._index.contains)
                known.insert(0, self._index)  # which is nearer
            store = await stack.enter_async_context(AnswerStore(log, self._answering.generate(pool), known))
            ids = await stack.enter_async_context(_left_in_thread(UniqueIds(run)))
            reader = Reader(run, job.shards, job.until, job.compared, job.retry, ids, log, self._read)
            flow = self._flow(reader, workers, pool, store)
            async with self._watched(store, pool):
                await flow.build(tasks, again)

    def _read(self, task: Task, begun: Sequence[int]) -> None:
        self._listen(TaskRead(task, tuple(begun)))

    def _flow(self, reader: Reader, workers: Workers, pool: ServerPool | None, store: AnswerStore) -> Flow:
        job = self._job
        found = (step_of(stage, job.loaded, job.run, workers, pool, self._drain) for stage in job.stages)
        outcomes = outcomes_of(job.loaded, job.stages, store.is_replayed)

        def on_document(document: Document, earlier: Collection[str]) -> None:
            self._listen(Through(outcomes.of(document, earlier)))

        flow = Flow(
            reader,
            [step for step in found if step is not None],
            schema_of(job.loaded),
            store,
            self._index,
            window=4 * job.options.workers + 2 * (pool.limit if pool else 0),
            on_document=on_document,
            on_shard=self._listen,
            on_read=pool.expect_no_more if pool is not None else lambda: None,
            drain=self._drain,
        )
        if pool is not None:
            pool.on_more = lambda more: flow.widen(2 * more)
        return flow

    @contextlib.asynccontextmanager
    async def _watched(self, store: AnswerStore, pool: ServerPool | None) -> AsyncIterator[None]:
        """Keep this worker's counts, and tell that it is alive, while the block goes on."""
        run, name = self._job.run, self._job.worker
        before = read_own(run, name)

        async def keep_progress() -> None:
            counts = {kind: before.get(kind, 0) + store.counts[kind] for kind in GENERATIONS}
            # A busy disk may take seconds, in which no server would be asked for anything.
            await anyio.to_thread.run_sync(write_own, run, name, {**counts, "shards_total": self._job.wanted})

        async def pulse() -> None:
            at_work = Pulse() if pool is None else Pulse(pool.answers, pool.in_flight, pool.is_waiting)
            self._listen(at_work)

        try:
            async with anyio.create_task_group() as beside:
                beside.start_soon(_every, _PROGRESS_SECONDS, keep_progress)
                beside.start_soon(_every, self._job.options.gates.look_seconds, pulse)
                yield
                beside.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                await keep_progress()


@contextlib.asynccontextmanager
async def _left_in_thread(ids: UniqueIds) -> AsyncIterator[UniqueIds]:
    """Hold the ids while the block goes on; a busy disk may take seconds over what is to be kept at its end."""
    try:
        yield ids.__enter__()
    except BaseException as error:
        await anyio.to_thread.run_sync(ids.__exit__, type(error), error, None)
        raise
    await anyio.to_thread.run_sync(ids.__exit__, None, None, None)


async def _every(seconds: float, do: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(seconds)
        await do()
