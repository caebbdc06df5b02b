"""Which servers each worker of a crew asks: dealt out, moved as workers and servers come and go, written down."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress

from builder.errors import UsageError
from builder.rewriting.addresses import read_addresses
from builder.run.engines.hand_out import deal
from builder.run.job import Job


class Shares:
    """The servers of a wave, each one worker's at a time; a worker reads its own from a file of its own."""

    def __init__(self, job: Job) -> None:
        """Deal nothing yet; `job` names the servers."""
        self._job = job
        self.all: Sequence[str] = ()
        self._shares: dict[str, list[str]] = {}
        self._written: dict[str, list[str]] = {}
        self._doubted: set[str] = set()

    @property
    def good(self) -> int:
        """How many servers are not known to answer nobody."""
        return len([server for server in self.all if server not in self._doubted])

    def of(self, worker: str) -> Sequence[str]:
        """Return what a worker was dealt."""
        return self._shares.get(worker, ())

    def deal(
        self, there: Sequence[str], asked: Mapping[str, Collection[str]], expected: int
    ) -> dict[str, list[str]]:
        """Deal all servers that the user names by now, and return each worker's. Call it in a thread.

        Args:
            there: The workers that are to have some.
            asked: By worker, those that leave among them: the servers that it asks, or has requests at.
            expected: How many workers there will be soon.

        Raises:
            BuilderError: The disk refuses, or the run is another's.
        """
        with suppress(UsageError):  # half-written: the next look will tell
            job = self._job
            self.all = read_addresses(job.generator.urls, job.options.servers_file, lambda _: None)
        leaving = {name: self.of(name) for name in asked if name not in there}
        held = {name: {*servers, *leaving.get(name, ())} for name, servers in asked.items()}
        assigned = {name: self.of(name) for name in there}
        shares = deal(self.all, assigned, held, expected, self._doubted)
        for name, share in shares.items():
            if share:
                self._shares[name] = share
                self._write(name, share)
        return shares

    def take_back(self, worker: str) -> None:
        """Have the servers of a worker that is no more."""
        self._shares.pop(worker, None)
        self._written.pop(worker, None)

    def doubt(self, servers: Collection[str]) -> None:
        """Let none of these be a worker's only server: they answered nobody."""
        self._doubted.update(servers)

    def answered(self, servers: Collection[str]) -> None:
        """Doubt none of these any more."""
        self._doubted.difference_update(servers)

    def _write(self, name: str, share: list[str]) -> None:
        if self._written.get(name) != share:
            run = self._job.run
            run.fence.write_text(run.layout.servers(name), "".join(f"{url}\n" for url in share))
            self._written[name] = share
