"""Failures of requests at one server: how many in a row, and what share of the last requests."""

from __future__ import annotations

import time
from dataclasses import dataclass

_MANY = 3
_MOST = 0.5
_REMEMBERED = 16  # requests, about


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
