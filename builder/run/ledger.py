"""The ledger of finished shards: what each one's footer says and how its rows count up, in one file of the run.

It is a cache of the table, for those who would otherwise open every shard: planning, `status`, publishing. A line
holds for as long as its file has the size and time of change that it says; for any other the footer is read. The
process that builds the run appends a line for each shard; nobody else writes, and a ledger that is lost, or that a
crash has torn, is made anew from the table.
"""

from __future__ import annotations

import contextlib
import os
import threading
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import orjson

from builder.run.fence import Fence

_TOGETHER = 1024  # lines that are appended at once where many are missing
_DEAD = 1000  # lines that later ones replaced: with more of them than twice those that hold, the file is made anew

Facts = dict[str, Any]
"""What a shard was written with: its range, the stage it has been through, how many documents it holds …"""

Counts = dict[str, Any]
"""How a shard's rows count up: see `builder.run.funnel`."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What the ledger knows of a shard; `counts` is None where its rows have not been counted."""

    facts: Facts
    counts: Counts | None = None


class Ledger:
    """The ledger of a run. May be used from any thread."""

    def __init__(self, file: Path, fence: Fence) -> None:
        """Read nothing yet; `fence` is leave to write into its run."""
        self._file, self._fence = file, fence
        self._known: dict[str, bytes] | None = None
        self._lock = threading.Lock()
        self._writes = self._is_torn = False

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Keep what is found out meanwhile: only for the process that builds the run."""
        lines = self._load()
        self._writes = True
        try:
            if lines > 2 * len(self._lines) + _DEAD:
                with contextlib.suppress(OSError), self._fence.replacing(self._file) as temporary:
                    temporary.write_bytes(b"".join(map(_sealed, self._lines.values())))
            yield
        finally:
            self._writes = False

    def facts(self, shard: Path) -> Facts | None:
        """Return the facts that a shard was written with, None where there is no shard."""
        entry = self.entry(shard)
        return None if entry is None else entry.facts

    def entry(self, shard: Path) -> Entry | None:
        """Return what is known of a shard, None where there is no shard."""
        return self.entries([shard]).get(shard)

    def entries(self, shards: Sequence[Path]) -> dict[Path, Entry]:
        """Return what is known of those of the shards that there are, in their order."""
        found: dict[Path, Entry] = {}
        missed: list[bytes] = []
        for shard in shards:
            try:
                about = shard.stat()
            except FileNotFoundError:
                continue
            head = self._head(shard, about)
            line = self._lines.get(self._name(shard), b"")
            if line.startswith(head):
                found[shard] = Entry(*orjson.loads(line[len(head) :]))
                continue
            found[shard] = Entry(_footer(shard))
            missed.append(_line(head, found[shard]))
            if len(missed) == _TOGETHER:
                self._keep(missed)
                missed = []
        self._keep(missed)
        return found

    def note(self, shard: Path, entry: Entry) -> None:
        """Keep what is known of a shard that was put into the table, or counted."""
        self._keep([_line(self._head(shard, shard.stat()), entry)])

    def _keep(self, lines: Sequence[bytes]) -> None:
        with self._lock:
            for line in lines:
                self._lines[line.partition(b" ")[0].decode()] = line
            if not self._writes or not lines:
                return
            self._fence.check()
            # A disk that refuses costs the next process a look at a footer, and tells of itself elsewhere.
            with contextlib.suppress(OSError), self._file.open("ab", buffering=0) as file:
                content = (b"\n" if self._is_torn else b"") + b"".join(map(_sealed, lines))
                self._is_torn = True
                self._is_torn = file.write(content) != len(content)

    @property
    def _lines(self) -> dict[str, bytes]:
        if self._known is None:
            self._load()
        return cast("dict[str, bytes]", self._known)

    def _load(self) -> int:
        """Read the file; return how many lines it has, those that later ones replaced included."""
        known: dict[str, bytes] = {}
        number = 0
        content = b""
        with contextlib.suppress(OSError):
            content = self._file.read_bytes()
        for number, sealed in enumerate(content.split(b"\n"), 1):  # noqa: B007 - counted
            seal, _, line = sealed.partition(b" ")
            if line and seal == b"%08x" % zlib.crc32(line):  # one that a crash or the disk spoilt is none
                known[line.partition(b" ")[0].decode()] = line
        self._is_torn = bool(content) and not content.endswith(b"\n")
        self._known = known
        return number

    def _name(self, shard: Path) -> str:
        return f"{shard.parent.name}/{shard.name}"

    def _head(self, shard: Path, about: os.stat_result) -> bytes:
        return f"{self._name(shard)} {about.st_size} {about.st_mtime_ns} ".encode()


def _line(head: bytes, entry: Entry) -> bytes:
    return head + orjson.dumps([entry.facts, entry.counts])


def _sealed(line: bytes) -> bytes:
    return b"%08x %s\n" % (zlib.crc32(line), line)


def _footer(shard: Path) -> Facts:
    import pyarrow.parquet as pq

    metadata = pq.read_metadata(shard).metadata or {}
    facts: Facts = orjson.loads(metadata[b"builder"])
    return facts
