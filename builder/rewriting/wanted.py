"""Which servers a run wants, and how it deals with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from builder.errors import BadAddress
from builder.rewriting.addresses import read_addresses
from builder.rewriting.capabilities import NO_NEEDS, Needs
from builder.rewriting.generation import Model


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which servers a run wants, and how it deals with them.

    Attributes:
        urls: The servers' roots.
        file: A file with more of them, a line each, read again whenever it changes.
        expected: The model that the run began with, None for a first run.
        model_sha: Digest of the weights, where the caller started the server and knows it.
        patience: Seconds to go on trying while no server takes a request.
        say: Told when servers come, go, fail and are back.
        served_model: Which of the servers' models answers, None where they have one each.
        needs: What the servers must be able to do.
    """

    urls: Sequence[str]
    file: Path | None
    expected: Model | None
    model_sha: str | None
    patience: float
    say: Callable[[str], None]
    served_model: str | None = None
    needs: Needs = NO_NEEDS

    def addresses(self, on_bad: Callable[[BadAddress], None] | None = None) -> list[str]:
        """Return the roots of the command line and of the file, each once; see `read_addresses`.

        Raises:
            UsageError: There are none, the file can't be read, or one is no address.
        """
        return read_addresses(self.urls, self.file, on_bad)
