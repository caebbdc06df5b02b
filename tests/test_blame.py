"""Who is to blame: a document pays for its own doing alone, a server's condition costs no document anything."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import pytest

from builder.errors import NoServer, NothingToTalkTo, RequestFailed, ServerRefused
from builder.rewriting.endpoint import Endpoint
from builder.rewriting.generation import Generation, Model
from builder.rewriting.least_loaded import LeastLoaded
from builder.rewriting.pool import ServerPool
from builder.rewriting.prompts import Sampling
from builder.rewriting.retry import tries_to_be_sure
from builder.rewriting.servers import Server
from tests.asking import SHORT, Outcome, ask, ask_all, failures, texts
from tests.tgi_double import HTML_503, Reply, Request, Speed, TgiDouble, default_reply
from tests.virtual_time import run_in_virtual_time

REASONS = {
    "rejected_by_server": (400, 422),
    "too_long_for_context": (413,),
    "blocked_by_gateway": (302, 403, 404, 451),
    "generation_failed": (406, 424, 500, 502, 503, 504, 520),
}


def of_documents(server: TgiDouble) -> list[Request]:
    """Return the requests that are no small ones known to be good."""
    return [request for request in server.log if "Say OK." not in str(request.body)]


def tries(servers: Sequence[TgiDouble], word: str) -> list[Request]:
    return [request for server in servers for request in server.log if word in str(request.body)]


def asked_of(
    servers: Sequence[TgiDouble], contents: Sequence[str], *, at_once: int = 60, said: list[str] | None = None
) -> list[Outcome]:
    """Ask the servers for an answer to each, in virtual time."""
    say = (said if said is not None else []).append

    async def work() -> list[Outcome]:
        for server in servers:
            await server.__aenter__()
        async with ServerPool([server.url for server in servers], say=say) as pool:
            outcomes = await ask_all(pool, contents, at_once)
        for server in servers:
            await server.__aexit__(None, None, None)
        return outcomes

    outcomes: list[Outcome] = run_in_virtual_time(work)
    return outcomes


def blamed(outcomes: Sequence[Outcome]) -> list[str]:
    """Return the reasons for which inputs were given up; there are no other failures."""
    failed = failures(outcomes)
    assert all(isinstance(one, RequestFailed) for one in failed), failed
    return [one.reason for one in failed if isinstance(one, RequestFailed)]


# --- a document's doing ---


@pytest.mark.parametrize(
    ("reason", "status"), [(reason, status) for reason, statuses in REASONS.items() for status in statuses]
)
def test_a_document_that_breaks_servers_is_given_up_whatever_a_proxy_makes_of_it(reason: str, status: int) -> None:
    servers = [TgiDouble(speed=SHORT, max_concurrent_requests=16) for _ in range(2)]
    for server in servers:
        server.fault("status", status=status, match="poison")
    outcomes = asked_of(servers, [*texts(100), "poison", *texts(200), "poison 2", *texts(100, words=30)])
    assert blamed(outcomes) == [reason] * 2
    assert len(tries(servers, "poison")) <= 2 * 6
    told = [str(failure) for failure in failures(outcomes)]
    assert all(str(status) in line for line in told)


def test_a_server_that_breaks_every_other_answer_costs_a_small_run_no_document() -> None:
    given_up = 0
    for number in range(12):  # a router with two workers, one of which is broken
        server = TgiDouble(speed=SHORT, max_concurrent_requests=8)
        server.fault("cut", at=range(number % 2, 2_000, 2))
        given_up += len(failures(asked_of([server], texts(24), at_once=8)))
    assert given_up <= 4, "a few have bad luck; 20 were given up where each was judged alone"


def test_a_server_that_breaks_every_answer_is_left_alone_before_long() -> None:
    server, said = TgiDouble(speed=SHORT, max_concurrent_requests=64), list[str]()
    server.fault("not_json", at=range(100_000))
    outcomes = asked_of([server], texts(24), at_once=24, said=said)
    assert all(isinstance(one, NoServer) for one in outcomes)
    assert any("left alone" in line for line in said)
    assert len(of_documents(server)) <= 4 * 24


@pytest.mark.parametrize("kind", ["reset", "not_json", "cut"])
def test_a_document_that_breaks_connections_or_answers_is_given_up(kind: str) -> None:
    servers = [TgiDouble(speed=SHORT, max_concurrent_requests=16) for _ in range(2)]
    for server in servers:
        server.fault(kind, match="poison")
    outcomes = asked_of(servers, [*texts(100), "poison", *texts(300)])
    assert blamed(outcomes) == ["generation_failed"]
    assert len(tries(servers, "poison")) <= 8


def test_a_document_whose_generation_is_always_aborted_is_given_up() -> None:
    def reply(messages: list[dict[str, Any]], seed: int | None, heat: float, body: dict[str, Any]) -> Reply | str:
        if "poison" in str(messages):
            return Reply("cut", finish_reason="abort")
        return default_reply(messages, seed, heat, body)

    assert blamed(asked_of([TgiDouble(speed=SHORT, reply=reply)], [*texts(50), "poison", *texts(50)])) == [
        "generation_failed"
    ]


def test_many_that_break_batches_cost_the_others_nothing_but_time() -> None:
    servers = [TgiDouble(speed=SHORT, max_concurrent_requests=8) for _ in range(2)]
    for server in servers:
        server.fault("424", match="poison", whole_batch=True)
    contents = [f"poison {text}" if number % 50 == 7 else text for number, text in enumerate(texts(300))]
    outcomes = asked_of(servers, contents)
    assert blamed(outcomes) == ["generation_failed"] * 6
    assert all("poison" in content for content, one in zip(contents, outcomes, strict=True) if failures([one]))


def test_the_last_document_of_a_run_is_given_up_with_nothing_else_to_compare_with() -> None:
    server = TgiDouble(speed=SHORT)
    server.fault("status", status=502, match="poison")
    assert blamed(asked_of([server], ["poison"])) == ["generation_failed"]


def test_a_document_that_no_empty_server_takes_is_given_up() -> None:
    server = TgiDouble(speed=SHORT)
    server.fault("429", match="poison")
    assert blamed(asked_of([server], ["poison", *texts(100)])) == ["generation_failed"]


# --- a server's condition ---


@pytest.mark.parametrize("status", [400, 402, 403, 404, 422, 429, 500, 502, 503, 504])
def test_a_pause_of_the_only_server_drops_nothing(status: int) -> None:
    async def work() -> list[Outcome]:
        async with TgiDouble(speed=SHORT, max_concurrent_requests=16) as server, ServerPool([server.url]) as pool:
            asked = asyncio.ensure_future(ask_all(pool, texts(300), at_once=30))
            await asyncio.sleep(0.3)
            pause = server.fault("status", status=status, body="Invalid state: endpoint is paused")
            await asyncio.sleep(45)
            pause.times = pause.fired
            return await asked

    assert failures(run_in_virtual_time(work)) == []


@pytest.mark.parametrize("status", [401, 404, 503])
def test_one_server_of_three_that_takes_nothing_costs_no_document(status: int) -> None:
    said: list[str] = []
    servers = [TgiDouble(speed=SHORT, max_concurrent_requests=8) for _ in range(3)]
    servers[2].fault("status", status=status)
    assert failures(asked_of(servers, texts(400), said=said)) == []
    assert len(of_documents(servers[2])) <= 4 * 8
    assert sum("left alone" in line and str(status) in line for line in said) == 1


@pytest.mark.parametrize(("status", "body"), [(400, "Budget has been exceeded!"), (403, "quota"), (401, "")])
def test_what_all_servers_refuse_from_the_start_ends_the_run_at_once_in_their_words(
    status: int, body: str
) -> None:
    servers = [TgiDouble(speed=SHORT) for _ in range(2)]
    for server in servers:
        server.fault("status", status=status, body=body)

    outcomes = asked_of(servers, texts(40))
    assert all(len(server.log) < 100 for server in servers), "it went on asking"
    assert {type(one) for one in outcomes} == {ServerRefused}
    assert all(f"{status}: {body}" in str(one) and "goes on" in str(one) for one in outcomes)


def test_a_budget_that_is_used_up_ends_the_run_when_patience_does() -> None:
    async def work() -> tuple[list[Outcome], float]:
        async with TgiDouble(speed=SHORT) as server, ServerPool([server.url], patience=60) as pool:
            await ask_all(pool, texts(20))
            server.fault("status", status=400, body="Budget has been exceeded!")
            start = asyncio.get_running_loop().time()
            return await ask_all(pool, texts(40)), asyncio.get_running_loop().time() - start

    outcomes, seconds = run_in_virtual_time(work)
    assert {type(one) for one in outcomes} == {ServerRefused}
    assert 60 <= seconds < 120


def test_an_admission_limit_that_a_proxy_words_as_503_drops_nothing() -> None:
    class Limited(TgiDouble):
        async def _chat(self, http: Any) -> Any:
            self.open += 1
            try:
                if self.open > 6:
                    return aiohttp_503()
                return await super()._chat(http)
            finally:
                self.open -= 1

        open = 0

    server = Limited(speed=SHORT, max_concurrent_requests=32)
    assert failures(asked_of([server], texts(200), at_once=64)) == []


def aiohttp_503() -> Any:
    from aiohttp import web

    return web.Response(status=503, body=HTML_503.encode(), content_type="text/html")


def test_generations_that_a_server_aborts_are_asked_again_with_the_same_seed() -> None:
    count = 0

    def reply(messages: list[dict[str, Any]], seed: int | None, heat: float, body: dict[str, Any]) -> Reply | str:
        nonlocal count
        count += 1
        if count <= 30:
            return Reply("cut", finish_reason="abort")
        return default_reply(messages, seed, heat, body)

    server = TgiDouble(speed=SHORT, reply=reply)
    outcomes = asked_of([server], texts(100))
    assert failures(outcomes) == []
    assert all(isinstance(one, Generation) and one.finish_reason != "abort" for one in outcomes)
    assert {request.body["seed"] for request in of_documents(server)} == {1}


def test_failures_in_a_row_are_of_requests_begun_after_the_last_one_counted() -> None:
    endpoint = Endpoint(Server("http://x", "vllm", Model("m"), 64, None, 4096))
    begun = time.monotonic()
    assert not any(endpoint.failed(begun) for _ in range(64)), "one stall ended them all"
    assert not endpoint.failed(time.monotonic())
    assert endpoint.failed(time.monotonic())


def test_the_more_tries_fail_by_chance_the_more_it_takes_to_blame() -> None:
    needed = [tries_to_be_sure(rate) for rate in (0.0, 0.01, 0.05, 0.3, 0.6, 1.0)]
    assert needed == sorted(needed)
    assert (needed[0], needed[-1]) == (2, 20)
    assert 0.3 ** needed[3] < 1e-4


# --- silence ---


async def asked_for(pool: ServerPool, content: str, max_tokens: int) -> Generation:
    return await pool.generate([{"role": "user", "content": content}], Sampling(max_tokens=max_tokens), 1)


def long_reply(messages: list[dict[str, Any]], seed: int | None, heat: float, body: dict[str, Any]) -> Reply | str:
    if "long" in str(messages):
        return Reply("an answer", completion_tokens=int(str(messages[-1]["content"]).split()[1]))
    return default_reply(messages, seed, heat, body)


def test_long_answers_are_waited_for_beside_short_ones() -> None:
    server = TgiDouble(speed=Speed(step=0.2), reply=long_reply)

    async def work() -> list[Outcome]:
        async with server, ServerPool([server.url]) as pool:
            long = [asyncio.ensure_future(asked_for(pool, f"long 3000 {number}", 16384)) for number in range(4)]
            short: list[Outcome] = []
            while not all(one.done() for one in long):
                short += await ask_all(pool, texts(8, words=10), 8)
            return [*await asyncio.gather(*long, return_exceptions=True), *short]

    assert failures(run_in_virtual_time(work)) == []
    assert len(tries([server], "long")) == 4, "some were given up while they were worked on"


def test_answers_of_a_quarter_of_an_hour_arrive_though_no_other_was_seen() -> None:
    server = TgiDouble(speed=Speed(step=0.5), reply=long_reply)

    async def work() -> list[Outcome]:
        async with server, ServerPool([server.url]) as pool:
            long = (asked_for(pool, f"long 2000 {number}", 8192) for number in range(3))
            return await asyncio.gather(*long, return_exceptions=True)

    assert failures(run_in_virtual_time(work)) == []
    assert len(tries([server], "long")) == 3


def test_a_server_twenty_times_slower_than_its_neighbour_finishes_what_it_began() -> None:
    fast, slow = (TgiDouble(speed=Speed(step=step), max_concurrent_requests=4) for step in (0.02, 0.4))
    fast.reply = slow.reply = long_reply

    async def work() -> list[Outcome]:
        async with fast, slow, ServerPool([fast.url, slow.url]) as pool:
            permits = asyncio.Semaphore(8)

            async def one(number: int) -> Generation:
                async with permits:
                    return await asked_for(pool, f"long 1000 {number}", 4096)

            return await asyncio.gather(*map(one, range(60)), return_exceptions=True)

    assert failures(run_in_virtual_time(work)) == []
    assert not any(request.cancelled for request in of_documents(slow))


# --- another model behind an address ---


def test_another_model_behind_an_address_is_noticed_before_its_answers_are_taken() -> None:
    said: list[str] = []

    async def work() -> list[Outcome]:
        good, swapped = (TgiDouble(speed=SHORT, max_concurrent_requests=8) for _ in range(2))
        async with good, swapped, ServerPool([good.url, swapped.url], say=said.append) as pool:
            asked = asyncio.ensure_future(ask_all(pool, texts(300), 16))
            await asyncio.sleep(0.5)
            swapped.fault("reset", times=8)  # each connection breaks, and the new ones lead to another model
            swapped.model_sha, swapped.reply = "0" * 40, lambda *_: "another model's"
            return await asked

    outcomes = run_in_virtual_time(work)
    assert failures(outcomes) == []
    assert not any(one.answer == "another model's" for one in outcomes)
    assert sum("it gets no requests" in line for line in said) == 1


def test_an_answer_that_names_another_model_is_not_taken() -> None:
    said: list[str] = []

    class Fickle(TgiDouble):
        is_other = False

        async def _answer(self, http: Any, entry: Request, body: Any, fault: Any) -> Any:
            if self.is_other:
                body = {**body, "model": "another"}
            return await super()._answer(http, entry, body, fault)

    async def work() -> list[str]:
        server = Fickle(speed=SHORT)
        async with server, ServerPool([server.url], say=said.append) as pool:
            await ask_all(pool, texts(20))
            server.is_other = True
            asked = asyncio.ensure_future(ask_all(pool, texts(20)))
            await asyncio.sleep(20)
            assert not asked.done(), "another model's answers were taken"
            server.is_other = False
            assert failures(await asked) == []
            return said

    assert any("another answers there" in line for line in run_in_virtual_time(work))


# --- choosing ---


def test_the_least_loaded_server_is_chosen_whatever_has_changed() -> None:
    endpoints = [Endpoint(Server(f"http://{n}", "vllm", Model("m"), 8 * (n % 4 + 1), None, 64)) for n in range(40)]
    free = LeastLoaded()
    for endpoint in endpoints:
        free.changed(endpoint)
    for step in range(2000):
        chosen = free.first()
        able = [endpoint for endpoint in endpoints if endpoint.room > 0]
        if chosen is None:
            assert able == []
        else:
            assert chosen.load == min(endpoint.load for endpoint in able)
            chosen.in_flight += 1
            free.changed(chosen)
        other = endpoints[(7 * step) % 40]
        other.in_flight = max(0, other.in_flight - step % 3)
        other.is_out = step % 11 == 0
        free.changed(other)


def test_no_server_is_given_up_for_want_of_another() -> None:
    server = TgiDouble(speed=SHORT)

    async def work() -> BaseException:
        async with server, ServerPool([server.url], patience=20) as pool:
            await ask(pool, "a")
            server.asleep = HTML_503
            with pytest.raises(NothingToTalkTo) as caught:
                await ask(pool, "b")
            return caught.value

    error = run_in_virtual_time(work)
    assert isinstance(error, NoServer)
    assert "503" in str(error)
