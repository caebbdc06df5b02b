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
from typing import Any

import orjson

from builder.errors import RequestFailed, TooLong
from builder.rewriting.generation import Generation
from builder.rewriting.metrics import Gauges, load_of
from builder.rewriting.servers import Server, words_of
from builder.text import without_bom

_RETRY_AFTER_SECONDS = 60.0  # at most; nobody answers for what a server says
_INVALID = frozenset({400, 413, 414, 415, 422, 431})  # what a server says of a request that it can't take
_CUT_SHORT = frozenset({"abort", "aborted", "cancelled", "canceled", "error", "insufficient_system_resource"})
_FULL = re.compile(r"busy|queue|overload|capacity|too many", re.IGNORECASE)  # of a 503 from who knows what
_TITLE = re.compile(rb"<title>([^<]+)</title>", re.IGNORECASE)  # of a proxy's page, which has little else to say


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
    """

    sign: Sign
    what: str
    where: str
    status: int = 0
    retry_after: float = 0.0
    too_long: TooLong | None = None

    @property
    def may_be_the_inputs(self) -> bool:
        """Whether an input can be what brings it about."""
        return self.sign not in (Sign.OVERLOADED, Sign.NO_FILE, Sign.UNREACHABLE)

    @property
    def says_invalid(self) -> bool:
        """Whether it is what a server says of a request that it can't take, whatever its load."""
        return self.sign is Sign.REFUSED and self.status in _INVALID

    @property
    def may_be_a_restart(self) -> bool:
        """Whether another server may answer at the address from now on."""
        return self.sign in (Sign.UNREACHABLE, Sign.SILENT, Sign.DISCONNECTED) or self.status in (502, 503, 504)

    def blaming_the_input(self) -> RequestFailed:
        """Return the error for an input that is to blame, with the reason that stands in the table."""
        if self.too_long is not None:
            return self.too_long
        if self.says_invalid:
            return RequestFailed(self.what, where=self.where, reason="rejected_by_server")
        reason = "blocked_by_gateway" if self.sign is Sign.REFUSED else "generation_failed"
        return RequestFailed(f"{self.what}; others were answered meanwhile", where=self.where, reason=reason)


Outcome = Answer | Trouble


def outcome_of(status: int, content: bytes, headers: Mapping[str, str], server: Server) -> Outcome:
    """Return what a whole response means."""
    if status == 200:
        return _read(content, headers, server.url)
    page = _TITLE.search(content)
    said = " ".join(page[1].decode("utf-8", "replace").split())[:300] if page else words_of(content)
    what, retry_after = f"{status}: {said}", _retry_after(headers)
    if status == 429 or (status == 503 and _is_overload(content, server)):
        return Trouble(Sign.OVERLOADED, what, server.url, status, retry_after)
    # A proxy's loss of patience, a dependency that failed: with something already under way.
    broke = status >= 500 or status in (406, 408, 409, 421, 423, 424, 425, 499)
    return Trouble(Sign.BROKE if broke else Sign.REFUSED, what, server.url, status, retry_after)


def _is_overload(content: bytes, server: Server) -> bool:
    """Whether a 503 is an admission limit's: in JSON, as vLLM and SGLang say it, not a proxy's page."""
    try:
        said = orjson.loads(content)
        message = said.get("error", said)["message"]
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError):
        return False
    return isinstance(message, str) and (server.kind in ("vllm", "sglang") or bool(_FULL.search(message)))


def _read(content: bytes, headers: Mapping[str, str], where: str) -> Outcome:
    """Read a 200: JSON is the server's own, whatever its type says; a page is a proxy's."""
    try:
        said = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        kind = headers.get("Content-Type", "no content type").partition(";")[0].strip().lower()
        if kind.endswith("json") and not content.lstrip().startswith(b"<"):
            return Trouble(Sign.BROKE, f"its answer is not JSON ({error})", where, 200)
        return Trouble(Sign.BROKE, f"200, but no answer ({kind}): {words_of(content)}", where, 200)
    try:
        choice, usage = said["choices"][0], said.get("usage") or {}
        reason = choice["finish_reason"]
        if isinstance(reason, dict):  # as older SGLang has it
            reason = reason["type"]
        if reason is None or reason in _CUT_SHORT:
            return Trouble(Sign.BROKE, f"it ended the generation early: finish_reason {reason}", where, 200)
        if not isinstance(reason, str):
            raise TypeError(f"finish_reason is {type(reason).__name__}")
        generation = Generation(
            answer=without_bom(_text(choice["message"])),
            finish_reason=reason,
            prompt_tokens=_count(usage.get("prompt_tokens")),
            completion_tokens=_count(usage.get("completion_tokens")),
        )
        model = said.get("model")
        name = model if isinstance(model, str) and model else None
        return Answer(generation, _waited(headers), name, load=load_of(headers))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
        what = words_of(content) if isinstance(said, dict) and said.get("error") else f"{error!r:.200}"
        return Trouble(Sign.BROKE, f"its answer is not a chat completion ({what})", where, 200)


def _text(message: Mapping[str, Any]) -> str:
    """Return what the model wrote; a thought alone as one that never closes, which is what it is.

    A server that cuts thoughts off sends them beside the answer: as `reasoning`, as `reasoning_content`, or as
    parts of another type than `text`.
    """
    thought = message.get("reasoning") or message.get("reasoning_content")
    text = (message.get("content") if thought else message["content"]) or ""
    if isinstance(text, list):
        text = "".join(part["text"] for part in text if part["type"] == "text")
    if not isinstance(text, str):
        raise TypeError(f"content is {type(text).__name__}")
    return f"<think>\n{thought}" if isinstance(thought, str) and not text.strip() else text


def _count(said: object) -> int:
    """Return a number of tokens, 0 where it is not told.

    Raises:
        ValueError: It is none that a table could hold.
    """
    count = int(said or 0) if isinstance(said, int | float | str | None) else -1
    if not 0 <= count < 2**63:
        raise ValueError(f"{said!r:.40} tokens")
    return count


def _retry_after(headers: Mapping[str, str]) -> float:
    """Return the seconds after which the server wants to be asked again, 0 where it does not say."""
    said = headers.get("Retry-After", "")
    try:
        seconds = float(said) if said[:1].isdigit() else parsedate_to_datetime(said).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return 0.0
    return min(max(0.0, seconds), _RETRY_AFTER_SECONDS)


def _waited(headers: Mapping[str, str]) -> float | None:
    """Return the share of queue time, which TGI tells in milliseconds."""
    try:
        return int(headers["x-queue-time"]) / max(1, int(headers["x-total-time"]))
    except (KeyError, ValueError, OverflowError):
        return None
