"""The servers that generate: found out by asking them.

TGI, vLLM, SGLang and llama.cpp all speak the Messages API (`/v1/chat/completions`); `transport` sends the part
of it that every one of them takes.
"""

from __future__ import annotations

import asyncio
import codecs
import os
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson

from builder.errors import NoServer, NotAServer, ServerRefused
from builder.rewriting.dialect import PLAIN, Dialect
from builder.rewriting.generation import Model

KEY_VARIABLE = "BUILDER_SERVER_KEY"
"""Environment variable with the servers' key, sent to them as a bearer token and nowhere else."""

_IN_FLIGHT = {"vllm": 256, "sglang": 256}  # what they work on at once unless told otherwise; more would queue
_IN_FLIGHT_ELSEWHERE = 64
_MOST_IN_FLIGHT = 4096  # at a server that tells no limit: above what any works on at once
_PROBE_SECONDS = 10.0
_PAGE_BYTES = 1 << 20
_START_IT = "start it, or correct --server; while a TGI server loads its model it refuses connections"


@dataclass(frozen=True, slots=True)
class Server:
    """A server as it described itself.

    Attributes:
        url: Its root.
        kind: tgi, vllm, sglang, llama.cpp, or openai for another that speaks the Messages API.
        model: What it serves.
        limit: How many requests at once it gets to begin with.
        max_total_tokens: Its context, if told.
        most: How many it gets at most; more than `limit` where it doesn't tell and may have room for more.
        weights: Where its weights are from, if told: a repository or a folder, whatever it calls the model.
        dialect: What it is sent beside the fields that all take.
    """

    url: str
    kind: str
    model: Model
    limit: int
    max_total_tokens: int | None
    most: int
    weights: str | None = None
    dialect: Dialect = PLAIN

    def as_json(self) -> dict[str, Any]:
        """Return what `servers --json` prints."""
        return {
            "url": self.url,
            "kind": self.kind,
            "model": self.model.id,
            "model_sha": self.model.sha,
            "max_concurrent_requests": self.limit if self.limit == self.most else None,
            "max_total_tokens": self.max_total_tokens,
        }


async def probe(session: aiohttp.ClientSession, url: str, model_sha: str | None = None) -> Server:
    """Ask a server what it is.

    Args:
        session: The session to ask with.
        url: The server's root, with or without `/v1`.
        model_sha: Digest of the weights, where the caller started the server itself and knows it.

    Raises:
        NoServer: Nothing answers there now; it may later.
        NotAServer: What answers there is no LLM server.
        ServerRefused: What answers there refuses us.
    """
    root = url.rstrip("/").removesuffix("/v1")
    try:
        return await _described(session, root, model_sha)
    except (aiohttp.ClientError, asyncio.TimeoutError, OSError) as error:
        raise NoServer(
            f"it does not answer ({error or type(error).__name__})", where=root, remedy=_START_IT
        ) from error
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise NoServer(f"what it says of itself can't be read ({error!r:.200})", where=root) from error


async def _described(session: aiohttp.ClientSession, root: str, model_sha: str | None) -> Server:
    info = await _get(session, f"{root}/info")
    if info and "model_id" in info:
        limit = int(info.get("max_concurrent_requests") or _IN_FLIGHT_ELSEWHERE)
        model = Model(info["model_id"], info.get("model_sha"))
        return Server(root, "tgi", model, limit, info.get("max_total_tokens"), limit)
    models = await _get(session, f"{root}/v1/models")
    if not models or not models.get("data"):
        raise NotAServer(
            "what answers there has no /info and no /v1/models: not an LLM server",
            where=root,
            remedy="correct --server: it takes a server's root, such as http://HOST:8080",
        )
    first = models["data"][0]
    model = Model(first["id"], model_sha)
    kind = {"llamacpp": "llama.cpp", "vllm": "vllm", "sglang": "sglang"}.get(first.get("owned_by"), "openai")
    if kind == "llama.cpp":
        properties = await _get(session, f"{root}/props") or {}
        limit = int(properties.get("total_slots") or _IN_FLIGHT_ELSEWHERE)
        limit += max(1, limit // 8)  # it queues: no slot idles while an answer is on its way and a request comes
        context = properties.get("default_generation_settings", {}).get("n_ctx")
        return Server(root, kind, model, limit, context, limit)
    limit = _IN_FLIGHT.get(kind, _IN_FLIGHT_ELSEWHERE)
    weights = first.get("root") if isinstance(first.get("root"), str) else None
    return Server(root, kind, model, limit, first.get("max_model_len"), _MOST_IN_FLIGHT, weights)


async def _get(session: aiohttp.ClientSession, url: str) -> dict[str, Any] | None:
    """Return a page, None where the server has none; a proxy's words in its place are a `ClientError`."""
    async with session.get(url, timeout=aiohttp.ClientTimeout(total=_PROBE_SECONDS)) as response:
        if response.status in (401, 403):
            raise ServerRefused(
                f"it answers {response.status}", where=url, remedy=f"put the server's key into ${KEY_VARIABLE}"
            )
        content = await body_of(response, _PAGE_BYTES)
        if content is None:
            raise aiohttp.ClientError(f"status {response.status}, with more than {_PAGE_BYTES >> 20} MiB")
        if response.status >= 500 or response.status in (408, 425, 429):
            raise aiohttp.ClientError(f"status {response.status}: {words_of(content)}")
        if response.status != 200:
            return None
        try:
            page = orjson.loads(content)
        except orjson.JSONDecodeError as error:
            raise aiohttp.ClientError(f"status 200, but not JSON: {words_of(content)}") from error
        return page if isinstance(page, dict) else None


def new_session() -> aiohttp.ClientSession:
    """Return a session for talking to servers: keep-alive, unpooled limits, no proxy or netrc of the user's.

    It takes no cookies: with a load balancer's, all that one client asks would go to one of the servers behind it.
    """
    key = os.environ.get(KEY_VARIABLE)
    return aiohttp.ClientSession(
        # uvicorn, under vLLM and SGLang, closes a connection that was idle for 5 s.
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=4),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
        headers={"Authorization": f"Bearer {key}"} if key else {},
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
    )


async def body_of(response: aiohttp.ClientResponse, most: int, pause: float | None = None) -> bytes | None:
    """Read a body of at most so many bytes, with at most so many seconds between two pieces.

    Returns:
        The body, None where it is longer: what there is more of it is not read.

    Raises:
        asyncio.TimeoutError: No more of it came.
    """
    pieces, size, content = [], 0, response.content
    # Most bodies are there with their headers: a timer for each would cost a tenth of a request.
    while piece := content.read_nowait() if content.is_eof() else await asyncio.wait_for(content.readany(), pause):
        pieces.append(piece)
        size += len(piece)
        if size > most:
            response.close()
            return None
    return b"".join(pieces).removeprefix(codecs.BOM_UTF8)  # which JSON may not begin with


def words_of(content: bytes) -> str:
    """Return what a server said, in any of the shapes that servers and proxies have for it."""
    try:
        said = orjson.loads(content)
    except orjson.JSONDecodeError:
        return " ".join(content.decode("utf-8", "replace").split())[:300] or "(empty body)"
    if isinstance(said, dict):
        error = said.get("error", said)
        said = (error.get("message") or error.get("detail") or error) if isinstance(error, dict) else error
    try:
        return str(said)[:300]
    except RecursionError:
        return "(a body nested too deeply)"
