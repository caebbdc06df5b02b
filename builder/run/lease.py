"""The lease: one process builds a run at a time. A file says which, and that process keeps saying so.

There are no locks, which network file systems have only on paper. A process of this machine is looked up; of one
elsewhere it counts how long it has said nothing, by the file server's clock. Each lease has an epoch, a number
higher than those before it. What its holder writes goes through a folder of that epoch (`fence`), which whoever
takes the run over takes away: a process that slept and wakes finds that it can put nothing into the run any more.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import threading
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType

import orjson

from builder.errors import RunInUse
from builder.files import storage
from builder.run.fence import OWNER, WRITING, Fence, in_use
from builder.run.process import Process
from builder.run.stopping import end_build

_BEAT_SECONDS = 15.0
_SILENT_SECONDS = 180.0  # of a process elsewhere: it is gone, or will find that it lost the run


def _is_linked(file: Path, name: Path) -> bool:
    """Give a file another name, which of several processes one can, on a network file system too.

    One whose first answer was lost is asked again, and then says that the name is taken.
    """
    try:
        os.link(file, name)
    except FileExistsError:
        with contextlib.suppress(FileNotFoundError):
            return name.samefile(file)
        return False
    return True


class Lease:
    """This process as the one that builds a run. Use as a context manager.

    Attributes:
        epoch: A number that grows with each lease on this run, in milliseconds of the file server's clock; 0 where
            nothing is claimed yet.
    """

    def __init__(self, run: Path) -> None:
        """Claim nothing yet."""
        self._run, self._file = run, run / OWNER
        self._me, self._mine = Process.this(), b""
        self._lost: RunInUse | None = None
        self._stop, self._ending = threading.Event(), threading.Lock()

    @property
    def epoch(self) -> int:
        """See above."""
        return self._me.epoch

    @property
    def fence(self) -> Fence:
        """Leave to write into the run for as long as this lease holds, for this process and others."""
        return Fence(self._run, self.epoch)

    def __enter__(self) -> Lease:
        """Claim the run.

        Raises:
            RunInUse: Another process builds it.
        """
        with storage(self._file):
            self._run.mkdir(parents=True, exist_ok=True)
            self._claim()
            self.fence.folder.mkdir()
            self._clear_others()
        self._beating = threading.Thread(target=self._beat, name="lease", daemon=True)
        self._beating.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._ending:  # from here on no interrupt comes: the error tells what one would have been for
            self._stop.set()
        self._beating.join()
        if self._lost is not None:
            raise self._lost from None
        self._give_back()

    def _give_back(self) -> None:
        """Take this process's name out of the run, and no other's: it may have slept just now."""
        found, aside = self._read(self._file), self.fence.folder / OWNER
        if found is None or found[0] != self._mine:
            return
        with contextlib.suppress(FileNotFoundError):  # another process has taken the folder away
            self._file.rename(aside)
            if aside.read_bytes() != self._mine:
                _is_linked(aside, self._file)
            shutil.rmtree(self.fence.folder, ignore_errors=True)

    def _claim(self) -> None:
        mine = self._file.with_name(f".{OWNER}.{self._me.claim}")
        self._name(mine, 0)
        try:
            while True:
                if _is_linked(mine, self._file) or self._has_taken_over(mine):
                    return
        finally:
            mine.unlink(missing_ok=True)

    def _name(self, mine: Path, after: int) -> None:
        """Write this process into its file, with an epoch behind another one and behind all before now."""
        mine.write_bytes(self._mine)
        epoch = max(mine.stat().st_mtime_ns // 10**6, after + 1)
        self._me = replace(self._me, epoch=epoch)
        self._mine = orjson.dumps(asdict(self._me), option=orjson.OPT_INDENT_2)
        mine.write_bytes(self._mine)

    def _has_taken_over(self, mine: Path) -> bool:
        """Put this process in the place of one that is gone; False where another was quicker."""
        now, found = mine.stat().st_mtime, self._read(self._file)
        if found is None:
            return False
        content, beat = found
        other = Process.named_in(content)
        if not _is_gone(other, now - beat):
            raise self._in_use(other)
        # Of several that find the same, one may go on; only the holder of this name replaces the file.
        heir = self._file.with_name(f".{OWNER}.after-{hashlib.sha256(content).hexdigest()[:16]}")
        if not _is_linked(mine, heir):
            held = self._read(heir)
            if held is not None and _is_gone(Process.named_in(held[0]), now - held[1]):
                heir.unlink(missing_ok=True)
            return False
        try:
            found = self._read(self._file)
            if found is None or found[0] != content:
                return False
            self._name(mine, other.epoch)
            mine.replace(self._file)
            return True
        finally:
            heir.unlink(missing_ok=True)

    def _clear_others(self) -> None:
        """Take away the folders of writers that are gone, or will find that they are."""
        for folder in self._run.glob(f"{WRITING}*"):
            if folder != self.fence.folder:
                with contextlib.suppress(FileNotFoundError):
                    folder.rename(aside := self.fence.folder / folder.name)  # in one step: nothing goes through it
                    shutil.rmtree(aside, ignore_errors=True)

    @staticmethod
    def _read(path: Path, mine: bytes | None = None) -> tuple[bytes, float] | None:
        """Return what a file holds and when its process last beat; None where there is no file.

        Where it holds `mine`, this is a beat of the very file that was read: its name may be another's by now.
        """
        try:
            with path.open("rb") as file:  # opening asks the file server anew
                content = file.read()
                if content == mine:
                    os.utime(file.fileno())
                return content, os.fstat(file.fileno()).st_mtime
        except FileNotFoundError:
            return None

    def _beat(self) -> None:
        while not self._stop.wait(_BEAT_SECONDS):
            try:
                found = self._read(self._file, self._mine)
            except OSError:
                continue  # the disk's trouble is told by who writes to it; the next beat is soon enough
            if found is not None and found[0] == self._mine:
                continue
            with self._ending:
                self._lost = self._in_use(Process.named_in(found[0]) if found else None)
                if not self._stop.is_set():
                    end_build()  # and waits for nothing: another process builds the run
            return

    def _in_use(self, other: Process | None) -> RunInUse:
        return in_use(
            self._run,
            other,
            f"; if it was killed on another machine, the run is free {_SILENT_SECONDS / 60:.0f} minutes later, or"
            f" when you remove {self._file}",
        )


def _is_gone(process: Process, silent: float) -> bool:
    """Whether it can't be building; `silent` is for how many seconds it has said nothing.

    One that spoke last in what is to come had the file server's clock put back, and has not spoken since.
    """
    return process.has_ended if process.is_here else abs(silent) > _SILENT_SECONDS
