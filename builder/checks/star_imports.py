"""What `from module import *` brings, for modules of the standard library: read from their files, never run.

A star import in a text may name any module; importing it could open a browser or a window. So a module in Python
is parsed, and of those in C the few that others build on are asked, which run no code of ours or of a text.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
from functools import lru_cache
from importlib import import_module
from pathlib import Path

from builder.checks.python_code import bindings, live, parsed, statements

_IN_C = (
    "_ast", "_bisect", "_collections", "_ctypes", "_curses", "_datetime", "_decimal", "_functools", "_heapq",
    "_operator", "_random", "_signal", "_socket", "_sqlite3", "_ssl", "_stat", "_struct", "array", "binascii",
    "cmath", "errno", "fcntl", "itertools", "math", "posix", "resource", "select", "sys", "termios", "time",
    "zlib",
)  # fmt: skip
_EXPORTS_OF = {"os": ("posix",), "socket": ("_socket",), "signal": ("_signal",), "ssl": ("_ssl",)}
"""Modules that build their `__all__`, or names, from a module in C as they are imported."""

_ALIASES = {"os.path": "posixpath"}


def load() -> None:
    """Import the modules in C, before a worker is confined."""
    for name in _IN_C:
        if name in sys.stdlib_module_names and importlib.util.find_spec(name) is not None:
            import_module(name)


@lru_cache(maxsize=64)
def exported(module: str) -> frozenset[str] | None:
    """Return the names that `from module import *` may bind, None where that can't be known."""
    if module.partition(".")[0] not in sys.stdlib_module_names:
        return None
    if module in _IN_C:
        load()
        found = sys.modules.get(module)
        return None if found is None else frozenset(_public(getattr(found, "__all__", dir(found))))
    path = _file(_ALIASES.get(module, module))
    tree = None if path is None else parsed(path.read_text(encoding="utf-8"))
    if tree is None or _fills_globals(tree):
        return None
    names = _exported_by(live(tree), module)
    for inner in _EXPORTS_OF.get(module, ()):
        names |= exported(inner) or frozenset()
    return names


def _fills_globals(tree: ast.Module) -> bool:
    """Whether a module adds names that it does not spell, as `multiprocessing` does."""
    return any(
        isinstance(node, ast.Attribute) and node.attr == "update" and ast.unparse(node.value) == "globals()"
        for node in ast.walk(tree)
    )


def _public(names: list[str]) -> list[str]:
    return [name for name in names if not name.startswith("_")]


def _file(module: str) -> Path | None:
    """Return a module's file. Its packages are looked through, not imported."""
    top, *inner = module.split(".")
    spec = importlib.util.find_spec(top)
    origin = getattr(spec, "origin", None)
    if origin == "frozen":  # `os`, `stat` and others, since 3.11
        origin = str(Path(ast.__file__).parent / f"{top}.py")
    if not inner:
        return Path(origin) if origin and origin.endswith(".py") and Path(origin).is_file() else None
    if origin is None or Path(origin).name != "__init__.py":
        return None
    place = Path(origin).parent.joinpath(*inner)
    return next((one for one in (place.with_suffix(".py"), place / "__init__.py") if one.is_file()), None)


def _exported_by(tree: ast.Module, module: str) -> frozenset[str]:
    """Return a literal `__all__`; where it is computed, all public names and the names in lists of strings."""
    assigned = [
        node.value
        for node in statements(tree.body)
        if isinstance(node, ast.Assign | ast.AugAssign)
        and any(isinstance(one, ast.Name) and one.id == "__all__" for one in _targets(node))
    ]
    listed = {name for value in assigned for name in _strings(value)}
    is_literal = assigned and all(isinstance(value, ast.List | ast.Tuple) for value in assigned)
    is_extended = any(
        isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "__all__"
        for node in ast.walk(tree)
    )
    if is_literal and not is_extended:
        return frozenset(listed)
    bound = {name for name, _ in bindings(tree.body) if not name.startswith("_") and name != "*"}
    for node in statements(tree.body):
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
            inner = f"{module}.{node.module}" if node.level else node.module or ""
            bound |= exported(inner) or frozenset()
        elif isinstance(node, ast.Expr) or (assigned and isinstance(node, ast.Assign)):
            bound |= {name for name in _strings(node.value) if name.isidentifier()}
    return frozenset(bound | listed)


def _targets(node: ast.Assign | ast.AugAssign) -> list[ast.expr]:
    return node.targets if isinstance(node, ast.Assign) else [node.target]


def _strings(value: ast.AST) -> list[str]:
    listed: list[ast.expr] = []
    for node in ast.walk(value):
        if isinstance(node, ast.List | ast.Tuple):
            listed += node.elts
        elif isinstance(node, ast.Call):
            listed += node.args
    return [one.value for one in listed if isinstance(one, ast.Constant) and isinstance(one.value, str)]
