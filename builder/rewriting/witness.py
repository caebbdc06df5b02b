"""Whether a page of gauges tells of all that we asked: behind one address there may be several servers.

A router that passes `/metrics` to its workers in turn shows each time a part of what is in flight, and counts that
fall from one look to the next. Neither can be of one process, except where it was started again.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from builder.rewriting.metrics import Gauges

_LAG = 3.0  # seconds that a page may lag behind: SGLang writes it every 40 steps
_SHORT = 0.7  # of what was in flight all that time, a page shows at least so much
_DOUBTED, _TRUSTED = 0.4, 0.05  # shares of odd looks, by a moving average


@dataclass(slots=True)
class Witness:
    """Looks at one address, and whether they agree with each other and with what is in flight."""

    is_trusted: bool = True
    _odd: float = 0.0
    _rising: tuple[float, ...] = ()
    _in_flight: deque[tuple[float, int]] = field(default_factory=deque)

    def saw(self, gauges: Gauges, in_flight: int, now: float) -> None:
        """Learn from a look at `now`, in seconds, with so many requests in flight."""
        self._in_flight.append((now, in_flight))
        while len(self._in_flight) > 1 and self._in_flight[1][0] <= now - _LAG:
            self._in_flight.popleft()
        is_long = self._in_flight[0][0] <= now - _LAG
        shown = gauges.waiting + (in_flight if gauges.running is None else gauges.running)
        is_short = is_long and shown < _SHORT * min(count for _, count in self._in_flight)
        fell = any(after < before for before, after in zip(self._rising, gauges.rising, strict=False))
        self._rising = gauges.rising or self._rising
        if fell:
            self._odd += (1 - self._odd) / 3
        else:
            self._odd += (is_short - self._odd) / 8
        self.is_trusted = self._odd < (_DOUBTED if self.is_trusted else _TRUSTED)
