"""A request for one generation, and the body that a server gets for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
    _last: tuple[dict[str, Any], bytes] | None = None  # the body that was made last, and what differs by server

    def body_for(self, server: Server) -> bytes:
        """Return what to post; it is made once for servers in a row that get the same, however often it is sent.

        Raises:
            TooLong: The server has no room for it.
        """
        theirs: dict[str, Any] = {
            "model": server.model.id,
            "max_tokens": self.fit.max_tokens(server) if self.fit else self.sampling.max_tokens,
        }
        if self.messages[-1]["role"] == "assistant":
            theirs |= server.dialect.prefill
        if self.sampling.stop_loops:
            theirs |= server.dialect.loops
        if self._last is None or self._last[0] != theirs:
            ours = {"messages": list(self.messages), **self.sampling.fields, "seed": self.seed, "stream": False}
            self._last = theirs, orjson.dumps({**ours, **theirs})
        return self._last[1]
