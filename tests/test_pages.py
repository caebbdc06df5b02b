"""The pages by which a server tells what it serves: forbidden, missing or broken by what stands before it."""

from __future__ import annotations

import asyncio

import pytest

from builder.errors import BadAddress, NoServer, NotAServer, NothingToTalkTo, ServerRefused, ServerUnready
from builder.rewriting.pool import ServerPool
from builder.rewriting.servers import Server, probe
from builder.rewriting.sessions import new_session
from tests.asking import Outcome, ask_all, failures, run, texts
from tests.gateway import ANSWER, LIST, NOT_FOUND, Gateway, Said
from tests.virtual_time import run_in_virtual_time

FORBIDDEN: Said = (403, '{"message": "Missing Authentication Token"}')
PAUSED: Said = (400, '{"error": "Bad Request: Invalid state"}')
NO_TLS: Said = (400, "<html><title>400 The plain HTTP request was sent to HTTPS port</title></html>")
DOWN: Said = (500, "error sending request for url (http://10.0.0.7:8000/v1/models)")


def probed(pages: dict[str, Said], default: Said = NOT_FOUND, served_model: str | None = None) -> Server:
    async def work() -> Server:
        async with Gateway(pages, default) as gateway, new_session() as session:
            return await probe(session, gateway.url, None, served_model)

    found: Server = run(work)
    return found


@pytest.mark.parametrize("info", [FORBIDDEN, NOT_FOUND, PAUSED, (401, ""), (302, ""), (501, ""), (200, "<html>")])
def test_a_gateway_may_forbid_the_pages_that_it_does_not_know(info: Said) -> None:
    assert probed({"/info": info, "/v1/models": LIST}).model.id == "m"


@pytest.mark.parametrize("models", [NOT_FOUND, FORBIDDEN, (405, ""), (200, '{"data": []}')])
def test_one_that_lists_no_models_is_asked_for_the_one_that_is_named(models: Said) -> None:
    pages = {"/v1/models": models}
    assert probed(pages, served_model="org/m").model.id == "org/m"
    with pytest.raises(NothingToTalkTo) as caught:
        probed(pages)
    assert models is FORBIDDEN or "--served-model" in caught.value.remedy


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        (PAUSED, NotAServer, "400: Bad Request: Invalid state"),
        (NO_TLS, NotAServer, "400 The plain HTTP request was sent to HTTPS port"),
        ((402, '{"error": "no credits"}'), NotAServer, "402: no credits"),
        (NOT_FOUND, NotAServer, "not an LLM server (404: Not Found)"),
        (FORBIDDEN, ServerRefused, "403: Missing Authentication Token"),
        ((401, '{"error": {"message": "Invalid key"}}'), ServerRefused, "401: Invalid key"),
        ((503, '{"error": "503 Service Unavailable"}'), ServerUnready, "503: 503 Service Unavailable"),
        ((200, '{"object": "list", "data": []}'), ServerUnready, "lists no model"),
    ],
)
def test_why_a_server_does_not_say_what_it_serves_is_told_in_its_words(
    said: Said, kind: type[NothingToTalkTo], words: str
) -> None:
    with pytest.raises(NothingToTalkTo) as caught:
        probed({}, default=said)
    assert type(caught.value) is kind
    assert words in caught.value.what


def test_a_proxy_is_used_where_it_is_named_for_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(url: str) -> Server:
        async with Gateway() as gateway, new_session() as direct:
            with pytest.raises(NoServer) as caught:
                await probe(direct, url)
            assert "$HTTPS_PROXY is not used for servers, $BUILDER_SERVER_PROXY" in caught.value.remedy
            monkeypatch.setenv("BUILDER_SERVER_PROXY", gateway.url.replace("://", "://user:secret@"))
            async with new_session() as session:
                return await probe(session, url)

    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.invalid:3128")
    assert run(lambda: work("http://gpu-1.invalid:8000")).model.id == "m"


def test_a_proxy_that_refuses_does_not_have_its_password_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> NoServer:
        async with Gateway(default=(407, "")) as gateway:
            monkeypatch.setenv("BUILDER_SERVER_PROXY", gateway.url.replace("://", "://user:secret@"))
            async with new_session() as session:
                with pytest.raises(NoServer) as caught:
                    await probe(session, "https://gpu-1.invalid:8000")
                return caught.value

    error = run(work)
    assert "secret" not in f"{error} {error.__cause__!r}"
    assert "$BUILDER_SERVER_PROXY" in error.remedy


@pytest.mark.parametrize(
    "named", ["proxy:3128", "user:secret@proxy:3128", "socks5://proxy", "http://[", "http://"]
)
def test_what_is_no_proxy_is_said_without_what_it_holds(named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUILDER_SERVER_PROXY", named)
    with pytest.raises(BadAddress) as caught:
        new_session()
    assert "$BUILDER_SERVER_PROXY" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_router_whose_page_breaks_with_one_worker_goes_on_with_the_others() -> None:
    said: list[str] = []

    async def work() -> list[Outcome]:
        pages = {"/v1/models": LIST}
        async with Gateway(pages) as gateway, ServerPool([gateway.url], say=said.append, patience=60) as pool:
            await ask_all(pool, texts(20))
            pages |= {"/v1/models": DOWN, "/v1/chat/completions": DOWN}
            asked = asyncio.ensure_future(ask_all(pool, texts(20)))
            await asyncio.sleep(20)
            del pages["/v1/chat/completions"]
            return await asked

    assert failures(run_in_virtual_time(work)) == []
    assert any("answers again" in line for line in said)


def test_a_router_whose_page_breaks_and_that_names_another_model_is_left_alone() -> None:
    async def work() -> list[Outcome]:
        pages = {"/v1/models": LIST}
        async with Gateway(pages) as gateway, ServerPool([gateway.url], patience=30) as pool:
            await ask_all(pool, texts(20))
            pages |= {"/v1/models": DOWN, "/v1/chat/completions": DOWN}
            asked = asyncio.ensure_future(ask_all(pool, texts(5)))
            await asyncio.sleep(5)
            pages["/v1/chat/completions"] = (200, ANSWER[1].replace('"m"', '"another"'))
            return await asked

    outcomes = run_in_virtual_time(work)
    assert len(failures(outcomes)) == len(outcomes), "another model's answers were taken"
