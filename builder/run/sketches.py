"""Sketches of the documents that a stage compares: a file a shard, made by a process a core."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from builder.arrow import spare_memory
from builder.document import READ, Document
from builder.exclusions import Exclusions
from builder.files import storage
from builder.filters.confine import end_with_parent
from builder.filters.near_duplicates import NearDuplicates
from builder.run.directory import Run, RunShard
from builder.run.fence import Fence
from builder.run.layout import shard_name
from builder.run.table import read_shard

_WORTH_A_PROCESS = 1000
"""Documents to sketch from which on a further process pays: it takes a second of CPU to start, they take two."""


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


def sketch_all(
    run: Run,
    shards: Sequence[RunShard],
    stage: DuplicatesStage,
    folder: Path,
    workers: int,
    say: Callable[[str], None],
) -> list[Path]:
    """Return a file of sketches for each shard, made in `folder` where it is not there yet.

    Raises:
        StorageError: The disk refuses.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{shard_name(shard.index)}.parquet" for shard in shards]
    todo = [
        (shard.index, run.shard_path(shard.index), path, run.fence)
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


def _sketched(
    stage: DuplicatesStage, todo: Sequence[tuple[int, Path, Path, Fence]], processes: int
) -> Iterator[None]:
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


def _sketch_shard(stage: DuplicatesStage, shard: int, source: Path, path: Path, fence: Fence) -> None:
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
    with storage(path), fence.replacing(path) as temporary:
        pq.write_table(pa.table({name: columns[name] for name in schema.names}, schema=schema), temporary)
