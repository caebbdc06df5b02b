"""Membership: which servers are in the pool. They join and leave with the file that names them."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable

import aiohttp

from builder.errors import (
    BadAddress,
    ModelMismatch,
    ModelUnclear,
    NoServer,
    NotAServer,
    ServerRefused,
    UsageError,
)
from builder.rewriting.control import Control
from builder.rewriting.endpoint import Endpoint
from builder.rewriting.generation import Model
from builder.rewriting.health import PROBE_SECONDS, Health
from builder.rewriting.outcome import Sign, Trouble
from builder.rewriting.servers import Server
from builder.rewriting.sessions import proxy_hint
from builder.rewriting.wanted import Wanted

_LOOK_SECONDS = 1.0  # between looks at the file of servers, at servers that answer nothing, and at gauges
_STILL_SECONDS = 30.0  # between reminders that all servers are waited for


class Membership:
    """The servers of a run, all with the same model.

    Attributes:
        members: Those that are in.
        model: What they serve; known once `begin` is through.
        health: Whether each works.
        failure: An error in looking after them, a bug: whoever waits for a place has to raise it.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        wanted: Wanted,
        control: Control,
        *,
        on_change: Callable[[Endpoint], None],
        on_look: Callable[[], None],
    ) -> None:
        """Remember what is wanted; `begin` asks the servers, `look` goes on looking at them.

        Args:
            session: What to talk to them with.
            wanted: Which servers.
            control: Tells whether one works.
            on_change: Called with a server that has come, or whose room may have changed.
            on_look: Called every second, when a server has joined, and when looking after them has failed.
        """
        self._wanted = wanted
        self._say, self._on_change, self._on_look = wanted.say, on_change, on_look
        self.members: list[Endpoint] = []
        self.model: Model
        self._awaited: set[str] = set()  # addresses that no server has joined from; of a refusal, to ask no more
        self.failure: BaseException | None = None
        self._tasks: set[asyncio.Future[None]] = set()
        self._joining = 0  # addresses that are asked until a server answers there
        self._bad: set[str] = set()  # lines that are no addresses, as they were said
        self._none_since: float | None = None
        self._reminded = 0.0
        self.health = Health(
            session, control, wanted, start=self.start, on_change=on_change, on_other=self._part_with
        )

    @property
    def is_waiting(self) -> bool:
        """Whether there is no server that gets requests."""
        return not any(member.is_able for member in self.members)

    @property
    def refusal(self) -> Trouble | None:
        """What a server said, where each that is in refuses even a request known to be good."""
        troubles = [member.trouble for member in self.members]
        refusals = [one for one in troubles if one is not None and one.sign is Sign.REFUSED]
        all_refuse = len(refusals) == len(troubles) and not self._joining
        return refusals[0] if refusals and all_refuse else None

    # --- at first ---

    async def begin(self) -> None:
        """Take in the servers that answer; where none does yet, wait for one.

        Raises:
            NoServer: None answered within the patience.
            ServerRefused, NotAServer: All of them refuse us, or are no LLM servers.
            ModelUnclear: One serves several models, and none is chosen.
            ModelMismatch: A server has another model than the run, or than another server.
        """
        found = await self._first_found()
        servers = [one for one in found.values() if isinstance(one, Server)]
        self.model = self.health.model = self._wanted.expected or servers[0].model
        for server in servers:
            if server.model != self.model:
                began = "the run began with" if self._wanted.expected else f"{servers[0].url} serves"
                raise ModelMismatch(
                    f"it serves {server.model}, {began} {self.model}",
                    where=server.url,
                    remedy="use servers of one model, or build into another run with --run DIR",
                )
            self.members.append(Endpoint(server))
        for url, one in found.items():
            if not isinstance(one, Server):
                self._awaited.add(url)
                if isinstance(one, ServerRefused):
                    self._say(f"{url}: {one.what}; it gets no requests")
                else:
                    self._say(f"{url}: {one.what}; going on with the others, and asking it again")
                    self.start(self._join(url))

    async def _first_found(self) -> dict[str, Server | NoServer | ServerRefused]:
        """Ask all servers until one of them answers."""
        start, (pause, most) = time.monotonic(), PROBE_SECONDS
        urls, patience = self._wanted.addresses(), self._wanted.patience
        while True:
            found = dict(zip(urls, await asyncio.gather(*map(self.health.ask, urls)), strict=True))
            failed = [one for one in found.values() if not isinstance(one, Server)]
            if unclear := next((one for one in failed if isinstance(one, ModelUnclear)), None):
                raise unclear
            if len(failed) < len(found):
                return found
            absent = next((one for one in failed if not isinstance(one, (ServerRefused, NotAServer))), None)
            if absent is None:
                raise failed[0]
            left = start + patience - time.monotonic()
            if left <= 0:
                raise NoServer(
                    f"no server answered for {patience:.0f} s; the last try: {absent.what}",
                    where=absent.where,
                    remedy="start the servers, or correct --server, then run the same command; --patience SECONDS"
                    f" waits longer for a model that takes long to load{proxy_hint()}",
                )
            self._remind(absent, left)
            await asyncio.sleep(min(pause, left))
            pause = min(2 * pause, most)
            with contextlib.suppress(UsageError):  # half-written: the next look will tell
                urls = self._wanted.addresses()

    def _remind(self, absent: NoServer, left: float) -> None:
        """Say at once, and then now and then, that no server answers."""
        now = time.monotonic()
        if not self._reminded or now - self._reminded >= _STILL_SECONDS:
            self._reminded = now
            self._say(f"{absent.where}: {absent.what}; no server answers yet, asking again for up to {left:.0f} s")

    # --- while they work ---

    async def look(self) -> None:
        """Follow the file of servers, look at gauges, and give up requests that a server will never answer."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if self._wanted.file is not None:
                with contextlib.suppress(UsageError):  # half-written: the next look will tell
                    self._follow(set(self._wanted.addresses(self._say_once)))
            for member in list(self.members):
                self.health.look_after(member)
                if member.is_leaving and not member.in_flight and not member.is_out:
                    self.members.remove(member)
            self._say_if_none()
            self._on_look()

    def _say_once(self, error: BadAddress) -> None:
        if str(error) not in self._bad:
            self._bad.add(str(error))
            self._say(str(error))

    def _say_if_none(self) -> None:
        now = time.monotonic()
        if not self.is_waiting:
            self._none_since = None
        elif self._none_since is None or now - self._reminded >= _STILL_SECONDS:
            self._none_since = self._none_since or now
            self._reminded = now
            waited, patience = now - self._none_since, self._wanted.patience
            self._say(
                f"no server answers; the build waits for one, {waited:.0f} s of at most {patience:.0f} s so far"
            )

    def _follow(self, wanted: set[str]) -> None:
        there = {member.server.url: member for member in self.members}
        for url in wanted - there.keys() - self._awaited:
            self._awaited.add(url)
            self.start(self._join(url))
        for url, member in there.items():
            if member.is_leaving == (url not in wanted):
                continue
            member.is_leaving = url not in wanted
            if member.is_leaving:
                self._say(f"{url}: leaves: no more requests to it")
                continue
            self._say(f"{url}: is named again")
            if not member.is_out:  # it may be another server by now; one that is out is being asked already
                member.is_out = True
                self.health.start_return(member)
        self._awaited &= wanted

    async def _join(self, url: str) -> None:
        """Ask an address until a server answers there, and take that in."""
        self._joining += 1
        try:
            server = await self.health.until_it_answers(url, lambda: url in self._awaited)
        finally:
            self._joining -= 1
        if server is not None and url in self._awaited:  # the file may have dropped it meanwhile
            self._awaited.discard(url)
            self._say(f"{url}: joins, with {server.limit} requests at once")
            self.members.append(Endpoint(server))
            self._on_change(self.members[-1])
            self._on_look()

    def _part_with(self, member: Endpoint) -> None:
        if member in self.members:
            self.members.remove(member)
        member.end_all()  # nobody would look after them any more
        if not member.is_leaving:
            self._awaited.add(member.server.url)  # as another's it gets no requests, and is asked no more
        member.is_out = member.is_leaving = True
        self._on_change(member)

    # --- its tasks ---

    def start(self, work: Awaitable[None]) -> None:
        """Have something done beside the requests."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Future[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.failure = self.failure or error
            self._on_look()

    async def end(self) -> None:
        """End all of it."""
        self.health.end()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
