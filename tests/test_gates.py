"""Gates: a run that fails too much stops with exit code 3, says what it saw, and loses nothing."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builder.document import Document, read_document
from builder.errors import GateTripped
from builder.run.gates import REASON_WINDOW, WINDOW, GateLimits, Gates
from builder.run.outcome import Outcomes
from tests.support import builder, builder_json
from tests.tgi_double import Reply, Speed, TgiDouble, default_reply

RECIPE = """
name: gated
source: {kind: parquet, path: rows.parquet, id: id, shard_rows: 400}
stages: [{name: tidy, rewrite: tidy.md, on_failure: keep}]
release: {configs: {default: tidy}, license: mit}
"""
PROMPT = """---
id: tidy
version: 1
answer: {format: code}
sampling: {temperature: 0.2, max_tokens: 512}
attempts: 1
min_characters: 1
---
<!-- system -->
Answer with one ```python block.
<!-- user -->
{{ text }}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    rows = 2 * WINDOW
    texts = [f"value_{number} = {number}\n" for number in range(rows)]
    table = pa.table({"id": [str(number) for number in range(rows)], "text": texts})
    pq.write_table(table, tmp_path / "rows.parquet")
    (tmp_path / "tidy.md").write_text(PROMPT)
    path = tmp_path / "gated.yaml"
    path.write_text(RECIPE)
    return path


def test_a_run_in_which_most_fails_stops_and_can_go_on(recipe: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    with TgiDouble() as server:
        fault = server.fault("length", rate=0.8, seed=2)
        stopped = builder("build", recipe, "--run", run, "--server", server.url, exit_code=3)
        said = stopped.stderr.replace("\n", " ")
        assert f"of the last {WINDOW} documents failed at stage tidy: truncated" in said
        assert "--max-failures" in stopped.stderr
        asked = len(server.log)
        assert asked < 2 * WINDOW, "it was paid for all of them before it stopped"
        fault.times = 0  # the server is mended
        status = builder_json("build", recipe, "--run", run, "--server", server.url)
        assert status["documents"] == 2 * WINDOW
        bodies = [orjson.dumps(request.body) for request in server.log if request.status == 200]
        twice = len(bodies) - len(set(bodies))
        assert twice <= 2 * server.max_concurrent_requests, "more than was in flight is asked for again"


def test_few_failures_stop_nothing(recipe: Path, tmp_path: Path) -> None:
    with TgiDouble() as server:
        server.fault("length", rate=0.3, seed=2)
        status = builder_json("build", recipe, "--run", tmp_path / "run", "--server", server.url)
    assert 200 < status["stages"][-1]["unchanged"] < 400


def test_a_build_has_as_many_documents_on_their_way_as_its_servers_come_to_take(
    recipe: Path, tmp_path: Path
) -> None:
    texts = [f"value_{number} = {number}\n" for number in range(6000)]
    table = pa.table({"id": [str(number) for number in range(6000)], "text": texts})
    pq.write_table(table, tmp_path / "rows.parquet")
    with TgiDouble(profile="vllm", speed=Speed(step=0.2, slots=900)) as server:
        builder("build", recipe, "--run", tmp_path / "run", "--server", server.url, "--workers", 1)
    assert server.peak >= 800, "it began with 256, and twice as many documents on their way"


OUTCOMES = Outcomes({"one", "two"}, {"lint"}, lambda key: key == "old")


def gates(*, failures: float = 1.0, reason: float = 1.0, stall: float = 30.0) -> Gates:
    return Gates(["lint", "one", "two"], {"one", "two"}, {"lint"}, GateLimits(failures, reason, stall), "run")


def through(gate: Gates, document: Document, earlier: Collection[str] = ()) -> None:
    gate.through(OUTCOMES.of(document, earlier))


def outcome(failure: str | None, *, old: bool = False) -> Document:
    return Document("a", "", {}, "", {"one": {"failure": failure, "answers": [{"key": "old" if old else "new"}]}})


@pytest.mark.parametrize(("most", "trips_at"), [(0.0, 1), (0.5, WINDOW // 2 + 1), (1.0, None)])
def test_a_gate_trips_at_the_first_document_too_many(most: float, trips_at: int | None) -> None:
    gate = gates(failures=most)
    for _ in range(WINDOW):
        through(gate, outcome(None))
    for number in range(1, 2 * WINDOW):
        if number == trips_at:
            with pytest.raises(GateTripped) as caught:
                through(gate, outcome("truncated"))
            assert caught.value.exit_code == 3
            return
        through(gate, outcome("truncated"))
    assert trips_at is None


def test_what_failed_in_an_earlier_build_trips_no_gate() -> None:
    limits = GateLimits(0.5, 0.98, 30.0)
    gate = Gates(["one"], {"one"}, set(), limits, "run")
    for _ in range(2 * REASON_WINDOW):
        through(gate, replace(outcome("truncated", old=True), dropped=("one", "truncated")))
    for number in range(WINDOW):
        through(gate, outcome("truncated" if number % 2 else None))
    with pytest.raises(GateTripped):
        for _ in range(2):
            through(gate, outcome("truncated"))


def test_what_an_earlier_build_dropped_trips_no_gate() -> None:
    gate = gates(failures=0.5, reason=0.98)
    for _ in range(2 * REASON_WINDOW):
        through(gate, linted("worker_lost", None), ["read", "lint"])
        through(gate, read_document("a", None, {}, "not_utf8"), ["read"])
    for _ in range(WINDOW // 2 + 1):  # a window that held them would be full
        through(gate, linted("worker_lost", None), ["read"])


def test_a_gate_looks_back_on_a_window_alone() -> None:
    gate = gates(failures=0.5)
    for _ in range(20):
        for number in range(WINDOW):
            through(gate, outcome("truncated" if number % 2 else None))


def linted(reason: str | None, score: float | None = 5.0) -> Document:
    document = Document("a", "", {}, "", {"lint": {"score": score}})
    return replace(document, dropped=("lint", reason)) if reason else document


def test_dropping_much_is_a_filters_work_and_dropping_all_for_one_reason_is_not() -> None:
    gate = gates(reason=0.98)
    for number in range(3 * REASON_WINDOW):
        through(gate, linted(None if number % 40 == 0 else "low_score"))  # 97.5 %
    with pytest.raises(GateTripped, match=f"of the last {REASON_WINDOW} documents .* stage lint .* low_score"):
        for _ in range(REASON_WINDOW):
            through(gate, linted("low_score"))


def test_reasons_are_not_added_up() -> None:
    gate = gates(reason=0.98)
    for number in range(3 * REASON_WINDOW):
        through(gate, linted("low_score" if number % 10 else "syntax_error"))


def test_a_source_of_which_nothing_can_be_read_stops_a_run() -> None:
    gate = gates(reason=0.98)
    with pytest.raises(GateTripped, match=r"stage read .* not_utf8"):
        for number in range(REASON_WINDOW):
            through(gate, read_document(str(number), None, {}, "not_utf8"))


def test_a_filter_whose_workers_end_fails_like_a_server() -> None:
    gate = gates(failures=0.5)
    for number in range(2 * WINDOW):
        through(gate, linted("worker_lost" if number % 2 else None, None if number % 2 else 5.0))
        through(gate, linted("low_score"))
    with pytest.raises(GateTripped, match="stage lint: worker_lost"):
        for _ in range(WINDOW):
            through(gate, linted("worker_lost", None))


def test_nothing_at_all_trips_a_gate_unless_servers_are_waited_for() -> None:
    gate = gates(stall=0.005)  # 0.3 s
    for answers in range(10):
        time.sleep(0.1)
        gate.look(answers, 8, is_waiting=False)
    for _ in range(10):
        time.sleep(0.1)
        gate.look(9, 8, is_waiting=True)
    for _ in range(10):
        time.sleep(0.1)
        through(gate, outcome(None))
        gate.look(9, 8, is_waiting=False)
    with pytest.raises(GateTripped, match="8 requests in work"):
        for _ in range(10):
            time.sleep(0.1)
            gate.look(9, 8, is_waiting=False)


def test_a_run_whose_servers_take_all_and_answer_nothing_stops_and_can_go_on(recipe: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    with TgiDouble() as server:
        fault = server.fault("hang", rate=0.9, seed=1)
        stopped = builder("build", recipe, "--run", run, "--server", server.url, "--max-stall", 0.05, exit_code=3)
        said = " ".join(stopped.stderr.split())
        assert "no answer arrived; the servers have" in said
        assert "--max-stall" in said
        fault.times = 0
        status = builder_json("build", recipe, "--run", run, "--server", server.url)
        assert status["documents"] == 2 * WINDOW


def test_a_run_that_waits_for_servers_is_stopped_by_patience_alone(recipe: Path, tmp_path: Path) -> None:
    with TgiDouble() as server:
        server.fault("503", rate=1.0)
        arguments = ("build", recipe, "--run", tmp_path / "run", "--server", server.url)
        server.reply = lambda *_: (_ for _ in ()).throw(AssertionError("nothing is generated"))
        stopped = builder(*arguments, "--max-stall", 0.02, "--patience", 6, exit_code=4)
    assert "no server took a request for 6 s" in " ".join(stopped.stderr.split())


def test_a_recipe_that_drops_all_for_one_reason_stops(tmp_path: Path) -> None:
    rows = REASON_WINDOW + 200
    texts = [f"value_{number} = (\n" for number in range(rows)]
    table = pa.table({"id": [str(number) for number in range(rows)], "text": texts})
    pq.write_table(table, tmp_path / "rows.parquet")
    path = tmp_path / "broken.yaml"
    path.write_text(
        RECIPE.replace("name: tidy, rewrite: tidy.md, on_failure: keep", "name: syntax, filter: syntax").replace(
            "default: tidy", "default: syntax"
        )
    )
    stopped = builder("build", path, "--run", tmp_path / "run", exit_code=3)
    assert "at stage syntax for one reason" in " ".join(stopped.stderr.split())
    status = builder_json("build", path, "--run", tmp_path / "run", "--max-reason", 1)
    assert status["documents"] == rows
    assert status["kept"] == 0


def test_a_gate_quotes_the_servers_and_the_first_refusal_of_each_kind_is_said(
    recipe: Path, tmp_path: Path
) -> None:
    words = "Template error: [/INST] roles must alternate (in <string>:{})"

    def refuse_documents(messages: list[dict[str, str]], *others: Any) -> Reply | str:
        text = messages[-1]["content"]
        return Reply(words.format(len(text)), status=422) if "value_" in text else default_reply(messages, *others)

    with TgiDouble(reply=refuse_documents) as server:
        stopped = builder("build", recipe, "--run", tmp_path / "run", "--server", server.url, exit_code=3)
    said = [line for line in stopped.stderr.splitlines() if "said once" in line]
    assert len(said) == 1, stopped.stderr
    assert f"{server.url}: " in said[0]
    assert "[/INST] roles must alternate" in said[0]
    gate = " ".join(stopped.stderr.split()).partition("failed at stage tidy")[2]
    assert "rejected_by_server" in gate
    assert "“422: Template error: [/INST] roles must alternate" in gate
