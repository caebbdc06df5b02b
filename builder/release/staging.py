"""Directories that releases are made in: one for each publisher; those of publishers that were killed go."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from builder.files import storage
from builder.run.process import is_gone, this_process

_PREFIX = ".staging-"
_FORGOTTEN_SECONDS = 7 * 86400.0  # of a publisher on another machine, which can't be looked up


@contextmanager
def staging_in(folder: Path) -> Iterator[Path]:
    """Give an empty directory below `folder`, which is made where it is not there; it goes with the block."""
    staging = folder / f"{_PREFIX}{this_process()}-{secrets.token_hex(4)}"
    with storage(folder):
        made = [one for one in (folder, *folder.parents) if one == folder or not one.exists()]
        _remove_stale(folder)
        staging.mkdir(parents=True)
        try:
            yield staging
        finally:
            shutil.rmtree(staging, ignore_errors=True)
            with suppress(OSError):
                for one in made:
                    one.rmdir()  # where nothing else is in it


def _remove_stale(folder: Path) -> None:
    for staging in folder.glob(f"{_PREFIX}*"):
        gone = is_gone(staging.name.removeprefix(_PREFIX).rpartition("-")[0])
        with suppress(OSError):
            if gone or (gone is None and time.time() - staging.stat().st_mtime > _FORGOTTEN_SECONDS):
                shutil.rmtree(staging, ignore_errors=True)
