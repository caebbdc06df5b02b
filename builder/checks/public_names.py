"""Does a rewrite still define what other code may import from its source?"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import ClassVar

from builder.checks.base import PairCheck
from builder.filters.base import Measures

_MOST_NAMED = 20
_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class PublicNames(PairCheck):
    """Refuses a text without every public function, class and method of its source.

    Variables at the top level don't count: moving them into functions is what a rewrite is for.
    """

    measures: ClassVar[Mapping[str, type]] = {"public": int, "missing": str}

    def compare(self, before: str, after: str) -> Measures:
        """Count the source's public names, and list those that are missing."""
        public, defined = _public(before), _public(after)
        missing = sorted(public - defined)
        return {"public": len(public), "missing": ", ".join(missing[:_MOST_NAMED]) or None}

    def decide(self, measures: Measures) -> str | None:
        """Say that one is missing."""
        return "name_missing" if measures["missing"] else None


def _public(code: str) -> set[str]:
    """Return `function`, `Class` and `Class.method` of a module, none where it can't be parsed."""
    try:
        return set(_definitions(ast.parse(code).body, ""))
    except (SyntaxError, ValueError):
        return set()


def _definitions(body: list[ast.stmt], prefix: str) -> Iterator[str]:
    for node in body:
        if isinstance(node, _Definition):
            if node.name.startswith("_"):
                continue
            yield prefix + node.name
            if isinstance(node, ast.ClassDef):
                yield from _definitions(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, ast.If | ast.Try | ast.With):  # a definition that depends on platform or version
            inner = [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)]
            inner += [statement for handler in getattr(node, "handlers", ()) for statement in handler.body]
            yield from _definitions(inner, prefix)
