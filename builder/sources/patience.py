"""How long trouble that passes is waited out: one policy for the Hub and the object storage."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Any

import tenacity

_SECONDS = 600.0
_FIRST_TOLD = 3  # the first pauses are over in a moment

log = logging.getLogger(__name__)


def seconds() -> float:
    """Return how long, from BUILDER_PATIENCE (seconds) or ten minutes."""
    return float(os.environ.get("BUILDER_PATIENCE") or _SECONDS)


def policy(passes: Callable[[BaseException], bool], who: str, brief: Callable[[BaseException], str]) -> Any:  # noqa: ANN401
    """Return the arguments of a `tenacity` retrying: growing pauses, a word when they get long, an end.

    Args:
        passes: Whether an error is of the kind that passes.
        who: Whom a user is told to be waiting for.
        brief: An error in a few words.
    """

    def tell(state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        if state.attempt_number == _FIRST_TOLD and error is not None:
            log.warning("%s does not answer (%s); trying again for up to %.0f s", who, brief(error), seconds())

    return {
        "retry": tenacity.retry_if_exception(passes),
        "wait": tenacity.wait_exponential_jitter(initial=0.5, max=20),
        "stop": tenacity.stop_after_delay(seconds()),
        "before_sleep": tell,
        "reraise": True,
    }
