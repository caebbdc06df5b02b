"""Where names grow from one to the next: `lr`, `lr_decay`, `lr_decay_decay`, `lr_decay_decay_decay`."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from builder.checks.loops import Loop

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_NAMES = 4  # each the one before with something added
_SAME_WORD = 3  # times that the longest has one word


def of_growing(node: ast.AST) -> Iterator[Loop]:
    """Yield the longest of names side by side that only grow, and in a circle."""
    for names in _named(node):
        if len(names) < _NAMES:
            continue
        words = [_WORD.findall(name) for name in names]
        begin = 0
        for place in range(1, len(names) + 1):
            if place < len(names) and _grows(words[place - 1], words[place]):
                continue
            if place - begin >= _NAMES and max(Counter(words[place - 1]).values(), default=0) >= _SAME_WORD:
                yield Loop(names[place - 1], place - begin, frozenset(names[begin:place]))
            begin = place


def _grows(shorter: Sequence[str], longer: Sequence[str]) -> bool:
    many = len(shorter)
    return 0 < many < len(longer) and shorter in (longer[:many], longer[-many:])


def _named(node: ast.AST) -> Iterator[list[str]]:
    """Yield names that stand side by side: of definitions, targets, parameters, keys, and what calls are told."""
    body = getattr(node, "body", None)
    if isinstance(body, list) and len(body) >= _NAMES:
        yield [one.name for one in body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]
        yield [
            target.id
            for one in body
            if isinstance(one, ast.Assign | ast.AnnAssign)
            for target in (one.targets if isinstance(one, ast.Assign) else [one.target])
            if isinstance(target, ast.Name)
        ]
        yield _texts(
            one.value.args[0]
            for one in body
            if isinstance(one, ast.Expr) and isinstance(one.value, ast.Call) and one.value.args
        )
    match node:
        case ast.Dict(keys=keys):
            yield _texts(keys)
        case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
            yield _texts(parts)
        case ast.arguments(args=parameters):
            yield [one.arg for one in parameters]
        case ast.Call(keywords=keywords):
            yield [one.arg for one in keywords if one.arg is not None]


def _texts(nodes: Iterable[ast.AST | None]) -> list[str]:
    return [one.value for one in nodes if isinstance(one, ast.Constant) and isinstance(one.value, str)]
