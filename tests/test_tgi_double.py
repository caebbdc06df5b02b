"""The double keeps to TGI's own description, and does what a test orders."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from jsonschema import Draft202012Validator

from builder.rewriting.pool import ServerPool
from builder.rewriting.prompt_files import load_prompt, prompt_names, prompt_path
from tests.tgi_double import KINDS, Reply, Request, Speed, TgiDouble, default_reply, separate_process
from tests.tgi_protocol import PAGES, Json, Profile, no_system_template

OPENAPI = Path(__file__).parents[2] / "shared" / "data" / "tgi-openapi.json"
CHAT = "/v1/chat/completions"
USER = {"role": "user", "content": "x = 1"}
SGCR = {"role": "system", "content": "Answer with ### Improved Code:"}
Answer = tuple[int, str, str, dict[str, str]]  # status, content type, body, headers


def json_schema(node: Any) -> Any:
    """Turn OpenAPI 3.0 components into JSON Schema 2020-12."""
    if isinstance(node, list):
        return [json_schema(item) for item in node]
    if not isinstance(node, dict):
        return node
    schema = {k: json_schema(v) for k, v in node.items() if k not in ("example", "default", "format", "nullable")}
    return {"anyOf": [schema, {"type": "null"}]} if node.get("nullable") is True else schema


@pytest.fixture(scope="session")
def openapi() -> Callable[[str, Any], None]:
    """Give a function that fails when a value isn't what TGI's description says under this name."""
    if not OPENAPI.exists():
        pytest.skip(f"TGI's OpenAPI description is not at {OPENAPI}")
    components = json_schema(json.loads(OPENAPI.read_text())["components"])

    def check(name: str, value: Any) -> None:
        schema = {"$ref": f"#/components/schemas/{name}", "components": components}
        Draft202012Validator(schema).validate(value)

    return check


async def post(server: TgiDouble, body: Any = None, **more: Any) -> Answer:
    if not isinstance(body, bytes):
        body = json.dumps({"messages": [USER], **(body or {})}).encode()
    headers = {"Content-Type": "application/json", **more.pop("headers", {})}
    async with (
        aiohttp.ClientSession() as session,
        session.post(server.url + CHAT, data=body, headers=headers, **more) as response,
    ):
        return response.status, response.content_type, await response.text(), dict(response.headers)


def ask(server: TgiDouble, body: Any = None, **more: Any) -> Answer:
    return asyncio.run(post(server, body, **more))


def get(server: TgiDouble, path: str) -> tuple[int, str]:
    async def fetch() -> tuple[int, str]:
        async with aiohttp.ClientSession() as session, session.get(server.url + path) as response:
            return response.status, await response.text()

    return asyncio.run(fetch())


def together(*requests: Awaitable[Answer]) -> list[Answer]:
    async def gather() -> list[Answer]:
        return list(await asyncio.gather(*requests))

    return asyncio.run(gather())


def content(answer: Answer) -> str:
    text = json.loads(answer[2])["choices"][0]["message"]["content"]
    assert isinstance(text, str)
    return text


def finish_reason(answer: Answer) -> str:
    return str(json.loads(answer[2])["choices"][0]["finish_reason"])


def error_type(answer: Answer) -> str:
    return str(json.loads(answer[2])["error_type"])


# --- what it says ---


def test_a_chat_is_what_the_openapi_description_says(openapi: Callable[[str, Any], None]) -> None:
    request = {"messages": [SGCR, USER], "model": "tgi", "max_tokens": 500, "temperature": 0.2, "seed": 7}
    openapi("ChatRequest", request)
    with TgiDouble() as server:
        status, content_type, body, headers = ask(server, request)
    reply = json.loads(body)
    openapi("ChatCompletion", reply)
    assert (status, content_type) == (200, "application/json")
    assert (reply["id"], reply["model"], reply["choices"][0]["finish_reason"]) == ("", "tgi", "stop")
    assert "### Improved Code:\n```python\n" in body.replace("\\n", "\n")
    assert reply["usage"]["prompt_tokens"] == int(headers["x-prompt-tokens"])
    assert len([name for name in headers if name.lower().startswith("x-")]) == 10


def test_the_description_refuses_what_tgi_refuses(openapi: Callable[[str, Any], None]) -> None:
    for wrong in ({"stop": "a"}, {"seed": -1}, {"messages": [{"role": "user"}]}):
        with pytest.raises(Exception, match=r"not valid under any|is not of type"):
            openapi("ChatRequest", {"messages": [USER], **wrong})


def test_the_pages_are_what_the_openapi_description_says(openapi: Callable[[str, Any], None]) -> None:
    with TgiDouble(model_id="m", model_sha="abc", max_total_tokens=99) as server:
        status, info = get(server, "/info")
        openapi("Info", json.loads(info))
        assert json.loads(info) | {"model_id": "m", "model_sha": "abc", "max_total_tokens": 99} == json.loads(info)
        models = json.loads(get(server, "/v1/models")[1])
        openapi("ModelInfo", models["data"][0])
        assert [get(server, path) for path in ("/health", "/ping", "/")] == [(200, "")] * 3
        server.healthy = False
        status, unhealthy = get(server, "/health")
        openapi("ErrorResponse", json.loads(unhealthy))
        assert status == 503
        assert get(server, "/version") == (404, "") and get(server, CHAT) == (405, "")
    assert len(server.probes) == 8 and not server.log


ERRORS = [
    ({"temperature": -1}, "`temperature` must be strictly positive"),
    ({"presence_penalty": -2}, "`repetition_penalty` must be strictly positive"),
    ({"frequency_penalty": 2.1}, "`frequency_penalty` must be >= -2.0 and <= 2.0"),
    ({"top_p": 1.0}, "`top_p` must be > 0.0 and < 1.0"),
    ({"max_tokens": 0}, "`max_new_tokens` must be strictly positive"),
    ({"stop": list("abcde")}, "`stop` supports up to 4 stop sequences. Given: 5"),
    (
        {"max_tokens": 90},
        "`inputs` tokens + `max_new_tokens` must be <= 100. Given: 20 `inputs` tokens and 90 `max_new_tokens`",
    ),
    ({"messages": [{**USER, "content": "a " * 40}]}, "`inputs` must have less than 50 tokens. Given: 57"),
]


@pytest.mark.parametrize(("body", "message"), ERRORS, ids=[str(body)[2:12] for body, _ in ERRORS])
def test_invalid_requests_get_tgis_words(body: Json, message: str) -> None:
    with TgiDouble(max_input_tokens=50, max_total_tokens=100) as server:
        status, content_type, text, _ = ask(server, body)
    assert (status, content_type) == (422, "application/json")
    assert json.loads(text) == {"error": f"Input validation error: {message}", "error_type": "validation"}


def test_validation_errors_are_what_the_openapi_description_says(
    openapi: Callable[[str, Any], None],
) -> None:
    with TgiDouble(max_input_tokens=50, max_total_tokens=100) as server:
        for body, _ in ERRORS:
            openapi("ErrorResponse", json.loads(ask(server, body)[2]))


def test_errors_that_a_fault_orders_are_what_the_openapi_description_says(
    openapi: Callable[[str, Any], None],
) -> None:
    kinds = {"429": "overloaded", "424": "generation", "500": "incomplete_generation"}
    with TgiDouble() as server:
        for number, kind in enumerate(kinds):
            server.fault(kind, at=number)
        assert get(server, "/metrics") == (200, "")  # nothing was counted yet
        for kind, name in kinds.items():
            answer = ask(server)
            openapi("ErrorResponse", json.loads(answer[2]))
            assert (answer[0], error_type(answer)) == (int(kind), name)
        metrics = get(server, "/metrics")[1]
        openapi("ErrorResponse", json.loads(ask(server, {"messages": []})[2]))  # a template error
    assert 'tgi_request_failure{err="overloaded"} 1' in metrics and "tgi_request_count 6" in metrics
    assert "tgi_request_success" not in metrics


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"stop": " "}, 'stop: invalid type: string " ", expected a sequence'),
        ({"stop": [1]}, "stop[0]: invalid type: integer `1`, expected a string"),
        ({"seed": -1}, "seed: invalid value: integer `-1`, expected u64"),
        ({"seed": 2**64}, f"seed: invalid value: integer `{2**64}`, expected u64"),
        ({"max_tokens": 1.5}, "max_tokens: invalid type: floating point `1.5`, expected u32"),
        ({"temperature": "0"}, 'temperature: invalid type: string "0", expected f32'),
        ({"temperature": True}, "temperature: invalid type: boolean `true`, expected f32"),
        ({"stream": None}, "stream: invalid type: null, expected a boolean"),
        ({"messages": {}}, "messages: invalid type: map, expected a sequence"),
        ({"messages": [{"content": "a"}]}, "messages[0]: missing field `role`"),
        ({"messages": [{"role": "user", "content": None}]}, "messages[0]: data did not match any variant"),
        (b"{}", "missing field `messages`"),
        (b"[]", "invalid type: sequence, expected struct ChatRequest"),
    ],
)
def test_wrong_types_are_plain_text_422s(body: Any, words: str) -> None:
    with TgiDouble() as server:
        status, content_type, text, _ = ask(server, body)
    assert (status, content_type) == (422, "text/plain")
    assert text.startswith(f"Failed to deserialize the JSON body into the target type: {words}")


def test_what_never_reaches_the_model() -> None:
    bad_json = [b"", b"{", b'{"messages": NaN}', b'"\xff"', b'{"messages": "\\ud800"}', b"[" * 100_000]
    with TgiDouble(api_key="key", payload_limit=200_000) as server:
        refused = ask(server)
        assert (refused[0], refused[2]) == (401, "") and "Content-Type" not in refused[3]
        key = {"Authorization": "Bearer key"}
        for body in bad_json:
            status, content_type, text, _ = ask(server, body, headers=key)
            assert (status, content_type) == (400, "text/plain")
            assert text.startswith("Failed to parse the request body as JSON: ")
        assert ask(server, headers={**key, "Content-Type": "text/plain"})[0] == 415
        assert ask(server, b" " * 200_001, headers=key)[0] == 413
        assert ask(server, headers=key)[0] == 200
        assert get(server, "/info")[0] == 200  # open, as in TGI
        assert "authorization" not in server.log[0].headers


def test_unknown_fields_and_nulls_are_ignored() -> None:
    with TgiDouble() as server:
        assert ask(server, {"top_k": "x", "n": 3, "seed": None, "tools": None})[0] == 200


# --- order and load ---


def test_order_of_checks_is_json_template_permit_validation() -> None:
    with TgiDouble(max_concurrent_requests=0, template=no_system_template) as server:
        assert ask(server, b"{")[0] == 400
        assert ask(server, {"stop": "x"})[:2] == (422, "text/plain")
        assert error_type(ask(server, {"messages": [SGCR, USER]})) == "template_error"
        assert error_type(ask(server, {"max_tokens": 0})) == "overloaded"
        server.max_concurrent_requests = 1
        assert error_type(ask(server, {"max_tokens": 0})) == "validation"


def test_above_the_limit_429_comes_at_once() -> None:
    with TgiDouble(max_concurrent_requests=4, speed=Speed(step=0.05)) as server:
        answers = together(*(post(server, {"max_tokens": 10}) for _ in range(8)))
    assert sorted(answer[0] for answer in answers) == [200] * 4 + [429] * 4
    refused = [r for r in server.log if r.status == 429]
    assert all(r.end and r.end - r.arrival < 0.4 for r in refused) and server.peak == 4


def test_the_batch_queues_and_slows_down() -> None:
    speed = Speed(prefill=0.0005, step=0.001, step_per_sequence=0.002, slots=2)
    with TgiDouble(speed=speed, reply=lambda *_: "a " * 50) as server:
        alone, *crowd = together(post(server)) + together(*(post(server) for _ in range(4)))
    first, rest = server.log[0], server.log[1:]
    assert first.start and first.end
    assert 0.15 <= first.end - first.start < 1  # 50 tokens at 3 ms, 20 of the prompt at 0.5 ms
    assert all(r.start and r.end and r.end - r.start >= 0.25 for r in rest)  # at 5 ms
    queued = sorted(int(answer[3]["x-queue-time"]) for answer in crowd)
    assert queued[1] < 200 <= queued[2] and int(alone[3]["x-inference-time"]) >= 150


def test_a_client_that_leaves_frees_its_place() -> None:
    with TgiDouble(max_concurrent_requests=1, speed=Speed(step=10)) as server:
        with pytest.raises(asyncio.TimeoutError):
            ask(server, timeout=aiohttp.ClientTimeout(total=0.2))
        _until(lambda: server.log[0].cancelled)
        server.speed = Speed()
        assert ask(server)[0] == 200
    assert server.log[0].status is None and server.log[0].end


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


# --- the text ---


def test_the_same_request_gets_the_same_text_and_another_seed_another() -> None:
    with TgiDouble() as one, TgiDouble() as two:
        a, b = (content(ask(s, {"messages": [SGCR, USER], "seed": 1})) for s in (one, two))
        c = content(ask(one, {"messages": [SGCR, USER], "seed": 2}))
        greedy = {content(ask(one, {"seed": seed, "temperature": 0})) for seed in (1, 2)}
    assert a == b != c and len(greedy) == 1


def test_the_default_reply_answers_in_the_form_asked_for() -> None:
    fenced = {"role": "user", "content": "Here:\n```python\nx = 1\n```\n"}
    assert "x = 1\n```\n" in default_reply([SGCR, fenced], 0, 1.0, {})
    block = default_reply([{"role": "system", "content": "Write Python."}, USER], 0, 1.0, {})
    assert block.startswith("```python\n# rewritten ") and block.endswith("\nx = 1\n```")
    assert default_reply([USER], 0, 1.0, {}).startswith("x = 1 (")


def test_stop_sequences_stay_and_have_their_own_reason() -> None:
    with TgiDouble(reply=lambda *_: "one two three") as server:
        answer = ask(server, {"stop": ["two", "three"]})
        assert (content(answer), finish_reason(answer)) == ("one two", "stop_sequence")
        server.profile = "vllm"
        answer = ask(server, {"stop": ["two"]})
        assert (content(answer), finish_reason(answer)) == ("one ", "stop")


def test_max_tokens_cuts_and_above_1024_in_whole_rounds() -> None:
    with TgiDouble(reply=lambda *_: "a " * 5000, max_total_tokens=2500) as server:
        for asked, given in ((1, 1), (1024, 1024), (1500, 2048), (2400, 2480), (None, 2480)):
            answer = ask(server, {"max_tokens": asked})
            assert finish_reason(answer) == "length"
            assert json.loads(answer[2])["usage"]["completion_tokens"] == given == content(answer).count("a")
        server.reply = lambda *_: "a b"
        assert finish_reason(ask(server, {"max_tokens": 3})) == "length"  # the end token would be the third
        assert finish_reason(ask(server, {"max_tokens": 4})) == "stop"


def test_a_replier_may_set_what_it_likes() -> None:
    replies = [
        Reply("half", finish_reason="length"),
        Reply("x", completion_tokens=9999),
        Reply("no", status=424),
    ]
    with TgiDouble(reply=lambda *_: replies.pop(0)) as server:
        assert finish_reason(ask(server)) == "length"
        assert json.loads(ask(server)[2])["usage"]["completion_tokens"] == 9999
        assert error_type(ask(server)) == "generation"


def test_a_replier_that_breaks_fails_the_test_that_wrote_it() -> None:
    with pytest.raises(ZeroDivisionError), TgiDouble(reply=lambda *_: str(1 // 0)) as server:
        assert ask(server)[0] == 500


# --- faults ---


def test_faults_fall_on_the_requests_they_name() -> None:
    poison = {"messages": [{"role": "user", "content": "poison"}]}
    with TgiDouble() as server:
        server.fault("429", at=range(2), headers={"Retry-After": "3"})
        server.fault("503", match="poison")
        server.fault("500", attempt=2, times=1)
        answers = [ask(server, body) for body in (None, None, None, None, poison)]
    assert [answer[0] for answer in answers] == [429, 429, 500, 200, 503]
    assert answers[0][3]["Retry-After"] == "3" and answers[4][1] == "text/html"
    assert [r.fault for r in server.log] == ["429", "429", "500", None, "503"]
    assert [r.number for r in server.log] == list(range(5))
    with pytest.raises(ValueError, match="no fault 'teapot'"):
        server.fault("teapot")


def test_a_rate_is_drawn_from_the_request_not_from_its_arrival() -> None:
    bodies = [{"messages": [{"role": "user", "content": f"{n}"}]} for n in range(60)]

    def failed(order: list[Json], sticky: bool = False) -> set[str]:
        with TgiDouble() as server:
            server.fault("424", rate=0.3, seed=5, sticky=sticky)
            together(*(post(server, body) for body in order))
        return {r.body["messages"][0]["content"] for r in server.log if r.status == 424}

    once = failed(bodies)
    assert once == failed(bodies[::-1]) and 8 < len(once) < 30
    assert failed(bodies * 2, sticky=True) == failed(bodies, sticky=True)
    assert failed(bodies * 2) > once


def test_one_failing_batch_can_fail_all_in_it() -> None:
    with TgiDouble(speed=Speed(step=0.02), reply=lambda *_: "a " * 40) as server:
        server.fault("424", at=3, whole_batch=True)

        async def scene() -> list[Answer]:
            early = [asyncio.create_task(post(server)) for _ in range(3)]
            while sum(r.start is not None for r in server.log) < 3:
                await asyncio.sleep(0.01)
            return [await post(server), *[await task for task in early], await post(server)]

        assert [answer[0] for answer in asyncio.run(scene())] == [424, 424, 424, 424, 200]


@pytest.mark.parametrize(
    ("kind", "error"),
    [("reset", aiohttp.ClientOSError), ("cut", aiohttp.ClientPayloadError), ("not_utf8", UnicodeDecodeError)],
)
def test_broken_answers_break_the_client(kind: str, error: type[Exception]) -> None:
    with TgiDouble() as server:
        server.fault(kind, at=0)
        with pytest.raises(error):
            ask(server)
        assert ask(server)[0] == 200
    assert server.log[0].status == (None if kind == "reset" else 200) and not server.log[0].cancelled


def test_answers_that_are_not_what_was_hoped_for() -> None:
    body = {"messages": [SGCR, USER], "stop": ["END"]}
    with TgiDouble() as server:
        whole = content(ask(server, body))
        for number, kind in enumerate(("empty", "length", "unclosed", "stop_sequence", "not_json"), 1):
            server.fault(kind, at=number)
        answers = [ask(server, body) for _ in range(5)]
    empty, length, unclosed, stopped = ((content(a), finish_reason(a)) for a in answers[:4])
    assert empty == ("", "stop") and length == (whole[: len(whole) // 2], "length")
    assert unclosed[0].count("```") == 1 and stopped == (whole + "END", "stop_sequence")
    assert answers[4][:2] == (200, "application/json") and answers[4][2].startswith("<html>")


def test_a_huge_answer_does_not_say_so_beforehand() -> None:
    with TgiDouble() as server:
        server.fault("huge", size=3_000_000)
        answer = ask(server)
    assert len(content(answer)) == 3_000_000 and "Content-Length" not in answer[3]


def test_slow_and_hanging_answers_take_their_time() -> None:
    with TgiDouble() as server:
        server.fault("slow", at=0, seconds=0.3)
        server.fault("hang", at=1, seconds=0.3)
        server.fault("hang", at=2)
        server.fault("stall", at=3)
        for _ in range(2):
            begun = time.monotonic()
            assert ask(server)[0] == 200
            assert 0.25 < time.monotonic() - begun < 3
        for number in (2, 3):
            with pytest.raises(asyncio.TimeoutError):
                ask(server, timeout=aiohttp.ClientTimeout(total=0.3))
            _until(lambda number=number: server.log[number].cancelled)  # type: ignore[misc]


def test_an_idle_connection_can_be_closed_under_the_client() -> None:
    with TgiDouble() as server:
        server.fault("close_idle", at=1)
        client = HTTPConnection("127.0.0.1", server.port, timeout=0.5)
        for closed in (False, True):
            client.request("POST", CHAT, json.dumps({"messages": [USER]}), {"Content-Type": "application/json"})
            answer = client.getresponse()
            assert answer.read() and answer.getheader("Connection") != "close"
            if closed:
                assert client.sock.recv(1) == b""
            else:
                with pytest.raises(TimeoutError):
                    client.sock.recv(1)
        client.close()


def test_every_fault_kind_is_tried_here() -> None:
    source = Path(__file__).read_text()
    assert [kind for kind in KINDS if f'"{kind}"' not in source] == []


def test_the_other_statuses_can_be_ordered() -> None:
    with TgiDouble() as server:
        server.fault("status", status=502, body="bad gateway", headers={"X-Proxy": "p"})
        assert ask(server)[:3] == (502, "text/html", "bad gateway")


# --- other servers ---


@pytest.mark.parametrize(
    ("profile", "where", "limit"),
    [
        ("vllm", "/v1/models", lambda page: page["data"][0]["max_model_len"]),
        ("sglang", "/get_server_info", lambda page: page["context_length"]),
        ("llamacpp", "/props", lambda page: page["default_generation_settings"]["n_ctx"]),
    ],
)
def test_the_others_have_their_own_pages_errors_and_manners(
    profile: Profile, where: str, limit: Callable[[Json], int]
) -> None:
    too_long = {"messages": [{"role": "user", "content": "a " * 200}]}
    with TgiDouble(
        profile=profile, max_total_tokens=100, max_concurrent_requests=2, speed=Speed(step=0.01)
    ) as server:
        assert get(server, "/info")[0] == 404 and get(server, "/health")[0] == 200
        assert limit(json.loads(get(server, where)[1])) == 100
        assert all(get(server, page)[0] == 200 for page in PAGES[profile])
        status, _, body, _ = ask(server, too_long)
        error = json.loads(body) if profile == "sglang" else json.loads(body)["error"]
        assert status == error["code"] == 400 and "100 tokens" in error["message"]
        assert ask(server, {"top_p": 1.0})[0] == 200
        assert ask(server, {"model": "other"})[0] == (404 if profile == "vllm" else 200)
        answers = together(*(post(server) for _ in range(4)))
        assert sorted(a[0] for a in answers) == ([200, 200, 503, 503] if profile == "sglang" else [200] * 4)
        assert not any(name.startswith("x-") for name in answers[0][3])
        assert f"\n{profile}:" in get(server, "/metrics")[1]
        server.has_metrics = False
        assert get(server, "/metrics")[0] == 404


# --- the official clients ---


def test_the_client_of_hugging_face_talks_to_it() -> None:
    hub = pytest.importorskip("huggingface_hub")

    async def talk(server: TgiDouble) -> Any:
        client = hub.AsyncInferenceClient(base_url=server.url, timeout=10)
        reply = await client.chat_completion([SGCR, USER], max_tokens=100, temperature=0.2, top_p=0.7, seed=1)
        with pytest.raises(hub.errors.HfHubHTTPError, match="top_p"):
            await client.chat_completion([USER], top_p=1.0)
        return reply

    with TgiDouble() as server:
        reply = asyncio.run(talk(server))
    assert "### Improved Code:" in reply.choices[0].message.content
    assert reply.choices[0].finish_reason == "stop" and reply.usage.prompt_tokens > 0


def test_the_client_of_openai_talks_to_it() -> None:
    openai = pytest.importorskip("openai")
    with TgiDouble(api_key="key") as server:
        client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="key", max_retries=0)
        reply = client.chat.completions.create(model="tgi", messages=[USER], max_tokens=20, stop=["END"])
        assert reply.choices[0].message.content.startswith("x = 1")
        assert [model.id for model in client.models.list()] == [server.model_id]
        server.fault("429")
        with pytest.raises(openai.RateLimitError):
            client.chat.completions.create(model="tgi", messages=[USER])


@pytest.mark.parametrize("name", prompt_names())
def test_our_requests_are_what_the_openapi_description_says(
    openapi: Callable[[str, Any], None], name: str
) -> None:
    prompt = load_prompt(prompt_path(name, Path()))

    async def talk(server: TgiDouble) -> None:
        async with ServerPool([server.url]) as pool:
            await pool.generate(prompt.render("def f():\n    return 1\n"), prompt.sampling, 7)

    with TgiDouble(max_total_tokens=100_000, max_input_tokens=50_000) as server:
        asyncio.run(talk(server))
    (request,) = server.log
    openapi("ChatRequest", request.body)
    assert None not in request.body.values(), "llama.cpp takes no nulls"
    assert request.body.keys() <= {
        "model",
        "messages",
        "max_tokens",
        "temperature",
        "top_p",
        "stop",
        "seed",
        "stream",
    }
    assert 0 < request.body.get("top_p", 0.5) < 1
    assert isinstance(request.body.get("stop", []), list)
    assert request.headers["content-type"] == "application/json"


# --- its life ---


def test_it_comes_back_on_the_same_port() -> None:
    server = TgiDouble()
    with server:
        url = server.url
        assert ask(server)[0] == 200
    with pytest.raises(aiohttp.ClientConnectorError):
        ask(server)
    with server:
        assert server.url == url and ask(server)[0] == 200
        with pytest.raises(OSError, match="in use"), TgiDouble(port=server.port):
            pass


def test_as_a_process_it_outlives_a_killed_client_and_keeps_its_log(tmp_path: Path) -> None:
    log, headers = tmp_path / "log.jsonl", {"Content-Type": "application/json"}
    body = json.dumps({"messages": [USER], "max_tokens": 100}).encode()

    def lines() -> list[Request]:
        return [Request(**json.loads(line)) for line in log.read_text().splitlines()] if log.exists() else []

    with separate_process("--log", str(log), "--step", "0.2", "--model-id", "m") as url:
        server = TgiDouble()
        server.port = int(url.rpartition(":")[2])
        assert json.loads(get(server, "/info")[1])["model_id"] == "m"
        assert ask(server, {"max_tokens": 1})[0] == 200
        assert [line.status for line in lines()] == [200]
        code = f"import urllib.request as u; u.urlopen(u.Request({url + CHAT!r}, {body!r}, {headers!r}))"
        client = subprocess.Popen([sys.executable, "-c", code])
        _until(lambda: "tgi_batch_current_size 1" in get(server, "/metrics")[1])
        client.kill()
        client.wait()
        _until(lambda: len(lines()) == 2)
        assert lines()[1].cancelled and lines()[1].body["max_tokens"] == 100


def test_as_a_process_its_failures_are_seeded(tmp_path: Path) -> None:
    def statuses(run: str) -> list[int | None]:
        log = tmp_path / run
        with separate_process("--log", str(log), "--fail-rate", "0.5", "--seed", "3") as url:
            server = TgiDouble()
            server.port = int(url.rpartition(":")[2])
            for n in range(20):
                try:
                    ask(server, {"messages": [{"role": "user", "content": f"{n}"}]})
                except aiohttp.ClientOSError:
                    continue
        return [json.loads(line)["status"] for line in log.read_text().splitlines()]

    first = statuses("first")
    assert first == statuses("second") and 3 < first.count(200) < 17 and len(first) == 20
