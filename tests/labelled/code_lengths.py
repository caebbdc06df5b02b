"""Pairs for `length_ratio`, made of the standard library.

What is right and wrong is counted in statements, or in how often a text is told again, not in characters.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tests.labelled.pair import Pair
from tests.labelled.stdlib import Function, classes, each, functions, size

_Edit = Callable[[str, ast.Module], Iterator[str]]
_SHORT: Mapping[str, Any] = {"minimum": 0.2}
_LONG: Mapping[str, Any] = {"minimum": 0.2, "maximum": 3.0}
_LICENSE = "".join(
    f"# {clause} of the terms under which this file may be used, copied and changed by whoever got it.\n"
    for clause in (
        "This is the first",
        "Here follows the second",
        "The third",
        "The fourth",
        "And that is the last",
    )
)


def made() -> Iterator[Pair]:
    """Yield them."""
    for edit, most, start, options, is_right, why in _EDITS:
        for before, after in each(edit, most, start, 12_000):
            yield Pair(before, after, is_right, why, options)
    for edit, most, start, why in _SOURCES:  # the source is what was edited
        for before, after in each(edit, most, start, 8_000):
            yield Pair(after, before, True, why, _SHORT)


# --- right ---


def _unparsed(_: str, tree: ast.Module) -> Iterator[str]:
    yield ast.unparse(tree)


def _documented(_: str, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, Function | ast.ClassDef):
            words = f"{node.name.replace('_', ' ').capitalize()}: what it takes, gives back and raises."
            node.body.insert(0, ast.Expr(ast.Constant(f"{words}\n\n    {words}\n    ")))
    yield ast.unparse(tree)


def _half(code: str, tree: ast.Module) -> Iterator[str]:
    """Keep what makes up half of the statements: duplicates have become one."""
    kept: list[ast.stmt] = []
    for node in tree.body:
        if sum(map(size, kept)) < 0.5 * size(tree):
            kept.append(node)
    if sum(map(size, kept)) <= 0.9 * size(tree):
        yield ast.unparse(ast.Module(kept, []))


def _without_docstrings(code: str, tree: ast.Module) -> Iterator[str]:
    del code
    for node in ast.walk(tree):
        if (
            isinstance(node, Function | ast.ClassDef | ast.Module)
            and ast.get_docstring(node)
            and len(node.body) > 1
        ):
            node.body.pop(0)
    yield ast.unparse(tree)


def _commented_out(code: str, _: ast.Module) -> Iterator[str]:
    old = "".join(f"# {line}\n" for line in code.splitlines())
    yield f"{code}\n{old}\n{old}\n{old}\n{old}\n{old}"


def _licensed(code: str, _: ast.Module) -> Iterator[str]:
    yield _LICENSE * (1 + 6 * len(code) // len(_LICENSE)) + code


def _long_docstring(code: str, _: ast.Module) -> Iterator[str]:
    yield f'"""Notes.\n\n{_LICENSE * (1 + 6 * len(code) // len(_LICENSE))}"""\n{code}'


def _spaced(code: str, _: ast.Module) -> Iterator[str]:
    yield "".join(
        f"{line}\r\n\r\n\r\n" if not line.endswith("\\") else f"{line}\r\n" for line in code.splitlines()
    )


# --- wrong ---


def _one_function(_: str, tree: ast.Module) -> Iterator[str]:
    found: list[ast.stmt] = [*functions(tree, 2), *classes(tree)]
    smallest = min(found, key=size, default=None)
    if smallest is not None and size(smallest) < 0.08 * size(tree):
        yield ast.unparse(smallest)


def _imports_alone(_: str, tree: ast.Module) -> Iterator[str]:
    kept: list[ast.stmt] = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    if kept and len(kept) < 0.08 * size(tree):
        yield ast.unparse(ast.Module(kept, []))


def _told(_: str, tree: ast.Module) -> Iterator[str]:
    """Tell in comments what functions do, and keep a few statements."""
    told = [
        f"# {node.name} takes {len(node.args.args)} arguments and has {size(node)} statements, which read its"
        " arguments, check them one by one, and return what was found or raise what went wrong on the way.\n"
        for node in ast.walk(tree)
        if isinstance(node, Function)
    ]
    kept = list(tree.body[1:3])
    if sum(map(size, kept)) + 2 < 0.08 * size(tree):
        yield "".join(told) + ast.unparse(ast.Module(kept, [])) + "\n"


def _summed_up(_: str, tree: ast.Module) -> Iterator[str]:
    if size(tree) > 30:
        names = ", ".join(node.name for node in tree.body if isinstance(node, Function | ast.ClassDef))
        yield f"This module defines {names[:200]}. It is well structured and easy to read."


def _docstring_alone(code: str, tree: ast.Module) -> Iterator[str]:
    if ast.get_docstring(tree) and size(tree) > 30 and len(code) > 4000:
        yield ast.unparse(ast.Module(tree.body[:1], []))


def _again(times: int) -> _Edit:
    def edit(code: str, tree: ast.Module) -> Iterator[str]:
        del tree
        yield "\n\n".join([code] * times)

    return edit


def _rambling(code: str, _: ast.Module) -> Iterator[str]:
    words = (
        "# It is worth noting that this could be done in another way, which is left to whoever reads this file.\n"
    )
    yield code + words * (3 * len(code) // len(words))


_EDITS: tuple[tuple[_Edit, int, int, Mapping[str, Any], bool, str], ...] = (
    (_unparsed, 14, 0, _SHORT, True, "rewritten without comments"),
    (_documented, 12, 8, _LONG, True, "every function has a docstring now"),
    (_half, 12, 16, _SHORT, True, "half of the statements, for duplicates are one"),
    (_without_docstrings, 12, 24, _SHORT, True, "docstrings are gone"),
    (_one_function, 20, 0, _SHORT, False, "one small function of many"),
    (_imports_alone, 16, 10, _SHORT, False, "imports alone"),
    (_told, 16, 20, _SHORT, False, "told in comments"),
    (_summed_up, 10, 30, _SHORT, False, "summed up in words"),
    (_docstring_alone, 8, 0, _SHORT, False, "the docstring alone"),
    (_again(4), 8, 5, _LONG, False, "the file four times"),
    (_rambling, 10, 15, _LONG, False, "three times as much in comments as there is code"),
)
_SOURCES: tuple[tuple[_Edit, int, int, str], ...] = (
    (_commented_out, 8, 0, "the source's commented-out code is gone"),
    (_licensed, 8, 6, "the source's notices are gone"),
    (_long_docstring, 6, 12, "the source's long docstring is gone"),
    (_spaced, 8, 18, "the source's empty lines are gone"),
)
