"""The servers that generate: found out by asking them.

TGI, vLLM, SGLang and llama.cpp all speak the Messages API (`/v1/chat/completions`); `transport` sends the part
of it that every one of them takes.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import orjson

from builder.errors import NoServer, NotAServer, ServerRefused, ServerUnready
from builder.rewriting.addresses import KEY_VARIABLE, root_of
from builder.rewriting.dialect import PLAIN, Dialect
from builder.rewriting.generation import Model
from builder.rewriting.listed_models import aliases, choose
from builder.rewriting.sessions import body_of, proxy_hint, words_of

_IN_FLIGHT = {"tgi": 32, "vllm": 32, "sglang": 32}  # to begin with: doubled each second while nothing waits
_IN_FLIGHT_ELSEWHERE = 64
_MOST_IN_FLIGHT = 4096  # at a server that tells no limit: above what any works on at once
_PROBE_SECONDS = 10.0
_PAGE_BYTES = 1 << 20
_MODELS = "/v1/models"
_ROOT = "correct --server: it takes a server's root, such as http://HOST:8080"
_NAME_IT = "--served-model NAME asks one that lists no models for this one"
_START_IT = "start it, or correct --server; while a TGI server loads its model it refuses connections"


@dataclass(frozen=True, slots=True)
class Server:
    """A server as it described itself.

    Attributes:
        url: Its root.
        kind: tgi, vllm, sglang, llama.cpp, or openai for another that speaks the Messages API.
        model: What it serves.
        limit: How many requests at once it gets to begin with.
        max_total_tokens: Its context, prompt and answer together, if told.
        most: How many it gets at most; more than `limit` where it doesn't tell and may have room for more.
        weights: Where its weights are from, if told: a repository or a folder, whatever it calls the model.
        max_input_tokens: What of the context the prompt may take, if that has a limit of its own (TGI).
        dialect: What it is sent beside the fields that all take.
        names: What it lists for the model, its id among them.
    """

    url: str
    kind: str
    model: Model
    limit: int
    max_total_tokens: int | None
    most: int
    weights: str | None = None
    max_input_tokens: int | None = None
    dialect: Dialect = PLAIN
    names: frozenset[str] = frozenset()

    @property
    def states_most(self) -> bool:
        """Whether it says how many requests it takes at once."""
        return self.most < _MOST_IN_FLIGHT

    def as_json(self) -> dict[str, Any]:
        """Return what `servers --json` prints."""
        return {
            "url": self.url,
            "kind": self.kind,
            "model": self.model.id,
            "model_sha": self.model.sha,
            "max_concurrent_requests": self.most if self.states_most else None,
            "max_total_tokens": self.max_total_tokens,
        }


async def probe(
    session: aiohttp.ClientSession,
    url: str,
    model_sha: str | None = None,
    served_model: str | None = None,
    known: str | None = None,
) -> Server:
    """Ask a server what it is.

    Args:
        session: The session to ask with.
        url: The server's root, with or without `/v1`.
        model_sha: Digest of the weights, where the caller started the server itself and knows it.
        served_model: Which of its models the user chose, None where they didn't.
        known: Which the run began with; taken where there are several and none was chosen.

    Raises:
        BadAddress: The address can be none.
        NoServer: Nothing answers there now; it may later.
        ServerUnready: What answers there can't say what it serves now; it may later.
        NotAServer: What answers there is no LLM server.
        ServerRefused: What answers there refuses us, serves no such model, or has no certificate that is accepted.
        ModelUnclear: It serves several models, and none was chosen.
    """
    root = root_of(url)
    try:
        return await _described(session, root, model_sha, served_model, known)
    except aiohttp.ClientSSLError as error:
        if isinstance(error, aiohttp.ClientConnectorSSLError) and isinstance(error.os_error, ssl.SSLEOFError):
            raise NoServer("it ends connections before they begin", where=root, remedy=_START_IT) from error
        raise _no_trust(error, root) from error  # time mends no certificate
    except (aiohttp.ClientError, asyncio.TimeoutError, OSError) as error:
        raise NoServer(
            f"it does not answer ({error or type(error).__name__})", where=root, remedy=_START_IT + proxy_hint()
        ) from error
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise NoServer(f"what it says of itself can't be read ({error!r:.200})", where=root) from error


def _no_trust(error: aiohttp.ClientSSLError, root: str) -> ServerRefused:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        reason = getattr(error.certificate_error, "verify_message", "") or error.certificate_error
        return ServerRefused(
            f"its certificate is not accepted ({reason})",
            where=root,
            remedy="SSL_CERT_FILE=FILE.pem names the authority that signed it; the address has the name that the"
            " certificate is for",
        )
    return ServerRefused(
        f"it does not speak TLS as it must ({error.strerror or error})",
        where=root,
        remedy="a server without TLS has an address that begins with http://",
    )


async def _described(
    session: aiohttp.ClientSession, root: str, model_sha: str | None, served_model: str | None, known: str | None
) -> Server:
    info = await _extra(session, root, "/info")
    if "model_id" in info:
        most = int(info.get("max_concurrent_requests") or _IN_FLIGHT_ELSEWHERE)
        limit = min(most, _IN_FLIGHT.get("tgi", most))  # it may work on fewer than it takes
        choose([{"id": info["model_id"]}], served_model, known, root)
        model = Model(info["model_id"], info.get("model_sha"))
        context, most_input = _tokens(info.get("max_total_tokens")), _tokens(info.get("max_input_tokens"))
        return Server(root, "tgi", model, limit, context, most, None, most_input)
    listed = await _listed(session, root, served_model)
    served, base = choose(listed, served_model, known, root)
    model, names = Model(served["id"], model_sha), aliases(listed, served)
    kind = {"llamacpp": "llama.cpp", "vllm": "vllm", "sglang": "sglang"}.get(str(base.get("owned_by")), "openai")
    if kind == "llama.cpp":
        properties = await _extra(session, root, "/props", model=model.id)
        limit = int(properties.get("total_slots") or _IN_FLIGHT_ELSEWHERE)
        limit += max(1, limit // 8)  # it queues: no slot idles while an answer is on its way and a request comes
        context = _tokens(properties.get("default_generation_settings", {}).get("n_ctx"))
        return Server(root, kind, model, limit, context, limit, names=names)
    limit = _IN_FLIGHT.get(kind, _IN_FLIGHT_ELSEWHERE)
    weights = base.get("root") if isinstance(base.get("root"), str) else None
    context = _tokens(served.get("max_model_len") or base.get("max_model_len"))
    return Server(root, kind, model, limit, context, _MOST_IN_FLIGHT, weights, names=names)


def _tokens(told: object) -> int | None:
    return told if isinstance(told, int) and told > 0 else None


# --- pages ---


@dataclass(frozen=True, slots=True)
class _Page:
    """What came back for a page: `content` is its JSON object, None where it holds none."""

    status: int
    content: dict[str, Any] | None
    words: str
    location: str


async def _get(session: aiohttp.ClientSession, root: str, path: str, **query: str) -> _Page:
    """Ask for a page.

    Raises:
        ServerUnready: It may be there later.
    """
    timeout = aiohttp.ClientTimeout(total=_PROBE_SECONDS)
    async with session.get(root + path, params=query, timeout=timeout, allow_redirects=False) as response:
        status, location = response.status, response.headers.get("Location", "")
        content = await body_of(response, _PAGE_BYTES)
    if content is None:
        raise ServerUnready(f"it answers {status}, with more than {_PAGE_BYTES >> 20} MiB", where=root + path)
    words = f"{status}: {words_of(content)}"
    if (status >= 500 and status != 501) or status in (408, 425, 429):
        raise ServerUnready(f"it answers {words}", where=root, remedy=_START_IT)
    try:
        page = orjson.loads(content)
    except orjson.JSONDecodeError:
        page = None
    return _Page(status, page if isinstance(page, dict) and status == 200 else None, words, location)


async def _extra(session: aiohttp.ClientSession, root: str, path: str, **query: str) -> dict[str, Any]:
    """Return a page that only some servers have, else nothing; a gateway may forbid what it does not know."""
    return (await _get(session, root, path, **query)).content or {}


async def _listed(session: aiohttp.ClientSession, root: str, served_model: str | None) -> list[dict[str, Any]]:
    """Return the models that a server lists; where it lists none, the one that the user says it has.

    Raises:
        ServerRefused, NotAServer, ServerUnready: It lists none, and none is said.
    """
    page = await _get(session, root, _MODELS)
    if page.content is not None and (listed := page.content.get("data")):
        return list(listed)
    if 300 <= page.status < 400:
        raise _moved(root, page.location)
    if served_model is not None and page.status != 401 and (page.status != 200 or page.content is not None):
        return [{"id": served_model}]  # whether it has that is told by its first answer
    if page.status in (401, 403):
        key = f"put the server's key into ${KEY_VARIABLE}"
        raise ServerRefused(f"it answers {page.words}", where=root + _MODELS, remedy=key)
    if page.content is not None:
        raise ServerUnready(f"it lists no model: {page.words}", where=root + _MODELS, remedy=_NAME_IT)
    if page.status == 200:
        what = f"a page that is not JSON is where its models should be: {page.words.partition(': ')[2]}"
        raise NotAServer(what, where=root + _MODELS, remedy=_ROOT)
    if page.status in (404, 405):
        what = "what answers there has no /info and no /v1/models: not an LLM server"
        raise NotAServer(f"{what} ({page.words})", where=root, remedy=f"{_ROOT}; {_NAME_IT}")
    what = f"it answers {page.words}, where its models should be"
    raise NotAServer(what, where=root, remedy=f"see to what it says, or {_ROOT}")


def _moved(root: str, location: str) -> NotAServer:
    """Return the error for an address that sends us elsewhere: requests hold documents, and go nowhere unnamed."""
    parts = urlsplit(location)
    place = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.netloc else ""
    place += parts.path.rstrip("/").removesuffix(_MODELS)  # without a query, which may hold a secret
    is_another = bool(parts.netloc) and place != root
    return NotAServer(
        f"it redirects to {place or parts.path or 'nowhere'}",
        where=root,
        remedy=f"--server {place}, if that is the server" if is_another else "correct --server: a server's root",
    )
