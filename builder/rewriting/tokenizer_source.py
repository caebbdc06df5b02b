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
import orjson

from builder.errors import HubUnreachable, UsageError
from builder.files import placed
from builder.rewriting.control_tokens import ControlTokens, fallback
from builder.rewriting.known_tokens import known_tokens
from builder.rewriting.servers import Server
from builder.rewriting.tokenizer import TOKENIZER, of_config, of_files, of_path

_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
_ON_HUB = re.compile(r"hf://([\w.-]+/[\w.-]+)(?:@(.+))?")
_SECONDS = aiohttp.ClientTimeout(total=20)
_AT_ONCE = 16


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
    places = [model, server.weights, pages.get("tokenizer_path"), pages.get("model_path")]
    for place in dict.fromkeys(filter(None, places)):
        if _REPOSITORY.fullmatch(place):
            say(f"{server.model}: reading its tokenizer's files from the Hub")
        tokens = await asyncio.to_thread(_of_place, place, sha if place == model else None)
        if isinstance(tokens, ControlTokens):
            return tokens
        why += [tokens] if tokens else []
    known, origin = await known_to(session, server), f"those of the best-known models' that {server.kind} knows"
    tokens = ControlTokens(known, origin, is_fallback=True) if known else fallback()
    reasons = f" ({'; '.join(why)})" if why else ""
    say(
        f"{server.model}: its tokenizer can't be had{reasons}; taken for control tokens: {tokens.origin};"
        " --tokenizer FILE names the model's own"
    )
    return tokens


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
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # it tells of each of its tries

    def read(file: str) -> bytes | None:
        try:
            return Path(hf_hub_download(name, file, revision=revision)).read_bytes()
        except LocalEntryNotFoundError:
            raise HubUnreachable("it can't be reached") from None  # which says nothing of the repository
        except EntryNotFoundError:
            return None

    found = of_files(read)
    if not found:
        raise UsageError("the repository holds no tokenizer that is known here", where=name)
    return ControlTokens(found, f"{name}{f'@{revision}' if revision else ''}")


def _hub_errors() -> tuple[type[Exception], ...]:
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError

    # A connection that fails is an OSError, a file that is no JSON a ValueError.
    return HubUnreachable, HfHubHTTPError, httpx2.HTTPError, OSError, ValueError


def _brief(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__


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
        return {"model_path": ((await _asked(session, f"{server.url}/props")) or {}).get("model_path")}
    return {}


async def known_to(session: aiohttp.ClientSession, server: Server) -> list[str]:
    """Return those of the best-known models' control tokens that a server reads as one token each."""
    url, limit = f"{server.url}/tokenize", asyncio.Semaphore(_AT_ONCE)

    async def is_one(text: str) -> bool:
        body = {"model": server.model.id, "prompt": text, "content": text, "inputs": text, "parse_special": True}
        async with limit:
            said = await _asked(session, url, {**body, "add_special": False, "add_special_tokens": False})
        tokens = said.get("tokens") if isinstance(said, dict) else None
        return isinstance(tokens, list) and len(tokens) == 1

    # What is one token although it is made up would say nothing of the others.
    if await is_one("<|no_such_token|>") or not await is_one("a"):
        return []
    candidates = sorted(set(known_tokens()))
    answers = await asyncio.gather(*map(is_one, candidates))
    return [token for token, is_token in zip(candidates, answers, strict=True) if is_token]


async def _asked(session: aiohttp.ClientSession, url: str, body: dict[str, Any] | None = None) -> Any:  # noqa: ANN401
    """Return a page of JSON, None where there is none: what a server does not tell is looked for elsewhere."""
    method = "GET" if body is None else "POST"
    try:
        async with session.request(method, url, json=body, timeout=_SECONDS, allow_redirects=False) as response:
            return orjson.loads(await response.read()) if response.status == 200 else None
    except (aiohttp.ClientError, asyncio.TimeoutError, OSError, ValueError):
        return None
