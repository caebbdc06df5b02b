"""Files that are whole or not there: written beside their place, synced, then renamed into it."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import sqlite3
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from builder.errors import BuilderError, RecipeError, StorageError

REMOTE = "hf://"
"""What a place on the Hub begins with."""


def placed(path: str, base: Path | None = None) -> Path:
    """Return a path as a user writes it, relative to `base`, with `~` where there is such a home."""
    return (base or Path()) / os.path.expanduser(path)  # noqa: PTH111 - Path's raises where there is none


def is_file(path: Path) -> bool:
    """Whether there is such a file; none whose name no file can have, either.

    One in a folder that can't be entered may be there: whoever reads it is told of the folder.
    """
    try:
        return stat.S_ISREG(os.stat(path).st_mode)  # noqa: PTH116 - a name may be too long for Path's
    except PermissionError:
        return True
    except (OSError, ValueError):
        return False


@contextlib.contextmanager
def being_read(path: Path, form: str, kind: type[BuilderError] = RecipeError) -> Iterator[None]:
    """Turn what keeps a file from being read that a user names into an error of this kind, with its remedy.

    Args:
        path: The file.
        form: The remedy where its content is to blame: what it must be.
        kind: The error's class.
    """
    try:
        yield
    except (OSError, ValueError) as error:
        said, remedy = getattr(error, "strerror", None) or str(error), form
        if isinstance(error, PermissionError):
            remedy = "give this user the right to read it and to enter the folders above it, or name another file"
        elif known := _REMEDIES.get(getattr(error, "errno", None) or 0):
            remedy = f"{known}, then run the same command"
        raise kind(f"it can't be read ({said})", where=str(path), remedy=remedy) from error


def see_readable(path: Path, form: str, kind: type[BuilderError] = RecipeError) -> None:
    """Raise now what reading a file that a user names would raise later, as `being_read` does."""
    with being_read(path, form, kind), path.open("rb") as file:
        file.read(1)


def sha256_of(path: Path) -> str:
    """Return the hex digest of a file's content."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


@contextlib.contextmanager
def storage(path: Path) -> Iterator[None]:
    """Turn what storage refuses (full, quota, read-only, stale handle, no answer …) into a `StorageError`.

    Args:
        path: What is written or read; where it is a folder, an error that names a file below it says so.
    """
    try:
        yield
    except OSError as error:
        refused = storage_error(error, path)
        if refused is None:
            raise
        raise refused from error


def storage_error(error: Exception, path: Path | None = None) -> StorageError | None:
    """Return what an error of the system's means for the storage at `path`, None where it means something else.

    Without a path, what sockets say as well (no route, timed out) counts only where the error names a file.
    """
    name = getattr(error, "filename", None)
    named = os.fsdecode(name) if isinstance(name, str | bytes) else ""
    code, duckdb = getattr(error, "errno", None), sys.modules.get("duckdb")
    if duckdb is not None and isinstance(error, duckdb.IOException):  # it keeps the number to itself
        said = str(error)
        code = next((one for one in _REMEDIES if os.strerror(one) in said), None)
    if not isinstance(code, int) or code not in _REMEDIES:
        return None
    if path is None and not named and code in _SAID_BY_SOCKETS:
        return None
    is_folder = path is None or os.path.isdir(path)  # noqa: PTH112 - Path's raises what is being told here
    return StorageError(
        f"it can't be written or read ({os.strerror(code)})",
        where=named if named and is_folder else str(path or ""),
        remedy=f"{_REMEDIES[code]}, then run the same command: it goes on where this one stopped",
    )


_ROOM = "make room (`df -h` says where there is none, `df -i` where it is the number of files)"
_QUOTA = (
    "free some of your quota or have it raised (`quota -s`, Lustre: `lfs quota`; files count as well as bytes)"
)
_READ_ONLY = (
    "mount it for writing (a file system that found itself damaged turns read-only: `dmesg` says so), or choose"
    " another directory"
)
_RIGHTS = "give this user the right to it, or choose another directory"
_OPEN_FILES = (
    "raise the limit of open files (`ulimit -n 65536`; a service's `LimitNOFILE=`, a container's `--ulimit`)"
)
_ALL_OPEN_FILES = "wait, or have this machine's limit of open files raised (`sysctl fs.file-max`)"
_STALE = (
    "see that the network file system is mounted and its folder still the same one (`ls` it; mount it again where"
    " it was exported anew), and that no other machine removes files there"
)
_NO_ANSWER = "see that the file server answers (`df` on that folder returns) and is mounted"
_TICKET = "renew your ticket (`kinit`; for runs longer than a ticket, `krenew` or a keytab)"
_DAMAGED = "look for the disk's errors (`dmesg`), mend or leave that disk"
_REMEDIES = {
    **dict.fromkeys((errno.ENOSPC,), _ROOM),
    **dict.fromkeys((errno.EDQUOT,), _QUOTA),
    **dict.fromkeys((errno.EFBIG,), "allow larger files (`ulimit -f`), or choose a file system that does"),
    **dict.fromkeys((errno.EROFS,), _READ_ONLY),
    **dict.fromkeys((errno.EACCES, errno.EPERM), _RIGHTS),
    **dict.fromkeys((errno.EMFILE,), _OPEN_FILES),
    **dict.fromkeys((errno.ENFILE,), _ALL_OPEN_FILES),
    **dict.fromkeys((errno.ESTALE,), _STALE),
    **dict.fromkeys((errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETUNREACH), _NO_ANSWER),
    **dict.fromkeys((errno.ENOTCONN, errno.ESHUTDOWN, errno.ENODEV, errno.ENXIO), _NO_ANSWER),
    **dict.fromkeys((errno.ENOKEY, errno.EKEYEXPIRED, errno.EKEYREVOKED, errno.EKEYREJECTED), _TICKET),
    **dict.fromkeys((errno.EIO, errno.EREMOTEIO, errno.EUCLEAN, errno.EBADMSG), _DAMAGED),
}
_REFUSED_BY_SQLITE = "readonly", "unable to open", "access permission denied", "not authorized"
_SAID_BY_SOCKETS = {
    *(errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENOTCONN, errno.ESHUTDOWN),
    *(errno.EACCES, errno.EPERM),
}


@contextlib.contextmanager
def database(path: Path, what: str, remedy: str) -> Iterator[None]:
    """Turn what SQLite says of the database at `path` into a `StorageError`.

    `remedy` is for one that is full or damaged.
    """
    try:
        yield
    except sqlite3.Error as error:
        is_refused = any(words in str(error) for words in _REFUSED_BY_SQLITE)
        said = f"{_RIGHTS}, then run the same command" if is_refused else remedy
        raise StorageError(f"{what} ({error})", where=str(path), remedy=said) from error


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
