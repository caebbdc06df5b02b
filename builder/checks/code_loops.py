"""Where code repeats itself: statements in a row, and what a list, a call, a sum or a `try` is made of."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from builder.checks.loops import Loop, of_lines, of_words, runs

_DIGITS = re.compile(r"\d+")
_SAME = 10  # simple statements, one like the other, that somebody may have written in a row
_CYCLES = 5  # of three statements or more; the two of a turtle's hexagon are there six times
_BLOCKS = 5  # compound statements
_TWINS = 5  # equal keys of a dictionary, conditions of an `if`, operands of `and`
_DEAD = 3  # equal handlers, cases, decorators, names of an import
_OPERANDS = 12  # of a sum or product, other than numbers, and calls of a chain
_LONG_TEXT, _TIMES_IN_TEXT = 200, 12  # characters of a string constant, and how often words are in it
_NUMBERED = 70  # that differ in their numbers alone: what is unrolled or generated has up to 64
_NUMBERED_MAKERS = 12  # functions, classes and decorators
_CELLS, _ROWS, _NAMES, _CALLS, _TOLD_CALLS = 200, 60, 40, 12, 6  # elements of a list or arguments of a call


def of_tree(tree: ast.Module) -> Iterator[Loop]:
    """Yield the loops of code, comments and docstrings left out."""
    inner = set[int]()  # links of chains that have been looked at from an end
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            body = getattr(node, name, None)
            if isinstance(body, list) and len(body) >= 3:
                yield from _of_body(body)
        match node:
            case ast.BinOp() if id(node) not in inner:
                yield from _of_operands(_operands(node, inner))
            case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
                yield from _of_elements(parts)
            case ast.Call():
                yield from _of_elements(node.args)
                yield from _of_operands(_links(node, inner))
            case ast.JoinedStr(values=parts):
                yield from _of_operands(parts)
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                yield from _of_twins([(ast.Name(name),) for name in names], _DEAD)
            case ast.Dict():
                yield from _of_twins([pair for pair in zip(node.keys, node.values, strict=True) if pair[0]])
            case ast.BoolOp():
                yield from _of_twins([(value,) for value in node.values])
            case ast.If() if id(node) not in inner:
                branches = list(_chain(node))
                inner.update(map(id, branches))
                yield from _of_twins([(one.test, *one.body) for one in branches])
            case ast.Try():
                yield from _of_twins([(handler,) for handler in node.handlers], _DEAD)
            case ast.Match():
                yield from _of_twins([(case,) for case in node.cases], _DEAD)
            case ast.Import() | ast.ImportFrom():
                yield from _of_twins([(alias,) for alias in node.names], _DEAD)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield from _of_twins([(one,) for one in node.decorator_list], _DEAD)
                yield from _of_numbered(node.decorator_list, _NUMBERED_MAKERS)
            case ast.Constant(value=str() as text) if len(text) >= _LONG_TEXT:
                found = [*of_words(text), *of_lines(text)]
                yield from (loop for loop in found if loop.times >= _TIMES_IN_TEXT)


def _operands(node: ast.BinOp, inner: set[int]) -> list[ast.expr]:
    """Return what is added up, or multiplied, in one chain, the last first."""
    found: list[ast.expr] = []
    chain: ast.expr = node
    while isinstance(chain, ast.BinOp) and type(chain.op) is type(node.op):
        inner.add(id(chain))
        found.append(chain.right)
        chain = chain.left
    return [*found, chain]


def _links(node: ast.Call, inner: set[int]) -> list[ast.expr]:
    """Return the calls of a chain, `text.strip().strip()`, the last first, each on its own."""
    found: list[ast.expr] = []
    link: ast.expr = node
    while isinstance(link, ast.Call) and isinstance(link.func, ast.Attribute) and id(link) not in inner:
        inner.add(id(link))
        found.append(ast.Call(ast.Name(link.func.attr), link.args, link.keywords))
        link = link.func.value
    return found


def _of_operands(parts: list[ast.expr]) -> Iterator[Loop]:
    if len(parts) < _OPERANDS:
        return
    for begin, period, times in runs([ast.dump(one) for one in parts], 20):
        unit = parts[begin : begin + period]
        if times >= _OPERANDS and not all(isinstance(one, ast.Constant) for one in unit):
            yield Loop("\n".join(map(ast.unparse, unit)), times)


def _of_elements(parts: Sequence[ast.expr]) -> Iterator[Loop]:
    """Yield equal elements in a row. Cells of a table may be equal far more often than what is made by a call."""
    if len(parts) < _TOLD_CALLS:
        return
    for begin, period, times in runs([ast.dump(one) for one in parts], 20):
        unit = parts[begin : begin + period]
        if times >= max(map(_most_elements, unit)) / (1 if period == 1 else 2):
            yield Loop("\n".join(map(ast.unparse, unit)), times)
    yield from _of_numbered([one for one in parts if isinstance(one, ast.Call)], _NUMBERED)


def _most_elements(node: ast.expr) -> int:
    if isinstance(node, ast.Call):
        says = [*node.args, *(keyword.value for keyword in node.keywords)]
        tells = any(isinstance(one, ast.Constant) and isinstance(one.value, str) for one in says)
        return _TOLD_CALLS if tells else _CALLS
    if isinstance(node, ast.Name | ast.Attribute):
        return _NAMES
    return _ROWS if isinstance(node, ast.List | ast.Tuple | ast.Dict) else _CELLS


def _of_twins(parts: Sequence[tuple[ast.AST | None, ...]], most: int = _TWINS) -> Iterator[Loop]:
    """Yield what does nothing the second time, and is there again and again."""
    if len(parts) >= most:
        dumped = Counter(" ".join(ast.dump(one) for one in part if one) for part in parts)
        for unit, times in dumped.most_common(1):
            if times >= most:
                yield Loop(unit, times)


def _chain(node: ast.If) -> Iterator[ast.If]:
    """Yield the branches of `if` and `elif`."""
    while True:
        yield node
        if len(node.orelse) != 1 or not isinstance(node.orelse[0], ast.If):
            return
        node = node.orelse[0]


def _of_body(body: list[ast.stmt]) -> Iterator[Loop]:
    for begin, period, times in runs([ast.dump(node) for node in body], 20):
        unit = body[begin : begin + period]
        if times >= _fewest(unit):
            yield Loop("\n".join(map(ast.unparse, unit)), times)
    yield from _of_numbered(body, _NUMBERED)


def _fewest(unit: list[ast.stmt]) -> int:
    if any(map(_needs_no_twin, unit)):
        return 3
    if len(unit) >= 3:
        return _CYCLES
    return _BLOCKS if any(hasattr(node, "body") for node in unit) else _SAME


def _of_numbered(parts: Sequence[ast.stmt] | Sequence[ast.expr], most: int) -> Iterator[Loop]:
    """Yield what differs in its numbers alone."""
    if len(parts) < min(most, _NUMBERED_MAKERS):
        return
    for begin, period, times in runs([_DIGITS.sub("#", ast.dump(one)) for one in parts], 4):
        unit = parts[begin : begin + period]
        makes = any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) for node in unit)
        if times >= (_NUMBERED_MAKERS if makes else most):
            yield Loop(_DIGITS.sub("#", "\n".join(map(ast.unparse, unit))), times)


def _needs_no_twin(node: ast.stmt) -> bool:
    """Whether a statement does nothing the second time."""
    if isinstance(node, ast.If):
        return "__name__" in ast.dump(node.test)
    return isinstance(
        node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom | ast.Pass
    )
