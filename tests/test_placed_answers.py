"""Answers are read from a table by many at once, and each row group by one of them."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builder.run.answers.index import AnswerIndex
from builder.run.answers.sources import RunAnswers
from builder.run.directory import Run

GROUPS, ROWS = 12, 20


def key(group: int, row: int) -> str:
    return hashlib.sha256(f"{group} {row}".encode()).hexdigest()


@pytest.fixture
def answered(tmp_path: Path) -> Iterator[AnswerIndex]:
    run = Run(tmp_path, {"recipe": {"stages": [{"name": "tidy", "rewrite": "tidy.md"}]}})
    run.shard_path(0).parent.mkdir()
    counts = {"prompt_tokens": 1, "completion_tokens": 2}
    rows: list[dict[str, Any]] = [
        {"key": key(group, row), "answer": f"{group} {row}", "finish_reason": "stop", **counts}
        for group in range(GROUPS)
        for row in range(ROWS)
    ]
    table = pa.table({"tidy": [{"answers": [row]} for row in rows]})
    pq.write_table(table, run.shard_path(0), row_group_size=ROWS)
    with closing(AnswerIndex(RunAnswers(run), tmp_path / "answers")) as opened:
        yield opened


def test_row_groups_are_read_side_by_side_and_none_twice(
    answered: AnswerIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    together, read = threading.Barrier(2, timeout=20), list[int]()

    class Slow(pq.ParquetFile):
        def read_row_group(self, i: int, *arguments: Any, **more: Any) -> pa.Table:
            read.append(i)
            together.wait()  # until another group is being read
            return super().read_row_group(i, *arguments, **more)

    monkeypatch.setattr(pq, "ParquetFile", Slow)
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(answered.get, [key(0, 3), key(0, 4), key(1, 5), key(1, 6)]))
    assert [one and one.answer for one in found] == ["0 3", "0 4", "1 5", "1 6"]
    assert sorted(read) == [0, 1]


def test_every_answer_is_found_whatever_is_kept_in_memory(answered: AnswerIndex) -> None:
    wanted = [(group, row) for row in range(ROWS) for group in range(GROUPS)]
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(answered.get, [key(*place) for place in wanted]))
    assert [one and one.answer for one in found] == [f"{group} {row}" for group, row in wanted]
