"""Files on the Hugging Face Hub, read by ranges: a dataset's at one commit, or a bucket's as they were listed."""

from __future__ import annotations

import io
import threading
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, BinaryIO, TypeVar, cast

from huggingface_hub import constants
from huggingface_hub.utils import build_hf_headers, hf_raise_for_status, http_backoff

from builder.errors import SourceError
from builder.hub_access import Asked, ShortRange, patiently

_XET_HASH = "X-Xet-Hash"

Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class RemoteFiles:
    """The files of one dataset or bucket.

    Attributes:
        sizes: Bytes of the files that are known of.
        hashes: What the Hub knows the content of each by, where that may change under its name.
        stopped: Set to end waiting.
    """

    sizes: dict[str, int] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)
    stopped: threading.Event = field(default_factory=threading.Event)

    @property
    @abstractmethod
    def asked(self) -> Asked:
        """What they are files of."""

    @abstractmethod
    def url(self, path: str) -> str:
        """Return a file's address."""

    @abstractmethod
    def stat(self, paths: Sequence[str]) -> None:
        """Learn the files' sizes, a few hundred a request."""

    @abstractmethod
    def list_below(self, folder: str) -> None:
        """Learn the sizes of all files below a folder."""

    def open(self, path: str) -> BinaryIO:
        """Return a file that reads by ranges, and only what is asked of it."""
        return cast(BinaryIO, RemoteFile(self, path))

    def where(self, path: str) -> str:
        """Say where a file is."""
        return self.asked.where(path)

    def range(self, path: str, start: int, stop: int) -> bytes:
        """Return the bytes from `start` to before `stop`, all of them.

        Raises:
            SourceError: The file is gone, or holds another content than when it was listed.
        """
        url = self.url(path)

        def get() -> bytes:
            # One retry of the client's own: it waits as long as a 429's RateLimit header says.
            headers = {**build_hf_headers(), "range": f"bytes={start}-{stop - 1}"}
            response = http_backoff(
                "GET", url, headers=headers, timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT, max_retries=1
            )
            hf_raise_for_status(response)
            for one in (*response.history, response):
                self._see_that_it_is_the_same(path, one.headers.get(_XET_HASH))
            content = response.content
            if len(content) != stop - start:
                raise ShortRange(f"{stop - start} bytes asked for, {len(content)} came")
            return content

        return self.ask(get, path)

    def ask(self, request: Callable[[], Result], path: str = "") -> Result:
        """Return what a request gives, waiting while the Hub is in trouble."""
        return patiently(request, self.asked, path, self.stopped)

    def _see_that_it_is_the_same(self, path: str, told: str | None) -> None:
        if told is not None and self.hashes.get(path, told) != told:
            raise SourceError(
                "the file was replaced since it was listed",
                where=self.where(path),
                remedy="run the same command: it says what to do about a source that has changed",
            )


class RemoteFile(io.RawIOBase):
    """A file on the Hub as a seekable stream: a read is one request for just its range."""

    def __init__(self, files: RemoteFiles, path: str) -> None:
        """Point at the file's first byte."""
        self._files, self._path, self._at = files, path, 0

    @cached_property
    def _size(self) -> int:
        if self._path not in self._files.sizes:
            self._files.stat([self._path])
        return self._files.sizes[self._path]

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the place of the next byte."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(start + offset, 0)
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        """Return the next `size` bytes, all that are left for -1."""
        stop = self._size if size is None or size < 0 else min(self._at + size, self._size)
        content = self._files.range(self._path, self._at, stop) if stop > self._at else b""
        self._at += len(content)
        return content

    def readall(self) -> bytes:
        """Return what is left."""
        return self.read()

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - any writable buffer
        """Fill a buffer."""
        content = self.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)
