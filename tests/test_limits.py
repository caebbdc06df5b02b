"""How many requests at once a server gets: what it works on, and hardly more."""

from __future__ import annotations

import asyncio
import heapq
import random
import time
from collections import deque
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builder.rewriting import servers as servers_module
from builder.rewriting.climb import Climb
from builder.rewriting.endpoint import Endpoint
from builder.rewriting.generation import Model
from builder.rewriting.limits import Limit
from builder.rewriting.metrics import Gauges, parse_gauges
from builder.rewriting.pool import ServerPool
from builder.rewriting.servers import Server
from tests.asking import SHORT, Outcome, ask, ask_all, failures, texts, uneven
from tests.tgi_double import Speed, TgiDouble
from tests.tgi_protocol import Profile
from tests.virtual_time import run_in_virtual_time


@dataclass(frozen=True)
class Look:
    """What there was to see of a server at a moment, in seconds from the first request."""

    at: float
    limit: float
    waiting: int
    running: int


async def watched(
    server: TgiDouble, pool: ServerPool, contents: Sequence[str], at_once: int
) -> tuple[list[Outcome], list[Look]]:
    """Ask for all the answers, looking at the server ten times a second as long as there is enough to ask."""
    looks: list[Look] = []
    start, (endpoint,) = time.monotonic(), pool.members

    async def look() -> None:
        while len(server.log) < len(contents):  # then the rest is drained
            waiting, running = server.queue
            looks.append(Look(time.monotonic() - start, endpoint.limit, waiting, running))
            await asyncio.sleep(0.1)

    looking = asyncio.ensure_future(look())
    answers = await ask_all(pool, contents, at_once)
    await looking
    return answers, looks


def watch(server: TgiDouble, contents: Sequence[str], at_once: int = 600) -> list[Look]:
    async def work() -> tuple[list[Outcome], list[Look]]:
        async with server, ServerPool([server.url]) as pool:
            return await watched(server, pool, contents, at_once)

    looks: list[Look]
    answers, looks = run_in_virtual_time(work)
    assert failures(answers) == []
    assert min(look.limit for look in looks) >= 4, "no server is left with next to nothing"
    return looks


def late(looks: Sequence[Look], part: float = 0.5) -> list[Look]:
    return list(looks[int(len(looks) * part) :])


# --- servers that say how many they take ---


def test_a_server_that_takes_half_of_what_it_said_is_held_at_what_it_takes() -> None:
    server = TgiDouble(max_concurrent_requests=64, speed=Speed(step=0.005))

    async def work() -> list[Look]:
        async with server, ServerPool([server.url]) as pool:
            server.max_concurrent_requests = 32
            answers, looks = await watched(server, pool, texts(4000), 200)
            assert failures(answers) == []
            return looks

    looks = run_in_virtual_time(work)
    refused = sum(request.status == 429 for request in server.log)
    assert 0 < refused <= 0.02 * len(server.log)
    assert 0.9 * 32 <= mean(look.limit for look in late(looks)) <= 33


def test_a_server_that_takes_more_again_gets_more_again() -> None:
    server = TgiDouble(max_concurrent_requests=64, speed=SHORT)

    async def work() -> tuple[float, float]:
        async with server, ServerPool([server.url]) as pool:
            server.max_concurrent_requests = 8
            assert failures(await ask_all(pool, texts(800))) == []
            low = pool.members[0].limit
            server.max_concurrent_requests = 64
            assert failures(await ask_all(pool, texts(6000))) == []
            return low, pool.members[0].limit

    low, high = run_in_virtual_time(work)
    assert low <= 8
    assert high >= 0.9 * 64


def test_a_server_whose_requests_wait_in_its_queue_gets_fewer() -> None:
    server = TgiDouble(max_concurrent_requests=128, speed=Speed(step=0.002, slots=16))

    async def work() -> float:
        async with server, ServerPool([server.url]) as pool:
            assert failures(await ask_all(pool, texts(3000))) == []
            return pool.members[0].limit

    assert 16 < run_in_virtual_time(work) <= 64, "a batch of 16 and about as many waiting keep it busy"


def test_requests_go_where_there_is_room() -> None:
    fast = TgiDouble(max_concurrent_requests=32, speed=SHORT)
    slow = TgiDouble(max_concurrent_requests=32, speed=Speed(step=0.02, slots=8))

    async def work() -> list[Outcome]:
        async with fast, slow, ServerPool([fast.url, slow.url]) as pool:
            return await ask_all(pool, texts(3000))

    assert failures(run_in_virtual_time(work)) == []
    assert len(fast.log) > 5 * len(slow.log) > 100, "one is ten times slower and has a quarter of the places"


# --- servers that queue without saying how much they take ---


def test_a_big_server_gets_all_it_can_take() -> None:
    looks = watch(TgiDouble(profile="vllm", speed=Speed(step=0.15, slots=1024)), uneven(4000), at_once=1500)
    assert 0.95 * 1024 <= mean(look.limit for look in late(looks)) <= 1.3 * 1024
    assert mean(look.waiting for look in late(looks)) <= 0.25 * 1024


@pytest.mark.parametrize("profile", ["vllm", "sglang"])
def test_a_small_server_that_queues_is_held_near_its_batch(profile: Profile) -> None:
    speed = Speed(step=0.02, slots=48)
    looks = watch(TgiDouble(profile=profile, speed=speed, max_concurrent_requests=1000), uneven(1000))
    assert mean(look.running for look in looks) >= 0.8 * 48, "it was never short of work"
    assert mean(look.waiting for look in late(looks)) <= 0.25 * 48
    assert all(48 <= look.limit <= 1.25 * 48 for look in late(looks))


def test_a_server_that_gets_bigger_is_filled_again() -> None:
    server = TgiDouble(profile="sglang", speed=Speed(step=0.03, slots=32), max_concurrent_requests=1000)

    async def work() -> list[Look]:
        async with server, ServerPool([server.url]) as pool:
            answers, before = await watched(server, pool, uneven(300), 300)
            assert failures(answers) == []
            assert all(look.limit <= 1.5 * 32 for look in late(before))
            server.grow(224)
            server.log.clear()
            answers, after = await watched(server, pool, uneven(5000), 600)
            assert failures(answers) == []
            return late(after)

    looks = run_in_virtual_time(work)
    assert 0.95 * 256 <= mean(look.limit for look in looks) <= 1.3 * 256
    assert mean(look.waiting for look in looks) <= 0.25 * 256


def test_a_server_that_queues_and_begins_to_refuse_is_held_at_what_it_takes() -> None:
    server = TgiDouble(profile="sglang", speed=Speed(step=0.02, slots=256), max_concurrent_requests=1000)

    async def work() -> tuple[int, list[Look]]:
        async with server, ServerPool([server.url]) as pool:
            asked = asyncio.ensure_future(watched(server, pool, uneven(9000), 600))
            while len(server.log) < 2000:  # by then it has settled
                await asyncio.sleep(0.05)
            server.max_concurrent_requests, before = 128, len(server.log)
            answers, looks = await asked
            assert failures(answers) == []
            return before, looks

    before, looks = run_in_virtual_time(work)
    after = server.log[before:]
    assert 0 < sum(request.status == 503 for request in after) <= 0.02 * len(after)
    assert 0.9 * 128 <= mean(look.limit for look in late(looks)) <= 129


@pytest.fixture
def blind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have servers begin with 64, as one of an unknown kind does, and not at what vLLM takes by default."""
    monkeypatch.setattr(servers_module, "_IN_FLIGHT", {})


@pytest.mark.usefixtures("blind")
def test_a_queue_that_cannot_be_looked_at_shows_in_the_speed() -> None:
    looks = watch(TgiDouble(profile="vllm", has_metrics=False, speed=Speed(step=0.005, slots=8)), uneven(2000))
    assert mean(look.running for look in looks) >= 0.8 * 8, "it was never short of work"
    assert looks[-1].limit < 64


@pytest.mark.usefixtures("blind")
def test_room_that_cannot_be_looked_at_shows_in_the_speed() -> None:
    looks = watch(TgiDouble(profile="vllm", has_metrics=False, speed=Speed(step=0.05, slots=200)), uneven(2500))
    assert max(look.limit for look in looks) >= 200


def climbed(slots: int, step: tuple[float, float], seconds: float, grow: tuple[float, int] | None = None) -> float:
    """Return the part of the most tokens a second that `Climb` gets from a server whose times are computed.

    A token takes `step[0] + step[1] * batch` seconds; `grow` is when, and to how many slots, the server grows.
    Only the last quarter counts.
    """
    draw, limit, climb = random.Random(slots), Limit(64, 4096), Climb()
    now = made = 0.0  # seconds; tokens that each request in the batch has got by now
    batch: list[tuple[float, int]] = []
    queue: deque[int] = deque()
    tokens = 0
    while now < seconds:
        slots = grow[1] if grow and now > grow[0] else slots
        while len(queue) + len(batch) < int(limit.value):
            queue.append(max(5, int(draw.expovariate(1 / 300))))
        while queue and len(batch) < slots:
            length = queue.popleft()
            heapq.heappush(batch, (made + length, length))
        at_work, in_flight = len(batch), len(batch) + len(queue)
        end, length = heapq.heappop(batch)
        now, made = now + (end - made) * (step[0] + step[1] * at_work), end
        tokens += length if now > 0.75 * seconds else 0
        climb.answered(limit, length, in_flight, now)
    best = slots / (step[0] + step[1] * slots)
    return tokens / (0.25 * seconds) / best


@pytest.mark.parametrize("slots", [8, 48, 256, 1024])
def test_by_its_speed_alone_a_server_is_used_to_nine_tenths(slots: int) -> None:
    assert climbed(slots, (0.02, 0.0), 2400) >= 0.9
    assert climbed(slots, (0.02, 0.02 / slots), 2400) >= 0.85, "its steps take twice as long when it is full"


def test_by_its_speed_alone_a_server_that_gets_bigger_is_filled_again() -> None:
    assert climbed(48, (0.02, 0.0), 6000, grow=(2000, 400)) >= 0.9


def test_llamacpp_gets_what_its_slots_take_and_a_little_more() -> None:
    server = TgiDouble(profile="llamacpp", speed=SHORT, max_concurrent_requests=8)
    looks = watch(server, uneven(300))
    assert {look.limit for look in looks} == {9}
    assert server.peak == 9


def test_a_server_that_joins_is_full_in_seconds(tmp_path: Path) -> None:
    file = tmp_path / "servers"
    first = TgiDouble(speed=SHORT, max_concurrent_requests=8, model_sha=None)
    new = TgiDouble(profile="vllm", speed=Speed(step=0.1, slots=400), model_id=first.model_id)

    async def work() -> float:
        more: list[int] = []
        async with first, new:
            file.write_text(first.url)
            async with ServerPool([], file=file, expected=Model(first.model_id)) as pool:
                pool.on_more = more.append
                asked = asyncio.ensure_future(ask_all(pool, uneven(3000), 1000))
                file.write_text(f"{first.url}\n{new.url}\n")
                start = time.monotonic()
                while new.queue[1] < 0.9 * 400:
                    await asyncio.sleep(0.05)
                filled = time.monotonic() - start
                assert failures(await asked) == []
                assert sum(more) >= 0.9 * 400
                return filled

    assert run_in_virtual_time(work) < 10


def test_gauges_are_read_as_they_are_written() -> None:
    page = """# HELP vllm:num_requests_waiting Number of requests waiting to be processed.
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{engine="0",model_name="a} b"} 3.0
vllm:num_requests_waiting{engine="1",model_name="a} b"} 4.0
vllm:num_requests_running{engine="0",model_name="a} b"} 1e+02 1700000000000
vllm:e2e_request_latency_seconds_bucket{le="+Inf"} 5
"""
    assert parse_gauges(page) == Gauges(7, 100)
    assert parse_gauges("tgi_batch_current_size 5\n") == Gauges(0, 5), "TGI shows what was used so far"
    assert parse_gauges("llamacpp:requests_deferred 2\nllamacpp:requests_processing 4") == Gauges(2, 4)
    assert parse_gauges("<html>vllm:num_requests_waiting</html>") is None
    assert parse_gauges("vllm:num_requests_waiting{ 3\n") is None
    assert parse_gauges("") is None


def test_servers_of_unequal_size_have_nothing_more_to_do_at_the_same_time() -> None:
    contents = [f"{number} " + "word " * (10 + number * 7 % 20) for number in range(400)]

    async def work() -> list[float]:
        small, large = (
            TgiDouble(speed=Speed(step=0.02, slots=slots), max_concurrent_requests=32) for slots in (4, 16)
        )
        async with small, large, ServerPool([small.url, large.url]) as pool:
            assert failures(await ask_all(pool, contents, at_once=128)) == []
            assert [member.limit for member in pool.members] < [2 * 4, 2 * 16]
            return [max(request.end or 0 for request in server.log) for server in (small, large)]

    ends = run_in_virtual_time(work)
    assert min(ends) > 0.95 * max(ends), "one idles while requests wait at the other"


def ends_of(servers: Sequence[TgiDouble], contents: Sequence[str]) -> list[float]:
    """Return when each is through with its last answer, in seconds, where no more comes than these."""

    async def work() -> list[float]:
        async with AsyncExitStack() as stack:
            for server in servers:
                await stack.enter_async_context(server)
            async with ServerPool([server.url for server in servers]) as pool:
                start = time.monotonic()
                asked = [asyncio.ensure_future(ask(pool, content)) for content in contents]
                await asyncio.sleep(0)
                pool.expect_no_more()
                await asyncio.gather(*asked)
                return [max(request.end or 0 for request in server.log) - start for server in servers]

    ends: list[float] = run_in_virtual_time(work)
    return ends


def test_a_slow_server_gets_none_of_the_last_that_faster_ones_have_done_sooner() -> None:
    fast, slow = (
        TgiDouble(speed=Speed(step=step), max_concurrent_requests=most) for step, most in ((0.1, 16), (0.5, 4))
    )
    ends = ends_of([fast, slow], texts(200))
    assert max(ends) < 31, "an answer takes the slow server 12.5 s; a third one in each slot would end at 37.5 s"
    assert len(slow.log) == 8, "its share"


@pytest.mark.parametrize("has_metrics", [True, False])
def test_a_server_that_takes_many_more_than_it_works_on_does_not_get_them_all_at_once(has_metrics: bool) -> None:
    large, small = (
        TgiDouble(speed=Speed(step=0.2, slots=slots), max_concurrent_requests=128, has_metrics=has_metrics)
        for slots in (64, 8)
    )
    ends = ends_of([large, small], texts(300))
    assert max(ends) < 8 * 0.2 * 22, "72 slots have 300 answers in five rounds, 8 have half of them in nineteen"


EVENTS = st.lists(
    st.sampled_from(["answered", "full", "queued", "refused", "failed", "back", "waits", "idle", "mute"]),
    max_size=400,
)


@settings(deadline=None)
@given(EVENTS, st.integers(1, 300), st.integers(1, 8))
def test_a_limit_stays_between_one_and_the_most(events: list[str], most: int, told: int) -> None:
    server = Server("http://x", "tgi", Model("m"), max(1, most // told), None, most)
    endpoint = Endpoint(server)
    for event in events:
        endpoint.in_flight = int(endpoint.limit)
        match event:
            case "answered":
                endpoint.in_flight = max(1, endpoint.in_flight // 2)
                endpoint.answered(0.0, 20)
            case "full":
                endpoint.answered(None, 20)
            case "queued":
                endpoint.answered(0.9, 20)
            case "waits":
                endpoint.looked_at(Gauges(3.0 * endpoint.in_flight, 2))
            case "idle":
                endpoint.looked_at(Gauges(0, endpoint.in_flight))
            case "mute":
                endpoint.looked_at(None)
            case "refused":
                endpoint.refused()
            case "failed":
                endpoint.failed(0.0)
            case "back":
                endpoint.close_circuit(server, begin_anew=True)
        assert 1 <= endpoint.limit <= most
        assert 1 <= endpoint.allowed.known_good <= most
