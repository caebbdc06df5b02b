"""Finding near-duplicates: a pass over the run's table, between the stage before it and the one after.

    shards ── sketches (a file a shard, a process a core) ── one database on disk ── decisions.parquet

The database sorts and joins within a fixed share of memory and spills the rest to disk, so that memory does not
grow with the run. What is decided depends on the set of documents alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import multiprocessing
import os
import shutil
import signal
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from builder.arrow import spare_memory
from builder.document import READ, Document
from builder.errors import Interrupted, StorageError
from builder.exclusions import EXCLUDED, Exclusions
from builder.files import replacing, storage
from builder.filters.confine import end_with_parent
from builder.filters.near_duplicates import NearDuplicates
from builder.run.directory import Run, RunShard
from builder.run.table import read_shard

MEMORY = "2GB"
"""What the database may take of memory before it spills to disk."""

_PAIRS = 2**16  # compared at a time

_WORTH_A_PROCESS = 1000
"""Documents to sketch from which on a further process pays: it takes a second of CPU to start, they take two."""

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


@dataclass(frozen=True, slots=True)
class DuplicatesStage:
    """A stage that drops near-duplicates, and its place in the run.

    Attributes:
        name: The stage's name.
        filter: Its options.
        applies_to: Whether a document with this provenance takes part.
        before: The names of the stages before it.
        exclusions: What takes no part because it is excluded when documents are compared.
    """

    name: str
    filter: NearDuplicates
    applies_to: Callable[[Mapping[str, Any]], bool]
    before: tuple[str, ...]
    exclusions: Exclusions = field(default_factory=Exclusions)

    def takes(self, document: Document) -> bool:
        """Whether a document, with the records of all its stages, comes as far as this one and takes part."""
        goes_on = document.dropped is None or document.dropped[0] not in (READ, *self.before)
        return goes_on and self.applies_to(document.source)

    def documents(self, path: Path) -> Iterator[Document | None]:
        """Yield a shard's documents as they come to this stage, None for each that does not."""
        for document in read_shard(path, self.before):
            yield document if self.takes(document) and not self.exclusions.holds(document) else None


@dataclass(frozen=True, slots=True)
class Duplicates:
    """What was decided in a run, read shard by shard.

    Attributes:
        stage: The stage that decides.
        path: The file of decisions.
        identity: A digest of what the decisions depend on beyond the run's own identity.
    """

    stage: DuplicatesStage
    path: Path
    identity: str

    def judge(self, shard: int, documents: Iterator[Document]) -> Iterator[Document]:
        """Yield the shard's documents with this stage's verdict in the place of any that they had."""
        stage, name = self.stage, self.stage.name
        decided = {
            row.pop("row"): row
            for row in pq.read_table(self.path, filters=[("shard", "==", shard)]).drop(["shard"]).to_pylist()
        }
        alone = {"survivor": None, "similarity": None, "exact": False, "copies": 1}
        for row, document in enumerate(documents):
            if not stage.takes(document):
                yield document
                continue
            measures = decided.get(row, alone)
            yield document.judged(name, stage.before, measures, stage.filter.decide(measures))


def find_duplicates(
    run: Run, shards: Sequence[RunShard], stage: DuplicatesStage, workers: int, say: Callable[[str], None]
) -> Duplicates:
    """Decide for every document that came so far; return what was decided.

    Args:
        run: The run, whose `shards` have all been through the stage before.
        shards: The shards to compare, all with all.
        stage: The stage.
        workers: Processes that make sketches.
        say: Where progress goes.

    Raises:
        StorageError: The disk refuses.
        Interrupted: By Ctrl-C; sketches that are done stay.
    """
    identity = _identity(run, shards, stage)
    folder = run.path / "duplicates" / stage.name
    decisions = folder / "decisions.parquet"
    if _identity_of(decisions) != identity:
        with _stops_cleanly(run.path, folder):
            sketches = _sketch_all(run, shards, stage, folder / "sketches", workers, say)
            _decide(stage.filter, sketches, folder, decisions, identity, workers, say)
    shutil.rmtree(folder / "sketches", ignore_errors=True)  # also of a build killed just before
    _remove_database(folder)
    return Duplicates(stage, decisions, identity)


@contextlib.contextmanager
def _stops_cleanly(where: Path, folder: Path) -> Iterator[None]:
    try:
        with storage(folder):
            yield
    except (KeyboardInterrupt, duckdb.InterruptException):
        raise Interrupted(
            "interrupted while looking for duplicates",
            where=str(where),
            remedy="run the same command to go on",
        ) from None
    except (duckdb.IOException, duckdb.OutOfMemoryException) as error:
        raise StorageError(
            f"the duplicates' database can't go on ({error})",
            where=str(folder),
            remedy="it needs about 1 kB of disk a document: make room, then run the same command",
        ) from error


def _identity(run: Run, shards: Sequence[RunShard], stage: DuplicatesStage) -> str:
    """Return a digest of what decisions depend on beyond the run's own identity: which documents there are.

    Where requests at stages before got no answer, and may get one later, other documents will come to this one. So
    they will where documents that were excluded when they were read no longer are; those that are excluded later
    stay among the compared: what was dropped as a copy of one would come back in its place, to be paid for.
    """
    compared: list[Any] = []
    for shard in shards:
        found = run.unanswered_in(run.shard_path(shard.index))
        lacking = [found[name] for name in stage.before if name in found]
        facts = run.facts_of(shard) or {}
        lacking += [{EXCLUDED: len(unread)}] if (unread := facts.get("withheld", {}).get("unread")) else []
        documents = facts.get("documents")
        compared.append([documents, *lacking] if lacking else documents)
    content = orjson.dumps([stage.filter.model_dump(), [shard.facts for shard in shards], compared])
    return hashlib.sha256(content).hexdigest()


def _identity_of(decisions: Path) -> str | None:
    if not decisions.is_file():
        return None
    return (pq.read_metadata(decisions).metadata or {})[b"builder"].decode()


def _sketch_all(
    run: Run,
    shards: Sequence[RunShard],
    stage: DuplicatesStage,
    folder: Path,
    workers: int,
    say: Callable[[str], None],
) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"shard-{shard.index:05d}.parquet" for shard in shards]
    todo = [
        (shard.index, run.shard_path(shard.index), path)
        for shard, path in zip(shards, paths, strict=True)
        if not path.is_file() or _is_older(path, run.shard_path(shard.index))
    ]
    say(f"stage {stage.name}: sketching {len(todo)} of {len(shards)} shards")
    documents = sum((run.facts_of(shard) or {}).get("documents", 0) for shard in shards)
    processes = min(workers, len(todo), 1 + documents // _WORTH_A_PROCESS)
    for number, _ in enumerate(_sketched(stage, todo, processes), 1):
        if number % 100 == 0:
            say(f"stage {stage.name}: sketched {number} of {len(todo)} shards")
    return paths


def _sketched(stage: DuplicatesStage, todo: Sequence[tuple[int, Path, Path]], processes: int) -> Iterator[None]:
    """Sketch shard after shard, here where one process is enough for all; yield after each."""
    if processes <= 1:
        for one in todo:
            _sketch_shard(stage, *one)
            yield
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, _begin_sketching, (os.getpid(),)) as pool:
        try:
            for submitted in [pool.submit(_sketch_shard, stage, *one) for one in todo]:
                submitted.result()
                yield
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _is_older(path: Path, than: Path) -> bool:
    return path.stat().st_mtime_ns < than.stat().st_mtime_ns


def _begin_sketching(parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent stops the pool
    end_with_parent(parent)
    spare_memory()


def _sketch_shard(stage: DuplicatesStage, shard: int, source: Path, path: Path) -> None:
    used = stage.filter
    fields: dict[str, pa.DataType] = {
        "shard": pa.int32(),
        "row": pa.int32(),
        "id": pa.string(),
        "sha256": pa.binary(32),
        **{f"band_{number}": pa.uint64() for number in range(used.bands)},
        "low_bytes": pa.binary(used.permutations),
    }
    schema = pa.schema(fields)
    columns: dict[str, list[Any]] = defaultdict(list)
    for row, document in enumerate(stage.documents(source)):
        if document is None:
            continue
        sketch = used.sketch(document.current)
        values = [shard, row, document.id, sketch.sha256, *sketch.bands, sketch.low_bytes]
        for name, value in zip(schema.names, values, strict=True):
            columns[name].append(value)
    with storage(path), replacing(path) as temporary:
        pq.write_table(pa.table({name: columns[name] for name in schema.names}, schema=schema), temporary)


def _decide(
    used: NearDuplicates,
    sketches: Sequence[Path],
    folder: Path,
    decisions: Path,
    identity: str,
    workers: int,
    say: Callable[[str], None],
) -> None:
    database = folder / "work.duckdb"
    _remove_database(folder)
    with duckdb.connect(str(database)) as connection:
        connection.execute(f"SET memory_limit='{MEMORY}'; SET threads={workers}")
        connection.execute("SET preserve_insertion_order=false; SET enable_progress_bar=false")
        _number(connection, sketches)
        say(f"comparing {_count(connection, 'documents')} documents by {used.bands} bands of {used.rows}")
        _collect_pairs(connection, used.bands)
        _join_alike(connection, used)
        _write_decisions(connection, decisions, identity)


def _remove_database(folder: Path) -> None:
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
    leader: dict[int, int] = {}

    def led_by(text: int) -> int:
        while (next_one := leader.get(text, text)) != text:
            leader[text] = leader.get(next_one, next_one)
            text = next_one
        return text

    for a, b, alike in _compared(connection, "pairs", used):
        for one, other in zip(
            a[alike >= used.similarity].tolist(), b[alike >= used.similarity].tolist(), strict=True
        ):
            first, second = sorted((led_by(one), led_by(other)))
            if first != second:
                leader[second] = first
    led = sorted(leader)
    chosen = pa.table({"a": pa.array([led_by(text) for text in led], pa.int64()), "b": pa.array(led, pa.int64())})
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
    with storage(path), replacing(path) as temporary, pq.ParquetWriter(temporary, schema) as writer:
        for batch in _batches(connection, query):
            writer.write_table(
                pa.Table.from_batches([batch]).cast(_DECISION).replace_schema_metadata(schema.metadata)
            )


def _count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608 - our names
    return int(row[0]) if row else 0


def _batches(connection: duckdb.DuckDBPyConnection, query: str) -> Iterator[pa.RecordBatch]:
    yield from connection.sql(query).to_arrow_reader(_PAIRS)
