"""Gates: a run in which too much fails, or nothing happens, stops before more is paid for.

Each gate has a limit with a default. That a filter drops much is its work: what stops a run is that nearly all of
it goes for one reason, as when the setup or the source is broken. That a generation fails, or a filter's worker,
is not: half of them is too many, whatever the reasons.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from builder.document import READ
from builder.errors import GateTripped
from builder.run.outcome import Outcome

WINDOW = 500
"""Documents of a stage that the gate on failures looks back on; a run of fewer has none."""

REASON_WINDOW = 2000
"""Documents of a stage that the gate on single reasons looks back on."""

_GO_ON = "then run the same command, which goes on, keeps every answer and asks again for what got none"


@dataclass(frozen=True, slots=True)
class GateLimits:
    """What may go wrong before a run stops.

    Attributes:
        failures: The share, 0 … 1, of the last documents that may fail at a stage: that a rewriting stage got no
            usable answer for with all attempts, or whose text ended a filter's worker.
        reason: The share of the last documents of a stage that may be dropped for one and the same reason.
        stall: Minutes in which no document needs to be through and no answer to arrive.
    """

    failures: float = 0.5
    reason: float = 0.98
    stall: float = 30.0

    @property
    def look_seconds(self) -> float:
        """How often to look whether anything happened."""
        return min(10.0, 15.0 * self.stall)


@dataclass(slots=True)
class _Window:
    """What became of the last documents of a stage: a reason each, None where nothing went wrong."""

    size: int
    last: deque[str | None] = field(default_factory=deque)
    counts: Counter[str | None] = field(default_factory=Counter)

    def add(self, reason: str | None) -> bool:
        """Take one in; return whether the window is full."""
        if len(self.last) == self.size:
            self.counts[self.last.popleft()] -= 1
        self.last.append(reason)
        self.counts[reason] += 1
        return len(self.last) == self.size

    @property
    def failed(self) -> int:
        """How many went wrong."""
        return len(self.last) - self.counts[None]

    @property
    def wrong(self) -> Counter[str]:
        """How many went wrong, by reason."""
        return Counter({reason: count for reason, count in self.counts.items() if reason is not None})


class Gates:
    """Watches the documents of a build, and that there are any."""

    def __init__(
        self,
        stages: Sequence[str],
        rewriting: Collection[str],
        working: Collection[str],
        limits: GateLimits,
        where: str,
    ) -> None:
        """Watch the stages.

        Args:
            stages: Those that judge a document by itself.
            rewriting: Those of them that rewrite.
            working: Those of them that measure in worker processes.
            limits: What may go wrong.
            where: Names the run.
        """
        self._rewriting, self._working, self._limits, self._where = rewriting, working, limits, where
        self._failures = {stage: _Window(WINDOW) for stage in stages if stage in {*rewriting, *working}}
        self._drops = {stage: _Window(REASON_WINDOW) for stage in (READ, *stages)}
        self._documents, self._seen, self._since = 0, (-1, -1), time.monotonic()
        self._words: dict[tuple[str, str], str] = {}  # of servers, by stage and reason: the last that were said

    # --- of documents ---

    def through(self, outcome: Outcome) -> None:
        """Count a document that is through.

        Raises:
            GateTripped: Too many of a stage's last documents failed, or were dropped for one reason.
        """
        self._documents += 1
        self._words.update({(stage, outcome.failures[stage]): words for stage, words in outcome.words.items()})
        for stage, window in self._failures.items():
            if stage not in outcome.judged or not window.add(outcome.failures.get(stage)):
                continue
            if window.failed > self._limits.failures * WINDOW:
                self._trip_on_failures(stage, window.failed, window.wrong)
        for stage, window in self._drops.items():
            if stage not in outcome.judged:
                continue
            reason = outcome.dropped[1] if outcome.dropped and outcome.dropped[0] == stage else None
            if window.add(reason) and reason is not None:
                most, count = window.wrong.most_common(1)[0]
                if count > self._limits.reason * REASON_WINDOW:
                    self._trip_on_reason(stage, most, count)

    def _trip_on_failures(self, stage: str, failed: int, reasons: Counter[str]) -> None:
        said = ", ".join(
            f"{reason} {count}{self._quoted(stage, reason)}" for reason, count in reasons.most_common(4)
        )
        what = f"{failed} of the last {WINDOW} documents failed at stage {stage}: {said}"
        if stage in self._rewriting:
            remedy = (
                f"look at the answers (the column `answers` of the run's table); mend the servers, {_GO_ON}, or"
                " mend the prompt in a new run; --max-failures 1 lets all of them fail"
            )
        else:
            remedy = f"see why the filter's workers end (`explain RECIPE FILE` shows one); mend that, {_GO_ON}"
        raise GateTripped(what, where=self._where, remedy=remedy)

    def _trip_on_reason(self, stage: str, reason: str, count: int) -> None:
        raise GateTripped(
            f"{count} of the last {REASON_WINDOW} documents were dropped at stage {stage} for one reason,"
            f" {reason}{self._quoted(stage, reason)}",
            where=self._where,
            remedy=f"see whether the source, the stage's settings or the setup are what they should be, {_GO_ON};"
            " if all of them are meant to go, --max-reason 1 lets them",
        )

    def _quoted(self, stage: str, reason: str) -> str:
        """Return a server's words for a reason, where it is one of those that servers have words for."""
        words = self._words.get((stage, reason))
        return f" (“{words}”)" if words else ""

    # --- of time ---

    def look(self, answers: int, in_work: int, *, is_waiting: bool) -> None:
        """See whether anything happened; to be called every `GateLimits.look_seconds`.

        Args:
            answers: How many answers there were so far.
            in_work: How many requests the servers have.
            is_waiting: There is no server to ask: how long to wait for one is the pool's to say.

        Raises:
            GateTripped: For too long nothing did.
        """
        now, seen = time.monotonic(), (self._documents, answers)
        if seen != self._seen or is_waiting:
            self._seen, self._since = seen, now
        elif now - self._since > 60 * self._limits.stall:
            raise GateTripped(
                f"for {(now - self._since) / 60:.3g} min no document got through and no answer arrived;"
                f" the servers have {in_work} requests in work",
                where=self._where,
                remedy=f"see what the servers (their logs) or the source are at, {_GO_ON};"
                " --max-stall MINUTES waits longer",
            )
