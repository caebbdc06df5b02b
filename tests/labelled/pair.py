"""One entry of a labelled set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Pair:
    """A source and an answer to it.

    Attributes:
        before: The source.
        after: The answer, as the check is shown it.
        is_right: Whether the check must let it pass.
        why: What is right or wrong about it, in a few words.
        options: The check's options.
    """

    before: str
    after: str
    is_right: bool
    why: str
    options: Mapping[str, Any] = field(default_factory=dict)
