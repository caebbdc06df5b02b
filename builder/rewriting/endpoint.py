"""An endpoint: a server with our bookkeeping. What is in work there, whether it works, how much it gets."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field, replace

from builder.rewriting.asked import Asked
from builder.rewriting.climb import Climb
from builder.rewriting.failures import Failures
from builder.rewriting.limits import Limit
from builder.rewriting.metrics import Gauges
from builder.rewriting.model_names import is_another
from builder.rewriting.outcome import Trouble
from builder.rewriting.pace import Pace
from builder.rewriting.servers import Server
from builder.rewriting.witness import Witness

_TELL_SECONDS = 1.0  # between requests whose answers are to tell the load
_PAGE_SECONDS = 5.0  # between looks at the page of a server whose answers tell it
_REMEMBERED = 16  # requests, about
_UNANSWERED = 5  # looks at its gauges in a row, before it is taken to have none
_SILENCE = (120.0, 4.0)  # seconds that any request may take; times as long as so many tokens take there
_FEWEST = 4.0  # requests at once, below which a gateway's time limit is not met by fewer of them
_FIRST_SILENCE = (600.0, 0.1)  # while its speed is not known: seconds, and seconds a token asked for


def _set() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


@dataclass(slots=True, eq=False)
class Endpoint:
    """A server in the pool.

    Attributes:
        server: What it said of itself.
        allowed: How many requests it gets at once.
        in_flight: How many it has now.
        is_out: Its circuit is open: it gets no requests, and is asked from time to time whether it works.
        is_leaving: It gets no more requests.
        is_held: It gets no more requests until it is empty, and then those that are isolated.
        is_ending: No more documents come: what would wait in its queue waits here, for whoever is free first.
        requests: What is asked of it now.
        pace: How fast it answers.
        last_answer: When it last showed that it works, `time.monotonic()`.
        proven: The latest time at which something was sent that it then answered, `time.monotonic()`.
        trouble: Why it is out, or rests.
        absences: How often in a row its circuit opened without an answer in between.
        is_unsure: Another server may answer there by now: its answers wait until it was asked what it serves.
        verified: When it was last asked what it serves, `time.monotonic()`.
        names: What the model that answers there calls itself.
        refusals_alone: How often it refused a request though it held none of ours, less two for each answer since.
        is_resting: It did just now, and gets nothing for some seconds.
        is_settled: Set, but while requests fail there and it is being seen what is wrong.
        filled: When it was last seen that it has no room for more, `time.monotonic()`.
    """

    server: Server
    allowed: Limit = field(init=False)
    in_flight: int = 0
    is_out: bool = False
    is_leaving: bool = False
    is_held: bool = False
    is_ending: bool = False
    requests: set[Asked] = field(default_factory=set)
    pace: Pace = field(default_factory=Pace)
    last_answer: float = field(init=False)
    proven: float = 0.0
    trouble: Trouble | None = None
    absences: int = 0
    is_unsure: bool = False
    verified: float = field(init=False)
    names: set[str] = field(default_factory=set)
    refusals_alone: int = 0
    is_resting: bool = False
    is_settled: asyncio.Event = field(default_factory=_set)
    filled: float = 0.0
    _timed_out: float = 0.0  # the share of requests for whose answers a gateway waited no longer, a moving average
    _cut_at: float = 0.0
    _failures: Failures = field(default_factory=Failures)
    _climb: Climb = field(default_factory=Climb)
    _unanswered: int = 0
    _witness: Witness = field(default_factory=Witness)
    _asked_to_tell: float = 0.0
    _told: float = -_PAGE_SECONDS
    _looked: float = -_PAGE_SECONDS

    def __post_init__(self) -> None:
        self.allowed = Limit(self.server.limit, self.server.most)
        self.last_answer = self.verified = time.monotonic()

    @property
    def limit(self) -> float:
        """How many requests it gets at once now."""
        return self.allowed.value

    @property
    def room(self) -> int:
        """How many more requests it gets now."""
        is_choked = not self.is_settled.is_set() and self._failures.are_most  # of what comes more, most would fail
        is_open = self.is_able and not self.is_held and not self.is_resting and not is_choked
        return self.slots - self.in_flight if is_open else 0

    @property
    def slots(self) -> int:
        """How many requests it is to have in work."""
        return int(self.allowed.without_queue if self.is_ending else self.limit)

    @property
    def url(self) -> str:
        """Its address."""
        return self.server.url

    @property
    def load(self) -> float:
        """The share of its limit that is in use."""
        return self.in_flight / self.limit

    @property
    def is_able(self) -> bool:
        """Whether it gets requests at all."""
        return not self.is_out and not self.is_leaving

    @property
    def has_gauges(self) -> bool:
        """Whether how many to give it is told by its gauges; else its speed has to tell."""
        return self._unanswered < _UNANSWERED and self._witness.is_trusted

    def knows(self, model: str | None) -> bool:
        """Whether an answer that names this model is no surprise."""
        return model is None or model in self.names

    def has_another(self, model: str | None) -> bool:
        """Whether an answer that names this model is another model's."""
        listed = self.server.names | {self.server.model.id}
        return model is not None and is_another(model, listed, self.names)

    def answered(self, waited: float | None, tokens: int, sent: int | None = None) -> None:
        """Learn from an answer of so many tokens, before its slot is given back; for the others see `Limit`."""
        self._failures.answered()
        self.absences, self.last_answer = 0, time.monotonic()
        self.refusals_alone = max(self.refusals_alone - 2, 0)
        self._timed_out -= self._timed_out / _REMEMBERED
        self.trouble = self.trouble if self.is_out else None
        self.allowed.answered(waited, self.in_flight, sent)
        if not self.allowed.refuses and not self.allowed.tells_waits and not self.has_gauges:
            self._climb.answered(self.allowed, max(1, tokens), self.in_flight, self.last_answer)

    def refused(self) -> None:
        """Learn from an overload, before the request's slot is given back."""
        self._failures.answered()
        self.last_answer = time.monotonic()
        self.allowed.refused(self.in_flight)

    def timed_out(self, since: float) -> bool:
        """Count a request sent at `since` that a gateway gave up; return whether fewer at once may help.

        Where most requests end so, others take nearly as long, and nothing tells what waits there, they wait for
        each other.
        """
        self._timed_out += (1 - self._timed_out) / _REMEMBERED
        if since < self._cut_at:
            return True
        is_queue = self._timed_out >= 0.5 and 2 * self.pace.slowest > time.monotonic() - since
        if not is_queue or self.limit <= _FEWEST or self.has_gauges or self.allowed.refuses:
            return False
        self.allowed.value, self._climb = max(_FEWEST, self.limit / 2), Climb(_is_first=False)
        self._cut_at = time.monotonic()
        return True

    def told(self, gauges: Gauges) -> None:
        """Learn from the load that an answer tells, before its slot is given back."""
        self._unanswered, self._told = 0, time.monotonic()
        if self._witness.is_trusted:
            self.allowed.looked(gauges, self.in_flight, self._told)

    def looked_at(self, gauges: Gauges | None) -> None:
        """Learn from a look at its gauges."""
        self._looked = now = time.monotonic()
        if gauges is None:
            self._unanswered += 1
            return
        self._unanswered = 0
        self._witness.saw(gauges, self.in_flight, now)
        if self._witness.is_trusted:
            self.allowed.looked(gauges, self.in_flight, now)

    def is_to_tell(self) -> bool:
        """Whether the next answer is to tell the server's load; one a second is."""
        now = time.monotonic()
        if self.server.limit >= self.server.most or now - self._asked_to_tell < _TELL_SECONDS:
            return False
        self._asked_to_tell = now
        return True

    @property
    def is_to_be_looked_at(self) -> bool:
        """Whether its gauges are to be asked for: seldom, while its answers tell the load."""
        if not self.in_flight or self.is_out or self.server.limit >= self.server.most:
            return False
        now = time.monotonic()
        is_told = now - self._told < 2 * _TELL_SECONDS and not self.allowed.is_growing
        return not is_told or now - self._looked >= _PAGE_SECONDS

    def failed(self, since: float) -> bool:
        """Count the failure of a request sent at `since`; return whether the server is to be looked into."""
        return self._failures.failed(since) and not self.is_out

    def broke(self, trouble: Trouble) -> Trouble:
        """Return the trouble of a connection that broke as what it is."""
        return replace(trouble, is_late=self._failures.is_usual_break(trouble.lasted))

    def works(self) -> None:
        """Take in that it does, though requests failed."""
        self._failures.forget()

    def holds(self, count: int) -> None:
        """Take in that it has no room for more than so many, though it does not say so."""
        self.works()
        self.filled = time.monotonic()
        self.allowed.refused(count + 1)

    # --- silence ---

    def learn_speed(self, seconds: float, tokens: int) -> None:
        """Learn from an answer of so many tokens that took so many seconds."""
        self.last_answer = time.monotonic()
        self.proven = max(self.proven, self.last_answer - seconds)
        self.pace.learn(seconds, tokens, self.in_flight)

    def silence_allowed(self, max_tokens: int) -> float:
        """Return how many seconds may pass until a request for so many tokens is answered."""
        if not self.pace.usual:
            return max(_FIRST_SILENCE[0], _FIRST_SILENCE[1] * max_tokens)
        return max(_SILENCE[0], _SILENCE[1] * max_tokens * self.pace.usual)

    def give_up(self) -> str | None:
        """End the requests that it lost; return what to say of it where it answers nothing at all."""
        now = time.monotonic()
        for request in self.requests:
            allowed = self.silence_allowed(request.max_tokens)
            if self.last_answer - request.since > allowed:  # for so long others were answered
                request.is_lost = True
                request.end()
            elif now - max(request.since, self.last_answer) > allowed:
                return f"no answer for {allowed:.0f} s"
        return None

    def end_all(self) -> None:
        """End what is in work there: it would never be answered, or by another model."""
        for request in self.requests:
            request.end()

    # --- its circuit ---

    def open_circuit(self, trouble: Trouble) -> None:
        """Give it no requests; what is in work there may still be answered."""
        self.is_out, self.is_held, self.trouble = True, False, trouble
        self.absences += 1

    def close_circuit(self, server: Server, *, begin_anew: bool) -> None:
        """Let it in again; `begin_anew` with little to do at first."""
        self.server, self.is_out, self.trouble = server, False, None
        self.works()
        self._unanswered, self.is_unsure = 0, False
        self.allowed.most = server.most
        if begin_anew:
            self._climb, self._witness = Climb(), Witness()
            self.allowed.again()
        self.last_answer = self.verified = time.monotonic()
