"""Running a build's event loop: until it is through, a user stops it, or an error ends it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
from collections.abc import Coroutine, Iterator
from typing import Any

import uvloop

from builder.errors import BuilderError, Interrupted
from builder.run.directory import Run

_STOPPING = signal.SIGINT, signal.SIGTERM
# That outlive their makers, between looks of the garbage collector: 2,000 requests in flight make fewer. With
# 50,000 a look came each second or two, and took 80 ms.
_ALLOCATIONS = 250_000


def run_interruptible(work: Coroutine[Any, Any, None], run: Run) -> None:
    """Run the build; Ctrl-C or SIGTERM stops it at the next point where nothing is lost."""

    async def watched() -> None:
        task = asyncio.ensure_future(work)
        loop = asyncio.get_running_loop()
        with contextlib.suppress(RuntimeError, ValueError):  # not in the main thread
            for number in _STOPPING:
                loop.add_signal_handler(number, task.cancel)
        try:
            await task
        except asyncio.CancelledError:
            raise Interrupted(
                "interrupted; every answer that had arrived is kept",
                where=str(run.path),
                remedy="run the same command to go on",
            ) from None
        finally:
            with contextlib.suppress(RuntimeError, ValueError):
                for number in _STOPPING:  # uvloop's end leaves them, and Ctrl-C would do nothing any more
                    loop.remove_signal_handler(number)

    try:
        with _rare_collections():
            uvloop.run(watched())
    except BaseException as error:  # noqa: BLE001 - always raised again
        raise _first(error) from None


@contextlib.contextmanager
def _rare_collections() -> Iterator[None]:
    """Have the garbage collector look seldom, and never at what was there before.

    Thousands of documents on their way are much to look through and hold little garbage: looking as often as usual
    takes more time than all the rest, in pauses of the event loop.
    """
    thresholds = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()


def _first(error: BaseException) -> BaseException:
    """Return the error that a task group's failure is about: a user meets one cause, not a tree."""
    while isinstance(getattr(error, "exceptions", None), tuple):
        inner = error.exceptions  # type: ignore[attr-defined] # ExceptionGroup, a builtin only since 3.11
        error = next((one for one in inner if isinstance(one, BuilderError)), inner[0])
    return error
