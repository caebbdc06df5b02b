"""How many requests at once a server gets: that follows from what comes back.

A server that refuses (429) gets as many as it held then, and from time to time one more (`Limit.answered`). One
that takes everything and queues tells by its queue, where that can be looked at: as a header of each answer (TGI),
or as gauges (`Limit.queued`). Of one that tells nothing, `Climb` finds out what more at once brings.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

_REPEATED = 50  # answers within which a second refusal shows that the first one's lesson was too small
_LEAST = 4.0  # a queue that others fill is no reason to leave a server
_ROOM = 1 / 16  # of what is worked on, may wait: the next answer's place is taken at once
_SLOWLY = 1 / 16  # growth a look at the queue once it has shown


@dataclass(slots=True)
class Limit:
    """How many requests at once one server gets.

    Attributes:
        value: How many now.
        most: How many ever.
        known_good: How many it may be given without a refusal being risked.
        refuses: It is known for refusing, not for queueing, what is too much.
    """

    value: float
    most: int
    known_good: float = 0.0
    refuses: bool = False
    _since_refusal: int = _REPEATED
    _since_growth: int = 0
    _step: int = 1
    _waiting: float = 0.0  # the share of an answer's time spent in the server's queue, a moving average
    _is_queueing: bool = False
    _growth: float = 1.0
    _waited_before: float = math.inf

    def __post_init__(self) -> None:
        self.refuses = self.value >= self.most  # one that says how many it takes
        self.known_good = float(self.most)

    def answered(self, waited: float | None, in_flight: int) -> None:
        """Learn from an answer, before its place is given back.

        Args:
            waited: The share of the answer's time in the server's queue, None where it is not told.
            in_flight: How many requests the server has, this one included.
        """
        self._since_refusal += 1
        self._since_growth += 1
        if waited is not None:
            self._waiting += (waited - self._waiting) / 20
        if in_flight < int(self.value):
            return
        if self._waiting > 0.5:
            self.value = max(1.0, self.value * 0.99)
        elif self._waiting > 0.25 or self._is_queueing or not self.refuses:
            return
        elif self.value < self.known_good:
            self.value = min(self.known_good, self.value + 1)
        elif self.value < self.most and self._since_growth > 100 + 2 * self.value:
            self.value = self.known_good = min(self.most, self.value + self._step)
            self._since_growth, self._step = 0, min(2 * self._step, max(1, int(self.value) // 16))

    def refused(self, in_flight: int) -> None:
        """Learn from a 429, before the request's place is given back: the others are what the server holds."""
        held = float(max(1, min(self.most, in_flight - 1)))
        self.value = max(1.0, held * 0.9) if self._since_refusal < _REPEATED else held
        self.known_good, self.refuses = held, True
        self._since_refusal, self._since_growth, self._step = 0, 0, 1

    def queued(self, waiting: float, running: float, in_flight: int) -> None:
        """Learn from a server's gauges, which count the requests of all its clients.

        Ours wait in the same proportion. What of them waits at two looks in turn is a standing queue, not a burst
        that is just being taken in (the minimum over an interval, as in CoDel, Nichols & Jacobson 2012): so many
        are too many, but for a small reserve. While there is no queue, the limit doubles with each look, as in
        TCP's slow start; after the first queue it grows by a sixteenth, and again faster the longer there is none.
        """
        if waiting + running <= 0:
            return
        waits = in_flight * waiting / (waiting + running)
        standing, self._waited_before = min(waits, self._waited_before), waits
        room = max(1.0, (in_flight - waits) * _ROOM)
        self._is_queueing = waits > room / 2
        if not self._is_queueing:
            if in_flight >= 0.9 * int(self.value) and not self.refuses:
                self.value = min(self.known_good, self.value + max(1.0, self.value * self._growth))
                self._growth = min(1.0, 2 * self._growth)
            return
        self._growth = _SLOWLY
        if standing > 2 * room:
            self.value = min(self.value, max(_LEAST, in_flight - standing + room))
            if self.refuses:
                self.known_good = self.value

    def again(self) -> None:
        """Begin with an eighth: the server was away."""
        usual = self.known_good if self.refuses else self.value
        self.value = max(1.0, min(usual, self.most) / 8)
        self._waiting, self._is_queueing, self._growth, self._waited_before = 0.0, False, 1.0, math.inf


_FACTOR = 1.5  # from one trial to the next
_WORTHWHILE = 0.15  # twice as many at once bring at least 2 ** 0.15 times the tokens a second: 11 % more
_ROUND = (64, 3.0)  # answers of a trial: at least so many, and times as many as there are at once
_HOLD = 8  # rounds between trials


@dataclass(slots=True)
class Climb:
    """Finds by trial how many requests at once bring the most, from tokens a second alone.

    Latency can't tell: as a batch grows, each of its answers takes longer although nothing waits, which rules that
    compare it with the shortest seen (TCP Vegas; Netflix's concurrency-limits) take for a queue. So throughput is
    compared, as a hill-climbing controller does: a half more at once for a round; that stays if it brings more,
    else a third less is tried, which stays if it costs nothing; then neither, for some rounds.
    """

    _before: tuple[float, float] | None = None  # the limit compared with, and tokens a second under it
    _direction: int = 1
    _skip: int = 0
    _answers: int = 0
    _tokens: int = 0
    _began: float | None = None
    _held: int = 0

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
        if self._answers >= max(_ROUND[0], _ROUND[1] * limit.value) and now > self._began:
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
        if (gained > _WORTHWHILE) == (self._direction > 0):  # more was worth it, or fewer cost nothing
            self._before = (limit.value, speed)
            return self._trial(limit, limit.value)
        return self._failed(limit, start)

    def _trial(self, limit: Limit, start: float) -> float:
        """Return the next value in this direction, or what follows where there is none."""
        value = min(limit.known_good, max(_LEAST, start * _FACTOR**self._direction))
        return value if value != start else self._failed(limit, start)

    def _failed(self, limit: Limit, start: float) -> float:
        """Return to where the trial began; after one upwards try downwards, after one downwards rest."""
        if self._direction > 0:
            self._direction = -1
            return self._trial(limit, start)
        self._before, self._held = None, _HOLD
        return start
