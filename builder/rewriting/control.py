"""The control: a request known to be good, which tells a server's condition from an input's doing."""

from __future__ import annotations

import asyncio
import time

from builder.rewriting.chat_request import ChatRequest
from builder.rewriting.endpoint import Endpoint
from builder.rewriting.outcome import Answer, Outcome, Sign, Trouble
from builder.rewriting.prompts import Message, Sampling
from builder.rewriting.transport import Transport

_TASK: list[Message] = [{"role": "user", "content": "Say OK."}]
_TOKENS = 16  # enough to tell how fast a server is
_SECONDS = 120.0  # a small request, behind whatever others have in the server's queue


class Control:
    """Asks servers for a small answer; one request a server at a time, whoever wants to know."""

    def __init__(self, transport: Transport) -> None:
        """Ask over `transport`."""
        self._transport = transport
        self._under_way: dict[Endpoint, asyncio.Task[Outcome]] = {}
        self.sampling = Sampling()
        """Sampled with; a document's own shows whether the server refuses the sampling of all of them."""
        self.last_answer = 0.0
        """When a server last answered, `time.monotonic()`."""

    async def ask(self, endpoint: Endpoint) -> Outcome:
        """Return what comes back from a server; its slots are not counted."""
        task = self._under_way.get(endpoint)
        if task is None:
            task = self._under_way[endpoint] = asyncio.ensure_future(self._asked(endpoint))
            task.add_done_callback(lambda _: self._under_way.pop(endpoint, None))
        return await asyncio.shield(task)

    async def works(self, endpoint: Endpoint) -> bool:
        """Whether a server answers."""
        return isinstance(await self.ask(endpoint), Answer)

    def is_under_way(self, endpoint: Endpoint) -> bool:
        """Whether a server is being asked."""
        return endpoint in self._under_way

    async def _asked(self, endpoint: Endpoint) -> Outcome:
        request, start = ChatRequest(_TASK, self.sampling.with_max_tokens(_TOKENS), 0), time.monotonic()
        posting = self._transport.post(endpoint.server, request.body_for(endpoint.server), on_new=True)
        try:
            outcome = await asyncio.wait_for(posting, _SECONDS)
        except asyncio.TimeoutError:
            return Trouble(Sign.SILENT, "no answer even to a small request", endpoint.server.url)
        if isinstance(outcome, Answer):
            self.last_answer = time.monotonic()
            endpoint.learn_speed(self.last_answer - start, outcome.generation.completion_tokens)
        return outcome
