"""The server pool: asks servers for generations, and gives up a request only for its own doing.

A try (`tries`) takes a slot (`slots`), goes over the wire (`transport`) and has one outcome (`outcome`). An answer
is taken if the run's model gave it; what follows from a trouble is decided in `retry`, and in `isolation` for
requests that may be what breaks servers. Servers come, go, fail and come back in `membership`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

from builder.draining import Drain, Draining, InWork
from builder.open_files import room_for_connections
from builder.rewriting.blame import Blame
from builder.rewriting.capabilities import NO_NEEDS, Needs
from builder.rewriting.chat_request import ChatRequest
from builder.rewriting.context import Fit
from builder.rewriting.control import Control
from builder.rewriting.control_tokens import ControlTokens
from builder.rewriting.endpoint import Endpoint
from builder.rewriting.generation import Generation, Model
from builder.rewriting.isolation import Isolation
from builder.rewriting.membership import Membership
from builder.rewriting.outcome import Outcome, Trouble
from builder.rewriting.patience import Patience
from builder.rewriting.prompts import Message, Sampling
from builder.rewriting.retry import Case, Step
from builder.rewriting.servers import Server
from builder.rewriting.slots import Slots
from builder.rewriting.tokenizer_source import of_server
from builder.rewriting.transport import Transport
from builder.rewriting.tries import Tries
from builder.rewriting.waiting import Order
from builder.rewriting.wanted import Wanted

PATIENCE = 300.0
"""Seconds to go on trying while no server takes a request, unless told otherwise."""


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
        served_model: str | None = None,
        needs: Needs = NO_NEEDS,
        drain: Drain | None = None,
    ) -> None:
        """Remember the servers; they are asked when the pool is entered, and no more when it drains.

        For the other arguments see `Wanted`.
        """
        self._drain = drain or Drain()
        self._wanted = Wanted(urls, file, expected, model_sha, patience, say, served_model, needs)
        self.on_more: Callable[[int], None] = lambda _: None
        """Told how many requests more than ever before all servers together take at once."""
        self._most = 0
        self._connections = room_for_connections()

    async def __aenter__(self) -> ServerPool:
        self._transport = await Transport().__aenter__()
        self._control = Control(self._transport)
        self._membership = Membership(
            self._transport.session,
            self._wanted,
            self._control,
            on_change=self._changed,
            on_look=self._look,
        )
        self._patience = Patience(self._membership, self._wanted.patience)
        self._blame = Blame(
            self._control,
            leave_alone=self._membership.health.leave_alone,
            start=self._membership.start,
            on_change=self._changed,
            say=self._wanted.say,
        )
        try:
            await self._membership.begin()
        except BaseException:
            await self._transport.__aexit__()
            raise
        self._slots = Slots(self.members, self._connections, self._wanted.say)
        self._tries = Tries(
            self._transport, self._membership, self._slots, self._blame, self._patience, self._drain
        )
        self._isolation = Isolation(
            self.members,
            self._slots,
            self._control,
            ask=self._tries.isolated,
            start=self._membership.start,
            on_bad=self._blame.look_into,
            failure_rate=lambda: self._blame.failure_rate,
            drain=self._drain,
        )
        self._drain.in_work = self._in_work
        self._drain.on_begin(self._begin_to_drain)
        self._most = self.limit
        self._membership.start(self._membership.look())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._membership.end()
        await self._control.end()
        await self._transport.__aexit__()

    @property
    def members(self) -> Sequence[Endpoint]:
        """The servers that are in."""
        return self._membership.members

    @property
    def model(self) -> Model:
        """What they serve."""
        return self._membership.model

    @property
    def limit(self) -> int:
        """How many requests all servers together take at once now."""
        wanted = sum(int(member.limit) for member in self.members if not member.is_leaving)
        return min(wanted, self._connections)

    @property
    def answers(self) -> int:
        """How many requests were answered."""
        return self._patience.answers

    @property
    def in_flight(self) -> int:
        """How many requests are in work."""
        return sum(member.in_flight for member in self.members)

    @property
    def is_waiting(self) -> bool:
        """Whether there is no server that gets requests."""
        return self._membership.is_waiting

    def servers(self) -> list[Server]:
        """Return what the servers that are in said of themselves."""
        return [member.server for member in self.members if not member.is_leaving]

    async def control_tokens(self) -> ControlTokens:
        """Return the control tokens of the model, as far as the Hub and a server tell them."""
        return await of_server(self._transport.session, self.members[0].server, self._wanted.say)

    def expect_no_more(self) -> None:
        """Take in that no more documents come: servers of unequal speed are to end together."""
        self._slots.expect_no_more()

    # --- one request ---

    async def generate(
        self,
        messages: Sequence[Message],
        sampling: Sampling,
        seed: int,
        fit: Fit | None = None,
        order: Order = (0, 0),
    ) -> Generation:
        """Have one answer generated, waiting for a slot and trying again while that can help.

        Args:
            messages: The chat.
            sampling: How to sample.
            seed: The seed.
            fit: Says which servers have room for it, and how many tokens to ask of each.
            order: Who of those that wait for a slot comes first.

        Raises:
            TooLong: It does not fit into a server's context.
            NoServer: No server took it within the pool's patience.
            ServerRefused: Every server refuses us, even a request known to be good.
            RequestFailed: This input is to blame: it is refused, or breaks servers, while others are answered.
            Draining: No server had it when the pool began to drain, or that did not answer.
        """
        case = Case(ChatRequest(messages, sampling, seed, fit), order)
        outcome = await self._tries.anywhere(case)
        while isinstance(outcome, Trouble):
            outcome = await self._follow_up(case, outcome)
        return outcome.generation

    async def _follow_up(self, case: Case, trouble: Trouble) -> Outcome:
        """Find out what a trouble means, and do what follows from it."""
        if trouble.too_long is not None:
            raise trouble.too_long
        with self._drain.abandonable():
            trouble = await self._blame.told_apart(case, trouble)
            step = case.step_after(trouble, self._blame.failure_rate)
            if step is Step.GIVE_UP:
                raise trouble.blaming_the_input()
            if step is Step.AGAIN:
                await self._pause(case, trouble)
        if step is Step.AGAIN:
            return await self._tries.anywhere(case, avoid=case.endpoint)
        while isinstance(outcome := await self._isolation.examine(case), Trouble):
            with self._drain.abandonable():
                await self._pause(case, outcome)
        return outcome

    async def _pause(self, case: Case, trouble: Trouble) -> None:
        """Wait before the next try, which holds no slot.

        Raises:
            NoServer, ServerRefused: There is no sense in one.
        """
        if (error := self._patience.is_over(trouble)) is not None:
            raise error
        await asyncio.sleep(case.pause(trouble))

    # --- the end ---

    def _begin_to_drain(self) -> None:
        self._transport.tries_again = False
        self._slots.turn_away(Draining())
        self._isolation.turn_away_unasked(Draining())

    def _in_work(self) -> InWork:
        at_work = [member.in_flight for member in self.members if member.in_flight]
        return InWork(sum(at_work), len(at_work), self.answers, self._tries.seconds)

    # --- those who wait ---

    def _changed(self, endpoint: Endpoint) -> None:
        self._slots.changed(endpoint)

    def _look(self) -> None:
        """See to those who wait: there may be more room, or never any again."""
        error: BaseException | None = self._membership.failure
        takes_none = not any(member.is_able and not member.is_resting for member in self.members)
        if error is None and takes_none and (self._slots.has_waiting or self._isolation.has_waiting):
            self._patience.failed()
            error = self._patience.is_over()
        self._slots.give_up_roomless(self._wanted.patience)
        self._slots.look()
        if error is not None:
            self._slots.turn_away(error)
            self._isolation.turn_away(error)
        if (more := self.limit - self._most) > 0:
            self._most += more
            self.on_more(more)
