"""Is the new code the old one, but for its documentation? Compared as syntax trees; nothing is run."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

from builder.checks.bare_code import Code, bare, needless_imports
from builder.checks.base import PairCheck
from builder.filters.base import Measures

_LONGEST = 80  # characters of a piece of code in a figure
_TOLD = ast.expr | ast.stmt | ast.arg | ast.keyword | ast.alias | ast.ExceptHandler | ast.arguments
_HINTS = (
    ast.Name | ast.Attribute | ast.Subscript | ast.Constant | ast.Tuple | ast.List | ast.BinOp | ast.BitOr
    | ast.Starred | ast.UnaryOp | ast.USub | ast.Load
)  # fmt: skip


class SameCode(PairCheck):
    """Refuses code that is another than its source's in more than docstrings, comments, layout and annotations.

    For rewrites that document and no more. Imports that annotations alone need may come and go. What the program
    reads of its own documentation stays: fields of data classes, annotations under decorators, docstrings where
    `__doc__` is used. New annotations must not fail when Python evaluates them. There must be `least` docstrings
    and annotations more than in the source.
    """

    least: int = 0

    knows_only: ClassVar[frozenset[str] | None] = frozenset({"Python"})
    measures: ClassVar[Mapping[str, type]] = {
        "difference": str,
        "undefined_names": str,
        "added": int,
        "parses": bool,
    }

    def prepare(self) -> None:
        """Load pyflakes."""
        import pyflakes.checker  # noqa: F401

    def compare(self, before: str, after: str) -> Measures:
        """Return the first difference, with its place, new undefined names, and how much documentation is new."""
        try:
            old, new = _of_source(before), bare(after)
            undefined = _undefined(after)
            undefined -= _undefined(before) if undefined else set()
            found, added = first_difference(old, new), new.documentation - old.documentation
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return {"difference": None, "undefined_names": None, "added": None, "parses": False}
        names = ", ".join(sorted(undefined)) or None
        return {"difference": found, "undefined_names": names, "added": added, "parses": True}

    def decide(self, measures: Measures) -> str | None:
        """Say which it is."""
        if not measures["parses"]:
            return "syntax_error"
        if measures["difference"]:
            return "other_code"
        if measures["undefined_names"]:
            return "undefined_name"
        return "nothing_added" if self.least and measures["added"] < self.least else None


@lru_cache(4)
def _of_source(text: str) -> Code:
    """Return a source's code, which every attempt's answer is compared with."""
    return bare(text)


def first_difference(old: Code, new: Code) -> str | None:
    """Return what of the new code is not the old one's, in words; None where nothing is."""
    if old.lazy and not new.lazy:
        return "from __future__ import annotations is missing"
    if found := _Comparison(needless_imports(old, new)).difference(old.tree, new.tree, ""):
        return found
    if lost := next((what for what, value in old.read.items() if new.read.get(what) != value), None):
        return f"{lost} is another"
    if not new.lazy and (failing := _failing(old, new)) is not None:
        return f"the annotation {_shown(failing)} fails when it is evaluated"
    return None


@dataclass(frozen=True, slots=True)
class _Comparison:
    """Compares trees, some of whose nodes are left out: `dropped` holds their ids."""

    dropped: frozenset[int]

    def difference(self, old: Any, new: Any, place: str) -> str | None:  # noqa: ANN401 - nodes, lists, names, values
        """Return the first difference; an empty text where the piece of code around it has to tell it."""
        if isinstance(old, list) and isinstance(new, list):
            old, new = ([one for one in side if id(one) not in self.dropped] for side in (old, new))
            return self._of_lists(old, new, place)
        if type(old) is not type(new):
            return _told(old, new, place)
        if not isinstance(old, ast.AST):
            return None if repr(old) == repr(new) else ""
        if isinstance(old, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and old.name == new.name:
            place = f"{place}.{old.name}" if place else old.name
        for name in old._fields:
            found = self.difference(getattr(old, name, None), getattr(new, name, None), place)
            if found is not None:
                return found or _told(old, new, place)
        return None

    def _of_lists(self, old: list[Any], new: list[Any], place: str) -> str | None:
        pairs = zip(old, new, strict=False)
        found = next((found for pair in pairs if (found := self.difference(*pair, place)) is not None), None)
        if len(old) == len(new):
            return found
        if not all(isinstance(one, ast.stmt) for one in (*old, *new)):
            return ""
        dumps = [[ast.dump(one) for one in body] for body in (old, new)]
        at = next((at for at, (a, b) in enumerate(zip(*dumps, strict=False)) if a != b), min(len(old), len(new)))
        what, body = ("is missing", old) if len(old) > len(new) else ("is new", new)
        return f"{place + ': ' if place else ''}{_shown(body[at])} {what}"


def _told(old: Any, new: Any, place: str) -> str:  # noqa: ANN401
    if not (isinstance(old, _TOLD) and isinstance(new, _TOLD)):
        return ""
    return f"{place + ': ' if place else ''}{_shown(old)} became {_shown(new)}"


def _shown(node: ast.AST) -> str:
    text = " ".join(ast.unparse(ast.fix_missing_locations(node)).split())
    return f"`{text if len(text) <= _LONGEST else text[: _LONGEST - 1] + '…'}`"


def _undefined(text: str) -> set[str]:
    from pyflakes import checker, messages

    found = checker.Checker(ast.parse(text), filename="source.py").messages
    return {str(one.message_args[0]) for one in found if isinstance(one, messages.UndefinedName)}


def _failing(old: Code, new: Code) -> ast.expr | None:
    """Return the first new annotation that would raise, or do more than name a type."""
    known = {ast.dump(annotation) for annotation in old.annotations}
    added = (annotation for annotation in new.annotations if ast.dump(annotation) not in known)
    return next((one for one in added if not all(_evaluates(node, new) for node in ast.walk(one))), None)


def _evaluates(node: ast.AST, code: Code) -> bool:
    if isinstance(node, ast.Subscript):
        kind = _built_in(node.value, code)
        return kind is None or kind is type or hasattr(kind, "__class_getitem__")
    if isinstance(node, ast.BinOp):
        sides = [side for side in (node.left, node.right) if not isinstance(side, ast.BinOp)]
        return isinstance(node.op, ast.BitOr) and all(_may_be_in_union(side, code) for side in sides)
    return isinstance(node, _HINTS) and not (isinstance(node, ast.Name) and node.id in code.only_checked)


def _built_in(node: ast.expr, code: Code) -> object | None:
    """Return what a name of the built-ins stands for, None for any other expression."""
    if not isinstance(node, ast.Name) or node.id in code.bound:
        return None
    return getattr(builtins, node.id, None)


def _may_be_in_union(node: ast.expr, code: Code) -> bool:
    if isinstance(node, ast.Constant):
        return node.value is None  # a name in quotes has no `|`
    kind = _built_in(node, code)
    return kind is None or isinstance(kind, type)
