"""Who is in the pool: servers join, leave, fail and come back, and are looked at while they work."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from builder.errors import ModelMismatch, NoServer, NotAServer, ServerRefused, UsageError
from builder.rewriting.capabilities import NO_NEEDS, Needs, learn
from builder.rewriting.generation import Model
from builder.rewriting.member import Member
from builder.rewriting.metrics import read_gauges
from builder.rewriting.servers import Server, probe
from builder.text import read_text

_LOOK_SECONDS = 1.0  # between looks at the file of servers, at servers that answer nothing, and at gauges
_PROBE_SECONDS = (0.5, 15.0)  # between tries of a server that failed, at first and at most
_STILL_SECONDS = 30.0  # between reminders that all servers are waited for


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which servers a run wants, and how it deals with them.

    Attributes:
        urls: The servers' roots.
        file: A file with more of them, a line each, read again whenever it changes.
        expected: The model that the run began with, None for a first run.
        model_sha: Digest of the weights, where the caller started the server and knows it.
        patience: Seconds to go on trying while no server takes a request.
        say: Told when servers come, go, fail and are back.
        needs: What the servers must be able to do.
    """

    urls: Sequence[str]
    file: Path | None
    expected: Model | None
    model_sha: str | None
    patience: float
    say: Callable[[str], None]
    needs: Needs = NO_NEEDS

    def addresses(self) -> list[str]:
        """Return the addresses of the command line and of the file, each once.

        Raises:
            UsageError: There are none, or the file can't be read.
        """
        urls = list(self.urls)
        if self.file is not None:
            try:
                lines = read_text(self.file).splitlines()
            except (OSError, UnicodeDecodeError) as error:
                raise UsageError(
                    f"it can't be read ({error})", where=str(self.file), remedy="a line each server's URL"
                ) from error
            urls += [line.partition("#")[0].strip() for line in lines]
        roots = [url.rstrip("/").removesuffix("/v1") for url in urls if url]
        if not roots:
            raise UsageError("it names no server", where=str(self.file), remedy="a line each server's URL")
        return list(dict.fromkeys(roots))


class Roster:
    """The servers of a run, all with the same model.

    Attributes:
        members: Those that are in.
        model: What they serve; known once `begin` is through.
        failure: An error in looking after them, a bug: whoever waits for a place has to raise it.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        wanted: Wanted,
        *,
        silence: Callable[[], float],
        on_change: Callable[[], None],
    ) -> None:
        """Remember what is wanted; `begin` asks the servers, `look` goes on looking at them.

        Args:
            session: What to talk to them with.
            wanted: Which servers.
            silence: Tells for how many seconds a server or a request may be silent.
            on_change: Told every second, and when a server has come or gone or gets more.
        """
        self._session, self._wanted = session, wanted
        self._say, self._silence, self._on_change = wanted.say, silence, on_change
        self.members: list[Member] = []
        self.model: Model
        self._awaited: set[str] = set()  # addresses that no server has joined from; of a refusal, to ask no more
        self.failure: BaseException | None = None
        self._tasks: set[asyncio.Future[None]] = set()
        self._looked_at: set[Member] = set()  # whose gauges are being asked for
        self._none_since: float | None = None
        self._reminded = 0.0

    @property
    def is_waiting(self) -> bool:
        """Whether there is no server that gets requests."""
        return not any(member.is_able for member in self.members)

    # --- at first ---

    async def begin(self) -> None:
        """Take in the servers that answer; where none does yet, wait for one.

        Raises:
            NoServer: None answered within the patience.
            ServerRefused, NotAServer: All of them refuse us, or are no LLM servers.
            ModelMismatch: A server has another model than the run, or than another server.
        """
        found = await self._first_found()
        servers = [one for one in found.values() if isinstance(one, Server)]
        self.model = self._wanted.expected or servers[0].model
        for server in servers:
            if server.model != self.model:
                began = "the run began with" if self._wanted.expected else f"{servers[0].url} serves"
                raise ModelMismatch(
                    f"it serves {server.model}, {began} {self.model}",
                    where=server.url,
                    remedy="use servers of one model, or build into another run with --run DIR",
                )
            self.members.append(Member(server))
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
        start, (pause, most) = time.monotonic(), _PROBE_SECONDS
        urls, patience = self._wanted.addresses(), self._wanted.patience
        while True:
            found = dict(zip(urls, await asyncio.gather(*map(self._ask, urls)), strict=True))
            if any(isinstance(one, Server) for one in found.values()):
                return found
            failed = [one for one in found.values() if not isinstance(one, Server)]
            absent = next((one for one in failed if not isinstance(one, (ServerRefused, NotAServer))), None)
            if absent is None:
                raise failed[0]
            left = start + patience - time.monotonic()
            if left <= 0:
                raise NoServer(
                    f"no server answered for {patience:.0f} s; the last try: {absent.what}",
                    where=absent.where,
                    remedy="start the servers, or correct --server, then run the same command; --patience SECONDS"
                    " waits longer for a model that takes long to load",
                )
            self._remind(absent, left)
            await asyncio.sleep(min(pause, left))
            pause = min(2 * pause, most)
            with contextlib.suppress(UsageError):  # half-written: the next look will tell
                urls = self._wanted.addresses()

    async def _ask(self, url: str) -> Server | NoServer | ServerRefused:
        try:
            server = await probe(self._session, url, self._wanted.model_sha)
            return await learn(self._session, server, self._wanted.needs, self._say)
        except (NoServer, ServerRefused) as error:
            return error

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
                    self._follow(set(self._wanted.addresses()))
            for member in list(self.members):
                self._give_up(member)
                if member.is_leaving and not member.in_flight and not member.is_out:
                    self.members.remove(member)
                elif member.in_flight and not member.is_out and member.server.limit < member.server.most:
                    self._look_at(member)
            self._say_if_none()
            self._on_change()

    def _give_up(self, member: Member) -> None:
        """End what its server won't answer: all of it where the server is silent, else the requests it forgot."""
        silence, now = self._silence(), time.monotonic()
        if member.in_flight and now - member.last_answer > silence:
            if not member.is_out:
                self.leave_alone(member, f"no answer for {silence:.0f} s")
            for request in member.requests:
                request.scope.cancel()
            return
        for request in member.requests:
            if member.last_answer - request.since > silence:  # for so long others were answered
                request.is_lost = True
                request.scope.cancel()

    def _look_at(self, member: Member) -> None:
        if member not in self._looked_at:
            self._looked_at.add(member)
            self.start(self._gauge(member))

    async def _gauge(self, member: Member) -> None:
        try:
            gauges = await read_gauges(self._session, member.server)
            if not member.is_out:
                member.looked_at(gauges)
                self._on_change()
        finally:
            self._looked_at.discard(member)

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
            member.is_leaving, member.is_taken = url not in wanted, False
            if member.is_leaving:
                self._say(f"{url}: leaves: no more requests to it")
                continue
            self._say(f"{url}: is named again")
            if not member.is_out:  # it may be another server by now; one that is out is being asked already
                member.is_out = True
                self.start(self._return(member))
        self._awaited &= wanted

    async def _join(self, url: str) -> None:
        """Ask an address until a server answers there, and take that in."""
        server = await self._until_it_answers(url, lambda: url in self._awaited)
        if server is not None and url in self._awaited:  # the file may have dropped it meanwhile
            self._awaited.discard(url)
            self._say(f"{url}: joins, with {server.limit} requests at once")
            self.members.append(Member(server))
            self._on_change()

    async def _return(self, member: Member) -> None:
        """Ask a server that failed until it answers, and let it in again."""
        url, (shortest, longest) = member.server.url, _PROBE_SECONDS
        # One whose pages answer but which generates nothing is not asked to again and again.
        pause = min(longest, max(member.retry_after, shortest * 2 ** min(member.absences - 1, 10)))
        server = await self._until_it_answers(url, lambda: not member.is_leaving, pause)
        if server is None:
            self.members.remove(member)
            for request in member.requests:  # nobody would look after them any more
                request.scope.cancel()
            if not member.is_leaving:
                self._awaited.add(url)  # as another's it gets no requests, and is asked no more
            return
        self._say(f"{server.url}: answers again")
        member.back(server)
        self._on_change()

    async def _until_it_answers(
        self, url: str, is_wanted: Callable[[], bool], pause: float = _PROBE_SECONDS[0]
    ) -> Server | None:
        """Return the server, None where it is no longer wanted, refuses us or has another model."""
        while is_wanted():
            await asyncio.sleep(pause)
            pause = min(2 * pause, _PROBE_SECONDS[1])
            server = await self._ask(url)
            if isinstance(server, NoServer):
                continue
            if isinstance(server, ServerRefused):
                why = server.what
            elif server.model == self.model:
                return server
            else:
                why = f"it serves {server.model}, this run {self.model}"
            self._say(f"{url}: {why}; it gets no requests")
            return None
        return None

    def leave_alone(self, member: Member, why: str) -> None:
        """Give a server that fails no more requests, until it answers."""
        self._say(f"{member.server.url}: {why}; it is left alone until it answers")
        member.absences += 1
        member.is_out, member.is_taken = True, False  # what is in work there may still be answered
        self.start(self._return(member))

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
            self._on_change()

    async def end(self) -> None:
        """End all of it."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
