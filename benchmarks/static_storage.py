"""A storage for benchmarks: blobs in memory, served as S3 does, by a process of its own, near or far.

    with storage(blobs, seconds=0.02) as server:
        ...  # server.url; GET and HEAD of /softwareheritage/content/{id}
        server.cpu_seconds()

An answer costs it some tens of microseconds, so that what is measured is the client. To play a distant storage
each answer leaves so many seconds late, however many are waiting.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import pickle
import resource
import subprocess
import sys
import sysconfig
import tempfile
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

PREFIX = "/softwareheritage/content/"
_LAST_MODIFIED = "Wed, 06 Sep 2023 12:00:00 GMT"
_MISSING = b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code></Error>"
_NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Type: application/xml\r\nContent-Length: %d\r\n\r\n" % len(
    _MISSING
)
_LARGEST = 100_000


def distinct_sources() -> Iterator[bytes]:
    """Yield source files without end: the running Python's standard library, each time round with another end."""
    folder = Path(sysconfig.get_paths()["stdlib"])
    files = [path for path in sorted(folder.rglob("*.py")) if "site-packages" not in path.parts]
    contents = [path.read_bytes() for path in files if 0 < path.stat().st_size < _LARGEST]
    contents = [content for content in contents if _is_utf8(content)]
    number = 0
    while True:
        for content in contents:
            number += 1
            yield content + b"# %d\n" % number


def sources_as_stored(count: int) -> dict[str, bytes]:
    """Return so many distinct source files gzipped, by the sha1 of what they hold."""
    sources = islice(distinct_sources(), count)
    return {hashlib.sha1(content).hexdigest(): gzip.compress(content, mtime=0) for content in sources}


def bytes_inflated(stored: bytes) -> int:
    """Return how many bytes a gzip body says that it holds."""
    return int.from_bytes(stored[-4:], "little")


def _is_utf8(content: bytes) -> bool:
    try:
        return b"\0" not in content and content.decode() is not None
    except UnicodeDecodeError:
        return False


@dataclass
class Storage:
    """A server under way."""

    url: str
    process: subprocess.Popen[str]

    def cpu_seconds(self) -> float:
        """Return the CPU seconds that it has used so far."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())


@contextmanager
def storage(blobs: dict[str, bytes], seconds: float = 0.0) -> Iterator[Storage]:
    """Serve the blobs on loopback, each answer `seconds` late, until the block ends."""
    with tempfile.TemporaryDirectory() as folder:
        stored = Path(folder) / "blobs"
        stored.write_bytes(pickle.dumps(blobs))
        command = [sys.executable, __file__, str(stored), str(seconds)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdin and process.stdout
        try:
            yield Storage(process.stdout.readline().strip(), process)
        finally:
            process.stdin.close()
            process.wait()
            process.stdout.close()


class _Connection(asyncio.Protocol):
    """Answers requests in their order, those that came in one packet too."""

    def __init__(self, blobs: dict[bytes, tuple[bytes, bytes]], seconds: float) -> None:
        self._blobs, self._seconds = blobs, seconds
        self._received = b""
        self._due: deque[bytes] = deque()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._loop = asyncio.get_running_loop()

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            answer = self._answer(self._received[:end])
            self._received = self._received[end + 4 :]
            if self._seconds:
                self._due.append(answer)
                self._loop.call_later(self._seconds, self._send)
            else:
                self._transport.write(answer)

    def _send(self) -> None:
        self._transport.write(self._due.popleft())

    def _answer(self, request: bytes) -> bytes:
        method, target, _ = request.split(b" ", 2)
        key = target.partition(b"?")[0].removeprefix(PREFIX.encode())
        head, body = self._blobs.get(key, (b"", b""))
        if not head:
            return _NOT_FOUND if method == b"HEAD" else _NOT_FOUND + _MISSING
        if b"range: bytes=0-\r" in request.lower() + b"\r":
            content_range = b"bytes 0-%d/%d" % (len(body) - 1, len(body))
            return b"HTTP/1.1 206 Partial Content\r\nContent-Range: %b\r\n%b%b" % (content_range, head, body)
        return b"HTTP/1.1 200 OK\r\n%b%b" % (head, b"" if method == b"HEAD" else body)


def _with_head(body: bytes) -> tuple[bytes, bytes]:
    """Return a blob with the headers that its answers share."""
    tag = hashlib.md5(body).hexdigest()
    head = f'Content-Length: {len(body)}\r\nETag: "{tag}"\r\nLast-Modified: {_LAST_MODIFIED}\r\n'
    return f"{head}Accept-Ranges: bytes\r\nContent-Type: binary/octet-stream\r\n\r\n".encode(), body


async def _serve(blobs: dict[str, bytes], seconds: float) -> None:
    """Serve; tell the CPU seconds so far for each line on standard input, and end with it."""
    answers = {key.encode(): _with_head(body) for key, body in blobs.items()}
    loop = asyncio.get_running_loop()
    server = await loop.create_server(partial(_Connection, answers, seconds), "127.0.0.1", 0, backlog=1024)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    while await loop.run_in_executor(None, sys.stdin.readline):
        usage = resource.getrusage(resource.RUSAGE_SELF)
        print(usage.ru_utime + usage.ru_stime, flush=True)
    server.close()


if __name__ == "__main__":
    asyncio.run(_serve(pickle.loads(Path(sys.argv[1]).read_bytes()), float(sys.argv[2])))
