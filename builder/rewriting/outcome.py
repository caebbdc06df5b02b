"""The outcome of one try: an answer, or a trouble with what it says of the server and of the input.

A try alone seldom tells who is to blame: a paused endpoint and an invalid request both get a 400, and a gateway
says 502 over a server that restarts and over a document that crashes it. So a trouble has a sign, and what the
same server does with others meanwhile decides (`retry`, `isolation`).
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import Enum

import orjson

from builder.errors import RequestFailed, TooLong
from builder.rewriting.completion import NoCompletion, read_completion
from builder.rewriting.generation import Generation
from builder.rewriting.metrics import Gauges, load_of
from builder.rewriting.servers import Server
from builder.rewriting.sessions import words_of

_RETRY_AFTER_SECONDS = 60.0  # at most; nobody answers for what a server says
_INVALID = frozenset({400, 413, 414, 415, 422, 431})  # what a server says of a request that it can't take
_FULL = re.compile(r"busy|queue|overload|capacity|too many", re.IGNORECASE)  # of a 503 from who knows what
_RATE = re.compile(rb"throttl|rate[ _-]?limit|too many (?:requests|tokens, please)", re.IGNORECASE)
_READ = 2048  # bytes of what is said
_CONTEXT = re.compile(r"context (?:size|length|window)", re.IGNORECASE)  # llama.cpp's 500: others may share it
_WAITED = re.compile(r"time[ds]?[- ]?out|deadline", re.IGNORECASE)
_OVERFLOW = b"reset reason: overflow"  # Envoy's circuit breaker, whatever the status


class Sign(Enum):
    """What a try that brought no answer says by itself."""

    OVERLOADED = "the server holds as many requests as it takes"
    NO_FILE = "this machine has no file left for a connection: no server is to blame"
    UNREACHABLE = "nothing took the request: no input is to blame"
    REFUSED = "turned away at once: by the server's condition, or for what the input is"
    BROKE = "begun, and then an error in place of an answer: the server's condition, or the input's doing"
    DISCONNECTED = "the connection broke before an answer: as BROKE, and perhaps another server is there now"
    SILENT = "no answer in the time allowed, nor for others"
    LOST = "no answer in the time allowed, in which others were answered"
    TIMED_OUT = "what stands before the server waits no longer for an answer, though it works"


@dataclass(frozen=True, slots=True)
class Answer:
    """A server's answer.

    Attributes:
        generation: What it generated.
        waited: The share of its time that the request waited in the server's queue, if told.
        model: The model that answered, as it names itself, if told.
        is_after_break: A connection to the server broke just before: another may answer there.
        load: The server's load, if it was asked for and told.
    """

    generation: Generation
    waited: float | None
    model: str | None = None
    is_after_break: bool = False
    load: Gauges | None = None


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why there is no answer.

    Attributes:
        sign: What it says by itself.
        what: The server's words, or what happened, without times.
        where: The server's address.
        status: The HTTP status, 0 where there was none.
        retry_after: Seconds after which the server wants to be asked again, 0 where it does not say.
        too_long: What it says of the request's length, where it is about that.
        lasted: Seconds until the connection broke, where it did.
        is_late: Connections break after so many seconds again and again: something waits no longer.
    """

    sign: Sign
    what: str
    where: str
    status: int = 0
    retry_after: float = 0.0
    too_long: TooLong | None = None
    lasted: float = 0.0
    is_late: bool = False

    @property
    def may_be_the_inputs(self) -> bool:
        """Whether an input can be what brings it about."""
        return self.sign not in (Sign.OVERLOADED, Sign.NO_FILE, Sign.UNREACHABLE)

    @property
    def says_invalid(self) -> bool:
        """Whether it is what a server says of a request that it can't take, whatever its load."""
        return self.sign is Sign.REFUSED and self.status in _INVALID

    @property
    def speaks_of_time(self) -> bool:
        """Whether it is what a proxy or a gateway says that waits no longer for an answer."""
        return (
            self.is_late
            or self.status in (408, 504, 524)
            or (self.status >= 500 and bool(_WAITED.search(self.what)))
        )

    @property
    def may_be_a_restart(self) -> bool:
        """Whether another server may answer at the address from now on."""
        return self.sign in (Sign.UNREACHABLE, Sign.SILENT, Sign.DISCONNECTED) or self.status in (502, 503, 504)

    def blaming_the_input(self) -> RequestFailed:
        """Return the error for an input that is to blame, with the reason that stands in the table."""
        if self.too_long is not None:
            return self.too_long
        if self.status == 413 or (self.status >= 500 and _CONTEXT.search(self.what)):
            return RequestFailed(self.what, where=self.where, reason="too_long_for_context")
        if self.says_invalid:
            return RequestFailed(self.what, where=self.where, reason="rejected_by_server")
        if self.sign is Sign.TIMED_OUT:
            return RequestFailed(self.what, where=self.where, reason="timed_out")
        reason = "blocked_by_gateway" if self.sign is Sign.REFUSED else "generation_failed"
        return RequestFailed(f"{self.what}; others were answered meanwhile", where=self.where, reason=reason)


Outcome = Answer | Trouble


def outcome_of(status: int, content: bytes, headers: Mapping[str, str], server: Server) -> Outcome:
    """Return what a whole response means."""
    if status == 200:
        return _read(content, headers, server)
    words = words_of(content)
    if 300 <= status < 400 and "Location" in headers:
        words = f"it redirects to {headers['Location'].partition('?')[0]:.200}"  # behind the ? may be who asks
    return _refusal(status, words, content, headers, server)


def _refusal(status: int, words: str, content: bytes, headers: Mapping[str, str], server: Server) -> Trouble:
    """Return what a status other than 200 means, with what was said."""
    what, retry_after = f"{status}: {words}", _retry_after(headers)
    if _is_overload(status, content, headers, server):
        return Trouble(Sign.OVERLOADED, what, server.url, status, retry_after)
    # A proxy's loss of patience, a dependency that failed: with something already under way.
    broke = status >= 500 or status in (406, 408, 409, 421, 423, 424, 425, 499)
    return Trouble(Sign.BROKE if broke else Sign.REFUSED, what, server.url, status, retry_after)


def _is_overload(status: int, content: bytes, headers: Mapping[str, str], server: Server) -> bool:
    """Whether it is a limit of rate or of admission: a 503 in JSON, as vLLM and SGLang say it, no proxy's page."""
    if status in (429, 529) or "x-envoy-overloaded" in headers or (status >= 500 and _OVERFLOW in content):
        return True
    if status in (400, 403):  # AWS's and Google's services have no 429 of their own
        return bool(_RATE.search(content, 0, _READ))
    if status != 503:
        return False
    try:
        said = orjson.loads(content)
        message = said.get("error", said)["message"]
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError):
        return False
    return isinstance(message, str) and (server.kind in ("vllm", "sglang") or bool(_FULL.search(message)))


def _read(content: bytes, headers: Mapping[str, str], server: Server) -> Outcome:
    try:
        generation, model = read_completion(content, headers.get("Content-Type", ""))
    except NoCompletion as error:
        if error.status:
            return _refusal(error.status, error.what, content, headers, server)
        return Trouble(Sign.BROKE, error.what, server.url, 200)
    return Answer(generation, _waited(headers), model, load=load_of(headers))


def _retry_after(headers: Mapping[str, str]) -> float:
    """Return the seconds after which the server wants to be asked again, 0 where it does not say."""
    said = headers.get("Retry-After", "")
    try:
        seconds = float(said) if said[:1].isdigit() else _seconds_of(said) - _now_there(headers)
    except (ValueError, TypeError, OverflowError):
        return 0.0
    return min(max(0.0, seconds), _RETRY_AFTER_SECONDS)


def _seconds_of(date: str) -> float:
    return parsedate_to_datetime(date).timestamp()


def _now_there(headers: Mapping[str, str]) -> float:
    """Return what the server takes the time to be: its clock may be off."""
    try:
        return _seconds_of(headers["Date"])
    except (KeyError, ValueError, TypeError, OverflowError):
        return time.time()


def _waited(headers: Mapping[str, str]) -> float | None:
    """Return the share of queue time, which TGI tells in milliseconds."""
    try:
        return int(headers["x-queue-time"]) / max(1, int(headers["x-total-time"]))
    except (KeyError, ValueError, OverflowError):
        return None
