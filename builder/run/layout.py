"""How the files of a run's shards are named: `shard-00000`, with more digits from the hundred thousandth on."""

from __future__ import annotations

from pathlib import Path


def shard_name(number: int) -> str:
    """Return the name, without a suffix, of what belongs to the shard with this number."""
    return f"shard-{number:05d}"


def number_of(path: Path) -> int:
    """Return the number of the shard that a file belongs to."""
    return int(path.stem.rpartition("-")[2])


def in_order(folder: Path, suffix: str) -> list[Path]:
    """Return the shards' files in a folder by number: names put the 100,000th behind the 10,000th."""
    found = (path for path in folder.glob(f"shard-*{suffix}") if path.stem.rpartition("-")[2].isdecimal())
    return sorted(found, key=number_of)
