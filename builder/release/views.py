"""Views: each published config is a projection of the run's table, written shard by shard.

Memory does not grow with the release, and equal runs give equal bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from builder.files import storage
from builder.run.directory import Run
from builder.run.table import stages_with_text

DROPPED = "dropped"
_FILE_BYTES = 512 * 2**20  # of uncompressed Arrow data: about 128 to 256 MB of Parquet


@dataclass(frozen=True, slots=True)
class Config:
    """A written config.

    Attributes:
        name: Its name for `load_dataset`.
        stage: The stage whose kept documents it holds; None for the drops and the generations.
        files: Its files, relative to the release, in order.
        rows: Number of rows.
        bytes: Size of its files.
        arrow_bytes: Size of its rows in memory.
        schema: Its columns.
    """

    name: str
    stage: str | None
    files: list[str]
    rows: int
    bytes: int
    arrow_bytes: int
    schema: pa.Schema


def write_config(view: Iterator[pa.Table], name: str, stage: str | None, split: str, folder: Path) -> Config:
    """Write a config's Parquet files, of the rows that `view` yields, below `folder`."""
    data = folder / "data" / name
    with storage(data):
        data.mkdir(parents=True, exist_ok=True)
        parts, schema = _write(view, data)
    files = []
    for number, (part, _, _) in enumerate(parts):
        final = data / f"{split}-{number:05d}-of-{len(parts):05d}.parquet"
        part.rename(final)
        files.append(final.relative_to(folder).as_posix())
    sizes = [(folder / file).stat().st_size for file in files]
    return Config(
        name,
        stage,
        files,
        sum(rows for _, rows, _ in parts),
        sum(sizes),
        sum(size for _, _, size in parts),
        schema,
    )


def _write(view: Iterator[pa.Table], data: Path) -> tuple[list[tuple[Path, int, int]], pa.Schema]:
    """Write files of about `_FILE_BYTES` each; return their paths, rows and sizes in memory."""
    parts: list[tuple[Path, int, int]] = []
    table = next(view)  # a shard without rows for this view still has its schema
    schema, left = table.schema, True
    while left:
        path, rows, size = data / f".part-{len(parts):05d}", 0, 0
        with pq.ParquetWriter(
            path, schema, compression="zstd", use_content_defined_chunking=True, write_page_index=True
        ) as writer:
            while left and size < _FILE_BYTES:
                if table.num_rows:  # `datasets` can't read a file with an empty row group
                    writer.write_table(table)
                rows, size = rows + table.num_rows, size + table.nbytes
                following = next(view, None)
                left, table = following is not None, table if following is None else following
        parts.append((path, rows, size))
    return parts, schema


def is_kept(table: pa.Table, stage: str) -> pa.ChunkedArray[Any]:
    """Tell for each row whether the stage kept the document; one that did not reach it, it did not keep."""
    dropped_here = pc.fill_null(pc.equal(pc.struct_field(table["verdict"], "stage"), pa.scalar(stage)), False)
    kept: pa.ChunkedArray[Any] = pc.and_(pc.is_valid(table[stage]), pc.invert(dropped_here))
    return kept


def kept(run: Run, stage: str) -> Iterator[pa.Table]:
    """Yield a shard's rows at a time: what `stage` kept, in the text it left."""
    upto = run.stages[: run.stages.index(stage) + 1]
    for path in run.shard_paths():
        file = pq.ParquetFile(path)
        changing = stages_with_text(file.schema_arrow, upto)
        columns = ["id", "text", "source", stage, "verdict", *(f"{name}.text" for name in changing)]
        table = file.read(columns=columns)
        table = table.filter(is_kept(table, stage))
        # The latest there is: a rewrite that failed with `on_failure: keep` leaves none, nor does a clean text.
        texts = [pc.struct_field(table[name], "text") for name in reversed(changing)]
        text = pc.coalesce(*texts, table["text"])
        yield _flat({"text": text, "id": table["id"]}, table["source"])


def drops(run: Run) -> Iterator[pa.Table]:
    """Yield a shard's drops at a time: id, stage, reason, provenance and measures; no text."""
    filters = [stage["name"] for stage in run.facts["recipe"]["stages"] if "filter" in stage]
    for path in run.shard_paths():
        table = pq.ParquetFile(path).read(columns=["id", "source", "verdict", *filters])
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
        name = f"source_{field.name}" if field.name in columns else field.name
        columns[name] = pc.struct_field(source, field.name)
    return pa.table(columns)
