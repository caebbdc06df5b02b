"""Ids are unique over a run, and the same whatever its shards, kills and parts."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builder.document import Document, read_document
from builder.run.directory import Run
from builder.run.unique_ids import INDEX, UniqueIds
from tests.support import builder, builder_json

RECIPE = """
name: dup
source: {kind: parquet, path: dup.parquet, id: id, shard_rows: 2}
stages:
  - {name: long, filter: length, min_characters: 1}
release: {configs: {default: long}, license: apache-2.0, scan: []}
"""
GIVEN = ["a", "b", "a", "c", "a~2", "a", "b", "d"]
UNIQUE = ["a", "b", "a~2", "c", "a~2~2", "a~3", "b~2", "d"]


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    table = pa.table({"text": [f"text number {number}" for number in range(len(GIVEN))], "id": GIVEN})
    pq.write_table(table, tmp_path / "dup.parquet", row_group_size=2)
    (tmp_path / "dup.yaml").write_text(RECIPE)
    return tmp_path / "dup.yaml"


def ids_in(run: Path) -> list[str]:
    return [str(id) for id in pq.read_table(run / "shards", columns=["id"])["id"].to_pylist()]


@pytest.mark.parametrize("rows", [1, 2, 3, 100])
def test_equal_ids_are_told_apart_alike_whatever_the_shards(recipe: Path, tmp_path: Path, rows: int) -> None:
    run = tmp_path / "run"
    status = builder_json("build", recipe, "--run", run, "--set", f"source.shard_rows={rows}")
    assert ids_in(run) == UNIQUE
    assert status["kept"] == len(GIVEN)
    assert not (run / INDEX).exists()


def test_a_run_in_parts_and_a_shard_built_again_give_the_same_ids(recipe: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    for limit in (1, 3, 6):
        builder("build", recipe, "--run", run, "--limit", limit)
        assert ids_in(run) == UNIQUE[:limit]
    (run / INDEX).unlink()
    builder("build", recipe, "--run", run)
    assert ids_in(run) == UNIQUE
    for lost in (0, 2):
        (run / "shards" / f"shard-{lost:05d}.parquet").unlink()
    builder("build", recipe, "--run", run)
    assert ids_in(run) == UNIQUE


def naive(raw: Sequence[str]) -> list[str]:
    taken: list[str] = []
    for id in raw:
        number, free = 1, id
        while free in taken:
            number += 1
            free = f"{id}~{number}"
        taken.append(free)
    return taken


def documents(ids: Sequence[str]) -> Iterator[Document]:
    return (read_document(id, "", {}) for id in ids)


@settings(max_examples=60, deadline=None)
@given(
    raw=st.lists(st.sampled_from(["a", "b", "a~2", "a~3", "a~2~2", "b~2"]), max_size=24),
    rows=st.integers(1, 8),
    kills=st.lists(st.tuples(st.integers(0, 23), st.integers(0, 8), st.booleans()), max_size=4),
)
def test_ids_are_those_of_one_pass_however_often_shards_are_read(
    tmp_path_factory: pytest.TempPathFactory,
    raw: list[str],
    rows: int,
    kills: list[tuple[int, int, bool]],
) -> None:
    run = Run(tmp_path_factory.mktemp("run"), {})
    (run.path / "shards").mkdir()
    shards = [raw[start : start + rows] for start in range(0, len(raw), rows)]
    for number, read, is_lost in kills:  # a process that reads some shards, of the last but some documents
        with UniqueIds(run) as ids:
            for shard, some in enumerate(shards[: number + 1]):
                count = read if shard == number else len(some)
                given_ids = [one.id for one in islice(ids.unique(shard, documents(some)), count)]
                if count >= len(some):
                    list(ids.unique(shard, documents(some)))
                    pq.write_table(pa.table({"id": pa.array(given_ids, pa.string())}), run.shard_path(shard))
        if is_lost:
            (run.path / INDEX).unlink(missing_ok=True)
    with UniqueIds(run) as ids:
        found = [one.id for shard, some in enumerate(shards) for one in ids.unique(shard, documents(some))]
    assert found == naive(raw)


def test_many_documents_of_one_id_take_no_longer_each(tmp_path: Path, is_long: bool) -> None:
    run, shards = Run(tmp_path, {}), 200 if is_long else 20
    with UniqueIds(run) as ids:
        began = time.process_time()
        for shard in range(shards):
            last = [one.id for one in ids.unique(shard, documents(["unknown"] * 500))][-1]
        assert last == f"unknown~{500 * shards}"
        assert time.process_time() - began < shards * 0.2
