"""Where code repeats itself: statements in a row, and what a list, a call, a sum or a `try` is made of."""

from __future__ import annotations

import ast
import math
from collections import Counter
from collections.abc import Iterator, Sequence

from builder.checks.body_loops import of_body
from builder.checks.character_loops import of_characters
from builder.checks.growing_loops import of_growing
from builder.checks.line_loops import of_lines
from builder.checks.loops import ENDS, Loop, of_words, runs
from builder.checks.numbered_loops import MAKERS, of_numbered, of_same_result

_TWINS = 4  # equal operands of `and`: each may be a call
_DEAD = 3  # equal entries of a dictionary, conditions, handlers, cases, decorators, names of an import
_OPERANDS = 12  # of a sum or product, other than numbers, and calls of a chain
_LINKS = 6
_LONG_TEXT, _TIMES_IN_TEXT = 200, 12  # characters of a string constant, and how often words are in it
_SENTENCE, _TIMES_TOLD = 8, 4  # words of a sentence or two in one, and how often they are in it
_ROUNDS, _ROUNDS_OF_THREE = 12, 8  # of a few words, one after the other
_COUNTED_NAMES = 40
_CELLS, _ROWS, _NAMES, _CALLS, _TOLD_CALLS = 200, 60, 40, 12, 6  # elements of a list or arguments of a call


def of_tree(tree: ast.Module) -> Iterator[Loop]:
    """Yield the loops of code, comments and docstrings left out."""
    inner = set[int]()  # links of chains that have been looked at from an end
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            body = getattr(node, name, None)
            if isinstance(body, list) and len(body) >= 3:
                yield from of_body(body)
        yield from of_growing(node)
        yield from _of_expression(node, inner)
        yield from _of_statement(node, inner)


def _of_expression(node: ast.AST, inner: set[int]) -> Iterator[Loop]:
    match node:
        case ast.BinOp() if id(node) not in inner:
            yield from _of_operands(_operands(node, inner))
        case ast.List(elts=parts) | ast.Tuple(elts=parts):
            yield from _of_elements(parts)
        case ast.Set(elts=parts):
            yield from _of_twins([(one,) for one in parts if isinstance(one, ast.Constant)], _DEAD)
        case ast.Call():
            yield from _of_elements(node.args)
            yield from of_numbered(node.keywords)
            links = _links(node, inner)
            yield from _of_operands(links)
            yield from _of_links(links)
        case ast.arguments(args=parameters):
            yield from of_numbered(parameters)
        case ast.ListComp(generators=parts) | ast.GeneratorExp(generators=parts):
            yield from _of_twins([(one,) for one in parts], _DEAD)
        case ast.JoinedStr(values=parts):
            yield from _of_operands(parts)
        case ast.Global(names=names) | ast.Nonlocal(names=names):
            yield from _of_twins([(ast.Name(name),) for name in names], _DEAD)
        case ast.Dict():
            pairs = [pair for pair in zip(node.keys, node.values, strict=True) if pair[0]]
            yield from _of_twins(pairs, _DEAD)
            entries = [ast.Tuple([key, value], ast.Load()) for key, value in pairs if key]
            yield from of_numbered(entries, math.inf)
        case ast.BoolOp():
            yield from _of_twins([(value,) for value in node.values])
        case ast.Constant(value=str() as text) if len(text) >= _LONG_TEXT:
            yield from _of_text(text)
        case ast.Constant(value=bytes() as data) if len(data) >= _LONG_TEXT:
            for begin, period, times in runs(data, 4):
                if period * times >= _LONG_TEXT:
                    yield Loop(repr(data[begin : begin + period]), times)


def _of_statement(node: ast.AST, inner: set[int]) -> Iterator[Loop]:
    match node:
        case ast.If() if id(node) not in inner:
            branches = list(_chain(node))
            inner.update(map(id, branches))
            yield from _of_twins([(one.test, *one.body) for one in branches], _DEAD)
            yield from of_numbered([ast.If(one.test, one.body, []) for one in branches])
            yield from of_same_result(branches)
        case ast.Try():
            yield from _of_twins([(handler,) for handler in node.handlers], _DEAD)
        case ast.Match():
            yield from _of_twins([(case,) for case in node.cases], _DEAD)
        case ast.Import() | ast.ImportFrom():
            yield from _of_twins([(alias,) for alias in node.names], _DEAD)
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield from _of_twins([(one,) for one in node.decorator_list], _DEAD)
            yield from of_numbered(node.decorator_list, MAKERS)


def _of_text(text: str) -> Iterator[Loop]:
    for loop in (*of_words(text), *of_lines(text)):
        said = loop.unit.split()
        is_told = len(said) >= _SENTENCE and bool(ENDS & {word[-1] for word in said})
        if loop.times >= (_TIMES_TOLD if is_told else _TIMES_IN_TEXT):
            yield loop
    yield from (loop for loop in of_characters(text) if loop.times * len(loop.unit) >= _LONG_TEXT)


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


def _of_links(links: Sequence[ast.expr]) -> Iterator[Loop]:
    """Yield the call with arguments, or the calls by turns, that a chain has again and again."""
    if len(links) < _LINKS:
        return
    for begin, period, times in runs([ast.dump(one) for one in links], 4):
        first = links[begin]
        is_told = isinstance(first, ast.Call) and bool(first.args or first.keywords)
        if times >= _LINKS and (is_told or period > 1):
            yield Loop("\n".join(map(ast.unparse, links[begin : begin + period])), times)


def _of_elements(parts: Sequence[ast.expr]) -> Iterator[Loop]:
    """Yield equal elements in a row. Cells of a table may be equal far more often than what is made by a call."""
    if len(parts) < _TOLD_CALLS:
        return
    for begin, period, times in runs([ast.dump(one) for one in parts], 20):
        unit = parts[begin : begin + period]
        words = {one.value for one in unit if isinstance(one, ast.Constant) and isinstance(one.value, str)}
        is_circle = len(words) == period > 1 and all(len(word) > 2 for word in words)
        rounds = _ROUNDS if period < 3 else _ROUNDS_OF_THREE
        if times >= (rounds if is_circle else max(map(_most_elements, unit)) / (1 if period == 1 else 2)):
            yield Loop("\n".join(map(ast.unparse, unit)), times)
    yield from of_numbered([one for one in parts if isinstance(one, ast.Call)])
    if len(parts) >= _COUNTED_NAMES:
        yield from of_numbered([one for one in parts if isinstance(one, ast.Constant)], math.inf)


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
