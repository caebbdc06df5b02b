"""Building a run: everything a flow needs, put together, and taken apart again however it ends."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import shutil
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import uvloop
from rich.console import Console
from rich.markup import escape

from builder.document import READ, Document, Verdict
from builder.errors import BuilderError, Interrupted, NoServer, UsageError
from builder.filters import FactFilter, NearDuplicates, WorkerFilter
from builder.filters.workers import Workers
from builder.recipe import FilterStage, RewriteStage
from builder.recipe_file import LoadedRecipe
from builder.rewriting.control_tokens import ControlTokens
from builder.rewriting.generation import Generation
from builder.rewriting.local import choose_weights, serve
from builder.rewriting.rewriter import Ask, Request, Rewriter
from builder.rewriting.tokenizer import of_path
from builder.rewriting.tokenizer_source import named
from builder.rewriting.weights import Candidate
from builder.run.answered import Answered
from builder.run.directory import Run, RunShard, run_shards
from builder.run.duplicates import Duplicates, DuplicatesStage, find_duplicates
from builder.run.earlier import open_source
from builder.run.flow import Flow, Step
from builder.run.gates import GateLimits, Gates
from builder.run.journal import Journals, put_back
from builder.run.owner import Owner
from builder.run.progress import Progress
from builder.run.reuse import EarlierAnswers
from builder.run.status import read_progress, write_progress
from builder.run.table import schema_of

if TYPE_CHECKING:
    from builder.rewriting.capabilities import Needs
    from builder.rewriting.pool import ServerPool

_PROGRESS_SECONDS = 2.0
_FETCHED = "fetched"
_STOPPING = signal.SIGINT, signal.SIGTERM
_ALLOCATIONS = 50_000  # that outlive their makers, between looks of the garbage collector


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """What only decides how fast and how far a build goes, never what it gives.

    Attributes:
        servers: The LLM servers' addresses.
        servers_file: A file with more of them, a line each, which is read again when it changes.
        model: A GGUF to serve on this machine where there are no servers.
        tokenizer: Where the answering model's control tokens are read, None for wherever they are to be had.
        workers: Filter processes.
        until: The last stage to go through, None for all.
        limit: Documents to take from the source, None for all.
        reuse: Other runs and releases, whose answers to equal requests are taken.
        patience: Seconds to wait for a server while none answers, at the start and later.
        gates: What may go wrong before the run stops.
    """

    servers: Sequence[str] = ()
    servers_file: Path | None = None
    model: str | None = None
    workers: int = field(default_factory=lambda: os.cpu_count() or 1)
    until: str | None = None
    limit: int | None = None
    reuse: Sequence[Path] = ()
    patience: float = 300.0
    gates: GateLimits = field(default_factory=GateLimits)
    tokenizer: str | None = None


def build(loaded: LoadedRecipe, path: Path, options: BuildOptions, console: Console) -> Run:
    """Build what the run still lacks, and return it.

    Raises:
        BuilderError: Any of them; what was generated until then is journalled, the same call goes on.
    """
    for note in _notes(loaded):
        console.print(f"[yellow]{note}", highlight=False)
    until = options.until or loaded.recipe.stages[-1].name
    names = [stage.name for stage in loaded.recipe.stages]
    if until not in names:
        raise UsageError(f"--until {until}: there is no such stage", remedy=f"the stages are {', '.join(names)}")
    with Owner(path):
        return _build(loaded, path, options, console, until)


def _build(loaded: LoadedRecipe, path: Path, options: BuildOptions, console: Console, until: str) -> Run:
    is_new = not (path / "run.json").is_file()
    run = Run.begin(path, loaded)
    if is_new:
        for source in loaded.recipe.sources:
            if notice := source.notice():
                console.print(f"[yellow]{escape(notice)}", highlight=False)
    building = _Building(loaded, run, run_shards(loaded.recipe.sources), options, console)
    for stage in _comparing(loaded, run.stages[: run.reached(until)]):
        building.compare(stage)
    building.build_until(until)
    return run


def _comparing(loaded: LoadedRecipe, stages: Sequence[str]) -> list[DuplicatesStage]:
    """Return those of the stages that compare documents: all before one have to be through for all of them."""
    return [
        DuplicatesStage(stage.name, used, stage.applies_to, tuple(stages[:number]))
        for number, stage in enumerate(loaded.recipe.stages[: len(stages)])
        if isinstance(used := loaded.filters.get(stage.name), NearDuplicates)
    ]


@dataclass(frozen=True, slots=True)
class _Generator:
    """Who answers: servers, and of the model what is known before they are asked."""

    urls: Sequence[str] = ()
    model_sha: str | None = None
    tokens: ControlTokens | None = None


@dataclass(slots=True)
class _Building:
    """One call's work on a run: a flow for each part of the way that ends where documents are compared."""

    loaded: LoadedRecipe
    run: Run
    shards: list[RunShard]
    options: BuildOptions
    console: Console
    compared: list[Duplicates] = field(default_factory=list)

    def say(self, text: str) -> None:
        """Tell the user."""
        self.console.print(text, highlight=False, soft_wrap=True)

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
        if unfinished:
            self._build_unfinished(self.shards[:wanted], unfinished, until)
            if limit is not None:
                wanted, _ = run.wanted(self.shards, until, limit)  # now that reading has told the documents
        for extra in run.shard_paths()[wanted:]:  # of a build with a larger --limit
            put_back(extra, run.rewriters, run.journal_of(extra))
            extra.unlink()
        run.clear_journals()
        if wanted == len(self.shards):
            shutil.rmtree(run.path / _FETCHED, ignore_errors=True)
        return wanted

    def _build_unfinished(self, wanted: list[RunShard], unfinished: list[RunShard], until: str) -> None:
        loaded, options = self.loaded, self.options
        stages = loaded.recipe.stages[: self.run.reached(until)]
        with contextlib.ExitStack() as stack:
            rewrites = any(isinstance(stage, RewriteStage) for stage in stages)
            earlier = [
                stack.enter_context(closing(EarlierAnswers(open_source(path), self.run.path, self.say)))
                for path in (options.reuse if rewrites else ())
            ]
            generator = stack.enter_context(self._generator()) if rewrites else _Generator()
            for source in loaded.recipe.sources:
                stack.enter_context(source.working(self.run.path / _FETCHED))
            rows = [shard.range.rows if shard.source.a_row_is_a_document else None for shard in unfinished]
            documents = None if None in rows else min(sum(filter(None, rows)), options.limit or sys.maxsize)
            names = [stage.name for stage in stages]
            progress = stack.enter_context(Progress(self.console, names, documents, len(unfinished)))
            answered = stack.enter_context(closing(Answered(self.run))) if rewrites else None
            _run_interruptible(self._flow(wanted, until, generator, answered, earlier, progress), self.run)

    @contextlib.contextmanager
    def _generator(self) -> Iterator[_Generator]:
        """Yield who answers: the servers that the user named, else one that runs here meanwhile."""
        options, recipe = self.options, self.loaded.recipe
        tokens = named(options.tokenizer) if options.tokenizer else self.run.control_tokens
        if options.servers or options.servers_file is not None:
            yield _Generator(options.servers, None, tokens)
            return
        candidates = [one.candidate for one in recipe.model.gguf] if recipe.model else []
        candidates = [Candidate(options.model)] if options.model else candidates
        if not candidates:
            raise NoServer(
                "the recipe rewrites, and no server is given",
                remedy="--server URL of a TGI (or vLLM, SGLang, llama.cpp) server; --model FILE.gguf runs"
                f" one on this CPU; --until {_last_filter(self.loaded)} needs none",
            )
        weights = choose_weights(candidates, self.run.model, self.say)
        with serve(weights, self.say) as url:
            tokens = tokens or ControlTokens(of_path(weights.path), weights.path.name)
            yield _Generator([url], weights.sha256, tokens)

    async def _flow(
        self,
        wanted: list[RunShard],
        until: str,
        generator: _Generator,
        answered: Answered | None,
        earlier: Sequence[EarlierAnswers],
        progress: Progress,
    ) -> None:
        run, stages = self.run, self.loaded.recipe.stages[: self.run.reached(until)]
        async with AsyncExitStack() as stack:
            workers = await stack.enter_async_context(Workers(self.options.workers, self.say))
            pool: ServerPool | None = None
            if any(isinstance(stage, RewriteStage) for stage in stages):
                pool = await stack.enter_async_context(self._pool(generator, stages))
                run.pin(pool.model, generator.tokens or await pool.control_tokens())
            journals = await stack.enter_async_context(
                Journals(run.path / "journal", partial(_generate, pool), [*filter(None, [answered]), *earlier])
            )
            steps = [step for stage in stages if (step := _step(stage, self.loaded, run, workers, pool))]
            window = 4 * self.options.workers + 2 * (pool.limit if pool else 0)
            before = read_progress(run)

            def keep_progress() -> None:
                counts = {
                    name: before.get(name, 0) + journals.counts[name]
                    for name in ("requested", "replayed", "reused")
                }
                write_progress(run, {**counts, "shards_total": len(wanted)})

            gates = self._gates(stages, steps, journals.is_replayed)

            def on_document(document: Document) -> None:
                progress.document(document)
                gates.document(document)

            flow = Flow(
                run,
                until,
                steps,
                self.compared,
                schema_of(self.loaded),
                journals,
                answered,
                window=window,
                on_document=on_document,
                on_shard=progress.shard,
            )
            if pool is not None:
                pool.on_more = lambda more: flow.widen(2 * more)
            try:
                async with anyio.create_task_group() as beside:
                    beside.start_soon(_every, _PROGRESS_SECONDS, keep_progress)
                    beside.start_soon(_every, gates.look_seconds, partial(_look, gates, pool))
                    await flow.build(wanted, self.options.limit)
                    beside.cancel_scope.cancel()
            finally:
                keep_progress()

    def _pool(self, generator: _Generator, stages: Sequence[FilterStage | RewriteStage]) -> ServerPool:
        from builder.rewriting.pool import ServerPool  # 0.2 s, which a complete run does without

        return ServerPool(
            generator.urls,
            file=self.options.servers_file,
            expected=self.run.model,
            model_sha=generator.model_sha,
            patience=self.options.patience,
            say=self.say,
            needs=self._needs(stages),
        )

    def _needs(self, stages: Sequence[FilterStage | RewriteStage]) -> Needs:
        """Return what the stages need of servers beyond answers."""
        from builder.rewriting.capabilities import Needs

        rewriting = [stage for stage in stages if isinstance(stage, RewriteStage)]
        prompts = [self.loaded.prompts[stage.name] for stage in rewriting]
        return Needs(
            [prompt.render("value = 1\n") for prompt in prompts if prompt.prefill],
            any(self.loaded.sampling(stage).stop_loops for stage in rewriting),
        )

    def _gates(
        self,
        stages: Sequence[FilterStage | RewriteStage],
        steps: Sequence[Step],
        is_replayed: Callable[[str], bool],
    ) -> Gates:
        filters = self.loaded.filters
        return Gates(
            [step.name for step in steps],
            {stage.name for stage in stages if isinstance(stage, RewriteStage)},
            {stage.name for stage in stages if isinstance(filters.get(stage.name), WorkerFilter)},
            self.options.gates,
            str(self.run.path),
            is_replayed,
        )


def _run_interruptible(work: Any, run: Run) -> None:  # noqa: ANN401 - a coroutine
    """Run the build; Ctrl-C or SIGTERM stops it at the next point where nothing is lost."""

    async def watched() -> None:
        task = asyncio.ensure_future(work)
        loop = asyncio.get_running_loop()
        with contextlib.suppress(RuntimeError, ValueError):  # not in the main thread
            for number in _STOPPING:
                loop.add_signal_handler(number, task.cancel)
        try:
            await task
        except asyncio.CancelledError:
            raise Interrupted(
                "interrupted; every answer that had arrived is kept",
                where=str(run.path),
                remedy="run the same command to go on",
            ) from None
        finally:
            with contextlib.suppress(RuntimeError, ValueError):
                for number in _STOPPING:  # uvloop's end leaves them, and Ctrl-C would do nothing any more
                    loop.remove_signal_handler(number)

    try:
        with _rare_collections():
            uvloop.run(watched())
    except BaseException as error:  # noqa: BLE001 - always raised again
        raise _first(error) from None


@contextlib.contextmanager
def _rare_collections() -> Iterator[None]:
    """Have the garbage collector look seldom, and never at what was there before.

    Thousands of documents on their way are much to look through and hold little garbage: looking as often as usual
    takes more time than all the rest, in pauses of the event loop.
    """
    thresholds = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()


def _first(error: BaseException) -> BaseException:
    """Return the error that a task group's failure is about: a user meets one cause, not a tree."""
    while isinstance(getattr(error, "exceptions", None), tuple):
        inner = error.exceptions  # type: ignore[attr-defined] # ExceptionGroup, a builtin only since 3.11
        error = next((one for one in inner if isinstance(one, BuilderError)), inner[0])
    return error


async def _every(seconds: float, do: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(seconds)
        do()


def _look(gates: Gates, pool: ServerPool | None) -> None:
    if pool is None:
        gates.look(0, 0, is_waiting=False)
    else:
        gates.look(pool.answers, pool.in_flight, is_waiting=pool.is_waiting)


async def _generate(pool: ServerPool | None, request: Request) -> Generation:
    if pool is None:
        raise RuntimeError("a stage without a model asked for a generation")
    return await pool.generate(request.messages, request.sampling, request.seed)


def _step(
    stage: FilterStage | RewriteStage, loaded: LoadedRecipe, run: Run, workers: Workers, pool: ServerPool | None
) -> Step | None:
    """Return a stage at work, None for one that compares documents: it has decided before they set out."""
    if isinstance(stage, FilterStage):
        used = loaded.filters[stage.name]
        if isinstance(used, NearDuplicates):
            return None
        return Step(stage.name, stage.applies_to, _filtering(used, workers))
    if pool is None or run.control_tokens is None:
        raise RuntimeError("a rewriting stage without servers")
    prompt = loaded.prompts[stage.name]
    checks = {name: partial(check.judge, workers) for name, check in loaded.checks[stage.name].items()}
    sampling = loaded.sampling(stage)
    rewriter = Rewriter(stage.name, prompt, sampling, stage.on_failure, pool.model, run.control_tokens, checks)
    return Step(stage.name, stage.applies_to, rewriter.rewrite)


def _filtering(used: WorkerFilter | FactFilter, workers: Workers) -> Callable[[Document, Ask], Awaitable[Verdict]]:
    async def judged(document: Document, _: Ask) -> Verdict:
        if isinstance(used, WorkerFilter):
            return await workers.verdict(used, document.current)
        measures = used.measure(document)
        return Verdict(measures, used.decide(measures))

    return judged


def _last_filter(loaded: LoadedRecipe) -> str:
    names = []
    for stage in loaded.recipe.stages:
        if isinstance(stage, RewriteStage):
            break
        names.append(stage.name)
    return names[-1] if names else "STAGE"


def _notes(loaded: LoadedRecipe) -> Iterator[str]:
    """Yield what a user should know before the run starts."""
    for stage, used in loaded.filters.items():
        if note := used.note():
            yield f"stage {stage}: {note}"
