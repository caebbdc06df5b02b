"""Engines: functions that have a job's tasks done (see `builder.run.job`), by the name that a user gives."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Literal

from builder.errors import UsageError
from builder.run.engines import local
from builder.run.job import Engine

NAMES: Mapping[str, str] = {"local": "in this process", "ray": "by workers on a Ray cluster"}

Name = Literal["local", "ray"]


def engine_named(name: Name, address: str | None = None, worker_cpus: int | None = None) -> Engine:
    """Return an engine.

    Args:
        name: Which.
        address: Of a cluster; None for the one that this machine belongs to.
        worker_cpus: CPUs of each of its workers; None for as many as a node has.

    Raises:
        UsageError: What it needs is not installed, or it has no use for one of the arguments.
    """
    if name == "local":
        if address is not None or worker_cpus is not None:
            option = "--worker-cpus" if address is None else "--address"
            raise UsageError(f"{option} is for a cluster", remedy="add --engine ray, or leave it out")
        return local.run
    if find_spec("ray") is None:
        raise UsageError("Ray is not installed", where="--engine ray", remedy="pip install 'swallow-builder[ray]'")
    from builder.run.engines.ray import RayEngine

    return RayEngine(address, worker_cpus)
