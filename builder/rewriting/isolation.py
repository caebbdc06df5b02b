"""Isolation: requests that may be what breaks servers are tried where they break nobody else's answer.

They are gathered. Then one server stops taking others, gets empty, and tries them: those that are new together,
for most of them are innocent; those that fail again one by one. A trouble there is the input's when the server
then answers a request known to be good. What that costs is bounded: a fiftieth of what all servers together
could do, more only where so many wait that they would soon be all there is to do.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from builder.rewriting.control import Control
from builder.rewriting.endpoint import Endpoint
from builder.rewriting.outcome import Answer, Outcome, Sign, Trouble
from builder.rewriting.retry import Case
from builder.rewriting.slots import Slots

_GATHER_SECONDS = 1.0
_SHARE = 50.0
_SESSION_SECONDS = 120.0  # no more requests are begun alone after that
_POLL_SECONDS = 0.1


@dataclass(slots=True, eq=False)
class _Suspect:
    """A case, and what became of it: an answer, or a trouble that was the server's."""

    case: Case
    verdict: asyncio.Future[Outcome]
    since: float


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
        failure_rate: Callable[[], float],
    ) -> None:
        """Isolate requests.

        Args:
            members: The servers.
            slots: Their slots.
            control: Tells whether one works.
            ask: Tries a request once.
            start: Has something done beside the requests.
            failure_rate: Tells the share of first tries that fail.
        """
        self._members, self._slots, self._control = members, slots, control
        self._ask, self._start, self._failure_rate = ask, start, failure_rate
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

    def turn_away(self, error: BaseException) -> None:
        """Have all that wait raise this."""
        for suspect in self._suspects:
            if not suspect.verdict.done():
                suspect.verdict.set_exception(error)
        self._suspects.clear()

    async def _work(self) -> None:
        try:
            while self._suspects:
                if not self._is_due():
                    await asyncio.sleep(_POLL_SECONDS)
                    continue
                start, endpoint = time.monotonic(), await self._slots.hold()
                taken = self._suspects[: max(1, int(endpoint.limit))]
                try:
                    await self._session(endpoint, taken)
                finally:
                    self._suspects = [one for one in self._suspects if not one.verdict.done()]
                    self._slots.release(endpoint)
                now = time.monotonic()
                self._not_before = now + (now - start) * _SHARE / len(self._members)
        finally:
            self._is_at_work = False

    def _is_due(self) -> bool:
        now = time.monotonic()
        if not self._suspects or self._slots.is_idle:
            return True
        if now - self._suspects[0].since < _GATHER_SECONDS:
            return False
        enough = sum(int(endpoint.limit) for endpoint in self._members if endpoint.is_able) / 2
        return now >= self._not_before or len(self._suspects) >= enough > 0

    async def _session(self, endpoint: Endpoint, suspects: list[_Suspect]) -> None:
        """Try suspects at a server that is empty."""
        end = time.monotonic() + _SESSION_SECONDS
        new = [one for one in suspects if not one.case.was_together and not one.verdict.done()]
        left = [one for one in suspects if one.case.was_together and not one.verdict.done()]
        if new:
            left += await self._together(endpoint, new)
        while left and endpoint.is_able and time.monotonic() < end:
            left = await self._one_by_one(endpoint, left)

    async def _together(self, endpoint: Endpoint, suspects: Sequence[_Suspect]) -> list[_Suspect]:
        """Try all at once, and a request known to be good beside them; return those that failed."""

        async def ask(suspect: _Suspect) -> Outcome:
            outcome = await self._ask(endpoint, suspect.case)
            if isinstance(outcome, Answer):
                _settle(suspect, outcome)  # it need not wait for the others
            return outcome

        good, *outcomes = await asyncio.gather(self._control.ask(endpoint), *map(ask, suspects))
        works, failed = isinstance(good, Answer), []
        for suspect, outcome in zip(suspects, outcomes, strict=True):
            suspect.case.was_together = True
            if works and _counts(outcome):
                suspect.case.failed_isolated(self._failure_rate())
                failed.append(suspect)
            else:
                _settle(suspect, outcome)
        return failed

    async def _one_by_one(self, endpoint: Endpoint, suspects: Sequence[_Suspect]) -> list[_Suspect]:
        """Try each with nothing beside it, then a request known to be good; return those not yet decided."""
        failed: list[tuple[_Suspect, Trouble]] = []
        for suspect in suspects:
            outcome = await self._ask(endpoint, suspect.case)
            if isinstance(outcome, Answer):
                _settle(suspect, outcome)
            elif _counts(outcome):
                failed.append((suspect, outcome))
            else:
                break  # the server is gone: the last one's doing, if anybody's
        good = await self._control.ask(endpoint)
        if isinstance(good, Answer):
            blamed = failed
        else:
            broke = good.sign not in (Sign.REFUSED, Sign.OVERLOADED)
            blamed = failed[-1:] if broke else []
        for suspect, trouble in blamed:
            is_to_blame = suspect.case.failed_isolated(self._failure_rate())
            if is_to_blame and not suspect.verdict.done():
                suspect.verdict.set_exception(trouble.blaming_the_input())
        left = [one for one in suspects if not one.verdict.done()]
        if isinstance(good, Answer):
            return left
        for suspect in left:
            _settle(suspect, good)
        return []


def _counts(outcome: Outcome) -> bool:
    """Whether a trouble in isolation may be the input's: an empty server has room for it."""
    return isinstance(outcome, Trouble) and (outcome.may_be_the_inputs or outcome.sign is Sign.OVERLOADED)


def _settle(suspect: _Suspect, outcome: Outcome) -> None:
    if not suspect.verdict.done():
        suspect.verdict.set_result(outcome)
