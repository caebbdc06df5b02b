"""Does code stand on its own? No name that is defined nowhere, no import of what the source could not import."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal

from builder.checks.base import PairCheck
from builder.filters.base import Measures

_MOST_NAMED = 20


class SelfContained(PairCheck):
    """Refuses names that nothing defines (by pyflakes), and imports from beyond standard library and source.

    `undefined: new` lets stay what was undefined in the source too: for a stage that keeps what the code does.
    """

    undefined: Literal["none", "new"] = "none"

    measures: ClassVar[Mapping[str, type]] = {"undefined_names": str, "foreign_imports": str, "parses": bool}

    def prepare(self) -> None:
        """Load pyflakes."""
        import pyflakes.checker  # noqa: F401

    def compare(self, before: str, after: str) -> Measures:
        """Return the undefined names and foreign imports, with commas, None where there are none."""
        tree = _parsed(after)
        if tree is None:
            return {"undefined_names": None, "foreign_imports": None, "parses": False}
        source = _parsed(before)
        undefined = set(_undefined(tree))
        foreign = set(_imported(tree)) - sys.stdlib_module_names
        if source is not None:
            foreign -= set(_imported(source))
            if self.undefined == "new" and undefined:
                undefined -= set(_undefined(source))
        return {"undefined_names": _listed(undefined), "foreign_imports": _listed(foreign), "parses": True}

    def decide(self, measures: Measures) -> str | None:
        """Say which it is."""
        if not measures["parses"]:
            return "syntax_error"
        if measures["undefined_names"]:
            return "undefined_name"
        return "foreign_import" if measures["foreign_imports"] else None


def _parsed(code: str) -> ast.Module | None:
    try:
        return ast.parse(code)
    except (SyntaxError, ValueError):  # ValueError: a NUL
        return None


def _undefined(tree: ast.Module) -> Iterator[str]:
    from pyflakes import checker, messages

    for message in checker.Checker(tree, filename="source.py").messages:
        if isinstance(message, messages.UndefinedName | messages.UndefinedLocal | messages.UndefinedExport):
            yield str(message.message_args[0])


def _imported(tree: ast.Module) -> Iterator[str]:
    """Yield the top levels of what is imported; a relative import begins with its dots."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "").partition(".")[0]


def _listed(names: set[str]) -> str | None:
    return ", ".join(sorted(names)[:_MOST_NAMED]) or None
