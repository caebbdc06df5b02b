"""A server that says again what a real one said: its pages, and one answer to whatever chat comes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any

from aiohttp import web

from tests.record_servers import CHAT, RECORDED

NAMES = sorted(path.stem for path in RECORDED.glob("*.json"))


@lru_cache
def recording(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((RECORDED / f"{name}.json").read_text())
    return content


def exchanges(name: str, path: str = "") -> list[dict[str, Any]]:
    return [one for one in recording(name)["exchanges"] if one["request"]["path"].startswith(path)]


def body_of(response: dict[str, Any]) -> str:
    return json.dumps(response["json"]) if "json" in response else str(response.get("text", ""))


@asynccontextmanager
async def replayed(
    name: str, chat: dict[str, Any] | None = None, change: Callable[[str], str] = lambda body: body
) -> AsyncIterator[str]:
    """Serve a recording's pages, each as `change` makes it, and one of its answers to whatever chat comes."""
    pages = {one["request"]["path"]: one["response"] for one in exchanges(name) if one["name"].startswith("page ")}

    async def answer(request: web.Request) -> web.Response:
        said = chat if request.path == CHAT else pages.get(request.path)
        if said is None:
            return web.Response(status=404)
        return web.Response(status=said["status"], headers=said["headers"], body=change(body_of(said)).encode())

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
