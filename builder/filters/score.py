"""A numeric column of the source or of an earlier stage within limits: Finemath's int_score, SGCR's grade."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from builder.document import Document
from builder.errors import RecipeError
from builder.filters.base import FactFilter, Measures
from builder.markdown import code


class Score(FactFilter):
    """Drops what scores below `minimum`; `column` is `source.NAME` or `STAGE.NAME`."""

    column: str = Field(pattern=r"^[A-Za-z][\w-]*\.\w+$")
    minimum: float = Field(strict=False)

    measures: ClassVar[Mapping[str, type]] = {"value": float}

    def keeps(self, versions: Mapping[str, str]) -> str:
        """Return the column and its least value."""
        return f"what has a {code(self.column)} of {self.minimum:g} or more"

    def measure(self, document: Document) -> Measures:
        """Return the column's value.

        Raises:
            RecipeError: There is no such column, or it holds no number.
        """
        place, _, name = self.column.partition(".")
        record: Mapping[str, Any] = document.source if place == "source" else document.records.get(place, {})
        if name not in record:
            there = ", ".join([*(f"source.{one}" for one in document.source), *_columns(document)])
            raise RecipeError(
                f"there is no column {self.column!r} to take a score from", remedy=f"there are: {there or 'none'}"
            )
        value = record[name]
        if value is not None and not isinstance(value, (int, float)):
            raise RecipeError(f"column {self.column!r} holds {value!r}, which is no number", where=document.id)
        return {"value": None if value is None else float(value)}

    def decide(self, measures: Measures) -> str | None:
        """Drop what has no score, and what has a low one."""
        if measures["value"] is None:
            return "no_score"
        return "below_minimum" if measures["value"] < self.minimum else None


def _columns(document: Document) -> list[str]:
    return [f"{stage}.{name}" for stage, record in document.records.items() for name in record]
