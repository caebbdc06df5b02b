"""The journal: a generation that a server finished is on disk before it counts, and is never paid for again.

One file a shard, one line a generation: a CRC-32, then JSON. Lines of all shards are committed in groups, one
`fdatasync` a file and group, so that durability costs next to nothing at any rate. A file is only ever
appended to by the one process that builds its shard; there are no locks. After a crash a torn last line is cut
off and the rest replayed. Once its shard is in the table, a journal goes.
"""

from __future__ import annotations

import asyncio
import os
import zlib
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from types import TracebackType
from typing import Protocol

import orjson

from builder.files import replacing, storage, sync_folder
from builder.rewriting.generation import Generation
from builder.rewriting.rewriter import Request
from builder.run.answers.rows import generations_in
from builder.run.layout import shard_name

Generate = Callable[[Request], Awaitable[Generation]]

_KEPT_OPEN = 32  # journals whose files stay open between two groups
_GROUP_SECONDS = 0.01  # that an answer waits for others: one alone would cost a hop to a thread and a sync


class Earlier(Protocol):
    """What was answered before, in this run's table or in another run."""

    def may_have(self, key: str) -> bool:
        """Whether `get` is worth its time."""

    def get(self, key: str) -> Generation | None:
        """Return the generation with this key, None where there is none. Called from any thread."""


class ShardJournal:
    """The journal of one unfinished shard."""

    def __init__(self, path: Path, known: dict[str, Generation], journals: Journals) -> None:
        """Go on in the file at `path`, which holds what is `known`."""
        self.path, self.known = path, known
        self.replayable = frozenset(known)
        self.unasked = set(known)
        self.descriptor = -1
        self._journals = journals

    async def ask(self, request: Request) -> Generation:
        """Return the request's generation: from the journals, from a request in flight, or from a server."""
        return await self._journals.ask(self, request)

    def append(self, lines: bytes) -> None:
        """Write lines durably. Runs in the committing thread."""
        with storage(self.path):
            if self.descriptor < 0:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self.descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
                sync_folder(self.path.parent)
            whole = os.fstat(self.descriptor).st_size
            try:
                while lines:
                    lines = lines[os.write(self.descriptor, lines) :]
                os.fdatasync(self.descriptor)
            except OSError:
                os.ftruncate(self.descriptor, whole)  # a torn line would spoil the one appended after it
                raise
        if self._journals.are_many:
            self.close()

    def end(self, is_to_go: bool) -> None:
        """Let go of the file, and remove it if it is to go. Runs in the committing thread."""
        self.close()
        if is_to_go:
            with storage(self.path):
                self.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the file."""
        if self.descriptor >= 0:
            descriptor, self.descriptor = self.descriptor, -1
            with storage(self.path):  # a network file system may refuse only now
                os.close(descriptor)


class Journals:
    """The journals of the shards in work, and the one committer for all of them.

    Use as an async context manager. `counts` holds how many generations were requested of a server,
    replayed from before a restart, and reused from an equal request.
    """

    def __init__(self, folder: Path, generate: Generate, earlier: Sequence[Earlier] = ()) -> None:
        """Keep journals in `folder`; what is in none of them, nor was answered `earlier`, `generate`."""
        self.counts: Counter[str] = Counter()
        self._folder, self._generate, self._earlier = folder, generate, earlier
        self._open: dict[int, ShardJournal] = {}
        self._in_flight: dict[str, asyncio.Future[Generation]] = {}
        self._pending: list[tuple[ShardJournal, bytes, asyncio.Future[None]]] = []
        self._wake = asyncio.Event()
        # A thread of its own: shards being written may keep all of the shared ones.
        self._thread = ThreadPoolExecutor(1, "journal")

    async def __aenter__(self) -> Journals:
        self._committer = asyncio.create_task(self._commit_groups())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for obtained in self._in_flight.values():
            obtained.cancel()
        self._committer.cancel()
        # What arrived while the last group was being written is paid for, too. A second Ctrl-C would come in at an
        # await: it has to wait for the disk.
        last = self._thread.submit(_write, self._pending)
        self._thread.shutdown()
        for journal in self._open.values():
            journal.close()
        await asyncio.gather(self._committer, return_exceptions=True)
        if error is None:  # else there is an error to tell already
            for refused in last.result().values():
                raise refused

    @property
    def are_many(self) -> bool:
        """Whether there are too many to keep all of their files open: of small shards thousands may be in work."""
        return len(self._open) > _KEPT_OPEN

    async def open(self, shard: int) -> ShardJournal:
        """Open a shard's journal, replaying what it holds."""
        path = self._folder / f"{shard_name(shard)}.jsonl"
        known = await asyncio.to_thread(recover, path)
        journal = ShardJournal(path, known, self)
        self._open[shard] = journal
        return journal

    async def discard(self, shard: int, *, is_through: bool) -> None:
        """Remove the journal of a shard that is safely in the table.

        Args:
            shard: The shard.
            is_through: Whether all its documents are through every stage. Else a build with a smaller --limit or
                an earlier --until wrote it, and answers that it had no use for stay for the next.
        """
        journal = self._open.pop(shard)
        is_to_go = is_through or not journal.unasked
        await asyncio.get_running_loop().run_in_executor(self._thread, journal.end, is_to_go)

    def is_replayed(self, key: str) -> bool:
        """Whether an answer was journalled by an earlier build of this run, of a shard that is open."""
        return any(key in journal.replayable for journal in self._open.values())

    async def ask(self, journal: ShardJournal, request: Request) -> Generation:
        """See `ShardJournal.ask`."""
        key = request.key
        if key in journal.known:
            journal.unasked.discard(key)
            self.counts["replayed" if key in journal.replayable else "reused"] += 1
            return journal.known[key]
        elsewhere = next((other.known[key] for other in self._open.values() if key in other.known), None)
        if elsewhere is not None:
            self.counts["reused"] += 1
            generation = elsewhere
        elif key in self._in_flight:
            generation = await asyncio.shield(self._in_flight[key])
            self.counts["reused"] += 1
        else:
            generation = await self._obtain_for_all(request)
            # Only after the commit below would another asker find it in a journal; no await lies between.
        journal.known[key] = generation
        await self._commit(journal, encode(key, generation))
        return generation

    async def _obtain_for_all(self, request: Request) -> Generation:
        """Obtain an answer, on which others who ask for it meanwhile wait."""
        obtained: asyncio.Future[Generation] = asyncio.get_running_loop().create_future()
        self._in_flight[request.key] = obtained
        try:
            generation = await self._obtain(request)
        except Exception as error:
            if not obtained.done():
                obtained.set_exception(error)
                obtained.exception()  # nobody else may have asked
            raise
        except BaseException:
            obtained.cancel()
            raise
        else:
            if not obtained.done():
                obtained.set_result(generation)
            return generation
        finally:
            del self._in_flight[request.key]

    async def _obtain(self, request: Request) -> Generation:
        """Return the answer that there was earlier, else a server's."""
        for answers in self._earlier:
            if not answers.may_have(request.key):
                continue
            known = await asyncio.to_thread(answers.get, request.key)
            if known is not None:
                self.counts["reused"] += 1
                return known
        generation = await self._generate(request)
        self.counts["requested"] += 1
        return generation

    async def _commit(self, journal: ShardJournal, line: bytes) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pending.append((journal, line, done))
        self._wake.set()
        await done

    async def _commit_groups(self) -> None:
        while True:
            await self._wake.wait()
            await asyncio.sleep(_GROUP_SECONDS)
            self._wake.clear()
            group, self._pending = self._pending, []
            refused = await asyncio.get_running_loop().run_in_executor(self._thread, _write, group)
            for journal, _, done in group:
                if done.done():
                    continue
                if error := refused.get(journal):
                    done.set_exception(error)
                else:
                    done.set_result(None)


def put_back(shard: Path, stages: Sequence[str], journal: Path) -> None:
    """Journal the answers of a shard of the table that is about to go, or to lose rows: they are paid for."""
    known = {**recover(journal), **dict(generations_in(shard, stages))}
    if known:
        with storage(journal), replacing(journal) as temporary:
            temporary.write_bytes(b"".join(encode(key, generation) for key, generation in known.items()))


def _write(group: list[tuple[ShardJournal, bytes, asyncio.Future[None]]]) -> dict[ShardJournal, Exception]:
    """Write a group, in a thread; return the journals whose lines were refused, with the reason."""
    refused: dict[ShardJournal, Exception] = {}
    lines: dict[ShardJournal, list[bytes]] = {}
    for journal, line, _ in group:
        lines.setdefault(journal, []).append(line)
    for journal, own in lines.items():
        try:
            journal.append(b"".join(own))
        except Exception as error:  # noqa: BLE001 - raised again by everyone who waits for one of these lines
            refused[journal] = error
    return refused


_FIELDS = [field.name for field in fields(Generation)]


def encode(key: str, generation: Generation) -> bytes:
    """Return the line that keeps a generation."""
    body = orjson.dumps({"key": key, **{name: getattr(generation, name) for name in _FIELDS}})
    return b"%08x %s\n" % (zlib.crc32(body), body)


def read(path: Path) -> tuple[dict[str, Generation], int]:
    """Return the generations a journal holds, and how many of its bytes are whole lines. Changes nothing."""
    known: dict[str, Generation] = {}
    whole = 0
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return known, whole
    with file:
        for line in file:
            if not line.endswith(b"\n"):
                break
            whole += len(line)
            checksum, _, body = line[:-1].partition(b" ")
            # A line that the disk spoilt is asked for again; those after it are still good.
            if checksum == b"%08x" % zlib.crc32(body):
                kept = orjson.loads(body)
                key = kept.pop("key")
                known[key] = Generation(**kept)
    return known, whole


def recover(path: Path) -> dict[str, Generation]:
    """Return the generations a journal holds, cutting off what a crash left unfinished at its end."""
    known, whole = read(path)
    if path.exists() and whole < path.stat().st_size:
        with storage(path):
            os.truncate(path, whole)
    return known
