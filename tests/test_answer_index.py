"""The index finds every answer of a table, whatever was written anew, merged or spoilt since."""

from __future__ import annotations

import hashlib
import os
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builder.run.answers.index import AnswerIndex
from builder.run.answers.keys import number_of
from builder.run.answers.sources import RunAnswers
from builder.run.directory import Run

ROWS, SHARDS = 3, 40


def key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    stages = [{"name": name, "rewrite": f"{name}.md"} for name in ("tidy", "check")]
    run = Run(tmp_path, {"recipe": {"stages": stages}})
    run.shard_path(0).parent.mkdir()
    return run


def write(run: Run, shard: int, version: str = "") -> Path:
    """Write a shard: two answers a row at the first stage, one at the second, one each time that failed."""

    def record(*texts: str) -> dict[str, Any]:
        kept: list[dict[str, Any]] = [
            {"key": key(text), "answer": text, "finish_reason": "stop"} for text in texts
        ]
        failed: dict[str, Any] = {"key": key("failed"), "answer": None, "finish_reason": None}
        counts = {"prompt_tokens": 1, "completion_tokens": 2}
        return {"answers": [{**one, **counts} for one in [*kept, failed]]}

    names = [f"{version}{shard} {row}" for row in range(ROWS)]
    table = {
        "tidy": [record(f"{name} a", f"{name} b") for name in names],
        "check": [None, *(record(f"{name} c") for name in names[1:])],
    }
    pq.write_table(pa.table(table), run.shard_path(shard), row_group_size=2)
    os.utime(run.shard_path(shard), ns=(0, int.from_bytes(os.urandom(6), "big")))
    return run.shard_path(shard)


def texts_of(shard: int, version: str = "") -> list[str]:
    names = [f"{version}{shard} {row}" for row in range(ROWS)]
    return [f"{name} {of}" for name in names for of in "ab"] + [f"{name} c" for name in names[1:]]


def check(index: AnswerIndex, there: list[str], gone: list[str]) -> None:
    for text in there:
        found = index.get(key(text))
        assert index.maybe_contains(key(text)) and found is not None and found.answer == text
    assert [index.get(key(text)) for text in [*gone, "failed"]] == [None] * (len(gone) + 1)
    numbers = np.array(sorted(number_of(key(text)) for text in [*there, *gone]), np.uint64)
    known = {number_of(key(text)) for text in there}
    assert index.contains(numbers).tolist() == [int(number) in known for number in numbers]


def test_every_answer_is_found_when_shards_come_one_by_one_and_when_the_index_is_made_anew(run: Run) -> None:
    folder, there = run.path / "answers", list[str]()
    with closing(AnswerIndex(RunAnswers(run), folder)) as index:
        for shard in range(SHARDS):
            index.add(write(run, shard))
            there += texts_of(shard)
        check(index, there, [])
    assert len(list(folder.glob("*.part"))) == SHARDS // 16 + SHARDS % 16
    for path in list(folder.iterdir())[::2]:
        path.unlink()
    with closing(AnswerIndex(RunAnswers(run), folder)) as index:
        check(index, there, [])


def test_what_was_written_anew_or_is_gone_is_not_found_in_the_old_place(run: Run) -> None:
    folder = run.path / "answers"
    with closing(AnswerIndex(RunAnswers(run), folder)) as index:
        for shard in range(20):
            index.add(write(run, shard))
        index.add(write(run, 3, "new "))
        check(index, texts_of(2) + texts_of(3, "new "), texts_of(3))
        for shard in range(20, SHARDS):  # a merge with it
            index.add(write(run, shard))
        check(index, texts_of(2) + texts_of(3, "new "), texts_of(3))
    run.shard_path(2).unlink()
    write(run, 4, "new ")
    with closing(AnswerIndex(RunAnswers(run), folder)) as index:
        check(index, texts_of(4, "new "), texts_of(2) + texts_of(4))


@pytest.mark.parametrize("size", [0, 7, 60])
def test_a_part_that_is_cut_off_is_made_anew(run: Run, size: int) -> None:
    folder = run.path / "answers"
    for shard in range(2):
        write(run, shard)
    with closing(AnswerIndex(RunAnswers(run), folder)) as index:
        check(index, texts_of(0) + texts_of(1), [])
    (part,) = folder.iterdir()
    os.truncate(part, size)
    with closing(AnswerIndex(RunAnswers(run), folder)) as index:
        check(index, texts_of(0) + texts_of(1), [])
