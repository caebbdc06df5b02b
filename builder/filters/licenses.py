"""Documents under licences that a release may use, by the licence column of their source."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, ClassVar, Literal

from license_expression import LicenseWithExceptionSymbol, Licensing
from pydantic import Field

from builder.document import Document
from builder.errors import RecipeError
from builder.filters.base import FactFilter, Measures
from builder.markdown import code


class Licenses(FactFilter):
    """Drops what has a licence that is not allowed; names are compared without regard to case.

    `allow` lists SPDX identifiers. Every licence found must be among them; of one that is an SPDX expression
    (`MIT OR GPL-2.0-only`) those that it asks for. A licence with an exception is allowed where the licence
    itself is: an exception only adds permissions. `unlicensed` says what becomes of documents without any: to keep
    them is to publish files whose authors allowed nothing.
    """

    allow: list[str] = Field(min_length=1)
    column: str = "detected_licenses"
    unlicensed: Literal["drop", "keep"] = "drop"

    measures: ClassVar[Mapping[str, type]] = {"licenses": str, "not_allowed": int}

    def keeps(self, versions: Mapping[str, str]) -> str:
        """Return the licences, and what becomes of documents without one."""
        without = ", and what has none there" if self.unlicensed == "keep" else ""
        return f"what is under {', '.join(map(code, self.allow))} by its {code(self.column)}{without}"

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
        allowed = frozenset(name.casefold() for name in self.allow)
        return {
            "licenses": ", ".join(sorted(found)),
            "not_allowed": sum(not _is_allowed(expression, allowed) for expression in found),
        }

    def decide(self, measures: Measures) -> str | None:
        """Drop what has a licence that is not allowed, or none."""
        if not measures["licenses"]:
            return "no_license" if self.unlicensed == "drop" else None
        return "license_not_allowed" if measures["not_allowed"] else None


_LICENSING = Licensing()


@lru_cache(maxsize=10_000)
def _is_allowed(expression: str, allowed: frozenset[str]) -> bool:
    """Whether an SPDX expression can be satisfied by allowed licences alone; what is none is one name."""
    try:
        return _is_satisfied(_LICENSING.parse(expression), allowed)
    except Exception:  # noqa: BLE001 - a row may hold anything, and the parser fails at some of it with bugs
        return expression.casefold() in allowed


def _is_satisfied(expression: Any, allowed: frozenset[str]) -> bool:  # noqa: ANN401 - the library has no types
    if isinstance(expression, _LICENSING.OR):
        return any(_is_satisfied(part, allowed) for part in expression.args)
    if isinstance(expression, _LICENSING.AND):
        return all(_is_satisfied(part, allowed) for part in expression.args)
    if isinstance(expression, LicenseWithExceptionSymbol):
        whole = f"{expression.license_symbol.key} with {expression.exception_symbol.key}"
        return expression.license_symbol.key.casefold() in allowed or whole.casefold() in allowed
    return expression is not None and expression.key.casefold() in allowed
