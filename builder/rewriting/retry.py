"""When a request is tried again, and what went wrong with it so far."""

from __future__ import annotations

from dataclasses import dataclass

import tenacity

from builder.errors import ServerOverloaded


@dataclass(slots=True)
class Tries:
    """What went wrong with one request: times that servers broke on it, and that its connection broke."""

    broken: int = 0
    cut: int = 0


_backing_off = tenacity.wait_random_exponential(multiplier=0.1, max=5)


def pause(state: tenacity.RetryCallState) -> float:
    """Return the seconds before the next try; an overloaded server may ask for more of them.

    One that is not up is left alone for what it asks, and its requests go elsewhere.
    """
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, ServerOverloaded) else 0.0
    return max(asked, _backing_off(state))
