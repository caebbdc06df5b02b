"""What a call of a function gives that its callers have to know: to be awaited, iterated, entered, or a value."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from builder.checks.python_code import Function, statements

Kind = Literal["coroutine", "async generator", "generator", "context manager", "value"]

_SAID = {
    "coroutine": "it has to be awaited",
    "async generator": "it is an async generator",
    "generator": "it is a generator",
    "context manager": "it is a context manager",
    "value": "it gives a value",
}
_MANAGERS = ("contextmanager", "asynccontextmanager")
_UNSURE = ("abstractmethod", "coroutine", "fixture", "overload", "singledispatch", "singledispatchmethod")
_ASYNC = re.compile(r"async|await|\b(?:Future|Deferred|Task|coroutine|gevent|tornado|trio|twisted)\b")
_DISPLAYS = (ast.List, ast.Tuple, ast.Set, ast.Dict, ast.ListComp, ast.SetComp, ast.DictComp, ast.JoinedStr)
_MAKE_VALUES = ("list", "tuple", "set", "frozenset", "dict", "sorted", "len", "sum", "str", "int", "float", "bool")


@dataclass(frozen=True, slots=True)
class Result:
    """What a call gives.

    Attributes:
        kind: What is certain of it: `value` is none of the others.
        may_wait: Whether it may be something to be awaited that another function made.
    """

    kind: Kind | None = None
    may_wait: bool = True


def of_call(node: Function | ast.Lambda, decorators: Sequence[str]) -> Result:
    """Return what calls of a function give, under decorators that are known."""
    if isinstance(node, ast.Lambda):
        return Result(_of_values([node.body], {}), not isinstance(node.body, ast.Constant))
    if any(one in _UNSURE for one in decorators) or _is_stub(node.body):
        return Result()
    if any(one in _MANAGERS for one in decorators):
        return Result("context manager", may_wait=False)
    own = list(_own(node))
    yields = any(isinstance(one, ast.Yield | ast.YieldFrom) for one in own)
    if isinstance(node, ast.AsyncFunctionDef):
        return Result("async generator" if yields else "coroutine", may_wait=False)
    if yields:
        return Result("generator", may_wait=False)
    values = [one.value for one in own if isinstance(one, ast.Return) and one.value is not None]
    passes_on = any(isinstance(one, ast.Call | ast.Name | ast.Attribute | ast.Subscript) for one in values)
    return Result(_of_values(values, _assigned(node)), may_wait=passes_on)


def difference(old: Result, new: Result, before: str, after: str) -> str | None:
    """Return, in words, what calls give now where it was something else; None where that is not certain.

    `before` and `after` are the modules' texts: where neither has a word of what is awaited, nothing is.
    """
    if old.kind is not None and new.kind is not None:
        return _SAID[new.kind] if old.kind != new.kind else None
    if new.kind == "coroutine" and not (old.may_wait and _ASYNC.search(before)):
        return _SAID["coroutine"]
    if old.kind == "coroutine" and not (new.may_wait and _ASYNC.search(after)):
        return "it can't be awaited"
    return None


def _is_stub(body: Sequence[ast.stmt]) -> bool:
    """Whether a body only says that there is none: a docstring, `...` or an error."""
    return all(
        isinstance(one, ast.Raise) or (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant))
        for one in body
    )


def _own(node: Function) -> Iterator[ast.AST]:
    """Yield the nodes of a function's body, those of functions and classes within aside."""
    stack: list[ast.AST] = list(node.body)
    while stack:
        one = stack.pop()
        yield one
        if not isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            stack += ast.iter_child_nodes(one)


def _assigned(node: Function) -> dict[str, list[ast.expr]]:
    """Return the values that each name of a function's body is given; what something else binds has a name."""
    found: dict[str, list[ast.expr]] = {}
    for one in statements(node.body):
        targets = one.targets if isinstance(one, ast.Assign) else [getattr(one, "target", None)]
        for target in targets:
            is_plain = isinstance(target, ast.Name) and isinstance(one, ast.Assign | ast.AnnAssign)
            value = getattr(one, "value", None) if is_plain else None
            for name in ast.walk(target) if target is not None else ():
                if isinstance(name, ast.Name) and not isinstance(one, ast.AugAssign):
                    found.setdefault(name.id, []).append(value or name)
    return found


def _of_values(values: Sequence[ast.expr], assigned: dict[str, list[ast.expr]]) -> Kind | None:
    """Return that what a function returns is a plain value, if each of its `return`s shows it."""
    return "value" if all(_is_value(one, assigned) for one in values) else None


def _is_value(value: ast.expr, assigned: dict[str, list[ast.expr]]) -> bool:
    if isinstance(value, ast.Name):
        made = assigned.get(value.id)
        return made is not None and all(not isinstance(one, ast.Name) and _is_value(one, {}) for one in made)
    if isinstance(value, ast.IfExp):
        return _is_value(value.body, assigned) and _is_value(value.orelse, assigned)
    if isinstance(value, ast.Call):
        return isinstance(value.func, ast.Name) and value.func.id in _MAKE_VALUES
    return isinstance(value, (ast.Constant, ast.Compare, ast.BinOp, ast.UnaryOp, *_DISPLAYS))
