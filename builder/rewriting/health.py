"""Health checks: which endpoints work, what they serve, and whether they still do.

An endpoint that fails has its circuit opened: it gets no requests until it says what it serves and gives a small
answer. One whose connections broke may be another server by now, and is asked before its answers are taken.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import aiohttp

from builder.errors import NoServer, ServerRefused, ServerUnready
from builder.rewriting.capabilities import learn
from builder.rewriting.control import Control
from builder.rewriting.endpoint import Endpoint
from builder.rewriting.generation import Model
from builder.rewriting.metrics import read_gauges
from builder.rewriting.outcome import Answer, Outcome, Sign, Trouble
from builder.rewriting.servers import Server, probe
from builder.rewriting.wanted import Wanted

PROBE_SECONDS = (0.5, 15.0)
"""Between tries of a server that does not answer, at first and at most."""

_GROWING_SECONDS = 0.25  # between looks at the gauges of one that gets more and more
_VERIFY_SECONDS = 60.0  # between questions what a server serves, while it is at work
_BORNE = 3  # refusals of what is alone there, before a server rests: an answer makes up for two
_RESTS = (0.25, 4.0)  # seconds that it rests, at first and at most
_RESTS_SAID = 3  # rests in a row that a user hears of
_QUIET_SECONDS = 60.0  # without an answer, before a server is asked for a small one: does it work at all?


class Health:
    """Checks servers.

    Attributes:
        model: What all of them have to serve; to be set before one is checked. Until then what the run began with.
    """

    model: Model | None

    def __init__(
        self,
        session: aiohttp.ClientSession,
        control: Control,
        wanted: Wanted,
        *,
        start: Callable[[Awaitable[None]], None],
        on_change: Callable[[Endpoint], None],
        on_other: Callable[[Endpoint], None],
    ) -> None:
        """Check servers.

        Args:
            session: What to ask them with.
            control: Tells whether one works.
            wanted: What the servers must serve and be able to do, and who is told what a user should know.
            start: Has something done beside the requests.
            on_change: Called with a server whose room may have changed.
            on_other: Called with a server that is no member any more: it leaves, or serves another model.
        """
        self._session, self._control, self._wanted, self.model = session, control, wanted, wanted.expected
        self._say, self._start, self._on_change, self._on_other = wanted.say, start, on_change, on_other
        self._looked_at: set[Endpoint] = set()  # whose gauges are being asked for
        self._rests_said: set[tuple[str, str]] = set()  # of an address
        self._verifying: dict[Endpoint, asyncio.Task[bool]] = {}

    async def ask(self, url: str, *, learns: bool = True) -> Server | NoServer | ServerRefused:
        """Ask an address what is there, and learn in what dialect it does what is needed."""
        try:
            known = self.model.id if self.model else None
            server = await probe(self._session, url, self._wanted.model_sha, self._wanted.served_model, known)
            return await learn(self._session, server, self._wanted.needs, self._say) if learns else server
        except (NoServer, ServerRefused) as error:
            return error

    async def until_it_answers(self, url: str, is_wanted: Callable[[], bool]) -> Server | None:
        """Return the server, None where it is no longer wanted, refuses us or has another model."""
        pause = PROBE_SECONDS[0]
        while is_wanted():
            await asyncio.sleep(pause)
            pause = min(2 * pause, PROBE_SECONDS[1])
            server = await self.ask(url)
            if isinstance(server, NoServer):
                continue
            if isinstance(server, Server):
                return server if self._is_ours(server) else None
            self._say(f"{url}: {server.what}; it gets no requests")
            return None
        return None

    # --- at work ---

    def look_after(self, member: Endpoint) -> None:
        """Give up what its server won't answer, and ask the server for what is not known of it."""
        if (silence := member.give_up()) is not None:
            if not member.is_out:
                self.leave_alone(member, Trouble(Sign.SILENT, silence, member.server.url))
            member.end_all()
        if not member.in_flight or member.is_out:
            return
        now = time.monotonic()
        if member.is_to_be_looked_at:
            self._look_at(member)
        if now - member.last_answer > _QUIET_SECONDS and not self._control.is_under_way(member):
            self._start(self._ask_for_little(member))
        if now - member.verified > _VERIFY_SECONDS and member not in self._verifying:
            self._start(self._verify_now_and_then(member))

    async def _ask_for_little(self, member: Endpoint) -> None:
        await self._control.ask(member)  # which tells the endpoint how fast it is

    async def _verify_now_and_then(self, member: Endpoint) -> None:
        await self._serves_the_model(member)

    def _look_at(self, member: Endpoint) -> None:
        if member not in self._looked_at:
            self._looked_at.add(member)
            self._start(self._gauge(member))

    async def _gauge(self, member: Endpoint) -> None:
        try:
            while not member.is_out:
                member.looked_at(await read_gauges(self._session, member.server))
                self._on_change(member)
                if not member.allowed.is_growing:
                    break
                await asyncio.sleep(_GROWING_SECONDS)  # what is too much is seen before it is much too much
        finally:
            self._looked_at.discard(member)

    # --- circuits ---

    def leave_alone(self, member: Endpoint, trouble: Trouble) -> None:
        """Give a server that fails no more requests, until it answers."""
        self._say(f"{member.server.url}: {trouble.what}; it is left alone until it answers")
        member.open_circuit(trouble)
        self._on_change(member)
        self.start_return(member)

    def let_rest(self, member: Endpoint, trouble: Trouble) -> None:
        """Give a server nothing for some seconds that refuses a request though it holds none of ours.

        It is no matter of how many there are at once: of so many a minute, or a day, or of others' requests. Some
        servers count those that they refuse, too.
        """
        if member.is_resting:
            return
        member.refusals_alone += 1
        rests = member.refusals_alone - _BORNE
        if rests == _RESTS_SAID and (member.url, trouble.what) not in self._rests_said:
            self._rests_said.add((member.url, trouble.what))
            self._say(f"{member.url}: {trouble.what}; it takes nothing for now, and is asked again")
        seconds = min(_RESTS[1], _RESTS[0] * 2 ** min(rests - 1, 10)) if rests > 0 else 0.0
        seconds = max(trouble.retry_after, seconds)
        if not seconds:
            return
        member.is_resting, member.trouble = True, trouble
        self._start(self._rest(member, seconds))

    async def _rest(self, member: Endpoint, seconds: float) -> None:
        await asyncio.sleep(seconds)
        member.is_resting = False
        self._on_change(member)

    def start_return(self, member: Endpoint) -> None:
        """Have a server that is out asked until it works."""
        self._start(self._return(member))

    async def _return(self, member: Endpoint) -> None:
        """Ask a server that failed until it generates again, and let it in."""
        begun, pause = time.monotonic(), self._first_pause(member)
        while True:
            await asyncio.sleep(pause)
            pause = min(PROBE_SECONDS[1], max(2 * pause, PROBE_SECONDS[0]))
            server = await self.ask(member.server.url)
            if member.is_leaving or (isinstance(server, Server) and not self._is_ours(server)):
                self._on_other(member)
                return
            trouble = await self._trouble_of(member, server)
            if trouble is None or trouble.sign is Sign.OVERLOADED:
                break
            member.trouble = trouble
        self._say(f"{member.server.url}: answers again")
        known = server if isinstance(server, Server) else member.server
        member.close_circuit(known, begin_anew=time.monotonic() - begun > PROBE_SECONDS[0])
        self._on_change(member)

    async def _trouble_of(self, member: Endpoint, server: Server | NoServer | ServerRefused) -> Trouble | None:
        """Return why a server that was asked what it serves does not work, None where it does.

        Some routers have no page while one of their workers is down, and answer all the same.
        """
        told = None
        if not isinstance(server, Server):
            sign = Sign.REFUSED if isinstance(server, ServerRefused) else Sign.UNREACHABLE
            told = Trouble(sign, server.what, member.server.url)
            if not isinstance(server, ServerUnready):
                return told
        outcome = await self._control.ask(member)
        if isinstance(outcome, Trouble):
            return told or outcome
        if told is not None:
            return None if outcome.model is not None and member.knows(outcome.model) else told
        if not member.has_another(outcome.model):
            return None
        return Trouble(Sign.UNREACHABLE, f"{outcome.model} answers there", member.server.url)

    def _is_ours(self, server: Server) -> bool:
        if server.model == self.model:
            return True
        self._say(f"{server.url}: it serves {server.model}, this run {self.model}; it gets no requests")
        return False

    @staticmethod
    def _first_pause(member: Endpoint) -> float:
        """Return the seconds before the first question; one that was there a moment ago may be asked at once."""
        shortest, longest = PROBE_SECONDS
        asked = member.trouble.retry_after if member.trouble else 0.0
        if member.absences == 1 and not asked and member.trouble and member.trouble.sign is not Sign.UNREACHABLE:
            return 0.0
        # One whose pages answer but which generates nothing is not asked to again and again.
        return float(min(longest, max(asked, shortest * 2 ** min(max(0, member.absences - 1), 10))))

    # --- what they serve ---

    async def of_the_model(self, member: Endpoint, answer: Answer) -> Outcome:
        """Return an answer of an endpoint that is unsure, or names a new model, if the run's model gave it."""
        if not await self._serves_the_model(member):
            return Trouble(Sign.UNREACHABLE, "it serves another model", member.server.url)
        if member.has_another(answer.model):
            trouble = Trouble(Sign.UNREACHABLE, f"{answer.model} answers there", member.server.url)
            if not member.is_out:
                self.leave_alone(member, trouble)
            return trouble
        if answer.model is not None:
            member.names.add(answer.model)
        return answer

    async def _serves_the_model(self, member: Endpoint) -> bool:
        """Ask a server what it serves; one question at a time."""
        task = self._verifying.get(member)
        if task is None:
            task = self._verifying[member] = asyncio.ensure_future(self._verified(member))
            task.add_done_callback(lambda _: self._verifying.pop(member, None))
        return await asyncio.shield(task)

    async def _verified(self, member: Endpoint) -> bool:
        server = await self.ask(member.server.url, learns=False)
        member.is_unsure, member.verified = False, time.monotonic()
        if not isinstance(server, Server) or self._is_ours(server):
            return True  # pages that can't be read now say nothing against it
        self._on_other(member)
        return False

    def end(self) -> None:
        """Ask no more."""
        for task in self._verifying.values():
            task.cancel()
