"""The engine on a real Ray cluster of several nodes on this machine (`make test-ray`)."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from builder.recipe_file import load_recipe
from builder.run.build import build
from builder.run.build_options import BuildOptions
from builder.run.directory import Run
from builder.run.progress_file import read_own
from builder.run.status import read_status
from tests.faulty import DOCUMENTS, TOKEN, Chain, check_ledger, fickle, is_control, rows_of, write_chain
from tests.starting import Started
from tests.support import builder, digests, start
from tests.tgi_double import Speed, TgiDouble

ray = pytest.importorskip("ray")
pytestmark = [pytest.mark.ray, pytest.mark.timeout(300)]

PARTS = """
name: parts
source: {kind: parquet, path: rows.parquet, shard_rows: 4}
stages:
  - {name: sized, filter: length, min_characters: 12}
  - {name: unique, filter: near_duplicates}
  - {name: parsed, filter: syntax}
release: {configs: {default: parsed}, license: mit}
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    cluster.add_node(num_cpus=1)
    yield cluster
    ray.shutdown()
    cluster.shutdown()


def engine(cluster: Any, **how: Any) -> Any:
    from builder.run.engines.ray import RayEngine

    return RayEngine(cluster.address, **how)


@pytest.fixture
def parts(tmp_path: Path) -> str:
    texts = [f"value_{number % 17} = {number % 17}" + (" +" if number % 5 == 0 else "") for number in range(40)]
    pq.write_table(pa.table({"text": texts}), tmp_path / "rows.parquet")
    (tmp_path / "parts.yaml").write_text(PARTS)
    return str(tmp_path / "parts.yaml")


def test_two_workers_build_what_one_process_does(cluster: Any, parts: str, tmp_path: Path) -> None:
    quiet, told = Console(quiet=True), Console(record=True, width=200)
    one = build(load_recipe(parts), tmp_path / "one", BuildOptions(workers=1), quiet)
    two = build(load_recipe(parts), tmp_path / "two", BuildOptions(), told, engine(cluster))
    said = told.export_text()
    assert digests(one.path / "shards") == digests(two.path / "shards"), said
    assert read_status(one).as_json() == read_status(two).as_json()
    logs = {path.name for path in (two.path / "logs").iterdir()}
    assert len(logs) >= 2 and "begins on" in said
    assert not list(two.path.glob(".writing*")) and not (two.path / "workers").exists()


# --- with servers ---


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The table that an undisturbed build in one process makes."""
    folder = tmp_path_factory.mktemp("calm")
    recipe = write_chain(folder / "project")
    with double(step=0.0) as one:
        built = build(load_recipe(str(recipe)), folder / "run", options([one]), Console(quiet=True))
    return digests(built.path / "shards")


def double(step: float = 0.02) -> TgiDouble:
    return TgiDouble(reply=fickle, speed=Speed(step=step), max_concurrent_requests=8)


def options(servers: list[TgiDouble], **more: Any) -> BuildOptions:
    return BuildOptions([server.url for server in servers], workers=1, **more)


@pytest.fixture
def doubles() -> Iterator[list[TgiDouble]]:
    with double() as one, double() as two:
        yield [one, two]


@pytest.fixture
def recipe(tmp_path: Path) -> str:
    return str(write_chain(tmp_path / "project"))


def is_in_the_middle(run: Path, doubles: list[TgiDouble], asked: int = 40) -> bool:
    """Whether two workers have been answered for a while."""
    return all(len(server.log) > asked for server in doubles) and len(at_work(run)) >= 2


def at_work(run: Path) -> list[int]:
    return [process for process in processes(run).values() if Path(f"/proc/{process}").exists()]


def processes(run: Path) -> dict[str, int]:
    """Return the processes of a run's workers, by name, as their logs tell."""
    found = {path.stem: re.search(r"process (\d+)", path.read_text()) for path in run.glob("logs/*.log")}
    return {name: int(told[1]) for name, told in found.items() if told}


NONE: dict[str, Any] = {"answers": ()}


class Meanwhile:
    """Does something, in a thread, as soon as something is so. What it raises is raised at the block's end."""

    def __init__(self, is_so: Callable[[], object], do: Callable[[], object]) -> None:
        self._is_so, self._do = is_so, do
        self._error: BaseException | None = None
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            while not self._is_so():
                if self._ends.wait(0.02):
                    raise AssertionError("it never was so")
            self._do()
        except BaseException as error:  # noqa: BLE001
            self._error = error

    def __enter__(self) -> Meanwhile:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._thread.join()
        if self._error is not None:
            raise self._error


def check(run: Path, calm: dict[str, str], doubles: list[TgiDouble], in_flight: int) -> None:
    """The table is what it has to be, and nothing was paid for twice but what was in flight at a loss."""
    assert digests(run / "shards") == calm
    check_ledger(run, DOCUMENTS)
    rows = rows_of(run)
    asked = [
        (a["seed"], a["max_tokens"])
        for row in rows
        for s in ("sgcr", "scor")
        for a in (row[s] or {"answers": ()})["answers"]
    ]
    equal = {key for key, count in Counter(asked).items() if count > 1}  # once a worker
    paid = Counter(
        (request.body["seed"], request.body["max_tokens"])
        for one in doubles
        for request in one.log
        if request.status == 200 and not request.cancelled and not is_control(request)
    )
    twice = {key: count for key, count in paid.items() if count > 1 and key in set(asked) - equal}
    assert sum(twice.values()) - len(twice) <= in_flight, twice
    for one in doubles:
        assert not any(TOKEN in str(vars(request)) for request in one.log)


def test_two_workers_share_the_servers(
    cluster: Any, calm: dict[str, str], recipe: str, doubles: list[TgiDouble], tmp_path: Path
) -> None:
    told = Console(record=True, width=200)
    built = build(load_recipe(recipe), tmp_path / "run", options(doubles), told, engine(cluster))
    check(built.path, calm, doubles, 0)
    assert all(len([one for one in server.log if not is_control(one)]) > 50 for server in doubles)
    assert all(one.status == 200 for server in doubles for one in server.log), "two workers ask one server"
    assert len(processes(built.path)) == 3, told.export_text()  # the first one read what goes in order
    assert not list((built.path / "journal").iterdir())


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


def written(run: Path) -> dict[str, str]:
    """Return what is in a run, but for what workers say."""
    return {name: digest for name, digest in digests(run).items() if not name.startswith("logs/")}


def parent_of(process: int) -> int:
    return int(stat_of(process)[1])


def state_of(process: int) -> str:
    return stat_of(process)[0]


def stat_of(process: int) -> list[str]:
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()


def log_of(run: Path, process: int) -> str:
    (name,) = [name for name, number in processes(run).items() if number == process]
    return (run / "logs" / f"{name}.log").read_text()


def has_ended(run: Path, process: int) -> bool:
    return log_of(run, process).endswith("ends\n") or process not in at_work(run)


def until(is_so: Callable[[], object], seconds: float = 60) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


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


def test_a_node_that_joins_gets_work(
    cluster: Any, calm: dict[str, str], recipe: str, doubles: list[TgiDouble], tmp_path: Path
) -> None:
    with double(0.08) as one, double(0.08) as two, double(0.08) as three:
        chain = ray_chain(cluster, recipe, tmp_path / "run", [one, two, three])
        process = started(chain, [one, two], 4)
        first = at_work(chain.run)
        node = cluster.add_node(num_cpus=1)
        try:
            while len(at_work(chain.run)) < 3:
                assert process.poll() is None, chain.talk()
                time.sleep(0.1)
            (joined,) = [
                name
                for name, number in processes(chain.run).items()
                if number in at_work(chain.run) and number not in first
            ]
            assert process.wait(120) == 0, chain.talk()
            assert "is in the table" in (chain.run / "logs" / f"{joined}.log").read_text(), chain.talk()
            check(chain.run, calm, chain.servers, 0)
            assert all(request.status == 200 for server in chain.servers for request in server.log)
        finally:
            process.kill()
            process.wait()
            cluster.remove_node(node)


def started(chain: Chain, doubles: list[TgiDouble], asked: int = 40) -> Started:
    """Start a build and return it when it is in the middle."""
    process = chain.start()
    while not is_in_the_middle(chain.run, doubles, asked):
        assert process.poll() is None, chain.talk()
        time.sleep(0.05)
    return process


def ray_chain(cluster: Any, recipe: str, run: Path, doubles: list[TgiDouble]) -> Chain:
    chain = Chain(Path(recipe), run, doubles)
    chain.options = ["--engine", "ray", "--address", cluster.address]
    return chain


def test_a_driver_that_is_killed_and_started_again(
    cluster: Any, calm: dict[str, str], recipe: str, doubles: list[TgiDouble], tmp_path: Path
) -> None:
    chain = ray_chain(cluster, recipe, tmp_path / "run", doubles)
    process = started(chain, doubles)
    second = start(*chain_command(chain))
    assert second.wait(60) == 2 and "builds this run" in second.stderr
    chain.kill(process)
    chain.finish()
    check(chain.run, calm, doubles, 16)


def chain_command(chain: Chain) -> list[object]:
    servers = [part for one in chain.servers for part in ("--server", one.url)]
    return ["build", chain.recipe, "--run", chain.run, *servers, *chain.options]


def test_ctrl_c_waits_for_what_is_in_flight_and_the_same_command_goes_on(
    cluster: Any, calm: dict[str, str], recipe: str, doubles: list[TgiDouble], tmp_path: Path
) -> None:
    chain = ray_chain(cluster, recipe, tmp_path / "run", doubles)
    process = started(chain, doubles)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130, chain.talk()
    assert "nothing more is asked" in chain.talk() and "are kept" in chain.talk().replace("is kept", "are kept")
    assert not any(one.cancelled for server in doubles for one in server.log)
    chain.finish()
    check(chain.run, calm, doubles, 0)


def test_an_error_of_one_worker_ends_the_build(cluster: Any, recipe: str, tmp_path: Path) -> None:
    done = builder(
        "build", recipe, "--run", tmp_path / "run", "--server", "http://127.0.0.1:9", "--patience", "1",
        "--engine", "ray", "--address", cluster.address, exit_code=4,
    )  # fmt: skip
    assert "no server answered" in done.stderr


def test_status_adds_up_what_workers_count(
    cluster: Any, recipe: str, doubles: list[TgiDouble], tmp_path: Path
) -> None:
    built = build(load_recipe(recipe), tmp_path / "run", options(doubles), Console(quiet=True), engine(cluster))
    counted = read_status(Run.read(built.path)).as_json()["generations"]
    own = [read_own(built, worker) for worker in processes(built.path)]
    assert counted["requested"] == sum(counts["requested"] for counts in own) > 300
    assert sum(counts["requested"] > 50 for counts in own) == 2


def test_what_can_not_work_is_said(cluster: Any, parts: str, tmp_path: Path) -> None:
    run = ("build", parts, "--run", tmp_path / "run")
    for arguments, code, words in (
        (("--engine", "ray", "--address", "127.0.0.1:1"), 4, "no Ray cluster is found"),
        (("--engine", "ray", "--address", cluster.address, "--worker-cpus", "64"), 2, "--worker-cpus 1 or less"),
        (("--worker-cpus", "2"), 2, "add --engine ray"),
    ):
        assert words in builder(*run, *arguments, exit_code=code).stderr
