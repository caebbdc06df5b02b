"""What a cluster's workers are given and what they leave behind, without a cluster."""

from __future__ import annotations

import pickle
from contextlib import closing
from pathlib import Path

import pytest

from builder.errors import BuilderError, RunInUse
from builder.rewriting.generation import Generation
from builder.run.answers.log import Log
from builder.run.answers.segments import segments_in
from builder.run.engines.hand_out import Tasks, deal
from builder.run.lease import Lease
from builder.run.plan import Task
from tests.test_answer_store import key_of

ANSWER = Generation("text", "stop", 1, 2)


def test_a_lost_workers_tasks_name_it_and_come_first() -> None:
    tasks = Tasks([Task((number,)) for number in range(4)], [9])
    assert [tasks.next_for("w1") for _ in range(3)] == [Task((0,)), Task((1,)), None]
    tasks.shard_done("w1", 0)
    tasks.read("w1", Task((0,)), [0])
    assert tasks.left == 4 and tasks.next_for("w1") == Task((2,))
    assert tasks.give_back("w1", is_lost=True) == 2
    assert tasks.next_for("w2") == Task((1,), after=("w1",))
    tasks.read("w2", Task((1,), after=("w1",)), [])  # it was in the table already
    assert tasks.left == 3


def test_a_task_that_ends_every_worker_ends_the_build() -> None:
    tasks = Tasks([Task((0,))], [])
    with pytest.raises(BuilderError, match="one after the other"):
        for number in range(9):
            assert tasks.next_for(f"w{number}") is not None
            tasks.give_back(f"w{number}", is_lost=True)


def test_servers_are_shared_evenly_and_move_when_they_are_free() -> None:
    urls = ["a", "b", "c", "d"]
    assert deal(urls, {"w1": []}, {}, 1) == {"w1": urls}
    assert deal(urls, {"w1": []}, {}, 2) == {"w1": ["a", "b"]}, "the rest is for who comes"
    shares = deal(urls, {"w1": urls, "w2": []}, {"w1": urls}, 2)
    assert shares == {"w1": ["a", "b"], "w2": []}, "not while the first has requests there"
    assert deal(urls, shares, {"w1": ["a", "b"]}, 2) == {"w1": ["a", "b"], "w2": ["c", "d"]}
    assert deal(urls, {"w1": ["a", "b"], "w2": ["c", "d"], "w3": []}, {}, 3)["w2"] == ["c"]
    assert deal(["a"], {"w1": ["a"], "w2": ["b"]}, {}, 2) == {"w1": ["a"], "w2": []}
    assert deal(["a", "b"], {"w1": ["a"], "w2": []}, {}, 2, doubted=["b"]) == {"w1": ["a"], "w2": []}


def test_who_is_given_up_writes_nothing_and_its_answers_are_taken_up(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    with Lease(tmp_path) as lease:
        first = pickle.loads(pickle.dumps(lease.fence.let_in("w1")))
        log, second = Log(folder, first), Log(folder, lease.fence.let_in("w2"))
        log.salvage([(key_of("a"), ANSWER)])
        second.replay()
        assert not second.knows(key_of("a")), "the first one is at work"
        lease.fence.shut_out("w1")
        with pytest.raises(RunInUse, match="given up"):
            log.salvage([(key_of("b"), ANSWER)])
        with pytest.raises(RunInUse, match="given up"):
            first.write_text(tmp_path / "table", "late")
        second.take_up("w1")
        assert second.read(key_of("a")) == ANSWER and not second.knows(key_of("b"))
        second.let_go([key_of("a")])
        second.close()
        assert len(segments_in(folder)) == 1, "it is not its own to remove"
        log.close()
        lease.fence.let_in("w3")
        assert not (tmp_path / "table").exists()
    assert not list(tmp_path.glob(".writing*"))
    with Lease(tmp_path) as lease, closing(Log(folder, lease.fence)) as alone:
        alone.replay()
        assert alone.is_replayed(key_of("a"))
        alone.let_go([key_of("a")])
        assert not segments_in(folder)
