"""Which weights may answer: the built-in ones, a file, or one on the Hub."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SMOLLM2 = "smollm2-135m-instruct"
"""The name of the model that needs no download from the Hub (HuggingFaceTB/SmolLM2-135M-Instruct, Q4_1)."""

SMOLLM2_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


@dataclass(frozen=True, slots=True)
class Candidate:
    """Weights that may answer: the built-in name, a path or `hf://ORG/REPO/FILE.gguf`, and their digest."""

    name: str
    sha256: str | None = None

    @property
    def pin(self) -> str | None:
        """The digest that the weights must have, None where any will do."""
        return SMOLLM2_SHA256 if self.name == SMOLLM2 else self.sha256


@dataclass(frozen=True, slots=True)
class Weights:
    """A GGUF file, the digest of its content, and its licence's text where it came with one."""

    path: Path
    sha256: str
    license_file: Path | None = None
