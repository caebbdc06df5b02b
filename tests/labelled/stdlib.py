"""Modules of the standard library, and edits of them by their tree: what labelled sets of code are made of.

The modules are small and in every Python from 3.10 on; what an edit takes out or puts in is found in the tree, so
that a label holds for whichever version runs.
"""

from __future__ import annotations

import ast
import sysconfig
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

Function = ast.FunctionDef | ast.AsyncFunctionDef
_STDLIB = Path(sysconfig.get_paths()["stdlib"])

MODULES = (
    "_weakrefset", "bisect", "cmd", "code", "codeop", "colorsys", "copy", "copyreg", "csv", "dbm/dumb",
    "email/charset", "email/quoprimime", "email/utils", "filecmp", "fileinput", "fnmatch", "getopt", "glob",
    "graphlib", "hmac", "html/parser", "http/cookies", "json/decoder", "json/encoder", "json/scanner",
    "linecache", "logging/config", "netrc", "numbers", "pprint", "queue", "quopri", "reprlib", "rlcompleter",
    "sched", "secrets", "selectors", "shelve", "shlex", "string", "symtable", "tabnanny", "textwrap",
    "timeit", "unittest/result", "unittest/signals", "unittest/suite", "urllib/robotparser", "wave",
    "wsgiref/headers", "wsgiref/util", "xml/dom/minicompat", "zipapp",
)  # fmt: skip


@cache
def text(module: str) -> str:
    """Return a module's text."""
    return (_STDLIB / f"{module}.py").read_text(encoding="utf-8")


def modules(longest: int = 16_000) -> list[str]:
    """Return the modules of at most so many characters."""
    return [module for module in MODULES if (_STDLIB / f"{module}.py").is_file() and len(text(module)) <= longest]


def functions(tree: ast.Module, least: int = 1) -> list[Function]:
    """Return the functions at the top level, of at least so many statements."""
    return [one for one in tree.body if isinstance(one, Function) and size(one) >= least]


def classes(tree: ast.Module) -> list[ast.ClassDef]:
    """Return the classes at the top level."""
    return [one for one in tree.body if isinstance(one, ast.ClassDef)]


def methods(node: ast.ClassDef, least: int = 1) -> list[Function]:
    """Return a class's methods that are defined once, undecorated, of at least so many statements."""
    found = [one for one in node.body if isinstance(one, Function)]
    times = Counter(one.name for one in found)
    return [one for one in found if times[one.name] == 1 and not one.decorator_list and size(one) >= least]


def size(node: ast.AST) -> int:
    """Return how many statements a node has within it."""
    return sum(isinstance(one, ast.stmt) for one in ast.walk(node)) - 1


def is_public(name: str) -> bool:
    """Whether a name has no underscore before it."""
    return not name.startswith("_")


def cut(code: str, node: ast.stmt, instead: str = "") -> str:
    """Return a text with a statement, its decorators too, replaced by another."""
    lines = code.splitlines(keepends=True)
    first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", ()))])
    assert node.end_lineno is not None
    pad = " " * node.col_offset
    new = "".join(f"{pad}{line}\n" if line else "\n" for line in instead.splitlines())
    return "".join([*lines[: first - 1], new, *lines[node.end_lineno :]])


def with_body(code: str, node: Function, body: str) -> str:
    """Return a text with a function's body, but for its docstring, replaced."""
    has_docstring = ast.get_docstring(node) is not None and len(node.body) > 1
    rest = node.body[1:] if has_docstring else node.body
    lines = code.splitlines(keepends=True)
    pad = " " * rest[0].col_offset
    new = "".join(f"{pad}{line}\n" for line in body.splitlines())
    end = rest[-1].end_lineno
    assert end is not None
    return "".join([*lines[: rest[0].lineno - 1], new, *lines[end:]])


def parses(code: str) -> bool:
    """Whether a text is Python."""
    try:
        ast.parse(code)
    except SyntaxError:
        return False
    return True


def read(tree: ast.AST) -> Counter[str]:
    """Count the names that are read."""
    return Counter(n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load))


def bound(tree: ast.AST) -> Counter[str]:
    """Count the names that are bound anywhere."""
    found: Counter[str] = Counter()
    for node in ast.walk(tree):
        if isinstance(node, Function | ast.ClassDef):
            found[node.name] += 1
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found[node.id] += 1
        elif isinstance(node, ast.arg):
            found[node.arg] += 1
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found.update(alias.asname or alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            found[node.name] += 1
        elif isinstance(node, ast.Global | ast.Nonlocal):
            found.update(node.names)
    return found


def each(
    edit: Callable[[str, ast.Module], Iterator[str]], most: int, start: int = 0, longest: int = 16_000
) -> Iterator[tuple[str, str]]:
    """Yield (source, edited) of the first `most` modules, from `start` on, in which an edit is possible."""
    names = modules(longest)
    for module in [*names[start:], *names[:start]]:
        code = text(module)
        for edited in edit(code, ast.parse(code)):
            if edited != code:
                yield code, edited
                most -= 1
            break
        if not most:
            return
