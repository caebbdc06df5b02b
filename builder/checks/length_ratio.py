"""Is the new text about as long as the old? One far shorter was summarised, one far longer rambles."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from builder.checks.base import PairCheck
from builder.checks.python_code import UNREADABLE, is_code, parsed
from builder.filters.base import Measures


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
        old = _code(tree) if tree is not None and is_code(tree) else None
        new = _code(parsed(after)) if old else None
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


def _code(tree: ast.Module | None) -> str | None:
    """Return Python as the interpreter sees it, without comments and docstrings; None where it isn't Python."""
    if tree is None:
        return None
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [one for one in body if not _is_text(one)]  # type: ignore[attr-defined]
    try:
        return ast.unparse(tree)
    except UNREADABLE:
        return None


def _is_text(node: ast.stmt) -> bool:
    match node:
        case ast.Expr(value=ast.Constant(value=str())):
            return True
    return False
