"""What stands before servers: pages, and whatever it makes of a chat. In the event loop of who talks to it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

Said = tuple[int, str]
LIST: Said = (200, '{"object": "list", "data": [{"id": "m", "owned_by": "openai"}]}')
NOT_FOUND: Said = (404, '{"message": "Not Found"}')
ANSWER: Said = (200, '{"model": "m", "choices": [{"message": {"content": "a"}, "finish_reason": "stop"}]}')


async def _at_once(_: str) -> Said:
    await asyncio.sleep(0.05)
    return ANSWER


class Gateway:
    """Serves pages, and answers chats. Use as an async context manager.

    Attributes:
        url: Where.
        asked: The last message of each chat, in order.
        open: How many chats are in work.
    """

    def __init__(
        self,
        pages: Mapping[str, Said] = {"/v1/models": LIST},
        default: Said = NOT_FOUND,
        answer: Callable[[str], Awaitable[Said]] = _at_once,
    ) -> None:
        self.pages, self.default, self.answer = pages, default, answer
        self.asked: list[str] = []
        self.open = 0

    async def __aenter__(self) -> Gateway:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._said)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _said(self, request: web.Request) -> web.Response:
        if request.path in self.pages or request.method != "POST":
            status, body = self.pages.get(request.path, self.default)
        else:
            content = str((await request.json())["messages"][-1]["content"])
            self.asked.append(content)
            self.open += 1
            try:
                status, body = await self.answer(content)
            finally:
                self.open -= 1
        return web.Response(status=status, text=body)
