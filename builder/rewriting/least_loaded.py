"""Which server the next request goes to: the one that has the smallest share of its limit in work.

By share, not by room: no server has a queue while another idles. Choosing costs the same for five servers as for
five hundred.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

from builder.rewriting.endpoint import Endpoint

Load = tuple[float, ...]


def share_in_use(endpoint: Endpoint) -> Load:
    """Return the share of its limit that is in use."""
    return (endpoint.load,)


class LeastLoaded:
    """A heap of servers with room. An entry counts as long as its server has changed nothing since."""

    def __init__(self, load: Callable[[Endpoint], Load] = share_in_use) -> None:
        """Begin with none; `load` orders them."""
        self._load = load
        self._heap: list[tuple[Load, int, Endpoint]] = []
        self._entries: dict[Endpoint, int] = {}  # the number of each one's latest entry
        self._numbers = count()

    def changed(self, endpoint: Endpoint) -> None:
        """Take in that a server's room, limit or condition may have changed."""
        if endpoint.room <= 0:
            self._entries.pop(endpoint, None)
            return
        number = self._entries[endpoint] = next(self._numbers)
        heapq.heappush(self._heap, (self._load(endpoint), number, endpoint))
        if len(self._heap) > 4 * len(self._entries) + 64:
            self._heap = [entry for entry in self._heap if self._is_current(entry)]
            heapq.heapify(self._heap)

    def _is_current(self, entry: tuple[Load, int, Endpoint]) -> bool:
        return self._entries.get(entry[2]) == entry[1]

    def first(self, is_unfit: Callable[[Endpoint], bool] = lambda _: False) -> Endpoint | None:
        """Return the least loaded server with room that is fit."""
        unfit: list[tuple[Load, int, Endpoint]] = []
        found: Endpoint | None = None
        while self._heap and found is None:
            entry = self._heap[0]
            if not self._is_current(entry):
                heapq.heappop(self._heap)
            elif is_unfit(entry[2]):
                unfit.append(heapq.heappop(self._heap))
            else:
                found = entry[2]
        for entry in unfit:
            heapq.heappush(self._heap, entry)
        return found
