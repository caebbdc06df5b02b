"""What a server can do is found out before it gets documents: go on from a prefill, end loops."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
import pytest
from aiohttp import web

from builder.document import read_document
from builder.errors import NoServer, PrefillIgnored, ServerRefused
from builder.rewriting.capabilities import Needs, learn
from builder.rewriting.chat_request import ChatRequest
from builder.rewriting.control_tokens import fallback
from builder.rewriting.dialect import LOOPS, PLAIN, PREFILL, Dialect
from builder.rewriting.generation import Generation, Model
from builder.rewriting.pool import ServerPool
from builder.rewriting.prompts import AnswerFormat, Prompt, Sampling
from builder.rewriting.rewriter import Request, Rewriter
from builder.rewriting.servers import Server, probe
from builder.rewriting.sessions import new_session
from tests.tgi_double import TgiDouble
from tests.tgi_protocol import Json, Profile

ASKED = [{"role": "user", "content": "Add type hints."}, {"role": "assistant", "content": "```python"}]
NEEDS = Needs([ASKED])
TOLD = {"add_generation_prompt": False, "continue_final_message": True}
COLOURS = "red green blue black white yellow"


async def learned(url: str, needs: Needs = NEEDS, say: Callable[[str], None] = lambda _: None) -> Dialect:
    async with new_session() as session:
        return (await learn(session, await probe(session, url), needs, say)).dialect


@pytest.mark.parametrize("profile", ["tgi", "vllm", "sglang", "llamacpp"])
def test_each_kind_is_told_what_it_takes_and_goes_on(profile: Profile) -> None:
    """The document's request has the fields with which this kind goes on, and the answer is whole."""
    said: list[str] = []

    async def go() -> str:
        async with TgiDouble(profile=profile, reply=lambda *_: "\nx = 1\n") as server:
            async with ServerPool([server.url], needs=NEEDS, say=said.append) as pool:
                answer = await pool.generate(ASKED, Sampling(), 1)
            assert {key: server.log[-1].body.get(key) for key in TOLD} == {
                "tgi": dict.fromkeys(TOLD),
                "vllm": TOLD,
                "sglang": {"add_generation_prompt": None, "continue_final_message": True},
                "llamacpp": dict.fromkeys(TOLD),
            }[profile]
            return answer.answer

    assert asyncio.run(go()) == ("```python\nx = 1\n" if profile == "llamacpp" else "\nx = 1\n")
    assert said == []


def test_llama_cpp_that_does_not_go_on_by_itself_is_told_to() -> None:
    async def go() -> Dialect:
        async with TgiDouble(profile="llamacpp", goes_on=False) as server:
            return await learned(server.url)

    assert asyncio.run(go()).prefill == TOLD


def test_without_a_prefill_nothing_is_tried_and_nothing_added() -> None:
    async def go() -> None:
        async with TgiDouble(profile="vllm") as server:
            assert await learned(server.url, Needs()) == PLAIN
            assert not server.log
            assert {probed.path for probed in server.probes} == {"/info", "/v1/models"}

    asyncio.run(go())


def test_a_turn_of_the_users_is_not_continued() -> None:
    """vLLM would go on from the question, and answer nothing."""
    server = Server("http://gpu", "vllm", Model("m"), 1, None, 1, dialect=Dialect(TOLD))
    assert not TOLD.keys() & orjson.loads(ChatRequest(ASKED[:1], Sampling(), 1).body_for(server)).keys()


# --- loops ---


@pytest.mark.parametrize(("profile", "stops"), [("vllm", True), ("vllm", False), ("tgi", True)])
def test_loops_are_ended_where_the_server_offers_it(profile: Profile, stops: bool) -> None:
    said: list[str] = []

    async def go() -> None:
        async with TgiDouble(profile=profile, stops_loops=stops) as server:
            needs = Needs(stops_loops=True)
            async with ServerPool([server.url], needs=needs, say=said.append) as pool:
                await pool.generate(ASKED[:1], Sampling(stop_loops=True), 1)
                await pool.generate(ASKED[:1], Sampling(), 2)
            first, second = (request.body for request in server.log)
            is_offered = profile == "vllm" and stops
            assert first.get("repetition_detection") == (LOOPS["repetition_detection"] if is_offered else None)
            assert "repetition_detection" not in second and "stop_loops" not in first
            assert bool(said) is not is_offered

    asyncio.run(go())


def test_ending_loops_leaves_a_generations_key_as_it_was() -> None:
    """A complete answer is the same with it: what was paid for before is not paid for again."""
    assert Sampling(stop_loops=True).fields == Sampling().fields
    assert Sampling(stop_loops=True).with_max_tokens(7) == Sampling(stop_loops=True, max_tokens=7)


def test_an_answer_that_was_ended_for_looping_is_asked_again_with_another_seed_and_no_more_tokens() -> None:
    prompt = Prompt(
        id="tidy",
        version=1,
        answer=AnswerFormat(format="text"),
        min_characters=1,
        messages=[("user", "{{ text }}")],
        sha="0" * 64,
        content="",
    )
    asked: list[Request] = []

    async def ask(request: Request) -> Generation:
        asked.append(request)
        return Generation("again " * 30, "repetition", 9, 128)

    rewriter = Rewriter("tidy", prompt, Sampling(stop_loops=True), "drop", Model("m"), fallback())
    verdict = asyncio.run(rewriter.rewrite(read_document("a", "A text.", {}), ask))
    assert verdict.drop == "looping"
    assert len({request.seed for request in asked}) == 2
    assert len({request.sampling.max_tokens for request in asked}) == 1


# --- servers that nobody knows ---


class Gateway:
    """Something that speaks the Messages API and shows no page about prompts."""

    def __init__(
        self, reply: Callable[[Json], Json | str | int], *, knows: bool = True, closes: bool = False
    ) -> None:
        self.reply, self.knows, self.closes, self.bodies = reply, knows, closes, list[Json]()

    async def __aenter__(self) -> str:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_get("/v1/models", self._models)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _models(self, _: web.Request) -> web.Response:
        return web.json_response({"data": [{"id": "some/model", "owned_by": "someone"}]})

    async def _chat(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.bodies.append(body)
        if not self.knows and TOLD.keys() & body.keys():
            return web.json_response({"detail": "Unexpected fields in the request"}, status=422)
        said = self.reply(body)
        if isinstance(said, int):
            return web.json_response({"error": "not now"}, status=said)
        words = sum(len(message["content"].split()) + 2 for message in body["messages"])
        tokens = words + 3 * (self.closes and body["messages"][-1]["role"] == "assistant")
        message = {"role": "assistant", "content": said} if isinstance(said, str) else said
        choices = [{"message": message, "finish_reason": "length"}]
        return web.json_response({"choices": choices, "usage": {"prompt_tokens": tokens}})


def goes_on(body: Json) -> str:
    return " black white" if body.get("continue_final_message") else "The colours"


def echoes(body: Json) -> str:
    return "red green blue black white"


def begins_anew(body: Json) -> str:
    return "red green blue"


def thinks(body: Json) -> Json:
    return {"content": None, "reasoning_content": "black white yellow"}


@pytest.mark.parametrize(
    ("gateway", "told"),
    [
        (Gateway(goes_on), TOLD),  # vLLM behind it, which is told
        (Gateway(echoes, knows=False), {}),  # llama.cpp behind one that refuses what it doesn't know
        (Gateway(lambda _: "Black, white"), TOLD),
    ],
)
def test_a_gateway_is_tried_with_the_fields_and_without(gateway: Gateway, told: Json) -> None:
    said: list[str] = []

    async def go() -> Dialect:
        async with gateway as url:
            return await learned(url, say=said.append)

    assert asyncio.run(go()).prefill == told
    assert said == []


@pytest.mark.parametrize(
    ("gateway", "why"),
    [
        (Gateway(begins_anew), "begins the answer anew"),
        (Gateway(lambda _: ""), "answers nothing"),
        (Gateway(lambda _: "Sure! Here", knows=False, closes=True), "closes the turn"),
        (Gateway(lambda _: "Sure! Here", knows=False, closes=True), "422: Unexpected fields"),
        (Gateway(thinks), "takes what follows for a thought"),
        (Gateway(lambda _: 400), "400: not now"),
    ],
)
def test_one_that_does_not_go_on_is_refused_with_the_reason(gateway: Gateway, why: str) -> None:
    async def go() -> None:
        async with gateway as url:
            await learned(url)

    with pytest.raises(PrefillIgnored, match=why) as caught:
        asyncio.run(go())
    assert isinstance(caught.value, ServerRefused) and caught.value.exit_code == 4
    assert "'```python'" in str(caught.value) and "end the prompt with" in str(caught.value)


def test_where_it_can_t_be_told_it_is_said_and_the_run_goes_on() -> None:
    said: list[str] = []

    async def go() -> Dialect:
        async with Gateway(lambda _: "Sure! Here") as url:
            return await learned(url, say=said.append)

    assert asyncio.run(go()).prefill == TOLD
    assert len(said) == 1 and "can't be told" in said[0]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_one_that_is_busy_or_broken_is_asked_again_later(status: int) -> None:
    async def go() -> None:
        async with Gateway(lambda _: status) as url:
            await learned(url)

    with pytest.raises(NoServer) as caught:
        asyncio.run(go())
    assert not isinstance(caught.value, PrefillIgnored) and str(status) in str(caught.value)


def test_beside_one_that_goes_on_another_that_does_not_gets_no_requests() -> None:
    said: list[str] = []

    async def go() -> None:
        model: dict[str, Any] = {"profile": "vllm", "model_id": "some/model", "model_sha": None}
        async with (
            TgiDouble(**model) as good,
            Gateway(begins_anew) as url,
            ServerPool([good.url, url], needs=NEEDS, say=said.append) as pool,
        ):
            assert [member.server.url for member in pool.members] == [good.url]

    asyncio.run(go())
    assert any("it gets no requests" in line and "begins the answer anew" in line for line in said)


def test_every_kind_has_its_fields() -> None:
    server = Server("http://x", "openai", Model("m"), 1, None, 1)
    for kind in PREFILL:
        assert replace(server, kind=kind).dialect == PLAIN
    assert set(PREFILL) == {"tgi", "vllm", "sglang", "llama.cpp", "openai"}
