"""Slots: which server the next request goes to, and who waits for one."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence

from builder.rewriting.endpoint import Endpoint


class Slots:
    """The slots of some servers, given in turn to those who wait."""

    def __init__(self, members: Sequence[Endpoint]) -> None:
        """Give the slots of `members`, as they are at each time."""
        self._members = members
        self._waiting: deque[asyncio.Future[Endpoint]] = deque()
        self._waiting_alone: deque[asyncio.Future[Endpoint]] = deque()
        self._emptying: Endpoint | None = None  # taken, but not empty yet

    @property
    def has_waiting(self) -> bool:
        """Whether somebody waits."""
        return bool(self._waiting or self._waiting_alone)

    async def take(self, *, alone: bool) -> Endpoint:
        """Wait for a slot, in turn; `alone` for a server at which nothing else is in work."""
        if not alone and not self._waiting and (member := self._roomiest()):
            self._occupy(member)
            return member
        slot: asyncio.Future[Endpoint] = asyncio.get_running_loop().create_future()
        (self._waiting_alone if alone else self._waiting).append(slot)
        self.serve_waiting()
        try:
            return await slot
        except BaseException:
            if slot.done() and not slot.cancelled() and slot.exception() is None:
                self.give_back(slot.result(), alone=alone)
            slot.cancel()
            self.serve_waiting()
            raise

    def turn_away(self, error: BaseException) -> None:
        """Have all who wait raise this."""
        for slot in (*self._waiting, *self._waiting_alone):
            if not slot.done():
                slot.set_exception(error)

    @staticmethod
    def _occupy(member: Endpoint) -> None:
        member.in_flight += 1
        if member.in_flight == 1:
            member.last_answer = time.monotonic()  # its silence begins now

    def give_back(self, member: Endpoint, *, alone: bool) -> None:
        """Give a slot back."""
        member.in_flight -= 1
        if alone:
            member.is_taken = False
        self.serve_waiting()

    def _roomiest(self) -> Endpoint | None:
        member = max(self._members, key=lambda member: member.room, default=None)
        return member if member is not None and member.room > 0 else None

    def _emptied(self) -> Endpoint | None:
        """Return a server with nothing in work; where there is none, keep one from getting more until it is."""
        able = [member for member in self._members if member.is_able]
        idle = [member for member in able if not member.in_flight]
        if idle:
            return idle[0]
        if able and not any(member.is_taken for member in able):
            self._emptying = min(able, key=lambda member: member.in_flight)
            self._emptying.is_taken = True
        return None

    def serve_waiting(self) -> None:
        """Give free slots to those who wait, in turn."""
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
