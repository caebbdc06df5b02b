"""Where statements repeat themselves within one body: a module's, a class's, a function's, a block's."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby

from builder.checks.loops import Loop, runs
from builder.checks.numbered_loops import of_numbered

_SAME = 10  # simple statements, one like the other, that somebody may have written in a row
_CYCLES = 5  # of three statements or more; the two of a turtle's hexagon are there six times
_BLOCKS = 5  # compound statements
_SET_ANEW = 5  # assignments that change nothing the second time
_DEAD = 3  # statements that do nothing the second time
_SAID, _CHECKED_CYCLES = 6, 4  # assertions, and prints of what nothing changes
_TWIN_BODIES = 5  # functions of different names that do the same
_TELLS = re.compile(r"[A-Za-z]{6}|[A-Za-z]{2,} [A-Za-z]{2,}")  # no row of a drawing
_CHANGES = re.compile(r"(?i)rand|choice|sample|next|input|read|get|pop|time")  # what is another the next time
_ONCE = frozenset(
    ("close", "clear", "quit", "exit", "stop", "sort", "commit", "shutdown", "disconnect", "save", "init")
)
_EQUAL_VALUES = 12  # names that get the same text, one after the other
_LONG = 150  # of a dump: more than `pass`
_STATEMENTS = 2  # of twin bodies: more than `raise NotImplementedError`

_Makers = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_Jumps = ast.Return | ast.Raise | ast.Break | ast.Continue | ast.Pass
_Imports = ast.Import | ast.ImportFrom
_Scopes = ast.Global | ast.Nonlocal


def of_body(body: list[ast.stmt]) -> Iterator[Loop]:
    """Yield the loops of a body with three statements or more."""
    dumps = [ast.dump(node) for node in body]
    for begin, period, times in runs(dumps, max(20, len(body) // 2) if len(body) < 200 else 20):
        unit = body[begin : begin + period]
        if times >= _fewest(unit):
            yield Loop(_shown(unit), times)
    yield from _of_scattered(body, dumps)
    yield from _of_bodies(body)
    yield from _of_values(body)
    yield from of_numbered(body, dumps=dumps)


def _shown(unit: Sequence[ast.stmt]) -> str:
    makers = [f"def {node.name}" for node in unit if isinstance(node, _Makers)]
    return "\n".join(makers or map(ast.unparse, unit))


def _fewest(unit: Sequence[ast.stmt]) -> int:
    if any(isinstance(node, _Makers) and len(ast.dump(node)) > _LONG for node in unit):
        return 2
    if any(map(_needs_no_twin, unit)):
        return _DEAD
    if all(map(_sets_only, unit)):
        return _SET_ANEW
    if all(map(_leaves, unit)):
        return _DEAD
    if all(map(_says_only, unit)):
        return _SAID if len(unit) == 1 else _CHECKED_CYCLES
    if len(unit) >= 3 or (len(unit) == 2 and all(map(_is_steady, unit))):
        return _CYCLES
    return _BLOCKS if any(hasattr(node, "body") for node in unit) else _SAME


def _needs_no_twin(node: ast.stmt) -> bool:
    """Whether a statement does nothing the second time."""
    if isinstance(node, ast.If):
        return "__name__" in ast.dump(node.test)
    is_told = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and node.value.value is not ...
    return is_told or isinstance(node, _Makers | _Jumps | _Imports | _Scopes)


def _sets_only(node: ast.stmt) -> bool:
    """Whether a statement is an assignment that calls nothing and does not use what it assigns."""
    if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
        return False
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    named = {ast.unparse(target) for target in targets}
    inner = list(ast.walk(node.value))
    return not any(
        isinstance(one, ast.Call | ast.Await | ast.Yield)
        or (isinstance(one, ast.Name | ast.Attribute) and ast.unparse(one) in named)
        for one in inner
    )


def _is_steady(node: ast.stmt) -> bool:
    """Whether a statement sets a name, or prints what a function makes of constants."""
    if isinstance(node, ast.Assign):
        return True
    call = node.value if isinstance(node, ast.Expr) else None
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "print"):
        return False
    calls = [one for said in call.args for one in ast.walk(said) if isinstance(one, ast.Call)]
    return bool(calls) and all(_is_fixed(one) and not _CHANGES.search(ast.unparse(one.func)) for one in calls)


def _leaves(node: ast.stmt) -> bool:
    """Whether a statement is a condition, without a call, that ends in a jump: it is not met the second time."""
    return (
        isinstance(node, ast.If)
        and not node.orelse
        and isinstance(node.body[-1], _Jumps)
        and not any(isinstance(one, ast.Call | ast.Await | ast.NamedExpr) for one in ast.walk(node.test))
    )


def _says_only(node: ast.stmt) -> bool:
    """Whether a statement asserts of a call, prints a name, or tells a function what no second time changes."""
    if isinstance(node, ast.Assert):
        return all(_is_fixed(one) for one in ast.walk(node.test) if isinstance(one, ast.Call))
    if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Call):
        return False
    call = node.value
    inner = [one for said in call.args for one in ast.walk(said)]
    calls = [one for one in inner if isinstance(one, ast.Call)]
    if isinstance(call.func, ast.Attribute) and call.func.attr.startswith("assert"):
        return bool(calls) and all(map(_is_fixed, calls))
    if given := [*call.args, *(keyword.value for keyword in call.keywords)]:
        texts = [one.value for one in given if isinstance(one, ast.Constant) and isinstance(one.value, str)]
        if all(isinstance(one, ast.Constant) for one in given) and _TELLS.search(" ".join(texts)):
            return True
    if isinstance(call.func, ast.Attribute) and not given:
        return call.func.attr in _ONCE
    has_name = any(isinstance(one, ast.Name) for one in inner)
    return isinstance(call.func, ast.Name) and call.func.id == "print" and has_name and not calls


def _is_fixed(call: ast.Call) -> bool:
    """Whether a call is one of a function with constants, and some."""
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    return bool(given) and isinstance(call.func, ast.Name) and all(isinstance(one, ast.Constant) for one in given)


def _of_scattered(body: Sequence[ast.stmt], dumps: Sequence[str]) -> Iterator[Loop]:
    """Yield an import, a function or a class that is there over and over, other statements in between."""
    for kind in (_Imports, _Makers):
        counts = Counter(dump for dump, node in zip(dumps, body, strict=True) if isinstance(node, kind))
        for dump, times in counts.most_common(1):
            if times >= _DEAD:
                yield Loop(_shown([body[dumps.index(dump)]]), times)


def _of_bodies(body: Sequence[ast.stmt]) -> Iterator[Loop]:
    """Yield what functions or classes of different names do that all do the same."""
    made = [node for node in body if isinstance(node, _Makers)]
    alike = Counter(map(_shape, made))
    does = dict[str, list[str]]()
    for node in made:
        if alike[_shape(node)] >= _TWIN_BODIES and not _is_idle(node):
            head = map(ast.dump, node.bases if isinstance(node, ast.ClassDef) else [node.args])
            does.setdefault("".join((*head, *map(ast.dump, _undocumented(node)))), []).append(node.name)
    for dump, names in does.items():
        if len(names) >= _TWIN_BODIES:
            yield Loop(dump, len(names), frozenset(names))


def _of_values(body: Sequence[ast.stmt]) -> Iterator[Loop]:
    """Yield the text that name after name is set to."""
    for value, group in groupby(body, _text_set):
        names = [ast.unparse(node.targets[0]) for node in group if isinstance(node, ast.Assign)]
        if value is not None and len(names) >= _EQUAL_VALUES:
            yield Loop(value, len(names), frozenset(names))


def _text_set(node: ast.stmt) -> str | None:
    value = node.value if isinstance(node, ast.Assign) else None
    text = value.value if isinstance(value, ast.Constant) else None
    return text if isinstance(text, str) and text else None


def _is_idle(node: _Makers) -> bool:
    """Whether a function does nothing, raises, or returns a constant: many may do so. A class needs a method."""
    does = _undocumented(node)
    if isinstance(node, ast.ClassDef):
        return not any(isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) for one in does)
    return len(does) < _STATEMENTS and (
        not does
        or isinstance(does[0], ast.Pass | ast.Raise)
        or (
            isinstance(does[0], ast.Return | ast.Expr)
            and isinstance(does[0].value, ast.Constant | ast.Name | None)
        )
    )


def _undocumented(node: _Makers) -> list[ast.stmt]:
    return node.body[ast.get_docstring(node, clean=False) is not None :]


def _shape(node: _Makers) -> tuple[type, ...]:
    return tuple(map(type, _undocumented(node)))
