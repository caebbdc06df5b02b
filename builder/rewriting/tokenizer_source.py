"""Where the answering model's control tokens are had from: what the user names, the weights, a server, the Hub.

The first that has them wins. Where none has, a fallback takes their place, and the user is told.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import httpx2
import orjson
import tenacity

from builder.errors import HubUnreachable, UsageError
from builder.files import placed
from builder.rewriting.control_tokens import ControlTokens, fallback
from builder.rewriting.known_tokens import known_tokens
from builder.rewriting.servers import Server
from builder.rewriting.tokenizer import TOKENIZER, of_config, of_files, of_path, of_template

_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
_ON_HUB = re.compile(r"hf://([\w.-]+/[\w.-]+)(?:@(.+))?")
_SECONDS = aiohttp.ClientTimeout(total=20)
_AT_ONCE = 16
_TRIES, _HUB_SECONDS = 4, 10.0


def named(tokenizer: str) -> ControlTokens:
    """Return the control tokens of what `--tokenizer` names: a file, a folder, or hf://ORG/NAME[@REVISION].

    Raises:
        UsageError: There is none, or it can't be read.
        HubUnreachable: The Hub does not give it.
    """
    if on_hub := _ON_HUB.fullmatch(tokenizer):
        try:
            return _of_repository(on_hub[1], on_hub[2])
        except _hub_errors() as error:
            raise HubUnreachable(
                f"its tokenizer can't be had ({_brief(error)})",
                where=tokenizer,
                remedy=f"log in with `hf auth login` where the repository is gated, or name a {TOKENIZER} file",
            ) from error
    path = placed(tokenizer)
    if not path.exists():
        raise UsageError(
            "there is no such tokenizer", where=tokenizer, remedy="name a file, a folder or hf://ORG/NAME"
        )
    return ControlTokens(of_path(path), path.name)


async def of_server(session: aiohttp.ClientSession, server: Server, say: Callable[[str], None]) -> ControlTokens:
    """Return the control tokens of the model that a server has, or the fallback; `say` is told of that."""
    why = list[str]()
    pages = await _pages(session, server)
    if found := _told(pages.get("tokenizer_info")):
        return ControlTokens(found, f"{server.kind}'s tokenizer_info")
    model, sha = server.model.id, server.model.sha
    # What a server has loaded first: the name that it goes by may be another model's.
    places = [pages.get("tokenizer_path"), pages.get("model_path"), server.weights, model]
    for place in dict.fromkeys(filter(None, places)):
        if _REPOSITORY.fullmatch(place):
            say(f"{server.model}: reading its tokenizer's files from the Hub")
        tokens = await asyncio.to_thread(_of_place, place, sha if place == model else None)
        if isinstance(tokens, ControlTokens):
            return tokens
        why += [tokens] if tokens else []
    tokens = await _best_known(session, server, pages)
    reasons = f" ({'; '.join(why)})" if why else ""
    say(
        f"{server.model}: its tokenizer can't be had{reasons}; taken for control tokens: {tokens.origin};"
        " --tokenizer FILE names the model's own"
    )
    return tokens


async def _best_known(session: aiohttp.ClientSession, server: Server, pages: dict[str, Any]) -> ControlTokens:
    known = await known_to(session, server)
    if not known:
        return fallback()
    written = of_template(str(pages.get("chat_template") or ""))
    origin = f"those of the best-known models' that {server.kind} knows"
    return ControlTokens([*known, *written], origin, is_fallback=True)


def _of_place(place: str, revision: str | None) -> ControlTokens | str | None:
    """Return the control tokens of a folder, a GGUF or a repository; else why not, None where it is no such."""
    path = Path(place)
    try:
        if path.is_dir() or (path.suffix == ".gguf" and path.is_file()):  # which the machines of a cluster share
            return ControlTokens(of_path(path), path.name)
        return _of_repository(place, revision) if _REPOSITORY.fullmatch(place) else None
    except UsageError as error:
        return f"{place}: {error.what}"
    except _hub_errors() as error:
        return f"{place} on the Hub: {_brief(error)}"


def _of_repository(name: str, revision: str | None) -> ControlTokens:
    from huggingface_hub import HfApi, hf_hub_download, try_to_load_from_cache

    from builder.hub_access import passes

    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # it tells of each of its tries
    # Asked first what there is: for a file alone the client would wait minutes where no answer comes.
    tries = tenacity.Retrying(
        retry=tenacity.retry_if_exception(passes),
        wait=tenacity.wait_exponential(),
        stop=tenacity.stop_after_attempt(_TRIES),
        reraise=True,
    )
    failure: Exception | None = None
    try:
        info = tries(HfApi().model_info, name, revision=revision, timeout=_HUB_SECONDS)
        revision, files = info.sha, {file.rfilename for file in info.siblings or ()}
    except (
        httpx2.TransportError,
        ConnectionError,
    ) as error:  # no way to the Hub: what was downloaded before may do
        failure = error

    def read(file: str) -> bytes | None:
        if failure is not None:
            path = try_to_load_from_cache(name, file, revision=revision)
        else:
            path = tries(hf_hub_download, name, file, revision=revision) if file in files else None
        return Path(path).read_bytes() if isinstance(path, str) else None

    found = of_files(read)
    if not found and failure is not None:
        raise failure
    if not found:
        raise UsageError("the repository holds no tokenizer that is known here", where=name)
    return ControlTokens(found, f"{name}{f'@{revision}' if revision else ''}")


def _hub_errors() -> tuple[type[Exception], ...]:
    from builder.hub_access import ANY_TROUBLE  # with the Hub's client: few builds need it

    return ANY_TROUBLE


def _brief(error: Exception) -> str:
    from builder.hub_access import brief

    return brief(error)


# --- what servers tell ---


def _told(tokenizer: Any) -> set[str]:  # noqa: ANN401 - whatever a server says
    try:
        return set(of_config(tokenizer or {}))
    except (LookupError, TypeError, ValueError, AttributeError):
        return set()  # no page as it is known here: what it would have told is looked for elsewhere


async def _pages(session: aiohttp.ClientSession, server: Server) -> dict[str, Any]:
    """Return what a server tells of its tokenizer."""
    if server.kind == "vllm":  # where it was started with --enable-tokenizer-info-endpoint
        return {"tokenizer_info": await _asked(session, f"{server.url}/tokenizer_info")}
    if server.kind == "sglang":
        return await _asked(session, f"{server.url}/get_model_info") or {}
    if server.kind == "llama.cpp":
        told = await _asked(session, f"{server.url}/props") or {}
        return {name: told.get(name) for name in ("model_path", "chat_template")}
    return {}


async def known_to(session: aiohttp.ClientSession, server: Server) -> list[str]:
    """Return those of the best-known models' control tokens that a server reads as one token each.

    One that it gives no answer about, among many that it does, is taken to be one.
    """
    url, limit = f"{server.url}/tokenize", asyncio.Semaphore(_AT_ONCE)

    async def pieces(text: str) -> int | None:
        body = {"model": server.model.id, "prompt": text, "content": text, "inputs": text, "parse_special": True}
        async with limit:
            said = await _asked(session, url, {**body, "add_special": False, "add_special_tokens": False})
        tokens = said.get("tokens") if isinstance(said, dict) else None
        return len(tokens) if isinstance(tokens, list) else None

    # What is one token although it is made up would say nothing of the others.
    if await pieces("<|no_such_token|>") in (None, 1) or await pieces("a") != 1:
        return []
    candidates = sorted(set(known_tokens()))
    counts = await asyncio.gather(*map(pieces, candidates))
    return [token for token, count in zip(candidates, counts, strict=True) if count in (None, 1)]


async def _asked(session: aiohttp.ClientSession, url: str, body: dict[str, Any] | None = None) -> Any:  # noqa: ANN401
    """Return a page of JSON, None where there is none: what a server does not tell is looked for elsewhere."""
    method = "GET" if body is None else "POST"
    try:
        async with session.request(method, url, json=body, timeout=_SECONDS, allow_redirects=False) as response:
            return orjson.loads(await response.read()) if response.status == 200 else None
    except (aiohttp.ClientError, asyncio.TimeoutError, OSError, ValueError):
        return None
