"""The flow's bounds: what waits in memory does not grow where the disk or a server is slow."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builder.document import Document, Verdict
from builder.recipe_file import load_recipe
from builder.rewriting.generation import Generation
from builder.rewriting.prompts import Sampling
from builder.rewriting.rewriter import Ask, Request
from builder.run import flow as flow_module
from builder.run.answers.log import Log
from builder.run.answers.store import AnswerStore, Generate
from builder.run.directory import Run, run_shards
from builder.run.flow import Flow, Step
from builder.run.job import ShardDone
from builder.run.plan import Task
from builder.run.reading import Reader
from builder.run.table import schema_of, write_shard
from builder.run.unanswered import Retry
from builder.run.unique_ids import UniqueIds

RECIPE = """
name: slow
source: {{kind: parquet, path: rows.parquet, id: id, shard_rows: {shard_rows}}}
stages: [{{name: sized, filter: length, min_characters: 1}}]
release: {{configs: {{default: sized}}, license: mit}}
"""


@dataclass
class Watched:
    """A flow over so many rows, and what has become of their documents."""

    folder: Path
    rows: int
    shard_rows: int
    window: int
    limit: int | None = None
    steps: Sequence[Step] = ()
    until: str = "sized"
    generate: Generate = field(default_factory=lambda: _no_server)
    earlier: set[tuple[str, ...]] = field(default_factory=set)
    through: int = 0
    written: int = 0
    most_waiting: int = 0

    def build(self) -> None:
        rows = pa.table({"id": [f"row-{number}" for number in range(self.rows)], "text": ["text"] * self.rows})
        pq.write_table(rows, self.folder / "rows.parquet", row_group_size=self.shard_rows)
        (self.folder / "slow.yaml").write_text(RECIPE.format(shard_rows=self.shard_rows))
        loaded = load_recipe(str(self.folder / "slow.yaml"))
        run, shards = Run.begin(self.folder / "run", loaded), run_shards(loaded.recipe.sources)
        assert len(shards) == self.rows // self.shard_rows

        async def build() -> None:
            log = Log(run.log)
            async with AnswerStore(log, self.generate) as store:
                flow = Flow(
                    Reader(run, shards, self.until, [], Retry(run, []), UniqueIds(run), log),
                    self.steps,
                    schema_of(loaded),
                    store,
                    None,
                    window=self.window,
                    on_document=self.on_document,
                    on_shard=self.on_shard,
                )
                await flow.build([Task(tuple(range(len(shards))), self.limit)])

        asyncio.run(build())

    def on_document(self, _: Document, earlier: Collection[str]) -> None:
        self.earlier.add(tuple(earlier))
        self.through += 1
        self.most_waiting = max(self.most_waiting, self.through - self.written)

    def on_shard(self, _: ShardDone) -> None:
        self.written += self.shard_rows


def test_what_an_earlier_build_judged_is_known_for_the_gates(tmp_path: Path) -> None:
    async def verdict(*_: object) -> Verdict:
        return Verdict({"characters": 4})

    steps = [Step("sized", lambda _: True, verdict)]
    first, more, whole = (
        Watched(tmp_path, rows=4, shard_rows=2, window=2, steps=steps[:count], until=until, limit=limit)
        for count, until, limit in ((0, "read", 3), (1, "sized", 3), (1, "sized", None))
    )
    for watched in (first, more, whole):
        watched.build()
    assert first.earlier == {()}, "all is new"
    assert more.earlier == {("read",)}
    assert whole.earlier == {("read", "sized"), ()}, "the last shard was cut: one of it is new"


def test_a_slow_disk_does_not_fill_the_memory_with_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write_slowly(*arguments: Any) -> None:
        time.sleep(0.01)
        write_shard(*arguments)

    monkeypatch.setattr(flow_module, "write_shard", write_slowly)
    watched = Watched(tmp_path, rows=60, shard_rows=1, window=4)
    watched.build()
    assert watched.written == watched.through == watched.rows
    assert watched.most_waiting <= flow_module._UNWRITTEN + watched.window


@pytest.mark.parametrize(("shard_rows", "rows"), [(5, 100), (50, 200)])
def test_a_slow_server_does_not_fill_the_memory_with_shards_that_lack_one_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shard_rows: int, rows: int
) -> None:
    monkeypatch.setattr(flow_module, "_HELD", 25)
    monkeypatch.setattr(flow_module, "_HELD_WINDOWS", 0)

    async def verdict(document: Document, _: object) -> Verdict:
        """Take long over each shard's first document: until nothing else goes on."""
        if int(document.id.partition("-")[2]) % shard_rows == 0:
            seen = -1
            while seen != watched.through:
                seen = watched.through
                await asyncio.sleep(0.03)
        return Verdict({"characters": 4})

    steps = [Step("sized", lambda _: True, verdict)]
    watched = Watched(tmp_path, rows=rows, shard_rows=shard_rows, window=60, steps=steps)
    watched.build()
    assert watched.written == watched.through == watched.rows
    assert watched.most_waiting <= max(25, 2 * shard_rows), "two shards may be open, however large"


def test_requests_tell_which_shard_was_begun_first(tmp_path: Path) -> None:
    async def verdict(document: Document, ask: Ask) -> Verdict:
        await ask(Request(document.id, [], Sampling(), 1))
        return Verdict({"characters": 4})

    async def generate(request: Request) -> Generation:
        shards[request.key] = request.shard
        return Generation("", "stop", 1, 1)

    shards: dict[str, int] = {}
    Watched(tmp_path, 4, 2, 4, steps=[Step("sized", lambda _: True, verdict)], generate=generate).build()
    assert shards == {"row-0": 0, "row-1": 0, "row-2": 1, "row-3": 1}


async def _no_server(*_: object) -> Any:
    raise AssertionError("nothing is asked")
