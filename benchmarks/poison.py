"""What documents that break servers cost the others: throughput with a share of them, beside that without.

Eight servers answer after half a second on average; a gateway answers a document of the share with 502 at once,
each time. The rounds with different shares take turns; a round's throughput counts documents that are answered.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from statistics import median

import uvloop
from chat_servers import POISON, Speed, chat_servers

from builder.errors import RequestFailed
from builder.rewriting.pool import ServerPool
from builder.rewriting.prompts import Sampling

DOCUMENTS = 6_000
ROUNDS = 3
SECONDS = 0.5
SPEEDS = [Speed(32)] * 8
AT_ONCE = 2 * sum(speed.limit for speed in SPEEDS)  # what a build has under way
SHARES = (0.0, 0.01, 0.05)


async def throughput(urls: Sequence[str], share: float, draw: random.Random) -> float:
    """Return documents answered a second, from the first request until all are answered or given up."""
    permits, answered = asyncio.Semaphore(AT_ONCE), 0

    async def ask(number: int) -> None:
        nonlocal answered
        text = f"{number} {POISON.decode()}" if draw.random() < share else f"{number} {'word ' * 100}"
        async with permits:
            try:
                await pool.generate([{"role": "user", "content": text}], Sampling(), number)
            except RequestFailed:
                return
        answered += 1

    async with ServerPool(urls) as pool:
        start = time.monotonic()
        await asyncio.gather(*map(ask, range(DOCUMENTS)))
        return answered / (time.monotonic() - start)


def main() -> None:
    figures: dict[float, list[float]] = {share: [] for share in SHARES}
    for number in range(ROUNDS):
        for share in SHARES:
            with chat_servers(SPEEDS, SECONDS) as servers:
                figures[share].append(uvloop.run(throughput(servers.urls, share, random.Random(number))))
    best = median(figures[0.0])
    print(f"{DOCUMENTS} documents, 8 servers, median of {ROUNDS} rounds")
    for share, rates in figures.items():
        rate = median(rates)
        print(
            f"  {share:4.0%} break servers: {rate:5.0f} documents/s, {rate / best:4.0%}"
            f" ({min(rates):.0f} to {max(rates):.0f})"
        )


if __name__ == "__main__":
    main()
