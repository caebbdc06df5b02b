"""Where the files of a `parquet` source lie: in a folder, in a dataset on the Hub at a commit, or in a bucket."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from glob import glob, has_magic
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from builder.errors import SourceError
from builder.files import is_file

if TYPE_CHECKING:
    from builder.sources.remote_files import RemoteFiles

log = logging.getLogger(__name__)

_CORRECT = "correct `source.path`; it may be a glob"


class Files(Protocol):
    """Some files of one place, by their names there."""

    label: str
    """What the place is called."""

    @property
    def names(self) -> list[str]:
        """The files, sorted.

        Raises:
            SourceError: There are none.
        """

    def open(self, name: str) -> BinaryIO:
        """Open one."""

    def where(self, name: str) -> str:
        """Say where one is."""

    def content(self, name: str) -> str:
        """Return what tells one's content from another's."""

    def path(self, name: str) -> str:
        """Return its path, of which `key=value` folders are part."""

    def pinned(self) -> dict[str, object]:
        """Return what beyond the files' contents identifies them."""

    def stop(self) -> None:
        """Wait for none of them any longer."""


class FolderFiles:
    """The files on disk that a path or glob matches, by their paths below the folder where its wildcards begin."""

    def __init__(self, pattern: str) -> None:
        """Look for nothing yet."""
        self._pattern = pattern
        self._is_glob = has_magic(pattern) and not is_file(Path(pattern))  # brackets are in names, too
        above = Path(pattern).parents
        self._folder = next(one for one in above if not has_magic(str(one))) if self._is_glob else above[0]
        self.label = self._folder.name

    @cached_property
    def names(self) -> list[str]:
        """The files, sorted by path."""
        found = sorted(glob(self._pattern, recursive=True)) if self._is_glob else [self._pattern]  # noqa: PTH207 - absolute
        folders = [path for path in found if Path(path).is_dir()]
        if folders and "**" not in self._pattern:  # which finds what is in them
            raise SourceError("this is a folder", where=folders[0], remedy=f"write {folders[0]}/**/*.parquet")
        paths = [Path(path) for path in found if path not in folders and (self._is_glob or is_file(Path(path)))]
        if not paths:
            raise SourceError("no Parquet file matches", where=self._pattern, remedy=_CORRECT)
        self._say_what_is_read_twice(paths)
        return [path.relative_to(self._folder).as_posix() for path in paths]

    @staticmethod
    def _say_what_is_read_twice(paths: Sequence[Path]) -> None:
        seen: dict[str, Path] = {}
        for path in paths:
            first = seen.setdefault(os.path.realpath(path), path)
            if first != path:
                log.warning("%s and %s are one file by two paths, and its rows are read twice", first, path)

    def open(self, name: str) -> BinaryIO:
        """Open one."""
        return (self._folder / name).open("rb")

    def where(self, name: str) -> str:
        """Return its path."""
        return str(self._folder / name) if name else self._pattern

    def content(self, name: str) -> str:
        """Return its size: a digest would have all of it read."""
        return str((self._folder / name).stat().st_size)

    def path(self, name: str) -> str:
        """Return its path from the first `key=value` folder above it on, if the pattern names some."""
        above = self._folder
        while "=" in above.name:
            above = above.parent
        return (self._folder / name).relative_to(above).as_posix()

    def pinned(self) -> dict[str, object]:
        """Return nothing: a folder is not told from another."""
        return {}

    def stop(self) -> None:
        """Do nothing: a disk keeps nobody waiting."""


class HubPatternFiles:
    """The files of a dataset or bucket that `hf://datasets/ORG/NAME@REVISION/GLOB` or `hf://buckets/…` matches."""

    def __init__(self, uri: str, recorded: Mapping[str, Any] | None = None) -> None:
        """Ask for nothing yet; `recorded` is what an earlier build was pinned to."""
        from huggingface_hub.utils import parse_hf_uri

        parsed = parse_hf_uri(uri)
        self._uri, self._bucket, self.label = uri, parsed.is_bucket, parsed.id
        self._revision = recorded["revision"] if recorded and not parsed.is_bucket else parsed.revision
        self._pattern = parsed.path_in_repo

    @cached_property
    def _files(self) -> RemoteFiles:
        if self._bucket:
            from builder.sources.bucket_files import BucketFiles

            return BucketFiles.of(self.label)
        from builder.sources.hub_files import HubFiles

        return HubFiles.at(self.label, self._revision, "source.path")

    @cached_property
    def names(self) -> list[str]:
        """The files that match, by their paths there."""
        from fsspec.utils import glob_translate

        fixed = "/".join(self._folders())
        if has_magic(self._pattern):
            self._files.list_below(fixed)
        else:
            self._files.stat([self._pattern])
        matches = re.compile(glob_translate(self._pattern)).match
        names = sorted(filter(matches, self._files.sizes))
        if not names:
            raise SourceError("no Parquet file matches", where=self._uri, remedy=_CORRECT)
        return names

    def _folders(self) -> list[str]:
        """Return the folders before the pattern's first wildcard."""
        folders = self._pattern.split("/")[:-1]
        magic = next((position for position, one in enumerate(folders) if has_magic(one)), len(folders))
        return folders[:magic]

    def open(self, name: str) -> BinaryIO:
        """Return a file that reads by ranges."""
        return self._files.open(name)

    def where(self, name: str) -> str:
        """Say where one is on the Hub."""
        return self._files.where(name) if name else self._uri

    def content(self, name: str) -> str:
        """Return the hash that a bucket knows it by; at a commit, its size."""
        return self._files.hashes.get(name) or str(self._files.sizes[name])

    def path(self, name: str) -> str:
        """Return its name, which is all of its path there."""
        return name

    def pinned(self) -> dict[str, object]:
        """Return a dataset's commit; a bucket has none."""
        revision = self._files.asked.revision
        return {} if revision is None else {"revision": revision}

    def stop(self) -> None:
        """Wait for the Hub no longer."""
        self._files.stopped.set()
