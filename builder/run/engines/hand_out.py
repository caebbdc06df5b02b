"""Who gets what: tasks and servers, dealt to workers that come and go. Nothing here talks to anybody."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from builder.errors import BuilderError
from builder.run.plan import Task

_AT_ONCE = 2  # tasks of a worker: while the last documents of one are on their way, it reads the next
_MOST_LOSSES = 5  # workers that may end at one task: whatever ends them would end all


@dataclass(slots=True)
class _Given:
    """A task that a worker has: the shards of it that are there to be done, once it is read, and that are done."""

    task: Task
    begun: frozenset[int] | None = None
    done: set[int] = field(default_factory=set)

    @property
    def is_over(self) -> bool:
        return self.begun is not None and self.begun <= self.done


class Tasks:
    """Tasks that wait, and tasks that workers have."""

    def __init__(self, tasks: Iterable[Task], again: Iterable[int]) -> None:
        """Take in what is to be done; shards that are asked again come last."""
        self._waiting = deque([*tasks, *(Task((number,), is_again=True) for number in again)])
        self._given: dict[str, list[_Given]] = {}

    @property
    def left(self) -> int:
        """How many are not done."""
        return len(self._waiting) + sum(len(given) for given in self._given.values())

    def next_for(self, worker: str) -> Task | None:
        """Return a task that the worker is to begin, None where it has enough or none waits."""
        given = self._given.setdefault(worker, [])
        if len(given) >= _AT_ONCE or not self._waiting:
            return None
        given.append(_Given(self._waiting.popleft()))
        return given[-1].task

    def read(self, worker: str, task: Task, begun: Sequence[int]) -> None:
        """Note that a worker has read a task; `begun` are those of its shards that it does."""
        for given in self._given.get(worker, ()):
            if given.task == task:
                given.begun = frozenset(begun)
        self._sweep(worker)

    def shard_done(self, worker: str, shard: int) -> None:
        """Note that a worker has put a shard into the table."""
        for given in self._given.get(worker, ()):
            if shard in given.task.shards:
                given.done.add(shard)
        self._sweep(worker)

    def give_back(self, worker: str, *, is_lost: bool) -> int:
        """Have others do what a worker has not done that is no more; return how many tasks these are.

        Raises:
            BuilderError: One of them has ended too many workers.
        """
        given = self._given.pop(worker, [])
        for task in (one.task for one in reversed(given)):
            if is_lost and len(task.after) >= _MOST_LOSSES:
                raise BuilderError(
                    f"{_MOST_LOSSES + 1} workers ended, one after the other, while they had it",
                    where=f"shard {', '.join(map(str, task.shards[:3]))}",
                    remedy="see the last lines of their logs, and of Ray's (`ray status`): memory, most likely",
                )
            self._waiting.appendleft(replace(task, after=(*task.after, worker)))
        return len(given)

    def _sweep(self, worker: str) -> None:
        self._given[worker] = [given for given in self._given.get(worker, ()) if not given.is_over]


def deal(
    servers: Sequence[str],
    assigned: Mapping[str, Sequence[str]],
    held: Mapping[str, Collection[str]],
    expected: int,
    doubted: Collection[str] = (),
) -> dict[str, list[str]]:
    """Return each worker's servers, as even a share as may be; none for one that there is none for.

    No server is given to a worker while another one still has requests at it.

    Args:
        servers: All servers.
        assigned: By worker: what it was given before.
        held: By worker: what it has requests at.
        expected: How many workers there will be soon; for those that come servers are kept back.
        doubted: Servers that answered nobody, which are no worker's only one.
    """
    shares = {worker: [one for one in given if one in servers] for worker, given in assigned.items()}
    base, extra = divmod(len(servers), max(1, expected, len(shares)))
    for worker in sorted(shares, key=lambda worker: -len(shares[worker])):
        has_more = extra > 0 and len(shares[worker]) > base
        extra -= has_more
        del shares[worker][base + has_more :]
    taken = {one for share in shares.values() for one in share}
    busy = {one: worker for worker, some in held.items() for one in some}
    for server in servers:
        if server in taken:
            continue
        takers = [worker for worker in shares if busy.get(server, worker) == worker]
        if server in doubted:
            takers = [worker for worker in takers if shares[worker]]
        worker = min(takers, key=lambda worker: len(shares[worker]), default="")
        if worker and len(shares[worker]) < base + (extra > 0):
            extra -= len(shares[worker]) >= base
            shares[worker].append(server)
    return shares
