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
_STOP = ["\n", ".", " "]  # so that a small answer is enough, though as many tokens are asked for as ever
_FEW = 16  # tokens
_SECONDS = 120.0  # a small request, behind whatever others have in the server's queue


class Control:
    """Asks servers for a small answer; one request a server at a time, whoever wants to know."""

    def __init__(self, transport: Transport) -> None:
        """Ask over `transport`."""
        self._transport = transport
        self._under_way: dict[Endpoint, asyncio.Task[Outcome]] = {}
        self.sampling = Sampling()
        """Sampled with: a document's own, for a server may refuse that, or so many tokens, to all documents."""

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

    async def end(self) -> None:
        """Ask no more."""
        tasks = [*self._under_way.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _asked(self, endpoint: Endpoint) -> Outcome:
        sampling, start = Sampling(**{**self.sampling.fields, "stop": _STOP}), time.monotonic()
        outcome = await self._answer(endpoint, sampling)
        if isinstance(outcome, Trouble) and outcome.too_long is not None:  # it has a smaller context, and works
            outcome = await self._answer(endpoint, sampling.with_max_tokens(_FEW))
        if isinstance(outcome, Answer):
            endpoint.learn_speed(time.monotonic() - start, outcome.generation.completion_tokens)
        return outcome

    async def _answer(self, endpoint: Endpoint, sampling: Sampling) -> Outcome:
        body = ChatRequest(_TASK, sampling, 0).body_for(endpoint.server)
        try:
            return await asyncio.wait_for(self._transport.post(endpoint.server, body, on_new=True), _SECONDS)
        except asyncio.TimeoutError:
            return Trouble(Sign.SILENT, "no answer even to a small request", endpoint.server.url)
