"""Which rows of a shard of the table are excluded, told by their ids and provenance alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from builder.exclusions import Exclusions


class ExcludedRow(NamedTuple):
    """A row that is excluded: its place, its id, and column and entry of each list that says so."""

    row: int
    id: str
    matches: list[tuple[str, str]]


def excluded_rows(path: Path, exclusions: Exclusions) -> Iterator[ExcludedRow]:
    """Yield the excluded rows of a shard."""
    import pyarrow.parquet as pq

    if not exclusions:
        return
    with pq.ParquetFile(path) as file:
        known = {field.name for field in file.schema_arrow.field("source").type}
        needed = {"dataset", *(one.column for one in exclusions.lists)} & known
        columns = ["id", *(f"source.{name}" for name in sorted(needed))]
        first = 0
        for batch in file.iter_batches(columns=columns):
            for row, fields in enumerate(batch.to_pylist(), first):
                if matches := list(exclusions.matches(fields["id"], fields.get("source", {}))):
                    yield ExcludedRow(row, fields["id"], matches)
            first += batch.num_rows


def has_readmitted(path: Path, rows: Mapping[str, Sequence[int]], exclusions: Exclusions) -> bool:
    """Whether a row that was withheld is excluded no longer.

    Args:
        path: A shard.
        rows: Its rows that were withheld: `unread`, of which nothing was kept, and `paused`, on their way.
        exclusions: What is excluded now.
    """
    excluded = {one.row for one in excluded_rows(path, exclusions)}
    return any(row not in excluded for some in rows.values() for row in some)
