"""The server pool: a request goes to the server with the most room (`member` says how much that is).

One that fails is left alone until it answers again. Servers come and go with the file that names them (`roster`).
Back-off never holds a server's place.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import anyio
import tenacity

from builder.errors import (
    ConnectionBroken,
    GenerationFailed,
    NoServer,
    RequestRejected,
    ServerOverloaded,
    ServerUnavailable,
)
from builder.rewriting.capabilities import NO_NEEDS, Needs
from builder.rewriting.control_tokens import ControlTokens
from builder.rewriting.dialect import ChatRequest
from builder.rewriting.generation import Generation, Model
from builder.rewriting.member import Asked, Member
from builder.rewriting.prompts import Message, Sampling
from builder.rewriting.roster import Roster, Wanted
from builder.rewriting.servers import new_session
from builder.rewriting.tokenizer_source import of_server
from builder.rewriting.transport import Answer, post

PATIENCE = 300.0
"""Seconds to go on trying while no server takes a request, unless told otherwise."""

_GENERATION_TRIES = 3  # a prompt that breaks the server takes its whole batch down each time
_BROKEN_CONNECTIONS = 5  # of one request, before it is taken to be what ends servers
_AT_WORK = 30.0  # seconds after which a request in work is not one that fails at once
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
        patience: float = PATIENCE,
        say: Callable[[str], None] = lambda _: None,
        needs: Needs = NO_NEEDS,
    ) -> None:
        """Remember the servers; they are asked when the pool is entered. For the arguments see `Wanted`."""
        self._wanted = Wanted(urls, file, expected, model_sha, patience, say, needs)
        self.on_more: Callable[[int], None] = lambda _: None
        """Told how many requests more than ever before all servers together take at once."""
        self._most = 0
        self._waiting: deque[asyncio.Future[Member]] = deque()
        self._waiting_alone: deque[asyncio.Future[Member]] = deque()
        self._emptying: Member | None = None  # taken, but not empty yet
        self._failing_since: float | None = None
        self._most_tokens = 0  # ever asked for
        self._taken = (0.0, 0.0)  # seconds and tokens of the last answers, older ones counting less
        self.answers = 0
        """How many requests were answered."""

    async def __aenter__(self) -> ServerPool:
        self._session = new_session()
        self._roster = Roster(self._session, self._wanted, silence=self._silence_allowed, on_change=self._look)
        try:
            await self._roster.begin()
        except BaseException:
            await self._session.close()
            raise
        self._most = self.limit
        self._roster.start(self._roster.look())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._roster.end()
        await self._session.close()

    @property
    def members(self) -> Sequence[Member]:
        """The servers that are in."""
        return self._roster.members

    @property
    def model(self) -> Model:
        """What they serve."""
        return self._roster.model

    @property
    def limit(self) -> int:
        """How many requests all servers together take at once now."""
        return sum(int(member.limit) for member in self.members if not member.is_leaving)

    @property
    def in_flight(self) -> int:
        """How many requests are in work."""
        return sum(member.in_flight for member in self.members)

    @property
    def is_waiting(self) -> bool:
        """Whether there is no server that gets requests."""
        return self._roster.is_waiting

    async def control_tokens(self) -> ControlTokens:
        """Return the control tokens of the model, as far as the Hub and a server tell them."""
        return await of_server(self._session, self.members[0].server, self._wanted.say)

    def _silence_allowed(self) -> float:
        seconds, tokens = self._taken
        longest = self._most_tokens * seconds / tokens if tokens else 0.0
        return max(_SILENCE[0], _SILENCE[1] * longest) if longest else _FIRST_SILENCE

    # --- one request ---

    async def generate(self, messages: Sequence[Message], sampling: Sampling, seed: int) -> Generation:
        """Have one answer generated, waiting for a place and trying again while that can help.

        Raises:
            NoServer: No server took it within the pool's patience.
            RequestRejected: The servers refuse this input.
            GenerationFailed: Servers broke on this input, or did not answer it, several times, at last with
                nothing beside it.
            ServerRefused: The servers refuse us.
        """
        body = ChatRequest(self.model.id, messages, sampling, seed)
        tries = _Tries()
        try:
            return await self._try(body, sampling.max_tokens, tries)
        except (GenerationFailed, ServerUnavailable) as error:
            return await self._try_again(error, body, sampling.max_tokens, tries)

    async def _try_again(
        self, first: GenerationFailed | ServerUnavailable, body: ChatRequest, max_tokens: int, tries: _Tries
    ) -> Generation:
        """Go on after a `first` failure: a retrier for every answer would cost as much as the answer does."""
        failed: list[Exception] = [first]

        async def attempt() -> Generation:
            if failed:
                raise failed.pop()
            return await self._try(body, max_tokens, tries)

        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(lambda error: bool(getattr(error, "retryable", False))),
            stop=lambda state: tries.broken >= _GENERATION_TRIES or self._has_no_server_for(state),
            wait=_pause,
            reraise=True,
        )
        try:
            generation: Generation = await retrying(attempt)
        except ServerUnavailable as error:
            raise NoServer(
                f"no server took a request for {self._wanted.patience:.0f} s; the last said: {error.what}",
                where=error.where,
                remedy="mend the servers, then run the same command: it goes on where this one stopped",
            ) from error
        return generation

    def _has_no_server_for(self, state: tenacity.RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome else None
        return isinstance(error, ServerUnavailable) and self._is_out_of_patience()

    def _is_out_of_patience(self) -> bool:
        # The pool's patience, not the request's: while others are answered, or worked on, this one waits its turn.
        self._count_anew_while_at_work()
        failing = self._failing_since
        return failing is not None and time.monotonic() - failing > self._wanted.patience

    def _count_anew_while_at_work(self) -> None:
        if self._failing_since is None:
            return
        now, able = time.monotonic(), (member for member in self.members if member.is_able)
        if any(now - asked.since > _AT_WORK for member in able for asked in member.requests):
            self._failing_since = now

    async def _try(self, body: ChatRequest, max_tokens: int, tries: _Tries) -> Generation:
        """Ask once. What may be this input's doing is counted, and at last it breaks no other's answer."""
        alone = tries.broken == _GENERATION_TRIES - 1 or tries.cut >= _BROKEN_CONNECTIONS
        try:
            return await self._once(body, max_tokens, alone=alone)
        except ConnectionBroken as error:
            tries.cut += 1
            if not alone:
                raise
            tries.broken += 1
            raise GenerationFailed(
                f"its connection breaks, at last with nothing beside it: {error.what}", where=error.where
            ) from error
        except GenerationFailed:
            tries.broken += 1
            raise

    async def _once(self, body: ChatRequest, max_tokens: int, *, alone: bool) -> Generation:
        member = await self._place(alone=alone)
        start = time.monotonic()
        try:
            answer = await self._ask(member, body, alone=alone)
            member.answered(answer.waited, answer.generation.completion_tokens)
            self._learn_speed(time.monotonic() - start, answer.generation.completion_tokens, max_tokens)
        except ServerOverloaded:
            member.refused()
            self._failing_since = self._failing_since or time.monotonic()
            raise
        except ServerUnavailable as error:
            self._failing_since = self._failing_since or time.monotonic()
            if member.failed(error.retry_after):
                self._roster.leave_alone(member, error.what)
            raise
        finally:
            self._give_back(member, alone=alone)
        self._failing_since = None
        self.answers += 1
        return answer.generation

    def _learn_speed(self, seconds: float, tokens: int, max_tokens: int) -> None:
        self._most_tokens = max(self._most_tokens, max_tokens)
        if tokens:  # sums, not a mean of each one's speed: the shortest answers tell the least, and come first
            before, counted = self._taken
            self._taken = 0.98 * before + seconds, 0.98 * counted + tokens

    async def _ask(self, member: Member, body: ChatRequest, *, alone: bool) -> Answer:
        """Send one request; it ends without an answer when the server is taken to hang, or to have lost it."""
        with anyio.CancelScope() as scope:
            asked = Asked(scope, since=time.monotonic())
            member.requests.add(asked)
            try:
                return await post(self._session, member.server, body.body(member.server.dialect))
            except (GenerationFailed, RequestRejected):
                member.last_answer = time.monotonic()  # it works: it is the input that doesn't
                self._failing_since = None
                raise
            finally:
                member.requests.discard(asked)
        what = f"no answer for {time.monotonic() - asked.since:.0f} s"
        if asked.is_lost or alone:
            raise GenerationFailed(what, where=member.server.url)
        raise ServerUnavailable(what, where=member.server.url)

    # --- places ---

    async def _place(self, *, alone: bool) -> Member:
        """Wait for a place at a server, in turn; `alone` for one that nothing else is in work at."""
        if self._roster.failure is not None:
            raise self._roster.failure
        if not alone and not self._waiting and (member := self._roomiest()):
            self._occupy(member)
            return member
        place: asyncio.Future[Member] = asyncio.get_running_loop().create_future()
        (self._waiting_alone if alone else self._waiting).append(place)
        self._serve_waiting()
        try:
            return await place
        except BaseException:
            if place.done() and not place.cancelled() and place.exception() is None:
                self._give_back(place.result(), alone=alone)
            place.cancel()
            self._serve_waiting()
            raise

    def _look(self) -> None:
        """See to those who wait: there may be more room, or never any again."""
        self._count_anew_while_at_work()
        if self._roster.failure is not None:
            self._turn_away(self._roster.failure)
        elif self.is_waiting and (self._waiting or self._waiting_alone):
            self._failing_since = self._failing_since or time.monotonic()
            if self._is_out_of_patience():
                self._turn_away(ServerUnavailable("no server is left that answers", where=self._urls_said()))
        if (more := self.limit - self._most) > 0:
            self._most += more
            self.on_more(more)
        self._serve_waiting()

    def _turn_away(self, error: BaseException) -> None:
        for place in (*self._waiting, *self._waiting_alone):
            if not place.done():
                place.set_exception(error)

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
        able = [member for member in self.members if member.is_able]
        idle = [member for member in able if not member.in_flight]
        if idle:
            return idle[0]
        if able and not any(member.is_taken for member in able):
            self._emptying = min(able, key=lambda member: member.in_flight)
            self._emptying.is_taken = True
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
                if free == self._emptied:
                    member.is_taken = True
                    self._emptying = None if member is self._emptying else self._emptying
                waiting.popleft().set_result(member)
            if self._emptying is not None and not self._waiting_alone:  # nobody waits for it any more
                self._emptying.is_taken, self._emptying = False, None


@dataclass(slots=True)
class _Tries:
    """What went wrong with one request: times that servers broke on it, and that its connection broke."""

    broken: int = 0
    cut: int = 0


_backing_off = tenacity.wait_random_exponential(multiplier=0.1, max=5)


def _pause(state: tenacity.RetryCallState) -> float:
    """Return the seconds before the next try; an overloaded server may ask for more of them.

    One that is not up is left alone for what it asks, and its requests go elsewhere.
    """
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, ServerOverloaded) else 0.0
    return max(asked, _backing_off(state))
