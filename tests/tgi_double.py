"""A server that answers like Text Generation Inference: real sockets, scripted text, faults to order.

    with TgiDouble(reply=my_function, max_concurrent_requests=4) as server:
        server.fault("424", attempt=0, rate=0.1)
        ...  # talk to server.url, then look at server.log

Every chat request is in `log` by the time its client has the answer; its place there is its number.
`python -m tests.tgi_double` runs it as a process of its own. It does not stream, and has no `/generate`.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import math
import re
import socket
import struct
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Container, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from signal import SIGINT, SIGTERM
from types import TracebackType
from typing import Any

from aiohttp import web

from tests import tgi_protocol as wire
from tests.tgi_protocol import Ask, Json, Refusal, Settings

HTML_503 = "<html><head><title>503 Service Temporarily Unavailable</title></head><body>nginx</body></html>"
CHAT = "/v1/chat/completions"
FAILURES = ("429", "424", "500", "503", "reset")  # of `--fail-rate`
FOR_EVER = 1e9
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Request:
    """What the server saw of one request. Times are those of its event loop's clock."""

    number: int
    path: str
    headers: dict[str, str]
    arrival: float
    start: float | None = None  # out of the queue, into the batch
    end: float | None = None  # just before the answer is sent, or when the client went away
    body: Json = field(default_factory=dict)
    status: int | None = None
    fault: str | None = None
    cancelled: bool = False  # the client (or the end of the server) came before the answer


@dataclass
class Reply:
    """What a replier may return in place of a text: what it sets is said as it is, the rest is worked out."""

    text: str
    finish_reason: str | None = None  # eos_token, length or stop_sequence
    completion_tokens: int | None = None
    status: int = 200  # else the text is the message of an error with this status


ENTRY: ContextVar[Request] = ContextVar("ENTRY")  # the request being answered
Replier = Callable[[list[Json], int | None, float, Json], "str | Reply"]


def default_reply(messages: list[Json], seed: int | None, temperature: float, body: Json) -> str:
    """Give the last user message back in the form the system message asks for; a hash tells seeds apart."""
    task = " ".join(wire.text_of(m) for m in messages if m["role"] == "system")
    text = next((wire.text_of(m) for m in reversed(messages) if m["role"] == "user"), "")
    mark = _digest([messages, seed if temperature else None, temperature])[:8]
    fenced = re.search(r"```\w*\n(.*?)```", text, re.DOTALL)
    code = (fenced[1] if fenced else text).replace("```", "'''").rstrip("\n")
    block = f"```python\n# rewritten {mark}\n{code}\n```"
    if "### Improved Code" in task:
        return f"### Evaluation: 7\n\n### Suggestions:\nMark it {mark}.\n\n### Improved Code:\n{block}\n"
    return block if "python" in task.lower() or "```" in task else f"{text} ({mark})"


@dataclass(frozen=True)
class Speed:
    """Seconds: `prefill` a prompt token, `step + step_per_sequence * batch` a token; `slots` in a batch."""

    prefill: float = 0.0
    step: float = 0.0
    step_per_sequence: float = 0.0
    slots: int = 1_000_000


IN_PLACE_OF_AN_ANSWER = ("503", "status", "hang", "reset")
BY_THE_SERVER = ("429", "424", "500")
IN_THE_TEXT = ("empty", "length", "unclosed", "stop_sequence", "not_utf8", "huge")
ON_THE_WAY = ("slow", "cut", "stall", "close_idle", "not_json")
KINDS = (*IN_PLACE_OF_AN_ANSWER, *BY_THE_SERVER, *IN_THE_TEXT, *ON_THE_WAY)


@dataclass(kw_only=True)
class Fault:
    """What goes wrong, and for which requests: all that the rule names must hold. See `TgiDouble.fault`."""

    kind: str = ""
    at: Container[int] | int | None = None
    attempt: Container[int] | int | None = None
    match: str = ""
    rate: float = 1.0
    seed: int = 0
    sticky: bool = False
    times: int | None = None
    seconds: float | None = None
    status: int = 503
    body: str = HTML_503
    headers: dict[str, str] = field(default_factory=dict)
    size: int = 64 << 20
    whole_batch: bool = False
    fired: int = 0

    def hits(self, number: int, attempt: int, messages: str) -> bool:
        return (
            _within(number, self.at)
            and _within(attempt, self.attempt)
            and self.match in messages
            and (self.times is None or self.fired < self.times)
            and (self.rate >= 1 or self._draw(messages, attempt) < self.rate)
        )

    def _draw(self, messages: str, attempt: int) -> float:
        draw = _digest([self.seed, self.kind, messages, 0 if self.sticky else attempt])
        return int(draw[:8], 16) / 2**32


def _within(value: int, wanted: Container[int] | int | None) -> bool:
    return wanted is None or (value == wanted if isinstance(wanted, int) else value in wanted)


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


@dataclass(kw_only=True, eq=False, repr=False)
class TgiDouble(Settings):
    """The server. The settings may be changed while it runs (`server.model_sha = …`)."""

    reply: Replier = default_reply
    template: Callable[[list[Json]], str] = wire.default_template
    speed: Speed = Speed()
    port: int = 0
    log_file: Path | None = None
    healthy: bool = True
    has_metrics: bool = True
    cache_used: float = 0.0  # of the KV cache, on vLLM's page
    preemptions: int = 0
    tells_load: bool = True  # vLLM: in a header of the answer, where the request asks for it
    asleep: str | None = None  # what a proxy says on every route, with a 503, as long as no server is up behind it
    status_of: dict[str, int] = field(default_factory=dict)  # paths that get just this status
    log: list[Request] = field(default_factory=list)  # generation requests
    probes: list[Request] = field(default_factory=list)  # everything else
    counts: Counter[str] = field(default_factory=Counter)  # /metrics
    peak: int = 0  # the most generation requests that were ever held at once
    _faults: list[Fault] = field(default_factory=list)
    _errors: list[BaseException] = field(default_factory=list)
    _attempts: Counter[str] = field(default_factory=Counter)
    _held: int = 0
    _batch: int = 0
    _crashes: int = 0
    _written: int = 0  # tokens

    def fault(self, kind: str, **rule: Any) -> Fault:
        """Add a rule; the first that fits a request is applied. Which requests (all that is given must hold):

        at, attempt: its number; how often its messages came before (an int, or a container of them; from 0)
        match: a text in its messages, as JSON
        rate, seed, sticky: this share, drawn from messages and attempt (sticky: from the messages alone)
        times: so many at most

        What happens (`headers` can be added to any answer):

        429; 424 (`whole_batch`); 500 (incomplete); 503 (a proxy's HTML); status (`status`, HTML `body`)
        hang (`seconds`, or for ever); slow (the answer trickles for `seconds`); close_idle (after `seconds`)
        reset (a TCP reset in place of an answer); cut (the connection ends in the middle of the body)
        stall (the body stops in the middle, the connection stays)
        empty, length, unclosed (no closing fence), stop_sequence: an answer that is not what was hoped for
        not_utf8, not_json, huge (`size` bytes): a body that is no answer
        """
        if kind not in KINDS:
            raise ValueError(f"no fault {kind!r}: there are {', '.join(KINDS)}")
        self._faults.append(Fault(kind=kind, **rule))
        return self._faults[-1]

    @property
    def queue(self) -> tuple[int, int]:
        """How many requests wait, and how many are in the batch."""
        return self._held - self._batch, self._batch

    def grow(self, slots: int) -> None:
        """Have so many slots more in a batch: another GPU, say."""
        for _ in range(slots):
            self._loop.call_soon_threadsafe(self._slots.release)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _now(self) -> float:
        return self._loop.time()

    # --- life ---

    async def __aenter__(self) -> TgiDouble:
        """Serve in the event loop of the caller, and by its clock."""
        ready, self._stop = asyncio.Event(), asyncio.Event()
        self._serving = asyncio.ensure_future(self.serve(self._stop, ready.set))
        await ready.wait()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        await self._serving
        if self._errors and error is None:
            raise self._errors[0]

    def __enter__(self) -> TgiDouble:
        started = threading.Event()
        self._loop, self._stop = asyncio.new_event_loop(), asyncio.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), name="tgi-double", daemon=True)
        self._thread.start()
        started.wait()
        if self._errors:
            self.__exit__(None, None, None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        if self._errors and error is None:
            raise self._errors[0]

    def _run(self, started: threading.Event) -> None:
        try:
            self._loop.run_until_complete(self.serve(self._stop, started.set))
        except OSError as error:
            self._errors.append(error)
        finally:
            self._loop.close()
            started.set()

    async def serve(self, stop: asyncio.Event, ready: Callable[[], object]) -> None:
        """Serve until `stop` is set."""
        self._loop = asyncio.get_running_loop()
        slots = self.max_concurrent_requests if self.profile == "llamacpp" else self.speed.slots
        self._slots = asyncio.Semaphore(min(slots, self.speed.slots))
        app = web.Application(client_max_size=self.payload_limit + 1, middlewares=[self._edge])
        app.router.add_post(CHAT, self._chat)
        app.router.add_get("/health", self._health)
        app.router.add_get("/metrics", self._metrics)
        if self.profile == "tgi":
            app.router.add_get("/", self._health)
            app.router.add_get("/ping", self._health)
        for path in wire.PAGES[self.profile]:
            app.router.add_get(path, self._page)
        app.router.add_post(wire.PROMPT_PAGES[self.profile][0], self._prompt)
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", self.port, backlog=4096).start()
            self.port = runner.addresses[0][1]
            ready()
            await stop.wait()
        finally:
            await runner.cleanup()

    # --- pages ---

    @web.middleware
    async def _edge(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Keep the log, check the key, turn refusals into answers."""
        chat = (request.method, request.path) == ("POST", CHAT)
        entries = self.log if chat else self.probes
        headers = {name.lower(): value for name, value in request.headers.items()}
        entry = Request(len(entries), request.path, headers, self._now())
        ENTRY.set(entry)
        entries.append(entry)
        try:
            if self.asleep is not None:
                kind = "text/html" if self.asleep.startswith("<") else "application/json"
                entry.status = 503
                return web.Response(status=503, body=self.asleep.encode(), content_type=kind)
            if request.path in self.status_of:
                raise Refusal("", status=self.status_of[request.path])
            if chat and self.api_key and headers.get("authorization") != f"Bearer {self.api_key}":
                raise Refusal("", status=401)
            response = await handler(request)
        except Refusal as refusal:
            response = self._refused(refusal)
        except web.HTTPRequestEntityTooLarge:
            text = "Failed to buffer the request body: length limit exceeded"
            response = self._refused(Refusal("", text, 413))
        except web.HTTPException as error:  # 404, 405
            response = self._refused(Refusal("no_route", "File Not Found", error.status))
        except (asyncio.CancelledError, ConnectionError):
            entry.cancelled = True
            raise
        except Exception as error:
            self._errors.append(error)
            raise
        finally:
            entry.end = self._now()
            if entry.cancelled:
                self._write(entry)
        entry.status = None if entry.fault == "reset" else response.status
        if entry.fault not in ("reset", "cut") and (request.transport is None or request.transport.is_closing()):
            entry.cancelled = True  # the connection went while the answer was being made
        self._write(entry)
        return response

    def _write(self, entry: Request) -> None:
        if self.log_file and entry.path == CHAT:
            with self.log_file.open("a") as lines:
                lines.write(json.dumps(asdict(entry)) + "\n")

    def _refused(self, refusal: Refusal) -> web.Response:
        if refusal.kind:
            error = refusal.kind.removesuffix("_error").removesuffix("_generation")
            self.counts[f'tgi_request_failure{{err="{error}"}}'] += 1
        status, content_type, text = wire.render(self.profile, refusal)
        return web.Response(status=status, body=text.encode(), content_type=content_type if text else None)

    async def _page(self, http: web.Request) -> web.Response:
        return web.json_response(wire.PAGES[self.profile][http.path](self), dumps=wire.dumps)

    async def _prompt(self, http: web.Request) -> web.Response:
        """Show the prompt that a chat becomes, or its length."""
        body = wire.parse_json(await http.read(), http.content_type)
        if "messages" not in body:  # /tokenize of a text
            return web.json_response({"count": wire.count_tokens(str(body.get("prompt", "")))}, dumps=wire.dumps)
        ask = wire.ask_of(body, self.template, self)
        return web.json_response(wire.PROMPT_PAGES[self.profile][1](ask, self), dumps=wire.dumps)

    async def _health(self, http: web.Request) -> web.Response:
        if not self.healthy:
            raise Refusal("healthcheck", "unhealthy")
        return web.json_response({"status": "ok"}) if self.profile == "llamacpp" else web.Response()

    async def _metrics(self, http: web.Request) -> web.Response:
        """Show what was used so far: TGI has no zeros for the rest."""
        if not self.has_metrics:
            raise web.HTTPNotFound
        shown = self.counts if self.profile == "tgi" else {}
        lines = "".join(f"{name} {value}\n" for name, value in sorted(shown.items()))
        return web.Response(text=lines + (wire.gauges(self, *self.queue) if self.log else "") + self._vllm_only())

    def _vllm_only(self) -> str:
        figures = {
            "kv_cache_usage_perc": self.cache_used,
            "num_preemptions_total": self.preemptions,
            "generation_tokens_total": self._written,
        }
        label = f'{{engine="0",model_name="{self.model_id}"}}'
        lines = (f"vllm:{name}{label} {float(value)}\n" for name, value in figures.items())
        return "".join(lines) if self.profile == "vllm" else ""

    def _load(self, http: web.Request) -> dict[str, str]:
        """Return ORCA's header, as vLLM sends it."""
        if self.profile != "vllm" or not self.tells_load or "endpoint-load-metrics-format" not in http.headers:
            return {}
        told = {
            "kv_cache_usage_perc": self.cache_used,
            "num_requests_waiting": self.queue[0] - 1.0,
        }  # less the one that is through
        said = ", ".join(f"named_metrics.{name}={value}" for name, value in told.items())
        return {"endpoint-load-metrics": f"TEXT {said}"}

    # --- chats ---

    async def _chat(self, http: web.Request) -> web.StreamResponse:
        entry, raw = ENTRY.get(), await http.read()
        if len(raw) > self.payload_limit:
            raise web.HTTPRequestEntityTooLarge(self.payload_limit, len(raw))
        body = wire.parse_json(raw, http.content_type)
        entry.body = body if isinstance(body, dict) else {}
        fault = self._pick(entry) or Fault()
        if fault.kind == "hang":
            await asyncio.sleep(FOR_EVER if fault.seconds is None else fault.seconds)
        elif fault.kind == "reset":
            _close(http.transport, reset=True)
            return web.Response()
        elif fault.kind in ("503", "status"):
            headers = {"Content-Type": "text/html", **fault.headers}
            return web.Response(status=fault.status, body=fault.body.encode(), headers=headers)
        try:
            response = await self._answer(http, entry, body, fault)
        except Refusal as refusal:
            response = self._refused(refusal)
        if not response.prepared:
            response.headers.update(fault.headers)
        return response

    def _pick(self, entry: Request) -> Fault | None:
        content = wire.dumps(entry.body.get("messages"))
        attempt = self._attempts[content]
        self._attempts[content] += 1
        for fault in self._faults:
            if fault.hits(entry.number, attempt, content):
                fault.fired += 1
                entry.fault = fault.kind
                return fault
        return None

    async def _answer(self, http: web.Request, entry: Request, body: Json, fault: Fault) -> web.StreamResponse:
        """Do what TGI does, in its order: types, template, permit, checks; then generate and send."""
        self.counts["tgi_request_count"] += 1
        wire.check_chat(body)
        if body.get("stream"):
            raise Refusal("", "This double does not stream", 501)
        ask = wire.ask_of(body, self.template, self)
        self.counts["tgi_request_count"] += 1  # a chat counts twice, as in TGI
        with self._permit(fault):
            wire.validate(ask, self)
            text, reason, tokens = await self._generate(entry, ask, fault)
            self.counts["tgi_request_success"] += 1
            reply = wire.chat_completion(text, reason, tokens, ask, self)
            raw = wire.dumps(reply).encode("utf-8", "surrogateescape")
            queued, total = (entry.start or 0.0) - entry.arrival, self._now() - entry.arrival
            headers = wire.headers_of(ask, tokens, queued, total) if self.profile == "tgi" else self._load(http)
            self._written += tokens
            return await _send(http, HTML_503.encode() if fault.kind == "not_json" else raw, headers, fault)

    @contextmanager
    def _permit(self, fault: Fault) -> Iterator[None]:
        """Hold one of `max_concurrent_requests` or be refused; llama.cpp queues, and vLLM up to `max_queued`."""
        full = self._held >= self.max_concurrent_requests and self.profile in ("tgi", "sglang")
        if self.profile == "vllm" and self.max_queued is not None:
            full = self._held - self._batch >= self.max_queued and self._batch > 0
        if full or fault.kind == "429":
            said = {"tgi": wire.OVERLOADED, "vllm": wire.ENGINE_BUSY}.get(self.profile, wire.QUEUE_FULL)
            raise Refusal("overloaded", said)
        self._held += 1
        self.peak = max(self.peak, self._held)
        try:
            yield
        finally:
            self._held -= 1

    async def _generate(self, entry: Request, ask: Ask, fault: Fault) -> tuple[str, str, int]:
        async with self._slots:
            entry.start = self._now()
            self._batch += 1
            try:
                if fault.kind == "424":
                    self._crashes += fault.whole_batch
                    raise Refusal("generation", wire.GENERATION)
                given = self.reply(ask.body["messages"], ask.body.get("seed"), ask.temperature, ask.body)
                answer = given if isinstance(given, Reply) else Reply(given)
                if ask.is_closed:
                    answer = Reply("")  # as real models do that find their answer closed
                elif ask.begun and self.profile == "llamacpp":
                    answer = replace(answer, text=ask.begun + answer.text)
                if answer.status != 200:
                    kinds = {status: kind for kind, status in reversed(wire.STATUS.items())}
                    raise Refusal(kinds[answer.status], answer.text)
                text, reason, tokens = wire.finish(answer.text, ask, self)
                if answer.finish_reason:
                    text, reason = answer.text, answer.finish_reason
                    tokens = wire.count_tokens(text) + 1
                tokens = answer.completion_tokens or tokens
                await self._decode(ask.prompt_tokens, tokens)
                if fault.kind == "500":
                    raise Refusal("incomplete_generation", wire.INCOMPLETE)
                return _spoil(fault, text, reason, tokens, ask)
            finally:
                self._batch -= 1

    async def _decode(self, prompt_tokens: int, tokens: int) -> None:
        """Take the time it takes: the step's length follows the batch, looked at every 5 ms or so."""
        crashes, due = self._crashes, self._now() + self.speed.prefill * prompt_tokens
        while True:
            await asyncio.sleep(max(0.0, due - self._now()))
            if crashes != self._crashes:
                raise Refusal("generation", wire.GENERATION)
            if tokens <= 0:
                return
            step = self.speed.step + self.speed.step_per_sequence * self._batch
            steps = min(tokens, math.ceil(0.005 / step)) if step else tokens
            due, tokens = due + steps * step, tokens - steps


def _spoil(fault: Fault, text: str, reason: str, tokens: int, ask: Ask) -> tuple[str, str, int]:
    match fault.kind:
        case "empty":
            return "", "eos_token", 1
        case "length":
            half = text[: len(text) // 2]
            return half, "length", wire.count_tokens(half)
        case "unclosed" if "```" in text:
            return text[: text.rindex("```")], reason, tokens
        case "stop_sequence":
            return text + (ask.stop or [""])[0], "stop_sequence", tokens
        case "not_utf8":
            return "\udcff\udcfe" + text, reason, tokens  # sent as the bytes ff fe
        case "huge":
            return "x" * fault.size, reason, tokens
    return text, reason, tokens


async def _send(http: web.Request, raw: bytes, headers: dict[str, str], fault: Fault) -> web.StreamResponse:
    if fault.kind not in ("slow", "cut", "stall"):
        response = web.Response(body=raw, content_type="application/json", headers=headers)
        if fault.kind == "huge":
            response.enable_chunked_encoding()  # the length is not said beforehand
        if fault.kind == "close_idle":
            asyncio.get_running_loop().call_later(fault.seconds or 0.05, _close, http.transport)
        return response
    stream = web.StreamResponse(headers={**headers, "Content-Type": "application/json"})
    stream.content_length = len(raw)
    await stream.prepare(http)
    if fault.kind in ("cut", "stall"):
        await stream.write(raw[: len(raw) // 2])
        await asyncio.sleep(FOR_EVER if fault.kind == "stall" else 0)
        _close(http.transport)
        return stream
    size = len(raw) // 20 + 1
    for at in range(0, len(raw), size):
        await stream.write(raw[at : at + size])
        await asyncio.sleep((fault.seconds or 1.0) / 20)
    return stream


def _close(transport: asyncio.Transport | None, *, reset: bool = False) -> None:
    if transport and reset:  # no lingering: the peer gets a TCP reset, not an orderly end
        option = struct.pack("ii", 1, 0)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, option)
        transport.abort()
    elif transport:
        transport.close()


# --- as a process of its own ---


@contextmanager
def separate_process(*arguments: str) -> Iterator[str]:
    """Run the double in another process, with these command-line arguments; gives its URL."""
    command = [sys.executable, "-m", "tests.tgi_double", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1]) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


async def _main(server: TgiDouble) -> None:
    stop = asyncio.Event()
    for number in (SIGINT, SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await server.serve(stop, lambda: print(server.url, flush=True))


def main() -> None:
    """Serve until SIGTERM; the first line of stdout is the URL."""
    parser = argparse.ArgumentParser(prog="python -m tests.tgi_double", description=main.__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--profile", choices=list(wire.PAGES), default="tgi")
    parser.add_argument("--model-id", default=Settings.model_id)
    parser.add_argument("--model-sha", default=Settings.model_sha)
    parser.add_argument("--max-concurrent-requests", type=int, default=Settings.max_concurrent_requests)
    parser.add_argument("--step", type=float, default=0.0, help="seconds a token")
    parser.add_argument("--log", type=Path, dest="log_file", help="append a JSON line for every ended request")
    parser.add_argument("--fail-rate", type=float, default=0.0, help=f"spread over {', '.join(FAILURES)}")
    parser.add_argument("--seed", type=int, default=0, help="of the failures")
    options = vars(parser.parse_args())
    rate, seed, step = options.pop("fail_rate"), options.pop("seed"), options.pop("step")
    server = TgiDouble(speed=Speed(step=step), **options)
    for kind in FAILURES:
        server.fault(kind, rate=rate / len(FAILURES), seed=seed)
    asyncio.run(_main(server))


if __name__ == "__main__":
    main()
