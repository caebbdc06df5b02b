"""How many requests wait at a server and how many it works on, from its `/metrics`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from builder.rewriting.servers import Server, body_of

_SECONDS = 5.0
_BYTES = 4 << 20
_GAUGES = (
    ("vllm:num_requests_waiting", "vllm:num_requests_running"),
    ("sglang:num_queue_reqs", "sglang:num_running_reqs"),
    ("llamacpp:requests_deferred", "llamacpp:requests_processing"),
    ("tgi_queue_size", "tgi_batch_current_size"),
)
_NAMES = tuple(name for pair in _GAUGES for name in pair)


@dataclass(frozen=True, slots=True)
class Gauges:
    """Requests, of all clients: how many wait in the server's queue and how many it works on."""

    waiting: float
    running: float


async def read_gauges(session: aiohttp.ClientSession, server: Server) -> Gauges | None:
    """Ask a server for its gauges; None where it has none or does not tell in time."""
    try:
        url, timeout = f"{server.url}/metrics", aiohttp.ClientTimeout(total=_SECONDS)
        async with session.get(url, timeout=timeout) as response:
            content = await body_of(response, _BYTES) if response.status == 200 else None
    except (aiohttp.ClientError, asyncio.TimeoutError, OSError):
        return None  # it is asked again; whether the server is up is told by its answers
    return None if content is None else parse_gauges(content.decode("utf-8", "replace"))


def parse_gauges(text: str) -> Gauges | None:
    """Read a page in the Prometheus text format; None where neither gauge is on it.

    A server with several engines or models has a line for each; they add up. Of the page's thousand lines only
    those of the gauges are parsed: a hundredth of the time.
    """
    lines = [line for line in text.splitlines() if line.startswith(_NAMES)]
    sums: dict[str, float] = {}
    try:
        for family in text_string_to_metric_families("\n".join(lines) + "\n"):
            for sample in family.samples:
                sums[sample.name] = sums.get(sample.name, 0.0) + sample.value
    except ValueError:
        return None
    for waiting, running in _GAUGES:
        if waiting in sums or running in sums:
            return Gauges(sums.get(waiting, 0.0), sums.get(running, 0.0))
    return None
