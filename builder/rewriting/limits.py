"""How many requests at once a server gets: that follows from what comes back.

A server that refuses (429) gets as many as it held then, and from time to time one more (`Limit.answered`). One
that takes everything and queues tells by its queue, where that can be looked at: as a header of each answer (TGI),
or as gauges (`Limit.looked`). Of one that tells nothing, `climb` finds out what more at once brings.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

from builder.rewriting.metrics import Gauges

_REPEATED = 50  # answers within which a second refusal shows that the first one's lesson was too small
_AS_MANY = 0.8  # of what it held before, is as many
_LEAST = 4.0  # a queue that others fill is no reason to leave a server
_ROOM = 1 / 16  # of what is worked on, and half its root, may wait: the next answers' slots are taken at once
_SLOWLY = 1 / 16  # growth a second once a queue has shown
_STANDING = 0.9  # seconds; a queue that was there all the time is not just being taken in
_LAG = 10.0  # seconds that a page may lag behind: SGLang writes it every 40 steps
_AT_ONCE = 0.42  # growth at most from one look to the next: it has to show before there is more
_RECOVERY = 3.0  # seconds without a queue after which growth is twice as fast
_REMEMBERED = 30.0  # seconds for which what a server was seen to work on counts
_QUEUED = 0.25  # of what it has may wait at a server that tells it with its answers
_NO_QUEUE = 0.02  # the share of an answer's time in which it was taken in at once
_FULL = 0.9  # of the KV cache; with more, requests that go on need what new ones would take


@dataclass(frozen=True, slots=True)
class _Look:
    """What was seen of a server: when, in seconds, and how many of our requests wait there and are worked on.

    `shown` are those of all clients, `told` is what it works on of ours where that is not only the rest.
    """

    at: float
    waits: float
    works: float
    shown: float
    told: float

    @classmethod
    def of(cls, gauges: Gauges, in_flight: int, now: float) -> _Look | None:
        """Return our part of what a server tells, None where it has nothing to do."""
        running = max(0.0, in_flight - gauges.waiting) if gauges.running is None else gauges.running
        shown = gauges.waiting + running
        ours = min(1.0, in_flight / shown) if shown > 0 else 0.0
        works = running * ours
        told = 0.0 if gauges.running is None else works
        return cls(now, gauges.waiting * ours, works, shown, told) if shown > 0 else None

    def has_seen(self, grown: _Grown, in_flight: int) -> bool:
        """Whether what came after the limit last grew shows on the page by now, which may lag behind."""
        came = in_flight - grown.in_flight
        return self.at - grown.at >= _LAG or self.shown - grown.shown >= came / 2


@dataclass(frozen=True, slots=True)
class _Grown:
    """When a limit last grew, in seconds, and what was shown and in flight just before; at first nothing was."""

    at: float
    shown: float
    in_flight: int


@dataclass(slots=True)
class Limit:
    """How many requests at once one server gets.

    Attributes:
        value: How many now.
        most: How many ever.
        known_good: How many it may be given without a refusal being risked.
        refuses: It is known for refusing, not for queueing, what is too much.
        tells_waits: Its answers say how long they waited.
        is_growing: It doubles: looks at the server are worth more than usual.
    """

    value: float
    most: int
    known_good: float = 0.0
    refuses: bool = False
    tells_waits: bool = False
    _since_refusal: int = _REPEATED
    _since_growth: int = 0
    _step: int = 1
    _former: float = 0.0  # the limit before it fell to what is not sure; 0: it is sure
    _works: float = 0.0  # requests that it works on at once, by what answers tell of its queue; 0: not told yet
    _waiting: float = 0.0  # the share of an answer's time spent in the server's queue, a moving average
    is_growing: bool = False
    _is_queueing: bool = False
    _growth: float = 1.0  # a second
    _preempted: float = 0.0
    _looks: deque[_Look] = field(default_factory=deque)
    _grown: _Grown | None = None

    def __post_init__(self) -> None:
        self.refuses = self.value >= self.most  # one that says how many it takes
        self.known_good = float(self.most)

    @property
    def without_queue(self) -> float:
        """How many requests it may have without that one waits there, as far as is known."""
        if any(one.waits >= 1 for one in self._looks):
            return min(self.value, max(1.0, *(one.told for one in self._looks)))
        return min(self.value, max(1.0, self._works)) if self._waiting > _NO_QUEUE and self._works else self.value

    def answered(self, waited: float | None, in_flight: int, sent: int | None = None) -> None:
        """Learn from an answer, before its place is given back.

        Args:
            waited: The share of the answer's time in the server's queue, None where it is not told.
            in_flight: How many requests the server has, this one included.
            sent: How many it had when this one was sent, this one included; None: as many as now.
        """
        self._since_refusal += 1
        self._since_growth += 1
        if waited is not None:
            self.tells_waits = True
            self._waiting += (waited - self._waiting) / 20
            self._learn_works(waited, in_flight if sent is None else sent)
        # What waits there may wait here as well, and go to whichever server is through first.
        enough = max(1.0, self._works / (1 - _QUEUED)) if self._works else float(self.most)
        if self._waiting > _QUEUED:
            self.value = min(self.value, enough)
        if in_flight < int(self.value) or self._waiting > _QUEUED or self._is_queueing:
            return
        if not self.refuses and not self.tells_waits:
            return
        if self.value < min(self.known_good, enough):
            self.value = min(self.known_good, enough, self.value + 1)
        elif self.known_good <= self.value < min(self.most, enough):
            self._try_more(soon=self.value < self._former)

    def _try_more(self, *, soon: bool) -> None:
        """Try some more now and then; `soon` twice as many after two rounds."""
        if self._since_growth <= 2 * self.value + (0 if soon else 100):
            return
        self.value = self.known_good = min(self.most, self.value + self._step)
        self._since_growth, self._step = 0, min(2 * self._step, max(1, int(self.value) // (1 if soon else 16)))

    def _learn_works(self, waited: float, sent: int) -> None:
        """Learn how many the server works on: of `sent`, that share of an answer's time which is no wait (Little).

        Of those that it was sent with, not of those there are now: what an answer tells is as old as it took.
        """
        if waited < _NO_QUEUE:
            self._works = max(self._works, float(sent))
        elif self._works:
            self._works += (sent * (1 - waited) - self._works) / 20
        else:
            self._works = sent * (1 - waited)

    def refused(self, in_flight: int) -> None:
        """Learn from a 429, before the request's place is given back: the others are what the server holds.

        Unless it takes nothing more for a while and only ends what it has: then that is no measure. So what it
        held counts for sure when it refuses again, two rounds of answers later, with about as many.
        """
        held = float(max(1, min(self.most, in_flight - 1)))
        is_sure = self._since_refusal > 2 * held and held >= _AS_MANY * self.known_good - 1
        self._former = 0.0 if is_sure else max(self._former, self.value)
        self.value = max(1.0, held * 0.9) if self._since_refusal < _REPEATED else held
        self.known_good, self.refuses = held, True
        self._since_refusal, self._since_growth, self._step = 0, 0, 1

    def looked(self, gauges: Gauges, in_flight: int, now: float) -> None:
        """Learn from a server's gauges at `now`, in seconds; they count the requests of all its clients.

        Ours wait in the same proportion. What of them waits for a second on end, while the server does not work
        on more, is a standing queue and not a burst that is just being taken in (the minimum over an interval, as
        in CoDel, Nichols & Jacobson 2012): so many are too many, but for a small reserve. While there is no
        queue, the limit doubles each second, as in TCP's slow start; after the first queue it grows by a
        sixteenth, and again faster the longer there is none. It stays above what was worked on lately.
        """
        look = _Look.of(gauges, in_flight, now)
        if look is None:
            return
        earlier = next((one for one in reversed(self._looks) if one.at <= now - _STANDING), None)
        since = self._looks[-1].at if self._looks else now - 1.0
        self._looks.append(look)
        while self._looks[0].at < now - _REMEMBERED:
            self._looks.popleft()
        if self._grown is None:
            self._grown = _Grown(now, 0.0, 0)
        room = max(1.0, look.works * _ROOM + math.sqrt(look.works) / 2)
        self._is_queueing, self.is_growing = look.waits > room / 2, False
        if self._is_queueing:
            if earlier is not None and look.works <= 1.05 * earlier.works + 1:
                self._cut(look, room, in_flight)
        elif self._may_grow(gauges, in_flight, earlier, room) and look.has_seen(self._grown, in_flight):
            self._grow(min(1.0, now - since))
            self._grown = _Grown(now, look.shown, in_flight)
        self._preempted = gauges.preempted
        if not self.refuses:
            self.value = max(self.value, min(self.known_good, max(one.told for one in self._looks)))

    def _may_grow(self, gauges: Gauges, in_flight: int, earlier: _Look | None, room: float) -> bool:
        if self.refuses or in_flight < 0.9 * int(self.value):
            return False
        if gauges.used > _FULL or gauges.preempted > self._preempted:
            return False
        # Several answers at once empty a short queue for a moment.
        return self._growth == 1.0 or earlier is None or earlier.waits <= room / 2

    def _cut(self, look: _Look, room: float, in_flight: int) -> None:
        """Take back what waits without end."""
        self._growth = _SLOWLY
        standing = min(one.waits for one in self._looks if one.at >= look.at - 2 * _STANDING)
        if standing > 2 * room:
            self.value = min(self.value, max(_LEAST, in_flight - standing + room))
            if self.refuses:
                self.known_good = self.value

    def _grow(self, seconds: float) -> None:
        """Allow more, after so many seconds without a queue."""
        more = self.value * min(_AT_ONCE, (1 + self._growth) ** seconds - 1)
        self.value = min(self.known_good, self.value + max(1.0, more))
        self.is_growing = self._growth == 1.0 and self.value < self.known_good
        self._growth = min(1.0, self._growth * 2 ** (seconds / _RECOVERY))

    def again(self) -> None:
        """Begin with an eighth: the server was away."""
        usual = max(self.known_good, self._former) if self.refuses else self.value
        self.value = max(1.0, min(usual, self.most) / 8)
        self._waiting, self._works, self._is_queueing = 0.0, 0.0, False
        self.is_growing, self._growth = False, 1.0
        self._looks.clear()
        self._grown = None
