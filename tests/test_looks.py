"""What looks at a server teach: how many more it takes, what is no queue, and which pages are not one server's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import cycle
from statistics import mean

import aiohttp
import pytest
from aiohttp import web

from builder.rewriting.limits import Limit
from builder.rewriting.metrics import Gauges, load_of, parse_gauges
from builder.rewriting.pool import ServerPool
from builder.rewriting.witness import Witness
from tests.asking import ask_all, failures, uneven
from tests.simulated_servers import Simulated, simulate
from tests.tgi_double import CHAT, Speed, TgiDouble
from tests.virtual_time import run_in_virtual_time

# --- servers whose times are computed ---


@pytest.mark.parametrize("lag", [0.0, 1.5])
@pytest.mark.parametrize("slots", [8, 64, 256, 1024])
def test_a_server_is_filled_and_hardly_more(slots: int, lag: float) -> None:
    full, used, queues = simulate([Simulated(slots, lag)], 80 * slots).figures(slots)
    assert full <= (25 if lag else 6), "32 doubles five times; a page that lags is waited for"
    assert used >= 0.97
    assert queues <= 0.05


@pytest.mark.parametrize("pair", [(64, 512), (8, 256)])
def test_servers_of_unequal_size_are_through_together(pair: tuple[int, int]) -> None:
    servers = [Simulated(slots) for slots in pair]
    end = simulate(servers, 100 * sum(pair)).end
    assert all(server.idle_from >= 0.95 * end for server in servers)


# --- one limit ---


def looks(limit: Limit, gauges: Sequence[Gauges], start: float = 0.0) -> None:
    """Look each second, with as many in flight as are allowed."""
    for second, seen in enumerate(gauges):
        limit.looked(seen, int(limit.value), start + second)


def full(limit: Limit) -> Gauges:
    return Gauges(0, int(limit.value))


def test_no_burst_takes_from_a_server_what_it_was_seen_to_work_on() -> None:
    limit = Limit(200, 4096)
    limit.looked(Gauges(0, 200), 200, 0)
    before = limit.value
    looks(limit, [Gauges(140, 60)] * 20, start=1)
    assert 200 <= limit.value <= before
    looks(limit, [Gauges(140, 60)] * 20, start=21)
    assert limit.value <= 80, "for half a minute it has worked on no more than 60"


def test_requests_that_are_being_taken_in_are_no_queue() -> None:
    limit = Limit(200, 4096)
    looks(limit, [Gauges(200 - running, running) for running in range(40, 200, 20)])
    assert limit.value == 200
    limit.looked(Gauges(0, 200), 200, 9)
    assert limit.value >= 1.4 * 200, "and they don't slow its growth down"


@pytest.mark.parametrize("short", [Gauges(0, 64, used=0.95), Gauges(0, 64, preempted=3)])
def test_a_server_short_of_memory_gets_no_more(short: Gauges) -> None:
    limit = Limit(64, 4096)
    limit.looked(short, 64, 0)
    assert limit.value == 64
    limit.looked(Gauges(0, 64, used=0.5, preempted=short.preempted), 64, 1)
    assert limit.value > 64, "memory is free, and nothing was preempted since"


def test_more_is_given_when_what_was_given_shows() -> None:
    limit = Limit(64, 4096)
    limit.looked(full(limit), 64, 0)
    grown = limit.value
    looks(limit, [Gauges(0, 64)] * 2, start=1)
    assert limit.value == grown, "a page of before says nothing of it"
    limit.looked(full(limit), int(limit.value), 3)
    assert limit.value > grown


def test_where_only_the_queue_is_told_the_rest_is_worked_on() -> None:
    limit = Limit(64, 4096)
    for second in range(3):
        limit.looked(Gauges(40, None), 64, second)
    assert 24 < limit.value <= 28


def test_what_is_only_the_rest_was_not_seen_to_be_worked_on() -> None:
    limit = Limit(34, 4096)
    limit.looked(Gauges(0, None), 34, 0)
    grown = limit.value
    for second in range(1, 5):
        limit.looked(Gauges(10, None), 34, second)
    assert limit.value < 34 <= grown


def test_a_server_that_is_slow_to_take_requests_in_gets_no_more_meanwhile() -> None:
    limit = Limit(32, 4096)
    looks(limit, [Gauges(0, 3)] * 9)
    assert limit.value == 32


# --- pages ---


def witnessed(pages: Sequence[Gauges], in_flight: int = 100) -> Witness:
    witness = Witness()
    for second, page in enumerate(pages):
        witness.saw(page, in_flight, float(second))
    return witness


def test_workers_shown_in_turn_are_not_one_server() -> None:
    assert not witnessed([Gauges(0, 25)] * 12).is_trusted, "a quarter of what is in flight, each time"
    turns = [Gauges(0, 100, rising=(0.0, 1000.0 * worker + look)) for look in range(4) for worker in range(4)]
    assert not witnessed(turns).is_trusted, "others ask it, too; but counts don't fall"


def test_a_page_that_lags_or_a_server_that_restarts_is_one_server() -> None:
    slow = Witness()
    for second in range(30):  # it doubles each three seconds, which the page shows two seconds later
        slow.saw(Gauges(0, 10 * 2 ** ((second - 2) // 3)), 10 * 2 ** (second // 3), float(second))
    assert slow.is_trusted
    restarted = [Gauges(0, 100, rising=(1.0, float(look))) for look in range(9)]
    assert witnessed([*restarted, Gauges(0, 100, rising=(2.0, 0.0))]).is_trusted


def test_a_page_is_trusted_again() -> None:
    assert witnessed([*[Gauges(0, 25)] * 12, *[Gauges(0, 100)] * 40]).is_trusted


def test_engines_add_up_and_other_models_do_not_count() -> None:
    page = "".join(
        f'vllm:num_requests_{what}{{engine="{engine}",model_name="{model}"}} {count}\n'
        f'vllm:kv_cache_usage_perc{{engine="{engine}",model_name="{model}"}} 0.{engine + 4}\n'
        f'vllm:num_preemptions_total{{engine="{engine}",model_name="{model}"}} {engine}\n'
        for what, count in (("waiting", 2), ("running", 30))
        for engine in (0, 1)
        for model in ("a", "b")
    )
    told = parse_gauges(page, "a")
    assert told is not None
    assert (told.waiting, told.running, told.preempted) == (4, 60, 2)
    assert told.used == pytest.approx(0.45)
    assert parse_gauges(page, "an adapter of a's") == parse_gauges(page)


def test_ranks_of_one_engine_do_not_add_up() -> None:
    page = "".join(
        f'sglang:num_queue_reqs{{tp_rank="{rank}",dp_rank="{group}"}} 3\n'
        f'sglang_num_running_reqs{{tp_rank="{rank}",dp_rank="{group}"}} 40\n'
        for rank in range(4)
        for group in range(2)
    )
    assert parse_gauges(page) == Gauges(6, 80)


def test_a_page_with_half_of_the_gauges_is_a_routers() -> None:
    assert parse_gauges('vllm:num_requests_running{server="http://a"} 3\nvllm:current_qps{server="a"} 1\n') is None
    assert parse_gauges('sgl_router_running_requests{worker="http://a"} 3\n') is None


def test_the_load_in_a_header_is_read_in_both_forms() -> None:
    text = "TEXT named_metrics.kv_cache_usage_perc=0.25, named_metrics.num_requests_waiting=3.0"
    assert load_of({"endpoint-load-metrics": text}) == Gauges(3, None, 0.25)
    two = f"{text}, named_metrics.num_requests_waiting=4.0"
    assert load_of({"endpoint-load-metrics": two}) == Gauges(7, None, 0.25)
    form = 'JSON {"named_metrics": {"kv_cache_usage_perc": 0.5, "num_requests_waiting": 1.0}}'
    assert load_of({"endpoint-load-metrics": form}) == Gauges(1, None, 0.5)
    for other in ("", "BIN CZqZmZmZmbk=", "TEXT cpu_utilization=0.3", "JSON {", 'JSON {"named_metrics": []}'):
        assert load_of({"endpoint-load-metrics": other}) is None


# --- in a pool ---


@asynccontextmanager
async def in_turn(workers: Sequence[TgiDouble]) -> AsyncIterator[str]:
    """Give the address of a router that passes all it is asked to its workers in turn."""
    turns = {path: cycle(workers) for path in (CHAT, "/metrics")}

    async def passed(request: web.Request) -> web.Response:
        worker = next(turns[request.path]) if request.path in turns else workers[0]
        content, headers = await request.read(), {"Content-Type": "application/json"}
        async with session.request(
            request.method, f"{worker.url}{request.path}", data=content, headers=headers
        ) as said:
            return web.Response(body=await said.read(), status=said.status, content_type=said.content_type)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", passed)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=None)) as session:
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        await runner.cleanup()


def test_behind_a_router_that_passes_pages_in_turn_all_workers_are_used() -> None:
    workers = [TgiDouble(profile="vllm", speed=Speed(step=0.1, slots=40)) for _ in range(3)]

    async def work() -> list[int]:
        async with workers[0], workers[1], workers[2], in_turn(workers) as url, ServerPool([url]) as pool:
            asked = asyncio.ensure_future(ask_all(pool, uneven(1000), 400))
            seen = []
            while not asked.done():
                await asyncio.sleep(1)
                seen.append(sum(worker.queue[1] for worker in workers))
            assert failures(await asked) == []
            assert not pool.members[0].has_gauges
            return seen[len(seen) // 2 : -10]

    assert mean(run_in_virtual_time(work)) >= 0.8 * 120


@pytest.mark.parametrize("has_metrics", [False, True])
def test_a_load_that_answers_tell_saves_looks_at_the_page(has_metrics: bool) -> None:
    server = TgiDouble(profile="vllm", speed=Speed(step=0.05, slots=48), has_metrics=has_metrics)

    async def work() -> tuple[float, float]:
        async with server, ServerPool([server.url]) as pool:
            asked = asyncio.ensure_future(ask_all(pool, uneven(900), 400))
            limits = []
            while not asked.done():
                await asyncio.sleep(0.5)
                limits.append(pool.members[0].limit)
            assert failures(await asked) == []
            seconds = len(limits) / 2
            pages = sum(request.path == "/metrics" for request in server.probes)
            return mean(limits[len(limits) // 2 : -4]), pages / seconds

    limit, pages = run_in_virtual_time(work)
    assert 48 <= limit <= 1.3 * 48
    assert pages <= 0.6
    asked = sum("endpoint-load-metrics-format" in request.headers for request in server.log)
    assert 5 <= asked <= 0.1 * len(server.log)


def test_a_server_that_tells_no_load_in_headers_is_looked_at() -> None:
    server = TgiDouble(profile="vllm", speed=Speed(step=0.05, slots=48), tells_load=False)

    async def work() -> float:
        async with server, ServerPool([server.url]) as pool:
            assert failures(await ask_all(pool, uneven(600), 400)) == []
            return pool.members[0].limit

    assert 48 <= run_in_virtual_time(work) <= 1.3 * 48
