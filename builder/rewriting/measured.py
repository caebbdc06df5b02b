"""What answers at some addresses, and how fast: a few small requests, for whoever sets servers up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import aiohttp
import orjson

from builder.errors import NoServer, NothingToTalkTo
from builder.rewriting.addresses import root_of
from builder.rewriting.advice import Observed, observe
from builder.rewriting.outcome import Trouble
from builder.rewriting.servers import Server, probe
from builder.rewriting.sessions import new_session
from builder.rewriting.transport import post

_TOKENS = 64  # asked for, each time
_AT_ONCE = 4  # few enough for a server that has few slots
_SECONDS = 60.0
_TASK = "Count from one to one hundred, in words."


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast a server generated.

    Attributes:
        seconds: One small answer took, with nothing beside it of ours.
        tokens_per_second: Of that answer alone.
        at_once: How many answers were then asked for at once.
        tokens_per_second_together: Of all of those together.
    """

    seconds: float
    tokens_per_second: float
    at_once: int
    tokens_per_second_together: float


@dataclass(frozen=True, slots=True)
class Found:
    """What answers at an address: a server, its speed and what it says of its work, or what went wrong."""

    url: str
    server: Server | None
    speed: Speed | None
    error: NothingToTalkTo | None
    observed: Observed = field(default_factory=Observed)

    def as_json(self) -> dict[str, Any]:
        """Return what `servers --json` prints."""
        speed = self.speed
        return {
            **(self.server.as_json() if self.server else {"url": self.url}),
            "error": self.error.what if self.error else None,
            "seconds_to_answer": round(speed.seconds, 3) if speed else None,
            "tokens_per_second": round(speed.tokens_per_second, 1) if speed else None,
            f"tokens_per_second_of_{_AT_ONCE}": round(speed.tokens_per_second_together, 1) if speed else None,
            **asdict(self.observed),
        }


async def find(urls: Sequence[str], served_model: str | None = None) -> list[Found]:
    """Ask several addresses at once what they are, and have each generate a little.

    Args:
        urls: The servers' addresses.
        served_model: Which of their models, None where they serve one each.

    Raises:
        BadAddress: One of them is no address.
    """
    roots = [root_of(url, "servers") for url in urls]
    async with new_session() as session:
        return list(await asyncio.gather(*(_found(session, root, served_model) for root in roots)))


async def _found(session: aiohttp.ClientSession, url: str, served_model: str | None) -> Found:
    server: Server | None = None
    try:
        server = await probe(session, url, None, served_model)
        speed = await _speed(session, server)
        return Found(url, server, speed, None, await observe(session, server))
    except NothingToTalkTo as error:
        return Found(url, server, None, error)


async def _speed(session: aiohttp.ClientSession, server: Server) -> Speed:
    seconds, tokens = await _timed(session, server, 1)
    together, tokens_together = await _timed(session, server, _AT_ONCE)
    return Speed(seconds, tokens / seconds, _AT_ONCE, tokens_together / together)


async def _timed(session: aiohttp.ClientSession, server: Server, count: int) -> tuple[float, int]:
    """Return how many seconds so many answers at once took, and the tokens in them."""
    start = time.monotonic()
    bodies = [_body(server, seed) for seed in range(count)]
    tokens = 0
    for outcome in await asyncio.gather(*(post(session, server, body, _SECONDS) for body in bodies)):
        if isinstance(outcome, Trouble):
            what = f"it is there, but generates nothing: {outcome.what}"
            raise NoServer(what, where=server.url, remedy="see its log")
        tokens += outcome.generation.completion_tokens
    return time.monotonic() - start, tokens


def _body(server: Server, seed: int) -> bytes:
    messages = [{"role": "user", "content": _TASK}]
    asked = {"temperature": 0.7, "max_tokens": _TOKENS, "seed": seed, "stream": False}
    return orjson.dumps({"model": server.model.id, "messages": messages, **asked})
