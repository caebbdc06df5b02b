"""Documents under licences that a release may use, by the licence column of their source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from builder.document import Document
from builder.errors import RecipeError
from builder.filters.base import FactFilter, Measures


class Licenses(FactFilter):
    """Drops what has a licence that is not allowed; names are compared without regard to case.

    `allow` lists SPDX identifiers; every licence found must be among them. `unlicensed` says what becomes of
    documents without any: to keep them is to publish files whose authors allowed nothing.
    """

    allow: list[str] = Field(min_length=1)
    column: str = "detected_licenses"
    unlicensed: Literal["drop", "keep"] = "drop"

    measures: ClassVar[Mapping[str, type]] = {"licenses": str, "not_allowed": int}

    def measure(self, document: Document) -> Measures:
        """Return the licences found, and how many of them are not allowed.

        Raises:
            RecipeError: The source has no such column.
        """
        if self.column not in document.source:
            raise RecipeError(
                f"the source has no column {self.column!r} to read licences from",
                remedy=f"name one as `column`; there are: {', '.join(document.source)}",
            )
        value = document.source[self.column]
        found = [value] if isinstance(value, str) else list(value or ())
        allowed = {name.casefold() for name in self.allow}
        return {
            "licenses": ", ".join(sorted(found)),
            "not_allowed": sum(name.casefold() not in allowed for name in found),
        }

    def decide(self, measures: Measures) -> str | None:
        """Drop what has a licence that is not allowed, or none."""
        if not measures["licenses"]:
            return "no_license" if self.unlicensed == "drop" else None
        return "license_not_allowed" if measures["not_allowed"] else None
