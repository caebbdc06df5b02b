"""Building a run: everything a flow needs, put together, and taken apart again however it ends."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from rich.console import Console
from rich.markup import escape

from builder.document import READ, Document
from builder.draining import Drain
from builder.errors import GateTripped, NoServer, ServerRefused, UsageError
from builder.files import storage
from builder.filters.workers import Workers
from builder.loaded_recipe import LoadedRecipe
from builder.open_files import check_limit
from builder.recipe_parts import RewriteStage
from builder.rewriting.addresses import read_addresses
from builder.run.answered import Answered
from builder.run.answering import Answering, Generator
from builder.run.build_options import BuildOptions
from builder.run.directory import Run, RunShard, run_shards
from builder.run.duplicates import Duplicates, comparing_stages, find_duplicates
from builder.run.earlier import open_source
from builder.run.excluded import exclusions_for, hide
from builder.run.flow import Flow
from builder.run.gates import Gates
from builder.run.interruptible import run_interruptible
from builder.run.journal import Journals, put_back
from builder.run.owner import Owner
from builder.run.progress import Progress
from builder.run.reading import Reader
from builder.run.reuse import EarlierAnswers
from builder.run.sketches import DuplicatesStage
from builder.run.status import read_progress, write_progress
from builder.run.steps import gates_of, step_of
from builder.run.stopping import interrupted_once
from builder.run.table import schema_of
from builder.run.unanswered import Retry, distrust_blame
from builder.run.unique_ids import INDEX, UniqueIds

if TYPE_CHECKING:
    from builder.rewriting.pool import ServerPool

_PROGRESS_SECONDS = 2.0
_FETCHED = "fetched"


def build(loaded: LoadedRecipe, path: Path, options: BuildOptions, console: Console) -> Run:
    """Build what the run still lacks, and return it.

    Raises:
        BuilderError: Any of them; what was generated until then is journalled, the same call goes on.
    """
    if options.servers or options.servers_file is not None:
        read_addresses(options.servers, options.servers_file)  # before anything is read or fetched
    for note in _notes(loaded):
        console.print(f"[yellow]{note}", highlight=False)
    until = options.until or loaded.recipe.stages[-1].name
    names = [stage.name for stage in loaded.recipe.stages]
    if until not in names:
        raise UsageError(f"--until {until}: there is no such stage", remedy=f"the stages are {', '.join(names)}")
    check_limit()
    with (
        interrupted_once(),
        storage(path),
        Owner(path),
    ):  # what is read or written without a word of its own about storage
        return _build(loaded, path, options, console, until)


def _build(loaded: LoadedRecipe, path: Path, options: BuildOptions, console: Console, until: str) -> Run:
    is_new = not (path / "run.json").is_file()
    run = Run.begin(path, loaded)
    if is_new:
        for source in loaded.recipe.sources:
            if notice := source.notice():
                console.print(f"[yellow]{escape(notice)}", highlight=False)
    run.exclusions = exclusions_for(loaded.exclusions, loaded.recipe.sources, schema_of(loaded))
    for source in loaded.recipe.sources:
        source.leave_out(run.exclusions.hold)
    building = _Building(loaded, run, run_shards(loaded.recipe.sources), options, console)
    there = run.documents()
    if options.limit is not None and options.limit < there:
        building.say(
            f"--limit {options.limit} takes {there - options.limit} of {there} documents out of the table; their"
            " answers are kept, and the same command with no --limit puts them back"
        )
    for stage in comparing_stages(loaded, run.stages[: run.reached(until)], run.exclusions):
        building.compare(stage)
    building.build_until(until)
    hide(run, building.say)
    return run


@dataclass(frozen=True, slots=True)
class _Work:
    """What a flow has to do.

    Attributes:
        wanted: The shards that the documents wanted lie in.
        unfinished: Those of them that have to be built.
        again: Those of the others that lack answers, which are asked for again.
        failed: How many documents of them do.
        retry: Which requests are asked again.
    """

    wanted: list[RunShard]
    unfinished: list[RunShard]
    again: list[RunShard]
    failed: int
    retry: Retry

    def documents(self, limit: int | None) -> int | None:
        """Return how many documents go through the flow, None where only reading them tells."""
        if not all(shard.source.a_row_is_a_document for shard in self.unfinished):
            return None
        return min(sum(shard.range.rows for shard in self.unfinished), limit or sys.maxsize) + self.failed


@dataclass(slots=True)
class _Building:
    """One call's work on a run: a flow for each part of the way that ends where documents are compared."""

    loaded: LoadedRecipe
    run: Run
    shards: list[RunShard]
    options: BuildOptions
    console: Console
    compared: list[Duplicates] = field(default_factory=list)
    reached: int = 0
    drain: Drain = field(default_factory=Drain)

    def say(self, text: str) -> None:
        """Tell the user."""
        self.console.print(
            text, markup=False, highlight=False, soft_wrap=True
        )  # a server's words may look like it

    @property
    def _answering(self) -> Answering:
        return Answering(self.loaded, self.run, self.options, self.say, self.drain)

    def compare(self, stage: DuplicatesStage) -> None:
        """Build what comes before a stage that compares documents, and have it decide."""
        wanted = self.build_until(stage.before[-1] if stage.before else READ)
        decided = find_duplicates(self.run, self.shards[:wanted], stage, self.options.workers, self.say)
        self.run.decided[stage.name] = decided.identity
        self.compared.append(decided)

    def build_until(self, until: str) -> int:
        """Build what is not yet through `until`; return how many shards the documents wanted lie in."""
        run, limit = self.run, self.options.limit
        wanted, unfinished = run.wanted(self.shards, until, limit)
        work = self._work(self.shards[:wanted], unfinished, until)
        if work.unfinished or work.again:
            self._build_unfinished(work, until)
            if limit is not None:
                wanted, _ = run.wanted(self.shards, until, limit)  # now that reading has told the documents
        for extra in run.shard_paths(wanted):  # of a build with a larger --limit
            put_back(extra, run.rewriters, run.journal_of(extra))
            extra.unlink()
        run.clear_journals()
        if wanted == len(self.shards):
            shutil.rmtree(run.path / _FETCHED, ignore_errors=True)
            (run.path / INDEX).unlink(missing_ok=True)
        return wanted

    def _work(self, wanted: list[RunShard], unfinished: list[RunShard], until: str) -> _Work:
        """Return what there is to build up to a stage, and to ask again at stages not seen to yet."""
        run, begun = self.run, self.reached
        self.reached = run.reached(until)
        stages = [name for name in run.stages[begun : self.reached] if name in run.rewriters]
        retry = Retry.of(run, stages, is_forced=self.options.retry_failed)
        built = {shard.index for shard in unfinished}
        counts = {
            shard.index: retry.count(run.shard_path(shard.index)) for shard in wanted if shard.index not in built
        }
        failed = sum(counts.values())
        if failed and not self._answering.can_ask:
            self.say(f"failed for want of a server: {failed}; none is given that could be asked again")
            counts = {}
        elif failed:
            self.say(f"asking again where servers failed: {failed}")
        again = [shard for shard in wanted if counts.get(shard.index)]
        return _Work(wanted, unfinished, again, sum(counts.values()), retry)

    def _build_unfinished(self, work: _Work, until: str) -> None:
        loaded, options, self.drain = self.loaded, self.options, Drain()
        stages = loaded.recipe.stages[: self.run.reached(until)]
        with contextlib.ExitStack() as stack:
            rewrites = any(isinstance(stage, RewriteStage) for stage in stages)
            earlier = [
                stack.enter_context(closing(EarlierAnswers(open_source(path), self.run.path, self.say)))
                for path in (options.reuse if rewrites else ())
            ]
            generator = stack.enter_context(self._answering.generator()) if rewrites else Generator()
            for source in loaded.recipe.sources:
                stack.enter_context(source.working(self.run.path / _FETCHED))
            names = [stage.name for stage in stages]
            documents = work.documents(options.limit)
            shards = len(work.unfinished) + len(work.again)
            progress = stack.enter_context(Progress(self.console, names, documents, shards))
            answered = stack.enter_context(closing(Answered(self.run))) if rewrites else None
            try:
                flow = partial(self._flow, work, until, generator, answered, earlier, progress)
                run_interruptible(flow, self.run, self.drain, options.grace, self.say)
            except (GateTripped, NoServer, ServerRefused):
                distrust_blame(self.run)
                raise

    async def _flow(
        self,
        work: _Work,
        until: str,
        generator: Generator,
        answered: Answered | None,
        earlier: Sequence[EarlierAnswers],
        progress: Progress,
    ) -> None:
        run, stages = self.run, self.loaded.recipe.stages[: self.run.reached(until)]
        async with AsyncExitStack() as stack:
            workers = await stack.enter_async_context(Workers(self.options.workers, self.say))
            pool = await stack.enter_async_context(self._answering.servers(generator, stages))
            generate = self._answering.generate(pool)
            journals = await stack.enter_async_context(
                Journals(run.path / "journal", generate, [*filter(None, [answered]), *earlier])
            )
            ids = stack.enter_context(UniqueIds(run))
            found = (step_of(stage, self.loaded, run, workers, pool, self.drain) for stage in stages)
            steps = [step for step in found if step is not None]
            window = 4 * self.options.workers + 2 * (pool.limit if pool else 0)
            gates = gates_of(self.loaded, stages, self.options.gates, run.path, journals.is_replayed)

            def on_document(document: Document, earlier: Collection[str]) -> None:
                progress.document(document)
                gates.document(document, earlier)

            flow = Flow(
                Reader(run, until, self.compared, work.retry, ids),
                steps,
                schema_of(self.loaded),
                journals,
                answered,
                window=window,
                on_document=on_document,
                on_shard=progress.shard,
                on_read=pool.expect_no_more if pool is not None else lambda: None,
                drain=self.drain,
            )
            if pool is not None:
                pool.on_more = lambda more: flow.widen(2 * more)
            async with _watched(run, len(work.wanted), journals, gates, pool):
                await flow.build(work.wanted, self.options.limit, work.again)


@contextlib.asynccontextmanager
async def _watched(
    run: Run, shards: int, journals: Journals, gates: Gates, pool: ServerPool | None
) -> AsyncIterator[None]:
    """Keep the progress of a run of so many shards, and look at its gates, while the block goes on."""
    before = read_progress(run)

    async def keep_progress() -> None:
        known = ("requested", "replayed", "reused")
        counts = {name: before.get(name, 0) + journals.counts[name] for name in known}
        # A busy disk may take seconds, in which no server would be asked for anything.
        await anyio.to_thread.run_sync(write_progress, run, {**counts, "shards_total": shards})

    try:
        async with anyio.create_task_group() as beside:
            beside.start_soon(_every, _PROGRESS_SECONDS, keep_progress)
            beside.start_soon(_every, gates.look_seconds, partial(_look, gates, pool))
            yield
            beside.cancel_scope.cancel()
    finally:
        with anyio.CancelScope(shield=True):
            await keep_progress()


async def _every(seconds: float, do: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(seconds)
        await do()


async def _look(gates: Gates, pool: ServerPool | None) -> None:
    if pool is None:
        gates.look(0, 0, is_waiting=False)
    else:
        gates.look(pool.answers, pool.in_flight, is_waiting=pool.is_waiting)


def _notes(loaded: LoadedRecipe) -> Iterator[str]:
    """Yield what a user should know before the run starts."""
    for stage, used in loaded.filters.items():
        if note := used.note():
            yield f"stage {stage}: {note}"
