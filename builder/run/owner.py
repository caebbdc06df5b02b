"""One process builds a run at a time: a file says which, and that process keeps saying so.

There are no locks, which network file systems have only on paper. A process of this machine is looked up; of one
elsewhere it counts how long it has said nothing, by the file server's clock. One that finds another's name in the
file stops, so that even where both think the other gone, one is left.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
import threading
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType

import orjson

from builder.errors import RunInUse
from builder.files import storage
from builder.run.stopping import end_build

OWNER = "owner.json"
"""The file's name in a run's directory."""

_BEAT_SECONDS = 15.0
_SILENT_SECONDS = 180.0  # of a process elsewhere: it is gone, or will find that it lost the run


@dataclass(frozen=True, slots=True)
class _Process:
    """A process, with what tells it from another of the same number."""

    host: str
    place: str
    pid: int
    started: str
    claim: str = field(default_factory=lambda: secrets.token_hex(8))

    @classmethod
    def named_in(cls, content: bytes) -> _Process:
        """Return the process that a file names; a file that a power cut emptied names none there is."""
        try:
            return cls(**orjson.loads(content))
        except (orjson.JSONDecodeError, TypeError):
            return cls("an unknown host", "", 0, "", "")

    @classmethod
    def this(cls) -> _Process:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        # Containers on one machine have numbers of their own for processes.
        place = f"{boot} {Path('/proc/self/ns/pid').readlink()}"
        return cls(socket.gethostname(), place, os.getpid(), _started(os.getpid()) or "")

    def is_gone(self, silent: float) -> bool:
        """Whether it can't be building; `silent` is for how many seconds it has said nothing."""
        if self.place == _Process.this().place:
            return _started(self.pid) != self.started
        return silent > _SILENT_SECONDS


def this_process() -> str:
    """Return a name of this process, good for a file's, for `is_gone`."""
    me = _Process.this()
    return f"{_place(me)}-{me.pid}-{me.started}"


def is_gone(name: str) -> bool | None:
    """Whether the process that called itself so has ended; None where it was on another machine, or container."""
    place, _, process = name.partition("-")
    pid, _, started = process.partition("-")
    if place != _place(_Process.this()) or not pid.isdigit():
        return None
    return _started(int(pid)) != started


def _place(process: _Process) -> str:
    return hashlib.sha256(process.place.encode()).hexdigest()[:12]


def _started(pid: int) -> str | None:
    """Return when a process of this machine began, in ticks since the machine did; None where there is none."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if told[0] in "ZX" else told[19]  # a zombie builds nothing


def _is_linked(file: Path, name: Path) -> bool:
    """Give a file another name, which of several processes one can, on a network file system too."""
    try:
        os.link(file, name)
    except FileExistsError:
        return False
    return True


class Owner:
    """This process as the one that builds a run. Use as a context manager."""

    def __init__(self, run: Path) -> None:
        """Claim nothing yet."""
        self._run, self._file = run, run / OWNER
        self._me = _Process.this()
        self._mine = orjson.dumps(asdict(self._me), option=orjson.OPT_INDENT_2)
        self._lost: RunInUse | None = None
        self._stop = threading.Event()

    def __enter__(self) -> Owner:
        """Claim the run.

        Raises:
            RunInUse: Another process builds it.
        """
        with storage(self._file):
            self._run.mkdir(parents=True, exist_ok=True)
            self._claim()
        self._beating = threading.Thread(target=self._beat, name="owner", daemon=True)
        self._beating.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._beating.join()
        if self._lost is not None:
            raise self._lost from None
        found = self._read(self._file)
        if found is not None and found[0] == self._mine:
            self._file.unlink(missing_ok=True)

    def _claim(self) -> None:
        mine = self._file.with_name(f".{OWNER}.{self._me.claim}")
        mine.write_bytes(self._mine)
        try:
            while True:
                if _is_linked(mine, self._file) or self._has_taken_over(mine):
                    return
        finally:
            mine.unlink(missing_ok=True)

    def _has_taken_over(self, mine: Path) -> bool:
        """Put this process in the place of one that is gone; False where another was quicker."""
        now, found = mine.stat().st_mtime, self._read(self._file)
        if found is None:
            return False
        content, beat = found
        other = _Process.named_in(content)
        if not other.is_gone(now - beat):
            raise self._in_use(other)
        # Of several that find the same, one may go on; only the holder of this name replaces the file.
        heir = self._file.with_name(f".{OWNER}.after-{hashlib.sha256(content).hexdigest()[:16]}")
        if not _is_linked(mine, heir):
            held = self._read(heir)
            if held is not None and _Process.named_in(held[0]).is_gone(now - held[1]):
                heir.unlink(missing_ok=True)
            return False
        try:
            found = self._read(self._file)
            if found is None or found[0] != content:
                return False
            mine.replace(self._file)
            return True
        finally:
            heir.unlink(missing_ok=True)

    @staticmethod
    def _read(path: Path) -> tuple[bytes, float] | None:
        """Return what a file holds and when its process last beat; None where there is no file."""
        try:
            with path.open("rb") as file:  # opening asks the file server anew
                return file.read(), os.fstat(file.fileno()).st_mtime
        except FileNotFoundError:
            return None

    def _beat(self) -> None:
        while not self._stop.wait(_BEAT_SECONDS):
            try:
                found = self._read(self._file)
                if found is not None and found[0] == self._mine:
                    os.utime(self._file)
                    continue
            except OSError:
                continue  # the disk's trouble is told by who writes to it; the next beat is soon enough
            self._lost = self._in_use(_Process.named_in(found[0]) if found else None)
            end_build()  # and waits for nothing: another process builds the run
            return

    def _in_use(self, other: _Process | None) -> RunInUse:
        who = f"process {other.pid} on {other.host}" if other else "another process"
        return RunInUse(
            f"{who} builds this run",
            where=str(self._run),
            remedy="wait for it, stop it, or build into another directory with --run DIR; if it was killed on"
            f" another machine, the run is free {_SILENT_SECONDS / 60:.0f} minutes later, or when you remove"
            f" {self._file}",
        )
