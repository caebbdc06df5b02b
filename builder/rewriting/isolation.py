"""Isolation: requests that may be what breaks servers are tried where they break nobody else's answer.

They are gathered. Then one server stops taking others, gets empty, and tries them: all at once, for most of them
are innocent; those that fail again a few at once, and one by one where it is not clear whose doing a failure was.
A trouble there is the input's when a request known to be good was answered beside it, or after it. What that costs
is bounded: a fiftieth of what all servers together could do, more only where so many wait that they would soon be
all there is to do.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from builder.draining import Drain, Draining
from builder.rewriting.control import Control
from builder.rewriting.endpoint import Endpoint
from builder.rewriting.good_ones import GoodOnes
from builder.rewriting.outcome import Answer, Outcome, Sign, Trouble
from builder.rewriting.retry import Case
from builder.rewriting.slots import Slots

_GATHER_SECONDS = 10.0
_SHARE = 50.0
_FEW = 4  # at once: no server holds so few that it would refuse one of them
_SESSION_SECONDS = 120.0  # no more requests are begun alone after that
_POLL_SECONDS = 0.1


@dataclass(slots=True, eq=False)
class _Suspect:
    """A case, and what became of it: an answer, or a trouble that was the server's. A server may be at it now."""

    case: Case
    verdict: asyncio.Future[Outcome]
    since: float
    is_asked: bool = False


class Isolation:
    """Isolates requests at the servers of some slots."""

    def __init__(
        self,
        members: Sequence[Endpoint],
        slots: Slots,
        control: Control,
        *,
        ask: Callable[[Endpoint, Case], Awaitable[Outcome]],
        start: Callable[[Awaitable[None]], None],
        on_bad: Callable[[Endpoint, Trouble], None],
        failure_rate: Callable[[], float],
        drain: Drain,
    ) -> None:
        """Isolate requests.

        Args:
            members: The servers.
            slots: Their slots.
            control: Tells whether one works.
            ask: Tries a request once.
            start: Has something done beside the requests.
            on_bad: Called with a server that does not answer even a request known to be good.
            failure_rate: Tells the share of first tries that fail.
            drain: When it is on, nothing more is tried.
        """
        self._drain = drain
        self._members, self._slots, self._control = members, slots, control
        self._ask, self._start, self._on_bad, self._failure_rate = ask, start, on_bad, failure_rate
        self._suspects: list[_Suspect] = []
        self._is_at_work = False
        self._not_before = 0.0

    async def examine(self, case: Case) -> Outcome:
        """Try a request in isolation.

        Returns:
            Its answer, or a trouble that is the server's.

        Raises:
            RequestFailed: The input is to blame.
        """
        suspect = _Suspect(case, asyncio.get_running_loop().create_future(), time.monotonic())
        self._suspects.append(suspect)
        if not self._is_at_work:
            self._is_at_work = True
            self._start(self._work())
        return await suspect.verdict

    @property
    def has_waiting(self) -> bool:
        """Whether somebody waits."""
        return bool(self._suspects)

    def turn_away(self, error: BaseException) -> None:
        """Have all that wait raise this."""
        for suspect in self._suspects:
            if not suspect.verdict.done():
                suspect.verdict.set_exception(error)
        self._suspects.clear()

    def turn_away_unasked(self, error: BaseException) -> None:
        """Have all raise this whom no server is at."""
        for suspect in self._suspects:
            if not suspect.is_asked and not suspect.verdict.done():
                suspect.verdict.set_exception(error)
        self._suspects = [one for one in self._suspects if not one.verdict.done()]

    async def _work(self) -> None:
        try:
            while self._suspects:
                if self._is_due():
                    await self._isolate()
                else:
                    await asyncio.sleep(_POLL_SECONDS)
        finally:
            self._is_at_work = False

    def _is_due(self) -> bool:
        now = time.monotonic()
        if self._slots.is_idle:
            return True
        if now - self._suspects[0].since < _GATHER_SECONDS:
            return False
        enough = sum(int(endpoint.limit) for endpoint in self._members if endpoint.is_able) / 2
        return now >= self._not_before or len(self._suspects) >= enough > 0

    async def _isolate(self) -> None:
        """Have one server try all that wait."""
        start, endpoint = time.monotonic(), await self._slots.hold()
        try:
            await self._try_all(endpoint, self._suspects.copy(), time.monotonic() + _SESSION_SECONDS)
        finally:
            self._suspects = [one for one in self._suspects if not one.verdict.done()]
            self._slots.release(endpoint)
        now = time.monotonic()
        self._not_before = now + (now - start) * _SHARE / max(1, len(self._members))

    async def _try_all(self, endpoint: Endpoint, suspects: Sequence[_Suspect], end: float) -> None:
        """Try suspects at a server that is empty, until they are decided or it is time for others."""

        def goes_on(left: Sequence[_Suspect]) -> bool:
            return bool(left) and endpoint.is_able and endpoint.is_held and time.monotonic() < end

        alone = [one for one in suspects if one.case.is_alone]
        left = [one for one in suspects if not one.case.is_alone]
        at_once = max(1, int(endpoint.limit) - 1)  # and the one known to be good
        while goes_on(left):
            left, unclear = await self._beside_others(endpoint, left, at_once)
            alone += unclear
            at_once = min(_FEW, at_once)
        while goes_on(alone):
            alone = await self._one_by_one(endpoint, alone)

    async def _beside_others(
        self, endpoint: Endpoint, suspects: Sequence[_Suspect], at_once: int
    ) -> tuple[list[_Suspect], list[_Suspect]]:
        """Try suspects, so many at once, and beside them requests known to be good.

        Returns:
            Those that failed by themselves and are not decided yet, and those that may have failed by another's
            doing: no request known to be good lived on.
        """
        permits, good_ones = asyncio.Semaphore(at_once), GoodOnes(self._control, endpoint)
        waiting = [one for one in suspects if not one.verdict.done()]
        if not await good_ones.begin():
            return [], waiting

        async def ask(suspect: _Suspect) -> tuple[Outcome, float]:
            async with permits:
                return await self._try(endpoint, suspect), time.monotonic()

        try:
            tried = await asyncio.gather(*map(ask, waiting))
            await good_ones.end()
        finally:
            good_ones.cancel()
        unclear = []
        for suspect, (outcome, ended) in zip(waiting, tried, strict=True):
            if isinstance(outcome, Answer):
                continue
            if _counts(outcome) and good_ones.lived_through(ended):
                self._blame(suspect, outcome, is_decisive=at_once <= _FEW)
            else:
                suspect.case.is_alone = True
                unclear.append(suspect)
        return [one for one in waiting if not one.verdict.done() and one not in unclear], unclear

    async def _one_by_one(self, endpoint: Endpoint, suspects: Sequence[_Suspect]) -> list[_Suspect]:
        """Try each with nothing beside it, between requests known to be good; return those not yet decided."""
        failed: list[tuple[_Suspect, Trouble]] = []
        good = await self._control.ask(endpoint)
        for suspect in suspects if isinstance(good, Answer) else ():
            if suspect.verdict.done():
                continue
            outcome = await self._try(endpoint, suspect)
            if isinstance(outcome, Trouble) and not _counts(outcome):
                break  # the server is gone: by the doing of the last one, if of any
            if isinstance(outcome, Trouble):
                failed.append((suspect, outcome))
        if isinstance(good, Answer) and not self._drain.is_on:
            good = await self._control.ask(endpoint)
        works = isinstance(good, Answer)
        if isinstance(good, Trouble) and good.sign in (Sign.REFUSED, Sign.OVERLOADED):
            failed.clear()
        for suspect, trouble in failed if works else failed[-1:]:
            self._blame(suspect, trouble, is_decisive=True)
        left = [one for one in suspects if not one.verdict.done()]
        if isinstance(good, Answer):
            return left
        self._on_bad(endpoint, good)
        for suspect in left:
            _settle(suspect, good)
        return []

    async def _try(self, endpoint: Endpoint, suspect: _Suspect) -> Outcome:
        """Try a suspect, whom an answer decides at once; where nothing is tried any more, a trouble does, too."""
        if self._drain.is_on:
            return Trouble(Sign.UNREACHABLE, "nothing more is asked", endpoint.server.url)
        suspect.is_asked = True
        outcome = await self._ask(endpoint, suspect.case)
        suspect.is_asked = False
        if isinstance(outcome, Answer):
            _settle(suspect, outcome)
        elif self._drain.is_on and not suspect.verdict.done():
            suspect.verdict.set_exception(Draining())
        return outcome

    def _blame(self, suspect: _Suspect, trouble: Trouble, *, is_decisive: bool) -> None:
        is_to_blame = suspect.case.failed_isolated(self._failure_rate())
        if is_to_blame and is_decisive and not suspect.verdict.done():
            suspect.verdict.set_exception(trouble.blaming_the_input())


def _counts(outcome: Trouble) -> bool:
    """Whether a trouble in isolation may be the input's: an empty server has room for it."""
    return outcome.may_be_the_inputs or outcome.sign is Sign.OVERLOADED


def _settle(suspect: _Suspect, outcome: Outcome) -> None:
    if not suspect.verdict.done():
        suspect.verdict.set_result(outcome)
