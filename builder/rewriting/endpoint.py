"""One server in the pool: what is in work there, whether it works, how much it gets."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import anyio

from builder.rewriting.limits import Climb, Limit
from builder.rewriting.metrics import Gauges
from builder.rewriting.servers import Server

_FAILURES = 3  # in a row, before a server is left alone
_UNANSWERED = 5  # looks at its gauges in a row, before it is taken to have none


@dataclass(slots=True, eq=False)
class Asked:
    """A request in work, in the scope that ends it. `is_lost`: others are answered meanwhile, for too long."""

    scope: anyio.CancelScope
    since: float
    is_lost: bool = False


@dataclass(slots=True, eq=False)
class Endpoint:
    """A server in the pool.

    Attributes:
        server: What it said of itself.
        allowed: How many requests it gets at once.
        in_flight: How many it has now.
        is_out: It fails, and is asked from time to time whether it is back.
        is_leaving: It gets no more requests.
        is_taken: One request has it for itself, or waits for that.
        requests: What is asked of it now.
        last_answer: When it last showed that it works, `time.monotonic()`.
        retry_after: Seconds after which it wants to be asked again, as it last said.
        absences: How often in a row it was left alone without having answered a request in between.
    """

    server: Server
    allowed: Limit = field(init=False)
    in_flight: int = 0
    is_out: bool = False
    is_leaving: bool = False
    is_taken: bool = False
    requests: set[Asked] = field(default_factory=set)
    last_answer: float = field(init=False)
    retry_after: float = 0.0
    absences: int = 0
    _failures: int = 0
    _climb: Climb = field(default_factory=Climb)
    _unanswered: int = 0

    def __post_init__(self) -> None:
        self.allowed = Limit(self.server.limit, self.server.most)
        self.last_answer = time.monotonic()

    @property
    def limit(self) -> float:
        """How many requests it gets at once now."""
        return self.allowed.value

    @property
    def room(self) -> int:
        """How many more requests it gets now."""
        return int(self.limit) - self.in_flight if self.is_able and not self.is_taken else 0

    @property
    def is_able(self) -> bool:
        """Whether it gets requests at all."""
        return not self.is_out and not self.is_leaving

    @property
    def has_gauges(self) -> bool:
        """Whether how many to give it is told by its gauges; else its speed has to tell."""
        return self._unanswered < _UNANSWERED

    def answered(self, waited: float | None, tokens: int) -> None:
        """Learn from an answer of so many tokens, before its place is given back; for `waited` see `Limit`."""
        self._failures, self.absences, self.last_answer = 0, 0, time.monotonic()
        self.allowed.answered(waited, self.in_flight)
        if not self.allowed.refuses and not self.has_gauges:
            self._climb.answered(self.allowed, tokens, self.in_flight, self.last_answer)

    def refused(self) -> None:
        """Learn from a 429, before the request's place is given back."""
        self._failures, self.last_answer = 0, time.monotonic()
        self.allowed.refused(self.in_flight)

    def looked_at(self, gauges: Gauges | None) -> None:
        """Learn from a look at its gauges."""
        if gauges is None:
            self._unanswered += 1
            return
        self._unanswered = 0
        self.allowed.queued(gauges.waiting, gauges.running, self.in_flight)

    def failed(self, retry_after: float = 0.0) -> bool:
        """Count a failure; return whether it is now to be left alone."""
        self._failures += 1
        self.retry_after = retry_after
        return self._failures >= _FAILURES and not self.is_out

    def back(self, server: Server) -> None:
        """Let it in again, with little to do at first."""
        self.server, self.is_out, self._failures, self._unanswered = server, False, 0, 0
        self.allowed.most = server.most
        self._climb = Climb()
        self.allowed.again()
        self.last_answer = time.monotonic()
