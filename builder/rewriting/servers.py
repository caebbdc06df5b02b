"""The servers that generate: found out by asking them, spoken to over the Messages API (`/v1/chat/completions`).

TGI, vLLM, SGLang and llama.cpp all speak it; the request is the part of it that every one of them takes.
Errors are told apart by status and `error_type`, never by their words.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import aiohttp
import orjson
import tenacity

from builder.errors import (
    GenerationFailed,
    ModelMismatch,
    NoServer,
    RequestRejected,
    ServerRefused,
    ServerUnavailable,
)
from builder.rewriting.prompts import Message, Sampling

KEY_VARIABLE = "BUILDER_SERVER_KEY"
"""Environment variable with the servers' key, sent to them as a bearer token and nowhere else."""

COMPLETE = frozenset({"stop", "eos_token", "stop_sequence"})
"""The finish reasons of an answer that the model ended itself."""

_IN_FLIGHT = 64  # for a server that tells no limit of its own
_GENERATION_TRIES = 3  # a prompt that breaks the server takes its whole batch down each time
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


@dataclass(slots=True)
class Server:
    """A server as it described itself."""

    url: str
    kind: str
    model: Model
    limit: int
    max_total_tokens: int | None
    in_flight: int = field(default=0)

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
            limit = int(info.get("max_concurrent_requests") or _IN_FLIGHT)
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
    context, limit = first.get("max_model_len"), _IN_FLIGHT
    if kind == "llama.cpp":
        properties = await _get(session, f"{root}/props") or {}
        limit = int(properties.get("total_slots", _IN_FLIGHT))
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
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=600),
        headers={"Authorization": f"Bearer {key}"} if key else {},
        trust_env=False,
    )


class ServerPool:
    """The servers of a run, all with the same model. Use as an async context manager."""

    def __init__(
        self,
        urls: Sequence[str],
        *,
        expected: Model | None = None,
        model_sha: str | None = None,
        patience: float = 300.0,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Remember the servers; they are asked when the pool is entered.

        Args:
            urls: The servers' roots.
            expected: The model that the run began with, None for a first run.
            model_sha: Digest of the weights, where the caller started the server and knows it.
            patience: Seconds to go on trying while no server takes a request.
            say: Told when servers are found failing.
        """
        self._urls, self._expected, self._model_sha = urls, expected, model_sha
        self._patience, self._say = patience, say

    async def __aenter__(self) -> ServerPool:
        self._session = new_session()
        try:
            self.servers = [await probe(self._session, url, self._model_sha) for url in self._urls]
            self._agree()
        except BaseException:
            await self._session.close()
            raise
        self._permits = asyncio.Semaphore(self.limit)
        self._failing_since: float | None = None
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    def _agree(self) -> None:
        self.model = self._expected or self.servers[0].model
        for server in self.servers:
            if server.model != self.model:
                began = "the run began with" if self._expected else f"{self.servers[0].url} serves"
                raise ModelMismatch(
                    f"it serves {server.model}, {began} {self.model}",
                    where=server.url,
                    remedy="use servers of one model, or build into another run with --run DIR",
                )

    @property
    def limit(self) -> int:
        """How many requests all servers together take at once."""
        return sum(server.limit for server in self.servers)

    async def generate(self, messages: Sequence[Message], sampling: Sampling, seed: int) -> Generation:
        """Have one answer generated, waiting for a permit and trying again while that can help.

        Raises:
            NoServer: No server took it within the pool's patience.
            RequestRejected: The servers refuse this input.
            GenerationFailed: A server broke on this input several times.
            ServerRefused: The servers refuse us.
        """
        body = orjson.dumps(
            {
                "model": self.model.id,
                "messages": list(messages),
                **sampling.model_dump(exclude_none=True),
                "seed": seed,
                "stream": False,
            }
        )
        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(lambda error: bool(getattr(error, "retryable", False))),
            stop=self._out_of_patience,
            wait=tenacity.wait_random_exponential(multiplier=0.2, max=15),
            reraise=True,
        )
        try:
            generation: Generation = await retrying(self._once, body)
        except ServerUnavailable as error:
            raise NoServer(
                f"no server took a request for {self._patience:.0f} s; the last said: {error.what}",
                where=error.where,
                remedy="mend the servers, then run the same command: it goes on where this one stopped",
            ) from error
        return generation

    def _out_of_patience(self, state: tenacity.RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, GenerationFailed):
            return state.attempt_number >= _GENERATION_TRIES
        if state.attempt_number == 5:
            self._say(f"a server is failing, trying on: {error}")
        # The pool's patience, not the request's: while others are answered, this one waits its turn.
        self._failing_since = self._failing_since or time.monotonic()
        return time.monotonic() - self._failing_since > self._patience

    async def _once(self, body: bytes) -> Generation:
        async with self._permits:
            server = max(self.servers, key=lambda server: server.limit - server.in_flight)
            server.in_flight += 1
            try:
                generation = await self._post(server, body)
            finally:
                server.in_flight -= 1
        self._failing_since = None
        return generation

    async def _post(self, server: Server, body: bytes) -> Generation:
        url = f"{server.url}/v1/chat/completions"
        try:
            async with self._session.post(
                url, data=body, headers={"Content-Type": "application/json"}
            ) as response:
                content = await response.read()
                if response.status == 200:
                    return read_generation(content, server.url)
                raise error_for(response.status, content, server.url)
        except (aiohttp.ClientError, asyncio.TimeoutError, OSError) as error:
            raise ServerUnavailable(f"{error or type(error).__name__}", where=server.url) from error


def read_generation(content: bytes, where: str) -> Generation:
    """Read a 200 answer.

    Raises:
        GenerationFailed: It is not a chat completion.
    """
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
    if status == 429 or status >= 500:
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
