"""Which modules a text can't do without: those that it imports, but where it goes on without them."""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from builder.checks.python_code import asks_version, bindings, dotted, is_type_checking

_ENDS = ("sys.exit", "exit", "quit", "os._exit", "os.abort", "self.skipTest", "pytest.skip")
_DYNAMIC = ("importlib.import_module", "import_module", "__import__")
_STATEMENT_ENDS = re.compile(r"[;:#\n]")
STDLIB = sys.stdlib_module_names | {"tomllib"}
"""The standard library's modules, those of newer Pythons too."""

_CAUGHT = ("ImportError", "ModuleNotFoundError", "Exception", "BaseException")


def imported(tree: ast.Module) -> set[str]:
    """Return the top levels of all that is imported; a relative import begins with its dots."""
    return {name for node in ast.walk(tree) for name in _named(node)}


def imported_by_lines(text: str) -> set[str]:
    """Return what `imported` does, of a text that does not parse: Python 2, or a file that was cut off."""
    found = set[str]()
    for statement in _STATEMENT_ENDS.split(text):
        word, _, rest = statement.strip().partition(" ")
        if word == "from":
            module = rest.split(maxsplit=1)[0] if rest.strip() else ""
            name = module.lstrip(".")
            found.add(module[: len(module) - len(name)] + name.partition(".")[0])
        elif word == "import":
            found.update(one.split()[0].partition(".")[0] for one in rest.split(",") if one.strip())
    return found - {""}


def required(tree: ast.Module) -> set[str]:
    """Return the top levels of what has to be there, as `imported` has them.

    An import may fail where its failure is caught and answered: something is bound instead, a function returns, or
    nothing outside uses what it binds; where a condition asks for the Python's version or whether the module is
    there; and where type checkers alone see it.
    """
    return set(_Imports(Counter(_reads(tree)), Counter(name for name, _ in bindings(tree.body))).required(tree))


@dataclass(frozen=True, slots=True)
class _Imports:
    reads: Counter[str]
    bound: Counter[str]

    def required(self, node: ast.AST) -> Iterator[str]:
        yield from _named(node)
        if isinstance(node, ast.Try) and (caught := _catchers(node)):
            yield from self._tried(node, caught)
        elif isinstance(node, ast.With | ast.AsyncWith) and _suppresses(node):
            yield from () if self._is_dispensable(node.body) else self._each(node.body)
        elif isinstance(node, ast.If) and _asks_for_module(node.test):
            yield from ()
        elif isinstance(node, ast.If) and is_type_checking(node.test):
            yield from self._each(node.orelse)
        else:
            yield from self._each(list(ast.iter_child_nodes(node)))

    def _each(self, nodes: list[ast.stmt] | list[ast.AST]) -> Iterator[str]:
        for node in nodes:
            yield from self.required(node)

    def _tried(self, node: ast.Try, caught: list[ast.ExceptHandler]) -> Iterator[str]:
        guarded = all(_answers(handler) for handler in caught) or (
            all(_goes_on(handler) for handler in caught) and self._is_dispensable([*node.body, *node.orelse])
        )
        if not guarded:
            yield from self._each([*node.body, *node.orelse])
        tried = {name for one in node.body for name in _all_named(one)}
        if tried - STDLIB:  # what stands in for them has to be there, or has a guard of its own
            yield from self._each([one for handler in caught for one in handler.body])
        yield from self._each([*(one for one in node.handlers if one not in caught), *node.finalbody])

    def _is_dispensable(self, body: list[ast.stmt]) -> bool:
        """Whether nothing outside reads what a block binds, or something else binds it too."""
        inside, here = Counter(name for one in body for name in _reads(one)), Counter(n for n, _ in bindings(body))
        return all(self.reads[name] == inside[name] or self.bound[name] > times for name, times in here.items())


def _named(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name.partition(".")[0] for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield "." * node.level + (node.module or "").partition(".")[0]
    elif isinstance(node, ast.Call) and dotted(node.func) in _DYNAMIC and node.args:
        first = node.args[0]
        if isinstance(first, ast.Constant) and isinstance(first.value, str) and not first.value.startswith("."):
            yield first.value.partition(".")[0]


def _all_named(node: ast.AST) -> Iterator[str]:
    for one in ast.walk(node):
        yield from _named(one)


def _reads(node: ast.AST) -> Iterator[str]:
    return (n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load))


def _catchers(node: ast.Try) -> list[ast.ExceptHandler]:
    """Return the handlers that a failed import comes to, where a `try` imports."""
    if not any(True for one in node.body for _ in _all_named(one)):
        return []
    return [handler for handler in node.handlers if _catches(handler)]


def _catches(handler: ast.ExceptHandler) -> bool:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(kind is None or dotted(kind) in _CAUGHT for kind in kinds)


def _goes_on(handler: ast.ExceptHandler) -> bool:
    """Whether a handler neither raises nor ends the program."""
    for node in handler.body:
        if isinstance(node, ast.Raise):
            return False
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and dotted(node.value.func) in _ENDS:
            return False
    return True


def _answers(handler: ast.ExceptHandler) -> bool:
    """Whether a handler puts something in the module's place, or leaves the function or loop that wanted it."""
    own = {name for name, node in bindings(handler.body)}
    leaves = any(isinstance(node, ast.Return | ast.Continue | ast.Break) for node in handler.body)
    return _goes_on(handler) and (bool(own) or leaves)


def _suppresses(node: ast.With | ast.AsyncWith) -> bool:
    calls = [item.context_expr for item in node.items if isinstance(item.context_expr, ast.Call)]
    return any(
        dotted(call.func).rpartition(".")[2] == "suppress" and any(dotted(a) in _CAUGHT for a in call.args)
        for call in calls
    )


def _asks_for_module(test: ast.AST) -> bool:
    return asks_version(test) or any(dotted(node).rpartition(".")[2] == "find_spec" for node in ast.walk(test))
