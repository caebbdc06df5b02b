"""Requests known to be good, one after the other at one server: whether it went on while another one failed."""

from __future__ import annotations

import asyncio
import time

from builder.rewriting.control import Control
from builder.rewriting.endpoint import Endpoint
from builder.rewriting.outcome import Answer

_UNDER_WAY = 0.5  # of the time that a small answer takes, after which its request is at work there


class GoodOnes:
    """Asks a server for small answers until `end`."""

    def __init__(self, control: Control, endpoint: Endpoint) -> None:
        """Ask through `control`."""
        self._control, self._endpoint = control, endpoint
        self._spans: list[tuple[float, float]] = []  # when each was surely at work, and when its answer came
        self._is_over = False

    async def begin(self) -> bool:
        """Wait until one is answered and the next one is at work; return False where none is answered."""
        begun = time.monotonic()
        if not isinstance(await self._control.ask(self._endpoint), Answer):
            return False
        self._lead = _UNDER_WAY * (time.monotonic() - begun)
        self._asking = asyncio.ensure_future(self._ask())
        await asyncio.sleep(self._lead)
        return True

    async def _ask(self) -> None:
        while not self._is_over:
            begun = time.monotonic()
            if not isinstance(await self._control.ask(self._endpoint), Answer):
                return
            self._spans.append((begun + self._lead, time.monotonic()))

    async def end(self) -> None:
        """Wait for the last answer."""
        self._is_over = True
        await self._asking

    def cancel(self) -> None:
        """Ask no more."""
        self._asking.cancel()

    def lived_through(self, moment: float) -> bool:
        """Whether one was at work at a moment, and was answered after it."""
        return any(since <= moment < answered for since, answered in self._spans)
