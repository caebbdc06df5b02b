"""What a trouble is: told by what the server does with others meanwhile, and with a request known to be good."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace

from builder.rewriting.control import Control
from builder.rewriting.endpoint import Endpoint
from builder.rewriting.outcome import Sign, Trouble
from builder.rewriting.retry import Case

_LONG = 30.0  # seconds; a try that takes so long can't be made again and again on a server held for it
_SETTLED = 1.0  # seconds in which what broke a server has broken all it had in work
_TIME_LIMIT = 5.0  # seconds; no gateway waits less for an answer


class Blame:
    """Tells a server's trouble from an input's."""

    def __init__(
        self, control: Control, leave_alone: Callable[[Endpoint, Trouble], None], say: Callable[[str], None]
    ) -> None:
        """Tell them apart.

        Args:
            control: Asks for an answer known to be good.
            leave_alone: Gives a server no requests for now.
            say: Called with what a user should know.
        """
        self._control, self._leave_alone, self._say = control, leave_alone, say
        self._limited: set[str] = set()  # addresses with a time limit before them, as said

    async def told_apart(self, case: Case, trouble: Trouble) -> Trouble:
        """Return a trouble as what it is."""
        endpoint = case.endpoint
        if endpoint is None:
            return trouble
        ended = time.monotonic()
        if trouble.sign is Sign.REFUSED:
            self._control.sampling = case.request.sampling
            return trouble if await self._works(endpoint, ended) else replace(trouble, sign=Sign.UNREACHABLE)
        if is_time_limit(trouble, case.seconds):
            return await self._of_a_time_limit(endpoint, trouble, ended - case.seconds, ended)
        if trouble.may_be_the_inputs and case.seconds > _LONG:
            await asyncio.sleep(_SETTLED)
            if any(asked.since < ended for asked in endpoint.requests):
                return replace(trouble, sign=Sign.LOST)  # the others there are still at work
        return trouble

    async def _of_a_time_limit(self, endpoint: Endpoint, trouble: Trouble, since: float, ended: float) -> Trouble:
        if not await self._works(endpoint, ended):
            return trouble
        if endpoint.url not in self._limited:
            self._limited.add(endpoint.url)
            self._say(
                f"{endpoint.url}: {trouble.what}, after {ended - since:.0f} s, while it answers others: what"
                " stands before the server waits no longer; a higher time limit there (nginx: proxy_read_timeout)"
                " or fewer tokens to ask for would help"
            )
        return replace(trouble, sign=Sign.OVERLOADED if endpoint.timed_out(since) else Sign.TIMED_OUT)

    async def _works(self, endpoint: Endpoint, since: float) -> bool:
        """Whether a server answers what is sent to it after a time: a request known to be good, or any other."""
        while endpoint.is_able:
            good = await self._control.ask(endpoint)
            if endpoint.proven >= since:
                return True
            if isinstance(good, Trouble) and good.sign is not Sign.OVERLOADED:
                self.server(endpoint, good)
                return False
            await asyncio.sleep(_SETTLED)  # it has no place for one more: the others that it has will tell
        return False

    def server(self, endpoint: Endpoint, good: Trouble) -> None:
        """Give a server nothing for now that does not even answer a request known to be good."""
        if not endpoint.is_out and good.sign is not Sign.OVERLOADED:
            self._leave_alone(endpoint, good)


def is_time_limit(trouble: Trouble, seconds: float) -> bool:
    """Whether a try that ended so after so many seconds did because something waited no longer for the answer."""
    return trouble.speaks_of_time and seconds >= _TIME_LIMIT
