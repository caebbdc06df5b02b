"""Every error a user can meet: what happened, where, what to do, and how the process ends.

`exit_code` lives on the class, so that no caller decides by looking at a message.
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


class BadAddress(UsageError):
    """What is given for a server's address can be none."""


class ContextTooSmall(UsageError):
    """The recipe asks for answers that no server's context can hold."""


class RunMismatch(UsageError):
    """The run directory was begun by another recipe, source or prompt."""


class RunInUse(UsageError):
    """Another process builds the run: two would write the same shards."""


class GateTripped(BuilderError):
    """Too much failed: the run stopped rather than go on paying for it."""

    exit_code = 3


class FilterUnavailable(BuilderError):
    """The process that measures texts for a filter can't be started: no text is to blame."""


class NothingToTalkTo(BuilderError):
    """A server, the Hub or the storage does not answer, or not as it must."""

    exit_code = 4


class StorageError(NothingToTalkTo):
    """Storage is full, gone, or refuses a write or a read. What was logged is safe."""


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


class ServerUnready(NoServer):
    """Something answers at the address, but can't say yet what it serves: a model loads, a router is empty."""


class NotAServer(NoServer):
    """Something answers at the address, but no LLM server: most likely the address is wrong."""


class ModelMismatch(NothingToTalkTo):
    """A server holds another model than the run began with."""


class ServerRefused(NothingToTalkTo):
    """The servers answer no request of ours, not even one known to be good: going on is pointless."""


class ModelUnclear(ServerRefused):
    """An address serves several models, and none is chosen."""

    exit_code = 2


class PrefillIgnored(ServerRefused):
    """The server does not go on from the beginning of an answer that a prompt gives: what it writes is no use."""


class RequestFailed(BuilderError):
    """One input got no answer, and is itself to blame: others were answered where it was not.

    Args:
        what, where, remedy: As for every error.
        reason: Names it in the table.
    """

    def __init__(self, what: str, *, where: str = "", remedy: str = "", reason: str = "generation_failed") -> None:
        super().__init__(what, where=where, remedy=remedy)
        self.reason = reason


class TooLong(RequestFailed):
    """The prompt, and what is asked for, are more than a context holds; a larger one may take them.

    Args:
        what, where, remedy: As for every error.
        prompt_tokens: Tokens of the prompt, as the server counted them, None where it doesn't say.
        is_exact: Whether it counted all of them; else they are at least so many.
        limit: The tokens that the server has for prompt and answer, or for the prompt alone; None where untold.
    """

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        remedy: str = "",
        prompt_tokens: int | None = None,
        is_exact: bool = False,
        limit: int | None = None,
    ) -> None:
        super().__init__(what, where=where, remedy=remedy, reason="too_long_for_context")
        self.prompt_tokens, self.is_exact, self.limit = prompt_tokens, is_exact, limit


class LedgerUnbalanced(BuilderError):
    """Documents in are not documents kept plus documents dropped."""

    exit_code = 5


class VerificationFailed(BuilderError):
    """A release differs from its manifest."""

    exit_code = 5


class Interrupted(BuilderError):
    """Stopped by the user; the same command goes on."""

    exit_code = 130


_BLAMING_THE_INPUT = frozenset({"generation_failed"})


def blames_input(reason: str) -> bool:
    """Whether a request that got no answer for this reason is asked again by `--retry-failed` alone.

    It is where an input broke servers that answered others. Whatever else there is, the same command asks again:
    a server that refuses an input, as too long say, may be set up otherwise by then, or be another one.
    """
    return reason in _BLAMING_THE_INPUT
