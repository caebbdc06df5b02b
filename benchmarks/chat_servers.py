"""Servers for benchmarks: TGI's chat answers, late by a drawn time, for a few tens of microseconds of CPU each.

    with chat_servers([Speed(limit=500)], seconds=0.5) as servers:
        ...  # talk to servers.urls
        requests = servers.requests()

All of them run in one process of their own. Its answers are made beforehand, by the same functions as those of the
tests' double, which is checked against TGI's own description; each holds its number, so that no two are equal. The
nth request waits for the nth time drawn, whoever sends it, so that every client meets the same. With `echo` an
answer holds the document asked about: it passes checks that compare the two, and costs several times as much. A
request with the text `POISON` in it gets a gateway's 502 at once.
"""

from __future__ import annotations

import asyncio
import json
import random
import resource
import subprocess
import sys
import time
import urllib.request
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from math import exp
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
from python_texts import python_texts

from tests import tgi_protocol as wire

POISON = b"this document breaks servers"
_BAD_GATEWAY = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
_ANSWERS = 500
_NUMBER = "000000000"  # in an answer, where its own goes
_LONGEST = 15.0  # times the mean: 8,192 tokens at most where 548 are usual


@dataclass(frozen=True)
class Speed:
    """One server: how many requests it takes at once, and how many times as long as the others it works on one."""

    limit: int
    slower: float = 1.0


@dataclass(frozen=True)
class Request:
    """One request as its server saw it; times are `time.monotonic()`, which all processes share."""

    server: int
    arrival: float
    end: float


class Servers:
    """Servers under way."""

    def __init__(self, urls: list[str]) -> None:
        self.urls = urls

    def requests(self) -> list[Request]:
        """Return the requests answered since the last call."""
        return [Request(int(server), *times) for server, *times in self._told("/requests")]

    def cpu_seconds(self) -> float:
        """Return the CPU seconds that the servers have used so far."""
        return self._told("/cpu")[0][0]

    def _told(self, page: str) -> list[list[float]]:
        with urllib.request.urlopen(self.urls[0] + page) as response:
            told: list[list[float]] = json.load(response)
        return told


@contextmanager
def chat_servers(
    speeds: Sequence[Speed], seconds: float, *, sigma: float = 0.0, echo: bool = False
) -> Iterator[Servers]:
    """Serve until the block ends.

    Args:
        speeds: The servers.
        seconds: How long an answer takes in the mean.
        sigma: Of the log-normal distribution of that time; 0 spreads it evenly over half to one and a half.
        echo: Whether an answer holds the document it was asked about.
    """
    plan = {"speeds": [asdict(speed) for speed in speeds], "seconds": seconds, "sigma": sigma, "echo": echo}
    command = [sys.executable, __file__, json.dumps(plan)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin and process.stdout
    try:
        yield Servers(json.loads(process.stdout.readline()))
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()


def answer_of(code: str) -> str:
    """Return an answer in the form that the prompt `sgcr` asks for."""
    review = "### Evaluation: 7\nClear names, little documentation.\n\n### Suggestions:\n- Add docstrings.\n\n"
    return f"{review}### Improved Code:\n```python\n{code}```\n"


def _answers(settings: wire.Settings) -> list[tuple[wire.Ask, int, bytes]]:
    """Return answers: tokens and body of each, with the request that it would belong to."""
    made = []
    for code in islice((text for text in python_texts() if "```" not in text), _ANSWERS):
        ask = wire.ask_of({"messages": [{"role": "user", "content": code}]}, wire.default_template, settings)
        text = answer_of(f"{code}# answer {_NUMBER}\n")
        tokens = wire.count_tokens(text)
        body = wire.dumps(wire.chat_completion(text, "eos_token", tokens, ask, settings)).encode()
        made.append((ask, tokens, body))
    return made


def _waits(seconds: float, sigma: float) -> Iterator[float]:
    draw = random.Random(1)
    while True:
        if sigma:
            yield seconds * min(_LONGEST, exp(sigma * draw.gauss(0, 1) - sigma * sigma / 2))
        else:
            yield seconds * draw.uniform(0.5, 1.5)


class _Served:
    """What the servers of the process share: what they answer and when, and their log."""

    def __init__(self, seconds: float, sigma: float, echo: bool) -> None:
        self.settings = wire.Settings()
        self._answers = _answers(self.settings)
        self._seconds, self._sigma, self._echo = seconds, sigma, echo
        self.clear()

    def clear(self) -> None:
        self._waits = _waits(self._seconds, self._sigma)
        self._number = 0
        self.log = array("d")

    def next(self, asked: bytes, slower: float) -> tuple[bytes, float]:
        """Return an answer and how many seconds it takes."""
        ask, tokens, body = self._answers[self._number % _ANSWERS]
        self._number += 1
        if self._echo:
            text = answer_of(json.loads(asked)["messages"][-1]["content"])
            body = wire.dumps(wire.chat_completion(text, "eos_token", tokens, ask, self.settings)).encode()
        else:
            body = body.replace(_NUMBER.encode(), b"%09d" % self._number)
        wait = next(self._waits) * slower
        headers = wire.headers_of(ask, tokens, 0.0, wait)
        return _response(b"200 OK", body, "".join(f"{name}: {said}\r\n" for name, said in headers.items())), wait

    def page(self, path: str, limit: int) -> bytes:
        """Return a page that is not a chat, one of the benchmark's own included."""
        if path == "/requests":
            log = self.log
            content: object = [list(log[at : at + 3]) for at in range(0, len(log), 3)]
            self.clear()
        elif path == "/cpu":
            usage = resource.getrusage(resource.RUSAGE_SELF)
            content = [[usage.ru_utime + usage.ru_stime]]
        elif path in wire.PAGES["tgi"]:
            self.settings.max_concurrent_requests = limit
            content = wire.PAGES["tgi"][path](self.settings)
        else:
            return _response(b"404 Not Found", b"")
        return _response(b"200 OK", wire.dumps(content).encode())


def _response(status: bytes, body: bytes, headers: str = "") -> bytes:
    head = b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n" % (status, len(body))
    return b"%b%b\r\n%b" % (head, headers.encode(), body)


class _Server:
    """One address: its number, and how many requests it has."""

    def __init__(self, number: int, speed: Speed, served: _Served) -> None:
        self.number, self.speed, self.served = number, speed, served
        self.held = 0

    def answer(self, head: bytes, body: bytes, send: Callable[[bytes], None]) -> None:
        """Answer a request, at once or later."""
        method, path, _ = head.split(b" ", 2)
        if method == b"GET":
            send(self.served.page(path.decode(), self.speed.limit))
        elif not path.endswith(b"/chat/completions"):  # a client's question by the way counts as no answer
            send(_response(b"404 Not Found", b""))
        elif POISON in body:
            send(_response(b"502 Bad Gateway", _BAD_GATEWAY))
        elif self.held >= self.speed.limit:
            refused = wire.dumps({"error": wire.OVERLOADED, "error_type": "overloaded"})
            send(_response(b"429 Too Many Requests", refused.encode()))
        else:
            self.held += 1
            answer, wait = self.served.next(body, self.speed.slower)
            loop = asyncio.get_running_loop()
            loop.call_later(wait, self._end, time.monotonic(), partial(send, answer))

    def _end(self, arrival: float, send: Callable[[], None]) -> None:
        self.held -= 1
        self.served.log.extend((self.number, arrival, time.monotonic()))
        send()


class _Connection(asyncio.Protocol):
    """Reads requests, one after the other, each whole before it is answered."""

    def __init__(self, server: _Server) -> None:
        self._server = server
        self._received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self._received[:end])
        lower = head.lower() + b"\r\n"
        at = lower.find(b"content-length:")
        length = int(lower[at + 15 : lower.index(b"\r\n", at)]) if at >= 0 else 0
        if len(self._received) >= end + 4 + length:
            body = bytes(self._received[end + 4 :])
            self._received.clear()
            self._server.answer(head, body, partial(self._send, b"connection: close" in lower))

    def _send(self, is_last: bool, answer: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(answer)
            if is_last:
                self._transport.close()


async def _serve(speeds: list[Speed], seconds: float, sigma: float, echo: bool) -> None:
    """Serve until standard input ends."""
    loop, served = asyncio.get_running_loop(), _Served(seconds, sigma, echo)
    urls = []
    for number, speed in enumerate(speeds):
        server = partial(_Connection, _Server(number, speed, served))
        listening = await loop.create_server(server, "127.0.0.1", 0, backlog=4096)
        urls.append(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}")
    print(json.dumps(urls), flush=True)
    await loop.run_in_executor(None, sys.stdin.readline)


if __name__ == "__main__":
    _plan = json.loads(sys.argv[1])
    _speeds = [Speed(**speed) for speed in _plan.pop("speeds")]
    asyncio.run(_serve(_speeds, **_plan))
