"""The pool of filter workers: at most `count` texts in work at once, each in a lane of its own (see `zygote`)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import Any

import orjson

from builder.document import Verdict
from builder.errors import FilterUnavailable
from builder.filters import universe
from builder.filters.base import WorkerFilter, Workplace

_WARM_AFTER = 100
"""Texts of a filter after which it pays to prepare all that its texts can share."""

_REMEMBERED = 8192
"""Texts whose measures by costly filters are kept: what is on its way between a filter and a check by it."""

_CRASH = f"signal_{signal.SIGSEGV:d}"

_GRACE = 30.0  # seconds beyond the kernel's limits before a lane itself is given up


class _LaneGone(Exception):
    """A lane did not answer."""


@dataclass(frozen=True, slots=True)
class _Job:
    """What lanes are for: equal filters share theirs."""

    key: int
    workplace: Workplace
    cpu_limit: float


@dataclass(slots=True)
class _Lane:
    """A process that measures one text at a time for one filter."""

    warmth: int
    pid: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    lacking: list[str]

    async def ask(self, body: bytes, limit: float) -> dict[str, Any]:
        # What waits hears of the process that is gone. A timer costs a twentieth of a task that could be given up.
        too_late = asyncio.get_running_loop().call_later(limit, self.kill)
        try:
            self.writer.write(struct.pack(">I", len(body)) + body)
            await self.writer.drain()
            answer: dict[str, Any] = await _frame(self.reader)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.kill()
            raise _LaneGone from None
        except asyncio.CancelledError:
            self.kill()
            raise
        finally:
            too_late.cancel()
        return answer

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self.writer.close()


async def _frame(reader: asyncio.StreamReader) -> Any:  # noqa: ANN401 - whatever JSON holds
    (length,) = struct.unpack(">I", await reader.readexactly(4))
    return orjson.loads(await reader.readexactly(length))


class _Interpreter:
    """An interpreter's zygote, seen from outside: where to get lanes from."""

    def __init__(self, python: str, is_bare: bool) -> None:
        self._python = python
        self._folder = Path(tempfile.mkdtemp(prefix="builder-filters-"))
        (self._folder / "beside").mkdir()
        (self._folder / "beside" / "source.py").touch()
        if is_bare and python == sys.executable:
            universe.link_packages("pylint", self._folder / "packages")
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.setblocking(False)
        self._texts: Counter[int] = Counter()
        self.warmth: Counter[int] = Counter()
        script = Path(__file__).with_name("zygote.py")
        flags = ["-s", "-B", *(["-S"] if is_bare else [])]
        with theirs:
            try:
                self._process = subprocess.Popen(
                    [python, *flags, str(script), str(theirs.fileno()), str(self._folder)],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env={
                        "PATH": os.environ.get("PATH", ""),
                        "LANG": "C.UTF-8",
                        "HOME": str(self._folder / "beside"),
                        "PYTHONHASHSEED": "0",
                    },
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,  # Ctrl-C reaches the parent alone, which ends its workers itself
                )
            except OSError as error:
                self._control.close()
                shutil.rmtree(self._folder, ignore_errors=True)
                raise FilterUnavailable(
                    f"it can't be run ({error.strerror})",
                    where=python,
                    remedy="see that this Python is still there, and that processes are not used up",
                ) from error
        asyncio.get_running_loop().add_reader(self._control, self._hear)

    def _hear(self) -> None:
        try:
            message = self._control.recv(2**16)
        except OSError:
            message = b""
        if message:
            self.warmth[orjson.loads(message)["warm"]] += 1
        else:
            asyncio.get_running_loop().remove_reader(self._control)

    def count(self, key: int) -> None:
        """Count a text; once there are enough of them, have prepared what they can share."""
        self._texts[key] += 1
        if self._texts[key] == _WARM_AFTER:
            with contextlib.suppress(OSError):  # it is gone, as the next lane will show
                self._control.send(orjson.dumps({"key": key}))

    async def lane(self, job: _Job) -> _Lane:
        """Fork a lane.

        Raises:
            _LaneGone: The zygote is gone.
            FilterUnavailable: The filter can't be loaded there.
        """
        ours, theirs = socket.socketpair()
        task = {
            "key": job.key,
            "script": job.workplace.script,
            "options": job.workplace.options,
            "cpu_limit": job.cpu_limit,
        }
        warmth = self.warmth[job.key]
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
        except asyncio.CancelledError:
            writer.close()
            raise
        if "failed" in ready:
            writer.close()
            raise FilterUnavailable(
                f"a filter can't be loaded: {ready['failed']}",
                where=f"{job.workplace.script or job.workplace.options['module']}, {self._python}",
                remedy="correct what this names; where nothing of yours is, see that the installation is whole"
                " (`pip check`), then report this as a bug",
            )
        return _Lane(warmth, ready["pid"], reader, writer, ready["lacking"])

    async def stop(self) -> None:
        """End it and all its lanes."""
        asyncio.get_running_loop().remove_reader(self._control)
        self._control.close()
        try:
            await asyncio.to_thread(self._process.wait, 5)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            await asyncio.to_thread(self._process.wait)
        shutil.rmtree(self._folder, ignore_errors=True)  # of one that was killed


class Workers:
    """Filter workers, started as needed. Use as an async context manager."""

    def __init__(self, count: int, say: Callable[[str], None] = lambda _: None) -> None:
        """Set up for `count` texts at once; `say` is told, once, what the platform does not deny workers."""
        self._say, self._lacking = say, set[str]()
        self._free = asyncio.Semaphore(count)
        self._jobs: dict[bytes, _Job] = {}
        self._job_of: dict[int, tuple[WorkerFilter, _Job]] = {}
        self._idle: defaultdict[int, list[_Lane]] = defaultdict(list)
        self._interpreters: dict[tuple[str, bool], _Interpreter] = {}
        self._broken: list[_Interpreter] = []
        self._recent: dict[tuple[int, bytes], dict[str, Any]] = {}  # of costly filters, the oldest first

    async def __aenter__(self) -> Workers:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for lane in (lane for lanes in self._idle.values() for lane in lanes):
            lane.writer.close()
        await asyncio.gather(*(one.stop() for one in (*self._interpreters.values(), *self._broken)))

    async def verdict(self, used: WorkerFilter, content: str | Sequence[str]) -> Verdict:
        """Measure a text (or what else `used` measures) and decide on it.

        One that kills its worker twice is dropped, saying how.

        Raises:
            FilterUnavailable: No worker can be started.
        """
        job, body = self._job(used), orjson.dumps(content)
        place = (job.key, blake2b(body, digest_size=16).digest()) if used.is_costly else None
        measures = self._recent.get(place) if place else None
        if measures is None:
            async with self._free:
                answer = await self._answer(job, body)
            measures = used.crashed() if answer.get("died") == _CRASH else answer.get("measures")
            if measures is None:
                return Verdict(dict.fromkeys(used.measures), drop=f"worker_{answer['died']}")
            if place:
                self._recent[place] = measures
                if len(self._recent) > _REMEMBERED:
                    del self._recent[next(iter(self._recent))]
        return Verdict(measures, drop=used.decide(measures), text=measures.get("text"))

    def _job(self, used: WorkerFilter) -> _Job:
        """Return a filter's job, found out once: it is asked for with every text."""
        known = self._job_of.get(id(used))
        if known is None:
            workplace = used.workplace()
            described = orjson.dumps([asdict(workplace), used.cpu_limit])
            job = self._jobs.setdefault(described, _Job(len(self._jobs), workplace, used.cpu_limit))
            known = self._job_of[id(used)] = used, job  # held on to, or another could get its id
        return known[1]

    async def _answer(self, job: _Job, body: bytes) -> dict[str, Any]:
        for _ in range(2):
            lane = await self._lane(job)
            try:
                answer = await lane.ask(body, 2 * (4 * job.cpu_limit + 10) + _GRACE)
            except _LaneGone:
                continue
            self._idle[job.key].append(lane)
            return answer
        return {"died": "lost"}

    async def _lane(self, job: _Job) -> _Lane:
        place = job.workplace.python, job.workplace.script is not None
        for _ in range(2):
            interpreter = self._interpreters.get(place) or _Interpreter(*place)
            self._interpreters[place] = interpreter
            interpreter.count(job.key)
            idle = self._idle[job.key]
            while idle:
                lane = idle.pop()
                if lane.warmth == interpreter.warmth[job.key] and not lane.reader.at_eof():
                    return lane
                lane.writer.close()  # a colder one than there could be, or one that has ended
            try:
                lane = await interpreter.lane(job)
                self._tell(lane.lacking)
                return lane
            except _LaneGone:
                if self._interpreters.get(place) is interpreter:
                    self._broken.append(self._interpreters.pop(place))
        raise FilterUnavailable(
            "filter workers end as they start",
            where=job.workplace.python,
            remedy="see that this Python runs, is 3.9 or newer, and that memory and processes are not used up",
        )

    def _tell(self, lacking: list[str]) -> None:
        if not self._lacking.issuperset(lacking):
            self._lacking.update(lacking)
            self._say(f"this machine does not give filter workers: {', '.join(lacking)}; see docs/filters.md")
