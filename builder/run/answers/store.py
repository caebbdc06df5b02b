"""The answer store: get or generate, one flight a key.

An answer is looked up by its key in the log of this run, in its table, in other runs and releases; what is in none
of them a server is asked for. It is in the log before anybody gets it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Sequence
from types import TracebackType
from typing import Protocol

from builder.rewriting.generation import Generation
from builder.rewriting.rewriter import Request
from builder.run.answers.commits import GroupCommits
from builder.run.answers.lines import encode
from builder.run.answers.log import Log

Generate = Callable[[Request], Awaitable[Generation]]


class Known(Protocol):
    """Answers that there were before: in this run's table, or of another run."""

    def maybe_contains(self, key: str) -> bool:
        """Whether `get` is worth its time. Never waits."""

    def get(self, key: str) -> Generation | None:
        """Return the answer with this key, None where there is none. Called from any thread."""


class ShardAnswers:
    """The answers that one shard's documents have got, which the log keeps until they are in the table."""

    def __init__(self, store: AnswerStore) -> None:
        """Hold none yet."""
        self._store = store
        self.keys: set[str] = set()

    async def ask(self, request: Request) -> Generation:
        """Return the request's answer.

        Raises:
            RequestFailed: A server said so.
            StorageError: The disk refuses.
        """
        if request.key not in self.keys:
            self.keys.add(request.key)
            self._store.holders[request.key] += 1
        return await self._store.get_or_generate(request)

    async def in_table(self) -> None:
        """Have the log let go of them: the shard is in the table."""
        await self._store.let_go(self.keys)


class AnswerStore:
    """All answers of a run, for the documents in work.

    Use as an async context manager. `counts` holds how many answers were requested of a server, replayed from
    before a restart, and reused from an equal request.
    """

    def __init__(self, log: Log, generate: Generate, known: Sequence[Known] = ()) -> None:
        """Keep answers in `log`; what is neither there nor `known`, `generate`."""
        self.counts: Counter[str] = Counter()
        self.holders: Counter[str] = Counter()  # of a key: the shards in work that have asked for it
        self._log, self._generate, self._known = log, generate, known
        self._commits = GroupCommits(log)
        self._in_flight: dict[str, asyncio.Future[Generation]] = {}

    async def __aenter__(self) -> AnswerStore:
        await self._commits.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for flight in self._in_flight.values():
            flight.cancel()
        await self._commits.__aexit__(kind, error, trace)

    def is_replayed(self, key: str) -> bool:
        """Whether an answer was in the log at the start."""
        return self._log.is_replayed(key)

    def for_shard(self) -> ShardAnswers:
        """Return the answers of a shard that is begun."""
        return ShardAnswers(self)

    async def let_go(self, keys: Collection[str]) -> None:
        """Have the log forget what one holder has in the table, unless another has it not."""
        self.holders.subtract(keys)
        free = [key for key in keys if self.holders[key] <= 0]
        for key in free:
            del self.holders[key]
        await self._commits.in_thread(self._log.let_go, free)

    async def get_or_generate(self, request: Request) -> Generation:
        """See `ShardAnswers.ask`."""
        key = request.key
        if (flight := self._in_flight.get(key)) is not None:
            generation = await asyncio.shield(flight)
            self.counts["reused"] += 1
            return generation
        if self._log.knows(key):
            kind = "replayed" if self._log.is_replayed(key) else "reused"
            logged = self._log.read_cached(key) or await asyncio.to_thread(self._log.read, key)
            if logged is not None:
                self.counts[kind] += 1
                return logged
            return await self.get_or_generate(request)  # a line that the disk has spoilt; it is not there any more
        return await self._in_one_flight(request)

    async def _in_one_flight(self, request: Request) -> Generation:
        """Obtain an answer, on which others who ask for it meanwhile wait."""
        flight: asyncio.Future[Generation] = asyncio.get_running_loop().create_future()
        self._in_flight[request.key] = flight
        try:
            generation = await self._obtain(request)
            await self._commits.commit(request.key, encode(request.key, generation))
        except Exception as error:
            if not flight.done():
                flight.set_exception(error)
                flight.exception()  # nobody else may have asked
            raise
        except BaseException:
            flight.cancel()
            raise
        else:
            if not flight.done():
                flight.set_result(generation)
            return generation
        finally:
            del self._in_flight[request.key]

    async def _obtain(self, request: Request) -> Generation:
        """Return the answer that is known, else a server's."""
        for answers in self._known:
            if not answers.maybe_contains(request.key):
                continue
            known = await asyncio.to_thread(answers.get, request.key)
            if known is not None:
                self.counts["reused"] += 1
                return known
        generation = await self._generate(request)
        self.counts["requested"] += 1
        return generation
