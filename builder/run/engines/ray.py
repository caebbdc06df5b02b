"""The engine on a Ray cluster: workers are actors, spread over its nodes; placing them is Ray's."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import replace

from builder.draining import Drain
from builder.run.answering import Answering
from builder.run.answers.index import AnswerIndex
from builder.run.answers.sources import RunAnswers
from builder.run.engines.crew import Crew
from builder.run.engines.hand_out import Tasks
from builder.run.engines.ray_cluster import Cluster
from builder.run.interruptible import run_interruptible
from builder.run.job import Job, Listener, Said
from builder.run.plan import Task

SILENCE = 60.0
"""Seconds without a word after which a worker is given up."""

_NAMED = 8


class RayEngine:
    """See `builder.run.job.Engine`."""

    def __init__(
        self, address: str | None = None, worker_cpus: int | None = None, silence: float = SILENCE
    ) -> None:
        """Reach nothing yet: a run that is done needs no cluster.

        Args:
            address: The cluster's; None for the one that this machine belongs to.
            worker_cpus: CPUs, and filter processes, of each worker; None for as many as a node has.
            silence: Seconds without a word after which a worker is given up.
        """
        self._address, self._worker_cpus, self._silence = address, worker_cpus, silence
        self._cluster: Cluster | None = None

    def __call__(self, job: Job, tasks: Iterable[Task], again: Iterable[int], listen: Listener) -> None:
        """Do the tasks on the cluster.

        Raises:
            ClusterError: It can't be reached, or a node can't work on the run.
            BuilderError: Any other, of a worker's.
        """

        with contextlib.redirect_stdout(sys.stderr):  # where Ray says that a node died, say: stdout is for results
            self._have_done(job, tasks, again, listen)

    def _have_done(self, job: Job, tasks: Iterable[Task], again: Iterable[int], listen: Listener) -> None:
        def say(text: str) -> None:
            listen(Said(text))

        cluster = self._reached(job, say)
        planned = list(tasks)
        todo, drain = Tasks(planned, again), Drain()
        if len(planned) == 1 and len(planned[0].shards) > 1:
            say("ids, or --limit, go by what lies before: one worker reads these shards, in order")
        if job.rewrites:
            job = _with_model(job, listen)
            with closing(AnswerIndex(RunAnswers(job.run), job.run.layout.answers, job.run.fence)):
                pass  # what it lacks is indexed here once, not by each worker
        crew = Crew(cluster, job, todo, listen, drain, self._silence)
        run_interruptible(crew.work, job.run, drain, job.options.grace, say)

    def _reached(self, job: Job, say: Callable[[str], None]) -> Cluster:
        if self._cluster is not None:
            return self._cluster
        cluster = Cluster.reach(self._address, self._worker_cpus)
        hosts = cluster.see_nodes(job.run.fence)
        names = sorted({host.name for host in hosts})
        nodes = f"{len(hosts)} node{'' if len(hosts) == 1 else 's'}"
        say(
            f"{nodes} ({', '.join(names[:_NAMED])}{' …' if len(names) > _NAMED else ''}); workers of"
            f" {cluster.worker_cpus} CPUs; what each says is in {job.run.layout.worker_log('WORKER')}"
        )
        self._cluster = cluster
        return cluster


def _with_model(job: Job, listen: Listener) -> Job:
    """Return the job with the model pinned: before any worker asks, so that all have the same.

    Raises:
        BuilderError: No server answers, or with another model.
    """
    if job.run.model is None:
        drain = Drain()

        def say(text: str) -> None:
            listen(Said(text))

        answering = Answering(job.loaded, job.run, job.options, say, drain)

        async def pin() -> None:
            async with answering.servers(job.generator, job.stages):
                pass

        run_interruptible(pin, job.run, drain, job.options.grace, say)
    return job.with_generator(replace(job.generator, tokens=job.run.control_tokens))
