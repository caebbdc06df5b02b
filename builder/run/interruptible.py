"""Running a build's event loop: until it is through, a user stops it, or an error ends it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import uvloop

from builder.draining import Drain
from builder.errors import BuilderError
from builder.run.directory import Run
from builder.run.stopping import Stopping

# That outlive their makers, between looks of the garbage collector: 2,000 requests in flight make fewer. With
# 50,000 a look came each second or two, and took 80 ms.
_ALLOCATIONS = 250_000


def run_interruptible(
    work: Callable[[], Coroutine[Any, Any, None]], run: Run, drain: Drain, grace: float, say: Callable[[str], None]
) -> None:
    """Run the build, which Ctrl-C and SIGTERM stop; for the arguments see `Stopping`.

    To be called in a block of `interrupted_once`.

    Raises:
        Interrupted: It was stopped; what was answered is journalled.
        BuilderError: Any other, of the build's own.
    """

    async def watched() -> None:
        task = asyncio.ensure_future(work())
        with stopping.handling(task):
            try:
                await task
            except asyncio.CancelledError:
                raise stopping.interrupted(str(run.path)) from None
        if drain.is_on:
            raise stopping.interrupted(str(run.path))

    stopping = Stopping(drain, grace, say)
    try:
        with _rare_collections():
            uvloop.run(watched())
    except BaseException as error:  # noqa: BLE001 - always raised again
        raise _first(error) from None
    finally:
        stopping.give_back()


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
