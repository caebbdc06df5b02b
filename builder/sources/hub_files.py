"""What is asked of the Hugging Face Hub: which commit, which files, which bytes.

Passing trouble (no connection, 429, 5xx, a range that came back short) is tried again, with growing pauses, for
some minutes; what can't pass becomes an error that names the page to visit or the setting to correct.
"""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

import httpx2 as httpx
import tenacity
from huggingface_hub import HfApi, constants, hf_hub_url, snapshot_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import build_hf_headers, hf_raise_for_status, http_backoff

from builder.errors import HubRefused, HubUnreachable, SourceError
from builder.sources.patience import Patience

_PATHS_AT_ONCE = 500
_STATUS_THAT_PASSES = {408, 429, 500, 502, 503, 504}

Result = TypeVar("Result")


class _ShortRange(Exception):
    """A range came back with other bytes than were asked for."""


def passes(error: BaseException) -> bool:
    """Whether trouble with the Hub is of the kind that passes."""
    if isinstance(error, OfflineModeIsEnabled):
        return False
    if isinstance(error, HfHubHTTPError) and error.response is not None:
        return error.response.status_code in _STATUS_THAT_PASSES
    # The client reads some answers as JSON before it looks at their status: a gateway's page is none.
    passing = httpx.TimeoutException, httpx.TransportError, ConnectionError, _ShortRange, json.JSONDecodeError
    return isinstance(error, passing)


@dataclass(frozen=True)
class HubFiles:
    """The files of one dataset at one commit.

    Attributes:
        dataset: The dataset's id, `ORG/NAME`.
        revision: The commit's sha.
        sizes: Bytes of the files that were listed with `stat`.
        stopped: Set to end waiting.
    """

    dataset: str
    revision: str
    sizes: dict[str, int] = field(default_factory=dict)
    stopped: threading.Event = field(default_factory=threading.Event)

    @classmethod
    def at(cls, dataset: str, revision: str | None) -> HubFiles:
        """Resolve a branch, tag or sha, and see that its files may be read.

        Raises:
            SourceError: There is no such dataset or revision.
            HubRefused: It is gated or private and there is no access.
            HubUnreachable: The Hub does not answer.
        """
        api = HfApi()

        def resolve() -> str:
            api.auth_check(dataset, repo_type="dataset")
            return cast(str, api.dataset_info(dataset, revision=revision).sha)

        return cls(dataset, patiently(resolve, dataset, revision))

    def stat(self, paths: Sequence[str]) -> None:
        """Learn the files' sizes, a few hundred a request."""
        api = HfApi()
        for start in range(0, len(paths), _PATHS_AT_ONCE):
            some = list(paths[start : start + _PATHS_AT_ONCE])
            found = self._ask(
                partial(api.get_paths_info, self.dataset, some, revision=self.revision, repo_type="dataset")
            )
            self.sizes.update({item.path: cast(int, getattr(item, "size", 0)) for item in found})

    def open(self, path: str) -> BinaryIO:
        """Return a file that reads by ranges, and only what is asked of it."""
        return cast(BinaryIO, RemoteFile(self, path))

    def where(self, path: str) -> str:
        """Say where a file is."""
        return f"hf://datasets/{self.dataset}@{self.revision[:12]}/{path}".rstrip("/")

    def range(self, path: str, start: int, stop: int) -> bytes:
        """Return the bytes from `start` to before `stop`, all of them."""
        url = hf_hub_url(self.dataset, path, repo_type="dataset", revision=self.revision)

        def get() -> bytes:
            # One retry of the client's own: it waits as long as a 429's RateLimit header says.
            headers = {**build_hf_headers(), "range": f"bytes={start}-{stop - 1}"}
            response = http_backoff(
                "GET", url, headers=headers, timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT, max_retries=1
            )
            hf_raise_for_status(response)
            content = response.content
            if len(content) != stop - start:
                raise _ShortRange(f"{stop - start} bytes asked for, {len(content)} came")
            return content

        return self._ask(get, path)

    def _ask(self, request: Callable[[], Result], path: str = "") -> Result:
        return patiently(request, self.where(path), self.revision, self.stopped)


def downloaded(dataset: str, revision: str | None, wanted: Sequence[str]) -> Path:
    """Return a folder with those files of a dataset that match a pattern, kept in the Hub client's cache.

    Raises:
        SourceError, HubRefused, HubUnreachable: There is no such dataset, no access, no answer.
    """
    files = HubFiles.at(dataset, revision)

    def download() -> Path:
        return Path(
            snapshot_download(dataset, repo_type="dataset", revision=files.revision, allow_patterns=list(wanted))
        )

    return patiently(download, files.where(wanted[-1]), files.revision)


def patiently(
    request: Callable[[], Result], where: str, revision: str | None, stopped: threading.Event | None = None
) -> Result:
    """Return what a request to the Hub gives, trying again while its trouble passes and nobody has `stopped` it.

    Raises:
        SourceError: What was asked for does not exist.
        HubRefused: There is no access to it.
        HubUnreachable: The Hub did not answer in time.
    """
    stopped = stopped or threading.Event()
    policy = _PATIENCE.policy()
    policy["stop"] |= tenacity.stop_when_event_set(stopped)
    try:
        return tenacity.Retrying(**policy, sleep=tenacity.sleep_using_event(stopped))(request)
    except (
        HfHubHTTPError,
        EntryNotFoundError,
        httpx.HTTPError,
        ConnectionError,
        _ShortRange,
        json.JSONDecodeError,
    ) as error:
        raise _explained(error, where, revision) from error


def _explained(error: Exception, where: str, revision: str | None) -> Exception:
    endpoint = constants.ENDPOINT
    if isinstance(error, GatedRepoError):
        dataset = where.removeprefix("hf://datasets/").split("@")[0]
        return HubRefused(
            "the dataset is gated, and this account has no access to it",
            where=where,
            remedy=f"accept its terms at {endpoint}/datasets/{dataset}, then log in with `hf auth login`"
            " or set HF_TOKEN",
        )
    if isinstance(error, RepositoryNotFoundError):
        return SourceError(
            "there is no such dataset on the Hub, or it is private",
            where=where,
            remedy="correct `source.dataset`; for a private one log in with `hf auth login` or set HF_TOKEN",
        )
    if isinstance(error, RevisionNotFoundError):
        return SourceError(
            f"the dataset has no revision {revision!r}",
            where=where,
            remedy="correct `source.revision`; if it was deleted from the Hub, build from another into a new run",
        )
    if isinstance(error, EntryNotFoundError):
        return SourceError("there is no such file", where=where, remedy="choose another `source.revision`")
    if isinstance(error, HfHubHTTPError) and error.response.status_code in (401, 403):
        return HubRefused(
            f"the Hub refuses ({brief(error)})", where=where, remedy="log in with `hf auth login` or set HF_TOKEN"
        )
    return HubUnreachable(
        f"the Hub does not answer ({brief(error)})",
        where=f"{endpoint}, {where}",
        remedy="see to the connection (HF_ENDPOINT names the Hub), then run the same command: it goes on",
    )


def brief(error: BaseException) -> str:
    """Return an error in a few words."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:160]}" if lines else type(error).__name__


_PATIENCE = Patience("the Hub", passes, brief)


class RemoteFile(io.RawIOBase):
    """A file on the Hub as a seekable stream: a read is one request for just its range."""

    def __init__(self, files: HubFiles, path: str) -> None:
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
