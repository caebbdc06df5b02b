"""What real servers said (`recorded/`): each answer has its outcome, and the doubles speak in that form.

`python -m tests.record_servers` makes the recordings anew.
"""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from builder.rewriting.dialect import LOOPS
from builder.rewriting.generation import COMPLETE, LOOPING, Model
from builder.rewriting.metrics import parse_gauges
from builder.rewriting.outcome import Answer, Outcome, Sign
from builder.rewriting.servers import Server, probe
from builder.rewriting.sessions import new_session
from builder.rewriting.transport import post
from tests.record_servers import CHAT, RECORDED
from tests.replay import NAMES, body_of, exchanges, recording, replayed
from tests.tgi_double import TgiDouble
from tests.tgi_protocol import Profile

KINDS = {"vllm": "vllm", "sglang": "sglang", "llamacpp": "llama.cpp", "openai": "openai"}

OUTCOMES = {
    "answer": "cut",  # at the 16 tokens asked for
    "answer with the load": "cut",
    "answer cut at the limit": "cut",
    "answer ended by a stop sequence": "complete",
    "prompt too long": "the input's",
    "prompt and answer too long": "the input's",
    "bad field": "the input's",
    "bad value": "the input's",
    "unknown field": "cut",
    "no JSON": "the input's",
    "no messages": "the input's",
    "another model": "refuses us",
    "wrong key": "refuses us",
    "wrong path": "refuses us",
    "prefill as it is": "cut",
    "prefill with flags": "cut",
    "prefill with one flag": "the input's",
    "prefill without a turn": "complete",
    "prefill while it thinks": "cut",
    "loop": "cut",
    "loop, to be ended": "a loop",
    "priority": "cut",
    "queue full": "overload",
    "paused and aborted": "unknown",
    "put to sleep": "unknown",
    "the engine killed": "unknown",
    "after the engine's end": "unknown",
}
"""What each case means, in words; where a server is of another mind, it is in `ELSEWHERE`."""

ELSEWHERE = {
    "llamacpp": {
        **dict.fromkeys(("answer", "answer with the load", "prompt and answer too long", "bad value"), "complete"),
        **dict.fromkeys(("unknown field", "another model", "wrong key", "priority"), "complete"),
        "no messages": "cut",
        "loop, to be ended": "cut",
    },
    "sglang": {  # a model of random weights, which is asked by whatever name
        **dict.fromkeys(("answer ended by a stop sequence", "another model", "wrong key"), "cut"),
        **dict.fromkeys(("prefill with one flag", "prefill without a turn"), "cut"),
        **dict.fromkeys(("loop", "loop, to be ended"), "complete"),
    },
    "transformers": {
        "another model": "the input's",  # 400
        **dict.fromkeys(("prefill with flags", "prefill without a turn", "unknown field"), "the input's"),  # 422
        **dict.fromkeys(("bad field", "no messages"), "unknown"),  # 500, without a word
        "bad value": "cut",
    },
}


def meaning(outcome: Outcome) -> str:
    """Say what came of a request; of what is unknown, what the server does with others decides."""
    if isinstance(outcome, Answer):
        reasons = {"length": "cut", LOOPING: "a loop", **dict.fromkeys(COMPLETE, "complete")}
        return reasons.get(outcome.generation.finish_reason, outcome.generation.finish_reason)
    if outcome.sign is Sign.REFUSED:
        return "the input's" if outcome.says_invalid else "refuses us"
    return {Sign.OVERLOADED: "overload", Sign.UNREACHABLE: "the server's"}.get(outcome.sign, "unknown")


@pytest.mark.parametrize(
    ("name", "exchange"),
    [
        pytest.param(name, one, id=f"{name}: {one['name']}")
        for name in NAMES
        for one in exchanges(name, "/v1/chat/")
    ],
)
def test_what_a_real_server_said_has_the_right_outcome(name: str, exchange: dict[str, Any]) -> None:
    async def ask() -> Outcome:
        async with replayed(name, exchange["response"]) as url, new_session() as session:
            server = Server(url, KINDS[recording(name)["kind"]], Model("m"), 1, None, 1)
            return await post(session, server, b"{}")

    expected = ELSEWHERE.get(name, {}).get(exchange["name"], OUTCOMES[exchange["name"]])
    outcome = asyncio.run(ask())
    assert meaning(outcome) == expected, outcome
    if not isinstance(outcome, Answer):
        words = re.search(r'"message": "([^"\\]{20,60})', body_of(exchange["response"]))
        assert words is None or words[1] in outcome.what  # the server's own


@pytest.mark.parametrize("name", NAMES)
def test_a_real_servers_pages_say_what_it_is(name: str) -> None:
    async def ask() -> Server:
        async with replayed(name) as url, new_session() as session:
            return await probe(session, url, None, "smollm2" if name == "vllm-limited" else None)

    found = recording(name)
    if name == "transformers":
        pytest.skip("it names what is in its cache, which was empty")
    server = asyncio.run(ask())
    listed = next(one for one in found["exchanges"] if one["name"] == "page /v1/models")["response"]["json"][
        "data"
    ]
    assert server.kind == KINDS[found["kind"]]
    assert server.model.id in {one["id"] for one in listed}
    assert server.max_total_tokens == {"vllm": 4096, "sglang": 8192, "llamacpp": 2048}[found["kind"]]


@pytest.mark.parametrize("name", [name for name in NAMES if name != "transformers"])
def test_a_real_servers_gauges_are_read(name: str) -> None:
    page = next(one["response"]["text"] for one in exchanges(name, "/metrics"))
    gauges = parse_gauges(page)
    assert gauges is not None and (gauges.waiting, gauges.running) == (0, 0)


def test_a_loop_that_vllm_ended_was_ended_early_and_begins_as_the_other() -> None:
    """It changes no token of an answer: what it ends is the beginning of what would have been."""
    loop, ended = (one["response"]["json"] for one in exchanges("vllm", CHAT) if one["name"].startswith("loop"))
    long, short = (one["choices"][0]["message"]["content"] for one in (loop, ended))
    assert long.startswith(short) and len(short) < len(long)
    assert ended["usage"]["completion_tokens"] >= LOOPS["repetition_detection"]["min_count"] * 16


# --- the doubles ---

_SAME_FORM: dict[str, dict[str, Any]] = {
    "vllm": {"model_id": "smollm2", "max_total_tokens": 4096, "api_key": "sekret"},
    "sglang": {"model_id": "tiny-llama", "max_total_tokens": 8192},
    "llamacpp": {"model_id": "SmolLM2-135M-Instruct.Q4_1", "max_total_tokens": 2048},
}
_NOT_DONE = {
    "vllm": {
        "page /props",
        "page /server_info",
        "page /metrics",
        "tokenizer_info",
        "unknown field",
        "no messages",
    },
    "sglang": {"page /metrics", "page /server_info", "tokenized", "wrong key", "no messages"},
    "llamacpp": {"page /metrics", "page /props", "wrong key", "no messages", "bad value"},
}
"""What the doubles don't do: pages nobody asks for, templates' own refusals."""


def whole(value: Any) -> Any:
    """Return a recorded request's body with its long texts at their full length again."""
    if isinstance(value, dict):
        return {key: whole(one) for key, one in value.items()}
    if isinstance(value, list):
        return [whole(one) for one in value]
    if isinstance(value, str) and (short := re.fullmatch(r"(.{40})… \((\d+) characters\)", value, re.S)):
        return (short[1] * int(short[2]))[: int(short[2])]
    return value


def form(status: int, kind: str, body: str) -> Any:
    """Return what of an answer must be alike: status, type, and the names and types in its JSON that are read."""
    try:
        said = json.loads(body)
    except ValueError:
        return status, kind.partition(";")[0], bool(body)
    read = {"error", "object", "message", "code", "type", "detail", "choices", "usage", "count", "prompt", "data"}
    read |= {"finish_reason", "content", "role", "prompt_tokens", "completion_tokens", "id", "owned_by", "status"}
    read |= {"max_model_len", "version", "param", "n_ctx", "n_prompt_tokens"}

    def shape(value: Any) -> Any:
        if isinstance(value, dict):
            wanted = read - {"id"} if "choices" in value else read
            return {key: shape(one) for key, one in sorted(value.items()) if key in wanted}
        if isinstance(value, list):
            return [shape(one) for one in value[:1]]
        return value if isinstance(value, bool | None) else type(value).__name__

    return status, kind.partition(";")[0], shape(said)


@pytest.mark.parametrize("profile", ["vllm", "sglang", "llamacpp"])
def test_the_double_speaks_as_the_real_server(profile: Profile) -> None:
    async def ask(session: ClientSession, url: str, request: dict[str, Any]) -> Any:
        headers = {"Authorization": "Bearer sekret", "Content-Type": "application/json"}
        body = whole(request.get("body"))
        data = body if isinstance(body, str) or body is None else json.dumps(body)
        sent = {**headers, **request.get("headers", {})}
        async with session.request(request["method"], url + request["path"], data=data, headers=sent) as response:
            return form(response.status, response.headers.get("Content-Type", ""), await response.text())

    async def compare() -> dict[str, Any]:
        differ = {}
        double = TgiDouble(profile=profile, reply=lambda *_: "a " * 300, **_SAME_FORM[profile])
        async with double, ClientSession() as session:
            for one in exchanges(profile):
                said, known = one["response"], one["name"] not in _NOT_DONE[profile]
                real = form(said["status"], said["headers"].get("content-type", ""), body_of(said))
                if known and (ours := await ask(session, double.url, one["request"])) != real:
                    differ[one["name"]] = {"double": ours, "real": real}
        return differ

    differ = asyncio.run(compare())
    assert not differ, json.dumps(differ, indent=1)


@pytest.mark.parametrize("name", NAMES)
def test_a_recording_says_of_what_and_when_it_is_and_is_small(name: str) -> None:
    found = recording(name)
    assert re.search(r"\d+\.\d+", found["server"]) and re.fullmatch(r"\d{4}-\d\d-\d\d", found["date"])
    assert (Path(RECORDED) / f"{name}.json").stat().st_size < 64 << 10
