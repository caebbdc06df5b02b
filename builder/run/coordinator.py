"""The coordinator of a build: plans, has an engine do what is planned, compares documents, and plans again.

It is the only one that takes files out of a run. Whose the rest is: `builder.run.job`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field

from rich.console import Console

from builder.document import READ
from builder.errors import GateTripped, NoServer, ServerRefused
from builder.loaded_recipe import LoadedRecipe
from builder.run.answering import Answering
from builder.run.answers.index import AnswerIndex
from builder.run.answers.log import Log
from builder.run.answers.rows import generations_in
from builder.run.answers.segments import segments_in
from builder.run.answers.sources import RunAnswers, see_source
from builder.run.ask_again import mark, settle_all
from builder.run.build_options import BuildOptions
from builder.run.directory import Run, RunShard
from builder.run.duplicates import Duplicates, comparing_stages, find_duplicates
from builder.run.excluded import hide
from builder.run.funnel import count_rows
from builder.run.job import Engine, Job
from builder.run.ledger import Entry
from builder.run.monitor import Monitor
from builder.run.plan import Extent, Plan, plan, waves
from builder.run.progress import Progress
from builder.run.steps import gates_of
from builder.run.unanswered import Retry


@dataclass(frozen=True, slots=True)
class _Again:
    """Shards that lack nothing but answers, which are asked for again.

    Attributes:
        retry: Which requests are.
        shards: The shards' numbers.
        documents: How many documents there are in them that lack one.
    """

    retry: Retry
    shards: Sequence[int]
    documents: int


@dataclass(slots=True)
class Coordinator:
    """One call's work on a run."""

    loaded: LoadedRecipe
    run: Run
    shards: Sequence[RunShard]
    options: BuildOptions
    console: Console
    engine: Engine
    is_spread: bool = False  # its workers are many: what goes in order is done first, and by itself
    _compared: list[Duplicates] = field(default_factory=list)
    _reached: int = 0  # stages that have been seen to

    def build(self, until: str) -> None:
        """Build the run up to a stage.

        Raises:
            BuilderError: Any of them; the same call goes on.
        """
        self._say_what_goes()
        stages = self.run.stages[: self.run.reached(until)]
        comparing = {one.name: one for one in comparing_stages(self.loaded, stages, self.run.exclusions)}
        if self.is_spread and any(self._extent(shard).is_in_order for shard in self.shards):
            self._build_wave(READ)
        for wave in waves(stages, list(comparing)):
            wanted = self._build_wave(wave.until)
            if wave.compares is not None:
                stage, workers = comparing[wave.compares], self.options.workers
                decided = find_duplicates(self.run, self.shards[:wanted], stage, workers, self.say)
                self.run.decided[stage.name] = decided.identity
                self._compared.append(decided)
        hide(self.run, self.say)
        self._count()

    def say(self, text: str) -> None:
        """Tell the user."""
        self.console.print(
            text, markup=False, highlight=False, soft_wrap=True
        )  # a server's words may look like it

    def _say_what_goes(self) -> None:
        limit, entries = self.options.limit, self.run.ledger.entries(self.run.shard_paths())
        there = sum(entry.facts["documents"] for entry in entries.values())
        if limit is not None and limit < there:
            self.say(
                f"--limit {limit} takes {there - limit} of {there} documents out of the table; their answers are"
                " kept, and the same command with no --limit puts them back"
            )

    # --- a wave ---

    def _build_wave(self, until: str) -> int:
        """Build what is not yet through `until`; return how many shards the documents wanted lie in."""
        planned = self._plan(until)
        again = self._asked_again(planned, until)
        wanted = planned.wanted
        if planned.tasks or again.shards:
            self._have_built(planned, again, until)
            if planned.documents is None and self.options.limit is not None:
                wanted = self._plan(until).wanted  # now that reading has told the documents
        self._take_out(wanted)
        return wanted

    def _plan(self, until: str) -> Plan:
        def finished(number: int, limit: int | None) -> int | None:
            return self.run.finished(self.shards[number], until, limit)

        return plan(list(map(self._extent, self.shards)), self.options.limit, finished)

    def _extent(self, shard: RunShard) -> Extent:
        """Return what planning knows of a shard: once all of it is in the table, its ids depend on no other."""
        extent = shard.extent
        if extent.rows is not None and not extent.is_in_order:
            return extent
        facts = self.run.facts_of(shard)
        if facts is None or facts["is_cut"] or facts.get("withheld", {}).get("unread"):
            return extent
        if (
            self.options.limit is not None and facts["passed_over"]
        ):  # how much lies where the source alone can tell
            return extent
        return Extent(facts["documents"])

    def _asked_again(self, planned: Plan, until: str) -> _Again:
        """Return what there is to ask again at stages not seen to yet."""
        run, begun = self.run, self._reached
        self._reached = run.reached(until)
        stages = [name for name in run.stages[begun : self._reached] if name in run.rewriters]
        retry = Retry.of(run, stages, is_forced=self.options.retry_failed)
        built = set(planned.unfinished)
        counts = {
            number: retry.count(run.shard_path(number)) for number in range(planned.wanted) if number not in built
        }
        failed = sum(counts.values())
        if failed and not self._answering.can_ask:
            self.say(f"failed for want of a server: {failed}; none is given that could be asked again")
            counts = {}
        elif failed:
            self.say(f"asking again where servers failed: {failed}")
        return _Again(retry, [number for number in counts if counts[number]], sum(counts.values()))

    def _have_built(self, planned: Plan, again: _Again, until: str) -> None:
        """Have the engine do what is planned, and watch it."""
        run, options = self.run, self.options
        job = Job(self.loaded, run, self.shards, planned.wanted, until, self._compared, again.retry, options)
        with contextlib.ExitStack() as stack:
            if job.rewrites:
                for path in options.reuse:
                    see_source(path)
                job = job.with_generator(stack.enter_context(self._answering.generator()))
            if options.retry_failed:
                mark(run, [run.shard_path(number) for number in (*planned.unfinished, *again.shards)])
            documents = None if planned.documents is None else planned.documents + again.documents
            names, shards = [stage.name for stage in job.stages], len(planned.unfinished) + len(again.shards)
            progress = stack.enter_context(Progress(self.console, names, documents, shards))
            gates = gates_of(self.loaded, job.stages, options.gates, run.path)
            try:
                self.engine(job, planned.tasks, again.shards, Monitor(progress, gates, self.say))
            except (GateTripped, NoServer, ServerRefused):
                mark(run, run.shard_paths())  # its servers were not in order: the blame may be wrong
                raise

    @property
    def _answering(self) -> Answering:
        return Answering(self.loaded, self.run, self.options, self.say)

    # --- what goes out of the run, and into its ledger ---

    def _take_out(self, wanted: int) -> None:
        """Take out what no build will have use for, the shards behind those that are wanted among it."""
        run = self.run
        with closing(Log(run.log, run.fence)) as log:
            for extra in run.shard_paths(wanted):  # of a build with a larger --limit
                log.salvage(generations_in(extra, run.rewriters))
                run.fence.remove(extra)
        settle_all(run)
        if wanted == len(self.shards):
            run.fence.remove(run.layout.fetched)
            run.fence.remove(run.layout.workers)
            run.fence.remove(run.layout.ids)
            self._clear_log()

    def _clear_log(self) -> None:
        """Take out what of the log a kill between a shard's end and this has left, and the table has."""
        run = self.run
        if segments_in(run.log):
            index = AnswerIndex(RunAnswers(run), run.layout.answers, run.fence)
            with closing(index), closing(Log(run.log, run.fence)) as log:
                log.replay(index.contains)

    def _count(self) -> None:
        """Count shards that are in the table uncounted, as those are that an older version put there."""
        entries = self.run.ledger.entries(self.run.shown_paths())
        uncounted = [path for path, entry in entries.items() if entry.counts is None]
        for path, counts in count_rows(uncounted, self.run.facts["recipe"]["stages"]).items():
            self.run.ledger.note(path, Entry(entries[path].facts, counts))
