"""Is the new text about as long as the old? One far shorter was summarised, one far longer rambles."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from builder.checks.base import PairCheck
from builder.checks.python_code import UNREADABLE, is_code, parsed
from builder.filters.base import Measures

_NUMBER = re.compile(r"\d+")
_ROWS = 8  # of a table that may have been made by a loop


class LengthRatio(PairCheck):
    """Refuses a text of less than `minimum` or more than `maximum` times its source's characters.

    Where both are Python, comments and docstrings count for the maximum alone: a rewrite may drop commented-out
    code, and must not make up with words for code that it drops.
    """

    minimum: float = Field(default=0.0, ge=0)
    maximum: float | None = Field(default=None, gt=0)

    measures: ClassVar[Mapping[str, type]] = {"ratio": float, "code_ratio": float}

    def compare(self, before: str, after: str) -> Measures:
        """Return characters after over characters before, white space left out; and so for code without words."""
        tree = parsed(before)
        rewritten = parsed(after) if tree is not None and is_code(tree) else None
        # Where a loop is new, it may make a table: what the table's numbers took does not count on either side.
        is_made = tree is not None and rewritten is not None and _loops(rewritten) > _loops(tree)
        old = _code(tree, is_made) if tree is not None and rewritten is not None else None
        new = _code(rewritten, is_made) if rewritten is not None and old else None
        return {
            "ratio": _size(after) / max(1, _size(before)),
            "code_ratio": None if not old or new is None else _size(new) / _size(old),
        }

    def decide(self, measures: Measures) -> str | None:
        """Say on which side it is out of bounds."""
        ratio, code_ratio = measures["ratio"], measures["code_ratio"]
        if (ratio if code_ratio is None else code_ratio) < self.minimum:
            return "shorter_than_source"
        is_longer = self.maximum is not None and ratio > self.maximum
        return "longer_than_source" if is_longer else None


def _size(text: str) -> int:
    return sum(map(len, text.split()))


def _loops(tree: ast.Module) -> int:
    return sum(isinstance(node, ast.For | ast.comprehension) for node in ast.walk(tree))


def _code(tree: ast.Module, is_made: bool) -> str | None:
    """Return Python as the interpreter sees it, without comments and docstrings, None where it is nested too deep.

    `is_made`: rows of a table that differ from the row above in their numbers alone are left out, too.
    """
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [one for one in body if not _is_text(one)]  # type: ignore[attr-defined]
        if is_made:
            _leave_out_numbered(node)
    try:
        return ast.unparse(tree)
    except UNREADABLE:
        return None


def _leave_out_numbered(node: ast.AST) -> None:
    """Keep one of a table's rows that a loop can make."""
    match node:
        case ast.Dict():
            rows = [(key, value) for key, value in zip(node.keys, node.values, strict=True) if _is_plain(value)]
            if len(rows) == len(node.values) >= _ROWS:
                kept = _unlike_the_last(rows)
                node.keys, node.values = [key for key, _ in kept], [value for _, value in kept]
        case ast.List() | ast.Tuple() | ast.Set():
            if len(node.elts) >= _ROWS and all(map(_is_plain, node.elts)):
                node.elts = [value for _, value in _unlike_the_last([(None, one) for one in node.elts])]


def _is_plain(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) or (
        isinstance(node, ast.List | ast.Tuple) and all(isinstance(one, ast.Constant) for one in node.elts)
    )


def _unlike_the_last(rows: list[tuple[ast.expr | None, ast.expr]]) -> list[tuple[ast.expr | None, ast.expr]]:
    kept, last = [], None
    for key, value in rows:
        numbered = _NUMBER.sub("#", f"{key and ast.unparse(key)}: {ast.unparse(value)}")
        if numbered != last:
            kept.append((key, value))
        last = numbered
    return kept


def _is_text(node: ast.stmt) -> bool:
    match node:
        case ast.Expr(value=ast.Constant(value=str())):
            return True
    return False
