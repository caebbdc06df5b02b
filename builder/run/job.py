"""What an engine is given to do, and what it tells of it: plain data both, for workers in any process.

Engine, worker and coordinator are told apart so that one process is the small case of many:

- The coordinator (`coordinator.py`) works under the lease. It plans, compares documents, hands out servers, and
  takes shards out of the run. It learns how a build goes from events alone (`monitor.py`).
- An engine (`engines/`) is a function, `run(job, tasks, again, listen)`: it has workers do the tasks, passes their
  events to `listen`, and returns when all is done. What a worker or `listen` raises ends them all, and is raised.
  Where its workers are other processes, it notes the shards that they have done in the coordinator's ledger.
- A worker (`worker.py`) does tasks, in one process with an event loop: filter processes, a pool of servers that
  are nobody else's meanwhile, an answer store with a log of its own. It puts shards into the table under the job's
  fence, which holds for as long as the coordinator's lease does, and its counts into a progress file of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from builder.loaded_recipe import LoadedRecipe
from builder.recipe_parts import FilterStage, RewriteStage
from builder.run.answering import Generator
from builder.run.build_options import BuildOptions
from builder.run.directory import Run, RunShard
from builder.run.duplicates import Duplicates
from builder.run.ledger import Entry
from builder.run.outcome import Outcome
from builder.run.plan import Task
from builder.run.unanswered import Retry


@dataclass(frozen=True, slots=True)
class Job:
    """A wave of a build: what all of its tasks have in common.

    Attributes:
        loaded: The recipe, its sources pinned.
        run: The run, with leave to write into it.
        shards: All of its shards.
        wanted: How many of them the documents wanted lie in.
        until: The last stage that documents go through.
        compared: What stages that compare documents have decided so far.
        retry: Which requests without an answer are asked again.
        options: Who answers, how many work.
        generator: The servers that are this worker's, and what is known of their model.
        worker: The worker's name; none where there is one alone.
    """

    loaded: LoadedRecipe
    run: Run
    shards: Sequence[RunShard]
    wanted: int
    until: str
    compared: Sequence[Duplicates]
    retry: Retry
    options: BuildOptions
    generator: Generator = field(default_factory=Generator)
    worker: str = ""

    @property
    def stages(self) -> Sequence[FilterStage | RewriteStage]:
        """The stages that documents go through."""
        return self.loaded.recipe.stages[: self.run.reached(self.until)]

    @property
    def rewrites(self) -> bool:
        """Whether one of them rewrites."""
        return any(isinstance(stage, RewriteStage) for stage in self.stages)

    def with_generator(self, generator: Generator) -> Job:
        """Return the job with these servers to ask."""
        return replace(self, generator=generator)


@dataclass(frozen=True, slots=True)
class Through:
    """A document is through."""

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class ShardDone:
    """A shard is in the table; `entry` is what is new of it to the ledger."""

    shard: int
    entry: Entry | None


@dataclass(frozen=True, slots=True)
class Pulse:
    """A worker is alive; comes every `GateLimits.look_seconds`.

    Attributes:
        answers: How many answers there were so far.
        in_flight: How many requests its servers have.
        is_waiting: It has no server to ask, and waits for one.
    """

    answers: int = 0
    in_flight: int = 0
    is_waiting: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """What a worker has to tell the user, such as the first failure of a kind."""

    text: str


Event = Through | ShardDone | Pulse | Said

Listener = Callable[[Event], None]
"""Called with each event, in a worker's event loop or its engine: never waits. What it raises ends the build."""

Engine = Callable[[Job, Iterable[Task], Iterable[int], Listener], None]
"""Has a job's tasks done, then asks again in the shards with these numbers; returns when all is in the table.

Raises:
    BuilderError: Any of them; what was answered until then is in the log.
"""
