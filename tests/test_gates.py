"""Gates: a run that fails too much stops with exit code 3, says what it saw, and loses nothing."""

from __future__ import annotations

from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builder.document import Document
from builder.errors import GateTripped
from builder.run.gates import WINDOW, FailureGate
from tests.support import builder, builder_json
from tests.tgi_double import TgiDouble

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


def outcome(failure: str | None) -> Document:
    return Document("a", "", {}, "", {"one": {"failure": failure}})


@pytest.mark.parametrize(("most", "trips_at"), [(0.0, 1), (0.5, WINDOW // 2 + 1), (1.0, None)])
def test_a_gate_trips_at_the_first_document_too_many(most: float, trips_at: int | None) -> None:
    gate = FailureGate(["one", "two"], most, "run")
    for _ in range(WINDOW):
        gate.document(outcome(None))
    for number in range(1, 2 * WINDOW):
        if number == trips_at:
            with pytest.raises(GateTripped) as caught:
                gate.document(outcome("truncated"))
            assert caught.value.exit_code == 3
            return
        gate.document(outcome("truncated"))
    assert trips_at is None


def test_a_gate_looks_back_on_a_window_alone() -> None:
    gate = FailureGate(["one"], 0.5, "run")
    for _ in range(20):
        for number in range(WINDOW):
            gate.document(outcome("truncated" if number % 2 else None))
