"""What the tests under faults share: a corpus with two rewriting stages, a model that is sometimes wrong, checks.

The model's bad answers follow from what it is asked, so that an undisturbed build has the same ones. What goes
wrong on the way is the business of each test.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from builder.run.answers.lines import decode, whole_lines
from builder.run.directory import Run
from builder.run.ledger import Ledger
from builder.run.status import read_status
from tests.starting import Started
from tests.support import start
from tests.tgi_double import Reply, Request, Speed, TgiDouble, default_reply

TOKEN = "hf_" + "homebody" * 4
"""The Hub's token in the environment of every build here: no server and no file may see it."""

DOCUMENTS, SHARD_ROWS = 150, 15

_PROMPT = """---
id: {id}
version: 1
answer: {answer}
sampling: {{temperature: 0.2, top_p: 0.7, max_tokens: 1024}}
attempts: 2
min_characters: 20
checks: [{{filter: syntax}}]
---
<!-- system -->
{system}
<!-- user -->
{{{{ text }}}}
"""

RECIPE = f"""
name: chain
source: {{kind: parquet, path: rows.parquet, text: text, id: id, shard_rows: {SHARD_ROWS}}}
stages:
  - {{name: syntax, filter: syntax}}
  - {{name: sgcr, rewrite: sgcr.md}}
  - {{name: scor, rewrite: scor.md}}
release: {{configs: {{default: scor, styled: sgcr}}, license: apache-2.0, scan: []}}
"""

_SPOILT = {"cut", "not_json", "not_utf8", "status"}  # a status of 200, and no answer with it


def write_chain(folder: Path, documents: int = DOCUMENTS) -> Path:
    """Write a recipe of two rewriting stages and its rows, a few of them equal and a few that must go."""
    folder.mkdir(parents=True)
    texts = [
        f"def scaled_{number}(value, factor={number % 7}):\n"
        f"    total = value * factor + {number}\n    return total\n"
        for number in range(documents)
    ]
    for number in range(0, documents, 40):
        texts[number] = f"def broken_{number}(:\n"
        texts[number + 1] = texts[(number + 67) % documents]  # of another shard
    ids = [f"row-{number:04d}" for number in range(documents)]
    pq.write_table(pa.table({"id": ids, "text": texts}), folder / "rows.parquet")
    sections = "Answer with ### Evaluation: n, ### Suggestions: and ### Improved Code: with one code block."
    declared = "{format: sections, text: Improved Code, grade: Evaluation}"
    (folder / "sgcr.md").write_text(_PROMPT.format(id="sgcr", answer=declared, system=sections))
    alone = "Answer with one python code block."
    (folder / "scor.md").write_text(_PROMPT.format(id="scor", answer="{format: code}", system=alone))
    (folder / "LICENSE-generator").write_text("A licence.\n")
    recipe = folder / "chain.yaml"
    recipe.write_text(RECIPE)
    return recipe


def fickle(messages: list[dict[str, Any]], seed: int | None, temperature: float, body: dict[str, Any]) -> Reply:
    """Answer as a model that is wrong now and then: in what way follows from the messages and the seed."""
    draw = int(hashlib.sha256(json.dumps([messages, seed]).encode()).hexdigest()[:8], 16) / 2**32
    text = str(default_reply(messages, seed, temperature, body))
    if draw < 0.06:
        return Reply("")
    if draw < 0.12:
        return Reply(text[: len(text) // 2], finish_reason="length")
    if draw < 0.18:
        return Reply(text[: text.rindex("```")])
    if draw < 0.24:
        return Reply(text.replace("def ", "def def ", 1))
    return Reply(text)


def server(step: float = 0.0002, **settings: Any) -> TgiDouble:
    """Return a server with the fickle model that takes `step` seconds a token."""
    return TgiDouble(reply=fickle, speed=Speed(step=step), **settings)


class Logging(Protocol):
    """A server that keeps a log."""

    log: list[Request]
    probes: list[Request]

    @property
    def url(self) -> str: ...


class Chain:
    """A run of the chain, built by one process after another; each says which it is in its server key."""

    workers = 2

    def __init__(self, recipe: Path, run: Path, servers: Sequence[Logging], prelude: str = "") -> None:
        self.recipe, self.run, self.servers, self.lives = recipe, run, servers, 0
        self.known: list[set[str]] = []  # of each life that was killed: the keys it left behind
        self.builds: list[Started] = []
        self.prelude = prelude  # Python that a build runs first
        self.options: list[object] = []

    def start(self) -> Started:
        """Start a build."""
        self.lives += 1
        servers = [part for double in self.servers for part in ("--server", double.url)]
        arguments = ["build", str(self.recipe), "--run", str(self.run), "--workers", str(self.workers), *servers]
        arguments += map(str, self.options)
        self.builds.append(
            start(*arguments, first=self.prelude, HF_TOKEN=TOKEN, BUILDER_SERVER_KEY=f"life-{self.lives}")
        )
        return self.builds[-1]

    def kill(self, process: Started) -> bool:
        """Kill a build and note what it left behind; return whether it was still at work."""
        process.kill()
        was_at_work = process.wait() != 0
        self.known.append(self.answered())
        return was_at_work

    def finish(self, timeout: float = 120) -> None:
        """Build to the end."""
        process = self.start()
        code = process.wait(timeout=timeout)
        assert code == 0, self.talk()

    def talk(self) -> str:
        """Return what all builds have said."""
        return "".join(build.stdout + build.stderr for build in self.builds)

    def answered(self) -> set[str]:
        """Return the keys of the answers in the run's table and in its log."""
        keys = {answer["key"] for answer in _answers_in(rows_of(self.run)) if answer["finish_reason"] is not None}
        return keys | logged(self.run)

    @property
    def log(self) -> list[tuple[int, Request]]:
        """Every request for an answer that a server got, with the life that asked, in order of arrival."""
        log = (one for double in self.servers for one in double.log)
        requests = sorted((one for one in log if not is_control(one)), key=lambda one: one.arrival)
        return [(int(one.headers["authorization"].removeprefix("Bearer life-")), one) for one in requests]


def logged(run: Path) -> set[str]:
    """Return the keys of the answers in a run's log."""
    segments = (run / "journal").glob("*.jsonl")
    return {kept[0] for segment in segments for line in whole_lines(segment) if (kept := decode(line))}


def is_control(request: Request) -> bool:
    """Whether it is a small request that tells only whether a server works."""
    return "Say OK." in str(request.body)


def rows_of(run: Path) -> list[dict[str, Any]]:
    """Return the rows of a run's table, in order."""
    return [row for path in sorted((run / "shards").glob("*.parquet")) for row in pq.read_table(path).to_pylist()]


def answers_of(run: Path) -> dict[tuple[int, int], str]:
    """Return for each answer in a run's table the seed and budget it was asked with, and its key."""
    found: dict[tuple[int, int], str] = {}
    for answer in _answers_in(rows_of(run)):
        assert found.setdefault((answer["seed"], answer["max_tokens"]), answer["key"]) == answer["key"]
    return found


def _answers_in(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for row in rows:
        for stage in ("sgcr", "scor"):
            yield from (row[stage] or {"answers": ()})["answers"]


def check_ledger(run: Path, documents: int) -> None:
    """Every document ends in exactly one verdict, and status counts them so."""
    rows = rows_of(run)
    assert len(rows) == len({row["id"] for row in rows}) == documents
    status, bare = read_status(Run.read(run)).as_json(), Run.read(run)
    bare.ledger = Ledger(run / "none", bare.fence)
    assert read_status(bare).as_json() == status, "the ledger says other than the table"
    entered = documents
    for stage in status["stages"]:
        assert stage["in"] == entered == stage["kept"] + sum(stage["dropped"].values())
        entered = stage["kept"]
    assert [stage["name"] for stage in status["stages"]] == ["read", "syntax", "sgcr", "scor"]
    assert entered == status["kept"] == sum(row["verdict"] is None for row in rows)
    assert status["shards"] == {"done": len(list((run / "shards").iterdir())), "total": status["shards"]["total"]}


def check_paid_once(chain: Chain, keys: dict[tuple[int, int], str]) -> None:
    """Nothing was asked for by a process that had the answer, or that came after one that had journalled it."""
    answered: set[tuple[int, str]] = set()
    for life, request in chain.log:
        key = keys.get((request.body["seed"], request.body["max_tokens"]))
        if key is None:  # no document's: how a server is was looked at
            continue
        assert (life, key) not in answered, f"life {life} asked again for what it was answered: {request}"
        for earlier, known in enumerate(chain.known[: life - 1], 1):
            assert key not in known, f"life {life} asked again for what life {earlier} had kept: {request}"
        if request.status == 200 and request.fault not in _SPOILT and not request.cancelled:
            answered.add((life, key))


def check_token_stayed_home(servers: Iterable[Logging], folder: Path) -> None:
    """The Hub's token went to no server and into no file."""
    for double in servers:
        assert not any(TOKEN in str(vars(request)) for request in [*double.log, *double.probes])
    for path in folder.rglob("*"):
        if path.is_file():
            assert TOKEN.encode() not in path.read_bytes(), path
