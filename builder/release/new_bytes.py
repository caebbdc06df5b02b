"""What of an upload is new to the Hub, which stores chunks of files: estimated before, told by its client then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow.parquet as pq

from builder.release.manifest import Manifest
from builder.release.rows import RowChanges, text_column

_CHUNK = 2**16  # bytes, in the mean: what is new begins and ends within one


def estimate(
    staging: Path,
    manifest: Manifest,
    old: Manifest | None,
    changes: Mapping[str, RowChanges],
    paths: Iterable[str],
) -> int:
    """Return about how many bytes of a release's files the version before has not.

    Of a row group with other rows, in each column, so much as there are changed rows, and a chunk at either end:
    as if they stood together. What is no data, or of a config that is new, counts whole.

    Args:
        staging: Where the files are.
        manifest: Their manifest.
        old: The version before.
        changes: What became of the rows of configs that both have.
        paths: The files that are not there as they are.
    """
    known = {digest for file in old.files if file.groups for digest in file.groups} if old else set()
    groups = {file.path: file.groups or () for file in manifest.files}
    size, others = 0, list[tuple[str, pq.RowGroupMetaData]]()
    for path in paths:
        config = path.split("/")[1] if path.startswith("data/") else ""
        if config not in changes:
            size += (staging / path).stat().st_size
            continue
        metadata = pq.read_metadata(staging / path)
        size += metadata.serialized_size
        others += [
            (config, metadata.row_group(number))
            for number, digest in enumerate(groups[path])
            if digest not in known
        ]
    rows = Counter[str]()
    for config, group in others:
        rows[config] += group.num_rows
    return size + sum(_new(group, changes[config], rows[config]) for config, group in others)


def _new(group: pq.RowGroupMetaData, change: RowChanges, rows: int) -> int:
    """Return about how many of a row group's bytes are new, if the changes are anywhere in so many rows."""
    columns = [group.column(place) for place in range(group.num_columns)]
    text = text_column([column.path_in_schema for column in columns])
    rewritten = change.changed if change.rewritten is None else change.rewritten
    size = 0
    for column in columns:
        changed = change.added + (rewritten if column.path_in_schema == text else change.changed)
        share = min(1.0, changed / rows)
        size += min(column.total_compressed_size, int(share * column.total_compressed_size) + 2 * _CHUNK)
    return size


@dataclass(slots=True)
class Sent:
    """What the client reports of its uploads by Xet: bytes that it read, and those that it had to send."""

    read: int = 0
    sent: int = 0

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Count what is uploaded in the block, once.

        The client gives its figures to its progress bars alone; this takes their place. It gives none where they
        are switched off (HF_HUB_DISABLE_PROGRESS_BARS) and where it uploads by LFS, which sends whole files.
        """
        reporters = list[_Reporter]()

        def reporter(*_: object, **__: object) -> _Reporter:
            reporters.append(_Reporter())
            return reporters[-1]

        client = _client()
        bars, client.XetUploadProgressReporter = client.XetUploadProgressReporter, reporter
        try:
            yield
        finally:
            client.XetUploadProgressReporter = bars
            self.read += sum(one.read for one in reporters)
            self.sent += sum(one.sent for one in reporters)


def _client() -> Any:  # noqa: ANN401 - a module, or something to the same effect
    """Return what has the class of the bars. It is not public: where it has moved, nothing is told."""
    try:
        return import_module("huggingface_hub.utils._xet_progress_reporting")
    except ImportError:
        return SimpleNamespace(XetUploadProgressReporter=None)


@dataclass(slots=True)
class _Reporter:
    read: int = 0
    sent: int = 0

    def update_progress(self, group: Any, items: Mapping[str, Any]) -> None:  # noqa: ANN401 - hf_xet has no types
        del items
        self.read, self.sent = group.total_bytes_completed, group.total_transfer_bytes_completed

    def close(self) -> None:
        """Close nothing."""
