"""The pool of filter workers: each measures one text at a time; a death costs one text one more try, alone."""

from __future__ import annotations

import asyncio
import contextlib
import os
import struct
import sys
import tempfile
from types import TracebackType

import orjson

from builder.document import Verdict
from builder.filters.base import Measures, TextFilter


class _Died(Exception):
    """The worker did not answer; carries what ended it."""


class _Worker:
    """One child process, started at its first text and again after a death."""

    def __init__(self, home: str) -> None:
        self._home = home
        self._process: asyncio.subprocess.Process | None = None

    async def measure(self, name: str, measurer: TextFilter, text: str) -> Measures:
        process = self._process or await self._start()
        request = {"filter": name, "options": measurer.model_dump(), "text": text}
        body = orjson.dumps(request)
        try:
            return await asyncio.wait_for(self._exchange(process, body), measurer.cpu_limit)
        except asyncio.TimeoutError:
            await self.stop()
            raise _Died("time_limit") from None
        except (asyncio.IncompleteReadError, ConnectionError, struct.error):
            code = await process.wait()
            self._process = None
            raise _Died(f"signal_{-code}" if code < 0 else f"exit_{code}") from None
        except asyncio.CancelledError:
            await self.stop()
            raise

    async def _start(self) -> asyncio.subprocess.Process:
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "LANG": "C.UTF-8",
            "HOME": self._home,
            "PYTHONHASHSEED": "0",
        }
        command = [sys.executable, "-I", "-m", "builder.filters.worker"]
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            *command,
            stdin=pipe,
            stdout=pipe,
            stderr=asyncio.subprocess.DEVNULL,
            cwd=self._home,
            env=environment,
            start_new_session=True,  # Ctrl-C reaches the parent alone, which ends its workers itself
        )
        return self._process

    @staticmethod
    async def _exchange(process: asyncio.subprocess.Process, body: bytes) -> Measures:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("a worker without pipes")
        process.stdin.write(struct.pack(">I", len(body)) + body)
        await process.stdin.drain()
        (length,) = struct.unpack(">I", await process.stdout.readexactly(4))
        answer = orjson.loads(await process.stdout.readexactly(length))
        if "raised" in answer:
            raise _Died(f"raised_{answer['raised']}")
        measures: Measures = answer["measures"]
        return measures

    async def stop(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
            self._process = None


class Workers:
    """`count` filter workers, started as needed. Use as an async context manager."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._idle: asyncio.LifoQueue[_Worker] = asyncio.LifoQueue()

    async def __aenter__(self) -> Workers:
        self._folder = tempfile.TemporaryDirectory(prefix="builder-workers-")
        self._workers = [_Worker(self._folder.name) for _ in range(self._count)]
        for worker in self._workers:
            self._idle.put_nowait(worker)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers:
            await worker.stop()
        self._folder.cleanup()

    async def verdict(self, name: str, measurer: TextFilter, text: str) -> Verdict:
        """Measure a text and decide on it; a text that kills its worker twice is dropped, saying how."""
        worker = await self._idle.get()
        try:
            try:
                measures = await worker.measure(name, measurer, text)
            except _Died:
                # The texts before it may have worn the worker out: once more, in a fresh one.
                await worker.stop()
                measures = await worker.measure(name, measurer, text)
        except _Died as death:
            return Verdict(record=dict.fromkeys(measurer.measures), drop=f"worker_{death}")
        finally:
            self._idle.put_nowait(worker)
        return Verdict(record=measures, drop=measurer.decide(measures), text=measures.get("text"))
