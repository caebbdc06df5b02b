"""The engine with one worker, in this process, which Ctrl-C and SIGTERM stop."""

from __future__ import annotations

from collections.abc import Iterable

from builder.draining import Drain
from builder.run.interruptible import run_interruptible
from builder.run.job import Job, Listener, Said
from builder.run.plan import Task
from builder.run.worker import Worker


def run(job: Job, tasks: Iterable[Task], again: Iterable[int], listen: Listener) -> None:
    """Do the tasks here; see `builder.run.job.Engine`."""
    drain = Drain()

    def say(text: str) -> None:
        listen(Said(text))

    with Worker(job, listen, drain) as worker:
        run_interruptible(lambda: worker.work(tasks, again), job.run, drain, job.options.grace, say)
