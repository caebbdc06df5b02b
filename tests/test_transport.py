"""One request over the wire: whatever comes back, or does not, is told for what it is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from email.utils import formatdate
from typing import Any

import orjson
import pytest
from aiohttp import web

from builder.errors import RequestFailed
from builder.rewriting import endpoint as endpoint_module
from builder.rewriting import transport
from builder.rewriting.generation import Generation, Model
from builder.rewriting.outcome import Answer, Outcome, Sign, Trouble, outcome_of
from builder.rewriting.pool import ServerPool
from builder.rewriting.servers import Server
from builder.rewriting.sessions import new_session
from builder.rewriting.transport import Transport, post
from tests.asking import SHORT, ask_all, failures, run, texts
from tests.asking import Outcome as Asked
from tests.tgi_double import HTML_503, Request, TgiDouble

COMPLETION = (
    b'{"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}],'
    b' "usage": {"prompt_tokens": 3, "completion_tokens": 2}}'
)
PAGE = b"<html><body>Sign in</body></html>"


def posted(body: bytes, *headers: str, status: int = 200) -> Outcome:
    """Send one request to a server that answers with these bytes."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = [f"HTTP/1.1 {status} So", f"Content-Length: {len(body)}", *headers, "Connection: close", "", ""]
        writer.write("\r\n".join(head).encode() + body)
        await writer.drain()
        writer.close()

    async def work() -> Outcome:
        async with await asyncio.start_server(answer, "127.0.0.1", 0) as listening, new_session() as session:
            url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
            return await post(session, Server(url, "openai", Model("m"), 1, None, 1), b"{}")

    return asyncio.run(work())


def generated(body: bytes, *headers: str) -> Generation:
    outcome = posted(body, *headers)
    assert isinstance(outcome, Answer), outcome
    return outcome.generation


def trouble(body: bytes, *headers: str, status: int = 200) -> Trouble:
    outcome = posted(body, *headers, status=status)
    assert isinstance(outcome, Trouble), outcome
    return outcome


KINDS = ["application/json", "application/json; charset=utf-8", "text/plain", "text/html", "no/such-thing", "-"]


@pytest.mark.parametrize("kind", [*KINDS, None])
def test_a_completion_is_one_whatever_its_content_type(kind: str | None) -> None:
    headers = [] if kind is None else [f"Content-Type: {kind}"]
    assert generated(COMPLETION, *headers) == Generation("a", "stop", 3, 2)


@pytest.mark.parametrize(
    ("sign", "statuses"),
    [
        (Sign.REFUSED, (302, 307, 400, 401, 402, 403, 404, 405, 407, 410, 413, 414, 415, 422, 431, 451)),
        (Sign.BROKE, (406, 408, 409, 421, 423, 424, 425, 499, 500, 501, 502, 503, 504, 520, 524)),
        (Sign.OVERLOADED, (429, 529)),
    ],
)
def test_a_status_says_whether_something_was_begun(sign: Sign, statuses: tuple[int, ...]) -> None:
    server = Server("http://x", "openai", Model("m"), 1, None, 1)
    for status in statuses:
        outcome = outcome_of(status, b'{"error": "so it is"}', {}, server)
        assert isinstance(outcome, Trouble)
        assert (outcome.sign, outcome.status) == (sign, status)
        assert outcome.what == f"{status}: so it is"


BUSY = b'{"error":{"message":"The engine is currently busy and cannot accept new requests",' + (
    b'"type":"ServiceUnavailableError","param":null,"code":503}}'
)
FULL = b'{"object":"error","message":"The request queue is full.","type":"ServiceUnavailable","code":503}'


@pytest.mark.parametrize(
    ("kind", "body", "is_overload"),
    [
        ("vllm", BUSY, True),
        ("openai", BUSY, True),
        ("sglang", FULL, True),
        ("vllm", HTML_503.encode(), False),
        ("sglang", b"", False),
        ("openai", b'{"error": {"message": "No available workers", "code": 503}}', False),
        ("llama.cpp", b'{"error": {"message": "Loading model", "code": 503}}', False),
        ("tgi", b'{"error": "Service Unavailable"}', False),
        ("vllm", b"[]", False),
    ],
)
def test_a_503_of_an_admission_limit_is_overload(kind: str, body: bytes, is_overload: bool) -> None:
    outcome = outcome_of(503, body, {}, Server("http://x", kind, Model("m"), 1, None, 1))
    assert isinstance(outcome, Trouble)
    assert outcome.sign is (Sign.OVERLOADED if is_overload else Sign.BROKE)


@pytest.mark.parametrize("status", [400, 403, 503])
def test_a_service_that_limits_a_rate_by_another_status_is_overloaded(status: int) -> None:
    said = {"message": "Too many tokens, please wait before trying again.", "type": "ThrottlingException"}
    outcome = trouble(orjson.dumps({"error": said}), status=status)
    assert outcome.sign is Sign.OVERLOADED
    assert outcome.too_long is None


@pytest.mark.parametrize("reason", [b'"abort"', b'{"type": "abort", "message": "x"}', b'"error"', b"null"])
def test_a_generation_that_the_server_ended_is_none(reason: bytes) -> None:
    assert trouble(COMPLETION.replace(b'"stop"', reason)).sign is Sign.BROKE


def test_a_mark_before_an_answer_or_its_json_is_no_part_of_it() -> None:
    marked = COMPLETION.replace(b'"a"', b'"\\ufeffa\\ufeff"')
    for body in (marked, b"\xef\xbb\xbf" + marked):
        assert generated(body, "Content-Type: application/json").answer == "a\ufeff"


@pytest.mark.parametrize("reason", [b"3", b"true", b"{}", b"[]", b'["stop"]'])
def test_a_reason_to_finish_is_a_word(reason: bytes) -> None:
    outcome = trouble(COMPLETION.replace(b'"stop"', reason), "Content-Type: application/json")
    assert outcome.sign is Sign.BROKE
    assert "not a chat completion" in outcome.what


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
    assert generated(orjson.dumps(body)).answer == answer


def test_an_answer_nested_too_deeply_is_one_documents_trouble() -> None:
    nested = b"[" * 1000 + b"]" * 1000
    for body, status in (
        (b'{"error": %s}' % nested, 500),
        (COMPLETION.replace(b'"stop"', nested), 200),
    ):
        assert trouble(body, "Content-Type: application/json", status=status).sign is Sign.BROKE


@pytest.mark.parametrize("headers", [["Content-Type: text/html"], ["Content-Type: text/plain"], []])
@pytest.mark.parametrize("body", [PAGE, b""])
def test_a_page_in_place_of_an_answer_is_a_proxys(body: bytes, headers: list[str]) -> None:
    outcome = trouble(body, *headers)
    assert outcome.sign is Sign.BROKE
    assert "200, but no answer" in outcome.what


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"null", b"[]", b'{"detail": "no"}', b'{"choices": [null]}'])
def test_json_that_is_no_completion_is_no_answer(body: bytes) -> None:
    assert trouble(body, "Content-Type: application/json").sign is Sign.BROKE


@pytest.mark.parametrize("count", [b"9" * 30, b"-1", b'"many"', b"1e30", b"[2]", b'"NaN"'])
def test_an_answer_is_taken_whatever_its_count_of_tokens_is(count: bytes) -> None:
    generation = generated(COMPLETION.replace(b"2", count))
    assert (generation.answer, generation.completion_tokens) == ("a", 0)


@pytest.mark.parametrize("header", ["Content-Encoding: gzip", "Content-Encoding: zstd", "No Token: 1"])
def test_a_response_that_can_not_be_read_is_told_without_a_status_that_nobody_gave(header: str) -> None:
    outcome = trouble(COMPLETION, header)
    assert outcome.sign is Sign.BROKE
    assert "400" not in outcome.what
    assert "\n" not in outcome.what
    assert "decode" in outcome.what or "Invalid header" in outcome.what


def test_gateways_may_send_long_headers() -> None:
    assert generated(COMPLETION, "Set-Cookie: a=" + 20_000 * "b").answer == "a"


def test_an_error_with_status_200_is_shown_in_its_words() -> None:
    assert "no credits" in trouble(b'{"error": {"message": "no credits", "code": 402}}').what


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("7", 7), ("0.5", 0.5), ("86400", 60), ("-3", 0), ("soon", 0), ("", 0), ("1e999", 60)],
)
@pytest.mark.parametrize("status", [429, 503])
def test_a_server_may_say_when_to_ask_again_within_bounds(said: str, seconds: float, status: int) -> None:
    assert trouble(PAGE, f"Retry-After: {said}", status=status).retry_after == seconds


def test_a_server_may_say_when_to_ask_again_as_a_date() -> None:
    said = formatdate(time.time() + 30, usegmt=True)
    assert 20 < trouble(b"", f"Retry-After: {said}", status=503).retry_after <= 30
    ahead = [formatdate(time.time() + 3600 + more, usegmt=True) for more in (0, 7)]
    assert trouble(b"", f"Date: {ahead[0]}\r\nRetry-After: {ahead[1]}", status=503).retry_after == 7


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
            outcome = await post(session, Server(url, "openai", Model("m"), 1, None, 1), b"{}")
            assert isinstance(outcome, Trouble)
            assert "MiB" in outcome.what

    asyncio.run(work())
    assert written < 64 << 20


# --- in a pool ---


def answered(server: TgiDouble, contents: Sequence[str], at_once: int = 40) -> list[Asked]:
    async def work() -> list[Asked]:
        async with ServerPool([server.url]) as pool:
            return await ask_all(pool, contents, at_once)

    answers: list[Asked] = run(work)
    return answers


def tries(server: TgiDouble, word: str) -> list[Request]:
    return [request for request in server.log if word in str(request.body)]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint_module, "_SILENCE", (2.0, 1.0))
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
@pytest.mark.parametrize("kind", ["hang", "reset", "huge", "not_json"])
def test_one_request_that_is_never_answered_is_given_up_and_the_others_are_not(kind: str) -> None:
    with TgiDouble(speed=SHORT) as server:
        server.fault(kind, match="poison", size=9 << 20)
        answers = answered(server, [*texts(100), "poison", *texts(8000 if kind == "hang" else 1500, words=19)])
    (failed,) = failures(answers)
    assert answers.index(failed) == 100
    assert isinstance(failed, RequestFailed)
    assert failed.reason == "generation_failed"
    assert 3 <= len(tries(server, "poison")) <= 12


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


@pytest.mark.parametrize("host", ["", "http://127.0.0.2:1", "http://["])
def test_an_answer_that_is_to_be_fetched_is_fetched_from_the_same_server_alone(host: str) -> None:
    asked: list[tuple[str, bytes]] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append((f"{request.method} {request.path_qs}", await request.read()))
        if len(asked) < 4:
            return web.Response(status=303, headers={"Location": f"{host}/v1/chat/completions?call={len(asked)}"})
        return web.Response(body=COMPLETION)

    async def work() -> Outcome:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", answer)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with new_session() as session:
            outcome = await post(session, Server(url, "openai", Model("m"), 1, None, 1), b"{}")
        await runner.cleanup()
        return outcome

    outcome = run(work)
    if host:
        assert isinstance(outcome, Trouble)
        assert outcome.status == 303
        assert len(asked) == 1
    else:
        assert isinstance(outcome, Answer)
        assert [(how, bool(body)) for how, body in asked[1:]] == [
            (f"GET /v1/chat/completions?call={number}", False) for number in (1, 2, 3)
        ]


def test_of_a_proxys_page_its_title_is_told() -> None:
    page = b"<html><head><TITLE>Attention\n Required!</TITLE></head><body>Ray ID: 9fa7f32a8b6f65dc</body></html>"
    assert trouble(page, status=403).what == "403: Attention Required!"


def test_a_connection_refused_is_the_servers_and_one_that_breaks_may_not_be() -> None:
    async def asked(url: str) -> Trouble:
        async with new_session() as session:
            outcome = await post(session, Server(url, "tgi", Model("m"), 1, None, 1), b"{}")
            assert isinstance(outcome, Trouble)
            return outcome

    with TgiDouble() as server:
        server.fault("reset")
        assert asyncio.run(asked(server.url)).sign is Sign.DISCONNECTED
    refused = asyncio.run(asked(server.url))
    assert refused.sign is Sign.UNREACHABLE
    assert not refused.may_be_the_inputs


def test_a_connection_that_breaks_is_tried_again_on_a_new_one_at_once() -> None:
    async def work() -> list[Outcome]:
        async with Transport() as transport:
            target = Server(server.url, "tgi", Model("m"), 1, None, 1)
            return [await transport.post(target, body, on_new=on_new) for on_new in (False, False, True)]

    body = orjson.dumps({"messages": [{"role": "user", "content": "a"}], "max_tokens": 4})
    with TgiDouble() as server:
        server.fault("reset", at={1, 3})  # the second on the connection that the first left, and the last
        first, second, last = asyncio.run(work())
    assert isinstance(first, Answer)
    assert isinstance(second, Answer)
    assert isinstance(last, Trouble)
    assert len(server.log) == 4
