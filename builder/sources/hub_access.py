"""Every request to the Hugging Face Hub: trouble that passes is waited out, what can't pass is said to the user.

No connection, 408, 429, 5xx, a gateway's page and a range that came back short are tried again, with growing
pauses, for some minutes. Whatever else the Hub says becomes one of our errors here, for all who ask it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import httpx2 as httpx
import tenacity
from huggingface_hub import constants
from huggingface_hub.errors import (
    BucketNotFoundError,
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from builder.errors import BuilderError, HubRefused, HubUnreachable, SourceError
from builder.sources.patience import Patience

LOG_IN = "log in with `hf auth login` or set HF_TOKEN"
_GOES_ON = "see to the connection (HF_ENDPOINT names the Hub), then run the same command: it goes on"
_STATUS_THAT_PASSES = {408, 429, 500, 502, 503, 504}

Result = TypeVar("Result")


class ShortRange(Exception):
    """A range came back with other bytes than were asked for."""


TROUBLE = (
    HfHubHTTPError,
    EntryNotFoundError,
    httpx.HTTPError,
    ConnectionError,
    ShortRange,
    json.JSONDecodeError,
)
"""What requests to the Hub fail with."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What of the Hub is asked for, in a user's words.

    Attributes:
        what: `dataset` or `bucket`.
        id: Its id, `ORG/NAME`.
        setting: What in a recipe names it.
        revision: The commit, tag or branch that is asked for, if one is.
    """

    what: str
    id: str
    setting: str = "source.dataset"
    revision: str | None = None

    @property
    def page(self) -> str:
        """The address of its page."""
        return f"{constants.ENDPOINT}/{self.what}s/{self.id}"

    def where(self, path: str = "") -> str:
        """Say where it, or a file of it, is."""
        at = f"@{self.revision[:12]}" if self.revision else ""
        return f"hf://{self.what}s/{self.id}{at}/{path}".rstrip("/")


def passes(error: BaseException) -> bool:
    """Whether trouble with the Hub is of the kind that passes."""
    if isinstance(error, OfflineModeIsEnabled):
        return False
    if isinstance(error, HfHubHTTPError) and error.response is not None:
        return error.response.status_code in _STATUS_THAT_PASSES
    # The client reads some answers as JSON before it looks at their status: a gateway's page is none.
    passing = httpx.TimeoutException, httpx.TransportError, ConnectionError, ShortRange, json.JSONDecodeError
    return isinstance(error, passing)


def brief(error: BaseException) -> str:
    """Return an error in a few words."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:160]}" if lines else type(error).__name__


_PATIENCE = Patience("the Hub", passes, brief)


def waiting_out(request: Callable[[], Result], stopped: threading.Event | None = None) -> Result:
    """Return what a request gives, trying again while its trouble passes and nobody has `stopped` it.

    Raises:
        Exception: Any of `TROUBLE`, as the client raises it.
    """
    stopped = stopped or threading.Event()
    policy = _PATIENCE.policy()
    policy["stop"] |= tenacity.stop_when_event_set(stopped)
    return tenacity.Retrying(**policy, sleep=tenacity.sleep_using_event(stopped))(request)


def patiently(
    request: Callable[[], Result], asked: Asked, path: str = "", stopped: threading.Event | None = None
) -> Result:
    """Return what a request gives, as `waiting_out` does; `path` is the file that it is about.

    Raises:
        SourceError: What was asked for does not exist.
        HubRefused: There is no access to it.
        HubUnreachable: The Hub did not answer in time.
    """
    try:
        return waiting_out(request, stopped)
    except TROUBLE as error:
        raise _explained(error, asked, path) from error


def _explained(error: Exception, asked: Asked, path: str) -> BuilderError:
    what, where, correct = asked.what, asked.where(path), f"correct `{asked.setting}`"
    if isinstance(error, GatedRepoError):
        return HubRefused(
            f"the {what} is gated, and this account has no access to it",
            where=where,
            remedy=f"accept its terms at {asked.page}, then {LOG_IN}",
        )
    if isinstance(error, RepositoryNotFoundError | BucketNotFoundError):
        return SourceError(
            f"there is no such {what} on the Hub, or it is private",
            where=where,
            remedy=f"{correct}; for a private one {LOG_IN}",
        )
    if isinstance(error, RevisionNotFoundError):
        return SourceError(
            f"the {what} has no revision {asked.revision!r}",
            where=where,
            remedy="correct `source.revision`; if it was deleted from the Hub, build from another into a new run",
        )
    if isinstance(error, EntryNotFoundError):
        remedy = "choose another `source.revision`" if asked.revision else correct
        return SourceError("there is no such file", where=where, remedy=remedy)
    if isinstance(error, HfHubHTTPError) and error.response.status_code == 404:  # not as the Hub says it
        return SourceError(
            f"{constants.ENDPOINT} knows of no such {what}", where=where, remedy=f"{correct} or HF_ENDPOINT"
        )
    return refused_or_unreachable(error, where, LOG_IN)


def refused_or_unreachable(error: Exception, where: str, remedy: str) -> HubRefused | HubUnreachable:
    """Return what a user is told of a request that was refused (with this remedy), or got no answer in time."""
    if isinstance(error, HfHubHTTPError) and error.response.status_code in (401, 403):
        return HubRefused(f"the Hub refuses ({brief(error)})", where=where, remedy=remedy)
    if where.startswith("hf://"):
        where = f"{constants.ENDPOINT}, {where}"
    return HubUnreachable(f"the Hub does not answer ({brief(error)})", where=where, remedy=_GOES_ON)
