"""Building a run: everything a flow needs, put together, and taken apart again however it ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from rich.console import Console
from rich.markup import escape

from builder.document import READ, Document, Verdict
from builder.errors import GateTripped, NoServer, ServerRefused, UsageError
from builder.exclusions import Exclusions
from builder.files import storage
from builder.filters import FactFilter, NearDuplicates, WorkerFilter
from builder.filters.workers import Workers
from builder.open_files import check_limit
from builder.recipe import FilterStage, RewriteStage
from builder.recipe_file import LoadedRecipe
from builder.rewriting.addresses import read_addresses
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
from builder.run.excluded import exclusions_for, hide
from builder.run.first_failures import FirstFailures
from builder.run.flow import Flow, Step
from builder.run.gates import GateLimits, Gates
from builder.run.interruptible import run_interruptible
from builder.run.journal import Generate, Journals, put_back
from builder.run.owner import Owner
from builder.run.progress import Progress
from builder.run.reuse import EarlierAnswers
from builder.run.status import read_progress, write_progress
from builder.run.table import schema_of
from builder.run.unanswered import Retry, distrust_blame
from builder.run.unique_ids import INDEX, UniqueIds

if TYPE_CHECKING:
    from builder.rewriting.capabilities import Needs
    from builder.rewriting.pool import ServerPool

_PROGRESS_SECONDS = 2.0
_FETCHED = "fetched"


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """What only decides how fast and how far a build goes, never what it gives.

    Attributes:
        servers: The LLM servers' addresses.
        servers_file: A file with more of them, a line each, which is read again when it changes.
        model: A GGUF to serve on this machine where there are no servers.
        tokenizer: Where the answering model's control tokens are read, None for wherever they are to be had.
        served_model: Which of the servers' models answers, None where they serve one each.
        retry_failed: Ask again also where the input was blamed for it that there was no answer.
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
    served_model: str | None = None
    retry_failed: bool = False


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
    with storage(path), Owner(path):  # what is read or written without a word of its own about storage
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
    for stage in _comparing(loaded, run.stages[: run.reached(until)], run.exclusions):
        building.compare(stage)
    building.build_until(until)
    hide(run, building.say)
    return run


def _comparing(loaded: LoadedRecipe, stages: Sequence[str], exclusions: Exclusions) -> list[DuplicatesStage]:
    """Return those of the stages that compare documents: all before one have to be through for all of them."""
    return [
        DuplicatesStage(stage.name, used, stage.applies_to, tuple(stages[:number]), exclusions)
        for number, stage in enumerate(loaded.recipe.stages[: len(stages)])
        if isinstance(used := loaded.filters.get(stage.name), NearDuplicates)
    ]


@dataclass(frozen=True, slots=True)
class _Generator:
    """Who answers: servers, and of the model what is known before they are asked."""

    urls: Sequence[str] = ()
    model_sha: str | None = None
    tokens: ControlTokens | None = None


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

    def say(self, text: str) -> None:
        """Tell the user."""
        self.console.print(
            text, markup=False, highlight=False, soft_wrap=True
        )  # a server's words may look like it

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
        for extra in run.shard_paths()[wanted:]:  # of a build with a larger --limit
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
        if failed and not self._can_ask:
            self.say(f"failed for want of a server: {failed}; none is given that could be asked again")
            counts = {}
        elif failed:
            self.say(f"asking again where servers failed: {failed}")
        again = [shard for shard in wanted if counts.get(shard.index)]
        return _Work(wanted, unfinished, again, sum(counts.values()), retry)

    @property
    def _can_ask(self) -> bool:
        """Whether there is anybody to ask."""
        options, model = self.options, self.loaded.recipe.model
        named = options.servers or options.servers_file is not None or options.model
        return bool(named or (model and model.gguf))

    def _build_unfinished(self, work: _Work, until: str) -> None:
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
            names = [stage.name for stage in stages]
            documents = work.documents(options.limit)
            shards = len(work.unfinished) + len(work.again)
            progress = stack.enter_context(Progress(self.console, names, documents, shards))
            answered = stack.enter_context(closing(Answered(self.run))) if rewrites else None
            try:
                run_interruptible(self._flow(work, until, generator, answered, earlier, progress), self.run)
            except (GateTripped, NoServer, ServerRefused):
                distrust_blame(self.run)
                raise

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
        work: _Work,
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
                self._see_that_answers_fit(stages, pool)
                run.pin(pool.model, generator.tokens or await pool.control_tokens())
            journals = await stack.enter_async_context(
                Journals(run.path / "journal", self._generate(pool), [*filter(None, [answered]), *earlier])
            )
            ids = stack.enter_context(UniqueIds(run))
            steps = [step for stage in stages if (step := _step(stage, self.loaded, run, workers, pool))]
            window = 4 * self.options.workers + 2 * (pool.limit if pool else 0)
            before = read_progress(run)

            def keep_progress() -> None:
                counts = {
                    name: before.get(name, 0) + journals.counts[name]
                    for name in ("requested", "replayed", "reused")
                }
                write_progress(run, {**counts, "shards_total": len(work.wanted)})

            gates = self._gates(stages, steps, journals.is_replayed)

            def on_document(document: Document, is_asked_again: bool) -> None:
                progress.document(document)
                gates.document(document, is_asked_again=is_asked_again)

            flow = Flow(
                run,
                until,
                steps,
                self.compared,
                schema_of(self.loaded),
                journals,
                answered,
                work.retry,
                ids,
                window=window,
                on_document=on_document,
                on_shard=progress.shard,
                on_read=pool.expect_no_more if pool is not None else lambda: None,
            )
            if pool is not None:
                pool.on_more = lambda more: flow.widen(2 * more)
            try:
                async with anyio.create_task_group() as beside:
                    beside.start_soon(_every, _PROGRESS_SECONDS, keep_progress)
                    beside.start_soon(_every, gates.look_seconds, partial(_look, gates, pool))
                    await flow.build(work.wanted, self.options.limit, work.again)
                    beside.cancel_scope.cancel()
            finally:
                keep_progress()

    def _see_that_answers_fit(self, stages: Sequence[FilterStage | RewriteStage], pool: ServerPool) -> None:
        from builder.rewriting.context import see_that_they_fit

        asked = {
            stage.name: self.loaded.sampling(stage).max_tokens
            for stage in stages
            if isinstance(stage, RewriteStage)
        }
        if note := see_that_they_fit(asked, pool.servers()):
            self.say(note)

    def _generate(self, pool: ServerPool | None) -> Generate:
        """Return who answers a request: the pool, of whose refusals the user sees the first of each kind."""
        if pool is None:
            return _no_model
        from builder.rewriting.context import Fitting

        return FirstFailures(Fitting(pool).generate, self.say).generate

    def _pool(self, generator: _Generator, stages: Sequence[FilterStage | RewriteStage]) -> ServerPool:
        from builder.rewriting.pool import ServerPool  # 0.2 s, which a complete run does without

        return ServerPool(
            generator.urls,
            file=self.options.servers_file,
            expected=self.run.model,
            model_sha=generator.model_sha,
            patience=self.options.patience,
            say=self.say,
            served_model=self.options.served_model,
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


async def _every(seconds: float, do: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(seconds)
        do()


def _look(gates: Gates, pool: ServerPool | None) -> None:
    if pool is None:
        gates.look(0, 0, is_waiting=False)
    else:
        gates.look(pool.answers, pool.in_flight, is_waiting=pool.is_waiting)


async def _no_model(_: Request) -> Generation:
    raise RuntimeError("a stage without a model asked for a generation")


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
