"""What a server can do beyond answering, found out by asking it before a document goes there.

A prefill (a last message of the assistant's, which the model is to go on from) is most often ignored in silence:
the model answers nothing, or begins anew, and each answer is paid for. So it is tried, once a server, for recipes
that have one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
import orjson

from builder.errors import NoServer, PrefillIgnored
from builder.rewriting.dialect import LOOPS, PREFILL
from builder.rewriting.prompts import Message
from builder.rewriting.servers import Server
from builder.rewriting.sessions import body_of, words_of

_SECONDS = 120.0  # for a small request to a server that is busy with others'
_PAGE_BYTES = 4 << 20
_TASK = "Repeat this line, word for word: red green blue black white yellow"
_BEGUN, _NEXT = "red green blue", "black"
_FEW = {"max_tokens": 3, "temperature": 0, "stream": False}  # of three tokens one that begins anew gets no further
_CLOSED = 3  # tokens between a prefill and the answer: a turn's end and the next one's beginning


@dataclass(frozen=True, slots=True)
class Needs:
    """What a recipe needs of its servers.

    Attributes:
        prefilled: The messages of each of its prompts that ends with the beginning of the answer.
        stops_loops: Whether a prompt wants loops ended.
    """

    prefilled: Sequence[Sequence[Message]] = ()
    stops_loops: bool = False


NO_NEEDS = Needs()


async def learn(
    session: aiohttp.ClientSession, server: Server, needs: Needs, say: Callable[[str], None]
) -> Server:
    """Return the server with the dialect in which it does what is needed.

    Raises:
        PrefillIgnored: It does not go on from a prefill, whatever it is told.
        NoServer: It does not answer now.
    """
    dialect = server.dialect
    if needs.prefilled:
        dialect = replace(dialect, prefill=await _prefill(session, server, needs.prefilled, say))
    if needs.stops_loops:
        if await _stops_loops(session, server):
            dialect = replace(dialect, loops=LOOPS)
        else:
            say(f"{server.url}: it can't end loops (`stop_loops`): an answer that loops goes on to its max_tokens")
    return replace(server, dialect=dialect)


# --- prefill ---


class _NotContinued(Exception):
    """The server does not go on from a prefill; the argument says why."""


async def _prefill(
    session: aiohttp.ClientSession,
    server: Server,
    prefilled: Sequence[Sequence[Message]],
    say: Callable[[str], None],
) -> Mapping[str, Any]:
    """Return the first of the fields for its kind with which it goes on from every prefill."""
    reasons: list[str] = []
    unsure: Mapping[str, Any] | None = None
    for told in PREFILL[server.kind]:
        try:
            if all([await _continues(session, server, messages, told) for messages in prefilled]):
                return told
        except _NotContinued as error:
            reasons.append(str(error))
        else:
            unsure = told if unsure is None else unsure
    begun = f"{prefilled[0][-1]['content'][:40]!r}, with which a prompt begins the answer"
    if unsure is None:
        raise PrefillIgnored(
            f"it does not go on from {begun}: {'; '.join(dict.fromkeys(reasons))}",
            where=server.url,
            remedy="use one that does (vLLM, SGLang, TGI, llama.cpp), or end the prompt with a user message",
        )
    say(f"{server.url}: whether it goes on from {begun}, can't be told; look at the first answers")
    return unsure


async def _continues(
    session: aiohttp.ClientSession, server: Server, messages: Sequence[Message], told: Mapping[str, Any]
) -> bool:
    """Whether the server goes on from the last message; False where that can't be told.

    Raises:
        _NotContinued: It doesn't.
    """
    is_open = await _is_open(session, server, messages, told)
    if is_open is False:
        raise _NotContinued("it closes the turn, and the model begins another")
    does = await _goes_on(session, server, told)
    if is_open or server.kind in ("tgi", "llama.cpp"):  # of which those without the page have always gone on
        return True
    if does is False:
        raise _NotContinued("the model begins the answer anew, or answers nothing")
    if does is None and await _closing(session, server, told) >= _CLOSED:
        raise _NotContinued("it closes the turn, and the model begins another")
    return bool(does)


async def _is_open(
    session: aiohttp.ClientSession, server: Server, messages: Sequence[Message], told: Mapping[str, Any]
) -> bool | None:
    """Whether the prompt, as the server writes it for the model, ends with the last message; None if not told."""
    asked = {"model": server.model.id, "messages": list(messages)}
    if server.kind in ("vllm", "sglang"):
        # A turn that is closed has at least one token more, whatever the template.
        as_told = await _count(session, server, {**asked, **told})
        closed = await _count(session, server, asked)
        return as_told < closed if as_told and closed else None
    page = {"tgi": ("/chat_tokenize", "templated_text"), "llama.cpp": ("/apply-template", "prompt")}.get(
        server.kind
    )
    if page is None:
        return None
    said = await _ask(session, f"{server.url}{page[0]}", {**asked, **told})
    if said.status == 400:
        raise _NotContinued(said.words)
    prompt = said.page.get(page[1])
    return prompt.rstrip().endswith(messages[-1]["content"].rstrip()) if isinstance(prompt, str) else None


async def _count(session: aiohttp.ClientSession, server: Server, asked: Mapping[str, Any]) -> int | None:
    count = (await _ask(session, f"{server.url}/tokenize", asked)).page.get("count")
    return count if isinstance(count, int) else None


async def _goes_on(session: aiohttp.ClientSession, server: Server, told: Mapping[str, Any]) -> bool | None:
    """Whether it repeats a line from its middle on; False if it begins anew or is silent, None for other answers.

    Raises:
        _NotContinued: It refuses the request, or takes what it writes for a thought.
    """
    messages = [{"role": "user", "content": _TASK}, {"role": "assistant", "content": _BEGUN}]
    said = await _chat(session, server, messages, told)
    if said.status != 200:
        raise _NotContinued(said.words)
    try:
        message = said.page["choices"][0]["message"]
        text, thought = message.get("content"), message.get("reasoning") or message.get("reasoning_content")
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise _NotContinued(f"its answer is not a chat completion ({error!r:.100})") from error
    if thought and not text:
        raise _NotContinued("it takes what follows for a thought: start it without its reasoning parser")
    written = " ".join(text.lower().split()) if isinstance(text, str) else ""
    if written.removeprefix(_BEGUN).lstrip(" ,").startswith(_NEXT):  # llama.cpp repeats the prefill
        return True
    return False if not written or _BEGUN.startswith(written.split()[0]) else None


async def _closing(session: aiohttp.ClientSession, server: Server, told: Mapping[str, Any]) -> int:
    """Return how many tokens stand between a prefill and the answer, by the server's count of three prompts."""
    counts = []
    for begun in ("", _BEGUN, f"{_BEGUN} {_BEGUN}"):
        messages = [{"role": "user", "content": _TASK}, {"role": "assistant", "content": begun}]
        said = await _chat(session, server, messages if begun else messages[:1], told if begun else {})
        usage = said.page.get("usage")
        count = usage.get("prompt_tokens") if isinstance(usage, dict) else None
        if not isinstance(count, int):
            return 0
        counts.append(count)
    without, once, twice = counts
    return (once - without) - (twice - once)


async def _chat(
    session: aiohttp.ClientSession, server: Server, messages: Sequence[Message], told: Mapping[str, Any]
) -> _Said:
    asked = {"model": server.model.id, "messages": list(messages), **_FEW, **told}
    return await _ask(session, f"{server.url}/v1/chat/completions", asked)


# --- loops ---


async def _stops_loops(session: aiohttp.ClientSession, server: Server) -> bool:
    """Whether the server's description of a request has the field; an older vLLM would ignore it in silence."""
    if server.kind != "vllm":
        return False
    said = await _ask(session, f"{server.url}/openapi.json")
    request = said.page.get("components", {}).get("schemas", {}).get("ChatCompletionRequest", {})
    return "repetition_detection" in request.get("properties", {})


# --- on the wire ---


@dataclass(frozen=True, slots=True)
class _Said:
    """A status, and the JSON object with it, empty where it is none."""

    status: int
    page: dict[str, Any]
    words: str


async def _ask(session: aiohttp.ClientSession, url: str, body: Mapping[str, Any] | None = None) -> _Said:
    """Get a page, or post a body.

    Raises:
        NoServer: The server does not answer now, or is overloaded.
    """
    try:
        async with session.request(
            "GET" if body is None else "POST",
            url,
            data=None if body is None else orjson.dumps(body),
            headers={"Content-Type": "application/json"},
            timeout=aiohttp.ClientTimeout(total=_SECONDS),
            allow_redirects=False,
        ) as response:
            content = await body_of(response, _PAGE_BYTES) or b""
    except (aiohttp.ClientError, asyncio.TimeoutError, OSError) as error:
        raise NoServer(f"it does not answer ({error or type(error).__name__})", where=url) from error
    words = f"{response.status}: {words_of(content)}"
    if response.status >= 500 or response.status in (408, 425, 429):
        raise NoServer(f"a small request to it failed: {words}", where=url)
    try:
        page = orjson.loads(content)
    except orjson.JSONDecodeError:
        page = None
    return _Said(response.status, page if isinstance(page, dict) else {}, f"it answers {words}")
