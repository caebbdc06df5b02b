"""The pool of filter workers: at most `count` texts in work at once, each in a lane of its own (see `zygote`)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import orjson

from builder.document import Document, Verdict
from builder.errors import BuilderError
from builder.filters import universe
from builder.filters.base import FactFilter, Filter, WorkerFilter, Workplace

_WARM_AFTER = 100
"""Texts after which it pays to build the standard library's trees: about 10 CPU-seconds, 300 MB shared."""

_GRACE = 30.0  # seconds beyond the kernel's limits before a lane itself is given up


class _LaneGone(Exception):
    """A lane did not answer."""


@dataclass(slots=True)
class _Lane:
    """A process that measures one text at a time for one filter."""

    key: int
    warmth: int
    pid: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def ask(self, body: bytes, limit: float) -> dict[str, Any]:
        try:
            self.writer.write(struct.pack(">I", len(body)) + body)
            await self.writer.drain()
            answer: dict[str, Any] = await asyncio.wait_for(_frame(self.reader), limit)
        except (asyncio.TimeoutError, asyncio.IncompleteReadError, ConnectionError):
            self.kill()
            raise _LaneGone from None
        except asyncio.CancelledError:
            self.kill()
            raise
        return answer

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self.writer.close()


async def _frame(reader: asyncio.StreamReader) -> Any:  # noqa: ANN401 - whatever JSON holds
    (length,) = struct.unpack(">I", await reader.readexactly(4))
    return orjson.loads(await reader.readexactly(length))


class _Zygote:
    """The process that the lanes of one interpreter are forked from."""

    def __init__(self, python: str, is_bare: bool) -> None:
        folder = Path(tempfile.mkdtemp(prefix="builder-filters-"))
        (folder / "beside").mkdir()
        (folder / "beside" / "source.py").touch()
        if is_bare and python == sys.executable:
            universe.link_packages("pylint", folder / "packages")
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.setblocking(False)
        self.warmed: Counter[int] = Counter()
        script = str(Path(__file__).with_name("zygote.py"))
        with theirs:
            self.process = subprocess.Popen(
                [python, "-s", "-B", *(["-S"] if is_bare else []), script, str(theirs.fileno()), str(folder)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={
                    "PATH": os.environ.get("PATH", ""),
                    "LANG": "C.UTF-8",
                    "HOME": str(folder / "beside"),
                    "PYTHONHASHSEED": "0",
                },
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C reaches the parent alone, which ends its workers itself
            )
        asyncio.get_running_loop().add_reader(self._control, self._hear)

    def _hear(self) -> None:
        try:
            message = self._control.recv(2**16)
        except BlockingIOError:
            return
        if not message:
            asyncio.get_running_loop().remove_reader(self._control)
            return
        self.warmed[orjson.loads(message)["warm"]] += 1

    async def lane(self, key: int, workplace: Workplace, cpu_limit: float) -> _Lane:
        """Fork a lane.

        Raises:
            _LaneGone: The zygote is gone.
            BuilderError: The filter can't be loaded there.
        """
        ours, theirs = socket.socketpair()
        task = {"key": key, "script": workplace.script, "options": workplace.options, "cpu_limit": cpu_limit}
        warmth = self.warmed[key]
        with theirs:
            try:
                socket.send_fds(self._control, [orjson.dumps(task)], [theirs.fileno()])
            except OSError:
                ours.close()
                raise _LaneGone from None
        reader, writer = await asyncio.open_connection(sock=ours)
        try:
            ready = await _frame(reader)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
            raise _LaneGone from None
        if "failed" in ready:
            writer.close()
            raise BuilderError(
                f"a filter worker can't start: {ready['failed']}",
                where=workplace.script or str(workplace.options.get("filter")),
                remedy="if the installation is whole (pip check), this is a bug: please report it",
            )
        return _Lane(key, warmth, ready["pid"], reader, writer)

    def warm(self, key: int) -> None:
        """Ask for the trees that a filter's texts share."""
        with contextlib.suppress(OSError):
            self._control.send(orjson.dumps({"key": key}))

    async def stop(self) -> None:
        """End it and all its lanes."""
        with contextlib.suppress(ValueError):
            asyncio.get_running_loop().remove_reader(self._control)
        self._control.close()
        try:
            await asyncio.to_thread(self.process.wait, 5)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            await asyncio.to_thread(self.process.wait)


class Workers:
    """Filter workers, started as needed. Use as an async context manager."""

    def __init__(self, count: int) -> None:
        self._free = asyncio.Semaphore(count)
        self._keys: dict[bytes, int] = {}
        self._idle: dict[int, list[_Lane]] = {}
        self._texts: Counter[int] = Counter()
        self._zygotes: dict[tuple[str, bool], _Zygote] = {}

    async def __aenter__(self) -> Workers:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for lane in (lane for lanes in self._idle.values() for lane in lanes):
            lane.writer.close()
        await asyncio.gather(*(zygote.stop() for zygote in self._zygotes.values()))

    async def judge(self, name: str, used: Filter, document: Document) -> Verdict:
        """Return what a filter, by the name it has in recipes, says of a document."""
        if isinstance(used, WorkerFilter):
            return await self.verdict(name, used, document.current)
        if not isinstance(used, FactFilter):
            raise TypeError(f"filter {name} looks neither at a text nor at facts")
        measures = used.measure(document)
        return Verdict(measures, used.decide(measures))

    async def verdict(self, name: str, used: WorkerFilter, text: str) -> Verdict:
        """Measure a text and decide on it; a text that kills its worker twice is dropped, saying how."""
        workplace = used.workplace(name)
        key = self._keys.setdefault(orjson.dumps(workplace) + str(used.cpu_limit).encode(), len(self._keys))
        body, answer = orjson.dumps(text), None
        async with self._free:
            for _ in range(2):
                try:
                    lane = await self._lane(key, workplace, used.cpu_limit)
                    answer = await lane.ask(body, 2 * (4 * used.cpu_limit + 10) + _GRACE)
                except _LaneGone:
                    continue
                self._idle.setdefault(key, []).append(lane)
                break
        self._count(key, workplace)
        if answer is None or "died" in answer:
            death = "lost" if answer is None else answer["died"]
            return Verdict(dict.fromkeys(used.measures), drop=f"worker_{death}")
        measures = answer["measures"]
        return Verdict(measures, drop=used.decide(measures), text=measures.get("text"))

    def _count(self, key: int, workplace: Workplace) -> None:
        self._texts[key] += 1
        if self._texts[key] == _WARM_AFTER and workplace.script == "pylint_rows":
            self._zygotes[workplace.python, True].warm(key)

    async def _lane(self, key: int, workplace: Workplace, cpu_limit: float) -> _Lane:
        place = workplace.python, workplace.script is not None
        zygote = self._zygotes.get(place)
        if zygote is None or zygote.process.poll() is not None:
            if zygote is not None:
                await zygote.stop()
            zygote = self._zygotes[place] = _Zygote(*place)
        idle = self._idle.get(key, [])
        while idle:
            lane = idle.pop()
            if lane.warmth == zygote.warmed[key] and not lane.reader.at_eof():
                return lane
            lane.writer.close()  # a colder one than there could be, or one that has ended
        return await zygote.lane(key, workplace, cpu_limit)
