"""Counts that a run's builds leave for `status`: a file a worker, which nobody else writes.

`progress.json` is that of the worker which is alone, that of worker NAME `progress-NAME.json`. Each goes on
counting where the worker's last build ended, and says how many shards the documents wanted lie in.
"""

from __future__ import annotations

from typing import Any

import orjson

from builder.run.directory import Run

GENERATIONS = "requested", "replayed", "reused"
"""What is counted: answers that servers were asked for, that the log had from before, that were used again."""


def read_progress(run: Run) -> dict[str, int]:
    """Return the counts of all workers together, and how many shards there are where that is known."""
    paths = sorted(run.layout.all_progress(), key=lambda path: path.stat().st_mtime_ns)
    files = [orjson.loads(path.read_bytes()) for path in paths]
    counts = {kind: sum(counted.get(kind, 0) for counted in files) for kind in GENERATIONS}
    shards = [counted["shards_total"] for counted in files if "shards_total" in counted]
    return {**counts, **({"shards_total": shards[-1]} if shards else {})}  # the last is the newest


def read_own(run: Run, worker: str) -> dict[str, Any]:
    """Return what a worker's earlier builds have counted, empty where there were none."""
    file = run.layout.progress(worker)
    counts: dict[str, Any] = orjson.loads(file.read_bytes()) if file.is_file() else {}
    return counts


def write_own(run: Run, worker: str, counts: dict[str, Any]) -> None:
    """Leave a worker's counts, while building and after.

    Raises:
        RunInUse: Another process has taken the run over.
        StorageError: The disk refuses.
    """
    run.fence.write_text(run.layout.progress(worker), orjson.dumps(counts).decode() + "\n")
