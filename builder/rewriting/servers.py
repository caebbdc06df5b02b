"""The servers that generate: found out by asking them, spoken to over the Messages API (`/v1/chat/completions`).

TGI, vLLM, SGLang and llama.cpp all speak it; the request is the part of it that every one of them takes.
Errors are told apart by status and `error_type`, never by their words.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson

from builder.errors import (
    GenerationFailed,
    NoServer,
    RequestRejected,
    ServerOverloaded,
    ServerRefused,
    ServerUnavailable,
)

KEY_VARIABLE = "BUILDER_SERVER_KEY"
"""Environment variable with the servers' key, sent to them as a bearer token and nowhere else."""

COMPLETE = frozenset({"stop", "eos_token", "stop_sequence"})
"""The finish reasons of an answer that the model ended itself."""

_IN_FLIGHT = {"vllm": 256, "sglang": 256}  # what they work on at once unless told otherwise; more would queue
_IN_FLIGHT_ELSEWHERE = 64
_PROBE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Generation:
    """One finished answer of a server, as journalled.

    Attributes:
        answer: What the model wrote, as the server sent it, without the prefill.
        finish_reason: As the server named it.
        prompt_tokens: Tokens read.
        completion_tokens: Tokens written.
    """

    answer: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class Model:
    """Which model answers: its id and, where the server tells it, the sha of its weights."""

    id: str
    sha: str | None = None

    def __str__(self) -> str:
        return f"{self.id}@{self.sha[:12]}" if self.sha else self.id


@dataclass(frozen=True, slots=True)
class Server:
    """A server as it described itself."""

    url: str
    kind: str
    model: Model
    limit: int
    max_total_tokens: int | None

    def as_json(self) -> dict[str, Any]:
        """Return what `servers --json` prints."""
        return {
            "url": self.url,
            "kind": self.kind,
            "model": self.model.id,
            "model_sha": self.model.sha,
            "max_concurrent_requests": self.limit,
            "max_total_tokens": self.max_total_tokens,
        }


async def probe(session: aiohttp.ClientSession, url: str, model_sha: str | None = None) -> Server:
    """Ask a server what it is.

    Args:
        session: The session to ask with.
        url: The server's root, with or without `/v1`.
        model_sha: Digest of the weights, where the caller started the server itself and knows it.

    Raises:
        NoServer: Nothing usable answers there.
    """
    root = url.rstrip("/").removesuffix("/v1")
    try:
        info = await _get(session, f"{root}/info")
        if info and "model_id" in info:
            model = Model(info["model_id"], info.get("model_sha"))
            limit = int(info.get("max_concurrent_requests") or _IN_FLIGHT_ELSEWHERE)
            return Server(root, "tgi", model, limit, info.get("max_total_tokens"))
        models = await _get(session, f"{root}/v1/models")
    except (aiohttp.ClientError, asyncio.TimeoutError, OSError) as error:
        raise NoServer(
            f"it does not answer ({error or type(error).__name__})",
            where=root,
            remedy="start it, or correct --server; while a TGI server loads its model it refuses connections",
        ) from error
    if not models or not models.get("data"):
        raise NoServer("what answers there has no /info and no /v1/models: not an LLM server", where=root)
    first = models["data"][0]
    kind = {"llamacpp": "llama.cpp", "vllm": "vllm", "sglang": "sglang"}.get(first.get("owned_by"), "openai")
    context, limit = first.get("max_model_len"), _IN_FLIGHT.get(kind, _IN_FLIGHT_ELSEWHERE)
    if kind == "llama.cpp":
        properties = await _get(session, f"{root}/props") or {}
        limit = int(properties.get("total_slots", limit))
        context = properties.get("default_generation_settings", {}).get("n_ctx")
    return Server(root, kind, Model(first["id"], model_sha), limit, context)


async def probe_all(urls: Sequence[str]) -> list[Server]:
    """Ask several servers at once what they are."""
    async with new_session() as session:
        return list(await asyncio.gather(*(probe(session, url) for url in urls)))


async def _get(session: aiohttp.ClientSession, url: str) -> dict[str, Any] | None:
    async with session.get(url, timeout=aiohttp.ClientTimeout(total=_PROBE_SECONDS)) as response:
        if response.status in (401, 403):
            raise ServerRefused(
                f"it answers {response.status}", where=url, remedy=f"put the server's key into ${KEY_VARIABLE}"
            )
        if response.status >= 500:
            raise aiohttp.ClientError(f"status {response.status}")
        if response.status != 200:
            return None
        try:
            content = orjson.loads(await response.read())
        except orjson.JSONDecodeError:
            return None
        return content if isinstance(content, dict) else None


def new_session() -> aiohttp.ClientSession:
    """Return a session for talking to servers: keep-alive, unpooled limits, no proxy or netrc of the user's."""
    key = os.environ.get(KEY_VARIABLE)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
        headers={"Authorization": f"Bearer {key}"} if key else {},
        trust_env=False,
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """A server's answer, and the share of its time that the request waited in the server's queue, if told."""

    generation: Generation
    waited: float | None


async def post(session: aiohttp.ClientSession, server: Server, body: bytes) -> Answer:
    """Send one request.

    Raises:
        ServerOverloaded: The server holds as many requests as it takes.
        ServerUnavailable: A proxy's error or a broken connection.
        GenerationFailed: The server broke on this input, or its answer is none.
        RequestRejected: The server will never take this input.
        ServerRefused: The server refuses us.
    """
    url = f"{server.url}/v1/chat/completions"
    try:
        headers = {"Content-Type": "application/json"}
        # A redirect would take the document to a place nobody named, and come back as a page.
        async with session.post(url, data=body, headers=headers, allow_redirects=False) as response:
            content = await response.read()
            if response.status == 200:
                return Answer(read_generation(content, server.url), _waited(response.headers))
            if response.status == 503 and server.kind == "sglang":  # which says so that its queue is full
                raise ServerOverloaded(f"503: {_words(content)}", where=server.url)
            raise error_for(response.status, content, server.url)
    except (aiohttp.ClientError, asyncio.TimeoutError, OSError) as error:
        raise ServerUnavailable(f"{error or type(error).__name__}", where=server.url) from error


def _waited(headers: Mapping[str, str]) -> float | None:
    """Return the share of queue time, which TGI tells in milliseconds."""
    try:
        return int(headers["x-queue-time"]) / max(1, int(headers["x-total-time"]))
    except (KeyError, ValueError):
        return None


def read_generation(content: bytes, where: str) -> Generation:
    """Read a 200 answer.

    Raises:
        ServerUnavailable: It is a page, not a server's answer: no input is to blame for what a proxy says.
        GenerationFailed: It is not a chat completion.
    """
    if not content.lstrip().startswith(b"{"):
        raise ServerUnavailable(f"200, with {_words(content)!r:.200} in place of an answer", where=where)
    try:
        answer = orjson.loads(content)
        choice, usage = answer["choices"][0], answer.get("usage") or {}
        text = choice["message"]["content"] or ""
        if not isinstance(text, str):
            raise TypeError(f"content is {type(text).__name__}")
        return Generation(
            answer=text,
            finish_reason=str(choice["finish_reason"]),
            prompt_tokens=int(usage.get("prompt_tokens") or 0),
            completion_tokens=int(usage.get("completion_tokens") or 0),
        )
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise GenerationFailed(f"its answer is not a chat completion ({error!r:.200})", where=where) from error


def error_for(status: int, content: bytes, where: str) -> Exception:
    """Return the error that a status other than 200 means: try elsewhere, a few times, never, or stop."""
    what = f"{status}: {_words(content)}"
    if status in (401, 403, 404, 405):
        return ServerRefused(
            what,
            where=where,
            remedy=f"check the address and the key in ${KEY_VARIABLE}; then run the same command again",
        )
    if status in (424, 500):
        return GenerationFailed(what, where=where)
    if status == 429:
        return ServerOverloaded(what, where=where)
    if status >= 500 or status < 400 or status in (408, 425):  # a redirect, and what a proxy has no patience for
        return ServerUnavailable(what, where=where)
    return RequestRejected(what, where=where)


def _words(content: bytes) -> str:
    """Return what the server said, in any of the shapes that servers and proxies have for it."""
    try:
        said = orjson.loads(content)
    except orjson.JSONDecodeError:
        return content.decode("utf-8", "replace")[:300] or "(empty body)"
    if isinstance(said, dict):
        error = said.get("error", said)
        said = error if isinstance(error, str) else error.get("message") or error.get("detail") or error
    return str(said)[:300]
