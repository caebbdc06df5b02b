"""Reading ahead: a thread reads while the event loop works, and stops when enough is waiting.

The bound is on what waits between the two, in characters of text and in documents.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")

CHARACTERS_AHEAD = 32 * 2**20
"""Characters of text that may wait."""

ITEMS_AHEAD = 4096
"""Documents that may wait."""

_JOIN_SECONDS = 5.0


class ReadAhead(Generic[Item]):
    """Iterates asynchronously over what a blocking iterator gives. Use as an async context manager.

    Args:
        items: Consumed, from its first item on, in one thread of its own.
        size: Characters that an item holds.
        interrupt: Called to end a read that nobody waits for any more.
    """

    def __init__(self, items: Iterator[Item], size: Callable[[Item], int], interrupt: Callable[[], None]) -> None:
        """Start nothing yet."""
        self._items, self._size, self._interrupt = items, size, interrupt
        self._waiting: deque[tuple[Item, int]] = deque()
        self._characters = 0
        self._changed = threading.Condition()
        self._arrived = asyncio.Event()
        self._is_awaited = self._stopped = self._ended = False
        self._error: BaseException | None = None

    async def __aenter__(self) -> ReadAhead[Item]:
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._read, name="read-ahead", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Read no more; a read that is under way is interrupted."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._interrupt()

    async def __aexit__(self, *_: object) -> None:
        self.stop()
        # Some requests can't be interrupted: then the thread is left to end with the process.
        await asyncio.to_thread(self._thread.join, _JOIN_SECONDS)

    def _read(self) -> None:
        try:
            for item in self._items:
                size = self._size(item)
                with self._changed:
                    while not self._stopped and self._is_full(size):
                        self._changed.wait()
                    if self._stopped:
                        break
                    self._waiting.append((item, size))
                    self._characters += size
                    is_awaited, self._is_awaited = self._is_awaited, False
                if is_awaited:
                    self._wake()
        except BaseException as error:  # noqa: BLE001 - raised again in the event loop
            self._error = error
        finally:
            self._ended = True
            self._wake()

    def _is_full(self, size: int) -> bool:
        over = self._characters + size > CHARACTERS_AHEAD or len(self._waiting) >= ITEMS_AHEAD
        return bool(self._waiting) and over

    def _wake(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._arrived.set)

    async def __aiter__(self) -> AsyncIterator[Item]:
        while True:
            self._arrived.clear()
            ended = self._ended  # before looking: what was read before the end is there to be seen
            while (taken := self._take()) is not None:
                yield taken[0]
            if ended:
                if self._error is not None:
                    raise self._error
                return
            await self._arrived.wait()

    def _take(self) -> tuple[Item, int] | None:
        """Return the next item, None where none waits: the thread then wakes the loop when one does."""
        with self._changed:
            if not self._waiting:
                self._is_awaited = True
                return None
            taken = self._waiting.popleft()
            self._characters -= taken[1]
            # Waking the thread for each item would have the two take turns: it is let go on when much has gone.
            if self._characters <= CHARACTERS_AHEAD // 2 and len(self._waiting) <= ITEMS_AHEAD // 2:
                self._changed.notify()
            return taken
