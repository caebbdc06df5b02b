"""The engine on a real Ray cluster of several nodes on this machine (`make test-ray`)."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
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
from tests.faulty import is_control
from tests.ray_support import at_work, check, double, engine, nodes, options, processes, ray_chain, started, until
from tests.support import builder, digests
from tests.tgi_double import TgiDouble

pytest.importorskip("ray")
pytestmark = [pytest.mark.ray, pytest.mark.timeout(300)]
pytest_plugins = ["tests.ray_support"]

PARTS = """
name: parts
source: {kind: parquet, path: rows.parquet, shard_rows: 4}
stages:
  - {name: sized, filter: length, min_characters: 12}
  - {name: unique, filter: near_duplicates}
  - {name: parsed, filter: syntax}
release: {configs: {default: parsed}, license: mit}
"""


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
            check(chain.run, calm, [one, two, three], 0)
            assert all(request.status == 200 for server in chain.servers for request in server.log)
        finally:
            process.kill()
            process.wait()
            cluster.remove_node(node)


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


def test_servers_that_a_file_names_by_and_by(
    cluster: Any, calm: dict[str, str], recipe: str, doubles: list[TgiDouble], tmp_path: Path
) -> None:
    """The only server leaves in the middle, and two come."""
    with double() as first:
        file = tmp_path / "servers.txt"
        file.write_text(f"{first.url}\n")
        chain = ray_chain(cluster, recipe, tmp_path / "run", [])
        chain.options += ["--servers", file]
        process = started(chain, [first], 10, workers=1)
        file.write_text("".join(f"{one.url}\n" for one in doubles))
        assert process.wait(120) == 0, chain.talk()
        check(chain.run, calm, [first, *doubles], 0)
        assert all(len(server.log) > 20 for server in doubles), chain.talk()
        assert all(one.status == 200 for server in [first, *doubles] for one in server.log)


# --- nodes that can't work on a run ---


@contextlib.contextmanager
def another_node(cluster: Any, *wrapper: object, **environment: str) -> Iterator[None]:
    """Have a node in the cluster that is started as users do, by a command before it and in an environment."""
    before = nodes(cluster)
    start_it = [
        Path(sys.executable).with_name("ray"),
        "start",
        "--address",
        cluster.address,
        "--num-cpus=1",
        "--block",
    ]
    node = subprocess.Popen(
        [*map(str, wrapper), *map(str, start_it)],
        env={**os.environ, **environment},
        start_new_session=True,
        stdout=subprocess.DEVNULL,
    )
    try:
        until(lambda: nodes(cluster) > before)
        yield
    finally:
        os.killpg(node.pid, signal.SIGTERM)
        node.wait()
        until(lambda: nodes(cluster) == before)


def test_a_node_that_does_not_see_the_run_is_named(cluster: Any, parts: str, tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    hidden = f'mount -t tmpfs none {tmp_path}/shared && exec "$@"'
    if subprocess.run(["unshare", "-m", "true"], check=False).returncode:
        pytest.skip("mounts need root")
    command = (
        "build",
        parts,
        "--engine",
        "ray",
        "--address",
        cluster.address,
        "--run",
        tmp_path / "shared" / "run",
    )
    with another_node(cluster, "unshare", "-m", "sh", "-c", hidden, "sh"):
        said = builder(*command, exit_code=4).stderr
    assert "the run's directory can't be read and written there" in said and f"node {socket.gethostname()}" in said
    assert "No such file or directory" in said and "shared file system" in said


def test_a_node_with_another_version_is_named(cluster: Any, parts: str, tmp_path: Path) -> None:
    other = tmp_path / "other" / "swallow_builder-99.0.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: swallow-builder\nVersion: 99.0\n")
    command = ("build", parts, "--engine", "ray", "--address", cluster.address, "--run", tmp_path / "run")
    with another_node(cluster, PYTHONPATH=str(other.parent)):
        said = builder(*command, exit_code=4).stderr
    assert "it has swallow-builder 99.0" in said and f"node {socket.gethostname()}" in said
