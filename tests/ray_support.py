"""What the tests on a real Ray cluster share: the cluster, servers, and who works where. A plugin of pytest's."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from builder.recipe_file import load_recipe
from builder.run.build import build
from builder.run.build_options import BuildOptions
from tests.faulty import DOCUMENTS, TOKEN, Chain, check_ledger, fickle, is_control, rows_of, write_chain
from tests.starting import Started
from tests.support import digests
from tests.tgi_double import Speed, TgiDouble


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    import ray
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    cluster.add_node(num_cpus=1)
    yield cluster
    ray.shutdown()
    cluster.shutdown()


def engine(cluster: Any, **how: Any) -> Any:
    from builder.run.engines.ray import RayEngine

    return RayEngine(cluster.address, **how)


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


def is_in_the_middle(
    run: Path, doubles: list[TgiDouble], asked: int = 40, workers: int = 2, before: Sequence[int] = ()
) -> bool:
    """Whether workers have been answered for a while, by each server more than `asked` times since `before`."""
    more = [len(server.log) - count for server, count in zip(doubles, before or [0] * len(doubles), strict=True)]
    return min(more) > asked and len(at_work(run)) >= workers


def nodes(cluster: Any) -> int:
    """Return how many nodes a cluster has that live."""
    from ray.util.state import list_nodes

    return len([node for node in list_nodes(address=cluster.address) if node.state == "ALIVE"])


def at_work(run: Path) -> list[int]:
    return [process for process in processes(run).values() if Path(f"/proc/{process}").exists()]


def processes(run: Path) -> dict[str, int]:
    """Return the processes of a run's workers, by name, as their logs tell."""
    found = {path.stem: re.findall(r"process (\d+)", path.read_text()) for path in run.glob("logs/*.log")}
    return {name: int(told[-1]) for name, told in found.items() if told}


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


def started(chain: Chain, doubles: list[TgiDouble], asked: int = 40, workers: int = 2) -> Started:
    """Start a build and return it when it is in the middle."""
    before = [len(server.log) for server in doubles]
    process = chain.start()
    while not is_in_the_middle(chain.run, doubles, asked, workers, before):
        assert process.poll() is None, chain.talk()
        time.sleep(0.05)
    return process


def ray_chain(cluster: Any, recipe: str, run: Path, doubles: list[TgiDouble]) -> Chain:
    chain = Chain(Path(recipe), run, doubles)
    chain.options = ["--engine", "ray", "--address", cluster.address]
    return chain


def chain_command(chain: Chain) -> list[object]:
    servers = [part for one in chain.servers for part in ("--server", one.url)]
    return ["build", chain.recipe, "--run", chain.run, *servers, *chain.options]
