"""What the statements of a class's body make: properties, values, fields, attributes of its instances."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from builder.checks.python_code import dotted, statements

_DECORATES = ("classmethod", "staticmethod", "property")
PROPERTIES = ("property", "cached_property", "abstractproperty")


def decorated_later(statement: ast.AST, known: dict[str, ast.AST]) -> ast.AST:
    """Return the function that `name = classmethod(name)` and its like decorate, decorated."""
    match statement:
        case ast.Assign(value=ast.Call(func=ast.Name(id=decorator), args=[ast.Name(id=name)])):
            plain = known.get(name)
            if decorator in _DECORATES and isinstance(plain, ast.FunctionDef) and not plain.decorator_list:
                return ast.FunctionDef(
                    plain.name, plain.args, plain.body, [ast.Name(decorator)], plain.returns, lineno=plain.lineno
                )
    return statement


def makes_property(statement: ast.AST) -> tuple[bool, bool]:
    """Return whether `name = property(…)` makes a property, and whether that may be set."""
    value = getattr(statement, "value", None)
    if not isinstance(value, ast.Call) or last_name(value) not in PROPERTIES:
        return False, False
    return True, len(value.args) > 1 or any(one.arg in ("fset", None) for one in value.keywords)


def is_constant(value: ast.expr | None) -> bool:
    """Whether a value is a plain one other than None, in whose place anything may be set."""
    if isinstance(value, ast.Constant):
        return value.value is not None
    return isinstance(value, ast.List | ast.Dict | ast.Set | ast.Tuple | ast.JoinedStr)


def last_name(decorator: ast.expr) -> str:
    """Return what a decorator is called, without its module."""
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return dotted(called).rpartition(".")[2]


def declared(node: ast.ClassDef) -> Iterator[str]:
    """Yield the fields that a class declares without a value, and its slots."""
    for one in statements(node.body):
        if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name):
            yield one.target.id
        elif isinstance(one, ast.Assign) and any(dotted(target) == "__slots__" for target in one.targets):
            yield from strings(one.value)


def instance_attributes(node: ast.ClassDef) -> Iterator[str]:
    """Yield what methods set on `self` or `cls`."""
    for method in statements(node.body):
        if not isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        first = "".join(one.arg for one in [*method.args.posonlyargs, *method.args.args][:1])
        for one in ast.walk(method) if first else ():
            match one:
                case ast.Attribute(value=ast.Name(id=owner), attr=name, ctx=ast.Store()) if owner == first:
                    yield name


def strings(node: ast.AST) -> Iterator[str]:
    """Yield the strings within a node."""
    return (n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str))
