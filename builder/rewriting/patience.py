"""When to go on no more: no server takes a request, and none did for too long.

The patience is the pool's, not a request's: while others are answered, or worked on, this one waits its turn.
"""

from __future__ import annotations

import time

from builder.errors import NoServer, NothingToTalkTo, ServerRefused
from builder.rewriting.addresses import KEY_VARIABLE
from builder.rewriting.membership import Membership
from builder.rewriting.outcome import Trouble

_AT_WORK = 30.0  # seconds after which a request in work is not one that fails at once


class Patience:
    """How long no request was answered.

    Attributes:
        answers: How many were.
    """

    def __init__(self, membership: Membership, seconds: float) -> None:
        """Wait for so many seconds for a server of these."""
        self._membership, self._seconds = membership, seconds
        self._failing_since: float | None = None
        self.answers = 0

    def answered(self) -> None:
        """Take in that a request was answered."""
        self.works()
        self.answers += 1

    def works(self) -> None:
        """Take in that a server works."""
        self._failing_since = None

    def failed(self) -> None:
        """Take in that a request failed, or finds no server."""
        self._failing_since = self._failing_since or time.monotonic()

    def is_over(self, trouble: Trouble | None = None) -> NothingToTalkTo | None:
        """Return the error to end with, None where there is sense in going on.

        Where no server ever answered and all refuse us, waiting would not help.
        """
        self._count_anew_while_at_work()
        refusal, now = self._membership.refusal, time.monotonic()
        if refusal is not None and not self.answers:
            return _refused(refusal)
        if self._failing_since is None or now - self._failing_since <= self._seconds:
            return None
        if refusal is not None:
            return _refused(refusal)
        troubles = [trouble, *(member.trouble for member in self._membership.members)]
        last = next((one for one in troubles if one is not None), None)
        said = f"the last said: {last.what}" if last else "no server is left that answers"
        return NoServer(
            f"no server took a request for {self._seconds:.0f} s; {said}",
            where=last.where if last else "the pool",
            remedy="mend the servers, then run the same command: it goes on where this one stopped",
        )

    def _count_anew_while_at_work(self) -> None:
        if self._failing_since is None:
            return
        now, able = time.monotonic(), [member for member in self._membership.members if member.is_able]
        is_proven = any(member.proven > self._failing_since for member in able)
        if is_proven or any(now - asked.since > _AT_WORK for member in able for asked in member.requests):
            self._failing_since = now


def _refused(refusal: Trouble) -> ServerRefused:
    return ServerRefused(
        f"every server refuses even a small request: {refusal.what}",
        where=refusal.where,
        remedy=f"check the addresses, the key in ${KEY_VARIABLE}, and what may be paused or used up; then run"
        " the same command again: it goes on where this one stopped",
    )
