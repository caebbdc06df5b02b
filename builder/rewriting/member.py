"""One server in the pool: what is in work there, whether it works, how much it gets."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import anyio

from builder.rewriting.climb import Climb
from builder.rewriting.limits import Limit
from builder.rewriting.metrics import Gauges
from builder.rewriting.servers import Server
from builder.rewriting.witness import Witness

_FAILURES = 3  # in a row, before a server is left alone
_TELL_SECONDS = 1.0  # between requests whose answers are to tell the load
_PAGE_SECONDS = 5.0  # between looks at the page of a server whose answers tell it
_UNANSWERED = 5  # looks at its gauges in a row, before it is taken to have none


@dataclass(slots=True, eq=False)
class Asked:
    """A request in work, in the scope that ends it. `is_lost`: others are answered meanwhile, for too long."""

    scope: anyio.CancelScope
    since: float
    is_lost: bool = False


@dataclass(slots=True, eq=False)
class Member:
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
    _witness: Witness = field(default_factory=Witness)
    _asked_to_tell: float = 0.0
    _told: float = -_PAGE_SECONDS
    _looked: float = -_PAGE_SECONDS

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
        return self._unanswered < _UNANSWERED and self._witness.is_trusted

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

    def told(self, gauges: Gauges) -> None:
        """Learn from the load that an answer tells, before its place is given back."""
        self._unanswered, self._told = 0, time.monotonic()
        if self._witness.is_trusted:
            self.allowed.looked(gauges, self.in_flight, self._told)

    def looked_at(self, gauges: Gauges | None) -> None:
        """Learn from a look at its gauges."""
        self._looked = now = time.monotonic()
        if gauges is None:
            self._unanswered += 1
            return
        self._unanswered = 0
        self._witness.saw(gauges, self.in_flight, now)
        if self._witness.is_trusted:
            self.allowed.looked(gauges, self.in_flight, now)

    def is_to_tell(self) -> bool:
        """Whether the next answer is to tell the server's load; one a second is."""
        now = time.monotonic()
        if self.server.limit >= self.server.most or now - self._asked_to_tell < _TELL_SECONDS:
            return False
        self._asked_to_tell = now
        return True

    @property
    def is_to_be_looked_at(self) -> bool:
        """Whether its gauges are to be asked for: seldom, while its answers tell the load."""
        if not self.in_flight or self.is_out or self.server.limit >= self.server.most:
            return False
        now = time.monotonic()
        is_told = now - self._told < 2 * _TELL_SECONDS and not self.allowed.is_growing
        return not is_told or now - self._looked >= _PAGE_SECONDS

    def failed(self, retry_after: float = 0.0) -> bool:
        """Count a failure; return whether it is now to be left alone."""
        self._failures += 1
        self.retry_after = retry_after
        return self._failures >= _FAILURES and not self.is_out

    def back(self, server: Server) -> None:
        """Let it in again, with little to do at first."""
        self.server, self.is_out, self._failures, self._unanswered = server, False, 0, 0
        self.allowed.most = server.most
        self._climb, self._witness = Climb(), Witness()
        self.allowed.again()
        self.last_answer = time.monotonic()
