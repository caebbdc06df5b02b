"""A worker as a Ray actor: it does tasks in a thread, and tells of them to whoever polls."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import platform
import queue
import socket
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from builder.draining import Drain, InWork
from builder.errors import BuilderError, Interrupted
from builder.run.build_options import BuildOptions
from builder.run.fence import Fence

if TYPE_CHECKING:
    from builder.run.job import Event, Job
    from builder.run.plan import Task
    from builder.run.worker import Worker

_POLL_SECONDS = 2.0  # that a poll waits for something to tell
_TOGETHER_SECONDS = 0.2  # that more is waited for then


@dataclass(frozen=True, slots=True)
class Host:
    """What a node's Python says of itself, and of the run's directory.

    Attributes:
        name: The machine's name.
        versions: Of Python, this package and what writes the table.
        trouble: Why the run's directory can't be used from there, None where it can.
    """

    name: str
    versions: Mapping[str, str]
    trouble: str | None = None


def look(folder: Path, token: str) -> Host:
    """Read what the coordinator wrote into a folder of the run, and write an answer beside it."""
    versions = {"python": platform.python_version()}
    versions |= {name: version(name) for name in ("swallow-builder", "pyarrow")}
    name, trouble = socket.gethostname(), None
    try:
        found = (folder / "look").read_text()
        if found != token:
            trouble = f"{folder} is another one there"
        (folder / f"seen-{name}-{os.getpid()}").write_text(token)
    except OSError as error:
        trouble = f"{error.filename}: {error.strerror}"
    return Host(name, versions, trouble)


@dataclass(frozen=True, slots=True)
class Report:
    """What a worker tells when it is polled.

    Attributes:
        events: What happened since the last poll.
        in_work: What its servers have in work.
        servers: The servers that it asks or has requests at.
        has_ended: It does nothing any more.
        error: What ended it, None where it had come to its end.
    """

    events: list[Event] = field(default_factory=list)
    in_work: InWork = field(default_factory=InWork)
    servers: tuple[str, ...] = ()
    has_ended: bool = False
    error: BaseException | None = None


class WorkerActor:
    """One of many workers; its methods may be called while others wait."""

    def __init__(self) -> None:
        """Do nothing yet."""
        from builder.arrow import spare_memory
        from builder.open_files import raise_limit

        spare_memory()
        raise_limit()
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._drain = Drain()
        self._worker: Worker | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed = threading.Condition()
        self._events: list[Event] = []
        self._has_ended = False
        self._error: BaseException | None = None

    def hello(self, folder: Path, token: str, directory: str, environment: Mapping[str, str]) -> Host:
        """Take on the coordinator's directory, for relative paths, and its settings; see `look` for the rest."""
        with contextlib.suppress(OSError):
            os.chdir(directory)
        for name, value in environment.items():
            os.environ.setdefault(name, value)
        return look(folder, token)

    def start(self, job: Job, fence: Fence, options: BuildOptions) -> None:
        """Begin with a job, under this fence."""
        log = job.run.layout.worker_log(fence.worker)
        log.parent.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(log)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        logging.getLogger("builder").addHandler(handler)
        self._log = logging.getLogger("builder.worker")
        logging.getLogger("builder").setLevel(logging.INFO)
        self._log.info(
            "begins on %s, process %d, with %d CPUs", socket.gethostname(), os.getpid(), options.workers
        )
        threading.Thread(target=self._work, args=(job.for_worker(fence, options),), daemon=True).start()

    def give(self, task: Task) -> None:
        """Have a task done behind those before."""
        self._tasks.put(task)

    def close(self) -> None:
        """Have it end when all is done that it was given."""
        self._tasks.put(None)

    def drain(self) -> None:
        """Have it begin nothing more, and end when what servers are at is answered."""
        self._tasks.put(None)
        if self._loop is None:
            self._drain.begin()
        else:
            self._loop.call_soon_threadsafe(self._drain.begin)

    def poll(self) -> Report:
        """Wait until there is something to tell, or for a while, and tell it."""
        with self._changed:
            self._changed.wait_for(lambda: self._events or self._has_ended, _POLL_SECONDS)
        time.sleep(_TOGETHER_SECONDS)
        with self._changed:
            events, self._events = self._events, []
            has_ended, error = self._has_ended, self._error
        servers = tuple(self._worker.servers) if self._worker is not None and not has_ended else ()
        return Report(events, self._drain.in_work(), servers, has_ended, error)

    def _listen(self, event: Event) -> None:
        from builder.run.job import Said, ShardDone

        if isinstance(event, Said):
            self._log.info("%s", event.text)
        elif isinstance(event, ShardDone):
            self._log.info("shard %d is in the table", event.shard)
        with self._changed:
            self._events.append(event)
            self._changed.notify_all()

    def _given(self) -> Iterator[Task]:
        while (task := self._tasks.get()) is not None:
            self._log.info("task %s", task)
            yield task

    def _work(self, job: Job) -> None:
        from builder.run.interruptible import run_interruptible
        from builder.run.worker import Worker

        error: BaseException | None = None

        async def work(worker: Worker) -> None:
            self._loop = asyncio.get_running_loop()
            await worker.work(self._given(), ())

        try:
            with Worker(job, self._listen, self._drain) as worker:
                self._worker = worker
                run_interruptible(lambda: work(worker), job.run, self._drain, 0.0, self._log.info)
        except Interrupted:
            self._log.info("ends: the build is stopped")
        except BaseException as raised:  # noqa: BLE001 - the coordinator raises it
            error = self._told(raised)
        self._log.info("ends")
        with self._changed:
            self._has_ended, self._error = True, error
            self._changed.notify_all()

    def _told(self, error: BaseException) -> BaseException:
        """Return an error as another process can read it."""
        from builder.files import storage_error

        if isinstance(error, BuilderError):
            self._log.error("%s", error)
            return error
        if isinstance(error, Exception) and (refused := storage_error(error)) is not None:
            self._log.error("%s", refused)
            return refused
        told = "".join(traceback.format_exception(error))
        self._log.error("%s", told)
        return RuntimeError(told)
