"""The command line as users start it, in a process of its own, without waiting for imports: see `fork_server`."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import BinaryIO

from tests.fork_server import SINGLE_THREADED

ROOT = Path(__file__).parents[1]


class Started:
    """A run of the command line; what it says is kept. Its methods are those of `subprocess.Popen`."""

    def __init__(self, arguments: list[str], environment: Mapping[str, str], first: str = "") -> None:
        """Start it in the current folder; `first` is Python that it runs before all."""
        self.returncode: int | None = None
        self._out, self._err = (tempfile.TemporaryFile() for _ in range(2))  # noqa: SIM115 - closed with the object
        told, theirs = os.pipe()
        self._told = os.fdopen(told, "rb", buffering=0)
        task = {"arguments": arguments, "environment": {**environment}, "folder": str(Path.cwd()), "first": first}
        with Path(os.devnull).open("rb") as nothing:
            descriptors = [nothing.fileno(), self._out.fileno(), self._err.fileno(), theirs]
            socket.send_fds(next(_servers()), [json.dumps(task).encode()], descriptors)
        os.close(theirs)
        self.pid = self._number()

    def _number(self) -> int:
        line = self._told.readline()
        if not line:
            raise RuntimeError("the fork server is gone: did an import fail, or start a thread?")
        return int(line)

    def poll(self) -> int | None:
        """Return the exit status, a negative number for a signal; None while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end and return the exit status.

        Raises:
            TimeoutExpired: It has not ended after so many seconds.
        """
        if self.returncode is None:
            waiting = select.poll()
            waiting.register(self._told, select.POLLIN | select.POLLHUP)
            if not waiting.poll(None if timeout is None else timeout * 1000):
                raise subprocess.TimeoutExpired("builder", timeout or 0)
            self.returncode = self._number()
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Wait for its end and return all that it wrote and said."""
        self.wait(timeout)
        return self.stdout, self.stderr

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    @property
    def stdout(self) -> str:
        """What it has written so far."""
        return _content(self._out)

    @property
    def stderr(self) -> str:
        """What it has said so far."""
        return _content(self._err)


def _content(file: BinaryIO) -> str:
    # Read without moving the place where the process, which shares it, goes on writing.
    return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0).decode()


@cache
def _servers() -> Iterator[socket.socket]:
    """Return two servers in turn: of two runs that are compared, each has a hash seed of its own."""

    def in_turn() -> Iterator[socket.socket]:
        servers = []
        for _ in range(2):
            servers.append(_server())
            yield servers[-1]
        yield from itertools.cycle(servers)

    return in_turn()


def _server() -> socket.socket:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        subprocess.Popen(
            [sys.executable, "-m", "tests.fork_server", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            cwd=ROOT,
            env={**os.environ, **SINGLE_THREADED},
            stdin=subprocess.DEVNULL,
        )
    return ours
