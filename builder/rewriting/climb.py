"""How many requests at once a server gets that tells nothing: found by trial, from its speed alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

from builder.rewriting.limits import Limit

_LEAST = 4.0  # as many as one keeps of any server
_FACTOR = 1.5  # from one trial to the next
_WORTHWHILE = 0.15  # twice as many at once bring at least 2 ** 0.15 times the tokens a second: 11 % more
_ROUND = (64, 3.0)  # answers of a trial: at least so many, and times as many as there are at once
_FIRST_FACTOR, _FIRST_WORTHWHILE, _FIRST_ROUND = 2.0, 0.5, (32, 1.0)  # at first, where twice as many bring much
_HOLD = 8  # rounds between trials


@dataclass(slots=True)
class Climb:
    """Finds by trial how many requests at once bring the most, from tokens a second alone.

    Latency can't tell: as a batch grows, each of its answers takes longer although nothing waits, which rules that
    compare it with the shortest seen (TCP Vegas; Netflix's concurrency-limits) take for a queue. So throughput is
    compared, as a hill-climbing controller does: a half more at once for a round; that stays if it brings more,
    else a third less is tried, which stays if it costs nothing; then neither, for some rounds. At first twice as
    many are tried, in short rounds, as long as they bring nearly half as much again.
    """

    _before: tuple[float, float] | None = None  # the limit compared with, and tokens a second under it
    _direction: int = 1
    _skip: int = 0
    _answers: int = 0
    _tokens: int = 0
    _began: float | None = None
    _held: int = 0
    _is_first: bool = True

    def answered(self, limit: Limit, tokens: int, in_flight: int, now: float) -> None:
        """Learn from an answer of so many tokens, before its place is given back; `now` in seconds."""
        if in_flight < int(limit.value):  # there is not enough to ask: the round tells nothing
            self._restart(in_flight)
            return
        if self._skip > 0 or self._began is None:  # those that were asked for under the limit before
            self._skip, self._began = self._skip - 1, now
            return
        self._answers += 1
        self._tokens += tokens
        least, share = _FIRST_ROUND if self._is_first else _ROUND
        if self._answers >= max(least, share * limit.value) and now > self._began:
            limit.value = self._next(limit, self._tokens / (now - self._began))
            self._restart(max(in_flight, int(limit.value)))

    def _restart(self, in_flight: int) -> None:
        self._skip, self._answers, self._tokens, self._began = in_flight, 0, 0, None

    def _next(self, limit: Limit, speed: float) -> float:
        """Return the limit of the next round, after one that had this speed."""
        if self._held > 0:
            self._held -= 1
            return limit.value
        if self._before is None or self._before[0] == limit.value:
            self._before, self._direction = (limit.value, speed), 1
            return self._trial(limit, limit.value)
        start, speed_before = self._before
        gained = math.log(max(speed, 1e-9) / max(speed_before, 1e-9)) / math.log(limit.value / start)
        if self._is_first and gained <= _FIRST_WORTHWHILE:
            self._is_first, self._before = False, None
            return start
        if (gained > _WORTHWHILE) == (self._direction > 0):  # more was worth it, or fewer cost nothing
            self._before = (limit.value, speed)
            return self._trial(limit, limit.value)
        return self._failed(limit, start)

    def _trial(self, limit: Limit, start: float) -> float:
        """Return the next value in this direction, or what follows where there is none."""
        factor = _FIRST_FACTOR if self._is_first else _FACTOR
        value = min(limit.known_good, max(_LEAST, start * factor**self._direction))
        return value if value != start else self._failed(limit, start)

    def _failed(self, limit: Limit, start: float) -> float:
        """Return to where the trial began; after one upwards try downwards, after one downwards rest."""
        if self._direction > 0:
            self._direction, self._is_first = -1, False
            return self._trial(limit, start)
        self._before, self._held = None, _HOLD
        return start
