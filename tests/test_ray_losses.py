"""Workers, nodes, drivers and heads that are lost, on a real Ray cluster (`make test-ray`)."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from builder.recipe_file import load_recipe
from builder.run.build import build
from tests.ray_support import (
    Meanwhile,
    at_work,
    chain_command,
    check,
    double,
    engine,
    has_ended,
    is_in_the_middle,
    options,
    parent_of,
    ray_chain,
    started,
    state_of,
    until,
    written,
)
from tests.support import start
from tests.tgi_double import TgiDouble

pytest.importorskip("ray")
pytestmark = [pytest.mark.ray, pytest.mark.timeout(300)]
pytest_plugins = ["tests.ray_support"]


def test_a_worker_that_is_killed(
    cluster: Any, calm: dict[str, str], recipe: str, doubles: list[TgiDouble], tmp_path: Path
) -> None:
    run, told = tmp_path / "run", Console(record=True, width=200)
    with Meanwhile(lambda: is_in_the_middle(run, doubles), lambda: os.kill(at_work(run)[0], signal.SIGKILL)):
        build(load_recipe(recipe), run, options(doubles), told, engine(cluster))
    assert "others go on" in told.export_text(), told.export_text()
    check(run, calm, doubles, 16)


def test_a_worker_that_sleeps_and_is_woken(
    cluster: Any, calm: dict[str, str], recipe: str, doubles: list[TgiDouble], tmp_path: Path
) -> None:
    """Its node sleeps as well, so that nobody can kill it: it wakes when others have done its work."""
    run, told, asleep = tmp_path / "run", Console(record=True, width=200), list[int]()
    node = cluster.add_node(num_cpus=1)
    raylet = node.all_processes["raylet"][0].process.pid

    def of_node() -> list[int]:
        return [worker for worker in at_work(run) if parent_of(worker) == raylet]

    def put_to_sleep() -> None:
        asleep.extend([raylet, *of_node()])
        for process in asleep:
            os.kill(process, signal.SIGSTOP)

    try:
        with double() as third:
            servers = [*doubles, third]  # one for each node
            with Meanwhile(lambda: is_in_the_middle(run, servers, 10) and of_node(), put_to_sleep):
                build(load_recipe(recipe), run, options(servers), told, engine(cluster, silence=4))
            assert "has said nothing for 4 s" in told.export_text(), told.export_text()
            check(run, calm, servers, 16)
        before, (_, worker) = written(run), asleep
        assert state_of(worker) == "T"
        os.kill(worker, signal.SIGCONT)
        until(lambda: has_ended(run, worker))
        assert written(run) == before
    finally:
        for process in asleep:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        cluster.remove_node(node, allow_graceful=False)


def test_a_node_that_dies(
    cluster: Any, calm: dict[str, str], recipe: str, doubles: list[TgiDouble], tmp_path: Path
) -> None:
    chain = ray_chain(cluster, recipe, tmp_path / "run", doubles)
    process = started(chain, doubles)
    cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)
    cluster.add_node(num_cpus=1)
    assert process.wait(120) == 0, chain.talk()
    assert "others go on" in chain.talk()
    assert "(raylet)" not in process.stdout, "it is for results"
    check(chain.run, calm, doubles, 16)


def test_a_driver_that_is_killed_twice_and_started_again(
    cluster: Any, calm: dict[str, str], recipe: str, doubles: list[TgiDouble], tmp_path: Path
) -> None:
    chain = ray_chain(cluster, recipe, tmp_path / "run", doubles)
    process = started(chain, doubles)
    second = start(*chain_command(chain))
    assert second.wait(60) == 2 and "builds this run" in second.stderr
    chain.kill(process)
    chain.kill(started(chain, doubles, 10))
    chain.finish()
    check(chain.run, calm, doubles, 32)


@pytest.mark.parametrize("is_all", [False, True], ids=["gcs", "head"])
def test_a_head_that_is_killed_and_started_again(
    calm: dict[str, str], recipe: str, doubles: list[TgiDouble], tmp_path: Path, is_all: bool
) -> None:
    """The command is on the head's machine; it ends, and the same goes on with the next head."""
    with own_cluster() as first:
        chain = ray_chain(first, recipe, tmp_path / "run", doubles)
        process = started(chain, doubles)
        head = first.head_node
        head.kill_all_processes(check_alive=False, allow_graceful=False) if is_all else head.kill_gcs_server()
        assert process.wait(120) == 4, chain.talk()
        assert "head of the Ray cluster does not answer" in chain.talk() and "the same command" in chain.talk()
    with own_cluster() as second:
        chain.options = ["--engine", "ray", "--address", second.address]
        chain.finish()
    check(chain.run, calm, doubles, 16)


@contextlib.contextmanager
def own_cluster() -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    cluster.add_node(num_cpus=1)
    try:
        yield cluster
    finally:
        cluster.shutdown()


@pytest.mark.parametrize(
    ("how", "is_waiting"), [(signal.SIGINT, False), (signal.SIGTERM, False), (signal.SIGINT, True)]
)
def test_a_signal_waits_for_what_is_in_flight_and_the_same_command_goes_on(
    cluster: Any,
    calm: dict[str, str],
    recipe: str,
    doubles: list[TgiDouble],
    tmp_path: Path,
    how: signal.Signals,
    is_waiting: bool,
) -> None:
    if is_waiting:  # for room: there is enough of it for two workers
        with double() as third:
            stopped_and_gone_on(cluster, calm, recipe, [*doubles, third], tmp_path / "run", how)
    else:
        stopped_and_gone_on(cluster, calm, recipe, doubles, tmp_path / "run", how)


def stopped_and_gone_on(
    cluster: Any, calm: dict[str, str], recipe: str, doubles: list[TgiDouble], run: Path, how: signal.Signals
) -> None:
    chain = ray_chain(cluster, recipe, run, doubles)
    chain.options += ["--grace", "40"]
    process = started(chain, doubles)
    process.send_signal(how)
    assert process.wait(60) == 130, chain.talk()
    assert "nothing more is asked" in chain.talk() and "are kept" in chain.talk().replace("is kept", "are kept")
    assert "Traceback" not in chain.talk() and "kept, -" not in chain.talk()
    assert not any(one.cancelled for server in doubles for one in server.log)
    chain.finish()
    check(chain.run, calm, doubles, 0)
