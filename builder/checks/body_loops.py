"""Where statements repeat themselves within one body: a module's, a class's, a function's, a block's."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Sequence

from builder.checks.loops import Loop, runs
from builder.checks.numbered_loops import of_numbered

_SAME = 10  # simple statements, one like the other, that somebody may have written in a row
_CYCLES = 5  # of three statements or more; the two of a turtle's hexagon are there six times
_BLOCKS = 5  # compound statements
_SET_ANEW = 5  # assignments that change nothing the second time
_DEAD = 3  # statements that do nothing the second time
_TWIN_BODIES = 8  # functions of different names that do the same
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
    if len(unit) >= 3:
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


def _of_scattered(body: Sequence[ast.stmt], dumps: Sequence[str]) -> Iterator[Loop]:
    """Yield an import, a function or a class that is there over and over, other statements in between."""
    for kind in (_Imports, _Makers):
        counts = Counter(dump for dump, node in zip(dumps, body, strict=True) if isinstance(node, kind))
        for dump, times in counts.most_common(1):
            if times >= _DEAD:
                yield Loop(_shown([body[dumps.index(dump)]]), times)


def _of_bodies(body: Sequence[ast.stmt]) -> Iterator[Loop]:
    """Yield what functions of different names do that all do the same."""
    made = [node for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    alike = Counter(map(_shape, made))
    does = Counter(
        ast.dump(node.args) + "".join(map(ast.dump, _undocumented(node)))
        for node in made
        if alike[_shape(node)] >= _TWIN_BODIES and len(_shape(node)) >= _STATEMENTS
    )
    for dump, times in does.most_common(1):
        if times >= _TWIN_BODIES:
            yield Loop(dump, times)


def _undocumented(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.stmt]:
    return node.body[ast.get_docstring(node, clean=False) is not None :]


def _shape(node: ast.FunctionDef | ast.AsyncFunctionDef) -> tuple[type, ...]:
    return tuple(map(type, _undocumented(node)))
