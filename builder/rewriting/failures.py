"""Failures of requests at one server: how many in a row, and what share of the last requests."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field

_MANY = 3
_MOST = 0.5
_REMEMBERED = 16  # requests, about
_SHORTEST_LIMIT = 5.0  # seconds
_ALIKE, _APART = 0.02, 1.0  # of a time until connections break; seconds between their beginnings


@dataclass(slots=True)
class Failures:
    """Counts failures.

    Attributes:
        share: Of the last requests, a moving average.
    """

    share: float = 0.0
    _in_a_row: int = 0  # since the last answer
    _waves: int = 0  # with answers in between or not
    _last: float = 0.0
    _breaks: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))

    @property
    def are_most(self) -> bool:
        """Whether most of the last requests failed."""
        return self.share > _MOST

    def answered(self) -> None:
        """Take in an answer."""
        self._in_a_row = 0
        self.share -= self.share / _REMEMBERED

    def failed(self, since: float) -> bool:
        """Count the failure of a request sent at `since`; return whether there are too many.

        What was sent before the last one counted failed tells nothing new: a stall ends all there is at once.
        """
        self.share += (1 - self.share) / _REMEMBERED
        if since < self._last:
            return False
        self._last, self._in_a_row, self._waves = time.monotonic(), self._in_a_row + 1, self._waves + 1
        return self._in_a_row >= _MANY or (self._waves >= _MANY and self.are_most)

    def forget(self) -> None:
        """Begin anew."""
        self._in_a_row, self._waves, self.share = 0, 0, 0.0

    def is_usual_break(self, lasted: float) -> bool:
        """Whether connections break after so many seconds, whenever they began: that is a time limit."""
        if lasted < _SHORTEST_LIMIT:
            return False
        begun = time.monotonic() - lasted
        is_usual = any(
            abs(lasted - before) <= _ALIKE * lasted and abs(begun - then) > _APART for then, before in self._breaks
        )
        self._breaks.append((begun, lasted))
        return is_usual
