"""What gateways make of a completion: names of their own for why it ended, and errors with a status of 200."""

from __future__ import annotations

import socket
from typing import Any

import orjson
import pytest

from builder.rewriting.completion import NoCompletion, read_completion
from builder.rewriting.generation import COMPLETE, Generation, Model
from builder.rewriting.outcome import Sign, Trouble, outcome_of
from builder.rewriting.servers import Server
from builder.rewriting.sessions import new_session, words_of
from tests.asking import run
from tests.tgi_double import CHAT, TgiDouble

SERVER = Server("http://x", "openai", Model("m"), 1, None, 1)


def completion(reason: object = "stop", message: object = None, **more: object) -> dict[str, Any]:
    choice = {"message": message or {"role": "assistant", "content": "a"}, "finish_reason": reason, **more}
    return {"choices": [choice], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}


def read(said: dict[str, Any]) -> Generation:
    return read_completion(orjson.dumps(said), "application/json")[0]


def trouble(said: dict[str, Any]) -> Trouble:
    outcome = outcome_of(200, orjson.dumps(said), {}, SERVER)
    assert isinstance(outcome, Trouble)
    return outcome


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("STOP", "stop"), ("end_turn", "stop"), ("eos_token", "eos_token"), ("stop_sequence", "stop_sequence"),
        ("MAX_TOKENS", "length"), ("model_length", "length"), ("model_context_window_exceeded", "length"),
        ("FINISH_REASON_STOP", "stop"), ("COMPLETE", "stop"), ("eos", "stop"), ("limit", "length"),
        ("content_filter: PROHIBITED_CONTENT", "content_filter"), ("SAFETY", "content_filter"),
        ("sensitive", "content_filter"), ("tool_calls", "tool_calls"),
    ],
)  # fmt: skip
def test_a_gateways_name_for_why_it_ended_is_taken_for_what_it_means(said: str, reason: str) -> None:
    assert read(completion(said)).finish_reason == reason
    assert (reason in COMPLETE) == (reason in {"stop", "eos_token", "stop_sequence"})


@pytest.mark.parametrize("reason", ["", "abort", "network_error", "Error", "failed", None])
def test_an_answer_that_the_server_ended_is_none(reason: str | None) -> None:
    with pytest.raises(NoCompletion, match="ended the generation early"):
        read(completion(reason))


@pytest.mark.parametrize("message", [{"role": "assistant"}, {"role": "assistant", "tool_calls": [{"id": "1"}]}])
def test_a_message_without_content_is_an_empty_answer_and_no_servers_fault(message: dict[str, Any]) -> None:
    assert read(completion("tool_calls", message)).answer == ""


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        ("content_filter: PROHIBITED_CONTENT", None),
        ("stop", {"role": "assistant", "content": None, "refusal": "I can't help with that."}),
    ],
)
def test_an_answer_that_was_withheld_is_one_that_a_filter_took(reason: str, message: object) -> None:
    said = completion(reason)
    said["choices"][0]["message"] = message
    generation = read(said)
    assert (generation.finish_reason, generation.answer) == ("content_filter", "")


def events(*said: object) -> bytes:
    return b": a remark\n\n" + b"".join(b"data: " + orjson.dumps(one) + b"\r\n\r\n" for one in said)


def part(text: str | None = None, reason: str | None = None, **more: object) -> dict[str, Any]:
    return {"model": "m", "choices": [{"delta": {"content": text, **more}, "finish_reason": reason}]}


STREAM = [part("", role="assistant"), part(None, reasoning="hm"), part("a\n"), part("b"), part(reason="length")]
USAGE = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}


def test_a_stream_that_nobody_asked_for_is_read() -> None:
    answer, model = read_completion(events(*STREAM, USAGE) + b"data: [DONE]\n\n", "text/event-stream")
    assert (answer, model) == (Generation("a\nb", "length", 3, 2), "m")
    for framed in (orjson.dumps(completion()) + b"\n\ndata: [DONE]\n\n", events(completion())):
        assert read_completion(framed, "text/event-stream")[0].answer == "a"


def test_a_stream_that_was_cut_or_holds_an_error_is_no_answer() -> None:
    cut = outcome_of(200, events(*STREAM[:-1]), {}, SERVER)
    full = outcome_of(200, events(STREAM[0], {"error": {"message": "full", "code": 429}}), {}, SERVER)
    torn = outcome_of(200, events(*STREAM)[:-30], {}, SERVER)
    assert isinstance(cut, Trouble)
    assert "ended the generation early" in cut.what
    assert isinstance(full, Trouble)
    assert (full.sign, full.what) == (Sign.OVERLOADED, "429: full")
    assert isinstance(torn, Trouble)
    assert torn.sign is Sign.BROKE


RATE = {"message": "Provider returned error", "code": 429, "metadata": {"raw": "m is rate-limited upstream"}}


@pytest.mark.parametrize("said", [{"error": RATE}, completion("error", error=RATE)])
def test_an_error_in_a_200_is_taken_by_the_status_that_it_gives(said: dict[str, Any]) -> None:
    outcome = trouble(said)
    assert (outcome.sign, outcome.status) == (Sign.OVERLOADED, 429)
    assert outcome.what == "429: Provider returned error: m is rate-limited upstream"


def test_an_error_in_a_200_that_gives_no_status_is_told_in_its_words() -> None:
    said: list[dict[str, Any]] = [
        {"object": "error", "message": "NETWORK ERROR", "code": 50001},
        {"detail": "NETWORK ERROR"},
        {"error": "NETWORK ERROR", "choices": []},
        {"choices": None, "message": "NETWORK ERROR"},
    ]
    for one in said:
        outcome = trouble(one)
        assert (outcome.sign, outcome.status) == (Sign.BROKE, 200)
        assert "not a chat completion (NETWORK ERROR)" in outcome.what
    assert trouble({"error": {"message": "no credits", "code": "402"}}).sign is Sign.REFUSED


def test_a_redirect_is_told_with_its_place_but_not_with_what_it_says_of_who_asks() -> None:
    outcome = outcome_of(307, b"", {"Location": "https://login.example/sso?token=secret"}, SERVER)
    assert isinstance(outcome, Trouble)
    assert outcome.what == "307: it redirects to https://login.example/sso"


def test_a_context_that_is_full_is_why_an_input_failed_whatever_the_status() -> None:
    said = b'{"error": {"code": 500, "message": "Context size has been exceeded.", "type": "server_error"}}'
    outcome = outcome_of(500, said, {}, SERVER)
    assert isinstance(outcome, Trouble)
    assert outcome.sign is Sign.BROKE, "it may be full of other requests"
    assert outcome.blaming_the_input().reason == "too_long_for_context"


def test_a_proxys_page_with_our_key_in_its_title_does_not_show_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUILDER_SERVER_KEY", "sk-secret")
    assert "sk-secret" not in words_of(b"<html><title>Unknown key sk-secret</title></html>")


def test_an_envoy_with_no_room_is_overloaded_whatever_status_it_gives() -> None:
    full = b"upstream connect error or disconnect/reset before headers. reset reason: overflow"
    gone = b"upstream connect error or disconnect/reset before headers. reset reason: connection failure"
    outcomes = [
        outcome_of(503, full, {}, SERVER),
        outcome_of(500, b"ext_proc_error_gRPC_error_14{" + full + b"}", {}, SERVER),
        outcome_of(503, b"", {"x-envoy-overloaded": "true"}, SERVER),
        outcome_of(503, gone, {}, SERVER),
    ]
    signs = [one.sign for one in outcomes if isinstance(one, Trouble)]
    assert signs == [Sign.OVERLOADED] * 3 + [Sign.BROKE]


def test_connections_that_say_nothing_for_long_are_kept_alive() -> None:
    asked = {"messages": [{"role": "user", "content": "a"}], "max_tokens": 4}

    async def work() -> tuple[int, int]:
        async with new_session() as session, session.post(server.url + CHAT, json=asked) as response:
            assert response.connection is not None
            assert response.connection.transport is not None
            made = response.connection.transport.get_extra_info("socket")
            idle = made.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)
            return made.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE), idle

    with TgiDouble() as server:
        server.fault("slow", seconds=0.2)  # the connection is there as long as the body
        is_kept, idle = run(work)
    assert is_kept
    assert idle < 120, "some firewalls forget a connection after two minutes"
