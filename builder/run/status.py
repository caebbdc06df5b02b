"""Where a run stands: the funnel as queries over its table, and a ledger that balances or says where not."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import orjson

from builder.document import READ
from builder.errors import LedgerUnbalanced
from builder.files import write_text
from builder.run.directory import Run
from builder.run.unanswered import Unanswered, count_unanswered


@dataclass(frozen=True, slots=True)
class StageStatus:
    """One stage's part of the ledger.

    Attributes:
        name: The stage's name.
        kind: `source`, `filter` or `rewrite`.
        entered: Documents that reached it.
        kept: Documents it let go on, those it does not apply to included.
        dropped: Documents it dropped, by reason.
        passed_by: Of those kept, how many it does not apply to.
        passed_over: What a source lists and the recipe does not select, by reason: no documents.
        unchanged: Of those kept, how many go on with their old text because every attempt failed.
        prompt_tokens: Tokens that servers read for it, every attempt counted.
        completion_tokens: Tokens that servers wrote for it, every attempt counted.
    """

    name: str
    kind: str
    entered: int
    kept: int
    dropped: dict[str, int]
    passed_by: int = 0
    passed_over: dict[str, int] = field(default_factory=dict)
    unchanged: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    @property
    def judged(self) -> int:
        """Documents that it applies to, of those that reached it: what its rates are of."""
        return self.entered - self.passed_by

    @property
    def judged_kept(self) -> int:
        """Of those that it applies to, how many it let go on."""
        return self.kept - self.passed_by

    def as_json(self) -> dict[str, Any]:
        """Return it under the public names."""
        fields = asdict(self)
        return {"name": fields.pop("name"), "kind": fields.pop("kind"), "in": fields.pop("entered"), **fields}


@dataclass(frozen=True, slots=True)
class Status:
    """A run's status. `generations` counts over all builds of the run, `unanswered` what got no answer so far."""

    recipe: str
    documents: int
    kept: int
    stages: list[StageStatus]
    shards: dict[str, int]
    generations: dict[str, int] = field(default_factory=dict)
    unanswered: Unanswered = field(default_factory=Unanswered)

    def as_json(self) -> dict[str, Any]:
        """Return what `status --json` prints."""
        return {**asdict(self), "stages": [stage.as_json() for stage in self.stages]}


def read_status(run: Run) -> Status:
    """Query the table.

    Raises:
        LedgerUnbalanced: A stage's documents in are not kept plus dropped.
    """
    paths = run.shown_paths()
    progress = read_progress(run)
    generations = {name: progress.get(name, 0) for name in ("requested", "replayed", "reused")}
    shards = {"done": len(paths), "total": progress.get("shards_total", len(paths))}
    if not paths:
        return Status(run.facts["recipe"]["name"], 0, 0, [], shards, generations)
    with connect(paths) as connection:
        facts = _facts(paths, connection)
        stages = _ledger(run, list(facts.values()), connection)
    kept = stages[-1].kept
    name, unanswered = run.facts["recipe"]["name"], count_unanswered(run, facts)
    return Status(name, stages[0].entered, kept, stages, shards, generations, unanswered)


def connect(paths: list[Path]) -> duckdb.DuckDBPyConnection:
    """Return a connection with the shards as the view `run`."""
    connection = duckdb.connect()
    connection.read_parquet([str(path) for path in paths]).create_view("run")
    return connection


def _ledger(run: Run, facts: list[dict[str, Any]], connection: duckdb.DuckDBPyConnection) -> list[StageStatus]:
    drops: dict[str, dict[str, int]] = {}
    reasons = "SELECT verdict.stage, verdict.reason, count(*) FROM run WHERE verdict IS NOT NULL"
    query = f"{reasons} GROUP BY ALL ORDER BY ALL"
    for stage, reason, count in connection.execute(query).fetchall():
        drops.setdefault(stage, {})[reason] = count
    documents = _one(connection, "SELECT count(*) FROM run")
    passed_over = sum((Counter(one["passed_over"]) for one in facts), Counter[str]())
    unreadable = drops.get(READ, {})
    kept = documents - sum(unreadable.values())
    ledger = [StageStatus(READ, "source", documents, kept, unreadable, passed_over=dict(passed_over))]
    if documents != sum(one["documents"] for one in facts):
        raise LedgerUnbalanced(
            f"{documents} rows, but {sum(one['documents'] for one in facts)} documents were read",
            where=str(run.path),
            remedy="a shard was changed: remove it and build again",
        )
    gone, through = [READ], _stages_through(run, facts)
    for stage in run.facts["recipe"]["stages"]:
        if stage["name"] not in through:
            break
        ledger.append(
            _balanced(_stage(stage, ledger[-1].kept, drops.get(stage["name"], {}), gone, connection), run)
        )
        gone.append(stage["name"])
    return ledger


def _facts(paths: list[Path], connection: duckdb.DuckDBPyConnection) -> dict[Path, dict[str, Any]]:
    """Return the facts that each shard was written with, by DuckDB, which is loaded anyway."""
    query = "SELECT file_name, decode(value) FROM parquet_kv_metadata(?) WHERE decode(key) = 'builder'"
    found = connection.execute(query, [list(map(str, paths))]).fetchall()
    return {Path(name): orjson.loads(facts) for name, facts in found}


def _stage(
    stage: dict[str, Any],
    entered: int,
    dropped: dict[str, int],
    gone: list[str],
    connection: duckdb.DuckDBPyConnection,
) -> StageStatus:
    name = f'"{stage["name"]}"'
    rewrites = "rewrite" in stage
    # Counted from the column itself, not as the difference that it has to equal.
    kept = _one(
        connection,
        f"SELECT count(*) FROM run WHERE {name} IS NOT NULL AND verdict.stage IS DISTINCT FROM ?",  # noqa: S608
        stage["name"],
    )
    passed_by = 0
    if stage["where"]:
        alive = f"(verdict IS NULL OR NOT list_contains(?, verdict.stage)) AND {name} IS NULL"
        passed_by = _one(connection, f"SELECT count(*) FROM run WHERE {alive}", gone)  # noqa: S608
    counts = {"unchanged": 0, "prompt_tokens": 0, "completion_tokens": 0}
    if rewrites:
        tokens = [
            f"sum(list_sum([a.{kind} FOR a IN {name}.answers]))" for kind in ("prompt_tokens", "completion_tokens")
        ]
        unchanged = (
            f"count(*) FILTER ({name}.failure IS NOT NULL AND verdict.stage IS DISTINCT FROM '{stage['name']}')"
        )
        row = connection.execute(f"SELECT {unchanged}, {', '.join(tokens)} FROM run").fetchone()  # noqa: S608
        counts = dict(zip(counts, (int(value or 0) for value in row or ()), strict=True))
    kind = "rewrite" if rewrites else "filter"
    return StageStatus(stage["name"], kind, entered, kept + passed_by, dropped, passed_by, {}, **counts)


def _balanced(stage: StageStatus, run: Run) -> StageStatus:
    dropped = sum(stage.dropped.values())
    if stage.entered != stage.kept + dropped:
        raise LedgerUnbalanced(
            f"{stage.entered} documents in, but {stage.kept} kept and {dropped} dropped",
            where=f"{run.path}, stage {stage.name}",
            remedy="if another process builds the run, look again when it is done; else report this as a bug",
        )
    return stage


def _stages_through(run: Run, facts: list[dict[str, Any]]) -> list[str]:
    """Return the stages that every shard of the table has been through."""
    return run.stages[: min(run.reached(one["until"]) for one in facts)]


def _one(connection: duckdb.DuckDBPyConnection, query: str, *parameters: object) -> int:
    row = connection.execute(query, list(parameters)).fetchone()
    return int(row[0]) if row else 0


def read_progress(run: Run) -> dict[str, Any]:
    """Return the counts that builds of this run have left, empty where there are none."""
    path = run.path / "progress.json"
    counts: dict[str, Any] = orjson.loads(path.read_bytes()) if path.is_file() else {}
    return counts


def write_progress(run: Run, counts: dict[str, Any]) -> None:
    """Leave counts for `status`, while building and after."""
    write_text(run.path / "progress.json", orjson.dumps(counts).decode() + "\n")
