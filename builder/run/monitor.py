"""What the coordinator makes of a build's events: what a person sees of it, and gates that stop it."""

from __future__ import annotations

from collections.abc import Callable

from builder.run.gates import Gates
from builder.run.job import Event, Pulse, Said, ShardDone, Through
from builder.run.progress import Progress


class Monitor:
    """A listener."""

    def __init__(self, progress: Progress, gates: Gates, say: Callable[[str], None]) -> None:
        """Count on `progress`, watch `gates`, and `say` what workers say."""
        self._progress, self._gates, self._say = progress, gates, say

    def __call__(self, event: Event) -> None:
        """Take an event.

        Raises:
            GateTripped: Too much went wrong, or for too long nothing happened.
        """
        if isinstance(event, Through):
            self._progress.through(event.outcome)
            self._gates.through(event.outcome)
        elif isinstance(event, ShardDone):
            self._progress.shard()
        elif isinstance(event, Pulse):
            self._gates.look(event.answers, event.in_flight, is_waiting=event.is_waiting)
        elif isinstance(event, Said):
            self._say(event.text)
