"""Does code stand on its own? No name that is defined nowhere, no import of what the source could not import."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from builder.checks import star_imports
from builder.checks.base import PairCheck
from builder.checks.imports import STDLIB, imported, imported_by_lines, required
from builder.checks.python_code import UNREADABLE, live, parsed
from builder.checks.undefined_names import names, own_names, without_submodules
from builder.filters.base import Measures

_MOST_NAMED = 20
_UNREADABLE: Measures = {
    "undefined_names": None,
    "unknown_names": None,
    "foreign_imports": None,
    "parses": False,
}


class SelfContained(PairCheck):
    """Refuses names that nothing defines (by pyflakes), and imports from beyond standard library and source.

    `undefined: new` lets stay what was undefined in the source too: for a stage that keeps what the code does.
    """

    undefined: Literal["none", "new"] = "none"

    knows_only: ClassVar[frozenset[str] | None] = frozenset({"Python"})
    measures: ClassVar[Mapping[str, type]] = {
        "undefined_names": str,
        "unknown_names": str,
        "foreign_imports": str,
        "parses": bool,
    }

    def prepare(self) -> None:
        """Load pyflakes and the modules that star imports lead to."""
        import pyflakes.checker  # noqa: F401

        star_imports.load()

    def compare(self, before: str, after: str) -> Measures:
        """Return undefined names, names that can't be known, and foreign imports, each None where there are none.

        A text that is no Python, or is nested too deep to be looked through, does not parse.
        """
        try:
            return self._compare(before, after)
        except UNREADABLE:
            return _UNREADABLE

    def _compare(self, before: str, after: str) -> Measures:
        tree = parsed(after)
        if tree is None:
            return _UNREADABLE
        found, source = names(after), parsed(before)
        undefined, unknown = found.undefined, found.unknown
        foreign = required(live(tree)) - STDLIB
        foreign -= imported_by_lines(before) if source is None else imported(source)
        if source is not None:
            # No star import brings what the source had to define for itself.
            gone = unknown & own_names(source)
            undefined, unknown = undefined | gone, unknown - gone
            undefined = without_submodules(undefined, source, tree) if undefined else undefined
            if self.undefined == "new" and undefined:
                undefined -= names(before).undefined
        return {
            "undefined_names": _listed(undefined),
            "unknown_names": _listed(unknown),
            "foreign_imports": _listed(foreign),
            "parses": True,
        }

    def decide(self, measures: Measures) -> str | None:
        """Say which it is."""
        if not measures["parses"]:
            return "syntax_error"
        if measures["undefined_names"]:
            return "undefined_name"
        return "foreign_import" if measures["foreign_imports"] else None


def _listed(found: frozenset[str] | set[str]) -> str | None:
    return ", ".join(sorted(found)[:_MOST_NAMED]) or None
