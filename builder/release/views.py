"""Views: each published config is a projection of the run's table, a shard at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from builder.names import same_name
from builder.release.texts import Texts
from builder.run.directory import Run
from builder.run.table import TEXT, at, row_groups, stage_of, stages_with_text

DROPPED = "dropped"


def is_kept(table: pa.Table, stage: str) -> pa.ChunkedArray[Any]:
    """Tell for each row whether the stage kept the document; one that did not reach it, it did not keep."""
    dropped_here = pc.fill_null(pc.equal(pc.struct_field(table["verdict"], "stage"), pa.scalar(stage)), False)
    kept: pa.ChunkedArray[Any] = pc.and_(pc.is_valid(table[stage]), pc.invert(dropped_here))
    return kept


def kept(
    run: Run, stage: str, columns: Mapping[str, str] | None = None, texts: Texts | None = None
) -> Iterator[pa.Table]:
    """Yield a row group at a time: what `stage` kept, in the text it left.

    Args:
        run: The run.
        stage: One of its stages.
        columns: What else to yield, by name: where in the table it is (`release.columns`).
        texts: Counts the rows.
    """
    upto = run.stages[: run.stages.index(stage) + 1]
    more = {name: path for name, path in (columns or {}).items() if path == TEXT or stage_of(path) in upto}
    for path in run.shown_paths():
        changing = stages_with_text(pq.read_schema(path), upto)
        wanted = ["id", "text", "source", stage, "verdict", *(f"{name}.text" for name in changing), *more.values()]
        for table in row_groups(path, wanted):
            left = _left(table, stage)
            new = {name: pc.struct_field(left[name], "text") for name in changing}
            # The latest there is: a rewrite that failed with `on_failure: keep` leaves none, a clean text neither.
            text = pc.coalesce(*reversed(new.values()), left["text"])
            if texts is not None:
                by_model = [new.pop(name) for name in run.rewriters if name in new]
                texts.add(text, by_model, list(new.values()))
            published = {name: at(left, where) for name, where in more.items()}
            yield flat({"text": text, "id": left["id"], **published}, left["source"])


def _left(table: pa.Table, stage: str) -> pa.Table:
    """Return the rows that a stage kept."""
    is_wanted = is_kept(table, stage)
    return table if pc.all(is_wanted).as_py() else table.filter(is_wanted)  # a filter copies


def drops(run: Run) -> Iterator[pa.Table]:
    """Yield a row group's drops at a time: id, stage, reason, provenance and measures; no text."""
    filters = [stage["name"] for stage in run.facts["recipe"]["stages"] if "filter" in stage]
    columns = ["id", "source", "verdict", *filters]
    for table in chain.from_iterable(row_groups(path, columns) for path in run.shown_paths()):
        table = table.filter(pc.is_valid(table["verdict"]))
        verdict = table["verdict"]
        first = {
            "id": table["id"],
            "stage": pc.struct_field(verdict, "stage"),
            "reason": pc.struct_field(verdict, "reason"),
        }
        for name in filters:
            for measure in table.schema.field(name).type:
                if measure.name == "text":
                    continue
                first[f"{name}_{measure.name}"] = pc.struct_field(table[name], measure.name)
        yield flat(first, table["source"])


def flat(first: dict[str, Any], source: pa.ChunkedArray[Any]) -> pa.Table:
    """Return a table of these columns and the source's, whose names give way."""
    columns = dict(first)
    for field in source.type:
        name = field.name
        while same_name(name, columns):
            name = f"source_{name}"
        columns[name] = pc.struct_field(source, field.name)
    return pa.table(columns)
