"""One try: a request goes to a server, and what is learned from the outcome before its slot is given back."""

from __future__ import annotations

import asyncio
import time
from collections import deque

from builder.draining import Drain
from builder.errors import TooLong
from builder.rewriting.asked import Asked
from builder.rewriting.blame import Blame, is_time_limit
from builder.rewriting.chat_request import ChatRequest
from builder.rewriting.endpoint import Endpoint
from builder.rewriting.membership import Membership
from builder.rewriting.outcome import Answer, Outcome, Sign, Trouble
from builder.rewriting.patience import Patience
from builder.rewriting.retry import Case
from builder.rewriting.slots import Slots
from builder.rewriting.transport import Transport

_REMEMBERED = 512  # answers


class Tries:
    """Tries requests at the servers of some slots.

    Attributes:
        seconds: How long the last answers took each.
    """

    def __init__(
        self,
        transport: Transport,
        membership: Membership,
        slots: Slots,
        blame: Blame,
        patience: Patience,
        drain: Drain,
    ) -> None:
        """Try requests while there is no `drain`; the others learn from what comes of it."""
        self.seconds = deque[float](maxlen=_REMEMBERED)
        self._drain = drain
        self._transport, self._membership, self._slots = transport, membership, slots
        self._blame, self._patience = blame, patience

    async def anywhere(self, case: Case, avoid: Endpoint | None = None) -> Outcome:
        """Try once, where there is a slot.

        Raises:
            Draining: Nothing more is to be asked.
        """
        self._drain.check()
        if self._membership.failure is not None:
            raise self._membership.failure
        endpoint = await self._slots.take(avoid, case.request.fit, case.order)
        try:
            self._drain.check()  # it may have begun between the slot's giving and its taking
            return await self._try(endpoint, case)
        finally:
            self._slots.give_back(endpoint)

    async def isolated(self, endpoint: Endpoint, case: Case) -> Outcome:
        """Try once at a server that is held; over a new connection what breaks them: an old one proves nothing."""
        self._slots.occupy(endpoint)
        try:
            return await self._try(endpoint, case, on_new=case.breaks_connections)
        finally:
            self._slots.give_back(endpoint)

    async def _try(self, endpoint: Endpoint, case: Case, *, on_new: bool = False) -> Outcome:
        """Try once at a server, and learn from the outcome before the slot is given back."""
        start, sent = time.monotonic(), endpoint.in_flight
        outcome = await self._post(endpoint, case.request, on_new)
        case.endpoint, case.seconds = endpoint, time.monotonic() - start
        if isinstance(outcome, Trouble) and outcome.too_long is not None:
            endpoint.last_answer = time.monotonic()
            self._patience.works()
            return outcome
        if isinstance(outcome, Answer) and not self._is_surely_of_the_model(endpoint, outcome):
            outcome = await self._membership.health.of_the_model(endpoint, outcome)
        if isinstance(outcome, Trouble) and outcome.sign is Sign.DISCONNECTED:
            outcome = endpoint.broke(outcome)
        self._blame.tried(case, outcome)
        if isinstance(outcome, Answer):
            tokens = outcome.generation.completion_tokens
            if outcome.load is not None:
                endpoint.told(outcome.load)
            endpoint.answered(outcome.waited, tokens, sent)
            endpoint.learn_speed(case.seconds, tokens)
            self._slots.had_files()
            self._patience.answered()
            self.seconds.append(case.seconds)
        else:
            self._learn_from(outcome, endpoint, case, start)
        return outcome

    @staticmethod
    def _is_surely_of_the_model(endpoint: Endpoint, answer: Answer) -> bool:
        endpoint.is_unsure = endpoint.is_unsure or answer.is_after_break
        return not endpoint.is_unsure and endpoint.knows(answer.model)

    def _learn_from(self, trouble: Trouble, endpoint: Endpoint, case: Case, start: float) -> None:
        self._patience.failed()
        if trouble.sign is Sign.OVERLOADED:
            endpoint.refused()
            if endpoint.in_flight == 1:
                self._membership.health.let_rest(endpoint, trouble)
            return
        if trouble.sign is Sign.NO_FILE:
            self._slots.ran_out_of_files(trouble.what)
            return
        endpoint.is_unsure = endpoint.is_unsure or trouble.may_be_a_restart
        if case.troubles:
            return  # a suspect's failure says nothing of the server
        # A refusal has the server asked for an answer known to be good.
        is_asked = trouble.sign in (Sign.REFUSED, Sign.LOST) or is_time_limit(trouble, case.seconds)
        if endpoint.failed(start) and not is_asked:
            self._blame.look_into(endpoint, trouble, case.seconds)

    async def _post(self, endpoint: Endpoint, request: ChatRequest, on_new: bool) -> Outcome:
        """Send a request; it ends without an answer when the server is taken to hang, or to have lost it."""
        asked = Asked(request.sampling.max_tokens)
        endpoint.requests.add(asked)
        try:
            body = request.body_for(endpoint.server)
            is_to_tell = endpoint.is_to_tell()
            outcome = await self._transport.post(endpoint.server, body, on_new=on_new, is_to_tell=is_to_tell)
            asked.has_failed = isinstance(outcome, Trouble)
            return outcome
        except TooLong as error:
            return Trouble(Sign.REFUSED, error.what, endpoint.server.url, too_long=error)
        except asyncio.CancelledError:
            if not asked.is_ended:
                raise
            asked.took_cancellation()
        finally:
            endpoint.requests.discard(asked)
        sign = Sign.LOST if asked.is_lost else Sign.SILENT
        return Trouble(sign, "no answer in the time that such an answer takes", endpoint.server.url)
