"""Which server the next request goes to: the one that has the smallest share of its limit in work.

By share, not by room: at the end of a run no server has a queue while another idles, and servers of unequal size
become idle together. Choosing costs the same for five servers as for five hundred.
"""

from __future__ import annotations

import heapq
from itertools import count

from builder.rewriting.endpoint import Endpoint


class LeastLoaded:
    """A heap of servers with room. An entry counts as long as its server has changed nothing since."""

    def __init__(self) -> None:
        """Begin with none."""
        self._heap: list[tuple[float, int, Endpoint]] = []
        self._entries: dict[Endpoint, int] = {}  # the number of each one's latest entry
        self._numbers = count()

    def changed(self, endpoint: Endpoint) -> None:
        """Take in that a server's room, limit or condition may have changed."""
        if endpoint.room <= 0:
            self._entries.pop(endpoint, None)
            return
        number = self._entries[endpoint] = next(self._numbers)
        heapq.heappush(self._heap, (endpoint.load, number, endpoint))
        if len(self._heap) > 4 * len(self._entries) + 64:
            self._heap = [entry for entry in self._heap if self._is_current(entry)]
            heapq.heapify(self._heap)

    def _is_current(self, entry: tuple[float, int, Endpoint]) -> bool:
        return self._entries.get(entry[2]) == entry[1]

    def first(self, avoid: Endpoint | None = None) -> Endpoint | None:
        """Return the least loaded server with room, another than `avoid` where there is one."""
        while self._heap and not self._is_current(self._heap[0]):
            heapq.heappop(self._heap)
        if not self._heap:
            return None
        endpoint = self._heap[0][2]
        if endpoint is not avoid:
            return endpoint
        entry = heapq.heappop(self._heap)
        other = self.first()
        heapq.heappush(self._heap, entry)
        return other or endpoint
