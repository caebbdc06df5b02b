"""What follows from a trouble: the request is tried again, isolated, or given up as to blame itself.

A document pays for its own doing alone. So what decides is how often it failed where others were answered:

- turned away as invalid (400, 422) twice, with a request known to be good answered in between: it is the input;
- turned away otherwise (a WAF's 403), or broken, twice: it is isolated, and given up there or answered;
- not answered for long while others were, three times: it is the input;
- answered too late for a gateway before the server, three times: it is given up, and asked again another time.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from enum import Enum, auto

from builder.rewriting.chat_request import ChatRequest
from builder.rewriting.endpoint import Endpoint
from builder.rewriting.outcome import Sign, Trouble
from builder.rewriting.waiting import Order

_SUSPECT = 2  # tries that failed, before a request is isolated; more where that may be chance
_OVERLOADS = 12  # refusals as too much, before it is seen whether an empty server takes it
_LOST = 3  # times without an answer while others had theirs
_TIMED_OUT = 3  # times that a gateway waited no longer for the answer: each has cost as much as one
_SURPRISE = 1e-2  # the chance of an innocent input to be isolated
_NEARLY_ALL = 0.9  # of the first tries
_CHANCE = 1e-4  # of an innocent input to fail in isolation as often as one that is given up
_FEWEST_TRIES, _MOST_TRIES = 2, 20  # in isolation
_BACK_OFF = (0.1, 5.0)  # seconds: the first pause at most, and any
_draw = random.SystemRandom()


class Step(Enum):
    """What to do with a request that had trouble."""

    AGAIN = auto()
    ISOLATE = auto()
    GIVE_UP = auto()


@dataclass(slots=True, eq=False)
class Case:
    """A request and what went wrong with it.

    Attributes:
        request: The request.
        order: Who of those that wait for a slot comes first.
        endpoint: Where it was last tried.
        seconds: How long the last try took.
        troubles: Tries that failed though servers worked, as far as is known.
        isolated: Tries that failed in isolation, at a server that works.
        breaks_connections: The last try did.
        is_alone: In isolation, nothing may be beside it: it failed with all that was.
    """

    request: ChatRequest
    order: Order = (0, 0)
    endpoint: Endpoint | None = None
    seconds: float = 0.0
    troubles: int = 0
    isolated: int = 0
    breaks_connections: bool = False
    is_alone: bool = False
    _invalid: int = 0
    _overloads: int = 0
    _lost: int = 0
    _timed_out: int = 0
    _pauses: int = 0

    def step_after(self, trouble: Trouble, failure_rate: float) -> Step:
        """Count a trouble that is not known to be the server's, or an overload, and say what follows.

        Args:
            trouble: What it is.
            failure_rate: The share of first tries that fail.
        """
        if trouble.sign is Sign.OVERLOADED:
            self._overloads += 1
            return Step.ISOLATE if self._overloads % _OVERLOADS == 0 else Step.AGAIN
        if not trouble.may_be_the_inputs:
            return Step.AGAIN
        if trouble.sign is Sign.LOST:
            self._lost += 1
            return Step.GIVE_UP if self._lost >= _LOST else Step.AGAIN
        if trouble.sign is Sign.TIMED_OUT:
            self._timed_out += 1
            return Step.GIVE_UP if self._timed_out >= _TIMED_OUT else Step.AGAIN
        self.troubles += 1
        self._invalid += trouble.says_invalid
        self.breaks_connections = trouble.sign is Sign.DISCONNECTED
        if self._invalid >= _SUSPECT:
            return Step.GIVE_UP
        # Where nearly all fail, it is the server, as a request known to be good will tell.
        enough = _SUSPECT if failure_rate > _NEARLY_ALL else _tries(failure_rate, _SURPRISE, _SUSPECT)
        return Step.ISOLATE if self.troubles >= enough else Step.AGAIN

    def failed_isolated(self, failure_rate: float) -> bool:
        """Count a try that failed in isolation; return whether it has failed too often for chance."""
        self.isolated += 1
        return self.isolated >= tries_to_be_sure(failure_rate)

    def pause(self, trouble: Trouble) -> float:
        """Return the seconds before the next try: random ones, or as many as the server asks for."""
        most = min(_BACK_OFF[1], _BACK_OFF[0] * 2 ** min(self._pauses, 10))
        self._pauses += 1
        return max(trouble.retry_after, _draw.uniform(0, most))


def tries_to_be_sure(failure_rate: float) -> int:
    """Return how many isolated tries that fail are more than chance, where this share of all first tries fails."""
    return _tries(failure_rate, _CHANCE, _FEWEST_TRIES)


def _tries(failure_rate: float, chance: float, fewest: int) -> int:
    if failure_rate <= 0:
        return fewest
    tries = math.log(chance) / math.log(min(failure_rate, 0.9))
    return min(_MOST_TRIES, max(fewest, math.ceil(tries)))
