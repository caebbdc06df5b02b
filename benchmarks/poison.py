"""What documents that break servers cost the others: throughput with a share of them, beside that without.

Eight servers answer after two seconds on average; a gateway answers a document of the share with 502 at once,
each time. The rounds with different shares take turns; a round's throughput counts the documents that are
answered, until the last of them is. How long it then takes to give up the last of the others is printed beside it.
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

DOCUMENTS = 2_500
ROUNDS = 3
SECONDS = 2.0
SPEEDS = [Speed(32)] * 8
AT_ONCE = 2 * sum(speed.limit for speed in SPEEDS)  # what a build has under way
SHARES = (0.0, 0.01, 0.05)


async def throughput(urls: Sequence[str], share: float, draw: random.Random) -> tuple[float, float]:
    """Return documents answered a second, and the seconds from the last answer until all others are given up."""
    permits, answered, last = asyncio.Semaphore(AT_ONCE), 0, 0.0

    async def ask(number: int) -> None:
        nonlocal answered, last
        text = f"{number} {POISON.decode()}" if draw.random() < share else f"{number} {'word ' * 100}"
        async with permits:
            try:
                await pool.generate([{"role": "user", "content": text}], Sampling(), number)
            except RequestFailed:
                return
        answered, last = answered + 1, time.monotonic()

    async with ServerPool(urls) as pool:
        start = time.monotonic()
        await asyncio.gather(*map(ask, range(DOCUMENTS)))
        return answered / (last - start), time.monotonic() - last


def main() -> None:
    figures: dict[float, list[tuple[float, float]]] = {share: [] for share in SHARES}
    for number in range(ROUNDS):
        for share in SHARES:
            with chat_servers(SPEEDS, SECONDS) as servers:
                figures[share].append(uvloop.run(throughput(servers.urls, share, random.Random(number))))
    best = median(rate for rate, _ in figures[0.0])
    print(f"{DOCUMENTS} documents, 8 servers, median of {ROUNDS} rounds")
    for share, rounds in figures.items():
        rates = [rate for rate, _ in rounds]
        rate, rest = median(rates), median(rest for _, rest in rounds)
        print(
            f"  {share:4.0%} break servers: {rate:5.0f} documents/s, {rate / best:4.0%}"
            f" ({min(rates):.0f} to {max(rates):.0f}); the last given up {rest:.1f} s later"
        )


if __name__ == "__main__":
    main()
