"""Python as its syntax tree: read without ever failing, without what no Python runs, and what it binds."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

OLDEST = (3, 10)
"""The oldest Python that a text is read for: a branch for older ones is dead."""

UNREADABLE = (SyntaxError, ValueError, MemoryError, RecursionError, SystemError)
"""What reading a text, or walking over its tree, raises: NULs, surrogates and deep nesting have their own."""

Function = ast.FunctionDef | ast.AsyncFunctionDef
Scope = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda
_PY2 = re.compile(r"(?:is_)?(?:py|python)_?2", re.I)
_PY3 = re.compile(r"(?:is_)?(?:py|python)_?3", re.I)


def parsed(code: str) -> ast.Module | None:
    """Return a text's tree, None where it can't be read as Python."""
    try:
        return _read(code)
    except UNREADABLE:
        return None


def stops_at(code: str) -> int | None:
    """Return the line, from 1, at which a text stops being Python, None where it doesn't."""
    try:
        _read(code)
    except SyntaxError as error:
        return error.lineno
    except UNREADABLE:
        return None
    return None


def _read(code: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(code.removeprefix("\ufeff"))


def is_code(tree: ast.Module) -> bool:
    """Whether what parses is code: a single word does, and so do numbers with commas."""
    return any(not isinstance(node, ast.Expr) or isinstance(node.value, ast.Call) for node in tree.body)


def statements(body: Iterable[ast.AST]) -> Iterator[ast.stmt]:
    """Yield a scope's statements in order, those in its blocks too, without entering functions and classes."""
    for node in body:
        if isinstance(node, ast.stmt):
            yield node
            if isinstance(node, Scope):
                continue
        if isinstance(node, ast.stmt | ast.excepthandler | ast.match_case):
            for _, inner in ast.iter_fields(node):
                if isinstance(inner, list):
                    yield from statements(inner)


def bindings(body: Iterable[ast.AST]) -> Iterator[tuple[str, ast.AST]]:
    """Yield the names that a scope's statements bind, each with the statement or expression that does."""
    for statement in statements(body):
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield statement.name, statement
        elif isinstance(statement, ast.Import | ast.ImportFrom):
            for alias in statement.names:
                yield alias.asname or alias.name.partition(".")[0], statement
        elif isinstance(statement, ast.AugAssign):
            continue  # what it changes has to be there
        else:
            for name in _stored(statement):
                yield name, statement


def _stored(statement: ast.stmt) -> Iterator[str]:
    """Yield what one statement binds itself, leaving the statements within it out."""
    if isinstance(statement, ast.AnnAssign) and statement.value is None:
        return
    stack: list[ast.AST] = [statement]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.MatchAs | ast.MatchStar) and node.name:
            yield node.name
        elif isinstance(node, ast.MatchMapping) and node.rest:
            yield node.rest
        elif node.__class__.__name__ == "TypeAlias":  # since 3.12
            yield node.name.id  # type: ignore[attr-defined]
        for child in ast.iter_child_nodes(node):
            is_own = isinstance(child, ast.comprehension | Scope)  # a comprehension's variable is its own
            if not is_own and not isinstance(child, ast.stmt | ast.excepthandler):
                stack.append(child)


def dotted(node: ast.AST | None) -> str:
    """Return `a.b.c` of a name or attribute, an empty string of anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        inner = dotted(node.value)
        return f"{inner}.{node.attr}" if inner else ""
    return ""


def is_type_checking(test: ast.AST) -> bool:
    """Whether a condition is `TYPE_CHECKING`, which no interpreter sets."""
    return dotted(test).rpartition(".")[2] == "TYPE_CHECKING"


def asks_version(test: ast.AST) -> bool:
    """Whether a condition depends on the Python that runs."""
    return any(dotted(node).startswith(("sys.version_info", "sys.hexversion")) for node in ast.walk(test))


def outcome(test: ast.AST) -> bool | None:
    """Return what a condition is in every Python from `OLDEST` on, None where that depends."""
    if isinstance(test, ast.Constant):
        return bool(test.value)
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        inner = outcome(test.operand)
        return None if inner is None else not inner
    if isinstance(test, ast.BoolOp):
        decisive = isinstance(test.op, ast.Or)
        known = [outcome(value) for value in test.values]
        return decisive if decisive in known else None if None in known else not decisive
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        return _compared(test.left, test.ops[0], test.comparators[0])
    last = dotted(test).rpartition(".")[2]
    return True if _PY3.fullmatch(last) else False if _PY2.fullmatch(last) else None


def _compared(left: ast.expr, operator: ast.cmpop, right: ast.expr) -> bool | None:
    """Decide a comparison of `sys.version_info`, its major part or the whole."""
    try:
        wanted: Any = ast.literal_eval(right)
    except UNREADABLE:
        return None
    is_major = (
        isinstance(left, ast.Subscript)
        and dotted(left.value) == "sys.version_info"
        and isinstance(left.slice, ast.Constant)
        and left.slice.value == 0
    ) or dotted(left) == "sys.version_info.major"
    if is_major and isinstance(wanted, int):
        return _is_so(operator, 3, wanted)
    if dotted(left) == "sys.version_info" and isinstance(wanted, tuple) and all(type(n) is int for n in wanted):
        oldest, latest = (_is_so(operator, version, wanted) for version in (OLDEST, (3, 999)))
        return oldest if oldest == latest else None
    return None


def _is_so(operator: ast.cmpop, one: Any, other: Any) -> bool | None:  # noqa: ANN401 - two numbers or two tuples
    match operator:
        case ast.Lt():
            return bool(one < other)
        case ast.LtE():
            return bool(one <= other)
        case ast.Gt():
            return bool(one > other)
        case ast.GtE():
            return bool(one >= other)
        case ast.Eq():
            return bool(one == other)
        case ast.NotEq():
            return bool(one != other)
    return None


class _Live(ast.NodeTransformer):
    def __init__(self, is_running: bool) -> None:
        self._is_running = is_running

    def _outcome(self, test: ast.expr) -> bool | None:
        return False if self._is_running and is_type_checking(test) else outcome(test)

    def visit_If(self, node: ast.If) -> Any:  # noqa: ANN401
        self.generic_visit(node)
        chosen = self._outcome(node.test)
        if chosen is None:
            return node
        return (node.body if chosen else node.orelse) or ast.copy_location(ast.Pass(), node)

    def visit_IfExp(self, node: ast.IfExp) -> Any:  # noqa: ANN401
        self.generic_visit(node)
        chosen = self._outcome(node.test)
        return node if chosen is None else node.body if chosen else node.orelse


def live(tree: ast.Module, is_running: bool = True) -> ast.Module:
    """Return the tree, changed in place, without branches that no Python from `OLDEST` on takes.

    `is_running`: those for type checkers alone are left out as well.
    """
    module: ast.Module = _Live(is_running).visit(tree)
    return module
