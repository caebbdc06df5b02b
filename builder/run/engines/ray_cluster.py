"""A Ray cluster: reaching it, seeing that its nodes can work on a run, and having workers placed there."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import signal
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from builder.errors import NothingToTalkTo, UsageError
from builder.run.engines.ray_actor import Host, WorkerActor, look

if TYPE_CHECKING:
    from builder.run.fence import Fence

_SETTINGS = ("BUILDER_", "HF_", "AWS_")  # what names of settings begin with that a worker needs as well
_LOOK_SECONDS = 60.0
_REACH_SECONDS = 5.0
_AGAIN = "then run the same command, which goes on"


class ClusterError(NothingToTalkTo):
    """The Ray cluster can't be reached, or is no more."""


@dataclass(slots=True)
class Cluster:
    """A cluster that this process is connected to.

    Attributes:
        address: As the user named it.
        worker_cpus: CPUs of each worker.
        token: What its nodes have to find in a run's directory.
    """

    address: str
    worker_cpus: int
    token: str = field(default_factory=lambda: secrets.token_hex(16))

    @classmethod
    def reach(cls, address: str | None, worker_cpus: int | None) -> Cluster:
        """Connect to a cluster, unless this process is.

        Raises:
            ClusterError: There is none, or of another version.
            UsageError: None of its nodes has so many CPUs.
        """
        address = address or os.environ.get("RAY_ADDRESS") or "auto"
        if address.startswith("ray://"):
            raise UsageError(
                "Ray's client is not enough for a build",
                where=f"--address {address}",
                remedy="run the command on a node of the cluster with --address auto (`ray job submit` does)",
            )
        if not ray.is_initialized():
            with _own_signals():
                _connect(address)
        cpus = sorted(int(node["Resources"].get("CPU", 0)) for node in _alive())
        most = cpus[-1] if cpus else 0
        given = worker_cpus or next((count for count in cpus if count), 1)
        if given > most:
            raise UsageError(
                f"no node of the cluster has {given} CPUs, the largest has {most}",
                where="--worker-cpus" if worker_cpus else f"--address {address}",
                remedy=f"--worker-cpus {most} or less"
                if most
                else "start nodes that have some (`ray start --num-cpus`)",
            )
        return cls(address, given)

    @property
    def room(self) -> int:
        """How many workers the cluster has room for, if nobody else uses it."""
        return sum(int(node["Resources"].get("CPU", 0)) // self.worker_cpus for node in _alive())

    @property
    def is_there(self) -> bool:
        """Whether the cluster's head can be reached; may take seconds."""
        return _why_not_there(str(ray.get_runtime_context().gcs_address)) is None

    def gone(self) -> ClusterError:
        """Return what is said when the head is no more."""
        return ClusterError(
            "the head of the Ray cluster does not answer any more; every answer that had arrived is kept",
            where=f"--address {self.address}",
            remedy=f"start the cluster anew (`ray start --head`, `ray start --address` on its nodes), {_AGAIN}",
        )

    def see_nodes(self, fence: Fence) -> list[Host]:
        """Have every node read and write in a run's directory; return what they said.

        Raises:
            ClusterError: A node can't, or has other versions.
        """
        (fence.folder / "look").write_text(self.token)
        asked = {}
        for node in _alive():
            there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            remote = ray.remote(look).options(num_cpus=0, scheduling_strategy=there, max_retries=0)
            asked[remote.remote(fence.folder.absolute(), self.token)] = node
        ray.wait(list(asked), num_returns=len(asked), timeout=_LOOK_SECONDS)
        hosts = []
        for answer, node in asked.items():
            name = node["NodeManagerHostname"]
            try:
                host: Host = ray.get(answer, timeout=0)
            except (RayError, TimeoutError) as error:
                if node["NodeID"] not in {one["NodeID"] for one in _alive()}:
                    continue  # it has died meanwhile, or had before and Ray did not know
                raise ClusterError(_why(error), where=f"node {name}", remedy=_mended(name)) from None
            hosts.append(host)
            self.check(host)
        return hosts

    def check(self, host: Host) -> None:
        """See that a node can work on the run.

        Raises:
            ClusterError: It can't see the run's directory, or has other versions.
        """
        if host.trouble is not None:
            raise ClusterError(
                f"the run's directory can't be read and written there: {host.trouble}",
                where=f"node {host.name}",
                remedy="put the run where all nodes see it under one path (--run DIR on a shared file system), or"
                f" take the node out of the cluster, {_AGAIN}",
            )
        mine = look(Path(os.devnull), "").versions
        for name, needed in mine.items():
            if host.versions[name] != needed:
                raise ClusterError(
                    f"it has {name} {host.versions[name]}, here it is {needed}: tables might differ",
                    where=f"node {host.name}",
                    remedy=_mended(host.name),
                )

    def worker(self, *, is_here: bool) -> Any:  # noqa: ANN401 - Ray's handles have no type
        """Return a new worker, which Ray places when and where there is room; `is_here`: on this node."""
        strategy: object = "SPREAD"
        if is_here:
            strategy = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        cpus = 0 if is_here else self.worker_cpus  # the model that is served here has them, too
        options = ray.remote(WorkerActor).options(
            num_cpus=cpus, scheduling_strategy=strategy, max_restarts=0, max_concurrency=16
        )
        return options.remote()


def settings() -> Mapping[str, str]:
    """Return the settings of this process's environment that a worker needs as well."""
    return {name: value for name, value in os.environ.items() if name.startswith(_SETTINGS)}


def _alive() -> list[dict[str, Any]]:
    return [node for node in ray.nodes() if node["Alive"]]


def _connect(address: str) -> None:
    remedy = (
        "start one (`ray start --head`; on other machines `ray start --address HEAD:6379`), name its head by"
        " --address HOST:PORT, and run the command on one of its nodes"
    )
    if ":" in address and (why := _why_not_there(address)) is not None:  # Ray itself would try for minutes
        raise ClusterError(f"no Ray cluster is found ({why})", where=f"--address {address}", remedy=remedy)
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, configure_logging=False)
    except (ConnectionError, ValueError, RuntimeError, RayError) as error:
        what = str(error).strip().partition("\n")[0]
        is_other = "version mismatch" in what.lower()
        raise ClusterError(
            what if is_other else f"no Ray cluster is found ({what})",
            where=f"--address {address}",
            remedy="have one version of Ray and of Python on all nodes" if is_other else remedy,
        ) from None


def _why_not_there(address: str) -> str | None:
    """Return why nothing can be reached at HOST:PORT, None where something can; may take seconds."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _REACH_SECONDS).close()
    except (OSError, ValueError, OverflowError) as error:
        return getattr(error, "strerror", None) or str(error)
    return None


@contextlib.contextmanager
def _own_signals() -> Iterator[None]:
    """Keep this process's handlers: Ray puts its own in their places."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            with contextlib.suppress(ValueError):  # not in the main thread
                signal.signal(number, handler)


def _why(error: Exception) -> str:
    if "No module named" in str(error) or "ModuleNotFoundError" in str(error):
        return "this package, or one that it needs, is not installed there"
    if isinstance(error, TimeoutError):
        return f"it has not answered for {_LOOK_SECONDS:.0f} s"
    return f"nothing can be run there: {str(error).strip().partition(chr(10))[0]}"


def _mended(name: str) -> str:
    return (
        f"install the same versions on {name} as here, for the Python that `ray start` is run with, or take it out"
        f" of the cluster, {_AGAIN}"
    )
