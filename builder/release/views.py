"""Views: each published config is a projection of the run's table, a shard at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from builder.names import same_name
from builder.release.texts import Texts
from builder.run.directory import Run
from builder.run.table import TEXT, at, stage_of, stages_with_text

DROPPED = "dropped"


def is_kept(table: pa.Table, stage: str) -> pa.ChunkedArray[Any]:
    """Tell for each row whether the stage kept the document; one that did not reach it, it did not keep."""
    dropped_here = pc.fill_null(pc.equal(pc.struct_field(table["verdict"], "stage"), pa.scalar(stage)), False)
    kept: pa.ChunkedArray[Any] = pc.and_(pc.is_valid(table[stage]), pc.invert(dropped_here))
    return kept


def kept(
    run: Run, stage: str, columns: Mapping[str, str] | None = None, texts: Texts | None = None
) -> Iterator[pa.Table]:
    """Yield a shard's rows at a time: what `stage` kept, in the text it left.

    Args:
        run: The run.
        stage: One of its stages.
        columns: What else to yield, by name: where in the table it is (`release.columns`).
        texts: Counts the rows.
    """
    upto = run.stages[: run.stages.index(stage) + 1]
    more = {name: path for name, path in (columns or {}).items() if path == TEXT or stage_of(path) in upto}
    for file in map(pq.ParquetFile, run.shard_paths()):
        changing = stages_with_text(file.schema_arrow, upto)
        wanted = ["id", "text", "source", stage, "verdict", *(f"{name}.text" for name in changing), *more.values()]
        table = file.read(columns=wanted, use_threads=False)
        is_wanted = is_kept(table, stage)
        if not pc.all(is_wanted).as_py():  # a filter copies
            table = table.filter(is_wanted)
        # The latest there is: a rewrite that failed with `on_failure: keep` leaves none, nor does a clean text.
        new = {name: pc.struct_field(table[name], "text") for name in changing}
        text = pc.coalesce(*reversed(new.values()), table["text"])
        if texts is not None:
            by_model = [new.pop(name) for name in run.rewriters if name in new]
            texts.add(text, by_model, list(new.values()))
        published = {name: at(table, path) for name, path in more.items()}
        yield _flat({"text": text, "id": table["id"], **published}, table["source"])


def drops(run: Run) -> Iterator[pa.Table]:
    """Yield a shard's drops at a time: id, stage, reason, provenance and measures; no text."""
    filters = [stage["name"] for stage in run.facts["recipe"]["stages"] if "filter" in stage]
    for path in run.shard_paths():
        table = pq.ParquetFile(path).read(columns=["id", "source", "verdict", *filters], use_threads=False)
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
        yield _flat(first, table["source"])


def _flat(first: dict[str, pa.ChunkedArray[Any]], source: pa.ChunkedArray[Any]) -> pa.Table:
    columns = dict(first)
    for field in source.type:
        name = f"source_{field.name}" if same_name(field.name, columns) else field.name
        columns[name] = pc.struct_field(source, field.name)
    return pa.table(columns)
