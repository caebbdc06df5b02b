"""One request over the wire. A connection that breaks is tried once more on a new one before it counts.

A server closes connections that were idle, and one that stalls closes all of them at once: what was just sent over
such a connection comes back as a reset, and says nothing of the server or of the input.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
import time
from collections.abc import Mapping
from dataclasses import replace

import aiohttp
from yarl import URL

from builder.rewriting.metrics import LOAD_WANTED
from builder.rewriting.outcome import Answer, Outcome, Sign, Trouble, outcome_of
from builder.rewriting.servers import Server
from builder.rewriting.sessions import body_of, new_session
from builder.rewriting.too_long import too_long

_STATUS_OF_OURS = re.compile(r"\b400, message\s*[:=]\s*")  # aiohttp's, of what it can't read: no server said so
_FETCHES = 100  # of one answer
_BODY_SECONDS = 60.0  # between two pieces of a body; the headers may take as long as the generation does
_BODY_BYTES = 8 << 20  # an answer of 32,768 tokens is a few hundred KB, six times that with each letter escaped


class Transport:
    """Sessions with the servers: `session` keeps connections. Use as an async context manager.

    Attributes:
        tries_again: Whether what a broken connection took with it is sent once more.
    """

    tries_again: bool = True

    async def __aenter__(self) -> Transport:
        self.session = new_session()
        self._fresh = new_session(keeps_connections=False)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.session.close()
        await self._fresh.close()

    async def post(
        self, server: Server, body: bytes, *, on_new: bool = False, is_to_tell: bool = False
    ) -> Outcome:
        """Send one request; it is the caller's to give it up.

        Args:
            server: Where to.
            body: What.
            on_new: Over a new connection at once.
            is_to_tell: The answer is to tell the server's load, too.
        """
        if on_new:
            return await post(self._fresh, server, body, is_to_tell=is_to_tell)
        outcome = await post(self.session, server, body, is_to_tell=is_to_tell)
        if isinstance(outcome, Answer) or outcome.sign is not Sign.DISCONNECTED or not self.tries_again:
            return outcome
        begun = time.monotonic()
        outcome = await post(self._fresh, server, body)
        if isinstance(outcome, Answer):
            return replace(outcome, is_after_break=True)
        return replace(outcome, lasted=time.monotonic() - begun) if outcome.sign is Sign.DISCONNECTED else outcome


async def _response(
    session: aiohttp.ClientSession,
    server: Server,
    body: bytes,
    headers: Mapping[str, str] | None,
    timeout: aiohttp.ClientTimeout,
) -> aiohttp.ClientResponse:
    """Send a request and wait for the response, also where that is to be fetched elsewhere on the same server.

    A redirect would take the document to a place nobody named, and come back as a page: none is followed. But a
    303 takes nothing along. Modal answers so what takes longer than 150 s, as often as it takes longer.
    """
    url, data = f"{server.url}/v1/chat/completions", aiohttp.BytesPayload(body, content_type="application/json")
    response = await session.post(url, data=data, headers=headers, timeout=timeout, allow_redirects=False)
    for _ in range(_FETCHES):
        if response.status != 303 or (there := _elsewhere(response)) is None:
            break
        response.release()
        response = await session.get(there, headers=headers, timeout=timeout, allow_redirects=False)
    return response


def _elsewhere(response: aiohttp.ClientResponse) -> URL | None:
    """Return where a response is to be fetched, None where that is on another server, or nowhere."""
    try:
        there = response.url.join(URL(response.headers.get("Location", "")))
        return there if there.origin() == response.url.origin() else None
    except ValueError:
        return None


async def post(
    session: aiohttp.ClientSession,
    server: Server,
    body: bytes,
    seconds: float | None = None,
    *,
    is_to_tell: bool = False,
) -> Outcome:
    """Send one request; without `seconds` it is the caller's to give it up. For `is_to_tell` see `Transport`."""
    timeout = session.timeout if seconds is None else aiohttp.ClientTimeout(total=seconds, sock_connect=10)
    try:
        response = await _response(session, server, body, LOAD_WANTED if is_to_tell else None, timeout)
        try:
            return await _read(response, body, server)
        finally:
            if not response.closed:  # as it is once all of it has been read
                response.release()
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
            return Trouble(Sign.NO_FILE, os.strerror(error.errno or 0), server.url)
        return Trouble(Sign.UNREACHABLE, f"{error or type(error).__name__}", server.url)
    except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
        # Not in its words: what ends at the same place is now a reset, now an end of the stream.
        return Trouble(Sign.DISCONNECTED, "the connection breaks before an answer", server.url)
    except aiohttp.ClientResponseError as error:
        return Trouble(Sign.BROKE, f"its response can't be read: {' '.join(error.message.split())}", server.url)
    except (aiohttp.ClientError, asyncio.TimeoutError, OSError) as error:
        what = _STATUS_OF_OURS.sub("", f"{error or type(error).__name__}")
        return Trouble(Sign.BROKE, " ".join(what.split()), server.url)


async def _read(response: aiohttp.ClientResponse, body: bytes, server: Server) -> Outcome:
    """Read a response to a request with this body."""
    content = await body_of(response, _BODY_BYTES, _BODY_SECONDS)
    if content is None:
        what = f"its answer is longer than {_BODY_BYTES >> 20} MiB"
        return Trouble(Sign.BROKE, what, server.url, response.status)
    outcome = outcome_of(response.status, content, response.headers, server)
    if isinstance(outcome, Answer) or outcome.sign is Sign.OVERLOADED:
        return outcome
    refusal = too_long(response.status, content, body, server)
    return replace(outcome, sign=Sign.REFUSED, too_long=refusal) if refusal else outcome
