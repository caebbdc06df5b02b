"""One request over the wire."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import aiohttp

from builder.errors import ConnectionBroken, GenerationFailed, ServerUnavailable
from builder.rewriting.generation import Generation
from builder.rewriting.outcome import error_for, generation_of, waited_of
from builder.rewriting.servers import Server, body_of, words_of

_BODY_SECONDS = 60.0  # between two pieces of a body; the headers may take as long as the generation does
_BODY_BYTES = 8 << 20  # an answer of 32,768 tokens is a few hundred KB, six times that with each letter escaped
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
                return Answer(generation_of(content, response.headers, server.url), waited_of(response.headers))
            if response.status == 504 and time.monotonic() - start > _LONG:
                raise ConnectionBroken(f"504: {words_of(content)}", where=server.url)
            raise error_for(response.status, content, response.headers, server)
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        raise ServerUnavailable(f"{error or type(error).__name__}", where=server.url) from error
    except (aiohttp.ClientError, asyncio.TimeoutError, OSError) as error:
        raise ConnectionBroken(f"{error or type(error).__name__}", where=server.url) from error
