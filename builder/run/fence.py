"""What keeps a process that slept from writing into a run that another has taken over meanwhile.

Every file that is put into a run, or taken out of it, goes through a folder of its writer's epoch:

    RUN/.writing-EPOCH/NAME.PID-N  ── rename ──▶  RUN/shards/NAME       a file is put into the run
    RUN/shards/NAME  ── rename ──▶  RUN/.writing-EPOCH/NAME.PID-N       it is taken out

Who takes a run over takes that folder away, so the first writer's next rename fails, whenever it was that it fell
asleep: looking at whose the run is, which is done before each, could be long ago by the time of the rename.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from builder.errors import RunInUse
from builder.files import replacing, storage, sync_folder
from builder.run.process import Process

OWNER = "owner.json"
"""The file in a run's directory that names the process which builds it."""

WRITING = ".writing-"
"""What the names of writers' folders begin with."""

_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Fence:
    """Leave to write into a run for as long as a lease holds. Plain data, for any process on any machine.

    Attributes:
        run: The run's directory.
        epoch: The lease's; None where nobody else is there to take the run over, and nothing is looked at.
    """

    run: Path
    epoch: int | None = None

    @property
    def folder(self) -> Path:
        """The folder that all goes through."""
        return self.run / f"{WRITING}{self.epoch}"

    def check(self) -> None:
        """See that the run is still this lease's.

        Raises:
            RunInUse: Another process has it.
        """
        if self.epoch is None:
            return
        file = self.run / OWNER
        with storage(file):
            try:
                content = file.read_bytes()  # opening asks the file server anew
            except FileNotFoundError:
                raise in_use(self.run, None) from None
        other = Process.named_in(content)
        if other.epoch != self.epoch:
            raise in_use(self.run, other)

    @contextlib.contextmanager
    def replacing(self, path: Path) -> Iterator[Path]:
        """Yield a path to write to; at the end of the block it is synced and becomes `path` in one step.

        Raises:
            RunInUse: Another process has the run; nothing was put into it.
        """
        if self.epoch is None:
            with replacing(path) as temporary:
                yield temporary
            return
        temporary = self._aside(path)
        try:
            with self._or_lost():
                yield temporary
                path.parent.mkdir(parents=True, exist_ok=True)
                with temporary.open("rb") as file:
                    os.fsync(file.fileno())
                self.check()
                move(temporary, path)
                sync_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)

    def write_text(self, path: Path, content: str) -> None:
        """Write a text file so that a reader sees all of it or the one before.

        Raises:
            RunInUse: Another process has the run.
            StorageError: The disk refuses.
        """
        with storage(path), self.replacing(path) as temporary:
            temporary.write_text(content, encoding="utf-8")

    def remove(self, path: Path) -> None:
        """Take a file or a folder, if it is there, out of the run.

        Raises:
            RunInUse: Another process has the run.
            StorageError: The disk refuses.
        """
        with storage(path):
            if not os.path.lexists(path):
                return
            aside = path if self.epoch is None else self._aside(path)
            if self.epoch is not None:
                with self._or_lost():
                    self.check()
                    move(path, aside)
            shutil.rmtree(aside) if aside.is_dir() else aside.unlink(missing_ok=True)

    def _aside(self, path: Path) -> Path:
        return self.folder / f"{path.name}.{os.getpid()}-{next(_numbers)}"

    @contextlib.contextmanager
    def _or_lost(self) -> Iterator[None]:
        """Tell what fails because the folder is gone from what fails otherwise."""
        try:
            yield
        except FileNotFoundError:
            self.check()
            if not self.folder.is_dir():
                raise in_use(self.run, None) from None
            raise


def move(source: Path, target: Path) -> None:
    """Rename a file or a folder, in the place of what is there.

    A network file system whose first answer was lost is asked again, and then says that there is no such file.
    """
    moved = source.lstat().st_ino
    try:
        source.replace(target)
    except FileNotFoundError:
        if not os.path.lexists(target) or target.lstat().st_ino != moved:
            raise


def in_use(run: Path, other: Process | None, more: str = "") -> RunInUse:
    """Return what is said where another process has a run."""
    who = f"process {other.pid} on {other.host}" if other else "another process"
    remedy = "wait for it, stop it, or build into another directory with --run DIR"
    return RunInUse(f"{who} builds this run", where=str(run), remedy=remedy + more)
