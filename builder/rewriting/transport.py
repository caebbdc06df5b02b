"""One request over the wire, and what its answer means: a generation, or which error.

Errors are told apart by status, content type and form, never by their words. What comes from a proxy says nothing
of the document; what comes from the server that generates may.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import orjson

from builder.errors import (
    ConnectionBroken,
    GenerationFailed,
    RequestRejected,
    ServerOverloaded,
    ServerRefused,
    ServerUnavailable,
)
from builder.rewriting.generation import Generation
from builder.rewriting.servers import KEY_VARIABLE, Server, body_of, words_of
from builder.rewriting.too_long import too_long
from builder.text import without_bom

_BODY_SECONDS = 60.0  # between two pieces of a body; the headers may take as long as the generation does
_BODY_BYTES = 8 << 20  # an answer of 32,768 tokens is a few hundred KB, six times that with each letter escaped
_RETRY_AFTER_SECONDS = 60.0  # at most; nobody answers for what a server says
_LONG = 30.0  # seconds; a 504 before that is about the server, one after it perhaps about a long generation


@dataclass(frozen=True, slots=True)
class Answer:
    """A server's answer, and the share of its time that the request waited in the server's queue, if told."""

    generation: Generation
    waited: float | None


async def post(
    session: aiohttp.ClientSession, server: Server, body: bytes, seconds: float | None = None
) -> Answer:
    """Send one request; without `seconds` it is the caller's to give it up.

    Raises:
        ServerOverloaded: The server holds as many requests as it takes.
        ServerUnavailable: A proxy's page, or a server that is not up.
        ConnectionBroken: The connection broke, brought no more of a body, or a proxy ended a long wait.
        GenerationFailed: The server broke on this input, or its answer is none.
        RequestRejected: The server will never take this input.
        TooLong: It will, if less is asked for, or one with a larger context will.
        ServerRefused: The server refuses us.
    """
    url, start = f"{server.url}/v1/chat/completions", time.monotonic()
    headers = {"Content-Type": "application/json"}
    timeout = session.timeout if seconds is None else aiohttp.ClientTimeout(total=seconds, sock_connect=10)
    try:
        # A redirect would take the document to a place nobody named, and come back as a page.
        asked = session.post(url, data=body, headers=headers, timeout=timeout, allow_redirects=False)
        async with asked as response:
            content = await body_of(response, _BODY_BYTES, _BODY_SECONDS)
            if content is None:
                raise GenerationFailed(f"its answer is longer than {_BODY_BYTES >> 20} MiB", where=server.url)
            if response.status == 200:
                return Answer(_generation(content, response.headers, server.url), _waited(response.headers))
            if response.status == 504 and time.monotonic() - start > _LONG:
                raise ConnectionBroken(f"504: {words_of(content)}", where=server.url)
            if refusal := too_long(response.status, content, body, server):
                raise refusal
            raise error_for(response.status, content, response.headers, server)
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        raise ServerUnavailable(f"{error or type(error).__name__}", where=server.url) from error
    except (aiohttp.ClientError, asyncio.TimeoutError, OSError) as error:
        raise ConnectionBroken(f"{error or type(error).__name__}", where=server.url) from error


def _generation(content: bytes, headers: Mapping[str, str], where: str) -> Generation:
    """Read a 200: JSON is the server's own, whatever its type says; a page is a proxy's, and blames no input."""
    try:
        said = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        kind = headers.get("Content-Type", "no content type").partition(";")[0].strip().lower()
        if kind.endswith("json") and not content.lstrip().startswith(b"<"):
            raise GenerationFailed(f"its answer is not JSON ({error})", where=where) from error
        raise ConnectionBroken(f"200, but no answer ({kind}): {words_of(content)}", where=where) from error
    try:
        choice, usage = said["choices"][0], said.get("usage") or {}
        reason = choice["finish_reason"]
        if not isinstance(reason, str | None):
            raise TypeError(f"finish_reason is {type(reason).__name__}")
        return Generation(
            answer=without_bom(_answer(choice["message"])),
            finish_reason=str(reason),
            prompt_tokens=_count(usage.get("prompt_tokens")),
            completion_tokens=_count(usage.get("completion_tokens")),
        )
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
        raise GenerationFailed(f"its answer is not a chat completion ({error!r:.200})", where=where) from error


def _answer(message: Mapping[str, Any]) -> str:
    """Return what the model wrote; a thought alone as one that never closes, which is what it is.

    A server that cuts thoughts off sends them beside the answer: as `reasoning`, as `reasoning_content`, or as
    parts of another type than `text`.
    """
    thought = message.get("reasoning") or message.get("reasoning_content")
    text = (message.get("content") if thought else message["content"]) or ""
    if isinstance(text, list):
        text = "".join(part["text"] for part in text if part["type"] == "text")
    if not isinstance(text, str):
        raise TypeError(f"content is {type(text).__name__}")
    return f"<think>\n{thought}" if isinstance(thought, str) and not text.strip() else text


def _count(said: object) -> int:
    """Return a number of tokens, 0 where it is not told.

    Raises:
        ValueError: It is none that a table could hold.
    """
    count = int(said or 0) if isinstance(said, int | float | str | None) else -1
    if not 0 <= count < 2**63:
        raise ValueError(f"{said!r:.40} tokens")
    return count


def error_for(status: int, content: bytes, headers: Mapping[str, str], server: Server) -> Exception:
    """Return the error that a status other than 200 means: try elsewhere, a few times, never, or stop."""
    what, where = f"{status}: {words_of(content)}", server.url
    if status in (401, 402, 403, 404, 405, 407, 451):
        return ServerRefused(
            what,
            where=where,
            remedy=f"check the address and the key in ${KEY_VARIABLE}; then run the same command again",
        )
    if status in (424, 500):
        return GenerationFailed(what, where=where)
    if status == 429 or (status == 503 and server.kind == "sglang"):  # which says so that its queue is full
        return ServerOverloaded(what, where=where, retry_after=_retry_after(headers))
    if status in (400, 413, 414, 422, 431):
        return RequestRejected(what, where=where)
    # A redirect, what a proxy has no patience for, and what says nothing of the input.
    return ServerUnavailable(what, where=where, retry_after=_retry_after(headers))


def _retry_after(headers: Mapping[str, str]) -> float:
    """Return the seconds after which the server wants to be asked again, 0 where it does not say."""
    said = headers.get("Retry-After", "")
    try:
        seconds = float(said) if said[:1].isdigit() else parsedate_to_datetime(said).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return 0.0
    return min(max(0.0, seconds), _RETRY_AFTER_SECONDS)


def _waited(headers: Mapping[str, str]) -> float | None:
    """Return the share of queue time, which TGI tells in milliseconds."""
    try:
        return int(headers["x-queue-time"]) / max(1, int(headers["x-total-time"]))
    except (KeyError, ValueError, OverflowError):
        return None
