"""How many requests at once a server gets: what it works on, and hardly more."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from builder.rewriting.member import Member
from builder.rewriting.metrics import Gauges
from builder.rewriting.pool import ServerPool
from builder.rewriting.servers import Model, Server
from tests.asking import SHORT, Outcome, ask_all, failures, mean_in_flight, run, texts
from tests.tgi_double import Speed, TgiDouble

# --- how many at once ---


def test_a_server_that_takes_half_of_what_it_said_is_held_at_what_it_takes() -> None:
    with TgiDouble(max_concurrent_requests=64, speed=SHORT) as server:

        async def work() -> list[Outcome]:
            async with ServerPool([server.url]) as pool:
                server.max_concurrent_requests = 32
                return await ask_all(pool, texts(6000))

        assert failures(run(work)) == []
        refused = sum(request.status == 429 for request in server.log)
        assert refused > 0
        assert refused / len(server.log) <= 0.02
        settled = server.log[len(server.log) // 4 : -200]
        assert 0.9 * 32 <= mean_in_flight(settled) <= 32


def test_a_server_that_takes_more_again_gets_more_again() -> None:
    with TgiDouble(max_concurrent_requests=64, speed=SHORT) as server:

        async def work() -> tuple[float, float]:
            async with ServerPool([server.url]) as pool:
                server.max_concurrent_requests = 8
                assert failures(await ask_all(pool, texts(800))) == []
                low = pool.members[0].limit
                server.max_concurrent_requests = 64
                assert failures(await ask_all(pool, texts(6000))) == []
                return low, pool.members[0].limit

        low, high = run(work)
        assert low <= 8
        assert high >= 0.9 * 64


def test_a_server_whose_requests_wait_in_its_queue_gets_fewer() -> None:
    with TgiDouble(max_concurrent_requests=128, speed=Speed(step=0.002, slots=16)) as server:

        async def work() -> float:
            async with ServerPool([server.url]) as pool:
                assert failures(await ask_all(pool, texts(3000))) == []
                return pool.members[0].limit

        assert 16 < run(work) <= 48, "a batch of 16 and about as many waiting keep it busy"


def test_requests_go_where_there_is_room() -> None:
    slow = Speed(step=0.02, slots=8)
    with TgiDouble(max_concurrent_requests=32, speed=SHORT) as fast, TgiDouble(speed=slow) as other:
        other.max_concurrent_requests = 32

        async def work() -> list[Outcome]:
            async with ServerPool([fast.url, other.url]) as pool:
                return await ask_all(pool, texts(3000))

        assert failures(run(work)) == []
        assert len(fast.log) > 5 * len(other.log) > 100, "one is ten times slower and has a quarter of the places"


EVENTS = st.lists(
    st.sampled_from(["answered", "full", "queued", "refused", "failed", "back", "waits", "idle", "mute"]),
    max_size=400,
)


@settings(deadline=None)
@given(EVENTS, st.integers(1, 300), st.integers(1, 8))
def test_a_limit_stays_between_one_and_the_most(events: list[str], most: int, told: int) -> None:
    server = Server("http://x", "tgi", Model("m"), max(1, most // told), None, most)
    member = Member(server)
    for event in events:
        member.in_flight = int(member.limit)
        match event:
            case "answered":
                member.in_flight = max(1, member.in_flight // 2)
                member.answered(0.0, 20)
            case "full":
                member.answered(None, 20)
            case "queued":
                member.answered(0.9, 20)
            case "waits":
                member.looked_at(Gauges(3.0 * member.in_flight, 2))
            case "idle":
                member.looked_at(Gauges(0, member.in_flight))
            case "mute":
                member.looked_at(None)
            case "refused":
                member.refused()
            case "failed":
                member.failed()
            case "back":
                member.back(server)
        assert 1 <= member.limit <= most
        assert 1 <= member.allowed.known_good <= most
