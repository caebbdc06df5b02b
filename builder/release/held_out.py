"""Which documents are held out: by what they say, so that no text that is held out is among the others.

Documents whose texts are equal, as they were read or as a config has them, or that are near-duplicates as far as a
stage has looked, are one group, and a group is held out or not as a whole, in every config. What a group says
decides, not ids nor order: a document that is held out once is in every version, unless another joins its group.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from builder.disjoint_sets import DisjointSets
from builder.files import storage
from builder.run.directory import Run
from builder.run.table import stages_with_text

_MEMORY = "1GB"
_ROWS_AT_ONCE = 2**16
_WORK = ".held-out"


def held_out(run: Run, published: Sequence[str], share: float, folder: Path) -> frozenset[str]:
    """Return the ids of the documents that are held out.

    Args:
        run: A complete run.
        published: The stages whose kept documents the release holds.
        share: The share of the groups that is held out, 0 … 1.
        folder: A place to work, of which nothing is left.

    Raises:
        StorageError: The disk refuses.
    """
    if not share:
        return frozenset()
    work = folder / _WORK
    with storage(work):
        work.mkdir(parents=True)
        try:
            with duckdb.connect(str(work / "groups.duckdb")) as connection:
                connection.execute(f"SET memory_limit='{_MEMORY}'; SET preserve_insertion_order=false")
                connection.execute("SET enable_progress_bar=false")
                _read(run, published, connection)
                _name_groups(connection)
                return frozenset(_chosen(connection, share))
        finally:
            shutil.rmtree(work)


def _read(run: Run, published: Sequence[str], connection: duckdb.DuckDBPyConnection) -> None:
    """Make `documents`: of each that a config holds its id, the digest of its text as read, and its labels.

    Documents that share a label belong together: the hash of a text without the blanks around it, or of a group of
    near-duplicates.
    """
    paths = run.shown_paths()
    schema = pq.read_schema(paths[0])
    labels, is_held = [_hash_of("text")], []
    for stage in dict.fromkeys(published):
        upto = run.stages[: run.stages.index(stage) + 1]
        changed = [f'"{name}".text' for name in reversed(stages_with_text(schema, upto))]
        is_held.append(f"(\"{stage}\" IS NOT NULL AND verdict.stage IS DISTINCT FROM '{stage}')")
        if changed:
            left = _hash_of(f"coalesce({', '.join(changed)}, text)")
            labels.append(f"CASE WHEN {is_held[-1]} THEN {left} END")  # the hash of NULL is a number, too
    for stage in run.stages:
        if schema.field(stage).type.get_field_index("survivor") >= 0:
            group = f"hash('{stage}', coalesce(\"{stage}\".survivor, id))"
            labels.append(f'CASE WHEN "{stage}" IS NOT NULL THEN {group} END')
    connection.read_parquet([str(path) for path in paths]).create_view("run")
    connection.execute(
        f"CREATE TABLE documents AS SELECT id, sha256(text) AS digest, [{', '.join(labels)}] AS labels"  # noqa: S608
        f" FROM run WHERE {' OR '.join(is_held)}"
    )


def _hash_of(text: str) -> str:
    return f"hash(trim({text}, E' \\t\\r\\n'))"


def _name_groups(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `groups`: for each document of a group of several, the least digest of those in it."""
    connection.execute("CREATE TABLE labels AS SELECT DISTINCT id, unnest(labels) AS label FROM documents")
    connection.execute(
        "CREATE TABLE pairs AS SELECT l.id AS one, f.first AS other FROM labels l JOIN"
        " (SELECT label, min(id) AS first FROM labels GROUP BY label HAVING count(*) > 1) f USING (label)"
        " WHERE l.id <> f.first"
    )
    sets = DisjointSets[str]()
    for one, other in _rows(connection, "SELECT one, other FROM pairs"):
        sets.join(one, other)
    ids = sets.joined()
    led = pa.table({"id": pa.array(ids, pa.string()), "leader": pa.array(map(sets.leader, ids), pa.string())})
    connection.register("led", led)
    connection.execute(
        "CREATE TABLE groups AS SELECT id, min(digest) OVER (PARTITION BY leader) AS least"
        " FROM led JOIN documents USING (id)"
    )
    connection.unregister("led")


def _chosen(connection: duckdb.DuckDBPyConnection, share: float) -> Iterator[str]:
    """Yield the ids of the groups whose number, of 32 bits and evenly spread, is below the share."""
    bound = int(share * 2**32)
    query = "SELECT id, coalesce(least, digest) FROM documents LEFT JOIN groups USING (id)"
    for id, digest in _rows(connection, query):
        # Digested again: the least of many digests is a small number more often than the one of a single text.
        if int.from_bytes(hashlib.sha256(digest.encode()).digest()[:4], "big") < bound:
            yield id


def _rows(connection: duckdb.DuckDBPyConnection, query: str) -> Iterator[tuple[str, str]]:
    cursor = connection.cursor()
    for batch in cursor.sql(query).to_arrow_reader(_ROWS_AT_ONCE):
        yield from zip(batch.column(0).to_pylist(), batch.column(1).to_pylist(), strict=True)
