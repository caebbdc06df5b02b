"""A generation: what a server answered, and which model it was."""

from __future__ import annotations

from dataclasses import dataclass

COMPLETE = frozenset({"stop", "eos_token", "stop_sequence"})
"""The finish reasons of an answer that the model ended itself."""

LOOPING = "repetition"
"""vLLM's finish reason of an answer that it ended because it looped."""


@dataclass(frozen=True, slots=True)
class Generation:
    """One finished answer of a server, as it is kept.

    Attributes:
        answer: What the model wrote, as the server sent it, without the prefill.
        finish_reason: As the server named it, or as most do (`completion`).
        prompt_tokens: Tokens read.
        completion_tokens: Tokens written.
    """

    answer: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class Model:
    """Which model answers: its id and, where the server tells it, the sha of its weights."""

    id: str
    sha: str | None = None

    def __str__(self) -> str:
        return f"{self.id}@{self.sha[:12]}" if self.sha else self.id
