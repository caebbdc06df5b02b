"""The engine on a real Ray cluster of several nodes on this machine (`make test-ray`)."""

from __future__ import annotations

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
from builder.run.status import read_status
from tests.support import digests

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
