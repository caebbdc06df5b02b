"""Limits of what stands before servers: of an answer's time, of requests a minute, of what may be spent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from random import Random

import pytest
from aiohttp import web

from builder.errors import NoServer, RequestFailed, blames_input
from builder.rewriting.pool import ServerPool
from tests.asking import Outcome, ask_all, failures, texts
from tests.gateway import ANSWER, Gateway, Said
from tests.virtual_time import run_in_virtual_time

NGINX: Said = (504, "<html><head><title>504 Gateway Time-out</title></head></html>")
RATE: Said = (429, '{"error": {"message": "Rate limit reached: 60 requests a minute", "code": "rate_limit"}}')
BUDGET: Said = (
    429,
    '{"error": {"message": "Budget has been exceeded! Max budget: 10", "type": "budget_exceeded"}}',
)


def asked(
    gateway: Gateway, contents: Sequence[str], said: list[str], *, at_once: int = 60, patience: float = 300
) -> tuple[list[Outcome], float]:
    """Return what became of each, and how many seconds all took."""

    async def work() -> tuple[list[Outcome], float]:
        async with gateway, ServerPool([gateway.url], patience=patience, say=said.append) as pool:
            start = asyncio.get_running_loop().time()
            outcomes = await ask_all(pool, contents, at_once)
            return outcomes, asyncio.get_running_loop().time() - start

    result: tuple[list[Outcome], float] = run_in_virtual_time(work)
    return result


def of_documents(gateway: Gateway) -> list[str]:
    return [content for content in gateway.asked if "Say OK." not in content]


async def within_a_minute(content: str) -> Said:
    if "long" in content:
        await asyncio.sleep(60)
        return NGINX
    await asyncio.sleep(0.1 if "Say OK." in content else 5)
    return ANSWER


def test_an_answer_that_takes_longer_than_a_gateway_waits_is_asked_for_again_another_time() -> None:
    gateway, said = Gateway(answer=within_a_minute), list[str]()
    contents = [f"long {text}" if number % 20 == 7 else text for number, text in enumerate(texts(200))]
    outcomes, seconds = asked(gateway, contents, said)
    failed = failures(outcomes)
    assert {one.reason for one in failed if isinstance(one, RequestFailed)} == {"timed_out"}
    assert len(failed) == sum("long" in content for content in of_documents(gateway)) / 3 == 10
    assert not blames_input("timed_out"), "with a higher limit it is answered"
    assert seconds < 300
    (told,) = (line for line in said if "waits no longer" in line)
    assert "504 Gateway Time-out, after 60 s" in told
    assert not any("left alone" in line for line in said)


def test_where_all_answers_take_longer_than_a_gateway_waits_it_is_known_soon() -> None:
    gateway = Gateway(answer=within_a_minute)
    outcomes, seconds = asked(gateway, [f"long {text}" for text in texts(30)], [])
    assert len(failures(outcomes)) == 30
    assert len(of_documents(gateway)) == 90
    assert seconds < 300


def test_what_a_gateway_does_not_wait_for_because_of_a_queue_is_answered_with_fewer_at_once() -> None:
    slots: list[asyncio.Semaphore] = []

    async def queued(_: str) -> Said:
        slots[:] = slots or [asyncio.Semaphore(2)]

        async def answer() -> Said:
            async with slots[0]:
                await asyncio.sleep(6)
                return ANSWER

        try:
            return await asyncio.wait_for(answer(), 60)
        except asyncio.TimeoutError:
            return NGINX

    outcomes, _ = asked(Gateway(answer=queued), texts(80), [], at_once=80)
    assert failures(outcomes) == []


def a_minute(limit: int) -> Callable[[str], Awaitable[Said]]:
    """Answer so many requests a minute; those that are refused count, too."""
    came: list[float] = []

    async def answer(_: str) -> Said:
        now = asyncio.get_running_loop().time()
        came[:] = [*(at for at in came if at // 60 == now // 60), now]
        if len(came) > limit:
            return RATE
        await asyncio.sleep(2)
        return ANSWER

    return answer


def test_so_many_requests_a_minute_are_kept_to_without_asking_again_and_again() -> None:
    gateway, said = Gateway(answer=a_minute(30)), list[str]()
    outcomes, _ = asked(gateway, texts(100), said, at_once=100)
    assert failures(outcomes) == []
    assert len(gateway.asked) < 250
    assert sum("takes nothing for now" in line and "60 requests a minute" in line for line in said) == 1


def test_a_budget_that_is_used_up_is_told_at_once_and_ends_the_run_when_patience_does() -> None:
    async def answer(_: str) -> Said:
        await asyncio.sleep(0.5)
        return BUDGET if len(gateway.asked) > 20 else ANSWER

    gateway, said = Gateway(answer=answer), list[str]()
    outcomes, seconds = asked(gateway, texts(100), said, at_once=60, patience=60)
    failed = failures(outcomes)
    assert {type(one) for one in failed} == {NoServer}
    assert all("Budget has been exceeded!" in str(one) for one in failed)
    assert 60 <= seconds < 80
    assert sum("Budget has been exceeded!" in line for line in said) == 1


def test_one_of_a_routers_workers_that_is_down_costs_its_share_and_no_document() -> None:
    async def answer(_: str) -> Said:
        if len(gateway.asked) % 8 == 0:
            return 502, "Bad Gateway"
        await asyncio.sleep(2)
        return ANSWER

    gateway, said = Gateway(answer=answer), list[str]()
    outcomes, seconds = asked(gateway, texts(400), said)
    assert failures(outcomes) == []
    assert not any("left alone" in line for line in said)
    assert seconds < 40, "the others are as good as ever"


def wordless(limit: int, status: int, waits: float = 0.0) -> Gateway:
    """Answer so many at once, in five seconds; say this status alone to what is more, at once or after a while."""
    slots: list[asyncio.Semaphore] = []

    async def answer(content: str) -> Said:
        slots[:] = slots or [asyncio.Semaphore(limit)]
        if not waits and slots[0].locked():
            return status, ""
        try:
            await asyncio.wait_for(slots[0].acquire(), waits or None)
        except asyncio.TimeoutError:
            return status, ""
        try:
            await asyncio.sleep(0.1 if "Say OK." in content else 2.5 + 5 * Random(content).random())
        finally:
            slots[0].release()
        return ANSWER

    return Gateway(answer=answer)


@pytest.mark.parametrize(("status", "waits"), [(503, 0.0), (500, 0.0), (403, 0.0), (503, 3.0)])
def test_a_limit_that_nobody_speaks_of_is_found_and_kept_to(status: int, waits: float) -> None:
    gateway, said = wordless(16, status, waits), list[str]()
    outcomes, seconds = asked(gateway, texts(300), said, at_once=140)
    assert failures(outcomes) == []
    assert seconds < 1.2 * 300 / 16 * 5, "as fast as one that says 429"
    assert any(f"{status}: (empty body); it goes on with the" in line for line in said)
    assert not any("left alone" in line for line in said)


def test_three_servers_with_a_limit_that_nobody_speaks_of_lose_no_time() -> None:
    gateways = [wordless(8, 503) for _ in range(3)]

    async def work() -> float:
        async with AsyncExitStack() as stack:
            for gateway in gateways:
                await stack.enter_async_context(gateway)
            async with ServerPool([gateway.url for gateway in gateways]) as pool:
                assert failures(await ask_all(pool, texts(300), 400)) == []
                return asyncio.get_running_loop().time()

    assert run_in_virtual_time(work) < 1.2 * 300 / 24 * 5


class Closing(Gateway):
    """Closes a connection after a minute without an answer, and says nothing."""

    async def _said(self, request: web.Request) -> web.Response:
        try:
            return await asyncio.wait_for(super()._said(request), 60)
        except asyncio.TimeoutError:
            assert request.transport is not None
            request.transport.close()
            return web.Response()


def test_connections_that_break_after_the_same_time_again_and_again_meet_a_time_limit() -> None:
    async def answer(content: str) -> Said:
        await asyncio.sleep(200 if "long" in content else 0.1 if "Say OK." in content else 5)
        return ANSWER

    contents = [f"long {text}" if number % 20 == 7 else text for number, text in enumerate(texts(200))]
    said: list[str] = []
    outcomes, seconds = asked(Closing(answer=answer), contents, said)
    assert {one.reason for one in failures(outcomes) if isinstance(one, RequestFailed)} == {"timed_out"}
    assert len(failures(outcomes)) == 10
    assert seconds < 600
    (told,) = (line for line in said if "waits no longer" in line)
    assert "after 60 s" in told


def test_a_server_that_took_nothing_for_a_minute_gets_as_many_as_before() -> None:
    draw = Random(1)

    async def answer(_: str) -> Said:
        if 20 <= asyncio.get_running_loop().time() < 80:
            return 503, '{"error": {"message": "No available workers (all circuits open or unhealthy)"}}'
        await asyncio.sleep(2.5 + 5 * draw.random())
        return ANSWER

    outcomes, seconds = asked(Gateway(answer=answer), texts(600), [], at_once=140)
    assert failures(outcomes) == []
    assert seconds < 200, "without the minute it takes fifty seconds"
