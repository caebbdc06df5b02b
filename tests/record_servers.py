"""Ask a real server what the tests need to know, and keep what it said: `tests/recorded/<name>.json`.

    python -m tests.record_servers vllm http://127.0.0.1:8000 --name vllm --server "vLLM 0.32.0" --model smollm2

One file holds the exchanges of one server: request, status, the headers that matter, body. What is different each
time (ids, times) is cut, and of long pages only the lines that somebody reads are kept. `docs/servers.md` says how
to run the servers.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from builder.rewriting.dialect import LOOPS

RECORDED = Path(__file__).parent / "recorded"
CHAT = "/v1/chat/completions"
HEADERS = ("content-type", "retry-after", "endpoint-load-metrics", "www-authenticate", "location")
CUT = {"created", "timings", "system_fingerprint", "permission", "generated_at"}
METRICS = re.compile(
    r"(?:# TYPE )?(?:vllm:(?:num_requests_|kv_cache_usage|num_preemptions_total|prefix_cache_\w+_total|"
    r"cache_config|spec_decode_num|admission_rejections_total|request_success_total)|"
    r"sglang:(?:num_queue_reqs|num_running_reqs|token_usage|cache_hit)|llamacpp:requests_|tgi_)"
)
SERVER_INFO = (
    *("version", "disable_radix_cache", "speculative_algorithm", "max_running_requests"),
    *("max_queued_requests", "enable_metrics", "context_length"),
)
PREFILL = "```python"
CODE = "def area(r):\n  return 3.14 * r * r\n"
LOOP = [{"role": "user", "content": "1 2 3 1 2 3 1 2 3 Continue."}]
CONTINUED = {"add_generation_prompt": False, "continue_final_message": True}


@dataclass
class Case:
    """One request to record.

    `beside`: so many more of the same at once, and the first refusal counts. `meanwhile`: posted half a second
    later.
    """

    name: str
    path: str = CHAT
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    beside: int = 0
    meanwhile: str = ""
    afterwards: str = ""


def cases(kind: str, model: str) -> Iterator[Case]:
    """Yield what a server of this kind is asked."""
    user = {"role": "user", "content": "Name one colour."}
    asks = {"model": model, "messages": [user], "temperature": 0, "max_tokens": 16, "stream": False}
    begun = [{"role": "user", "content": f"{CODE}\nAdd type hints."}, {"role": "assistant", "content": PREFILL}]
    prefilled = {**asks, "messages": begun, "max_tokens": 40}
    for path in ("/v1/models", "/version", "/metrics", "/props", "/server_info", "/health", "/info"):
        yield Case(f"page {path}", path)
    yield Case("answer", body={**asks, "seed": 1})
    yield Case("answer with the load", body=asks, headers={"endpoint-load-metrics-format": "TEXT"})
    yield Case("answer cut at the limit", body={**asks, "max_tokens": 2})
    yield Case(
        "answer ended by a stop sequence", body={**asks, "messages": begun, "max_tokens": 60, "stop": ["`"]}
    )
    yield Case("prompt too long", body={**asks, "messages": [{**user, "content": "word " * 9000}]})
    yield Case("prompt and answer too long", body={**asks, "max_tokens": 100_000})
    yield Case("bad field", body={**asks, "temperature": "hot"})
    yield Case("bad value", body={**asks, "temperature": -1})
    yield Case("unknown field", body={**asks, "no_such_field": True})
    yield Case("no JSON", body="{")
    yield Case("no messages", body={**asks, "messages": []})
    yield Case("another model", body={**asks, "model": "nobody/knows-it"})
    yield Case("wrong key", body=asks, headers={"Authorization": "Bearer wrong"})
    yield Case("wrong path", "/v1/chat/completion", asks)
    yield Case("prefill as it is", body=prefilled)
    yield Case("prefill with flags", body={**prefilled, **CONTINUED})
    yield Case("prefill with one flag", body={**prefilled, "continue_final_message": True})
    yield Case("prefill without a turn", body={**asks, **CONTINUED})
    looping = {**asks, "messages": LOOP, "max_tokens": 300}
    yield Case("loop", body=looping)
    yield Case("loop, to be ended", body={**looping, **LOOPS})
    yield Case("priority", body={**asks, "priority": -1})
    tokenized = {"model": model, "messages": begun}
    if kind == "vllm":
        yield Case("openapi", "/openapi.json")
        yield Case("tokenized as it is", "/tokenize", {**tokenized, "return_token_strs": True})
        yield Case("tokenized with flags", "/tokenize", {**tokenized, **CONTINUED, "return_token_strs": True})
        yield Case("tokenizer_info", "/tokenizer_info")
    if kind == "llamacpp":
        yield Case("template as it is", "/apply-template", tokenized)
        yield Case("template with flags", "/apply-template", {**tokenized, **CONTINUED})
        thinking = {"chat_template_kwargs": {"enable_thinking": True}}
        yield Case("prefill while it thinks", body={**prefilled, **thinking})
        yield Case("template while it thinks", "/apply-template", {**tokenized, **thinking})
    if kind == "sglang":
        yield Case("tokenized", "/tokenize", {"model": model, "prompt": "Name one colour."})


def special(kind: str, model: str) -> Iterator[Case]:
    """Yield what takes flags of its own: a queue limit, and vLLM's development routes."""
    said = [{"role": "user", "content": "Tell a long story."}]
    long = {"model": model, "messages": said, "max_tokens": 300, "ignore_eos": True, "stream": False}
    yield Case("queue full", body=long, beside=12)
    if kind == "sglang":
        yield Case(
            "paused and aborted", body=long, meanwhile="/pause_generation", afterwards="/continue_generation"
        )
        return
    yield Case("paused and aborted", body=long, meanwhile="/pause?mode=abort", afterwards="/resume")
    yield Case("put to sleep", body=long, meanwhile="/sleep?level=1&mode=abort", afterwards="/wake_up")


async def record(url: str, case: Case, key: str) -> dict[str, Any]:
    """Ask once and return the exchange."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with aiohttp.ClientSession(url, headers=headers) as session:
        asked = [asyncio.ensure_future(_ask(session, case)) for _ in range(1 + case.beside)]
        if case.meanwhile:
            await asyncio.sleep(0.5)
            async with session.post(case.meanwhile, json={"mode": "abort"}):
                pass
        answers = await asyncio.gather(*asked)
        if case.afterwards:
            async with session.post(case.afterwards, json={}):
                pass
    response = next((one for one in answers if one["status"] != 200), answers[0])
    request: dict[str, Any] = {"method": "GET" if case.body is None else "POST", "path": case.path}
    if case.headers:
        request["headers"] = case.headers
    if case.body is not None:
        request["body"] = _short(case.body)
    return {"name": case.name, "request": request, "response": response}


async def _ask(session: aiohttp.ClientSession, case: Case) -> dict[str, Any]:
    if case.body is None:
        asked = session.get(case.path, headers=case.headers, allow_redirects=False)
    else:
        data = case.body if isinstance(case.body, str) else json.dumps(case.body)
        sent = {"Content-Type": "application/json", **case.headers}
        asked = session.post(case.path, data=data, headers=sent, allow_redirects=False)
    try:
        async with asked as response:
            said = {name: response.headers[name] for name in HEADERS if name in response.headers}
            return {"status": response.status, "headers": said, **_body(case.path, await response.text())}
    except (aiohttp.ClientError, asyncio.TimeoutError) as error:
        return {"status": None, "headers": {}, "error": type(error).__name__}


def _body(path: str, text: str) -> dict[str, Any]:
    """Return the body as JSON or as text, without what nobody reads."""
    if path == "/metrics" and "\n" in text:
        return {"text": "".join(f"{line}\n" for line in text.splitlines() if METRICS.match(line))}
    try:
        said = json.loads(text)
    except ValueError:
        return {"text": text}
    if path == "/openapi.json":
        schemas: dict[str, Any] = {
            name: {"properties": {key: {} for key in schema.get("properties", {})}}
            for name, schema in said.get("components", {}).get("schemas", {}).items()
            if name in ("ChatCompletionRequest", "TokenizeChatRequest")
        }
        said = {"paths": {one: {} for one in said["paths"]}, "components": {"schemas": schemas}}
    if path == "/props" and "total_slots" in said:
        settings = {"n_ctx": said["default_generation_settings"]["n_ctx"]}
        said = {"total_slots": said["total_slots"], "default_generation_settings": settings}
    if path == "/server_info" and "model_path" in said:
        said = {key: said[key] for key in SERVER_INFO if key in said}
    return {"json": _stable(said)}


def _stable(said: Any) -> Any:
    if isinstance(said, dict):
        is_answer = "choices" in said  # whose id is another each time
        return {
            key: _stable(value)
            for key, value in said.items()
            if key not in CUT and not (is_answer and key == "id")
        }
    if isinstance(said, list):
        return [_stable(one) for one in said]
    return said


def _short(body: Any) -> Any:
    """Return a request's body, a very long text in it by its beginning."""
    if isinstance(body, dict):
        return {key: _short(value) for key, value in body.items()}
    if isinstance(body, list):
        return [_short(one) for one in body]
    return f"{body[:40]}… ({len(body)} characters)" if isinstance(body, str) and len(body) > 400 else body


def main() -> None:
    """Record one server."""
    parser = argparse.ArgumentParser(prog="python -m tests.record_servers", description=main.__doc__)
    parser.add_argument("kind", choices=("vllm", "sglang", "llamacpp", "openai"))
    parser.add_argument("url")
    parser.add_argument("--name", help="of the file", required=True)
    parser.add_argument("--server", help="its name and version", required=True)
    parser.add_argument("--flags", default="", help="what it was started with")
    parser.add_argument("--model", required=True)
    parser.add_argument("--key", default="")
    parser.add_argument("--only", default="", help="a pattern of cases; with it, the file's others are kept")
    parser.add_argument("--special", action="store_true", help="the cases that take flags of their own")
    options = parser.parse_args()
    path = RECORDED / f"{options.name}.json"
    wanted = special(options.kind, options.model) if options.special else cases(options.kind, options.model)
    found = [
        asyncio.run(record(options.url, case, options.key))
        for case in wanted
        if re.search(options.only, case.name)
    ]
    kept = json.loads(path.read_text())["exchanges"] if options.only and path.exists() else []
    names = {one["name"] for one in found}
    kept = [one for one in kept if one["name"] not in names]
    whole = {
        "server": options.server,
        "kind": options.kind,
        "date": datetime.date.today().isoformat(),
        "flags": options.flags,
        "exchanges": [*kept, *found],
    }
    path.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n")
    for one in found:
        said = one["response"]
        print(
            f"{said['status']} {one['name']}: {str(said.get('json', said.get('text', said.get('error'))))[:150]}"
        )


if __name__ == "__main__":
    main()
