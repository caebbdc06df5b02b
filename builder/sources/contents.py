"""File contents from an object storage, by blob id: hundreds of requests in flight, each blob once a run.

Blobs come back in the order they were asked for. What is read ahead is bounded by number and by bytes: an object
larger than it was declared is fetched only when its turn comes, one over the limit never, and inflating stops at
the limit. What was fetched stays in the run's folder until the run's last shard is written, so that neither a
second repository nor a resumed run asks for it again.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import tenacity

from builder.errors import ContentsUnreachable, GateTripped
from builder.open_files import at_most
from builder.patience import Patience
from builder.sources.fetched import Fetched
from builder.sources.object_store import IN_FLIGHT, brief, open_store, passes, refused
from builder.sources.text import inflate

if TYPE_CHECKING:
    from obstore import GetResult

BYTES_AHEAD = 64 * 2**20
"""Bytes of blobs, as declared, that may be under way or waiting for their turn."""

MISSING = "content_missing"
_MISSING_AT_LEAST = 32
_UNDECLARED_BYTES = 64 * 2**10
_GZIP_OVERHEAD = 1024
_BLOB_ID = re.compile(r"[0-9a-f]{40}")
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A blob to fetch: its id, and how many bytes its text is said to have."""

    blob_id: str
    bytes: int | None


@dataclass(frozen=True, slots=True)
class Content:
    """A blob's bytes, or the reason why there are none."""

    bytes: bytes | None
    reason: str | None = None


@dataclass(slots=True)
class _Awaited:
    """A blob on its way: its body as stored, a reason, or an answer whose body is not read yet."""

    blob_id: str
    ahead: int
    task: asyncio.Task[bytes | str | GetResult] | None
    body: bytes | None = None


class Contents:
    """The contents below a URL, read in order. Use in one thread; close when done.

    Args:
        url: Where they are: `s3://BUCKET/PREFIX`, `https://…` or `file:///…`.
        endpoint: Another S3-compatible service than AWS; None for what `AWS_ENDPOINT_URL` says.
        max_bytes: The largest text; a larger one is dropped.
        folder: Where fetched blobs are kept for the run.
    """

    def __init__(self, url: str, endpoint: str | None, max_bytes: int, folder: Path) -> None:
        """Connect to nothing yet."""
        self.url, self.max_bytes = url, max_bytes
        self._store = open_store(url, endpoint)
        self._kept = Fetched(folder)
        self._patience = Patience(url, passes, brief)
        self._loop = asyncio.new_event_loop()
        self._under_way: dict[str, asyncio.Task[bytes | str | GetResult]] = {}
        self._lost: set[str] = set()
        self._found = 0

    def stop(self) -> None:
        """Let a `read` in another thread end soon, with an error."""
        with contextlib.suppress(RuntimeError):  # closed meanwhile
            self._loop.call_soon_threadsafe(self._cancel)

    def _cancel(self) -> None:
        for task in self._under_way.values():
            task.cancel()

    def close(self) -> None:
        """Give up what is under way and let go of everything."""
        if self._loop.is_running():
            return  # its thread did not end in time; the process will end it
        self._loop.run_until_complete(self._give_up())
        self._loop.close()
        self._kept.close()

    def read(self, wanted: Iterable[tuple[Item, Wanted | None]]) -> Iterator[tuple[Item, Content | None]]:
        """Yield every item with its content, in order; None where none is wanted.

        Raises:
            ContentsRefused: The storage refuses the credentials, or there is no such bucket.
            ContentsUnreachable: It does not answer.
            GateTripped: More contents are missing than there.
        """
        waiting: deque[tuple[Item, _Awaited | None]] = deque()
        ahead = 0
        in_flight = at_most(IN_FLIGHT)
        for item, want in wanted:
            awaited = None if want is None else self._ask(want)
            cost = awaited.ahead if awaited else 0
            while waiting and (len(waiting) >= in_flight or ahead + cost > BYTES_AHEAD):
                first, head = waiting.popleft()
                ahead -= head.ahead if head else 0
                yield first, self._content(head)
            ahead += cost
            waiting.append((item, awaited))
        for last, head in waiting:
            yield last, self._content(head)
        self._kept.commit()

    async def _give_up(self) -> None:
        self._cancel()
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    def _ask(self, want: Wanted) -> _Awaited:
        if want.blob_id in self._lost or not _BLOB_ID.fullmatch(want.blob_id):
            return _Awaited(want.blob_id, 0, None)
        kept = self._kept.get(want.blob_id)
        if kept is not None:
            self._found += 1
            return _Awaited(want.blob_id, len(kept), None, kept)
        task = self._under_way.get(want.blob_id)
        if task is not None:
            return _Awaited(want.blob_id, 0, task)
        declared = min(want.bytes or _UNDECLARED_BYTES, self.max_bytes)
        task = self._loop.create_task(self._fetch(want.blob_id, declared + _GZIP_OVERHEAD))
        self._under_way[want.blob_id] = task
        return _Awaited(want.blob_id, declared, task)

    def _content(self, awaited: _Awaited | None) -> Content | None:
        if awaited is None:
            return None
        if awaited.body is None and awaited.task is None:
            lost = awaited.blob_id in self._lost
            return Content(None, MISSING if lost else "bad_blob_id")
        body: bytes | str | None = awaited.body
        if awaited.task is not None:
            body = self._arrived(awaited.blob_id, awaited.task)
        return Content(*inflate(body, self.max_bytes)) if isinstance(body, bytes) else Content(None, body)

    def _arrived(self, blob_id: str, task: asyncio.Task[bytes | str | GetResult]) -> bytes | str:
        got = self._loop.run_until_complete(task)
        if not isinstance(got, (bytes, str)):  # larger than declared: read now that it is its turn
            kept = self._kept.get(blob_id)  # an earlier item may have wanted it too, and read it
            got = kept if kept is not None else self._loop.run_until_complete(self._rest(blob_id, got))
        if self._under_way.pop(blob_id, None) is not None:
            if isinstance(got, bytes):
                self._kept.put(blob_id, got)
                self._found += 1
            elif got == MISSING:
                self._missing(blob_id)
        return got

    async def _rest(self, blob_id: str, answer: GetResult) -> bytes | str:
        import obstore

        try:
            return bytes(await answer.bytes_async())
        except (obstore.exceptions.BaseError, ValueError):  # it waited too long, broke, or was read: ask again
            got = await self._fetch(blob_id, None)
            return got if isinstance(got, (bytes, str)) else bytes(await got.bytes_async())

    def _missing(self, blob_id: str) -> None:
        self._lost.add(blob_id)
        if len(self._lost) >= _MISSING_AT_LEAST and len(self._lost) > self._found:
            raise GateTripped(
                f"{len(self._lost)} contents are missing, and {self._found} are there",
                where=self.url,
                remedy="see that `source.contents` names the place that holds them",
            )

    async def _fetch(self, blob_id: str, most: int | None) -> bytes | str | GetResult:
        """Return the stored body, the reason why there is none, or, if over `most` bytes, the unread answer."""
        import obstore

        async def once() -> bytes | str | GetResult:
            answer = await obstore.get_async(self._store, blob_id)
            size = int(answer.meta["size"])
            if size > self.max_bytes + _GZIP_OVERHEAD:
                return "too_large"
            if most is not None and size > most:
                return answer
            return bytes(await answer.bytes_async())

        try:
            return await tenacity.AsyncRetrying(**self._patience.policy())(once)
        except FileNotFoundError as error:
            if "NoSuchBucket" in str(error):
                raise refused(self.url, "there is no such bucket", error) from error
            return MISSING
        except (obstore.exceptions.PermissionDeniedError, obstore.exceptions.UnauthenticatedError) as error:
            if await self._still_let_in():
                return "content_forbidden"
            raise refused(self.url, "the storage refuses the credentials", error) from error
        except obstore.exceptions.BaseError as error:
            if not passes(error):
                raise refused(self.url, f"the storage refuses ({brief(error)})", error) from error
            raise ContentsUnreachable(
                f"the storage does not answer ({brief(error)})",
                where=self.url,
                remedy="see to the connection, then run the same command: it goes on",
            ) from error

    async def _still_let_in(self) -> bool:
        """Whether a blob that could be had before still can: then one object is closed, not the storage."""
        import obstore

        good = self._kept.any()
        if good is None:
            return False
        try:
            await obstore.head_async(self._store, good)
        except (obstore.exceptions.BaseError, FileNotFoundError):
            return False
        return True
