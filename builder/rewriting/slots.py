"""Slots of the servers: given to those who wait, in their order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from builder.errors import TooLong
from builder.rewriting.context import Fit
from builder.rewriting.ending import Ending, by_finish
from builder.rewriting.endpoint import Endpoint
from builder.rewriting.least_loaded import LeastLoaded
from builder.rewriting.waiting import Order, Waiting

_EMPTY_SECONDS = 60.0  # a server gets empty in, to isolate requests; then what is left there stays beside them
_POLL_SECONDS = 0.05


@dataclass(slots=True, eq=False)
class _Roomless:
    """Who waits for a server with a larger context, and since when none of those answers."""

    slot: asyncio.Future[Endpoint]
    fit: Fit
    since: float = field(default_factory=time.monotonic)


class Slots:
    """The slots of some servers."""

    def __init__(self, members: Sequence[Endpoint], connections: int, say: Callable[[str], None]) -> None:
        """Give the slots of `members`; tell of each that is new, or whose room changes (`changed`).

        Args:
            members: The servers.
            connections: How many there may be at once, with all of them: each is an open file.
            say: Called where that is fewer than the servers take.
        """
        self._members = members
        self._connections, self._most, self._say = connections, float(connections), say
        self._taken = 0
        self._is_short_of_files = False  # and has said so
        self._free = LeastLoaded()
        self._ending: Ending | None = None
        self._waiting = Waiting()
        self._roomless: list[_Roomless] = []  # whom not every server has the context for
        for endpoint in members:
            self._free.changed(endpoint)

    @property
    def has_waiting(self) -> bool:
        """Whether somebody waits."""
        return bool(self._waiting or self._roomless)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is in work and nobody waits."""
        return not self.has_waiting and not any(endpoint.in_flight for endpoint in self._members)

    async def take(self, avoid: Endpoint | None = None, fit: Fit | None = None, order: Order = (0, 0)) -> Endpoint:
        """Wait for a slot; at another server than `avoid` where one is free at once.

        What does not fit into every server's context waits for one with room for it, and comes first there.

        Raises:
            TooLong: No server with room for it answers any more.
        """
        is_at_home = fit is None or fit.is_at_home
        if not is_at_home and (endpoint := self._roomy(fit)):
            self._occupy(endpoint)
            return endpoint
        if is_at_home and not self._waiting and (endpoint := self._first(avoid)):
            self._occupy(endpoint)
            return endpoint
        slot: asyncio.Future[Endpoint] = asyncio.get_running_loop().create_future()
        if fit is None or is_at_home:
            self._waiting.add(slot, order)
        else:
            self._roomless.append(_Roomless(slot, fit))
        try:
            return await slot
        except asyncio.CancelledError:
            if slot.done() and not slot.cancelled() and slot.exception() is None:
                self.give_back(slot.result())
            raise

    def give_back(self, endpoint: Endpoint) -> None:
        """Give a slot back."""
        endpoint.in_flight -= 1
        self._taken -= 1
        self.changed(endpoint)

    def occupy(self, endpoint: Endpoint) -> None:
        """Take a slot of a server that is held."""
        endpoint.in_flight += 1
        self._taken += 1

    def changed(self, endpoint: Endpoint) -> None:
        """Take in that a server may have more room, or less, and give free slots to those who wait."""
        self._free.changed(endpoint)
        if self._roomless:
            self._serve_roomless(endpoint)
        while self._waiting and (free := self._first()):
            slot = self._waiting.next()
            if not slot.done():
                self._occupy(free)
                slot.set_result(free)

    def _roomy(self, fit: Fit | None) -> Endpoint | None:
        if not self._has_files():
            return None
        roomy = [one for one in self._members if one.room > 0 and fit is not None and fit.suits(one.server)]
        return min(roomy, key=lambda endpoint: endpoint.load, default=None)

    def _serve_roomless(self, endpoint: Endpoint) -> None:
        for one in self._roomless:
            if endpoint.room <= 0 or not self._has_files():
                break
            if not one.slot.done() and one.fit.suits(endpoint.server):
                self._occupy(endpoint)
                one.slot.set_result(endpoint)
        self._roomless = [one for one in self._roomless if not one.slot.done()]

    def give_up_roomless(self, patience: float) -> None:
        """Turn those away for whom no server has room, or none that answered for so many seconds."""
        now = time.monotonic()
        for one in self._roomless:
            suited = [endpoint for endpoint in self._members if one.fit.suits(endpoint.server)]
            if any(endpoint.is_able for endpoint in suited):
                one.since = now
            elif not one.slot.done() and (not suited or now - one.since > patience):
                one.slot.set_exception(TooLong(f"no server with a context of {one.fit.needs} tokens answers"))

    def turn_away(self, error: BaseException) -> None:
        """Have all who wait raise this."""
        for one in self._roomless:
            self._waiting.add(one.slot)
        self._roomless.clear()
        while self._waiting:
            slot = self._waiting.next()
            if not slot.done():
                slot.set_exception(error)

    def _first(self, avoid: Endpoint | None = None) -> Endpoint | None:
        """Return the server that the next request goes to, another than `avoid` where there is one."""
        ending, waiting = self._ending, max(1, len(self._waiting))

        def is_unfit(endpoint: Endpoint) -> bool:
            return endpoint is avoid or (ending is not None and ending.is_better_left(endpoint, waiting))

        endpoint = self._free.first(is_unfit)
        if endpoint is None and avoid is not None:
            return self._first()
        return endpoint if endpoint is None or self._has_files() else None

    # --- the end of a run ---

    def expect_no_more(self) -> None:
        """Share out what waits so that all are through early: no more comes after it."""
        self._ending, self._free = Ending(self._members), LeastLoaded(by_finish)
        for endpoint in self._members:
            endpoint.is_ending = True
        self.look()

    def look(self) -> None:
        """See to those who wait for faster servers: these may have become slow."""
        if self._ending is not None:
            self._ending.look()
            for endpoint in self._members:
                self.changed(endpoint)

    def _has_files(self) -> bool:
        if self._taken < int(self._most):
            return True
        self._say_short_of_files("each is an open file")
        return False

    def _occupy(self, endpoint: Endpoint) -> None:
        self.occupy(endpoint)
        if endpoint.in_flight == 1:
            endpoint.last_answer = time.monotonic()  # its silence begins now
        self._free.changed(endpoint)

    # --- files ---

    def ran_out_of_files(self, what: str) -> None:
        """Have fewer at once: there was no file for a connection."""
        self._most = max(1.0, min(self._most, self._taken - 1))
        self._say_short_of_files(what)

    def had_files(self) -> None:
        """Have more at once, little by little: there was a file for a connection."""
        self._most = min(self._connections, self._most + 1 / self._most)

    def _say_short_of_files(self, why: str) -> None:
        if not self._is_short_of_files:
            self._is_short_of_files = True
            self._say(
                f"no more than {int(self._most)} requests at once: {why}; `ulimit -n 65536` before the command"
                " allows more, where the hard limit (`ulimit -Hn`) does"
            )

    # --- a server for those that are isolated ---

    async def hold(self) -> Endpoint:
        """Wait for a server with nothing in work; it gets nothing until it is released."""
        while True:
            able = [endpoint for endpoint in self._members if endpoint.is_able]
            if able:
                endpoint = min(able, key=lambda endpoint: endpoint.in_flight)
                endpoint.is_held = True
                self._free.changed(endpoint)
                try:
                    await self._empty(endpoint)
                except asyncio.CancelledError:
                    self.release(endpoint)
                    raise
                if endpoint.is_able:
                    return endpoint
                self.release(endpoint)
            await asyncio.sleep(_POLL_SECONDS)

    @staticmethod
    async def _empty(endpoint: Endpoint) -> None:
        end = time.monotonic() + _EMPTY_SECONDS
        while True:
            if not endpoint.in_flight or not endpoint.is_able or time.monotonic() > end:
                return
            await asyncio.sleep(_POLL_SECONDS)

    def release(self, endpoint: Endpoint) -> None:
        """Let a server that was held have requests again."""
        endpoint.is_held = False
        self.changed(endpoint)
