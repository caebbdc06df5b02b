"""How long trouble that passes is waited out: one policy for the Hub and the object storage."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from typing import Any

import tenacity

from builder.errors import UsageError

_SECONDS = 600.0
_FIRST_TOLD = 3  # the first pauses are over in a moment
_TOLD_AGAIN_SECONDS = 60.0

log = logging.getLogger(__name__)


def seconds() -> float:
    """Return how long, from BUILDER_PATIENCE (seconds) or ten minutes.

    Raises:
        UsageError: It is no number.
    """
    given = os.environ.get("BUILDER_PATIENCE") or _SECONDS
    try:
        return float(given)
    except ValueError as error:
        raise UsageError(f"BUILDER_PATIENCE is {given!r}, not a number of seconds") from error


class Patience:
    """Patience with one party, however many requests to it wait at once.

    Args:
        who: Whom a user is told to be waiting for.
        passes: Whether an error is of the kind that passes.
        brief: An error in a few words.
    """

    def __init__(
        self, who: str, passes: Callable[[BaseException], bool], brief: Callable[[BaseException], str]
    ) -> None:
        """Begin with nothing to wait for."""
        self._who, self._passes, self._brief = who, passes, brief
        self._told = -_TOLD_AGAIN_SECONDS

    def policy(self) -> dict[str, Any]:
        """Return the arguments of a `tenacity` retrying: growing pauses, a word when they get long, an end."""
        return {
            "retry": tenacity.retry_if_exception(self._passes),
            "wait": tenacity.wait_exponential(multiplier=0.5, max=20) + tenacity.wait_random(0, 1),
            "stop": tenacity.stop_after_delay(seconds()),
            "before_sleep": self._tell,
            "reraise": True,
        }

    def _tell(self, state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        now = time.monotonic()
        if error is None or state.attempt_number < _FIRST_TOLD or now - self._told < _TOLD_AGAIN_SECONDS:
            return
        self._told = now
        said = self._brief(error)
        log.warning("%s does not answer (%s); trying again for up to %.0f s", self._who, said, seconds())
