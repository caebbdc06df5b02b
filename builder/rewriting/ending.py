"""The end of a run: no slow server begins one of the last requests that faster ones would be through with sooner.

Servers of unequal speed become idle together where each of the last requests goes to whichever is done with it
first. How long the answers are is not known, but they are drawn alike wherever they go: it cancels out, and the
servers' seconds a token are left to compare.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

from builder.rewriting.endpoint import Endpoint

_WORTHWHILE = 0.8  # of the time that a slow server takes: closer than that, two paces can't be told apart


class Ending:
    """Knows the pace of all servers, as of the last look."""

    def __init__(self, members: Sequence[Endpoint]) -> None:
        """Look at servers."""
        self._members = members
        self.look()

    def look(self) -> None:
        """Take in how fast each of them is now."""
        known = sorted((one.pace.present, one.slots) for one in self._members if one.is_able and one.pace.present)
        self._paces = [pace for pace, _ in known]
        self._rates = [*accumulate(slots / pace for pace, slots in known)]  # of each and all that are faster

    def is_better_left(self, endpoint: Endpoint, waiting: int) -> bool:
        """Whether faster servers would be through with all that wait before this one is with one of them."""
        worth = _WORTHWHILE * endpoint.pace.present
        faster = range(bisect_left(self._paces, worth))
        return any(waiting / self._rates[at] + self._paces[at] < worth for at in faster)


def by_finish(endpoint: Endpoint) -> tuple[float, float]:
    """Return what orders servers by when they would be through with one more; a batch slows as it fills."""
    return endpoint.pace.present * (1 + endpoint.load), endpoint.load
