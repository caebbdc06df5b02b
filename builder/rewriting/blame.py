"""What a trouble is: told by what the server does with others meanwhile, and with a request known to be good."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

from builder.rewriting.control import Control
from builder.rewriting.endpoint import Endpoint
from builder.rewriting.outcome import Answer, Outcome, Sign, Trouble
from builder.rewriting.retry import Case

_LONG = 30.0  # seconds; a try that takes so long can't be made again and again on a server held for it
_SETTLED = 1.0  # seconds in which what broke a server has broken all it had in work
_LONGEST_LOOK = 15.0  # seconds
_TIME_LIMIT = 5.0  # seconds; no gateway waits less for an answer
_ROOMY = 0.75  # of what a server gets: with as many in work, room is not what it lacks
_TRIES = (2, 100)  # that the share of failures looks back on: at first (as if answered) and at most, about


class Blame:
    """Tells a server's trouble from an input's.

    Attributes:
        failure_rate: The share of first tries that fail, older ones counting less.
    """

    def __init__(
        self,
        control: Control,
        *,
        leave_alone: Callable[[Endpoint, Trouble], None],
        start: Callable[[Awaitable[None]], None],
        on_change: Callable[[Endpoint], None],
        say: Callable[[str], None],
    ) -> None:
        """Tell them apart.

        Args:
            control: Asks for an answer known to be good.
            leave_alone: Gives a server no requests for now.
            start: Has something done beside the requests.
            on_change: Called with a server whose room may have changed.
            say: Called with what a user should know.
        """
        self._control, self._leave_alone, self._start = control, leave_alone, start
        self._on_change, self._say = on_change, say
        self._said: set[tuple[str, str]] = set()  # of an address
        self.failure_rate = 0.0
        self._tries = _TRIES[0]

    def tried(self, case: Case, outcome: Outcome) -> None:
        """Take in what came of a try."""
        if case.troubles:
            return
        is_blamed = isinstance(outcome, Trouble) and outcome.may_be_the_inputs
        has_failed = is_blamed and not is_time_limit(outcome, case.seconds)
        self._tries = min(self._tries + 1, _TRIES[1])
        self.failure_rate += (has_failed - self.failure_rate) / self._tries

    async def told_apart(self, case: Case, trouble: Trouble) -> Trouble:
        """Return a trouble as what it is."""
        endpoint = case.endpoint
        if endpoint is None:
            return trouble
        ended = time.monotonic()
        if trouble.may_be_the_inputs:
            await endpoint.is_settled.wait()
            if endpoint.filled > ended - case.seconds:
                return replace(trouble, sign=Sign.OVERLOADED)  # it had no room for it
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
        seconds = trouble.lasted or ended - since
        self._say_once(
            endpoint,
            trouble.what,
            f", after {seconds:.0f} s, while it answers others: what stands before the server waits no longer; a"
            " higher time limit there (nginx: proxy_read_timeout) or fewer tokens to ask for would help",
        )
        return replace(trouble, sign=Sign.OVERLOADED if endpoint.timed_out(since) else Sign.TIMED_OUT)

    async def _works(self, endpoint: Endpoint, since: float) -> bool:
        """Whether a server answers what is sent to it after a time: a request known to be good, or any other."""
        while endpoint.is_able:
            good = await self._control.ask(endpoint)
            if endpoint.proven >= since:
                return True
            if isinstance(good, Trouble) and good.sign is not Sign.OVERLOADED:
                self.look_into(endpoint, good)
                return False
            await asyncio.sleep(_SETTLED)  # it has no place for one more: the others that it has will tell
        return False

    # --- what is wrong with a server ---

    def look_into(self, endpoint: Endpoint, trouble: Trouble, seconds: float = 0.0) -> None:
        """Have it seen what is wrong with a server where requests fail, the last one after so many seconds."""
        if endpoint.is_settled.is_set() and not endpoint.is_out and trouble.sign is not Sign.OVERLOADED:
            endpoint.is_settled.clear()
            self._on_change(endpoint)
            self._start(self._look_into(endpoint, trouble, seconds))

    async def _look_into(self, endpoint: Endpoint, trouble: Trouble, seconds: float) -> None:
        """Leave a server alone that works no more; one that goes on with what it has may have no room for more.

        Not all proxies say so in words. And behind a router, one of many may be down, though all others work.
        """
        begun, held = time.monotonic(), [*endpoint.requests]
        good = await self._control.ask(endpoint) if held else trouble
        is_good = isinstance(good, Answer) or good.sign is Sign.OVERLOADED
        if not trouble.status or (isinstance(good, Trouble) and not good.status):
            held.clear()  # what ends connections without a word lacks more than room
        if held:
            await asyncio.sleep(begun + min(_LONGEST_LOOK, max(_SETTLED, 2 * seconds)) - time.monotonic())
        lived = [asked for asked in held if not asked.has_failed]
        goes_on = any(asked.since <= begun - seconds for asked in lived)  # else all it had broke at once
        if goes_on and (not is_good or len(lived) < _ROOMY * int(endpoint.limit)):
            self._say_once(
                endpoint, trouble.what, f"; it goes on with the {len(lived)} that it has, and gets no more"
            )
            endpoint.holds(len(lived))
        elif is_good:
            endpoint.works()
        elif not endpoint.is_out:
            self._leave_alone(endpoint, trouble)
        endpoint.is_settled.set()
        self._on_change(endpoint)

    def _say_once(self, endpoint: Endpoint, what: str, that: str) -> None:
        if (endpoint.url, what) not in self._said:
            self._said.add((endpoint.url, what))
            self._say(f"{endpoint.url}: {what}{that}")


def is_time_limit(outcome: Outcome, seconds: float) -> bool:
    """Whether a try that ended so after so many seconds did because something waited no longer for the answer."""
    return isinstance(outcome, Trouble) and outcome.speaks_of_time and seconds >= _TIME_LIMIT
