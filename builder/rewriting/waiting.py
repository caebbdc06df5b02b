"""Who waits for a slot: requests of later stages come first, and among those of one stage the older shards'.

So shards get finished, and the memory that they hold is let go. In turn, a document that is nearly through would
wait for as many others as the servers have in work at each of its stages.
"""

from __future__ import annotations

import asyncio
import heapq
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from builder.rewriting.endpoint import Endpoint

Order = tuple[int, int]
"""The smallest comes first: the stage, counted downwards, then the shard, in the order of their beginning."""


class Waiting:
    """A heap of those who wait; of equal order, who came first is next."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._heap: list[tuple[Order, int, asyncio.Future[Endpoint]]] = []
        self._numbers = count()

    def __len__(self) -> int:
        """Return how many wait, some of whom may have left."""
        return len(self._heap)

    def add(self, slot: asyncio.Future[Endpoint], order: Order = (0, 0)) -> None:
        """Have somebody wait for a slot."""
        heapq.heappush(self._heap, (order, next(self._numbers), slot))

    def next(self) -> asyncio.Future[Endpoint]:
        """Return who is next, who waits no longer."""
        return heapq.heappop(self._heap)[2]
