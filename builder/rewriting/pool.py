"""The server pool: a request goes to the server with the most room (`member` says how much that is).

One that fails is left alone until it answers again. Servers come and go with the file that names them. Back-off
never holds a server's place.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from types import TracebackType

import orjson

from builder.errors import (
    GenerationFailed,
    ModelMismatch,
    NoServer,
    ServerOverloaded,
    ServerRefused,
    ServerUnavailable,
    UsageError,
)
from builder.rewriting.member import Member
from builder.rewriting.prompts import Message, Sampling
from builder.rewriting.servers import Answer, Generation, Model, Server, new_session, post, probe

_GENERATION_TRIES = 3  # a prompt that breaks the server takes its whole batch down each time
_MOST_BACK_OFF = 5.0  # seconds between tries of one request
_LOOK_SECONDS = 1.0  # between looks at the file of servers and at servers that answer nothing
_PROBE_SECONDS = (0.5, 15.0)  # between tries of a server that failed, at first and at most
_SILENCE = (120.0, 4.0)  # a server is taken to hang after so many seconds, and times the longest answer's
_FIRST_SILENCE = 600.0  # seconds, while nothing is known of how long answers take


class ServerPool:
    """The servers of a run, all with the same model. Use as an async context manager."""

    def __init__(
        self,
        urls: Sequence[str],
        *,
        file: Path | None = None,
        expected: Model | None = None,
        model_sha: str | None = None,
        patience: float = 300.0,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Remember the servers; they are asked when the pool is entered.

        Args:
            urls: The servers' roots.
            file: A file with more of them, a line each, read again whenever it changes.
            expected: The model that the run began with, None for a first run.
            model_sha: Digest of the weights, where the caller started the server and knows it.
            patience: Seconds to go on trying while no server takes a request.
            say: Told when servers come, go, fail and are back.
        """
        self._urls, self._file, self._model_sha = list(urls), file, model_sha
        self._expected, self._patience, self._say = expected, patience, say
        self.on_join: Callable[[int], None] = lambda _: None
        """Told how many requests at once a server takes that joins later."""
        self.members: list[Member] = []
        self._awaited: set[str] = set()  # addresses that no server has joined from; of a refusal, to ask no more
        self._waiting: deque[asyncio.Future[Member]] = deque()
        self._waiting_alone: deque[asyncio.Future[Member]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._failing_since: float | None = None
        self._longest = 0.0  # seconds: the most tokens ever asked for, at the usual speed
        self._token_seconds = 0.0  # a moving average

    async def __aenter__(self) -> ServerPool:
        self._session = new_session()
        try:
            await self._begin()
        except BaseException:
            await self._session.close()
            raise
        self._start(self._look())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._session.close()

    @property
    def limit(self) -> int:
        """How many requests all servers together take at once, at most."""
        return sum(member.server.limit for member in self.members)

    # --- who is in the pool ---

    async def _begin(self) -> None:
        urls = self._wanted()
        found = await asyncio.gather(
            *(probe(self._session, url, self._model_sha) for url in urls), return_exceptions=True
        )
        servers = [one for one in found if isinstance(one, Server)]
        failed = [one for one in found if isinstance(one, BaseException)]
        if fatal := [one for one in failed if not isinstance(one, NoServer)] or (failed if not servers else []):
            raise fatal[0]
        self.model = self._expected or servers[0].model
        for server in servers:
            if server.model != self.model:
                began = "the run began with" if self._expected else f"{servers[0].url} serves"
                raise ModelMismatch(
                    f"it serves {server.model}, {began} {self.model}",
                    where=server.url,
                    remedy="use servers of one model, or build into another run with --run DIR",
                )
            self.members.append(Member(server, server.limit, server.limit))
        for url, error in zip(urls, found, strict=True):
            if isinstance(error, NoServer):
                self._say(f"{url}: {error.what}; going on with the others, and asking it again")
                self._awaited.add(url)
                self._start(self._join(url))

    def _wanted(self) -> list[str]:
        """Return the addresses of the command line and of the file, each once."""
        urls = list(self._urls)
        if self._file is not None:
            try:
                lines = self._file.read_text(encoding="utf-8").splitlines()
            except (OSError, UnicodeDecodeError) as error:
                raise UsageError(
                    f"it can't be read ({error})", where=str(self._file), remedy="a line each server's URL"
                ) from error
            urls += [line.partition("#")[0].strip() for line in lines]
        roots = [url.rstrip("/").removesuffix("/v1") for url in urls if url]
        if not roots:
            raise UsageError("it names no server", where=str(self._file), remedy="a line each server's URL")
        return list(dict.fromkeys(roots))

    async def _look(self) -> None:
        """Follow the file of servers, and give up requests that a server will never answer."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if self._file is not None:
                with contextlib.suppress(UsageError):  # half-written: the next look will tell
                    self._follow(set(self._wanted()))
            silence = max(_SILENCE[0], _SILENCE[1] * self._longest) if self._longest else _FIRST_SILENCE
            for member in self.members:
                if member.in_flight and time.monotonic() - member.last_answer > silence:
                    if not member.is_out:
                        self._leave_alone(member, f"no answer for {silence:.0f} s")
                    for request in member.requests:
                        request.cancel()

    def _follow(self, wanted: set[str]) -> None:
        there = {member.server.url: member for member in self.members}
        for url in wanted - there.keys() - self._awaited:
            self._awaited.add(url)
            self._start(self._join(url))
        for url, member in there.items():
            if member.is_leaving != (url not in wanted):
                member.is_leaving = url not in wanted
                self._say(f"{url}: {'leaves: no more requests to it' if member.is_leaving else 'is back'}")
        self._awaited &= wanted
        self._serve_waiting()

    async def _join(self, url: str) -> None:
        """Ask an address until a server answers there, and take that in."""
        server = await self._until_it_answers(url, lambda: url in self._awaited)
        if server is not None and url in self._awaited:  # the file may have dropped it meanwhile
            self._awaited.discard(url)
            self._say(f"{url}: joins, with {server.limit} requests at once")
            self.members.append(Member(server, server.limit, server.limit))
            self.on_join(server.limit)
            self._serve_waiting()

    async def _return(self, member: Member) -> None:
        """Ask a server that failed until it answers, and let it in again."""
        server = await self._until_it_answers(member.server.url, lambda: not member.is_leaving)
        if server is None:
            self.members.remove(member)
            if not member.is_leaving:
                self._awaited.add(member.server.url)  # as another's it gets no requests, and is asked no more
            return
        self._say(f"{server.url}: answers again")
        member.back(server)
        self._serve_waiting()

    async def _until_it_answers(self, url: str, is_wanted: Callable[[], bool]) -> Server | None:
        """Return the server, None where it is no longer wanted, refuses us or has another model."""
        pause, most = _PROBE_SECONDS
        while is_wanted():
            await asyncio.sleep(pause)
            pause = min(2 * pause, most)
            try:
                server = await probe(self._session, url, self._model_sha)
            except NoServer:
                continue
            except ServerRefused as error:
                why = error.what
            else:
                if server.model == self.model:
                    return server
                why = f"it serves {server.model}, this run {self.model}"
            self._say(f"{url}: {why}; it gets no requests")
            return None
        return None

    def _start(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _leave_alone(self, member: Member, why: str) -> None:
        self._say(f"{member.server.url}: {why}; it is left alone until it answers")
        member.is_out, member.is_taken = True, False  # what is in work there may still be answered
        self._start(self._return(member))

    # --- one request ---

    async def generate(self, messages: Sequence[Message], sampling: Sampling, seed: int) -> Generation:
        """Have one answer generated, waiting for a place and trying again while that can help.

        Raises:
            NoServer: No server took it within the pool's patience.
            RequestRejected: The servers refuse this input.
            GenerationFailed: A server broke on this input several times, at last with nothing beside it.
            ServerRefused: The servers refuse us.
        """
        body = orjson.dumps(
            {
                "model": self.model.id,
                "messages": list(messages),
                **sampling.model_dump(exclude_none=True),
                "seed": seed,
                "stream": False,
            }
        )
        broken = 0
        for tries in itertools.count():
            try:
                # It may be this input that breaks servers: then it breaks no other's answer.
                return await self._once(body, sampling.max_tokens, alone=broken == _GENERATION_TRIES - 1)
            except GenerationFailed:
                broken += 1
                if broken >= _GENERATION_TRIES or self._is_out_of_patience():
                    raise
            except ServerUnavailable as error:
                if self._is_out_of_patience():
                    raise NoServer(
                        f"no server took a request for {self._patience:.0f} s; the last said: {error.what}",
                        where=error.where,
                        remedy="mend the servers, then run the same command: it goes on where this one stopped",
                    ) from error
            await asyncio.sleep(random.uniform(0, min(_MOST_BACK_OFF, 0.1 * 2**tries)))  # noqa: S311 - no secret
        raise AssertionError

    def _is_out_of_patience(self) -> bool:
        # The pool's patience, not the request's: while others are answered, this one waits its turn.
        return self._failing_since is not None and time.monotonic() - self._failing_since > self._patience

    async def _once(self, body: bytes, max_tokens: int, *, alone: bool) -> Generation:
        member = await self._place(alone=alone)
        start = time.monotonic()
        try:
            answer = await self._ask(member, body)
            member.answered(answer.waited)
            self._learn_speed(time.monotonic() - start, answer.generation.completion_tokens, max_tokens)
        except ServerOverloaded:
            member.refused()
            self._failing_since = self._failing_since or time.monotonic()
            raise
        except ServerUnavailable as error:
            self._failing_since = self._failing_since or time.monotonic()
            if member.failed():
                self._leave_alone(member, error.what)
            raise
        except GenerationFailed:
            member.last_answer = time.monotonic()  # it works: it is the input that doesn't
            raise
        finally:
            self._give_back(member, alone=alone)
        self._failing_since = None
        return answer.generation

    def _learn_speed(self, seconds: float, tokens: int, max_tokens: int) -> None:
        each = seconds / max(1, tokens)
        self._token_seconds += (each - self._token_seconds) / (50 if self._token_seconds else 1)
        self._longest = max(self._longest, max_tokens * self._token_seconds)

    async def _ask(self, member: Member, body: bytes) -> Answer:
        """Send one request; it ends without an answer when the server is taken to hang."""
        asked = asyncio.ensure_future(post(self._session, member.server, body))
        member.requests.add(asked)
        try:
            await asyncio.wait((asked,))
        finally:
            member.requests.discard(asked)
            asked.cancel()
        if asked.cancelled():
            raise ServerUnavailable("its request was given up", where=member.server.url)
        return asked.result()

    # --- places ---

    async def _place(self, *, alone: bool) -> Member:
        """Wait for a place at a server, in turn; `alone` for one that nothing else is in work at."""
        if not alone and not self._waiting and (member := self._roomiest()):
            self._occupy(member)
            return member
        place: asyncio.Future[Member] = asyncio.get_running_loop().create_future()
        (self._waiting_alone if alone else self._waiting).append(place)
        self._serve_waiting()
        try:
            while not place.done():
                await asyncio.wait((place,), timeout=5)
                if not place.done() and all(member.is_out or member.is_leaving for member in self.members):
                    self._failing_since = self._failing_since or time.monotonic()
                    if self._is_out_of_patience():
                        raise ServerUnavailable("no server is left that answers", where=self._urls_said())
            return place.result()
        except BaseException:
            if place.done() and not place.cancelled():
                self._give_back(place.result(), alone=alone)
            place.cancel()
            self._serve_waiting()
            raise

    def _urls_said(self) -> str:
        return ", ".join(member.server.url for member in self.members) or "the pool"

    @staticmethod
    def _occupy(member: Member) -> None:
        member.in_flight += 1
        if member.in_flight == 1:
            member.last_answer = time.monotonic()  # its silence begins now

    def _give_back(self, member: Member, *, alone: bool) -> None:
        member.in_flight -= 1
        if alone:
            member.is_taken = False
        self._serve_waiting()

    def _roomiest(self) -> Member | None:
        member = max(self.members, key=lambda member: member.room, default=None)
        return member if member is not None and member.room > 0 else None

    def _emptied(self) -> Member | None:
        """Return a server with nothing in work; where there is none, keep one from getting more until it is."""
        able = [member for member in self.members if not member.is_out and not member.is_leaving]
        idle = [member for member in able if not member.in_flight]
        if idle:
            return idle[0]
        if able and not any(member.is_taken for member in able):
            min(able, key=lambda member: member.in_flight).is_taken = True
        return None

    def _serve_waiting(self) -> None:
        """Give free places to those who wait, in turn."""
        for waiting, free in ((self._waiting_alone, self._emptied), (self._waiting, self._roomiest)):
            while waiting:
                if waiting[0].done():
                    waiting.popleft()
                    continue
                member = free()
                if member is None:
                    break
                self._occupy(member)
                member.is_taken = free == self._emptied
                waiting.popleft().set_result(member)
        if not self._waiting_alone:
            for member in self.members:
                member.is_taken = member.is_taken and member.in_flight == 1
