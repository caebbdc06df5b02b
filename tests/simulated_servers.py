"""Servers whose times are computed, for judging how many requests at once they get: no sockets, no waiting.

Each works on at most so many requests at once and queues the rest, as vLLM and SGLang do; it takes requests in one
after the other (a prefill each), then writes a token a step for all of them. Lengths of answers are exponential.
Its page is looked at as a run does it, and may lag behind.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count

from builder.rewriting.limits import Limit
from builder.rewriting.metrics import Gauges

STEP, TOKENS, PREFILL = 0.02, 300, 0.002  # seconds a token, tokens an answer in the mean, seconds a prompt
BEGIN, MOST = 32, 4096
LOOK, GROWING_LOOK = 1.0, 0.25  # seconds between looks


@dataclass(eq=False)
class Simulated:
    """A server of so many slots, whose page is `lag` seconds old."""

    slots: int
    lag: float = 0.0
    limit: Limit = field(default_factory=lambda: Limit(BEGIN, MOST))
    in_flight: int = 0
    running: int = 0
    idle_from: float = 0.0
    _queue: deque[float] = field(default_factory=deque)
    _prefilled: float = 0.0
    _pages: deque[tuple[float, Gauges]] = field(default_factory=deque)

    @property
    def waiting(self) -> int:
        """How many requests it has beside those that it works on."""
        return self.in_flight - self.running

    def take(self, seconds: float, now: float) -> list[float]:
        """Take a request that needs so many seconds; return when requests begin, and end."""
        self.in_flight += 1
        self._queue.append(seconds)
        return self._begun(now)

    def give(self, now: float) -> list[float]:
        """Be through with a request; return when the next begins, and ends."""
        self.in_flight, self.running, self.idle_from = self.in_flight - 1, self.running - 1, now
        return self._begun(now)

    def _begun(self, now: float) -> list[float]:
        ends = []
        while self._queue and self.running < self.slots:
            self._prefilled = max(now, self._prefilled) + PREFILL
            self.running += 1
            ends.append(self._prefilled + self._queue.popleft())
        return ends

    def page(self, now: float) -> Gauges:
        """Return what it tells of itself."""
        self._pages.append((now, Gauges(self.waiting, self.running)))
        while len(self._pages) > 1 and self._pages[1][0] <= now - self.lag:
            self._pages.popleft()
        return self._pages[0][1]


@dataclass
class Seen:
    """What there was to see of a run: at ten moments a second what each server worked on and had waiting."""

    end: float
    moments: list[tuple[float, list[tuple[int, int]]]]

    def figures(self, slots: int) -> tuple[float, float, float]:
        """Return, of one server: seconds to nine tenths in use, mean use from then, share of moments with queues.

        A moment counts where more than half as many wait as it has slots.
        """
        full = next((at for at, ((running, _),) in self.moments if running >= 0.9 * slots), self.end)
        used = [running for at, ((running, _),) in self.moments if at >= full] or [0]
        queues = sum(waiting > slots / 2 for _, ((_, waiting),) in self.moments)
        return full, sum(used) / len(used) / slots, queues / len(self.moments)


def simulate(servers: Sequence[Simulated], documents: int) -> Seen:
    """Ask for so many answers of servers, each time of the one with the most room."""
    draw, number = random.Random(documents), count()
    events: list[tuple[float, int, str, Simulated]] = [
        *((LOOK, next(number), "look", server) for server in servers),
        (0.0, next(number), "moment", servers[0]),
    ]
    heapq.heapify(events)
    asked, answered, now = 0, 0, 0.0
    moments: list[tuple[float, list[tuple[int, int]]]] = []
    while answered < documents:
        while asked < documents:
            server = max(servers, key=lambda one: int(one.limit.value) - one.in_flight)
            if int(server.limit.value) <= server.in_flight:
                break
            asked += 1
            for end in server.take(STEP * draw.expovariate(1 / TOKENS), now):
                heapq.heappush(events, (end, next(number), "answer", server))
        now, _, kind, server = heapq.heappop(events)
        if kind == "answer":
            answered += 1
            server.limit.answered(None, server.in_flight)
            for end in server.give(now):
                heapq.heappush(events, (end, next(number), "answer", server))
        elif kind == "look":
            server.limit.looked(server.page(now), server.in_flight, now)
            pause = GROWING_LOOK if server.limit.is_growing else LOOK
            heapq.heappush(events, (now + pause, next(number), "look", server))
        elif asked < documents:
            moments.append((now, [(one.running, one.waiting) for one in servers]))
            heapq.heappush(events, (now + 0.1, next(number), "moment", server))
    return Seen(now, moments)
