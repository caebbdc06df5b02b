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
from typing import Any

from builder.draining import Drain, InWork
from builder.errors import Interrupted
from builder.run.progress import duration

SIGNALS = signal.SIGINT, signal.SIGTERM
"""What stops a build."""

# Two signals so close together are one: what runs the command (`conda run`, `srun`) may hand on what the process
# has got from the terminal, or from Slurm, itself. Nobody presses Ctrl-C twice in so short a time.
_ONE_SECONDS = {signal.SIGINT: 0.02, signal.SIGTERM: 1.0}
_STILL_SECONDS = 30.0  # between reminders of what is waited for

_at_work: list[Callable[[], Any]] = []  # ends the build that this process is at, from any thread


def end_build() -> None:
    """Have this process end its build, from any thread, and wait for nothing: it has no right to it any more."""
    for end in _at_work:
        with contextlib.suppress(RuntimeError):  # its event loop has just ended
            end()
            return
    os.kill(os.getpid(), signal.SIGINT)  # it does something else for the build, which Ctrl-C ends


class Stopping:
    """What signals do to one build, whose event loop runs in the main thread."""

    def __init__(self, drain: Drain, task: asyncio.Future[None], grace: float, say: Callable[[str], None]) -> None:
        """Stop a build.

        Args:
            drain: Has it begin nothing more.
            task: The build.
            grace: Seconds that answers are waited for after a SIGTERM.
            say: Called with what a user should know.
        """
        self._drain, self._task, self._grace, self._say = drain, task, grace, say
        self._last = dict.fromkeys(SIGNALS, -math.inf)  # when each came, `time.monotonic()`
        self._since, self._timers = InWork(), list[asyncio.TimerHandle]()

    @contextlib.contextmanager
    def handling(self) -> Iterator[None]:
        """Take the process's signals while the block goes on."""
        loop, before = asyncio.get_running_loop(), {number: signal.getsignal(number) for number in SIGNALS}
        try:
            for number in SIGNALS:
                loop.add_signal_handler(number, self._signalled, number)
        except (RuntimeError, ValueError):  # not in the main thread
            before.clear()
        _at_work.append(lambda: loop.call_soon_threadsafe(self._task.cancel))
        try:
            yield
        finally:
            _at_work.pop()
            for timer in self._timers:
                timer.cancel()
            for number, handler in before.items():  # the loop's end leaves its own, which do nothing any more
                loop.remove_signal_handler(number)
                signal.signal(number, handler)

    def interrupted(self, where: str) -> Interrupted:
        """Return the error to end with."""
        waited_for, answered = self._since.requests, self._drain.in_work().answers - self._since.answers
        gained = f", {answered} of the {waited_for} that were in flight among them" if waited_for else ""
        return Interrupted(
            f"interrupted; every answer that had arrived is kept{gained}",
            where=where,
            remedy="run the same command to go on",
        )

    # --- signals ---

    def _signalled(self, number: signal.Signals) -> None:
        now, is_first = time.monotonic(), math.isinf(self._last[number])
        if now - self._last[number] < _ONE_SECONDS[number]:
            return
        self._last[number] = now
        is_deadline = number == signal.SIGTERM and is_first and self._grace > 0
        if not self._drain.is_on and (is_deadline or number == signal.SIGINT) and self._drain.in_work().requests:
            self._drain.begin()
            self._since = self._drain.in_work()
            self._still()
        elif not (self._drain.is_on and is_deadline):
            self._task.cancel()
            return
        if is_deadline:
            self._later(self._grace, self._task.cancel)
        self._say(self._waiting_for(self._since if is_first else self._drain.in_work(), is_deadline=is_deadline))

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
            in_work = self._drain.in_work()
            if in_work.requests:
                self._say(f"still waiting for {_counted(in_work.requests, 'answer')}")
            self._still()

        self._later(_STILL_SECONDS, remind)

    def _later(self, seconds: float, do: Callable[[], object]) -> None:
        self._timers.append(asyncio.get_running_loop().call_later(seconds, do))


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
