"""One server in the pool, and how many requests at once it gets: that follows from its answers.

A server that refuses (429) is given as many requests as it held then, and from time to time one more. One whose
requests wait in its own queue longer than they are worked on is given fewer.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from builder.rewriting.servers import Answer, Server

_FAILURES = 3  # in a row, before a server is left alone
_REPEATED = 50  # answers within which a second refusal shows that the first one's lesson was too small


@dataclass(slots=True, eq=False)
class Member:
    """A server in the pool.

    Attributes:
        server: What it said of itself; `server.limit` is the most that it will ever get at once.
        limit: How many requests it gets at once now.
        known_good: How many it has held without refusing one.
        in_flight: How many it has now.
        is_out: It fails, and is asked from time to time whether it is back.
        is_leaving: It gets no more requests.
        is_taken: One request has it for itself, or waits for that.
        requests: What is asked of it now.
    """

    server: Server
    limit: float
    known_good: float
    in_flight: int = 0
    is_out: bool = False
    is_leaving: bool = False
    is_taken: bool = False
    requests: set[asyncio.Task[Answer]] = field(default_factory=set)
    last_answer: float = field(default_factory=time.monotonic)
    _failures: int = 0
    _since_refusal: int = _REPEATED
    _since_growth: int = 0
    _step: int = 1
    _waiting: float = 0.0  # the share of an answer's time spent in the server's queue, a moving average

    @property
    def room(self) -> int:
        """How many more requests it gets now."""
        return 0 if self.is_out or self.is_leaving or self.is_taken else int(self.limit) - self.in_flight

    def answered(self, waited: float | None) -> None:
        """Learn from an answer, before its place is given back; `waited` is the share of it in a queue."""
        self._failures, self.last_answer = 0, time.monotonic()
        self._since_refusal += 1
        self._since_growth += 1
        if waited is not None:
            self._waiting += (waited - self._waiting) / 20
        if self.in_flight < int(self.limit):
            return
        if self._waiting > 0.5:
            self.limit = max(1.0, self.limit * 0.99)
        elif self._waiting > 0.25:
            return
        elif self.limit < self.known_good:
            self.limit = min(self.known_good, self.limit + 1)
        elif self.limit < self.server.limit and self._since_growth > 100 + 2 * self.limit:
            self.limit = self.known_good = min(self.server.limit, self.limit + self._step)
            self._since_growth, self._step = 0, min(2 * self._step, max(1, int(self.limit) // 16))

    def refused(self) -> None:
        """Learn from a 429, before the request's place is given back: the others are what it holds."""
        held = max(1, self.in_flight - 1)
        self.limit = max(1.0, held * 0.9) if self._since_refusal < _REPEATED else held
        self.known_good = held
        self._since_refusal, self._since_growth, self._step, self._failures = 0, 0, 1, 0
        self.last_answer = time.monotonic()

    def failed(self) -> bool:
        """Count a failure; return whether it is now to be left alone."""
        self._failures += 1
        return self._failures >= _FAILURES and not self.is_out

    def back(self, server: Server) -> None:
        """Let it in again, with little to do at first."""
        self.server, self.is_out, self._failures, self._waiting = server, False, 0, 0.0
        self.limit = max(1.0, min(self.known_good, server.limit) / 8)
        self.last_answer = time.monotonic()
