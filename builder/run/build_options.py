"""What only decides how fast and how far a build goes, never what it gives."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from builder.run.gates import GateLimits


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """Who answers, how many work, where a build ends.

    Attributes:
        servers: The LLM servers' addresses.
        servers_file: A file with more of them, a line each, which is read again when it changes.
        model: A GGUF to serve on this machine where there are no servers.
        tokenizer: Where the answering model's control tokens are read, None for wherever they are to be had.
        served_model: Which of the servers' models answers, None where they serve one each.
        retry_failed: Ask again also where the input was blamed for it that there was no answer.
        workers: Filter processes.
        until: The last stage to go through, None for all.
        limit: Documents to take from the source, None for all.
        reuse: Other runs and releases, whose answers to equal requests are taken.
        patience: Seconds to wait for a server while none answers, at the start and later.
        gates: What may go wrong before the run stops.
        grace: Seconds that answers are waited for after a SIGTERM.
    """

    servers: Sequence[str] = ()
    servers_file: Path | None = None
    model: str | None = None
    workers: int = field(default_factory=lambda: os.cpu_count() or 1)
    until: str | None = None
    limit: int | None = None
    reuse: Sequence[Path] = ()
    patience: float = 300.0
    gates: GateLimits = field(default_factory=GateLimits)
    tokenizer: str | None = None
    served_model: str | None = None
    retry_failed: bool = False
    grace: float = 25.0
