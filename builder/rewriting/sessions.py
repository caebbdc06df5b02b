"""How servers are talked to: sessions that keep long requests alive, bodies within bounds, and what errors say."""

from __future__ import annotations

import asyncio
import codecs
import os
import re
import socket
from typing import Any

import aiohttp
import orjson
from yarl import URL

from builder.errors import BadAddress
from builder.rewriting.addresses import KEY_VARIABLE

PROXY_VARIABLE = "BUILDER_SERVER_PROXY"
"""Environment variable with the proxy through which servers are reached."""

# Seconds. Between a request and its answer nothing is said for minutes, and what forwards it forgets such
# connections in silence: AWS's NAT and network load balancers after 350 s, Azure's after 240, firewalls after 120.
_PROBED = {"TCP_KEEPIDLE": 60, "TCP_KEEPALIVE": 60, "TCP_KEEPINTVL": 20, "TCP_KEEPCNT": 6}
_HEADER_BYTES = 1 << 16  # of one field; gateways pass on all that they were told, other services' cookies included
_TITLE = re.compile(rb"<title>([^<]+)</title>", re.IGNORECASE)  # of a proxy's page, which has little else to say


def new_session(*, keeps_connections: bool = True) -> aiohttp.ClientSession:
    """Return a session for talking to servers: keep-alive, unpooled limits, no netrc of the user's.

    `$HTTP_PROXY` is for the world outside, and most servers are inside: only a proxy named for them is used.
    It takes no cookies: with a load balancer's, all that one client asks would go to one of the servers behind it.
    """
    key, (proxy, login) = _key(), _proxy()
    return aiohttp.ClientSession(
        # uvicorn, under vLLM and SGLang, closes a connection that was idle for 5 s.
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=4, socket_factory=_probed_socket)
        if keeps_connections
        else aiohttp.TCPConnector(limit=0, force_close=True, socket_factory=_probed_socket),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
        max_field_size=_HEADER_BYTES,
        headers={"Authorization": f"Bearer {key}"} if key else {},
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        proxy=proxy,
        proxy_auth=login,
    )


def _probed_socket(address: tuple[Any, ...]) -> socket.socket:
    """Return a socket on which the system asks now and then whether the other side is still there.

    An answer that takes long arrives though nothing is said meanwhile, and a machine without power is noticed.
    """
    made = socket.socket(*address[:3])
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _PROBED.items():
        if (option := getattr(socket, name, None)) is not None:  # each system has some of them
            made.setsockopt(socket.IPPROTO_TCP, option, value)
    return made


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


def words_of(content: bytes, most: int = 300) -> str:
    """Return what a server said, in any of the shapes that servers and proxies have for it, but no key of ours."""
    said: object
    try:
        said = orjson.loads(content)
    except orjson.JSONDecodeError:
        title = _TITLE.search(content)
        words = (title[1] if title else content).decode("utf-8", "replace")
        said = " ".join(words.split()) or "(empty body)"
    return words_in(said, most)


def words_in(said: object, most: int = 300) -> str:
    """Return the same of a body that was parsed."""
    if isinstance(said, dict):
        error = said.get("error") or said
        if isinstance(wrapped := said.get("detail"), dict):  # a gateway's
            error = wrapped.get("error") or wrapped
        said = _message(error)
    try:
        told = str(said)
    except RecursionError:
        return "(a body nested too deeply)"
    key = _key()
    return (told.replace(key, f"${KEY_VARIABLE}") if key else told)[:most]


def _message(error: object) -> object:
    """Return the message of an error, and what it says that another server said, as OpenRouter passes it on."""
    if not isinstance(error, dict):
        return error
    said, more = error.get("message") or error.get("detail") or error, error.get("metadata")
    return f"{said}: {more['raw']}" if isinstance(more, dict) and more.get("raw") else said


def _proxy() -> tuple[URL | None, aiohttp.BasicAuth | None]:
    """Return the proxy for servers, if one is named, and how to log in there: apart, for errors show addresses.

    Raises:
        BadAddress: What is named is none.
    """
    named = os.environ.get(PROXY_VARIABLE, "").strip()
    if not named:
        return None, None
    try:
        url = URL(named)
    except ValueError:
        url = URL()
    if url.scheme not in ("http", "https") or not url.host:
        raise BadAddress("it names no proxy", where=f"${PROXY_VARIABLE}", remedy="write http://HOST:PORT")
    login = aiohttp.BasicAuth(url.user, url.password or "") if url.user else None
    return url.with_user(None), login


def proxy_hint() -> str:
    """Return what to say of a proxy where a server can't be reached: that one is used, or that none is."""
    if os.environ.get(PROXY_VARIABLE):
        return f"; it is reached through the proxy in ${PROXY_VARIABLE}"
    named = next(
        (name for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy") if os.environ.get(name)), ""
    )
    return f"; ${named} is not used for servers, ${PROXY_VARIABLE} names a proxy for them" if named else ""


def _key() -> str:
    return os.environ.get(KEY_VARIABLE, "").strip()  # a file's last line end is in no key
