"""Stopping a build by signals: the first lets it drain, the second ends it; SIGTERM gives the drain a deadline."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import signal
import statistics
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from builder.draining import Drain, InWork
from builder.errors import Interrupted
from builder.run.progress import duration

_SIGNALS = signal.SIGINT, signal.SIGTERM
# Two signals so close together are one: what runs the command (`conda run`, `srun`) may hand on what the process
# has got from the terminal, or from Slurm, itself. Nobody presses Ctrl-C twice in so short a time.
_ONE_SECONDS = {signal.SIGINT: 0.02, signal.SIGTERM: 1.0}
_ENDING_SECONDS = 5.0  # in which a build that ends can't be hurried: what is cut off would be left behind
_STILL_SECONDS = 30.0  # between reminders of what is waited for

_at_work: list[Callable[[], Any]] = []  # ends the build that this process is at, from any thread


def end_build() -> None:
    """Have this process end its build, from any thread, and wait for nothing: it has no right to it any more."""
    for end in _at_work:
        with contextlib.suppress(RuntimeError):  # its event loop has just ended
            end()
            return
    os.kill(os.getpid(), signal.SIGINT)  # it does something else for the build, which Ctrl-C ends


@contextlib.contextmanager
def interrupted_once() -> Iterator[None]:
    """Have a signal end the block by a KeyboardInterrupt, and a second one soon after not cut off its end."""
    before, ended = _handlers(), -math.inf

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal ended
        if time.monotonic() - ended > _ENDING_SECONDS:
            ended = time.monotonic()
            signal.default_int_handler(number, frame)

    _handle(lambda _: interrupt)
    try:
        yield
    finally:
        _handle(before.__getitem__)


def _handlers() -> dict[signal.Signals, Any]:
    return {number: signal.getsignal(number) for number in _SIGNALS}


def _handle(handler: Callable[[signal.Signals], Any]) -> None:
    with contextlib.suppress(ValueError):  # not in the main thread, which alone gets signals
        for number in _SIGNALS:
            signal.signal(number, handler(number))


class Stopping:
    """What signals do to one build. Of one that was stopped they do nothing to its end: see `interrupted_once`."""

    def __init__(self, drain: Drain, grace: float, say: Callable[[str], None]) -> None:
        """Take signals from now on: what comes before the build's event loop runs is seen to by it.

        Args:
            drain: Has the build begin nothing more.
            grace: Seconds that answers are waited for after a SIGTERM.
            say: Called with what a user should know.
        """
        self._drain, self._grace, self._say = drain, grace, say
        self._last = dict.fromkeys(_SIGNALS, -math.inf)  # when each came, `time.monotonic()`
        self._ended: float | None = None  # when the build was told to end at once, or had drained
        self._task: asyncio.Future[None] | None = None
        self._early = list[signal.Signals]()
        self._since, self._timers = InWork(), list[asyncio.TimerHandle]()
        self._before = _handlers()
        _handle(lambda _: self._outside)

    def give_back(self) -> None:
        """Have signals do what they did before, unless the build was stopped by them."""
        if self._ended is None:
            _handle(self._before.__getitem__)

    @contextlib.contextmanager
    def handling(self, task: asyncio.Future[None]) -> Iterator[None]:
        """Stop this task by signals while the block, in its event loop, goes on."""
        loop, self._task = asyncio.get_running_loop(), task
        with contextlib.suppress(RuntimeError, ValueError):  # not in the main thread
            for number in _SIGNALS:
                loop.add_signal_handler(number, self._signalled, number)
        for number in self._early:
            self._signalled(number)
        _at_work.append(lambda: loop.call_soon_threadsafe(self._end))
        try:
            yield
        finally:
            _at_work.pop()
            for timer in self._timers:
                timer.cancel()
            with contextlib.suppress(RuntimeError, ValueError):  # as above: a worker on a cluster is a thread
                for number in _SIGNALS:
                    loop.remove_signal_handler(number)
            _handle(lambda _: self._outside)

    def interrupted(self, where: str) -> Interrupted:
        """Return the error to end with."""
        self._ended = self._ended or time.monotonic()
        waited_for, answered = self._since.requests, self._drain.in_work().answers - self._since.answers
        gained = f", {answered} of the {waited_for} that were in flight among them" if waited_for else ""
        return Interrupted(
            f"interrupted; every answer that had arrived is kept{gained}",
            where=where,
            remedy="run the same command to go on",
        )

    # --- signals ---

    def _outside(self, number: int, frame: FrameType | None) -> None:
        """Take a signal while the event loop begins or ends: a KeyboardInterrupt would leave things behind."""
        if self._task is None:
            self._early.append(signal.Signals(number))
        elif self._ended is None or time.monotonic() - self._ended > _ENDING_SECONDS:
            signal.default_int_handler(number, frame)

    def _signalled(self, number: signal.Signals) -> None:
        now, is_first = time.monotonic(), math.isinf(self._last[number])
        if now - self._last[number] < _ONE_SECONDS[number]:
            return
        self._last[number] = now
        if self._ended is not None:
            if now - self._ended > _ENDING_SECONDS:
                self._end()
            return
        is_deadline = number == signal.SIGTERM and is_first and self._grace > 0
        is_begun = self._drain.is_on
        if not is_begun and (is_deadline or number == signal.SIGINT) and self._drain.in_work().requests:
            self._drain.begin()
            self._since = self._drain.in_work()
            self._still()
        elif not (is_begun and is_deadline):
            self._end()
            return
        if is_deadline:
            self._later(self._grace, self._end)
        self._say(self._waiting_for(self._drain.in_work(), is_deadline=is_deadline))

    def _end(self) -> None:
        self._ended = time.monotonic()
        if self._task is not None:
            self._task.cancel()

    def _waiting_for(self, in_work: InWork, *, is_deadline: bool) -> str:
        most = f" for at most {duration(self._grace)}" if is_deadline else ""
        took = ", how long they take is not known yet"
        if in_work.seconds:
            usual, longest = statistics.median(in_work.seconds), max(in_work.seconds)
            took = f", of which the last ones took {duration(usual)} (median), {duration(longest)} at most"
        again = "Ctrl-C stops" if is_deadline else "Ctrl-C again stops"
        return (
            f"stopping: nothing more is asked; waiting{most} for {_counted(in_work.requests, 'answer')} in flight"
            f" at {_counted(in_work.servers, 'server')}{took}. {again} at once and loses them"
        )

    def _still(self) -> None:
        def remind() -> None:
            if requests := self._drain.in_work().requests:
                self._say(f"still waiting for {_counted(requests, 'answer')}")
            self._still()

        self._later(_STILL_SECONDS, remind)

    def _later(self, seconds: float, do: Callable[[], object]) -> None:
        self._timers.append(asyncio.get_running_loop().call_later(seconds, do))


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
