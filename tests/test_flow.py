"""The flow's bounds: what waits in memory does not grow where the disk is slow."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builder.document import Document
from builder.recipe_file import load_recipe
from builder.run import flow as flow_module
from builder.run.directory import Run, RunShard, run_shards
from builder.run.flow import Flow
from builder.run.journal import Journals
from builder.run.reading import Reader
from builder.run.table import schema_of, write_shard
from builder.run.unanswered import Retry
from builder.run.unique_ids import UniqueIds

SHARDS = 60
WINDOW = 4
RECIPE = """
name: slow
source: {kind: parquet, path: rows.parquet, id: id, shard_rows: 1}
stages: [{name: sized, filter: length, min_characters: 1}]
release: {configs: {default: sized}, license: mit}
"""


def test_a_slow_disk_does_not_fill_the_memory_with_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = pa.table({"id": [f"row-{number}" for number in range(SHARDS)], "text": ["text"] * SHARDS})
    pq.write_table(rows, tmp_path / "rows.parquet", row_group_size=1)
    (tmp_path / "slow.yaml").write_text(RECIPE)
    loaded = load_recipe(str(tmp_path / "slow.yaml"))
    run, shards = Run.begin(tmp_path / "run", loaded), run_shards(loaded.recipe.sources)
    assert len(shards) == SHARDS
    through, written, waiting = 0, 0, list[int]()

    def write_slowly(path: Path, documents: Sequence[Any], schema: pa.Schema, facts: dict[str, Any]) -> None:
        time.sleep(0.01)
        write_shard(path, documents, schema, facts)

    def on_document(_: Document, is_asked_again: bool) -> None:
        assert not is_asked_again
        nonlocal through
        through += 1
        waiting.append(through - written)

    def on_shard(_: RunShard) -> None:
        nonlocal written
        written += 1

    async def build() -> None:
        async with Journals(run.path / "journal", _no_server) as journals:
            flow = Flow(
                Reader(run, "sized", [], Retry(run, []), UniqueIds(run)),
                [],
                schema_of(loaded),
                journals,
                None,
                window=WINDOW,
                on_document=on_document,
                on_shard=on_shard,
            )
            await flow.build(shards, None)

    monkeypatch.setattr(flow_module, "write_shard", write_slowly)
    asyncio.run(build())
    assert written == through == SHARDS
    assert max(waiting) <= flow_module._UNWRITTEN + WINDOW


async def _no_server(*_: object) -> Any:
    raise AssertionError("nothing is asked")
