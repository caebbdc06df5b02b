"""Files that are whole or not there: written beside their place, synced, then renamed into it."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from builder.errors import StorageError


def placed(path: str, base: Path | None = None) -> Path:
    """Return a path as a user writes it, relative to `base`, with `~` where there is such a home."""
    return (base or Path()) / os.path.expanduser(path)  # noqa: PTH111 - Path's raises where there is none


def is_file(path: Path) -> bool:
    """Whether there is such a file; none whose name no file can have, either."""
    return os.path.isfile(path)  # noqa: PTH113 - Path's raises where the name is too long


def sha256_of(path: Path) -> str:
    """Return the hex digest of a file's content."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


@contextlib.contextmanager
def storage(path: Path) -> Iterator[None]:
    """Turn what a disk refuses (full, quota, read-only, no permission) into a `StorageError` naming `path`."""
    try:
        yield
    except OSError as error:
        refused = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO}
        if error.errno not in refused:
            raise
        raise StorageError(
            f"it can't be written ({os.strerror(error.errno or 0)})",
            where=str(path),
            remedy="make room or mend the disk, then run the same command: it goes on where this one stopped",
        ) from error


@contextlib.contextmanager
def database(path: Path, what: str, remedy: str) -> Iterator[None]:
    """Turn what SQLite says of the database at `path` (full, damaged, unreadable) into a `StorageError`."""
    try:
        yield
    except sqlite3.Error as error:
        raise StorageError(f"{what} ({error})", where=str(path), remedy=remedy) from error


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a path to write to; at the end of the block it is synced and becomes `path` in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")  # one name: what a killed process left is written over
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make renames and removals in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: Path, content: str) -> None:
    """Write a text file so that a reader sees all of it or the one before."""
    with storage(path), replacing(path) as temporary:
        temporary.write_text(content, encoding="utf-8")
