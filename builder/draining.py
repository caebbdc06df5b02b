"""Draining: a build that is to stop begins nothing more, and waits for the answers that servers are at."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import anyio


class Draining(Exception):
    """Raised in place of what would begin, or is not worth waiting for, while a build drains."""


@dataclass(frozen=True, slots=True)
class InWork:
    """What servers have in work.

    Attributes:
        requests: How many requests.
        servers: At how many servers.
        answers: How many were answered so far.
        seconds: How long the last answers took each, 0 or more of them.
    """

    requests: int = 0
    servers: int = 0
    answers: int = 0
    seconds: Sequence[float] = ()


class Drain:
    """Tells all parts of a build whether it drains.

    Attributes:
        is_on: It does: no request may be begun.
        in_work: Tells what is waited for; whoever asks servers sets it.
    """

    def __init__(self) -> None:
        """Begin with a build that goes on."""
        self.is_on = False
        self.in_work: Callable[[], InWork] = InWork
        self._on_begin: list[Callable[[], None]] = []
        self._scopes: set[anyio.CancelScope] = set()

    def on_begin(self, call: Callable[[], None]) -> None:
        """Have something done when the build begins to drain."""
        self._on_begin.append(call)

    def begin(self) -> None:
        """Drain from now on."""
        self.is_on = True
        for call in self._on_begin:
            call()
        for scope in self._scopes:
            scope.cancel()

    def check(self) -> None:
        """See that something may begin.

        Raises:
            Draining: It may not.
        """
        if self.is_on:
            raise Draining

    @contextlib.contextmanager
    def abandonable(self) -> Iterator[None]:
        """Give up what is awaited in the block as soon as the build drains.

        Raises:
            Draining: It was given up, or not begun.
        """
        self.check()
        with anyio.CancelScope() as scope:
            self._scopes.add(scope)
            try:
                yield
            finally:
                self._scopes.discard(scope)
        if scope.cancelled_caught:
            raise Draining
