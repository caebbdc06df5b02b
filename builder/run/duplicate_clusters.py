"""Deciding which documents are near-duplicates: a database on disk numbers, pairs, compares and clusters sketches.

It sorts and joins within a fixed share of memory and spills the rest to disk, so that memory does not grow with
the run. What is decided depends on the set of sketches alone.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from builder.disjoint_sets import DisjointSets
from builder.files import storage
from builder.filters.near_duplicates import NearDuplicates

MEMORY = "2GB"
"""What the database may take of memory before it spills to disk."""

_PAIRS = 2**16  # compared at a time

_DECISION = pa.schema(
    (
        pa.field("shard", pa.int32()),
        pa.field("row", pa.int32()),
        pa.field("survivor", pa.string()),
        pa.field("similarity", pa.float64()),
        pa.field("exact", pa.bool_()),
        pa.field("copies", pa.int64()),
    )
)


def decide(
    used: NearDuplicates,
    sketches: Sequence[Path],
    database: Path,
    replacing: Callable[[Path], AbstractContextManager[Path]],
    decisions: Path,
    identity: str,
    workers: int,
    say: Callable[[str], None],
) -> None:
    """Write into `decisions` what becomes of each document that is not alone.

    Args:
        used: The filter that compares.
        sketches: The documents' sketches.
        database: A place for the database.
        replacing: What puts a file into its place.
        decisions: The file to write.
        identity: What it is marked with.
        workers: Threads.
        say: Where progress goes.
    """
    remove_databases(database.parent)
    with duckdb.connect(str(database)) as connection:
        connection.execute(f"SET memory_limit='{MEMORY}'; SET threads={workers}")
        connection.execute("SET preserve_insertion_order=false; SET enable_progress_bar=false")
        _number(connection, sketches)
        say(f"comparing {_count(connection, 'documents')} documents by {used.bands} bands of {used.rows}")
        _collect_pairs(connection, used.bands)
        _join_alike(connection, used)
        with storage(decisions), replacing(decisions) as temporary:
            _write_decisions(connection, temporary, identity)


def remove_databases(folder: Path) -> None:
    """Remove the database, also those of builds that were killed."""
    for old in folder.glob("work.duckdb*"):
        shutil.rmtree(old) if old.is_dir() else old.unlink()


def _number(connection: duckdb.DuckDBPyConnection, sketches: Sequence[Path]) -> None:
    """Number documents by (SHA-256, id); a text has the number of its first document, and its sketch once."""
    connection.read_parquet([str(path) for path in sketches]).create_view("sketches")
    connection.execute(
        "CREATE TABLE documents AS"
        " SELECT number, min(number) OVER (PARTITION BY sha256) AS text, id, shard, row FROM ("
        "  SELECT row_number() OVER (ORDER BY sha256, id) AS number, sha256, id, shard, row"
        "  FROM sketches)"
    )
    connection.execute(
        "CREATE TABLE texts AS SELECT d.text, s.* EXCLUDE (shard, row, id, sha256)"
        " FROM documents d JOIN sketches s USING (shard, row) WHERE d.number = d.text"
    )


def _collect_pairs(connection: duckdb.DuckDBPyConnection, bands: int) -> None:
    """Pair each text with the first of those that share a band with it, and with the one before it among them."""
    connection.execute("CREATE TABLE found (a BIGINT, b BIGINT)")
    for band in range(bands):
        connection.execute(
            "INSERT INTO found SELECT unnest([first, previous]), text FROM ("  # noqa: S608 - our names
            " SELECT text, first_value(text) OVER alike AS first, lag(text) OVER alike AS previous FROM texts"
            f" WINDOW alike AS (PARTITION BY band_{band} ORDER BY text)"
            ") WHERE first < text"
        )
    connection.execute("CREATE TABLE pairs AS SELECT DISTINCT a, b FROM found; DROP TABLE found")


def _join_alike(connection: duckdb.DuckDBPyConnection, used: NearDuplicates) -> None:
    """Make `clusters`: for each text that a smaller one stands for, that one, and how alike the two are."""
    sets = DisjointSets[int]()
    for a, b, alike in _compared(connection, "pairs", used):
        are_alike = alike >= used.similarity
        for one, other in zip(a[are_alike].tolist(), b[are_alike].tolist(), strict=True):
            sets.join(one, other)
    led = sets.led()
    chosen = pa.table({"a": pa.array(map(sets.leader, led), pa.int64()), "b": pa.array(led, pa.int64())})
    connection.register("chosen", chosen)
    connection.execute("CREATE TABLE leaders AS SELECT * FROM chosen")
    connection.unregister("chosen")
    connection.execute("CREATE TABLE clusters (text BIGINT, survivor BIGINT, similarity DOUBLE)")
    for a, b, alike in list(_compared(connection, "leaders", used)):
        connection.register("batch", pa.table({"text": b, "survivor": a, "similarity": alike}))
        connection.execute("INSERT INTO clusters SELECT * FROM batch")
        connection.unregister("batch")


def _compared(
    connection: duckdb.DuckDBPyConnection, pairs: str, used: NearDuplicates
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield the pairs (a, b) of a table with their estimated similarity, some thousands at a time."""
    query = (
        f"SELECT p.a, p.b, x.low_bytes, y.low_bytes FROM {pairs} p"  # noqa: S608 - our names
        " JOIN texts x ON x.text = p.a JOIN texts y ON y.text = p.b"
    )
    for batch in _batches(connection.cursor(), query):
        a, b = (batch.column(place).to_numpy(zero_copy_only=False) for place in (0, 1))
        ours, theirs = (
            np.frombuffer(b"".join(batch.column(place).to_pylist()), np.uint8).reshape(-1, used.permutations)  # type: ignore[arg-type] # no None
            for place in (2, 3)
        )
        yield a, b, estimate(ours, theirs)


def estimate(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Return the Jaccard similarities that pairs of low bytes, (pairs, permutations) each, tell of."""
    agree: np.ndarray = (ours == theirs).mean(axis=1)
    by_chance = 1 / 256
    estimated: np.ndarray = np.maximum(0.0, (agree - by_chance) / (1 - by_chance))
    return estimated


def _write_decisions(connection: duckdb.DuckDBPyConnection, path: Path, identity: str) -> None:
    """Write a row for each document that is not alone, in the table's order."""
    query = (
        "WITH led AS (SELECT d.*, coalesce(c.survivor, d.text) AS leader, c.similarity"
        "  FROM documents d LEFT JOIN clusters c USING (text)),"
        " sized AS (SELECT *, count(*) OVER (PARTITION BY leader) AS copies FROM led)"
        " SELECT s.shard, s.row, CASE WHEN s.number <> s.leader THEN first.id END AS survivor,"
        "  CASE WHEN s.number <> s.leader THEN coalesce(s.similarity, 1.0) END AS similarity,"
        "  s.number <> s.text AS exact, s.copies"
        " FROM sized s JOIN documents first ON first.number = s.leader"
        " WHERE s.copies > 1 ORDER BY s.shard, s.row"
    )
    schema = _DECISION.with_metadata({"builder": identity})
    with pq.ParquetWriter(path, schema) as writer:
        for batch in _batches(connection, query):
            writer.write_table(
                pa.Table.from_batches([batch]).cast(_DECISION).replace_schema_metadata(schema.metadata)
            )


def _count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608 - our names
    return int(row[0]) if row else 0


def _batches(connection: duckdb.DuckDBPyConnection, query: str) -> Iterator[pa.RecordBatch]:
    yield from connection.sql(query).to_arrow_reader(_PAIRS)
