"""How fast a server answers: seconds a token, by what its answers took, their time in its queue included."""

from __future__ import annotations

from dataclasses import dataclass

_KEPT = 0.98  # of what is known, at each answer: the last fifty count
_FEWEST = 4.0  # answers that the present pace is taken from


@dataclass(slots=True)
class Pace:
    """The pace of one server, by its answers.

    Attributes:
        slowest: Seconds that an answer took, of the last ones.
        present: Seconds a token, of about as many answers as it has in work; 0 while none told its tokens.
    """

    slowest: float = 0.0
    present: float = 0.0
    _usual: tuple[float, float] = (0.0, 0.0)  # seconds and tokens of the last answers, older ones counting less
    _latest: tuple[float, float] = (0.0, 0.0)

    @property
    def usual(self) -> float:
        """Seconds a token, of many answers; 0 while none told its tokens."""
        seconds, tokens = self._usual
        return seconds / tokens if tokens else 0.0

    def learn(self, seconds: float, tokens: int, in_flight: int) -> None:
        """Learn from an answer of so many tokens, which took so long at a server with so many in work."""
        self.slowest = max(seconds, _KEPT * self.slowest)
        if tokens:  # sums, not a mean of each one's speed: the shortest answers tell the least, and come first
            self._usual = _added(self._usual, _KEPT, seconds, tokens)
            self._latest = _added(self._latest, 1 - 1 / max(_FEWEST, in_flight), seconds, tokens)
            self.present = self._latest[0] / self._latest[1]


def _added(sums: tuple[float, float], kept: float, seconds: float, tokens: int) -> tuple[float, float]:
    return kept * sums[0] + seconds, kept * sums[1] + tokens
