"""Commits in groups: answers that arrive together share one `fdatasync`, so that it costs next to nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import ParamSpec, TypeVar

from builder.run.answers.log import Log

_GROUP_SECONDS = 0.01  # that an answer waits for others: one alone would cost a hop to a thread and a sync

Parameters = ParamSpec("Parameters")
Given = TypeVar("Given")


class GroupCommits:
    """The one writer of a log. Use as an async context manager."""

    def __init__(self, log: Log) -> None:
        """Write to `log`, which is closed at the end."""
        self._log = log
        self._pending: list[tuple[str, bytes, asyncio.Future[None]]] = []
        self._wake = asyncio.Event()
        # A thread of its own: shards being written may keep all of the shared ones.
        self._thread = ThreadPoolExecutor(1, "log")

    async def __aenter__(self) -> GroupCommits:
        self._committer = asyncio.create_task(self._commit_groups())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._committer.cancel()
        # What arrived while the last group was being written is paid for, too. A second Ctrl-C would come in at an
        # await: it has to wait for the disk.
        last = self._thread.submit(self._log.write, [(key, line) for key, line, _ in self._pending])
        closed = self._thread.submit(self._log.close)
        self._thread.shutdown()
        await asyncio.gather(self._committer, return_exceptions=True)
        if error is None:  # else there is an error to tell already
            closed.result()
            if refused := last.result()[1]:
                raise refused

    async def commit(self, key: str, line: bytes) -> None:
        """Return when a line is on disk.

        Raises:
            StorageError: The disk refuses.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pending.append((key, line, done))
        self._wake.set()
        await done

    async def in_thread(
        self, function: Callable[Parameters, Given], *arguments: Parameters.args, **named: Parameters.kwargs
    ) -> Given:
        """Call a function in the thread that writes. It is called even if the caller is cancelled meanwhile."""
        return await asyncio.shield(asyncio.wrap_future(self._thread.submit(function, *arguments, **named)))

    async def _commit_groups(self) -> None:
        while True:
            await self._wake.wait()
            await asyncio.sleep(_GROUP_SECONDS)
            self._wake.clear()
            group, self._pending = self._pending, []
            kept, refused = await self.in_thread(self._log.write, [(key, line) for key, line, _ in group])
            for number, (_, _, done) in enumerate(group):
                if done.done():
                    continue
                if number < kept or refused is None:
                    done.set_result(None)
                else:
                    done.set_exception(refused)
