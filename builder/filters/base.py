"""What a filter is: its options, the measures it takes of a document, and the decision they lead to."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from builder.document import Document

Measures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Workplace:
    """Where a filter's texts are measured.

    Attributes:
        python: The interpreter.
        script: A module beside this one whose `load(options, sibling)` returns what measures; it runs in a bare
            interpreter, with the standard library and pylint's packages. None: the filter itself, in ours.
        options: What `load` gets, as plain data.
    """

    python: str
    script: str | None
    options: dict[str, Any] = field(default_factory=dict)


class Filter(BaseModel, ABC):
    """A filter's fields are its options in a recipe. Derive from `TextFilter` or `FactFilter`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    measures: ClassVar[Mapping[str, type]]
    """Name and type (str, int, float or bool) of everything measured; each value may be None.

    A worker filter's `text` is the document's new text: where it isn't None, following stages see it.
    """

    knows_only: ClassVar[frozenset[str] | None] = None
    """The programming languages that it knows, as GitHub calls them; None: it takes any text."""

    paths: ClassVar[frozenset[str]] = frozenset()
    """Options that hold a list of paths, which a recipe gives relative to its own folder."""

    @property
    def replaces_text(self) -> bool:
        """Whether `text` is among the measures and may be other than None."""
        return False

    @abstractmethod
    def decide(self, measures: Measures) -> str | None:
        """Return the reason to drop a document with these measures, or None to keep it."""

    def keeps(self, versions: Mapping[str, str]) -> str:
        """Return in words what it keeps, with the values that decide it: what follows "keeps" in a card.

        Args:
            versions: The run's tools and their versions, as `identity` told them.
        """
        return "what passes it"

    def explained(self, measures: Measures) -> str:
        """Return the measures in words, with the arithmetic that leads from them to the decision."""
        return ", ".join(
            f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
            for name, value in measures.items()
            if value is not None and name != "text"
        )

    def identity(self) -> dict[str, str]:
        """Return the versions of everything beyond the options that decides a measure, for the run's identity."""
        return {}

    def note(self) -> str | None:
        """Return what a user should know before a run with this filter starts."""
        return None


class WorkerFilter(Filter):
    """Measures the text as it is at its stage, in a worker process that may hang or die without harm."""

    cpu_limit: ClassVar[float] = 20.0
    """Seconds of CPU that one text may take before its worker is ended."""

    is_costly: ClassVar[bool] = False
    """Whether the measures of the last some thousand texts are kept, in case one comes again."""

    @abstractmethod
    def workplace(self) -> Workplace:
        """Return where texts are measured."""

    def crashed(self) -> Measures | None:
        """Return the measures of a text that crashes the interpreter; None: dropped as `worker_signal_11`."""
        return None


class OwnFilter(WorkerFilter):
    """Measures by a method of its own. Derive a filter from `TextFilter`."""

    def prepare(self) -> None:
        """Load what measuring needs, once, before workers are forked."""

    @abstractmethod
    def measure(self, content: Any) -> Measures:  # noqa: ANN401 - what `Workers.verdict` was given, as JSON has it
        """Measure. Runs in a worker."""

    def workplace(self) -> Workplace:
        """Return our own interpreter."""
        kind = type(self)
        return Workplace(
            sys.executable,
            None,
            {"module": kind.__module__, "class": kind.__name__, "options": self.model_dump()},
        )


class TextFilter(OwnFilter):
    """Measures one text."""

    @abstractmethod
    def measure(self, text: str) -> Measures:
        """Measure one text. Runs in a worker."""


class FactFilter(Filter):
    """Measures what is known of a document, its provenance and earlier stages' records; needs no worker."""

    @abstractmethod
    def measure(self, document: Document) -> Measures:
        """Measure one document without looking into its text."""
