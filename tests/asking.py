"""Asking a pool for many answers at once, as the pool's tests do."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any

from builder.rewriting.generation import Generation
from builder.rewriting.pool import ServerPool
from builder.rewriting.prompts import Sampling
from tests.tgi_double import Speed

SHORT = Speed(step=0.002)  # seconds a token: an answer of twenty takes 40 ms

Outcome = Generation | BaseException


async def ask(pool: ServerPool, content: str) -> Generation:
    return await pool.generate([{"role": "user", "content": content}], Sampling(max_tokens=64), 1)


async def ask_all(pool: ServerPool, contents: Iterable[str], at_once: int = 200) -> list[Outcome]:
    """Ask for an answer to each, so many at once."""
    permits = asyncio.Semaphore(at_once)

    async def one(content: str) -> Generation:
        async with permits:
            return await ask(pool, content)

    return await asyncio.gather(*(one(content) for content in contents), return_exceptions=True)


def run(work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    return asyncio.run(work())


def texts(count: int, words: int = 20) -> list[str]:
    return [f"{number} " + "word " * words for number in range(count)]


def uneven(count: int, words: int = 20) -> list[str]:
    """Return texts of so many words in the mean, as uneven as answers are: few are long."""
    draw = random.Random(count)
    return [f"{number} " + "word " * max(3, int(draw.expovariate(1 / words))) for number in range(count)]


def failures(answers: Sequence[Outcome]) -> list[BaseException]:
    return [answer for answer in answers if isinstance(answer, BaseException)]
