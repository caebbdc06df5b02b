"""What is to be done: shard tasks, from what the table holds and what a build wants. Nothing here reads or writes.

A plan is made anew whenever one is needed, from the table alone, so it follows from no plan before: in whatever
order shards get done and wherever a build ends, what the next plan holds is what is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from builder.document import READ

Finished = Callable[[int, int | None], int | None]
"""Returns how many documents a shard has in the table, None where it needs work: given its number and how many are
wanted of it at most, None for all."""


@dataclass(frozen=True, slots=True)
class Extent:
    """A shard of the source.

    Attributes:
        rows: How many documents it gives, None where only reading it tells.
        is_in_order: Whether it can only be read after those before it: their ids decide its own.
    """

    rows: int | None
    is_in_order: bool = False


@dataclass(frozen=True, slots=True)
class Task:
    """What one worker does at a time.

    Attributes:
        shards: The numbers of the shards that it builds, in this order; those that are done are passed by.
        limit: How many documents they are to have together at most, None for all that there are.
    """

    shards: tuple[int, ...]
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What there is to do up to a stage.

    Attributes:
        wanted: How many of the run's shards the documents wanted lie in, the first ones: later ones go.
        unfinished: The numbers of those of them that have to be built.
        tasks: The same as work for workers, in any order.
        documents: How many documents the tasks hold, None where only reading them tells.
    """

    wanted: int
    unfinished: list[int] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    documents: int | None = 0


@dataclass(frozen=True, slots=True)
class Wave:
    """A part of the way through the stages that ends where documents are compared, or at the way's end.

    Attributes:
        until: The last stage of it that judges a document by itself, or reading.
        compares: The stage that then compares all documents; None behind the last one.
    """

    until: str
    compares: str | None = None


def waves(stages: Sequence[str], comparing: Sequence[str]) -> list[Wave]:
    """Return the waves that take documents through all of the stages, some of which compare documents."""
    behind = {stage: stages[number - 1] if number else READ for number, stage in enumerate(stages)}
    return [*(Wave(behind[stage], stage) for stage in comparing), Wave(stages[-1])]


def documents_in(
    facts: Mapping[str, Any], stages: Sequence[str], decided: Mapping[str, str], limit: int | None
) -> int | None:
    """Return how many documents a shard of the table has, None where it needs work.

    Args:
        facts: What the shard was written with.
        stages: The run's, up to the one that every document must have been through.
        decided: By stage that compares documents: the identity of what it decided.
        limit: How many documents are wanted of it at most; None for all.
    """
    if stages and facts["until"] in (READ, *stages[:-1]):
        return None
    if any(facts["decided"].get(stage) != decided[stage] for stage in stages if stage in decided):
        return None
    documents: int = facts["documents"]
    if limit is not None and documents > limit:
        return None
    return None if facts["is_cut"] and documents != limit else documents


def plan(extents: Sequence[Extent], limit: int | None, finished: Finished) -> Plan:
    """Plan a run's shards up to a stage.

    Where a shard needs work and its rows don't tell its documents, every later one may be reached.

    Args:
        extents: The run's shards, in order.
        limit: How many documents are wanted, None for all.
        finished: What the table holds of them.
    """
    left, wanted = limit, len(extents)
    single: list[Task] = []
    documents: int | None = 0
    for number, extent in enumerate(extents):
        if left is not None and left <= 0:
            wanted = number
            break
        done = finished(number, left)
        if done is None:
            single.append(Task((number,), left))
            done = extent.rows or 0
            if left is not None:
                done = min(done, left)
            documents = None if documents is None or extent.rows is None else documents + done
        left = None if left is None else left - done
    unfinished = [number for task in single for number in task.shards]
    is_one = any(extents[number].is_in_order for number in unfinished)
    if single and (is_one or (limit is not None and documents is None)):
        # How much is left for a shard, or its ids, only those before it tell: one worker reads them all.
        return Plan(wanted, unfinished, [Task(tuple(range(unfinished[0], wanted)), single[0].limit)], documents)
    return Plan(wanted, unfinished, single, documents)
