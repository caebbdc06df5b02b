"""What fits: a request asks for at most the tokens that the context of the server it goes to leaves.

A recipe says how long an answer may be at most, and a context holds the prompt too. How many tokens were asked
for changes nothing in an answer that ends by itself, so an answer's key has the recipe's `max_tokens` and not
those. An answer that was cut off is kept like any other; the next attempt goes where there is more room, or is not
made.

A prompt's tokens are not counted here: that would need the model's tokenizer and its chat template. They follow
from its characters, as servers have counted other prompts, and from what a server says that refuses one.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from builder.errors import ContextTooSmall, TooLong
from builder.rewriting.generation import Generation
from builder.rewriting.rewriter import Request
from builder.rewriting.servers import Server

if TYPE_CHECKING:
    from builder.rewriting.pool import ServerPool

LEAST = 32
"""Tokens: fewer are no answer."""

_TRIES = 6  # of one request: each refusal tells more of it, or halves what is asked for
_UNKNOWN = sys.maxsize  # the context of a server that tells none
_NAMED = 4  # servers, in what is said of their contexts
_LOOK_SECONDS = 1.0  # between looks at which servers there are


@dataclass(slots=True)
class TokensPerCharacter:
    """How many tokens a prompt has, by the prompts that servers have counted: a mean, and how far they lie off it.

    Requests go by the mean: a guess too low is refused with the count, which costs no generation; one too high may
    cut an answer off, which costs one. So the first guess, before anything is known, is low.
    """

    mean: float = 0.2
    off: float = 0.0
    seen: int = 0

    def learn(self, characters: int, tokens: int) -> None:
        """Learn from a prompt of so many characters that a server counted; 0 tokens are none counted."""
        if not tokens or not characters:
            return
        ratio, weight = tokens / characters, max(1 / (self.seen + 1), 0.02)
        self.off += weight * (abs(ratio - self.mean) * (self.seen > 0) - self.off)
        self.mean += weight * (ratio - self.mean)
        self.seen += 1

    def of(self, characters: int) -> tuple[int, int]:
        """Return the tokens that a prompt of so many characters has about, and seldom more than."""
        return math.ceil(characters * self.mean), math.ceil(characters * (self.mean + 2 * self.off))


@dataclass(slots=True)
class Fit:
    """What one request needs of a context.

    Attributes:
        asked: Tokens that the recipe asks for.
        least: With fewer than so many, it need not be asked.
        prompt: Tokens of its prompt, a guess until `is_counted`.
        seldom_more: Than so many it has.
        is_counted: Whether a server has counted them.
        at_least: As many of them as a server has counted in any case.
        input_limit: The largest limit of prompts alone that refused it.
        most: No more is asked for: more was refused, by who does not say how much.
        needs: The context that a server must have to get it.
        is_at_home: Whether every server has.
        contexts: By address, contexts that turned out smaller than stated, or were not stated.
        sent: Where it went last, and the tokens it asked for there.
    """

    asked: int
    least: int
    prompt: int
    seldom_more: int
    is_counted: bool
    contexts: dict[str, int]
    at_least: int = 0
    input_limit: int = 0
    most: int = _UNKNOWN
    needs: int = 0
    is_at_home: bool = True
    sent: tuple[Server, int] | None = None
    _blind: int = field(default=0)

    def context(self, server: Server) -> int:
        """Return the context of a server, a very large number where that is unknown."""
        context = self.contexts.get(server.url) or server.max_total_tokens or _UNKNOWN
        return context - (server.kind == "sglang")  # some of its versions refuse what fills it to the brim

    def has_room(self, server: Server) -> bool:
        """Whether a server may have room for it, by what is known of its prompt."""
        is_refused = server.max_input_tokens is not None and server.max_input_tokens <= self.input_limit
        return not is_refused and self.at_least + self.least <= self.context(server)

    def suits(self, server: Server) -> bool:
        """Whether a server is to get it."""
        return self.has_room(server) and self.context(server) >= self.needs

    def max_tokens(self, server: Server) -> int:
        """Return the tokens to ask for at a server, and remember them.

        Raises:
            TooLong: There is no room there.
        """
        context = self.context(server)
        room = context - self.prompt
        if not self.is_counted:  # a guess too high cuts an answer off
            room = max(room, min(self.asked, context // 4))
        if room < self.least or not self.suits(server):
            raise TooLong(f"{room} tokens are left of its context of {context}", where=server.url)
        self.sent = server, min(self.asked, self.most, room)
        return self.sent[1]

    def refused(self, refusal: TooLong) -> bool:
        """Learn from a refusal; return whether asking again makes sense."""
        if self.sent is None:  # it never went there
            return True
        server, sent = self.sent
        said, limit, is_exact = refusal.prompt_tokens, refusal.limit, refusal.is_exact
        self.sent, self.at_least = None, max(self.at_least, said or 0)
        self.prompt = said if said and is_exact else max(self.prompt, self.at_least, self.seldom_more)
        self.is_counted = self.is_counted or is_exact
        if is_exact and limit and limit == server.max_input_tokens:
            self.input_limit = max(self.input_limit, limit)
        elif is_exact and limit and limit < self.context(server):
            self.contexts[server.url] = limit
        room = self.context(server) - self.prompt
        if not self.has_room(server) or self.least <= room < sent:
            return True
        self._blind += said is None
        self.most = min(sent // 2, limit if limit and said is None else sent)
        return self.most >= self.least and self._blind < 2


class Fitting:
    """Asks a pool for generations, of each server for no more than its context holds."""

    def __init__(self, pool: ServerPool) -> None:
        """Ask this pool."""
        self._pool = pool
        self._tokens = TokensPerCharacter()
        self._contexts: dict[str, int] = {}
        self._looked = -math.inf
        self._smallest = _UNKNOWN

    async def generate(self, request: Request) -> Generation:
        """Have one answer generated.

        Raises:
            TooLong: No server has the context for it.
            BuilderError: As the pool's `generate` raises them.
        """
        characters = sum(len(message["content"]) for message in request.messages)
        counted, asked = request.prompt_tokens, request.sampling.max_tokens
        least = min(request.least or LEAST, asked)
        prompt = (counted, counted) if counted else self._tokens.of(characters)
        fit = Fit(asked, least, *prompt, bool(counted), self._contexts, counted)
        refusal: TooLong | None = None
        for _ in range(_TRIES):
            self._place(fit, refusal)
            try:
                generation = await self._pool.generate(
                    request.messages, request.sampling, request.seed, fit, (-request.stage, request.shard)
                )
            except TooLong as error:
                refusal, self._looked = error, -math.inf
                if error.is_exact:
                    self._tokens.learn(characters, error.prompt_tokens or 0)
                if not fit.refused(error):
                    break
            else:
                self._tokens.learn(characters, generation.prompt_tokens)
                return generation
        raise refusal or TooLong("it does not fit")

    def _place(self, fit: Fit, refusal: TooLong | None) -> None:
        """Say which servers a request may go to: those with room for an answer as long as its prompt, if any.

        Raises:
            TooLong: There is none: the last `refusal`, if there was one.
        """
        self._look(fit)
        fit.needs = fit.prompt + min(fit.asked, max(fit.least, fit.prompt))
        fit.is_at_home = fit.needs <= self._smallest and not fit.input_limit
        if fit.is_at_home:
            return
        servers = self._pool.servers()
        if roomy := [fit.context(one) for one in servers if fit.has_room(one)]:
            fit.needs = min(fit.needs, max(roomy))
            return
        largest = max(map(fit.context, servers), default=0)
        raise refusal or TooLong(
            f"its prompt of {fit.at_least} tokens leaves {max(0, largest - fit.at_least)} of the largest context,"
            f" {largest}; an answer takes {fit.least} or more"
        )

    def _look(self, fit: Fit) -> None:
        """Look at which contexts there are, now and then: with hundreds of servers it takes a while."""
        now = time.monotonic()
        if now - self._looked >= _LOOK_SECONDS:
            self._looked = now
            self._smallest = min(map(fit.context, self._pool.servers()), default=_UNKNOWN)


def see_that_they_fit(asked: Mapping[str, int], servers: Iterable[Server]) -> str | None:
    """See that the answers that stages ask for fit into the context of a server.

    Args:
        asked: The tokens that each rewriting stage asks for, by its name.
        servers: The servers, as they described themselves.

    Returns:
        What a user should know of servers with a smaller context than others, None where there are none.

    Raises:
        ContextTooSmall: A stage asks for more than any of them holds.
    """
    told = {server.url: server.max_total_tokens or _UNKNOWN for server in servers}
    stage = max(asked, key=lambda name: asked[name])
    small = {url: context for url, context in told.items() if context <= asked[stage]}
    if not small:
        return None
    contexts = ", ".join(f"{url} {context}" for url, context in list(small.items())[:_NAMED])
    contexts += ", …" if len(small) > _NAMED else ""
    if len(small) < len(told):
        return (
            f"stage {stage} asks for answers of up to {asked[stage]} tokens, more than some contexts hold:"
            f" {contexts}; these servers are asked for what fits"
        )
    raise ContextTooSmall(
        f"it asks for answers of up to {asked[stage]} tokens (max_tokens), and no server's context holds that"
        f" beside a prompt: {contexts}",
        where=f"stage {stage}",
        remedy="serve the model with a larger context (vLLM --max-model-len, SGLang --context-length, TGI"
        " --max-total-tokens, llama.cpp -c, which its slots share), or ask for less: the recipe may say"
        f" `sampling: {{max_tokens: {max(small.values()) // 2}}}` at the stage",
    )
