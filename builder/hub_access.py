"""Every request to the Hugging Face Hub: trouble that passes is waited out, what can't pass is said to the user.

No connection, 408, 429, 5xx, a gateway's page and a range that came back short are tried again, with growing
pauses, for some minutes. Whatever else the Hub says becomes one of our errors here, for all who ask it; those who
can do without an answer take `ANY_TROUBLE` for none.
"""

from __future__ import annotations

import json
import re
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
    LocalEntryNotFoundError,
    LocalTokenNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from builder.errors import BuilderError, HubRefused, HubUnreachable, SourceError, UsageError
from builder.patience import Patience

LOG_IN = "log in with `hf auth login` or set HF_TOKEN"
_TO_WRITE = f"see to what it says, or {LOG_IN} to a token that may write to this dataset"
_TO_TAKE = "correct what it names, in the recipe or on the dataset's page, then run the same command"
_WHEN_IT_MAY = "wait for as long as it says, then run the same command: it goes on"
_ROOM = (
    "make room, or have the owner's storage extended (https://huggingface.co/docs/hub/storage-limits), then run"
    " the same command: what is on the Hub is not sent again"
)
_SENT_WHOLE = "HF_HUB_DISABLE_XET=1 sends whole files by another way, and has the Hub say why"
_LOST = f"run the same command again in some minutes; {_SENT_WHOLE}"
_WORDS = 400  # characters of another's error that are shown
_GOES_ON = "see to the connection (HF_ENDPOINT names the Hub), then run the same command: it goes on"
_STATUS_THAT_PASSES = {408, 429, 500, 502, 503, 504}
_STATUS_IN_WORDS = re.compile(r"HTTP status \w+ error \((\d{3})")  # hf_xet gives it in no other way

Result = TypeVar("Result")


class ShortRange(Exception):
    """A range came back with other bytes than were asked for."""


class Conflict(Exception):
    """What a request makes is there already, or what it builds on is no longer what it was (409, 412)."""


TROUBLE = (
    HfHubHTTPError,
    EntryNotFoundError,
    httpx.HTTPError,
    ConnectionError,
    ShortRange,
    json.JSONDecodeError,
)
"""What requests to the Hub fail with."""

_UNASKED = (httpx.InvalidURL, ImportError, ValueError)
"""What making a request fails with, where settings are to blame."""

ANY_TROUBLE = (*TROUBLE, OSError, ValueError)
"""The same, and what its client fails with by itself: a disk that refuses, a name that can be none."""

NOT_THERE = (RepositoryNotFoundError, RevisionNotFoundError)
"""There is no such repository, or this account may not know of it; or it has no such revision."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What of the Hub is asked for, in a user's words.

    Attributes:
        what: `dataset`, `model` or `bucket`.
        id: Its id, `ORG/NAME`.
        setting: What in a recipe names it; empty where no recipe does.
        revision: The commit, tag or branch that is asked for, if one is.
    """

    what: str
    id: str
    setting: str = "source.dataset"
    revision: str | None = None

    @property
    def page(self) -> str:
        """The address of its page."""
        return f"{constants.ENDPOINT}/{'' if self.what == 'model' else f'{self.what}s/'}{self.id}"

    def where(self, path: str = "") -> str:
        """Say where it, or a file of it, is."""
        at = f"@{self.revision[:12]}" if self.revision else ""
        return f"hf://{self.what}s/{self.id}{at}/{path}".rstrip("/")


def passes(error: BaseException) -> bool:
    """Whether trouble with the Hub is of the kind that passes."""
    error = _of_the_hub(error)
    if isinstance(error, OfflineModeIsEnabled):
        return False
    if (status := _status(error)) is not None:
        return status in _STATUS_THAT_PASSES
    # The client reads some answers as JSON before it looks at their status: a gateway's page is none.
    passing = httpx.TimeoutException, httpx.TransportError, ConnectionError, ShortRange, json.JSONDecodeError
    return isinstance(error, passing)


def brief(error: BaseException) -> str:
    """Return an error in a few words: the Hub's own where it gives some, which its client puts behind others."""
    error = _of_the_hub(error)
    if isinstance(error, HfHubHTTPError) and error.response is not None:
        response = error.response
        status = f"{response.status_code} {response.reason_phrase}"
        said = f"{status}: {error.server_message}" if error.server_message else f"{status} for {response.url}"
    else:
        said = f"{type(error).__name__}: {error}"
    return " ".join(said.split())[:_WORDS].rstrip(": ")


def _of_the_hub(error: BaseException) -> BaseException:
    """Return what went wrong with the Hub where its client only says what follows from that.

    A file is not in its cache, either; or it was not uploaded.
    """
    follows = isinstance(error, LocalEntryNotFoundError | RuntimeError)
    return error.__cause__ or error if follows else error


def _status(error: BaseException) -> int | None:
    """Return the status that the Hub, or its storage, answered with; None where there was no answer."""
    if isinstance(error, HfHubHTTPError):
        return None if error.response is None else error.response.status_code
    found = _STATUS_IN_WORDS.search(str(error)) if _is_of_xet(error) else None
    return int(found.group(1)) if found else None


def _is_of_xet(error: BaseException) -> bool:
    """Whether an error may be one of hf_xet, which makes its own of Python's: a right that lacks is no disk's."""
    return type(error).__module__ == "hf_xet" or isinstance(error, ConnectionError | RuntimeError)


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
    except (*TROUBLE, *_UNASKED) as error:
        told = _not_asked(error, asked.where(path))
        if told is None and not isinstance(error, TROUBLE):
            raise
        raise told or _explained(error, asked, path) from error


def patiently_written(request: Callable[[], Result], dataset: str) -> Result:
    """Return what a request gives that may change a dataset, as `waiting_out` does.

    Raises:
        RepositoryNotFoundError, RevisionNotFoundError: There is none (`NOT_THERE`): the caller knows more of that.
        Conflict: Somebody was quicker.
        HubRefused: This account may not.
        HubUnreachable: The Hub did not answer in time.
        UsageError: The Hub does not take what it was given.
    """
    try:
        return waiting_out(request)
    except NOT_THERE:
        raise
    except Exception as error:
        told = _not_written(error, Asked("dataset", dataset).page)
        if told is None:
            raise
        raise told from error


def _not_written(error: Exception, where: str) -> Exception | None:
    """Return what a user is told of a request that should have changed a dataset; None where it is no trouble."""
    if isinstance(error, LocalTokenNotFoundError):
        return HubRefused("nobody is logged in to the Hub", where=where, remedy=LOG_IN)
    if told := _not_asked(error, where):
        return told
    found = _of_the_hub(error)
    status, said, is_of_xet = _status(found), brief(found), type(found).__module__ == "hf_xet"
    if not (isinstance(found, (*TROUBLE, ValueError)) or status or is_of_xet):
        return None
    if status in (409, 412):
        return Conflict(said)
    if status in (402, 403, 413) and (status != 403 or "storage" in said.lower()):
        return HubRefused(f"the Hub refuses ({said})", where=where, remedy=_ROOM)
    if "LFS pointer" in said and "does not exist" in said:
        return HubRefused(f"the Hub does not have what was uploaded ({said})", where=where, remedy=_LOST)
    if status not in (401, 403) and not passes(found):
        return UsageError(f"the Hub does not take it ({said})", where=where, remedy=_TO_TAKE)
    remedy = _TO_WRITE if isinstance(found, HfHubHTTPError) else f"{_TO_WRITE}; {_SENT_WHOLE}"
    return _refused_or_unreachable(found, where, remedy)


def _not_asked(error: BaseException, where: str) -> BuilderError | None:
    """Return what a user is told of a request that their settings kept from being made; None for another error."""
    if isinstance(error, OfflineModeIsEnabled):
        return HubUnreachable("HF_HUB_OFFLINE is set: the Hub is not asked", where=where, remedy="unset it")
    if isinstance(error, UnicodeEncodeError) and error.encoding == "ascii":  # as headers are
        return HubRefused("the token holds characters that no token has", where=where, remedy=LOG_IN)
    if isinstance(error, httpx.InvalidURL) or (isinstance(error, _UNASKED) and "proxy" in str(error).lower()):
        return UsageError(
            f"the Hub can't be asked with these settings ({brief(error)})",
            where=where,
            remedy="correct HTTPS_PROXY, HTTP_PROXY, ALL_PROXY or HF_ENDPOINT; a SOCKS proxy needs"
            " `pip install socksio`",
        )
    return None


def _explained(error: BaseException, asked: Asked, path: str) -> BuilderError:
    error = _of_the_hub(error)
    what, where = asked.what, asked.where(path)
    correct = f"correct `{asked.setting}`" if asked.setting else "see that this is its name"
    if isinstance(error, GatedRepoError):
        return HubRefused(
            f"the {what} is gated, and this account has no access to it ({brief(error)})",
            where=where,
            remedy=f"accept its terms at {asked.page}, or wait for its owners' answer, then {LOG_IN}",
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
            remedy="correct `source.revision`; if it was deleted from the Hub, build from another into a new run"
            if asked.setting
            else "see whether it was deleted from the Hub",
        )
    if isinstance(error, EntryNotFoundError):
        remedy = "choose another `source.revision`" if asked.revision and asked.setting else correct
        return SourceError("there is no such file", where=where, remedy=remedy)
    if isinstance(error, HfHubHTTPError) and error.response.status_code == 404:  # not as the Hub says it
        return SourceError(
            f"{constants.ENDPOINT} knows of no such {what}", where=where, remedy=f"{correct} or HF_ENDPOINT"
        )
    return _refused_or_unreachable(error, where, f"see to what it says, or {LOG_IN}")


def _refused_or_unreachable(error: BaseException, where: str, remedy: str) -> HubRefused | HubUnreachable:
    """Return what a user is told of a request that was refused (with this remedy), or got no answer in time."""
    status = _status(error)
    if status is not None and 400 <= status < 500 and status not in _STATUS_THAT_PASSES:
        return HubRefused(f"the Hub refuses ({brief(error)})", where=where, remedy=remedy)
    if status == 429:
        said = f"the Hub takes no more requests for now ({brief(error)})"
        return HubUnreachable(said, where=where, remedy=_WHEN_IT_MAY)
    if where.startswith("hf://"):
        where = f"{constants.ENDPOINT}, {where}"
    return HubUnreachable(f"the Hub does not answer ({brief(error)})", where=where, remedy=_GOES_ON)
