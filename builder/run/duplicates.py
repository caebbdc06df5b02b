"""Finding near-duplicates: a pass over the run's table, between the stage before it and the one after.

    shards ── sketches (a file a shard, a process a core) ── one database on disk ── decisions.parquet

What is decided depends on the set of documents alone.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pyarrow.parquet as pq

from builder.document import Document
from builder.errors import Interrupted, StorageError
from builder.exclusions import EXCLUDED, Exclusions
from builder.files import storage
from builder.filters.near_duplicates import NearDuplicates
from builder.loaded_recipe import LoadedRecipe
from builder.run.directory import Run, RunShard
from builder.run.duplicate_clusters import decide, remove_databases
from builder.run.sketches import DuplicatesStage, sketch_all


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


def comparing_stages(loaded: LoadedRecipe, stages: Sequence[str], exclusions: Exclusions) -> list[DuplicatesStage]:
    """Return those of the stages that compare documents: all before one have to be through for all of them."""
    return [
        DuplicatesStage(stage.name, used, stage.applies_to, tuple(stages[:number]), exclusions)
        for number, stage in enumerate(loaded.recipe.stages[: len(stages)])
        if isinstance(used := loaded.filters.get(stage.name), NearDuplicates)
    ]


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
    folder = run.layout.duplicates(stage.name)
    decisions = folder / "decisions.parquet"
    if _identity_of(decisions) != identity:
        with _stops_cleanly(run.path, folder):
            sketches = sketch_all(run, shards, stage, folder / "sketches", workers, say)
            database = folder / f"work.duckdb-{run.fence.epoch or 0}"
            decide(stage.filter, sketches, database, run.fence.replacing, decisions, identity, workers, say)
    run.fence.remove(folder / "sketches")  # also of a build killed just before
    run.fence.check()
    remove_databases(folder)
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
