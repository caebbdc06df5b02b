"""How a class made of fields is called: data classes and named tuples, read from their bodies."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from builder.checks.python_code import dotted
from builder.checks.signatures import Parameter, Signature, of_fields, parameter


@dataclass(frozen=True, slots=True)
class _Field:
    parameter: Parameter
    is_given: bool
    by_name: bool


def constructor(node: ast.ClassDef) -> Signature | None:
    """Return how a class of fields without an `__init__` is called, None where that can't be known."""
    if not node.decorator_list:
        return of_fields([one.parameter for one in _fields(node, False)]) if node.bases else None
    if len(node.decorator_list) > 1 or node.keywords:
        return None
    decorator = node.decorator_list[0]
    called = decorator if isinstance(decorator, ast.Call) else None
    if dotted(called.func if called else decorator).rpartition(".")[2] != "dataclass":
        return None
    options = {one.arg: one.value for one in called.keywords} if called else {}
    if called and (
        called.args or None in options or not all(isinstance(v, ast.Constant) for v in options.values())
    ):
        return None
    if _is(options.get("init"), False):
        return Signature()
    found = [one for one in _fields(node, _is(options.get("kw_only"), True)) if one.is_given]
    return of_fields(
        [one.parameter for one in found if not one.by_name], [one.parameter for one in found if one.by_name]
    )


_ORDER = ("__lt__", "__le__", "__gt__", "__ge__")
_MADE = ("__eq__", "__repr__", "__str__", "__hash__", *_ORDER)


def operators(node: ast.ClassDef) -> dict[str, bool]:
    """Return the operators that a class's decorators may make, each with whether the class asks for it."""
    asked = any(
        keyword.arg == "order" and _is(keyword.value, True)
        for one in node.decorator_list
        if isinstance(one, ast.Call)
        for keyword in one.keywords
    )
    decorators = [dotted(one.func if isinstance(one, ast.Call) else one) for one in node.decorator_list]
    if decorators and all(one.rpartition(".")[2] == "dataclass" for one in decorators):
        return {name: asked and name in _ORDER for name in _MADE if asked or name not in _ORDER}
    return dict.fromkeys(_MADE, False) if decorators else {}


def _is(value: ast.expr | None, wanted: bool) -> bool:
    return isinstance(value, ast.Constant) and value.value is wanted


def _fields(node: ast.ClassDef, by_name: bool) -> list[_Field]:
    found: list[_Field] = []
    for one in node.body:
        if not isinstance(one, ast.AnnAssign) or "ClassVar" in ast.dump(one.annotation):
            continue
        if dotted(one.annotation).rpartition(".")[2] == "KW_ONLY":
            by_name = True
            continue
        name = dotted(one.target)
        if not (
            isinstance(one.value, ast.Call) and dotted(one.value.func).rpartition(".")[2] in ("field", "Field")
        ):
            found.append(_Field(parameter(name, one.value), True, by_name))
            continue
        options = {keyword.arg: keyword.value for keyword in one.value.keywords}
        found.append(
            _Field(
                parameter(name, options.get("default", options.get("default_factory"))),
                not _is(options.get("init"), False),
                _is(options["kw_only"], True) if "kw_only" in options else by_name,
            )
        )
    return found
