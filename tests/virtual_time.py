"""Time that passes only while nothing is to be done: what would take minutes is the same on every machine.

Sockets are real ones; what is talked to has to be in the same event loop (`async with TgiDouble(…)`).
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Callable, Coroutine
from typing import Any
from unittest import mock


class VirtualTime(asyncio.SelectorEventLoop):
    """An event loop whose clock, where others would wait for a timer, is put forward to it."""

    def __init__(self) -> None:
        selector = selectors.DefaultSelector()
        super().__init__(selector)
        self._now, self._ready_now = 1.0, selector.select
        selector.select = self._wait  # type: ignore[method-assign]

    def time(self) -> float:
        return self._now

    def _wait(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if not timeout:
            return self._ready_now(timeout)
        ready = self._ready_now(0) or self._ready_now(0)  # on loopback too, it may take the kernel a moment
        self._now += 0.0 if ready else timeout
        return ready


def run_in_virtual_time(work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Run `work` as `asyncio.run` does, with this clock in place of `time.monotonic` as well."""
    loop = VirtualTime()
    try:
        with mock.patch.object(time, "monotonic", loop.time):
            return loop.run_until_complete(work())
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
