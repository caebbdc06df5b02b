"""A plan holds what is missing, whatever was done before, in whatever order, and wherever that was killed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from builder.document import READ
from builder.run.plan import Extent, Plan, Task, Wave, documents_in, plan, waves

STAGES = ["one", "same", "two"]


@dataclass
class Table:
    """A source's shards, and a table that is built as workers build one."""

    documents: Sequence[int]
    extents: Sequence[Extent]
    decided: dict[str, str] = field(default_factory=dict)
    facts: dict[int, dict[str, Any]] = field(default_factory=dict)

    def finished(self, until: str, number: int, limit: int | None) -> int | None:
        if number not in self.facts:
            return None
        return documents_in(self.facts[number], until_there(until), self.decided, limit)

    def plan(self, until: str, limit: int | None) -> Plan:
        return plan(self.extents, limit, lambda number, left: self.finished(until, number, left))

    def do(self, task: Task, until: str, shards: int) -> None:
        """Do a task, or as many of its shards as a worker does before it is killed."""
        left = task.limit
        for number in task.shards[:shards]:
            if left == 0:
                return
            done = self.finished(until, number, left)
            if done is None:
                done = min(self.documents[number], left if left is not None else self.documents[number])
                told = {"until": until, "documents": done, "is_cut": done == left, "decided": {**self.decided}}
                self.facts[number] = told
            left = None if left is None else left - done

    def check(self, until: str, limit: int | None) -> None:
        """See that the table is what a build leaves that nothing disturbed."""
        left = limit
        wanted = [number for number, _ in enumerate(self.documents) if number in self.facts]
        assert wanted == list(range(len(wanted))), "from the first on"
        for number in wanted:
            assert left is None or left > 0, "a shard too many"
            facts, there = self.facts[number], self.documents[number]
            assert facts["documents"] == (there if left is None else min(there, left))
            assert until not in until_there(facts["until"])[:-1] or facts["until"] == until
            left = None if left is None else left - facts["documents"]
        assert len(wanted) == len(self.documents) or (left is not None and left <= 0), "a shard too few"


def until_there(until: str) -> list[str]:
    return [] if until == READ else STAGES[: STAGES.index(until) + 1]


SHARDS = st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.booleans()), max_size=8)
BUILDS = st.lists(
    st.tuples(
        st.sampled_from([READ, "one", "two"]),
        st.none() | st.integers(1, 25),
        st.sampled_from(["", "x", "y"]),
        st.randoms(use_true_random=False),
    ),
    max_size=5,
)


@settings(max_examples=150, deadline=None)
@given(shards=SHARDS, builds=BUILDS, last=st.none() | st.integers(1, 25))
def test_whatever_was_done_before_the_plan_is_what_is_missing(
    shards: list[tuple[int, bool, bool]], builds: list[tuple[str, int | None, str, Any]], last: int | None
) -> None:
    extents = [Extent(count if is_exact else None, in_order) for count, is_exact, in_order in shards]
    table = Table([count for count, *_ in shards], extents)
    for until, limit, decision, random in builds:  # each is killed somewhere
        table.decided = {"same": decision} if decision else {}
        tasks = table.plan(until, limit).tasks
        random.shuffle(tasks)
        for task in tasks[: random.randint(0, len(tasks))]:
            table.do(task, until, random.randint(0, len(task.shards)))
        for lost in list(table.facts):
            if random.random() < 0.1:
                del table.facts[lost]
    table.decided = {"same": "z"}
    before = {number: dict(facts) for number, facts in table.facts.items()}
    planned = table.plan("two", last)
    for task in reversed(planned.tasks):
        table.do(task, "two", len(task.shards))
    built = {number for number, facts in table.facts.items() if facts != before.get(number)}
    assert built <= set(planned.unfinished) <= {number for task in planned.tasks for number in task.shards}
    if planned.documents is not None:
        assert built == set(planned.unfinished), "neither too much nor too little"
        assert planned.documents == sum(table.facts[number]["documents"] for number in built)
    again = table.plan("two", last)
    assert (again.tasks, again.documents) == ([], 0)
    for extra in [number for number in table.facts if number >= again.wanted]:
        del table.facts[extra]
    table.check("two", last)


def test_shards_are_tasks_of_their_own_unless_those_before_tell_what_is_left() -> None:
    def tasks(extents: Sequence[Extent], limit: int | None) -> list[Task]:
        return plan(extents, limit, lambda number, _: 3 if number == 0 else None).tasks

    exact, told_by_reading, in_order = Extent(3), Extent(None), Extent(3, is_in_order=True)
    assert tasks([exact] * 4, None) == [Task((1,)), Task((2,)), Task((3,))]
    assert tasks([exact] * 4, 7) == [Task((1,), 4), Task((2,), 1)]
    assert tasks([told_by_reading] * 3, None) == [Task((1,)), Task((2,))]
    assert tasks([told_by_reading] * 3, 7) == [Task((1, 2), 4)]
    assert tasks([in_order] * 4, None) == [Task((1, 2, 3))]
    assert tasks([in_order] * 4, 7) == [Task((1, 2), 4)]


def test_documents_are_compared_between_waves() -> None:
    assert waves(["one", "two"], []) == [Wave("two")]
    assert waves(STAGES, ["same"]) == [Wave("one", "same"), Wave("two")]
    assert waves(["same", "also"], ["same", "also"]) == [Wave(READ, "same"), Wave("same", "also"), Wave("also")]
