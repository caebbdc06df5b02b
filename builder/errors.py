"""Every error a user can meet: what happened, where, what to do, and how the process ends.

`exit_code` and `retryable` live on the class, so that no caller decides by looking at a message.
Anything that is not a `BuilderError` is a bug and ends with exit code 1 and a traceback.
"""

from __future__ import annotations

from typing import ClassVar


class BuilderError(Exception):
    """A failure that a user can act on.

    Args:
        what: What happened, in one sentence.
        where: The file, line, server or stage it happened at.
        remedy: What the user can do about it.
    """

    exit_code: ClassVar[int] = 1
    retryable: ClassVar[bool] = False

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what, self.where, self.remedy = what, where, remedy

    def __str__(self) -> str:
        lines = [f"{self.where}: {self.what}" if self.where else self.what]
        if self.remedy:
            lines.append(f"→ {self.remedy}")
        return "\n".join(lines)


class UsageError(BuilderError):
    """The command line asks for something that can't be."""

    exit_code = 2


class RecipeError(UsageError):
    """The recipe, or a prompt or record it names, is not valid."""


class SourceError(UsageError):
    """The source named by the recipe does not exist, is empty, or lacks a column."""


class RunMismatch(UsageError):
    """The run directory was begun by another recipe, source or prompt."""


class RunInUse(UsageError):
    """Another process builds the run: two would write the same shards and journals."""


class GateTripped(BuilderError):
    """Too much failed: the run stopped rather than go on paying for it."""

    exit_code = 3


class FilterUnavailable(BuilderError):
    """The process that measures texts for a filter can't be started: no text is to blame."""


class NothingToTalkTo(BuilderError):
    """A server, the Hub or the storage does not answer, or not as it must."""

    exit_code = 4


class StorageError(NothingToTalkTo):
    """The disk is full or refuses a write. What was journalled is safe."""


class HubUnreachable(NothingToTalkTo):
    """The Hub does not answer, for longer than trouble that passes lasts."""


class HubRefused(NothingToTalkTo):
    """The Hub answers that this account may not: gated, private or a bad token."""


class ContentsUnreachable(NothingToTalkTo):
    """The object storage that holds file contents does not answer."""


class ContentsRefused(NothingToTalkTo):
    """The object storage that holds file contents refuses the credentials, or has no such bucket."""


class NoServer(NothingToTalkTo):
    """No server can take requests."""


class NotAServer(NoServer):
    """Something answers at the address, but no LLM server: most likely the address is wrong."""


class ModelMismatch(NothingToTalkTo):
    """A server holds another model than the run began with."""


class ServerRefused(NothingToTalkTo):
    """The server will answer no request of ours (401, 403, 404): going on is pointless."""


class PrefillIgnored(ServerRefused):
    """The server does not go on from the beginning of an answer that a prompt gives: what it writes is no use."""


class RequestFailed(BuilderError):
    """One request to a server got no usable answer. `reason` names it in the table."""

    reason: ClassVar[str] = "request_failed"


class ServerUnavailable(RequestFailed):
    """Overload, a proxy error or a broken connection: another time or place will do (429, 5xx, reset).

    Args:
        what, where, remedy: As for every error.
        retry_after: Seconds after which the server wants to be asked again; 0 where it did not say.
    """

    retryable = True
    reason = "server_unavailable"

    def __init__(self, what: str, *, where: str = "", remedy: str = "", retry_after: float = 0.0) -> None:
        super().__init__(what, where=where, remedy=remedy)
        self.retry_after = retry_after


class ConnectionBroken(ServerUnavailable):
    """The connection broke, or no more was waited for, with the request under way: perhaps this input's doing."""


class ServerOverloaded(ServerUnavailable):
    """The server holds as many requests as it takes (429)."""

    reason = "server_overloaded"


class GenerationFailed(RequestFailed):
    """The server broke while generating (424, 500): this input may be why, so only a few more tries."""

    retryable = True
    reason = "generation_failed"


class RequestRejected(RequestFailed):
    """The server will never take this input (400, 413, 422): too long or invalid."""

    reason = "rejected_by_server"


class LedgerUnbalanced(BuilderError):
    """Documents in are not documents kept plus documents dropped."""

    exit_code = 5


class VerificationFailed(BuilderError):
    """A release differs from its manifest."""

    exit_code = 5


class Interrupted(BuilderError):
    """Stopped by the user; the same command goes on."""

    exit_code = 130
