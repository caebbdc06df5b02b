"""The log's segments: files that one writer each appends to, and what they are called."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from builder.files import storage, sync_folder

_NAME = re.compile(r"(?:log-(?P<writer>\d+(?:-[a-z]\w*)?)-(?P<number>\d+)|(?:log-of-)?shard-\d+)\.jsonl")


def segments_in(folder: Path) -> list[Path]:
    """Return the segments that there are, those among them of runs that had one for each shard in work."""
    return sorted(path for path in folder.glob("*.jsonl") if _NAME.fullmatch(path.name))


def adopt(segments: Sequence[Path]) -> None:
    """Make segments of the shards' own, as runs had them, ones as others are."""
    for segment in segments:
        with storage(segment):
            segment.rename(segment.with_name(f"log-of-{segment.name}"))
    if segments:
        with storage(segments[0].parent):
            sync_folder(segments[0].parent)


def segment_name(writer: str, number: int) -> str:
    """Return the name of a writer's segment with this number."""
    return f"log-{writer}-{number:06d}.jsonl"


def is_of(segment: Path, writer: str) -> bool:
    """Whether a segment is a writer's."""
    name = _NAME.fullmatch(segment.name)
    return name is not None and name["writer"] == writer


def numbers_of(folder: Path, writer: str) -> list[int]:
    """Return the numbers that a writer's segments have, in order, from -1 on."""
    own = [path for path in segments_in(folder) if is_of(path, writer)]
    return sorted([-1, *(int(path.stem.rpartition("-")[2]) for path in own)])
