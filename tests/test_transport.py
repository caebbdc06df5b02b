"""One request over the wire: whatever comes back, or does not, is told for what it is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from email.utils import formatdate
from typing import Any

import orjson
import pytest

from builder.errors import (
    ConnectionBroken,
    GenerationFailed,
    RequestFailed,
    RequestRejected,
    ServerOverloaded,
    ServerRefused,
    ServerUnavailable,
    TooLong,
)
from builder.rewriting import pool as pool_module
from builder.rewriting import transport
from builder.rewriting.generation import Generation, Model
from builder.rewriting.pool import ServerPool
from builder.rewriting.servers import Server, new_session
from builder.rewriting.transport import post
from tests.asking import SHORT, Outcome, ask_all, failures, run, texts
from tests.tgi_double import Request, TgiDouble

COMPLETION = (
    b'{"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}],'
    b' "usage": {"prompt_tokens": 3, "completion_tokens": 2}}'
)
PAGE = b"<html><body>Sign in</body></html>"


def posted(body: bytes, *headers: str, status: int = 200) -> Generation:
    """Send one request to a server that answers with these bytes."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = [f"HTTP/1.1 {status} So", f"Content-Length: {len(body)}", *headers, "Connection: close", "", ""]
        writer.write("\r\n".join(head).encode() + body)
        await writer.drain()
        writer.close()

    async def work() -> Generation:
        async with await asyncio.start_server(answer, "127.0.0.1", 0) as listening, new_session() as session:
            url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
            return (await post(session, Server(url, "openai", Model("m"), 1, None, 1), b"{}")).generation

    return asyncio.run(work())


TOO_MANY = COMPLETION.replace(b"2", b"9" * 30)
KINDS = ["application/json", "application/json; charset=utf-8", "text/plain", "text/html", "no/such-thing", "-"]


@pytest.mark.parametrize("kind", [*KINDS, None])
def test_a_completion_is_one_whatever_its_content_type(kind: str | None) -> None:
    headers = [] if kind is None else [f"Content-Type: {kind}"]
    assert posted(COMPLETION, *headers) == Generation("a", "stop", 3, 2)


@pytest.mark.parametrize(
    ("kind", "statuses"),
    [
        (RequestRejected, (400, 414, 422, 431)),
        (TooLong, (413,)),
        (ServerRefused, (401, 402, 403, 404, 405, 407, 451)),
        (ServerUnavailable, (302, 408, 409, 421, 423, 425, 499, 502, 503, 504)),
        (GenerationFailed, (424, 500)),
    ],
)
def test_only_a_status_that_says_so_is_the_inputs_fault(kind: type[Exception], statuses: tuple[int, ...]) -> None:
    for status in statuses:
        with pytest.raises(kind, match=str(status)):
            posted(b'{"error": "so it is"}', "Content-Type: application/json", status=status)


def test_a_mark_before_an_answer_or_its_json_is_no_part_of_it() -> None:
    marked = COMPLETION.replace(b'"a"', b'"\\ufeffa\\ufeff"')
    for body in (marked, b"\xef\xbb\xbf" + marked):
        assert posted(body, "Content-Type: application/json").answer == "a\ufeff"


@pytest.mark.parametrize("reason", [b"3", b"true", b"{}", b"[]", b'["stop"]'])
def test_a_reason_to_finish_is_a_word(reason: bytes) -> None:
    with pytest.raises(GenerationFailed, match="not a chat completion"):
        posted(COMPLETION.replace(b'"stop"', reason), "Content-Type: application/json")


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        ({"content": "a", "reasoning": "Is it b?"}, "a"),
        ({"content": None, "reasoning": "Is it b?"}, "<think>\nIs it b?"),
        ({"content": "\n", "reasoning": None, "reasoning_content": "Is it b?"}, "<think>\nIs it b?"),
        ({"reasoning_content": "Is it b?"}, "<think>\nIs it b?"),
        ({"content": None, "reasoning": None, "reasoning_content": None}, ""),
        ({"content": None}, ""),
        ({"content": [{"type": "thinking", "thinking": "Is it b?"}, {"type": "text", "text": "a"}]}, "a"),
    ],
)
def test_what_stands_beside_an_answer_is_none(message: dict[str, Any], answer: str) -> None:
    body = {"choices": [{"message": message, "finish_reason": "stop"}]}
    assert posted(orjson.dumps(body)).answer == answer


def test_an_answer_nested_too_deeply_is_one_documents_trouble() -> None:
    nested = b"[" * 1000 + b"]" * 1000
    for body, status in (
        (b'{"error": %s}' % nested, 500),
        (COMPLETION.replace(b'"stop"', nested), 200),
        (COMPLETION.replace(b"3", nested), 200),
    ):
        with pytest.raises(GenerationFailed):
            posted(body, "Content-Type: application/json", status=status)


@pytest.mark.parametrize("headers", [["Content-Type: text/html"], ["Content-Type: text/plain"], []])
@pytest.mark.parametrize("body", [PAGE, b""])
def test_a_page_in_place_of_an_answer_is_a_proxys(body: bytes, headers: list[str]) -> None:
    with pytest.raises(ServerUnavailable, match="200, but no answer"):
        posted(body, *headers)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff", b"null", b"[]", b'{"detail": "no"}', b'{"choices": [null]}', TOO_MANY]
)
def test_json_that_is_no_completion_is_the_servers(body: bytes) -> None:
    with pytest.raises(GenerationFailed):
        posted(body, "Content-Type: application/json")


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("7", 7), ("0.5", 0.5), ("86400", 60), ("-3", 0), ("soon", 0), ("", 0), ("1e999", 60)],
)
@pytest.mark.parametrize(("status", "error"), [(429, ServerOverloaded), (503, ServerUnavailable)])
def test_a_server_may_say_when_to_ask_again_within_bounds(
    said: str, seconds: float, status: int, error: type[ServerUnavailable]
) -> None:
    with pytest.raises(error) as caught:
        posted(PAGE, f"Retry-After: {said}", status=status)
    assert caught.value.retry_after == seconds


def test_a_server_may_say_when_to_ask_again_as_a_date() -> None:
    with pytest.raises(ServerUnavailable) as caught:
        posted(b"", f"Retry-After: {formatdate(time.time() + 30, usegmt=True)}", status=503)
    assert 20 < caught.value.retry_after <= 30


@pytest.mark.parametrize("status", [302, 307, 408, 502, 504])
def test_a_proxy_that_sends_us_elsewhere_or_loses_patience_is_no_documents_fault(status: int) -> None:
    with pytest.raises(ServerUnavailable):
        posted(PAGE, "Location: http://127.0.0.1:9/", status=status)


def test_a_proxy_that_ends_a_long_wait_may_mean_the_document(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "_LONG", 0.0)
    with pytest.raises(ConnectionBroken, match="504"):
        posted(PAGE, status=504)


def test_a_body_without_end_is_not_read_to_its_end() -> None:
    written = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x" * 65536)
            written += 65536
            await writer.drain()

    async def work() -> None:
        async with await asyncio.start_server(answer, "127.0.0.1", 0) as listening, new_session() as session:
            url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
            with pytest.raises(GenerationFailed, match="MiB"):
                await post(session, Server(url, "openai", Model("m"), 1, None, 1), b"{}")

    asyncio.run(work())
    assert written < 64 << 20


# --- in a pool ---


def answered(server: TgiDouble, contents: Sequence[str], at_once: int = 40) -> list[Outcome]:
    async def work() -> list[Outcome]:
        async with ServerPool([server.url]) as pool:
            return await ask_all(pool, contents, at_once)

    answers: list[Outcome] = run(work)
    return answers


def tries(server: TgiDouble, word: str) -> list[Request]:
    return [request for request in server.log if word in str(request.body)]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "_SILENCE", (2.0, 1.0))
    monkeypatch.setattr(transport, "_BODY_SECONDS", 1.0)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("kind", ["hang", "stall"])
def test_one_lost_request_of_many_is_asked_again(kind: str) -> None:
    with TgiDouble(speed=SHORT) as server:
        server.fault(kind, match="astray", times=1)
        answers = answered(server, [*texts(100), "astray", *texts(6000, words=19)])
    assert failures(answers) == []
    first, second = tries(server, "astray")
    assert first.cancelled
    assert second.arrival < server.log[-1].arrival, "it had to wait until there were no others"


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("kind", "most"), [("hang", 3), ("reset", 8), ("huge", 3), ("not_json", 8)])
def test_one_request_that_is_never_answered_is_given_up_and_the_others_are_not(kind: str, most: int) -> None:
    with TgiDouble(speed=SHORT) as server:
        server.fault(kind, match="poison", size=9 << 20)
        answers = answered(server, [*texts(100), "poison", *texts(8000 if kind == "hang" else 1500, words=19)])
    (failed,) = failures(answers)
    assert answers.index(failed) == 100
    assert isinstance(failed, RequestFailed)
    assert failed.reason == "generation_failed"
    assert len(tries(server, "poison")) == most


def test_a_proxys_pages_cost_no_document_its_tries() -> None:
    with TgiDouble(speed=SHORT) as server:
        server.fault("status", status=200, rate=0.3, seed=1)
        answers = answered(server, texts(400))
    assert failures(answers) == []
    pages = sum(request.fault == "status" for request in server.log)
    assert pages > 50


def test_a_server_that_restarts_again_and_again_costs_no_document_its_tries() -> None:
    with TgiDouble(speed=SHORT) as server:
        server.fault("reset", rate=0.3, seed=1)
        answers = answered(server, texts(300))
    assert failures(answers) == []


def test_a_request_refused_waits_as_long_as_the_server_says() -> None:
    with TgiDouble(speed=SHORT) as server:
        server.fault("status", status=429, match="early", times=1, headers={"Retry-After": "3"})
        answers = answered(server, ["early", *texts(50)])
    assert failures(answers) == []
    first, second = tries(server, "early")
    assert second.arrival - first.arrival >= 3
    assert all(request.arrival < second.arrival for request in server.log if request is not second)


def test_a_server_that_is_not_up_is_left_alone_as_long_as_it_says() -> None:
    with TgiDouble(speed=SHORT) as server:
        fault = server.fault("status", status=503, at=range(10_000), times=20, headers={"Retry-After": "4"})
        answers = answered(server, texts(20), at_once=20)
        assert fault.fired == 20
    assert failures(answers) == []
    assert min(r.arrival for r in server.log[20:]) - max(r.arrival for r in server.log[:20]) >= 3


def test_a_connection_refused_is_the_servers_and_one_that_breaks_may_not_be() -> None:
    async def asked(url: str) -> Exception:
        async with new_session() as session:
            with pytest.raises(ServerUnavailable) as caught:
                await post(session, Server(url, "tgi", Model("m"), 1, None, 1), b"{}")
            return caught.value

    with TgiDouble() as server:
        server.fault("reset")
        assert isinstance(asyncio.run(asked(server.url)), ConnectionBroken)
    assert not isinstance(asyncio.run(asked(server.url)), ConnectionBroken)
