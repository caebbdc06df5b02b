"""The pool on the real vLLM (`make test-servers`): prefilled prompts, loops, and answers as they were recorded."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.faulty import rows_of
from tests.real_vllm import MODEL, vllm
from tests.record_servers import Case, cases, record
from tests.replay import exchanges
from tests.support import builder

pytestmark = [pytest.mark.servers, pytest.mark.timeout(1800)]

MODULES = (
    "import math\n\n\ndef area(r):\n    return math.pi * r * r\n",
    "def double(values):\n    return [2 * value for value in values]\n",
    "class Box:\n    def put(self, x):\n        self.x = x\n\n    def get(self):\n        return self.x\n",
)
LOOPS = """---
id: loops
version: 1
answer: {format: text}
sampling: {temperature: 0, max_tokens: 400, stop_loops: STOPS}
attempts: 1
min_characters: 1
---
<!-- user -->
{{ text }} 1 2 3 1 2 3 1 2 3 Continue.
"""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with vllm("--max-num-seqs", "8", "--api-key", "sekret") as url:
        yield url


def built(folder: Path, prompt: str, texts: tuple[str, ...], url: str) -> list[dict[str, Any]]:
    """Build a recipe of one rewriting stage and return what it has of each document."""
    pq.write_table(pa.table({"id": [str(n) for n in range(len(texts))], "text": texts}), folder / "rows.parquet")
    (folder / "recipe.yaml").write_text(
        "name: real\nsource: {kind: parquet, path: rows.parquet, text: text, id: id, license: apache-2.0}\n"
        f"stages:\n  - {{name: code, rewrite: {prompt}, on_failure: keep}}\n"
        "release: {configs: {default: code}, license: apache-2.0}\n"
    )
    gates = ("--max-failures", "1", "--max-reason", "1")
    run = folder / "run"
    builder(
        *("build", folder / "recipe.yaml", "--run", run, "--server", url, *gates),
        timeout=900,
        BUILDER_SERVER_KEY="sekret",
    )
    return [row["code"] for row in rows_of(run)]


def test_a_prefilled_prompt_is_gone_on_from(server: str, tmp_path: Path) -> None:
    """Without its fields vLLM closes the turn: one token, three times of three."""
    records = built(tmp_path, "demo-code", MODULES, server)
    assert len(records) == 3
    for one in records:
        assert one["completion_tokens"] > 8
        assert all(answer["failure"] != "empty_answer" for answer in one["answers"])


def test_a_loop_is_ended_and_its_answer_begins_as_it_would(server: str, tmp_path: Path) -> None:
    found = {}
    for stops in ("true", "false"):
        folder = tmp_path / stops
        folder.mkdir()
        (folder / "loops.md").write_text(LOOPS.replace("STOPS", stops))
        (one,) = built(folder, "loops.md", ("1 2 3 1 2 3 1 2 3",), server)
        found[stops] = one
    ended, whole = found["true"], found["false"]
    assert (ended["failure"], ended["finish_reason"]) == ("looping", "repetition")
    assert (whole["failure"], whole["finish_reason"]) == ("truncated", "length")
    assert whole["answers"][0]["answer"].startswith(ended["answers"][0]["answer"])
    assert ended["answers"][0]["key"] == whole["answers"][0]["key"]


def test_it_still_says_what_was_recorded(server: str) -> None:
    """Another version may not: then `python -m tests.record_servers` makes the recordings anew."""
    recorded = {one["name"]: one["response"] for one in exchanges("vllm")}

    def form(response: dict[str, Any]) -> tuple[Any, ...]:
        said = response.get("json")
        error = said.get("error") if isinstance(said, dict) else None
        keys = sorted(said) if isinstance(said, dict) else type(said).__name__
        return response["status"], keys, sorted(error) if isinstance(error, dict) else error

    differ = {}
    for case in cases("vllm", MODEL):
        said = asyncio.run(record(server, case, "sekret"))["response"]
        if case.name in recorded and form(said) != form(recorded[case.name]):
            differ[case.name] = said
    assert not differ, json.dumps(differ, indent=1)


def test_an_answer_tells_the_load_where_it_is_asked_for(server: str) -> None:
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Hi."}], "max_tokens": 2}
    case = Case("load", body=body, headers={"endpoint-load-metrics-format": "TEXT"})
    headers = asyncio.run(record(server, case, "sekret"))["response"]["headers"]
    assert "kv_cache_usage_perc=" in headers["endpoint-load-metrics"]
