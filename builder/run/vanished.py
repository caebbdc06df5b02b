"""What a source has taken out since a run pinned it: documents that its newest revision no longer lists.

The keys of the run's documents go into a database on disk; the newest revision's are streamed past them, so that
disk grows with the run and memory with neither.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from builder.errors import BuilderError, SourceError, UsageError
from builder.exclusions import ExclusionList
from builder.files import storage, write_text
from builder.loaded_recipe import LoadedRecipe
from builder.run.directory import Run
from builder.run.funnel import connect
from builder.sources import Source

_MEMORY = "1GB"
_KEY = "(key of a document)"


@dataclass(frozen=True, slots=True)
class Vanished:
    """What is missing from a source's newest revision.

    Attributes:
        source: The source's label.
        pinned: The revision that the run reads.
        newest: The one that it was compared with.
        documents: How many documents the run has of it.
        ids: The ids of those that are not listed there.
        unwritable: How many more there are whose ids no list of exclusions can hold.
    """

    source: str
    pinned: str
    newest: str
    documents: int
    ids: list[str]
    unwritable: int = 0


def say_what_moved(loaded: LoadedRecipe, run: Run, say: Callable[[str], None]) -> None:
    """Say which sources have moved on since the run pinned them and no list was compared with, and what to run."""
    for source, pin in _with_revisions(loaded, run):
        try:
            newest = source.newest()
        except BuilderError as error:  # no reason not to publish what was read long ago
            say(
                f"{source.label()}: whether it has a newer revision than {pin['revision']} can't be told ({error})"
            )
            continue
        if newest in (None, pin["revision"]) or loaded.exclusions.mentions(str(newest)):
            continue
        say(
            f"{source.label()}: read at {pin['revision']}, and {newest} is newer. What was taken out of it since"
            f" is still here: `python -m builder removals RECIPE --run {run.path} --into removed.txt` lists it,"
            " `--exclude id=removed.txt` leaves it out"
        )


def find_vanished(loaded: LoadedRecipe, run: Run, say: Callable[[str], None]) -> list[Vanished]:
    """Compare every source that has revisions with its newest one.

    Raises:
        SourceError: The newest revision is no such table any more.
        HubRefused, HubUnreachable: So says the Hub.
        StorageError: The disk refuses.
        UsageError: The run holds nothing, or no source has revisions.
    """
    if not run.shard_paths():
        raise UsageError("the run holds no document", where=str(run.path), remedy="`build` it first")
    for source, pin in zip(loaded.recipe.sources, run.facts["sources"], strict=True):
        source.pin(pin)
    pinned = [(source, str(pin["revision"])) for source, pin in _with_revisions(loaded, run)]
    found = [_vanished(run, source, revision, say) for source, revision in pinned]
    if not found:
        raise UsageError(
            "no source of the recipe has revisions whose rows can be told apart",
            where=str(run.path),
            remedy="`kind: the-stack-v2`, and `kind: hub` with `id` or a column `url`, have",
        )
    return found


def write_vanished(found: list[Vanished], path: Path) -> None:
    """Write what vanished as a list for `exclude: {id: …}`, which says what it was compared with."""
    lines = [f"# {one.source}: read at {one.pinned}, compared with {one.newest}" for one in found]
    write_text(path, "\n".join([*lines, *(id for one in found for id in one.ids)]) + "\n")


def _with_revisions(loaded: LoadedRecipe, run: Run) -> Iterator[tuple[Source, dict[str, Any]]]:
    """Yield the sources that have revisions, whose rows can be told apart, with what the run recorded of them."""
    for source, pin in zip(loaded.recipe.sources, run.facts["sources"], strict=True):
        if "revision" in pin and source.identifying():
            yield source, pin


def _vanished(run: Run, source: Source, pinned: str, say: Callable[[str], None]) -> Vanished:
    newest = source.newest()
    if newest is None or newest == pinned:
        return Vanished(source.label(), pinned, pinned, _documents(run, source), [])
    say(f"{source.label()}: comparing {pinned} with {newest}")
    now = source.at(newest)
    now.pin()
    if list(now.identifying()) != list(source.identifying()):
        raise SourceError(
            f"at {newest} it has other columns that tell rows apart: {', '.join(now.identifying()) or 'none'}",
            where=source.label(),
            remedy="the two can't be compared: ask for its removals where it is published, or begin a new run",
        )
    work = run.path / ".vanished"
    with storage(work):
        shutil.rmtree(work, ignore_errors=True)  # of a process that was killed
        work.mkdir()
        try:
            with duckdb.connect(str(work / "keys.duckdb")) as connection:
                connection.execute(f"SET memory_limit='{_MEMORY}'; SET enable_progress_bar=false")
                ids = _missing(run, source, now, connection)
        finally:
            shutil.rmtree(work)
    written = [id for id in ids if ExclusionList.of("id", id.split("\n")).match(id) == id]
    return Vanished(source.label(), pinned, newest, _documents(run, source), written, len(ids) - len(written))


def _documents(run: Run, source: Source) -> int:
    with connect(run.shard_paths()) as connection:
        row = connection.execute("SELECT count(*) FROM run WHERE source.dataset = ?", [source.label()]).fetchone()
    return int(row[0]) if row else 0


def _missing(run: Run, source: Source, now: Source, connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Return the ids of the source's documents whose keys its newest revision has not."""
    connection.read_parquet([str(path) for path in run.shard_paths()]).create_view("run")
    columns = source.identifying()
    by_id = [*columns] == [getattr(source, "id", None)]  # of a column that ids are made of, whatever its type
    prefix = len(f"{source.name}/") if source.name else 0
    keys = [f"encode(id[{prefix + 1}:])"] if by_id else [f'encode(source."{name}")' for name in columns]
    # Of a row without an id the document's says where the row lies.
    placed = "AND NOT ends_with(id, concat(source.file, '#', source.row))" if by_id else ""
    connection.execute(
        f"CREATE TABLE documents AS SELECT id, hash({', '.join(keys)}) AS key,"  # noqa: S608 - the recipe's names
        f" hash(encode(regexp_replace(id[{prefix + 1}:], '~[0-9]+$', ''))) AS unnumbered"
        f" FROM run WHERE source.dataset = ? {placed}",
        [source.label()],
    )
    connection.execute("CREATE TABLE known AS SELECT key FROM documents UNION SELECT unnumbered FROM documents")
    connection.execute("CREATE TABLE listed (key UBIGINT)")
    for rows in now.listed():
        blobs = pa.table([column.cast(pa.binary()) for column in rows.columns], names=rows.column_names)
        named = ", ".join(f'"{name}"' for name in rows.column_names)
        found = connection.from_arrow(blobs).project(f'hash({named}) AS "{_KEY}"')
        found.filter(f'"{_KEY}" IN (FROM known)').distinct().insert_into("listed")
    query = (
        "SELECT id FROM documents WHERE key NOT IN (FROM listed) AND (NOT ? OR unnumbered NOT IN (FROM listed))"
    )
    return [str(id) for (id,) in connection.execute(f"{query} ORDER BY id", [by_id]).fetchall()]
