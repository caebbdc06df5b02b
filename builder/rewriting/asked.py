"""A request in work at an endpoint, which can be ended before its time."""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import dataclass, field
from typing import Any


def _now() -> float:
    return time.monotonic()  # looked up anew: tests have a clock of their own


def _this_task() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    assert task is not None
    return task


@dataclass(slots=True, eq=False)
class Asked:
    """A request in work, made in the task that waits for its answer.

    Attributes:
        max_tokens: How many tokens it asks for at most.
        since: When it was sent, `time.monotonic()`.
        is_ended: It was ended: its task gets a `CancelledError` where it waits.
        is_lost: It was ended while others were answered, for too long.
        has_failed: There is no answer to it.
    """

    max_tokens: int
    since: float = field(default_factory=_now)
    is_ended: bool = False
    is_lost: bool = False
    has_failed: bool = False
    _task: asyncio.Task[Any] = field(default_factory=_this_task)

    def end(self) -> None:
        """End it. An `anyio.CancelScope` around each request would take a twentieth of all that it takes."""
        self.is_ended = True
        self._task.cancel()

    def took_cancellation(self) -> None:
        """Have the task go on: its cancellation ended this request, no more."""
        if sys.version_info >= (3, 11):
            self._task.uncancel()
