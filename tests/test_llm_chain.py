"""Two rewriting stages on a real llama.cpp server, whose client is killed in between."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builder.rewriting.local import find_weights, serve
from builder.rewriting.weights import SMOLLM2
from tests.faulty import RECIPE, Chain, answers_of, check_ledger, check_paid_once, rows_of
from tests.tgi_double import Request

_SECONDS = 400  # a slow machine's model takes its time; one minute is usual
pytestmark = [pytest.mark.llm, pytest.mark.timeout(_SECONDS + 60)]

DOCUMENTS = 9
PROMPT = """---
id: {id}
version: 1
answer: {{format: code}}
sampling: {{temperature: 0.2, top_p: 0.7, max_tokens: 100, stop: ["```"]}}
attempts: 2
min_characters: 20
checks: [{{filter: syntax}}]
---
<!-- system -->
You copy a Python function and {task}.
<!-- user -->
```python
def area(width, height):
    return width * height
```
<!-- assistant -->
```python
{example}
```
<!-- user -->
```python
{{{{ text.strip() }}}}
```
<!-- assistant -->
```python
"""
STYLED = 'def area(width: float, height: float) -> float:\n    """Return the area."""\n    return width * height'


class Counting:
    """Passes requests on to a server and keeps a log of them."""

    def __init__(self, target: str) -> None:
        self.log: list[Request] = []
        self.probes: list[Request] = []
        counting = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.pass_on(counting.probes, None)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                is_document = "seed" in json.loads(body) and b"Say OK." not in body  # else the server is tried
                self.pass_on(counting.log if is_document else counting.probes, body)

            def pass_on(self, log: list[Request], body: bytes | None) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                entry = Request(len(log), self.path, headers, time.monotonic(), body=json.loads(body or b"{}"))
                log.append(entry)
                asked = urllib.request.Request(target + self.path, body, {"Content-Type": "application/json"})
                try:
                    with urllib.request.urlopen(asked) as response:
                        entry.status, content = response.status, response.read()
                except urllib.error.HTTPError as error:
                    entry.status, content = error.code, error.read()
                entry.end = time.monotonic()
                self.send_response(entry.status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign] # a killed client is no error here

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Counting:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def counting() -> Iterator[Counting]:
    with serve(find_weights(SMOLLM2, print), print) as url, Counting(url) as counting:
        yield counting


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    texts = [f"def times_{number}(x):\n    return x * {number}\n" for number in range(2, DOCUMENTS + 1)]
    texts.append("def broken(:\n")
    ids = [f"row-{number}" for number in range(DOCUMENTS)]
    pq.write_table(pa.table({"id": ids, "text": texts}), tmp_path / "rows.parquet")
    for stage, task, example in (
        ("sgcr", "add type hints and a docstring", STYLED),
        ("scor", "add an example of its use", STYLED + "\n\nprint(area(2, 3))"),
    ):
        (tmp_path / f"{stage}.md").write_text(PROMPT.format(id=stage, task=task, example=example))
    recipe = tmp_path / "chain.yaml"
    recipe.write_text(RECIPE)
    return recipe


def test_a_real_model_rewrites_twice_without_a_barrier_and_a_kill_costs_what_was_in_flight(
    recipe: Path, counting: Counting, tmp_path: Path
) -> None:
    chain = Chain(recipe, tmp_path / "run", [counting])
    chain.workers = 1  # so that fewer documents than there are can be on their way at once
    process = chain.start()
    while sum(request.end is not None for request in counting.log) < 4:
        assert process.poll() is None, chain.talk()
        time.sleep(0.01)
    assert chain.kill(process)
    assert chain.known[0]
    chain.finish(timeout=_SECONDS)

    check_ledger(chain.run, DOCUMENTS)
    check_paid_once(chain, answers_of(chain.run))
    twice = [row for row in rows_of(chain.run) if row["verdict"] is None]
    assert twice, "no document went through both stages"
    for row in twice:
        compile(row["scor"]["text"], row["id"], "exec")
        sent = [one for one in counting.log if one.body["seed"] == row["scor"]["answers"][0]["seed"]]
        assert row["sgcr"]["text"].strip() in sent[0].body["messages"][-2]["content"]
    first = [one for one in counting.log if "docstring" in one.body["messages"][0]["content"]]
    second = [one for one in counting.log if one not in first]
    assert min(one.arrival for one in second) < max(one.end or 0.0 for one in first), "SCOR waited for all of SGCR"
