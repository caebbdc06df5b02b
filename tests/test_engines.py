"""A worker needs plain data alone, and the same comes of any number of them, whatever each one does."""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from builder.recipe_file import load_recipe
from builder.run.build import build
from builder.run.build_options import BuildOptions
from builder.run.directory import Run
from builder.run.engines import local
from builder.run.job import Event, Job, Listener, ShardDone
from builder.run.plan import Task
from builder.run.progress_file import read_own, read_progress, write_own
from builder.run.status import read_status
from tests.support import digests

RECIPE = """
name: parts
source: {kind: parquet, path: rows.parquet, shard_rows: 4}
stages:
  - {name: sized, filter: length, min_characters: 12}
  - {name: unique, filter: near_duplicates}
  - {name: parsed, filter: syntax}
release: {configs: {default: parsed}, license: mit}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> str:
    texts = [f"value_{number % 17} = {number % 17}" + (" +" if number % 5 == 0 else "") for number in range(40)]
    pq.write_table(pa.table({"text": texts}), tmp_path / "rows.parquet")
    (tmp_path / "parts.yaml").write_text(RECIPE)
    return str(tmp_path / "parts.yaml")


def run_by_three(job: Job, tasks: Iterable[Task], again: Iterable[int], listen: Listener) -> None:
    """Have three workers do the tasks, the last one first, each of which knows what it is sent alone."""
    todo = list(tasks)
    for number in range(3):
        sent = pickle.dumps((replace(job, worker=f"w{number}"), todo[number::3][::-1]))
        its_job, its_tasks = pickle.loads(sent)
        told: list[Event] = []
        local.run(its_job, its_tasks, [], told.append)
        for event in pickle.loads(pickle.dumps(told)):
            if isinstance(event, ShardDone) and event.entry is not None:
                job.run.ledger.note(job.run.shard_path(event.shard), event.entry)
            listen(event)


def test_by_one_worker_or_by_three_it_is_the_same(recipe: str, tmp_path: Path) -> None:
    options, quiet = BuildOptions(workers=1), Console(quiet=True)
    one = build(load_recipe(recipe), tmp_path / "one", options, quiet)
    three = build(load_recipe(recipe), tmp_path / "three", options, quiet, run_by_three)
    assert digests(one.path / "shards") == digests(three.path / "shards")
    assert len(list((three.path / "shards").iterdir())) == 10
    status = read_status(three).as_json()
    assert status == read_status(one).as_json()
    assert status["stages"][3]["dropped"] and status["stages"][2]["dropped"]
    assert read_status(Run.read(three.path)).as_json() == status
    assert {path.name for path in three.path.glob("progress*")} == {
        f"progress-w{number}.json" for number in range(3)
    }


def test_counts_of_all_workers_are_added_up(recipe: str, tmp_path: Path) -> None:
    run = Run.begin(tmp_path / "run", load_recipe(recipe))
    assert read_progress(run) == {"requested": 0, "replayed": 0, "reused": 0}
    (run.path / "progress.json").write_text('{"requested": 5, "replayed": 1, "reused": 0, "shards_total": 3}\n')
    write_own(run, "w1", {"requested": 2, "shards_total": 10})
    assert read_progress(run) == {"requested": 7, "replayed": 1, "reused": 0, "shards_total": 10}
    assert read_own(run, "w1") == {"requested": 2, "shards_total": 10} and read_own(run, "w2") == {}
