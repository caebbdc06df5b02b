"""A request for one generation, and the body that a server gets for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from builder.rewriting.context import Fit
from builder.rewriting.prompts import Message, Sampling
from builder.rewriting.servers import Server


@dataclass(slots=True, eq=False)
class ChatRequest:
    """One generation to ask some server for.

    Attributes:
        messages: The chat.
        sampling: How to sample.
        seed: The seed.
        fit: Says which servers have room for it, and how many tokens to ask of each; None for any, and for all.
    """

    messages: Sequence[Message]
    sampling: Sampling
    seed: int
    fit: Fit | None = None
    _bodies: dict[tuple[str, int, bytes], bytes] = field(default_factory=dict)

    def body_for(self, server: Server) -> bytes:
        """Return what to post; it is made once for all servers that get the same, however often it is sent.

        Raises:
            TooLong: The server has no room for it.
        """
        max_tokens = self.fit.max_tokens(server) if self.fit else self.sampling.max_tokens
        told: dict[str, Any] = {}
        if self.messages[-1]["role"] == "assistant":
            told |= server.dialect.prefill
        if self.sampling.stop_loops:
            told |= server.dialect.loops
        key = (server.model.id, max_tokens, orjson.dumps(told))
        if (body := self._bodies.get(key)) is None:
            body = self._bodies[key] = orjson.dumps(
                {
                    "model": server.model.id,
                    "messages": list(self.messages),
                    **self.sampling.fields,
                    "max_tokens": max_tokens,
                    "seed": self.seed,
                    "stream": False,
                    **told,
                }
            )
        return body
