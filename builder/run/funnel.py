"""How a shard's rows count up: the figures of the funnel, as `status` adds them up over all shards.

A shard is counted when it is put into the table, from its documents. One that an older version put there, or that
was changed by hand, is counted by a query over its rows; both give the same.

    {"rows": n, "dropped": {stage: {reason: n}}, "stages": {stage: {
        "kept": documents judged and let go on,  "passed_by": those that it does not apply to,
        "unchanged": those let go on with their old text because every attempt failed,
        "prompt_tokens", "completion_tokens": what servers read and wrote, every attempt counted}}}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from builder.document import READ, Document
from builder.run.ledger import Counts

if TYPE_CHECKING:
    import duckdb

_TOKENS = "prompt_tokens", "completion_tokens"
_FILE = "file of the shard"  # no stage's name
_FIGURES = "kept", "passed_by", "unchanged", *_TOKENS


def count_documents(documents: Iterable[Document | None], stages: Sequence[Mapping[str, Any]]) -> Counts:
    """Count a shard's documents, at the stages of a recipe's snapshot."""
    counts = _nothing(stages)
    names = [stage["name"] for stage in stages]
    partial = {stage["name"] for stage in stages if stage["where"]}
    rewriting = {stage["name"] for stage in stages if "rewrite" in stage}
    for document in filter(None, documents):
        counts["rows"] += 1
        at = document.dropped[0] if document.dropped else None
        if document.dropped:
            reasons = counts["dropped"].setdefault(at, {})
            reasons[document.dropped[1]] = reasons.get(document.dropped[1], 0) + 1
        is_gone = at == READ
        for name in names:
            record, figures = document.records.get(name), counts["stages"][name]
            if record is None:
                figures["passed_by"] += name in partial and not is_gone
            elif at != name:
                figures["kept"] += 1
                figures["unchanged"] += name in rewriting and record["failure"] is not None
            if record is not None and name in rewriting:
                for answer, kind in product(record["answers"], _TOKENS):
                    figures[kind] += answer.get(kind) or 0  # none where no answer came
            is_gone = is_gone or at == name
    return counts


def count_rows(shards: Sequence[Path], stages: Sequence[Mapping[str, Any]]) -> dict[Path, Counts]:
    """Count the rows of shards, by DuckDB."""
    found = {shard: _nothing(stages) for shard in shards}
    if not shards:
        return found
    import duckdb  # 0.1 s, which a ledger that knows all does without

    files = [str(shard) for shard in shards]
    run = f"FROM read_parquet($files, filename='{_FILE}')"
    with duckdb.connect() as connection:
        figures = ", ".join(column for number in range(len(stages)) for column in _columns(stages, number))
        query = f'SELECT "{_FILE}", count(*), {figures} {run} GROUP BY 1'
        for name, rows, *values in connection.execute(query, {"files": files}).fetchall():
            counts = found[Path(name)]
            counts["rows"] = rows
            for number, stage in enumerate(stages):
                own = values[number * len(_FIGURES) :]
                counts["stages"][stage["name"]] = {
                    figure: int(value or 0) for figure, value in zip(_FIGURES, own, strict=False)
                }
        drops = f'SELECT "{_FILE}", verdict.stage, verdict.reason, count(*) {run} WHERE verdict IS NOT NULL'
        query = f"{drops} GROUP BY ALL ORDER BY ALL"
        for name, stage, reason, count in connection.execute(query, {"files": files}).fetchall():
            found[Path(name)]["dropped"].setdefault(stage, {})[reason] = count
    return found


def connect(paths: list[Path]) -> duckdb.DuckDBPyConnection:
    """Return a connection with the shards as the view `run`."""
    import duckdb

    connection = duckdb.connect()
    connection.read_parquet([str(path) for path in paths]).create_view("run")
    return connection


def _columns(stages: Sequence[Mapping[str, Any]], number: int) -> list[str]:
    """Return what counts a stage's rows, in the order of `_FIGURES`."""
    stage = stages[number]
    name, text = _quoted(stage["name"], '"'), _quoted(stage["name"], "'")
    goes_on = f"{name} IS NOT NULL AND verdict.stage IS DISTINCT FROM {text}"
    passed_by = unchanged = "false"
    tokens = ["0", "0"]
    if stage["where"]:
        gone = ", ".join(_quoted(one, "'") for one in (READ, *(before["name"] for before in stages[:number])))
        passed_by = f"(verdict IS NULL OR verdict.stage NOT IN ({gone})) AND {name} IS NULL"
    if "rewrite" in stage:
        unchanged = f"{name}.failure IS NOT NULL AND verdict.stage IS DISTINCT FROM {text}"
        tokens = [f"sum(list_sum([a.{kind} FOR a IN {name}.answers]))" for kind in _TOKENS]
    return [*(f"count(*) FILTER ({one})" for one in (goes_on, passed_by, unchanged)), *tokens]


def _quoted(name: str, mark: str) -> str:
    return mark + name.replace(mark, 2 * mark) + mark


def _nothing(stages: Sequence[Mapping[str, Any]]) -> Counts:
    return {
        "rows": 0,
        "dropped": {},
        "stages": {stage["name"]: dict.fromkeys(_FIGURES, 0) for stage in stages},
    }
