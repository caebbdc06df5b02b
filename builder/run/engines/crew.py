"""The workers of a wave on a cluster: they come, are given servers and tasks, tell what happens, and are lost."""

from __future__ import annotations

import asyncio
import itertools
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import anyio
import ray
from ray.exceptions import RayError

from builder.draining import Drain, InWork
from builder.errors import BuilderError, NoServer
from builder.run.engines.hand_out import Tasks
from builder.run.engines.ray_actor import Host, Report
from builder.run.engines.ray_cluster import Cluster, ClusterError, settings
from builder.run.engines.shares import Shares
from builder.run.job import Job, Listener, Pulse, Said, ShardDone, TaskRead

_TEND_SECONDS = 1.0
_PLACED_SECONDS = 15.0  # after which a worker that waits for room is not reckoned with
_NO_ROOM_SECONDS = 30.0
_TURNED_AWAY_SECONDS = 60.0  # in which nobody else is asked for: Ray might place it there again
_REACHED = 3  # times that the head may be missed
_numbers = itertools.count(1)  # a name is given once under a lease: one that was given up may wake


@dataclass(eq=False, slots=True)
class Member:
    """A worker, from its being asked for on."""

    name: str
    actor: Any
    since: float = field(default_factory=time.monotonic)
    host: Host | None = None  # None while it waits for room
    is_seated: asyncio.Event = field(default_factory=asyncio.Event)  # it may start: it has servers, or needs none
    is_started: bool = False
    is_leaving: bool = False
    is_extra: bool = False  # there was no room for it when it was asked for: a node may join
    report: Report = field(default_factory=Report)
    pulse: Pulse = field(default_factory=Pulse)

    @property
    def is_expected(self) -> bool:
        """Whether it is there, or may soon be."""
        if self.host is not None:
            return True
        return not self.is_extra and time.monotonic() - self.since < _PLACED_SECONDS


class Crew:
    """The workers of one wave."""

    def __init__(
        self, cluster: Cluster, job: Job, tasks: Tasks, listen: Listener, drain: Drain, silence: float
    ) -> None:
        """Ask for nobody yet.

        Args:
            cluster: Where they work.
            job: The wave.
            tasks: What there is to do.
            listen: Told of what happens.
            drain: Has them begin nothing more.
            silence: Seconds after which one that answers no poll is given up.
        """
        self._cluster, self._job, self._tasks, self._silence = cluster, job, tasks, silence
        self._listen, self._drain = listen, drain
        self._members: dict[str, Member] = {}
        self._servers = Shares(job)
        self._missed, self._more_from = 0, 0.0
        self._is_empty = asyncio.Event()  # looked at once no more are asked for
        self._asked_at = time.monotonic()
        self._pulsed_at = time.monotonic()
        self._answered = 0  # by workers that are no more
        drain.in_work = self._in_work
        drain.on_begin(self._begin_to_drain)

    async def work(self) -> None:
        """Have the tasks done.

        Raises:
            BuilderError: Any of a worker's, or the cluster is no more.
        """
        # A worker's servers are those of its file alone.
        self._sent = ray.put(self._job.with_generator(replace(self._job.generator, urls=())))
        try:
            async with anyio.create_task_group() as self._group:
                while not (self._tasks.left == 0 or (self._drain.is_on and not self._members)):
                    await self._tend()
                    await asyncio.sleep(_TEND_SECONDS / 4)
                await self._close()
        finally:
            with anyio.CancelScope(shield=True):
                for member in list(self._members.values()):
                    await self._part_with(member)

    async def _close(self) -> None:
        """Wait for all of them to put down what they have."""
        self._is_empty.clear()
        for member in list(self._members.values()):
            if member.is_started:
                member.actor.close.remote()
            else:
                await self._part_with(member)
        if not self._members:
            self._is_empty.set()
        with anyio.move_on_after(self._silence):
            await self._is_empty.wait()
        self._group.cancel_scope.cancel()

    # --- who is there ---

    async def _tend(self) -> None:
        """See to it that there are as many as there is work and room for, and that each has its servers."""
        if self._drain.is_on:
            for member in [member for member in self._members.values() if not member.is_started]:
                await self._part_with(member)
        now = time.monotonic()
        if now - self._pulsed_at > self._job.options.gates.look_seconds:
            self._pulsed_at = now
            self._pulse()
        if now - self._asked_at < _TEND_SECONDS and self._members:
            return
        self._asked_at = now
        await self._see_head()
        if self._missed:
            return  # Ray would wait for the head, and after a minute end this process
        if self._job.rewrites:
            await self._deal()
        if not self._drain.is_on and now >= self._more_from:
            self._ask_for_more()

    async def _see_head(self) -> None:
        self._missed = 0 if await anyio.to_thread.run_sync(lambda: self._cluster.is_there) else self._missed + 1
        if self._missed >= _REACHED:
            raise self._cluster.gone()

    def _ask_for_more(self) -> None:
        most = self._tasks.left
        is_here = self._job.generator.model_sha is not None  # it is served on this machine
        if self._job.rewrites:
            most = min(most, max(1, self._servers.good))
        waiting = [member for member in self._members.values() if member.host is None]
        room = 1 if is_here else max(self._cluster.room, len(self._members) - len(waiting) + 1)
        for _ in range(min(most, room) - len(self._members)):
            name = f"w{next(_numbers)}"
            is_extra = len(self._members) >= self._cluster.room
            worker = self._cluster.worker(is_here=is_here)
            member = self._members[name] = Member(name, worker, is_extra=is_extra)
            self._group.start_soon(self._follow, member)
        if waiting and len(waiting) == len(self._members):
            waited = time.monotonic() - waiting[0].since
            if waited > _NO_ROOM_SECONDS:
                waiting[0].since += _NO_ROOM_SECONDS
                self._say(
                    f"the cluster has no room for a worker with {self._cluster.worker_cpus} CPUs; the build waits"
                    " for it (`ray status` tells who has them; --worker-cpus asks for fewer)"
                )

    async def _follow(self, member: Member) -> None:
        """Go with a worker from its being placed to its end."""
        try:
            await self._begin(member)
            while member.is_started and not member.report.has_ended:
                polled = asyncio.wrap_future(member.actor.poll.remote().future())
                member.report = await asyncio.wait_for(polled, self._silence)
                await self._take(member)
        except (RayError, asyncio.TimeoutError) as error:
            if member.name in self._members:
                await self._lose(member, error)
            return
        if member.is_started and member.name in self._members:
            await self._ended(member, member.report.error)

    async def _begin(self, member: Member) -> None:
        run, cluster = self._job.run, self._cluster
        asked = member.actor.hello.remote(
            run.fence.folder.absolute(), cluster.token, str(Path.cwd()), dict(settings())
        )
        host: Host = await asyncio.wrap_future(asked.future())
        try:
            cluster.check(host)
        except ClusterError as error:
            await self._turn_away(member, error)
            return
        member.host = host
        if not self._job.rewrites:
            member.is_seated.set()
        await member.is_seated.wait()
        fence = await anyio.to_thread.run_sync(run.fence.let_in, member.name)
        options = replace(self._job.options, workers=cluster.worker_cpus)
        if self._job.rewrites:
            options = replace(options, servers=(), servers_file=run.layout.servers(member.name))
        started = member.actor.start.remote(self._sent, fence, options)
        await asyncio.wait_for(asyncio.wrap_future(started.future()), self._silence)
        member.is_started = True
        self._say(f"worker {member.name} begins on {host.name}")
        self._give(member)

    async def _turn_away(self, member: Member, error: ClusterError) -> None:
        """Do without a worker on a node that can't work on the run: it has joined since the build began."""
        await self._part_with(member)
        if not any(other.is_started for other in self._members.values()):
            raise error
        self._say(str(error))
        self._more_from = time.monotonic() + _TURNED_AWAY_SECONDS

    def _give(self, member: Member) -> None:
        while not (self._drain.is_on or member.is_leaving) and (task := self._tasks.next_for(member.name)):
            member.actor.give.remote(task)

    # --- what they tell ---

    async def _take(self, member: Member) -> None:
        if member.name not in self._members:
            return
        events = member.report.events
        await anyio.to_thread.run_sync(self._note, [event for event in events if isinstance(event, ShardDone)])
        for event in events:
            if isinstance(event, TaskRead):
                self._tasks.read(member.name, event.task, event.begun)
            elif isinstance(event, Pulse):
                member.pulse = event
            else:
                if isinstance(event, ShardDone):
                    self._tasks.shard_done(member.name, event.shard)
                self._listen(event)
        self._servers.answered(member.report.servers)
        self._give(member)

    def _note(self, done: list[ShardDone]) -> None:
        """Note shards in the run's ledger, in a thread."""
        run = self._job.run
        for event in done:
            if event.entry is not None:
                with suppress(FileNotFoundError):  # not to be seen from here yet: then its footer is read later
                    run.ledger.note(run.shard_path(event.shard), event.entry)

    def _say(self, text: str) -> None:
        self._listen(Said(text))

    def _pulse(self) -> None:
        pulses = [member.pulse for member in self._members.values() if member.is_started]
        self._listen(
            Pulse(
                sum(pulse.answers for pulse in pulses),
                sum(pulse.in_flight for pulse in pulses),
                all(pulse.is_waiting for pulse in pulses),
            )
        )

    def _in_work(self) -> InWork:
        works = [member.report.in_work for member in self._members.values()]
        seconds = [second for work in works for second in work.seconds]
        return InWork(
            sum(work.requests for work in works),
            sum(work.servers for work in works),
            self._answered + sum(work.answers for work in works),
            seconds,
        )

    # --- those that go ---

    def _begin_to_drain(self) -> None:
        for member in self._members.values():  # a signal's doing: there is no task here that could wait
            if member.is_started:
                self._send_off(member)

    def _send_off(self, member: Member) -> None:
        """Have a worker end when what it has asked for is answered."""
        if not member.is_leaving:
            member.is_leaving = True
            member.actor.drain.remote()

    async def _part_with(self, member: Member) -> None:
        """Let a worker go for good: from here on it can write nothing, wherever it is."""
        if self._members.pop(member.name, None) is not None:
            self._answered += member.report.in_work.answers
        if not self._members:
            self._is_empty.set()
        self._servers.take_back(member.name)
        if member.is_started or member.is_seated.is_set():
            with suppress(BuilderError):  # the run is another's by now: it can write nothing as it is
                await anyio.to_thread.run_sync(self._job.run.fence.shut_out, member.name)
        if not self._missed:
            with suppress(RayError, ValueError, RuntimeError):
                ray.kill(member.actor)

    async def _lose(self, member: Member, error: Exception) -> None:
        """Give a worker up that is no more, or does not answer."""
        is_silent = isinstance(error, asyncio.TimeoutError)
        why = f"has said nothing for {self._silence:.0f} s and is given up" if is_silent else "is lost"
        await self._part_with(member)
        if self._missed or not await anyio.to_thread.run_sync(lambda: self._cluster.is_there):
            self._missed = _REACHED
            raise self._cluster.gone()
        count = self._tasks.give_back(member.name, is_lost=True)
        host = member.host.name if member.host else "no node yet"
        self._say(
            f"worker {member.name} ({host}) {why}; others go on with its {count} task{'' if count == 1 else 's'},"
            " and with the answers that it had"
        )

    async def _ended(self, member: Member, error: BaseException | None) -> None:
        """Follow a worker's own end."""
        share = self._servers.of(member.name)
        await self._part_with(member)
        if error is not None and not self._can_do_without(error):
            raise error
        if error is not None:
            self._servers.doubt(share)
            self._say(f"worker {member.name} ends: {error}; others go on with its tasks, and ask its servers, too")
        self._tasks.give_back(member.name, is_lost=False)

    def _can_do_without(self, error: BaseException) -> bool:
        others = [member for member in self._members.values() if member.is_started and not member.is_leaving]
        return isinstance(error, NoServer) and any(not member.pulse.is_waiting for member in others)

    # --- servers ---

    async def _deal(self) -> None:
        """Have each worker's servers written where it reads them; who gets none any more is sent off."""
        members = list(self._members.values())
        there = [member.name for member in members if member.host is not None and not member.is_leaving]
        expected = len([member for member in members if member.is_expected and not member.is_leaving])
        asked = {member.name: member.report.servers for member in members}
        shares = await anyio.to_thread.run_sync(self._servers.deal, there, asked, expected)
        for member in (self._members[name] for name in shares if name in self._members):
            if shares[member.name]:
                member.is_seated.set()
            elif member.is_started:
                self._send_off(member)
            elif not self._servers.all:
                await self._part_with(member)
