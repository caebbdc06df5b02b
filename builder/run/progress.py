"""What a person sees of a long build: a live panel on a terminal, a plain line every few seconds elsewhere."""

from __future__ import annotations

import time
from collections import Counter
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.table import Table

from builder.run.outcome import Outcome

_PLAIN_SECONDS = 10.0
_SHORT = 10  # seconds, of which tenths are told


class Progress:
    """Counts of this build, shown on `console`. Use as a context manager."""

    def __init__(self, console: Console, stages: list[str], documents: int | None, shards: int) -> None:
        """Show the way of `documents` documents (None: only reading them tells) in `shards` through `stages`."""
        self._console, self._stages, self._documents, self._shards = console, stages, documents, shards
        self._is_live = console.is_terminal
        self.done = self._shards_done = 0
        self._kept: Counter[str] = Counter()
        self._drops: dict[str, Counter[str]] = {stage: Counter() for stage in ["read", *stages]}
        self._start = self._last_line = time.monotonic()
        self._live = Live(get_renderable=self._panel, console=console, refresh_per_second=4, transient=True)

    def __enter__(self) -> Progress:
        if self._is_live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_live:
            self._live.stop()

    def through(self, outcome: Outcome) -> None:
        """Count a document that is through."""
        self.done += 1
        for stage in outcome.stages:
            self._kept[stage] += 1
        if outcome.dropped is not None:
            stage, reason = outcome.dropped
            self._kept[stage] -= 1
            if stage in self._drops:  # a build that goes less far than the one before it meets its drops again
                self._drops[stage][reason] += 1
        if not self._is_live and time.monotonic() - self._last_line > _PLAIN_SECONDS:
            self._last_line = time.monotonic()
            self._console.print(self._line(), highlight=False, soft_wrap=True)

    def shard(self) -> None:
        """Count a shard that is in the table."""
        self._shards_done += 1

    def _line(self) -> str:
        kept = ", ".join(f"{stage} kept {self._kept[stage]}" for stage in self._stages)
        return f"{self._so_far()} ({kept}), {self._speed()}"

    def _so_far(self) -> str:
        if self._documents is not None:
            return f"{self.done}/{self._documents} documents"
        return f"{self.done} documents of {self._shards_done}/{self._shards} shards"

    def _speed(self) -> str:
        seconds = time.monotonic() - self._start
        part = self._shards_done / self._shards if self._documents is None else self.done / self._documents
        left = seconds / part - seconds if part else float("inf")
        return f"{self.done / seconds:.1f}/s, {duration(left)} left" if self.done else "starting"

    def _panel(self) -> Table:
        table = Table(title=f"{self._so_far()}, {self._speed()}", title_justify="left")
        for heading in ("stage", "kept", "dropped", "reasons"):
            table.add_column(heading, justify="left" if heading in ("stage", "reasons") else "right")
        for stage in self._stages:
            drops = self._drops[stage]
            reasons = ", ".join(f"{reason} {count}" for reason, count in drops.most_common(3))
            table.add_row(stage, str(self._kept[stage]), str(drops.total()), reasons)
        return table


def duration(seconds: float) -> str:
    """Return so many seconds in words, `?` for infinitely many."""
    if seconds == float("inf"):
        return "?"
    if seconds < _SHORT:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
